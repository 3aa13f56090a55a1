"""A scan of files answers as the converted dataset does, and reads no more than it must."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import icecol as ic
from icecol.errors import DamagedFileError, UnknownStreamError
from icecol.i3.archive import encode, new, record
from icecol.i3.container.raw import encode_frame


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("live")
    for k, name in enumerate(("a.i3.zst", "b.i3.gz")):
        ic.sim.write(folder / name, ic.sim.events(25, seed=k + 1), run_id=k + 1)
    return [folder / "a.i3.zst", folder / "b.i3.gz"]


@pytest.fixture(scope="module")
def table(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return ic.convert.i3(files, tmp_path_factory.mktemp("dataset") / "d", jobs=1).scan().collect()


def test_a_scan_gives_what_the_dataset_gives(files, table) -> None:
    found = ic.scan_i3(files).collect()
    assert set(found.columns) == set(table.columns)
    assert found.select(table.columns).equals(table)
    assert ic.scan_i3(files, gcd=ic.Geometry.nominal()).collect().equals(found)  # as a conversion takes it


@pytest.mark.parametrize(
    "query",
    [
        lambda f: f.select("I3EventHeader.event_id"),
        lambda f: f.select(pl.len()),
        lambda f: f.filter(pl.col("I3EventHeader.run_id") == 2).select("InIcePulses.charge"),
        lambda f: f.filter(pl.col("I3EventHeader.event_id") > 10).head(4),
        lambda f: f.head(30).select("I3EventHeader.run_id", "I3EventHeader.event_id"),
        lambda f: f.head(0),
        lambda f: f.slice(20, 10).select("I3EventHeader.event_id"),
        lambda f: f.group_by("I3EventHeader.run_id").agg(pl.col("InIcePulses.charge").list.len().sum()).sort(
            "I3EventHeader.run_id"
        ),
        lambda f: f.with_columns(n=pl.col("InIcePulses.time").list.len()).filter(pl.col("n") > 5).select("n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_queries_have_the_answers_of_the_dataset(files, table, query, engine) -> None:
    wanted = query(table.lazy()).collect()
    found = query(ic.scan_i3(files)).collect(engine=engine)
    assert found.select(wanted.columns).equals(wanted)


def test_only_what_a_query_needs_is_decoded(files, monkeypatch) -> None:
    from icecol.convert.i3_columns import TableMaker

    asked: list[set[str]] = []
    plain = TableMaker.table

    def spy(self, events, wanted=None, **more):
        made = plain(self, events, wanted, **more)
        asked.append({c.split(".")[0] for c in made.schema.names})
        return made

    lazy = ic.scan_i3(files)
    monkeypatch.setattr(TableMaker, "table", spy)
    lazy.select("I3EventHeader.event_id").collect()
    assert set().union(*asked) == {"I3EventHeader"}
    asked.clear()
    lazy.select("I3EventHeader.event_id").head(2).collect()
    assert len(asked) == 1


def test_streams_and_keys_are_chosen(files, table) -> None:
    found = ic.scan_i3(files, keys=[], pulses=["InIce*"], streams="InIceSplit").collect()
    assert {c.split(".")[0] for c in found.columns} <= {"I3EventHeader", "InIcePulses"}
    assert found.height == table.height
    with pytest.raises(UnknownStreamError, match=r"'Nothing'|Nothing"):
        ic.scan_i3(files, streams="Nothing")
    with pytest.raises(UnknownStreamError, match="'X' frames"):
        ic.scan_i3(files, stop="X")


def test_a_damaged_file_is_told_when_the_query_runs(files, tmp_path) -> None:
    path = tmp_path / "a.i3"
    frames = []
    for i in range(6):
        header = encode(record("I3EventHeader")(run_id=1, event_id=i))
        frames.append(
            encode_frame("P", [("I3EventHeader", "t", header), ("A", "t", encode(new("I3Int", value=i)))])
        )
    frames[4] = frames[4][:50] + b"?" + frames[4][51:]
    path.write_bytes(b"".join(frames))
    with pytest.raises((DamagedFileError, pl.exceptions.ComputeError), match="frame 4 at byte"):
        ic.scan_i3(path).collect()


def test_keys_that_come_later_are_told(tmp_path, monkeypatch) -> None:
    import importlib

    monkeypatch.setattr(importlib.import_module("icecol.convert.live"), "BATCH_BYTES", 1 << 16)
    pad = ("Pad", "t", encode(new("I3VectorDouble", value=[0.0] * 300_000)))
    frames = []
    for i in range(6):
        header = ("I3EventHeader", "t", encode(record("I3EventHeader")(run_id=1, event_id=i)))
        late = [("Late", "t", encode(new("I3Int", value=i)))] if i > 3 else []
        frames.append(encode_frame("P", [header, *late, pad]))
    (tmp_path / "a.i3").write_bytes(b"".join(frames))
    lazy = ic.scan_i3(tmp_path / "a.i3")
    with pytest.warns(UserWarning, match="Late"):
        assert lazy.collect().height == 6


def test_members_that_come_later_are_told(tmp_path, monkeypatch) -> None:
    import importlib

    monkeypatch.setattr(importlib.import_module("icecol.convert.live"), "BATCH_BYTES", 1 << 16)
    frames = []
    for i in range(6):
        frame = ic.Frame("P")
        frame["I3EventHeader"] = ic.new("I3EventHeader", run_id=1, event_id=i)
        frame["Weights"] = {"a": 1.0} if i < 4 else {"a": 1.0, "b": 2.0}
        frame["Pad"] = [0.0] * 300_000
        frames.append(frame)
    ic.write_i3(tmp_path / "a.i3", frames)
    lazy = ic.scan_i3(tmp_path / "a.i3")
    with pytest.warns(UserWarning, match=r"columns that come too late to be scanned: Weights\.b; convert"):
        assert lazy.collect()["Weights.a"].to_list() == [1.0] * 6


def test_a_file_without_a_good_event_says_where_it_is_damaged(tmp_path) -> None:
    (tmp_path / "notes.i3").write_bytes(b"this is no file of frames, but long enough to look like one\0")
    with pytest.raises(DamagedFileError, match=r"notes\.i3"):
        ic.scan_i3(tmp_path / "notes.i3")


def test_streams_are_listed_however_late_the_first_event_comes(tmp_path, monkeypatch) -> None:
    import importlib

    monkeypatch.setattr(importlib.import_module("icecol.convert.live"), "BATCH_BYTES", 1 << 16)
    first = ic.Frame("G")
    first["Pad"] = [0.0] * 900_000
    event = ic.Frame("P")
    event["I3EventHeader"] = ic.new("I3EventHeader", run_id=1, sub_event_stream="InIceSplit")
    ic.write_i3(tmp_path / "a.i3", [first, event])
    with pytest.raises(
        UnknownStreamError, match=r"of streams Nothing in 1 files; streams seen: 'InIceSplit'"
    ):
        ic.scan_i3(tmp_path / "a.i3", streams="Nothing")
    lazy = ic.scan_i3(tmp_path / "a.i3", streams=["InIceSplit", "Nothing"])
    with pytest.raises(
        (UnknownStreamError, pl.exceptions.ComputeError), match="no event of stream 'Nothing'"
    ):
        lazy.collect()


def test_patterns_that_fit_nothing_are_told(files) -> None:
    with pytest.warns(UserWarning, match="the pattern keys='LineFitt' matched no key"):
        ic.scan_i3(files, keys="LineFitt")
