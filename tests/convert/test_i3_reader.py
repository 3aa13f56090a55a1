"""`i3_reader`, `i3_columns`, `arrow`, `processes`: .i3 files give the same rows, however they are cut."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol.dataset import parts, records
from icecol.dataset.scan import Dataset
from icecol.detector.geometry import Geometry, split_omkey
from icecol.errors import DamagedFileError, DatasetError, SchemaError, UnknownStreamError
from icecol.i3.archive import FrameMap, OMKey, encode, new, record
from icecol.i3.archive.containers import Alternative
from icecol.i3.classes import type_name
from icecol.i3.container.mixing import pieces
from icecol.i3.container.raw import encode_frame
from icecol.i3.frames.frame import Frame
from icecol.i3.pulses.series import PULSE

module = importlib.import_module("icecol.convert.i3_reader")


def header(event: int, *, stream: str = "InIceSplit", sub: int = 0, run: int = 1) -> Any:
    start = record("I3Time")(utc_year=2020, utc_daq_time=10_000 * event + 7)
    return record("I3EventHeader")(
        run_id=run,
        event_id=event,
        sub_event_id=sub,
        sub_event_stream=stream,
        start_time=start,
        end_time=start,
    )


def frame(stop: str, **objects: Any) -> bytes:
    return encode_frame(stop, [(k, type_name(v.i3class), encode(v)) for k, v in objects.items()])


def pulses(*times: float) -> Any:
    values = np.array([(t, 1.0, 2.0, 7) for t in times], PULSE)
    return new("I3RecoPulseSeriesMap", {OMKey(1, 1): values} if times else {})


def double(value: float) -> Any:
    return new("I3Double", value=value)


def events(n: int, *, first: int = 0, physics: int = 1) -> list[bytes]:
    """Make Q and P frames with some of everything."""
    out = []
    for i in range(first, first + n):
        out.append(
            frame(
                "Q",
                I3EventHeader=header(i, stream=""),
                InIcePulses=pulses(*range(i % 5)),
                Weight=double(i / 7),
            )
        )
        for k in range(physics):
            keep = new(
                "I3RecoPulseSeriesMapMask", source="InIcePulses",
                key_mask=np.ones(int(i % 5 > 0), bool), element_masks=[np.arange(i % 5) % 2 == 0] if i % 5 else [],
            )  # fmt: skip
            more = {"Rare": double(i)} if i % 3 == 0 else {}
            out.append(
                frame(
                    "P",
                    I3EventHeader=header(i, sub=k),
                    Split=keep,
                    Fit=new("I3Particle", energy=float(i), major_id=7, minor_id=i),
                    Dict=FrameMap("I3MapStringDouble", {f"w{i % 4}": float(i), "w": 1.0}),
                    **more,
                )
            )
    return out


def write(path: Path, frames: list[bytes]) -> Path:
    path.write_bytes(b"".join(frames))
    return path


def convert(paths: Any, out: Path, **options: Any) -> Dataset:
    return ic.convert.i3(paths, out, **{"jobs": 1, **options})


def rows(dataset: Dataset) -> pl.DataFrame:
    return dataset.scan().collect()


ORDER = ["I3EventHeader.run_id", "I3EventHeader.event_id", "I3EventHeader.sub_event_id"]


def same_rows(a: Dataset, b: Dataset) -> None:
    one, two = rows(a), rows(b)
    assert set(one.columns) == set(two.columns)
    columns = sorted(one.columns)
    assert one.schema == {c: two.schema[c] for c in one.columns}
    assert one.select(columns).sort(ORDER).equals(two.select(columns).sort(ORDER))


# -- what becomes a row, and what a column ----------------------------------------------------------------------------


def test_a_row_is_a_p_frame_with_what_it_inherits(tmp_path: Path) -> None:
    dataset = convert(write(tmp_path / "a.i3", events(6, physics=3)), tmp_path / "d")
    table = rows(dataset)
    assert table.height == dataset.rows == 18
    assert table["I3EventHeader.event_id"].to_list() == [i for i in range(6) for _ in range(3)]
    assert table["I3EventHeader.sub_event_id"].to_list() == [0, 1, 2] * 6
    assert table["Weight.value"].to_list() == [i / 7 for i in range(6) for _ in range(3)]
    assert table["Split.time"].to_list() == [
        [float(t) for t in range(i % 5) if t % 2 == 0] for i in range(6) for _ in range(3)
    ]
    assert table["Fit.energy"].to_list() == [float(i) for i in range(6) for _ in range(3)]


def test_a_row_can_be_a_q_frame(tmp_path: Path) -> None:
    path = write(tmp_path / "a.i3", events(6, physics=2))
    table = rows(convert(path, tmp_path / "d", stop="Q"))
    assert table.height == 6
    assert table["InIcePulses.time"].to_list() == [[float(t) for t in range(i % 5)] for i in range(6)]
    assert not [c for c in table.columns if c.startswith(("Split.", "Fit."))]


def test_files_without_physics_frames_need_stop_q(tmp_path: Path) -> None:
    only_q = write(tmp_path / "q.i3", events(4, physics=0))
    with pytest.raises(UnknownStreamError, match=r"no 'P' frame in 1 files; stops seen: 'Q' \(4 frames\)"):
        convert(only_q, tmp_path / "d")
    assert not (tmp_path / "d").exists()
    assert convert(only_q, tmp_path / "d", stop="Q").rows == 4


def test_absent_keys_are_null_and_empty_series_are_empty(tmp_path: Path) -> None:
    table = rows(convert(write(tmp_path / "a.i3", events(7)), tmp_path / "d"))
    assert table["Rare.value"].to_list() == [0.0, None, None, 3.0, None, None, 6.0]
    assert table["InIcePulses.time"].to_list()[0] == []
    assert table["Dict.w1"].to_list() == [None, 1.0, None, None, None, 5.0, None]
    assert table["Dict.w"].to_list() == [1.0] * 7


def test_pulses_that_are_absent_are_null(tmp_path: Path) -> None:
    frames = [frame("P", I3EventHeader=header(0), A=pulses(1.0)), frame("P", I3EventHeader=header(1))]
    table = rows(convert(write(tmp_path / "a.i3", frames), tmp_path / "d"))
    assert table["A.charge"].to_list() == [[1.0], None]


def test_keys_and_pulses_are_chosen_by_patterns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.i3", events(4))

    def keys_of(**options: Any) -> set[str]:
        out = tmp_path / f"d{len(list(tmp_path.iterdir()))}"
        return {c.split(".")[0] for c in convert(path, out, **options).schema.names}

    everything = {"I3EventHeader", "Weight", "InIcePulses", "Split", "Fit", "Dict", "Rare"}
    assert keys_of() == everything
    assert keys_of(keys="Fit") == {"I3EventHeader", "Fit", "InIcePulses", "Split"}
    assert keys_of(keys=["F*", "R?re"], pulses=[]) == {"I3EventHeader", "Fit", "Rare"}
    assert keys_of(keys=[], pulses="Sp*") == {"I3EventHeader", "Split"}
    assert keys_of(pulses="In*") == everything - {"Split"}
    with pytest.warns(UserWarning, match=r"the patterns keys='No\*', pulses='SRT' matched no key"):
        assert keys_of(keys=["No*", "Fit"], pulses=["SRT"]) == {"I3EventHeader", "Fit"}


def test_a_class_without_columns_gives_its_bytes_if_it_is_named(tmp_path: Path) -> None:
    unknown = encode(double(1.0)).replace(b"I3Double", b"I3Trouble"[:8])
    frames = [
        encode_frame("P", [("I3EventHeader", "t", encode(header(i))), ("Odd", "t", unknown + bytes([i]))])
        for i in range(3)
    ]
    path = write(tmp_path / "a.i3", frames)
    with pytest.warns(UserWarning, match="Odd: 3 objects not converted"):
        plain = convert(path, tmp_path / "a")
    assert not [c for c in plain.schema.names if c.startswith("Odd")]
    assert [(left.key, left.n) for left in plain.manifest.sources[0].left_out] == [("Odd", 3)]
    table = rows(convert(path, tmp_path / "b", keys=["Odd"]))
    assert table["Odd.blob"].to_list() == [unknown + bytes([i]) for i in range(3)]


def test_objects_that_are_damaged_inside_a_sound_frame_are_null_and_told(tmp_path: Path) -> None:
    frames = []
    for i in range(5):
        fit = encode(record("I3Particle")(energy=float(i)))
        cut = fit[:-3] if i == 2 else fit
        bad = encode(pulses(1.0, 2.0))
        objects = [("I3EventHeader", "t", encode(header(i))), ("Fit", "t", cut)]
        frames.append(encode_frame("P", [*objects, ("A", "t", bad[:-1] if i == 3 else bad)]))
    path = write(tmp_path / "a.i3", frames)
    with pytest.warns(UserWarning, match=r"A: 1 object not converted: .*; Fit: 1 object not converted"):
        dataset = convert(path, tmp_path / "d")
    table = rows(dataset)
    assert table["Fit.energy"].to_list() == [0.0, 1.0, None, 3.0, 4.0]
    # naming the key does not turn what can be read into bytes
    with pytest.warns(UserWarning, match="Fit: 1 object not converted"):
        named = rows(convert(path, tmp_path / "named", keys=["Fit"], pulses=[]))
    assert named["Fit.energy"].to_list() == [0.0, 1.0, None, 3.0, 4.0]
    assert "Fit.blob" not in named.columns
    assert table["A.time"].to_list() == [[1.0, 2.0]] * 3 + [None, [1.0, 2.0]]
    assert sorted(left.key for left in dataset.manifest.sources[0].left_out) == ["A", "Fit"]


@pytest.mark.parametrize("wrong", [b"\0\1\2\0", b"\0\1\2\0\x02\0\0\0ab" + bytes(20)])
def test_a_first_object_that_is_damaged_costs_no_object_behind_it(tmp_path: Path, wrong: bytes) -> None:
    """The class of a key was that of its first object, and a mask then no series of pulses."""
    good = {"I3EventHeader": header(1), "Fit": double(2.5), "Series": pulses(1.0, 2.0)}
    good["Mask"] = new(
        "I3RecoPulseSeriesMapMask",
        source="Series",
        key_mask=np.ones(1, bool),
        element_masks=[np.array([True, False])],
    )
    objects = [(k, type_name(v.i3class), encode(v)) for k, v in good.items()]
    bad = encode_frame("P", [objects[0], *((k, t, wrong) for k, t, _ in objects[1:])])
    path = write(tmp_path / "a.i3", [bad, encode_frame("P", objects)])
    with pytest.warns(UserWarning, match="not converted"):
        found = rows(convert(path, tmp_path / "a", jobs=1))
    assert found["Fit.value"].to_list() == [None, 2.5]
    assert found["Series.time"].to_list() == [None, [1.0, 2.0]]
    assert found["Mask.time"].to_list() == [None, [1.0]]


def test_names_that_are_no_text_are_taken_for_latin_1(tmp_path: Path) -> None:
    objects = {
        "I3EventHeader": header(1),
        "K\udcff": double(2.5),
        "Map": new("I3MapStringDouble", {"\udc80a": 1.5}),
    }
    found = rows(convert(write(tmp_path / "a.i3", [frame("P", **objects)]), tmp_path / "a", jobs=1))
    assert found["K\xff.value"].to_list() == [2.5]
    assert found["Map.\x80a"].to_list() == [1.5]


def test_streams_are_chosen_by_name_and_unknown_ones_are_told(tmp_path: Path) -> None:
    frames = []
    for i in range(6):
        frames.append(frame("Q", I3EventHeader=header(i, stream="")))
        streams = ("InIceSplit", "NullSplit", "IceTopSplit")[: 1 + i % 3]
        frames += [frame("P", I3EventHeader=header(i, stream=stream)) for stream in streams]
    path = write(tmp_path / "a.i3", frames)
    one = rows(convert(path, tmp_path / "a", streams="NullSplit"))
    assert one["I3EventHeader.event_id"].to_list() == [1, 2, 4, 5]
    two = rows(convert(path, tmp_path / "b", streams=["NullSplit", "InIceSplit"]))
    assert two.height == 10
    with pytest.raises(
        UnknownStreamError, match=r"'Inice'; streams seen: 'InIceSplit' \(6 events\), 'NullSplit'"
    ):
        convert(path, tmp_path / "c", streams="Inice")
    assert not (tmp_path / "c").exists()


def test_times_are_utc_to_the_nanosecond_with_leap_seconds(tmp_path: Path) -> None:
    day = 86_400 * 10**10
    cases = [
        ((2015, 0), "2015-01-01T00:00:00"),
        ((2015, 181 * day - 1), "2015-06-30T23:59:59.999999999"),
        ((2015, 181 * day + 10**10), "2015-07-01T00:00:00"),  # after the leap second
        ((2015, 364 * day + 10**10 + 19), "2015-12-31T00:00:00.000000001"),
        ((2016, 366 * day - 10), "2016-12-31T23:59:59.999999999"),  # its leap second is the last of the year
        ((2020, 59 * day), "2020-02-29T00:00:00"),
        ((2021, 123_456_789_012_345), "2021-01-01T03:25:45.678901234"),
    ]
    frames = []
    for i, ((year, daq), _) in enumerate(cases):
        at = record("I3Time")(utc_year=year, utc_daq_time=daq)
        head = record("I3EventHeader")(run_id=1, event_id=i, start_time=at, end_time=at)
        frames.append(frame("P", I3EventHeader=head, Driving=at))
    table = rows(convert(write(tmp_path / "a.i3", frames), tmp_path / "d"))
    wanted = [np.datetime64(text, "ns").astype(int) for _, text in cases]
    for column in ("I3EventHeader.start_time", "I3EventHeader.end_time", "Driving.time"):
        assert table[column].dtype == pl.Datetime("ns", "UTC")
        assert table[column].to_physical().to_list() == wanted


def test_times_that_cannot_be_are_null(tmp_path: Path) -> None:
    frames = []
    for i, (year, daq) in enumerate(((0, 0), (2020, -5), (2020, 1 << 62), (3000, 0))):
        at = record("I3Time")(utc_year=year, utc_daq_time=daq)
        frames.append(
            frame(
                "P", I3EventHeader=record("I3EventHeader")(run_id=1, event_id=i, start_time=at, end_time=at)
            )
        )
    table = rows(convert(write(tmp_path / "a.i3", frames), tmp_path / "d"))
    assert table["I3EventHeader.start_time"].to_list() == [None] * 4
    assert table["I3EventHeader.start_time_utc_year"].to_list() == [0, 2020, 2020, 3000]


def test_s_frames_become_the_simulation_table_and_no_columns_of_events(tmp_path: Path) -> None:
    for name in "ab":
        info = frame("S", Info=FrameMap("I3MapStringDouble", {"n": float(ord(name))}))
        write(tmp_path / f"{name}.i3", [info, *events(2, first=ord(name))])
    dataset = convert(str(tmp_path / "*.i3"), tmp_path / "d")
    simulation = pl.read_parquet(dataset.path / "simulation.parquet")
    assert simulation["Info.n"].to_list() == [97.0, 98.0]
    assert not [c for c in dataset.schema.names if c.startswith("Info")]


def test_a_geometry_in_the_file_or_beside_it_is_used(tmp_path: Path) -> None:
    made = ic.sim.events(5, seed=1)
    ic.sim.write(tmp_path / "a.i3.zst", made, gcd=tmp_path / "gcd.i3.gz")
    beside = convert(tmp_path / "a.i3.zst", tmp_path / "d", gcd=tmp_path / "gcd.i3.gz")
    assert np.array_equal(beside.geometry.x, made.geometry.x)
    joined = convert([tmp_path / "gcd.i3.gz", tmp_path / "a.i3.zst"], tmp_path / "e")
    assert np.array_equal(joined.geometry.x, made.geometry.x)
    assert joined.rows == 5


# -- many files -------------------------------------------------------------------------------------------------------


def test_files_with_different_keys_are_united(tmp_path: Path) -> None:
    a = write(tmp_path / "a.i3", [frame("P", I3EventHeader=header(0), A=double(1.0))])
    b = write(tmp_path / "b.i3", [frame("P", I3EventHeader=header(1), B=double(2.0), P=pulses(1.0))])
    table = rows(convert([a, b], tmp_path / "d")).sort("I3EventHeader.event_id")
    assert table["A.value"].to_list() == [1.0, None]
    assert table["B.value"].to_list() == [None, 2.0]
    assert table["P.time"].to_list() == [None, [1.0]]


def test_a_key_of_two_types_in_two_files_is_refused_with_both_named(tmp_path: Path) -> None:
    a = write(tmp_path / "a.i3", [frame("P", I3EventHeader=header(0), Key=double(1.0))])
    b = write(tmp_path / "b.i3", [frame("P", I3EventHeader=header(1), Key=new("I3String", value="x"))])
    with pytest.raises(SchemaError) as info:
        convert([a, b], tmp_path / "d")
    text = str(info.value)
    assert all(word in text for word in ("Key.value", "a.i3", "b.i3", "double", "string"))


def test_a_key_of_two_types_in_one_file_does_not_depend_on_the_batches(tmp_path: Path, monkeypatch) -> None:
    values = [double(1.5), new("I3Int", value=2), double(3.0), new("I3Int", value=4)]
    pad = FrameMap("I3MapStringDouble", {f"pad{k}": 0.0 for k in range(60_000)})
    frames = [frame("P", I3EventHeader=header(i), Key=v, Pad=pad) for i, v in enumerate(values)]
    path = write(tmp_path / "a.i3", frames)

    def outcome(name: str) -> Any:
        try:
            dataset = convert(path, tmp_path / name, keys=["Key"])
        except SchemaError:
            return "refused"
        return rows(dataset)["Key.value"].to_list()

    whole = outcome("whole")
    monkeypatch.setattr(module, "BATCH_BYTES", 1 << 16)
    assert outcome("parts") == whole


def test_a_variant_of_two_types_does_not_depend_on_the_batches(tmp_path: Path, monkeypatch) -> None:
    values = [Alternative(0, 1), Alternative(1, 2.5), Alternative(2, True)]
    pad = FrameMap("I3MapStringDouble", {f"pad{k}": 0.0 for k in range(60_000)})
    frames = [
        frame("P", I3EventHeader=header(i), V=FrameMap("I3GENIEResultDict", {"x": v}), Pad=pad)
        for i, v in enumerate(values)
    ]
    path = write(tmp_path / "a.i3", frames)

    def outcome(name: str) -> Any:
        try:
            return rows(convert(path, tmp_path / name, keys=["V"]))["V.x"].to_list()
        except SchemaError:
            return "refused"

    whole = outcome("whole")
    monkeypatch.setattr(module, "BATCH_BYTES", 1 << 16)
    assert outcome("parts") == whole


@pytest.mark.parametrize("stop", ["P", "Q"])
def test_the_size_of_batches_changes_no_row(tmp_path: Path, monkeypatch, stop: str) -> None:
    frames = events(40, physics=2)
    for i in range(0, len(frames), 3):  # a few large ones, so that there are many batches
        frames[i] = frames[i][:0] + frame(
            "Q", I3EventHeader=header(i // 3, stream=""), InIcePulses=pulses(*range(i // 3 % 5)), Weight=double(i / 7),
            Pad=new("I3VectorDouble", value=np.arange(20_000.0) + i),
        )  # fmt: skip
    path = write(tmp_path / "a.i3", frames)
    large = convert(path, tmp_path / "large", stop=stop)
    monkeypatch.setattr(module, "BATCH_BYTES", 1 << 16)
    monkeypatch.setattr(parts, "ROW_GROUP_BYTES", 1 << 20)
    small = convert(path, tmp_path / "small", stop=stop)
    same_rows(large, small)


def test_many_physics_frames_on_one_large_readout_are_made_into_rows_in_pieces(
    tmp_path: Path, monkeypatch
) -> None:
    frames = [frame("Q", I3EventHeader=header(0), Large=pulses(*map(float, range(5000))))]
    frames += [frame("P", I3EventHeader=header(0, sub=i), Fit=double(float(i))) for i in range(60)]
    asked = []
    monkeypatch.setattr(
        module, "pieces", lambda events, times: [asked.append(p.n) or p for p in pieces(events, times)]
    )
    dataset = convert(write(tmp_path / "a.i3", frames), tmp_path / "a", jobs=1)
    assert sum(asked) == 60
    assert max(asked) <= 4
    found = rows(dataset)
    assert found["Fit.value"].to_list() == list(map(float, range(60)))
    assert found["Large.time"].to_list() == [list(map(float, range(5000)))] * 60


@pytest.mark.filterwarnings("ignore:.*has the same content")
@pytest.mark.slow
def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{k}.i3", events(8, first=10 * k)) for k in range(4)]
    seen: list[tuple[str, int, int, int]] = []
    one = convert(paths, tmp_path / "one")
    two = ic.convert.i3(paths, tmp_path / "two", jobs=2, progress=lambda *done: seen.append(done))
    assert rows(one).equals(rows(two))
    assert one.manifest.schema == two.manifest.schema
    assert sum(done[3] for done in seen) == 4
    assert sum(done[1] for done in seen) == 32
    assert sum(done[2] for done in seen) == sum(p.stat().st_size for p in paths)


def test_progress_adds_up(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{k}.i3", events(8, first=10 * k)) for k in range(3)]
    seen: list[tuple[str, int, int, int]] = []
    convert(paths, tmp_path / "d", progress=lambda *done: seen.append(done))
    assert [sum(done[i] for done in seen) for i in (1, 3)] == [24, 3]
    assert sum(done[2] for done in seen) == sum(p.stat().st_size for p in paths)


def test_a_finished_dataset_is_not_overwritten_unasked(tmp_path: Path) -> None:
    path = write(tmp_path / "a.i3", events(3))
    convert(path, tmp_path / "d")
    with pytest.raises(DatasetError, match="finished dataset"):
        convert(path, tmp_path / "d")
    write(path, events(5))
    assert convert(path, tmp_path / "d", overwrite=True).rows == 5


def test_a_missing_file_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.i3"):
        convert(tmp_path / "nothing.i3", tmp_path / "d")
    assert not (tmp_path / "d").exists()


# -- damage -----------------------------------------------------------------------------------------------------------


def damaged_file(path: Path, hurt: list[int]) -> tuple[Path, set[int]]:
    """Write a file with some frames damaged; return it and the events that are lost."""
    frames = events(20)
    out = []
    lost = set()
    for i, one in enumerate(frames):
        if i in hurt:
            half = len(one) // 2
            out.append(one[:half] + bytes([one[half] ^ 1]) + one[half + 1 :])
            lost.add(i // 2)
        else:
            out.append(one)
    return write(path, out), lost


@pytest.mark.filterwarnings("ignore:.*Split. . objects? not converted")
@pytest.mark.parametrize("hurt", [[0], [7], [8], [7, 8], [39], [4, 20, 33]])
def test_all_rows_but_those_of_damaged_frames_are_there(tmp_path: Path, hurt: list[int]) -> None:
    path, _ = damaged_file(tmp_path / "a.i3", hurt)
    no_physics, no_daq = ({i // 2 for i in hurt if i % 2 == odd} for odd in (1, 0))
    with pytest.raises(
        DamagedFileError, match=rf"a\.i3: frame {hurt[0]} at byte .* is complete with all intact frames"
    ):
        convert(path, tmp_path / "d")
    kept = ic.open_dataset(tmp_path / "d")
    found = rows(kept).sort(ORDER)
    number = pl.col("I3EventHeader.event_id")
    of_daq = pl.col("^(InIcePulses|Split|Weight)\\..*$")  # Split is a mask of what the DAQ frame has
    whole = rows(convert(write(tmp_path / "sound.i3", events(20)), tmp_path / "s")).sort(ORDER)
    expected = whole.filter(~number.is_in(list(no_physics))).with_columns(
        pl.when(~number.is_in(list(no_daq))).then(of_daq).name.keep()
    )
    assert set(found.columns) == set(expected.columns)
    assert found.equals(expected.select(found.columns))
    source = kept.manifest.sources[0]
    orphans = len(no_daq - no_physics)
    assert source.orphans == orphans
    assert source.status == "damaged"
    assert len(source.damage) == len(hurt) or hurt == [7, 8]
    again = convert(path, tmp_path / "e", skip_damaged=True)
    same_rows(again, kept)


def test_a_damaged_file_does_not_hold_up_the_others(tmp_path: Path) -> None:
    bad, lost = damaged_file(tmp_path / "a.i3", [9])
    good = write(tmp_path / "b.i3", events(5, first=100))
    nothing = write(tmp_path / "c.i3", [b"no frames at all, \0 nor text"])
    dataset = convert([bad, good, nothing], tmp_path / "d", skip_damaged=True)
    assert dataset.rows == 20 - len(lost) + 5
    assert [s.status for s in sorted(dataset.manifest.sources, key=lambda s: s.path)] == [
        "damaged",
        "ok",
        "damaged",
    ]


def test_a_cut_compressed_file_gives_its_rows(tmp_path: Path) -> None:
    ic.sim.write(tmp_path / "a.i3.zst", ic.sim.events(30, seed=2))
    ic.sim.write(tmp_path / "a.i3.gz", ic.sim.events(30, seed=2))
    for name in ("a.i3.zst", "a.i3.gz"):
        data = (tmp_path / name).read_bytes()
        whole = rows(convert(tmp_path / name, tmp_path / f"whole{name}"))
        (tmp_path / name).write_bytes(data[: len(data) * 2 // 3])
        if name.endswith("zst"):  # all of it is one block
            with pytest.raises(DamagedFileError, match="no event could be read"):
                convert(tmp_path / name, tmp_path / f"cut{name}", skip_damaged=True)
            continue
        cut = rows(convert(tmp_path / name, tmp_path / f"cut{name}", skip_damaged=True))
        assert 10 < cut.height < 30
        assert cut.equals(whole.head(cut.height).select(cut.columns))


# -- resuming ---------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*has the same content")
@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{k:02d}.i3", events(30, first=100 * k)) for k in range(12)]
    script = (
        "import time, icecol as ic\n"
        f"ic.convert.i3({[str(p) for p in paths]!r}, {str(tmp_path / 'd')!r}, jobs=1,\n"
        "    progress=lambda *done: time.sleep(0.1) if done[3] else None)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], env={**os.environ})
    made = tmp_path / "d" / ".progress"
    limit = time.monotonic() + 60
    while time.monotonic() < limit and (not made.is_dir() or len(list(made.glob("*.json"))) < 2):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = records.n_done(tmp_path / "d")
    assert 6 <= done < 12  # in groups of three
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "d" / "events").glob("part-*.parquet")}
    with pytest.raises(DatasetError):
        ic.open_dataset(tmp_path / "d")
    seen: list[tuple[str, int, int, int]] = []
    with pytest.warns(UserWarning, match=f"taking over from process {process.pid} on"):
        resumed = convert(paths, tmp_path / "d", progress=lambda *step: seen.append(step))
    same_rows(resumed, convert(paths, tmp_path / "whole"))
    left = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "d" / "events").glob("part-*.parquet")}
    kept = [name for name in before if left.get(name) == before[name]]
    assert len(kept) >= done / 3
    read_again = {Path(path).name for path, _, size, _ in seen if size}
    assert len(read_again) == 12 - done
    assert sum(step[3] for step in seen) == 12


@pytest.mark.filterwarnings("ignore:.*has the same content")
def test_small_files_are_converted_together_and_give_the_rows_of_each(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{k:02d}.i3", events(3, first=10 * k, physics=k % 3 + 1)) for k in range(24)]
    dataset = convert(paths, tmp_path / "d")
    assert [len(part.sources) for part in dataset.manifest.parts] == [6] * 4
    assert [Path(s.path).name for s in dataset.manifest.sources] == [p.name for p in paths]
    alone = pl.concat([rows(convert(path, tmp_path / path.stem)) for path in paths[:7]], how="diagonal")
    assert rows(dataset).head(alone.height).select(alone.columns).equals(alone)


def test_a_type_conflict_between_groups_names_both_files(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{k}.i3", events(1, first=10 * k)) for k in range(16)]
    for k, value in ((3, double(1.0)), (13, new("I3String", value="x"))):
        write(paths[k], [frame("P", I3EventHeader=header(10 * k), Key=value)])
    with pytest.raises(SchemaError, match=r"Key\.value.*double in \S+/3\.i3 but string in \S+/13\.i3"):
        convert(paths, tmp_path / "d")


def test_other_settings_convert_anew(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{k}.i3", events(3, first=10 * k)) for k in range(2)]
    b = write(tmp_path / "b.i3", [frame("P", I3EventHeader=header(99), Weight=new("I3String", value="x"))])
    with pytest.raises(SchemaError):
        convert([*paths, b], tmp_path / "d")
    dataset = convert(paths, tmp_path / "d", keys=["Fit"], pulses=[])
    assert {c.split(".")[0] for c in dataset.schema.names} == {"I3EventHeader", "Fit"}
    assert dataset.rows == 6


def test_sensors_that_the_geometry_lacks_are_told(tmp_path):
    pulses = {OMKey(90, om, 0): np.array([(1000.0, 1.0, 8.0, 1)], PULSE) for om in range(1, 21)}
    pulses |= {OMKey(36, om, 0): np.array([(1000.0, 1.0, 8.0, 1)], PULSE) for om in (30, 61, 62)}
    frame = Frame("P")
    frame["I3EventHeader"] = ic.new("I3EventHeader", run_id=1)
    frame["Pulses"] = ic.new("I3RecoPulseSeriesMap", pulses)
    ic.write_i3(tmp_path / "upgrade.i3", [frame])
    told = r"lacks the sensors of 20 of 21 pulses \(on strings 90 to 90\)"
    with pytest.warns(UserWarning, match=told):
        ic.convert.i3(tmp_path / "upgrade.i3", tmp_path / "nominal.icecol", jobs=1)
    keys = [90 << 16 | om << 8 for om in range(1, 21)] + [36 << 16 | 30 << 8]
    string, om, _ = split_omkey(np.array(keys))
    places = {"string": string, "om": om, "x": string * 1.0, "y": om * 1.0, "z": om * 1.0}
    gcd = Geometry.from_columns(places)
    ic.convert.i3(tmp_path / "upgrade.i3", tmp_path / "own.icecol", jobs=1, gcd=gcd)


def test_keys_that_are_no_text_end_in_the_manifest(tmp_path):
    frames = []
    for i in range(2):
        frame = Frame("P", [("Bad\udccbKey", "Weird", b"\x00\x01\x02\x00 no class")])
        frame["I3EventHeader"] = ic.new("I3EventHeader", run_id=1, event_id=i)
        frame["Odd\udccb"] = float(i)
        frames.append(frame)
    ic.write_i3(tmp_path / "odd.i3", frames)
    with pytest.warns(UserWarning, match="Key: 2 objects not converted"):
        made = ic.convert.i3(tmp_path / "odd.i3", tmp_path / "odd.icecol", jobs=1)
    again = ic.open_dataset(made.path)
    assert [left.key for source in again.manifest.sources for left in source.left_out] == ["Bad\udccbKey"]
    assert again.scan().collect().to_series(-1).to_list() == [0.0, 1.0]


@pytest.mark.parametrize("stdin", [False, True], ids=["file", "stdin"])
@pytest.mark.slow
def test_a_script_without_a_guard_converts_in_several_processes(tmp_path, stdin):
    for i in (1, 2, 3):
        ic.sim.write(tmp_path / f"run{i}.i3.zst", ic.sim.events(5, seed=i))
    script = (
        "import icecol as ic\nprint('begins')\n"
        f"print(ic.convert.i3({str(tmp_path / 'run*.i3.zst')!r}, {str(tmp_path / 'all.icecol')!r}, jobs=2).rows)\n"
    )
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, "-" if stdin else str(tmp_path / "script.py")]
    done = subprocess.run(command, input=script if stdin else "", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["begins", "15"]), done.stderr
