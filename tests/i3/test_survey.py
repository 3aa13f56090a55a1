from __future__ import annotations

import pytest

from icecol import sim
from icecol.i3.stream import open_i3, write_i3
from icecol.i3.survey import survey


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
    assert len(found.damages) == 1
    assert sum(found.stops.values()) == found.checksums == 49


def test_real_files_are_surveyed_whole(shared_data):
    for path in sorted((shared_data / "i3" / "real").glob("*.i3*")):
        found = survey(path)
        frames = list(open_i3(path, on_damage="skip"))
        assert sum(found.stops.values()) == len(frames)
