"""Surveys list what files hold without decoding it (`frames.survey`)."""

from __future__ import annotations

import pytest

from icecol import sim
from icecol.errors import DamagedFileError
from icecol.i3.container.scanner import Damage
from icecol.i3.frames.files import open_i3, write_i3
from icecol.i3.frames.survey import survey, survey_frames


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    where = tmp_path_factory.mktemp("survey") / "events.i3.gz"
    sim.write(where, sim.events(25, seed=5))
    return where


def test_counts_each_key_with_its_bytes(path):
    sizes: dict[tuple[str, str, str], list[int]] = {}
    for frame in open_i3(path):
        for key in frame.own_keys():
            sizes.setdefault((frame.stop, key, frame.type_name(key)), []).append(len(frame.raw(key)))
    found = {(k.stop, k.key, k.type_name): (k.frames, k.bytes) for k in survey(path).keys}
    assert found == {k: (len(v), sum(v)) for k, v in sizes.items()}


def test_names_streams_codec_and_checksums(path):
    found = survey(path)
    assert found.streams == {"InIceSplit": 25}
    assert (found.codec, found.versions, found.checksums) == ("gzip", {6: 50}, 50)
    assert found.bytes == path.stat().st_size < found.content_bytes
    assert survey(path, verify=False).checksums == 0


def test_goes_on_after_damage(path, tmp_path):
    damaged = tmp_path / "damaged.i3"
    write_i3(damaged, open_i3(path))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(content)
    found = survey(damaged)
    assert len(found.damages) == found.checksums_wrong == 1
    assert sum(found.stops.values()) == found.checksums == 49


def test_events_are_counted_with_daq_frames_and_without(path, tmp_path):
    assert survey(path).events == 25
    split = tmp_path / "split.i3"
    physics = [frame for frame in open_i3(path) if frame.stop == "P"]
    write_i3(split, [frame for frame in physics for _ in range(2)])
    assert survey(split).events == 25
    assert survey(split).stops == {"P": 50}


def test_frames_are_told_with_what_they_inherit(path):
    frames = list(open_i3(path))
    for number, (told, frame) in enumerate(zip(survey_frames(path), frames, strict=True)):
        header = frame["I3EventHeader"]
        assert (told.index, told.stop, told.version) == (number, frame.stop, 6)
        assert (told.run, told.event, told.sub_event) == (header.run_id, header.event_id, header.sub_event_id)
        assert told.stream == header.sub_event_stream
        assert {o[0]: o[1:] for o in told.objects} == {
            key: (frame.type_name(key), len(frame.raw(key)), frame.stop_of(key)) for key in frame
        }


def test_frames_after_damage_are_told_without_what_is_lost(path, tmp_path):
    damaged = tmp_path / "damaged.i3"
    write_i3(damaged, open_i3(path))
    content = bytearray(damaged.read_bytes())
    third = [f.offset for f in survey_frames(damaged)][2]
    content[third + 40] ^= 0xFF
    damaged.write_bytes(content)
    damages: list[Damage] = []
    told = {f.index: f for f in survey_frames(damaged, damages=damages)}
    assert [(d.frame, d.offset) for d in damages] == [(2, third)]
    assert 2 not in told
    assert {stop for *_, stop in told[3].objects} == {"P"}
    assert {stop for *_, stop in told[5].objects} == {"P", "Q"}
    with pytest.raises(DamagedFileError, match="frame 2"):
        list(survey_frames(damaged))


def test_real_files_are_surveyed_whole(shared_data):
    for path in sorted((shared_data / "i3" / "real").glob("*.i3*")):
        found = survey(path)
        frames = list(open_i3(path, skip_damaged=True))
        assert sum(found.stops.values()) == len(frames)
