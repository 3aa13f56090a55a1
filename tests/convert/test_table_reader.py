"""Tables of one's own as datasets, whatever their form: also `forms`."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import icecol as ic
from icecol.errors import FormatError, MissingColumnError, SchemaError, UnsupportedError

HITS = {
    "event": [9, 7, 7],
    "t": [3.0, 10.0, 12.5],
    "string": [40, 36, 36],
    "om": [1, 44, 45],
    "mine": ["a", "b", "c"],
}


def test_a_frame_becomes_events_in_order(tmp_path):
    events = pl.DataFrame({"event": [7, 8, 9], "MCPrimary.energy": [1.0, 2.0, 3.0], "kind": ["x", "y", None]})
    ds = ic.convert.table(
        pl.DataFrame(HITS), tmp_path / "a.icecol", key="Hits", events=events, settings={"nfiles": 2}
    )
    made = ds.scan().collect()
    assert made["I3EventHeader.event_id"].to_list() == [7, 8, 9]
    assert made["Hits.time"].to_list() == [[10.0, 12.5], [], [3.0]]
    assert made["Hits.omkey"].to_list() == [[36 << 16 | 44 << 8, 36 << 16 | 45 << 8], [], [40 << 16 | 1 << 8]]
    assert made["Hits.mine"].to_list() == [["b", "c"], [], ["a"]]
    assert made["Hits.charge"].to_list() == [[1.0, 1.0], [], [1.0]]
    assert made["Hits.flags"].to_list() == [None] * 3
    assert made["MCPrimary.energy"].to_list() == [1.0, 2.0, 3.0]
    assert made["kind"].to_list() == ["x", "y", None]
    assert ds.manifest.settings["nfiles"] == 2


@pytest.mark.parametrize("number", [-1, 1 << 32])
def test_the_number_of_an_event_is_one_of_32_bits(number, tmp_path):
    hits = pl.DataFrame({**HITS, "event": [0, 7, (1 << 32) - 1]})
    made = ic.convert.table(hits, tmp_path / "a.icecol").scan().collect()
    assert made["I3EventHeader.event_id"].to_list() == [0, 7, (1 << 32) - 1]
    hits = hits.with_columns(event=pl.Series([0, 7, number]))
    with pytest.raises(SchemaError, match="'event' is to number the events, from 0 to 4294967295"):
        ic.convert.table(hits, tmp_path / "b.icecol")


@pytest.mark.parametrize("as_file", [True, False], ids=["file", "frame"])
def test_one_number_for_events_of_two_runs_is_an_error(as_file, tmp_path):
    hits = pl.DataFrame({**HITS, "run": [None, 3, None]})  # not told: no contradiction
    made = ic.convert.table(hits, tmp_path / "a.icecol").scan().collect()
    assert made["I3EventHeader.run_id"].to_list() == [3, None]
    assert "Pulses.run" not in made.columns
    hits = hits.with_columns(run=pl.Series([1, 1, 2]))
    if as_file:
        hits.write_parquet(tmp_path / "hits.parquet")
    with pytest.raises(
        SchemaError, match="event 7 has pulses of run 1 and 2, so that 'event' does not tell events"
    ):
        ic.convert.table(tmp_path / "hits.parquet" if as_file else hits, tmp_path / "b.icecol", jobs=1)
    numbered = hits.with_columns(event=pl.struct("run", "event").rank("dense"))
    made = ic.convert.table(numbered, tmp_path / "c.icecol").scan().collect()
    assert made["Pulses.time"].to_list() == [[10.0], [3.0], [12.5]]
    assert made["I3EventHeader.run_id"].to_list() == [1, 1, 2]
    thrice = pl.DataFrame({"event": [7] * 3, "t": [1.0] * 3, "omkey": [65792] * 3, "run_id": [1, None, 2]})
    with pytest.raises(SchemaError, match="event 7 has pulses of run_id 1 and 2"):
        ic.convert.table(thrice, tmp_path / "d.icecol")


@pytest.mark.parametrize("run", [1 << 32, -1, 0.5])
def test_a_run_that_a_header_cannot_hold_stays_a_list(run, tmp_path):
    hits = pl.DataFrame({**HITS, "run": [run, 1, 1]}, strict=False)
    made = ic.convert.table(hits, tmp_path / "a.icecol").scan().collect()
    assert "I3EventHeader.run_id" not in made.columns
    assert made["Pulses.run"].to_list() == [[1, 1], [run]]
    events = pl.DataFrame({"event": [7, 9], "I3EventHeader.run_id": [5, 6]})
    hits = hits.with_columns(run=pl.lit((1 << 32) - 1))
    made = ic.convert.table(hits, tmp_path / "b.icecol", events=events).scan().collect()
    assert made["I3EventHeader.run_id"].to_list() == [5, 6]
    made = ic.convert.table(hits, tmp_path / "c.icecol").scan().collect()
    assert made["I3EventHeader.run_id"].to_list() == [(1 << 32) - 1] * 2


@pytest.mark.parametrize("as_file", [True, False], ids=["file", "frame"])
@pytest.mark.filterwarnings("ignore:.*has no events")
def test_no_events_are_an_error_or_an_empty_dataset_on_request(as_file, tmp_path):
    hits = pl.DataFrame(HITS).clear()
    hits.write_parquet(tmp_path / "hits.parquet")
    pulses = tmp_path / "hits.parquet" if as_file else hits
    with pytest.raises(
        UnsupportedError, match=r"no event in .*; for a dataset without events, pass allow_empty=True"
    ):
        ic.convert.table(pulses, tmp_path / "a.icecol", jobs=1)
    assert not (tmp_path / "a.icecol").exists()
    assert (
        ic.convert.table(pulses, tmp_path / "a.icecol", jobs=1, allow_empty=True).scan().collect().height == 0
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1e6)), min_size=1, max_size=40))
@pytest.mark.slow
def test_files_and_frames_in_any_order_give_what_group_by_gives(tmp_path_factory, hits):
    folder = tmp_path_factory.mktemp("own")
    frame = pl.DataFrame(
        {"event_no": [e for e, _ in hits], "time": [t for _, t in hits], "omkey": [65792] * len(hits)}
    )
    frame.write_parquet(folder / "hits.parquet", row_group_size=7)
    expected = frame.group_by("event_no", maintain_order=True).agg("time").sort("event_no")
    of_file = ic.convert.files(folder / "hits.parquet", folder / "a.icecol", jobs=1).scan().collect()
    of_frame = ic.convert.table(frame, folder / "b.icecol").scan().collect()
    assert of_file["Pulses.time"].to_list() == expected["time"].to_list()
    assert of_frame.equals(of_file)


def test_positions_beside_the_pulses_are_the_geometry(tmp_path):
    frame = pl.DataFrame({**HITS, "x": [1.0, 2.0, 2.5], "y": [0.0] * 3, "z": [5.0, 6.0, 7.0]})
    made = ic.convert.table(frame, tmp_path / "a.icecol")
    assert made.geometry.table()["x"].to_list() == [2.0, 2.5, 1.0]
    frame.rename({"event": "event_no"}).write_parquet(tmp_path / "a.parquet")
    frame.rename({"event": "event_no"}).with_columns(om=pl.lit(50)).write_parquet(tmp_path / "b.parquet")
    both = ic.convert.files([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path / "b.icecol", jobs=1)
    assert len(both.geometry) == 5  # of both files


def test_what_is_missing_is_named(tmp_path):
    frame = pl.DataFrame(HITS)
    with pytest.raises(MissingColumnError, match="no column 'evt' with the number of the event"):
        ic.convert.table(frame, tmp_path / "a.icecol", event="evt")
    with pytest.raises(MissingColumnError, match="no column 'tt' for 'time'; columns: 'event', 'mine'"):
        ic.convert.table(frame, tmp_path / "a.icecol", names={"time": "tt"})
    with pytest.raises(FormatError, match="rows of event 9"):
        ic.convert.table(frame, tmp_path / "a.icecol", events=pl.DataFrame({"event": [7, 8]}))
    with pytest.raises(SchemaError, match="'event' is to number the events"):
        ic.convert.table(frame.with_columns(event=pl.col("event") - 8), tmp_path / "a.icecol")
    assert not (tmp_path / "a.icecol").exists()


def test_parquet_that_is_none_of_these_is_named(tmp_path):
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(UnsupportedError, match=r"a form that is not known \(columns 'a'\)"):
        ic.convert.files(tmp_path / "a.parquet", tmp_path / "a.icecol", jobs=1)
    ds = ic.sim.to_dataset(ic.sim.events(3, seed=1), tmp_path / "sim.icecol")
    with pytest.raises(UnsupportedError, match="a part of a dataset"):
        ic.convert.files(ds.path / ds.manifest.parts[0].path, tmp_path / "a.icecol", jobs=1)
    with pytest.raises(UnsupportedError, match="is a dataset already"):
        ic.convert.files(ds.path, tmp_path / "a.icecol", jobs=1)


def test_forms_are_not_mixed_and_options_of_i3_stay_with_it(tmp_path):
    pl.DataFrame({**HITS, "event_no": [0, 0, 1]}).write_parquet(tmp_path / "a.parquet")
    ic.sim.write(tmp_path / "b.i3.zst", ic.sim.events(3, seed=1))
    with pytest.raises(UnsupportedError, match=r"a\.parquet is table of pulses, .*b\.i3\.zst is i3"):
        ic.convert.files([tmp_path / "a.parquet", tmp_path / "b.i3.zst"], tmp_path / "a.icecol", jobs=1)
    with pytest.raises(TypeError, match=r"'stop' is an option for \.i3 files"):
        ic.convert.files(tmp_path / "a.parquet", tmp_path / "a.icecol", jobs=1, stop="Q")
    ds = ic.convert.files(tmp_path / "b.i3.zst", tmp_path / "b.icecol", jobs=1, pulses="InIce*")
    assert ds.pulse_keys == ("InIcePulses",)


def test_a_file_in_the_current_folder_is_found_by_its_name(tmp_path, monkeypatch):
    pl.DataFrame({**HITS, "event_no": [0, 0, 1]}).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "beside").mkdir()
    monkeypatch.chdir(tmp_path)
    assert ic.convert.files("a.parquet", "a.icecol", jobs=1).rows == 2
