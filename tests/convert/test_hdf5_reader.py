"""Also of `tableio_names`: real files that IceTray wrote, and the traps of their layout."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from tableio_files import hdf5, pulse

import icecol as ic
from icecol.errors import FormatError, UnsupportedError

h5py = pytest.importorskip("h5py")

EVENTS = [(7, 1, 0), (7, 1, 1), (7, 2, 0)]


def converted(path, tmp_path, **options):
    return ic.convert.files(path, tmp_path / "made.icecol", jobs=1, **options).scan().collect()


@pytest.mark.parametrize(
    ("hdf", "i3"),
    [
        ("tableio/oscNext_genie_level7.hdf5", "i3/real/oscNext_genie_level7_v02_first_5_frames.i3.gz"),
        ("tableio/sim_muons.hdf5", "tableio/sim_muons.i3.zst"),
    ],
    ids=["oscNext", "muons"],
)
def test_a_file_of_icetray_gives_what_its_frames_give(hdf, i3, shared_data, tmp_path):
    of_frames = ic.convert.i3(shared_data / i3, tmp_path / "i3.icecol", jobs=1).scan().collect()
    made = converted(shared_data / hdf, tmp_path)
    assert set(made.columns) <= set(of_frames.columns)
    kept = [name for name in made.columns if not name.endswith((".flags", "Hierarchy.config_id"))]
    assert made.select(kept).equals(of_frames.select(kept))
    assert len(kept) > 70
    assert (
        made.select(pl.col("^.*[.]flags$").is_null().all()).row(0)
        == (True,) * made.select("^.*[.]flags$").width
    )


def test_sub_events_are_told_apart_and_absent_keys_are_null_but_empty_ones_are_not(tmp_path):
    path = hdf5(
        tmp_path / "a.h5",
        EVENTS,
        {"Fit": [{"zenith": 1.0}, None, {"zenith": 3.0}]},
        {"Hits": [[pulse(1), pulse(2, om=3)], None, []]},
    )
    made = converted(path, tmp_path)
    assert made["I3EventHeader.sub_event_id"].to_list() == [0, 1, 0]
    assert made["I3EventHeader.sub_event_stream"].to_list() == ["InIceSplit"] * 3
    assert made["Fit.zenith"].to_list() == [1.0, None, 3.0]
    assert made["Hits.time"].to_list() == [[1.0, 2.0], None, []]
    assert made["Hits.omkey"].to_list() == [[1 << 16 | 2 << 8, 1 << 16 | 3 << 8], None, []]
    assert made["Hits.width"].dtype == pl.List(pl.Float32)
    assert str(made["I3EventHeader.start_time"][1]) == "2024-01-01 00:00:00.000001+00:00"
    assert made["I3EventHeader.start_time_utc_year"].to_list() == [2024] * 3


def test_batches_of_a_file_end_anywhere(tmp_path, monkeypatch):
    events = [(1, i, 0) for i in range(7)]
    hits = [[pulse(10 * i + k) for k in range(i % 3)] for i in range(7)]
    path = hdf5(tmp_path / "a.h5", events, {"Fit": [{"e": float(i)} for i in range(7)]}, {"Hits": hits})
    whole = converted(path, tmp_path)
    monkeypatch.setattr("icecol.convert.hdf5_reader.BATCH_EVENTS", 2)
    pieces = ic.convert.files(path, tmp_path / "pieces.icecol", jobs=1).scan().collect()
    assert pieces.equals(whole)
    assert whole["Hits.time"].to_list() == [[p["time"] for p in row] for row in hits]


def test_rows_are_those_of_the_index_in_any_order_and_with_gaps(tmp_path):
    hits = [[pulse(1), pulse(2)], [pulse(3)], [pulse(4)]]
    path = hdf5(tmp_path / "a.h5", EVENTS, {}, {"Hits": hits})
    with h5py.File(path, "r+") as file:
        index = file["__I3Index__/Hits"][:]
        index["start"], index["stop"] = [2, 0, 1], [4, 1, 1]
        file["__I3Index__/Hits"][:] = index
    assert converted(path, tmp_path)["Hits.time"].to_list() == [[3.0, 4.0], [1.0], []]
    with h5py.File(path, "r+") as file:
        index["start"], index["stop"] = [0, 1, 3], [1, 2, 4]  # row 2 is of no event
        file["__I3Index__/Hits"][:] = index
    made = ic.convert.files(path, tmp_path / "gap.icecol", jobs=1).scan().collect()
    assert made["Hits.time"].to_list() == [[1.0], [2.0], [4.0]]
    with h5py.File(path, "r+") as file:
        index["stop"] = [1, 2, 5]
        file["__I3Index__/Hits"][:] = index
    with pytest.raises(FormatError, match="the index of 'Hits' goes up to row 5, its table has 4"):
        ic.convert.files(path, tmp_path / "beyond.icecol", jobs=1)


def test_a_table_with_fewer_rows_cannot_be_joined_where_events_stand_twice(tmp_path):
    twice = [(7, 1, 0), (7, 2, 0), (7, 2, 0)]
    path = hdf5(tmp_path / "a.h5", twice, {"Fit": [{"e": 1.0}] * 3})
    assert converted(path, tmp_path)["Fit.e"].to_list() == [1.0] * 3  # a row for each: as frames have it
    path = hdf5(tmp_path / "b.h5", twice, {"Fit": [{"e": 1.0}] * 3}, index_of={"Fit": slice(1)})
    with pytest.raises(FormatError, match="'Fit' has not one row per event, and events are not unique"):
        ic.convert.files(path, tmp_path / "b.icecol", jobs=1)


def test_a_table_with_fewer_rows_is_joined_by_the_identity_of_its_rows(tmp_path):
    path = hdf5(
        tmp_path / "a.h5", EVENTS, {"Fit": [None, {"e": 2.0}, {"e": 3.0}]}, index_of={"Fit": slice(1, None)}
    )
    assert converted(path, tmp_path)["Fit.e"].to_list() == [None, 2.0, 3.0]


def test_tables_that_do_not_match_are_refused(tmp_path):
    path = hdf5(tmp_path / "a.h5", EVENTS, {"Fit": [{"e": 1.0}] * 3})
    with h5py.File(path, "a") as file:
        rows = file["__I3Index__/Fit"][:]
        rows["Event"][2] = 99
        file["__I3Index__/Fit"][:] = rows
    with pytest.raises(FormatError, match="row 2 of __I3Index__/Fit is of event 99"):
        converted(path, tmp_path)


def test_tables_of_the_file_as_a_whole_are_its_simulation(tmp_path):
    path = hdf5(
        tmp_path / "a.h5", EVENTS, {"Info": [{"n_events": 100.0}, None, None]}, index_of={"Info": slice(0, 1)}
    )
    with h5py.File(path, "a") as file:
        rows = file["Info"][:1]
        rows["Run"], rows["Event"] = 0, 0
        del file["Info"]
        file.create_dataset("Info", data=rows)
    ds = ic.convert.files(path, tmp_path / "made.icecol", jobs=1)
    assert ds.simulation["Info.n_events"].to_list() == [100.0]
    assert "Info.n_events" not in ds.schema.names
    with h5py.File(path, "a") as file:
        file.create_dataset("More", data=rows[[0, 0, 0]])
        file["__I3Index__/More"] = file["__I3Index__/Info"][:]
    ds = ic.convert.files(path, tmp_path / "more.icecol", jobs=1)
    assert ds.simulation["Info.n_events"].to_list() == [100.0, None, None]
    assert ds.simulation["More.n_events"].to_list() == [100.0] * 3


def test_pairs_of_booleans_are_the_results_of_filters(tmp_path):
    path = hdf5(tmp_path / "a.h5", EVENTS, {"FilterMask": [{"passed": np.array([1, 0], "u1")}] * 3})
    made = converted(path, tmp_path)
    assert made["FilterMask.passed.condition_passed"].to_list() == [True] * 3
    assert made["FilterMask.passed.prescale_passed"].to_list() == [False] * 3


def test_keys_are_chosen_by_pattern(tmp_path):
    path = hdf5(tmp_path / "a.h5", EVENTS, {"Fit": [{"e": 1.0}] * 3, "Other": [{"e": 1.0}] * 3})
    made = converted(path, tmp_path, keys="F*")
    assert "Fit.e" in made.columns
    assert "Other.e" not in made.columns
    with pytest.warns(UserWarning, match="keys='Nothing'"):
        ic.convert.files(path, tmp_path / "b.icecol", jobs=1, keys=["Nothing"])


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("", "not one of IceTray's hdfwriter"),
        ("pandas_type", "written by pandas"),
        ("keras_version", "by Keras"),
    ],
)
def test_other_hdf5_is_named(attribute, message, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = [1.0]
        if attribute:
            file.attrs[attribute] = "1"
    with pytest.raises(UnsupportedError, match=message):
        converted(tmp_path / "a.h5", tmp_path)


def test_damaged_hdf5_is_called_that(tmp_path):
    path = hdf5(tmp_path / "a.h5", EVENTS)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(FormatError, match="is damaged"):
        converted(path, tmp_path)


def test_simweights_and_features_take_what_was_converted(shared_data, tmp_path):
    ds = ic.convert.files(shared_data / "tableio/sim_muons.hdf5", tmp_path / "made.icecol", jobs=1)
    events = ic.with_features(ds.scan(), Q=ic.reco.charge(ds.pulses("SplitInIcePulses")))
    total = events.select("Q.total").collect().to_series()
    with h5py.File(shared_data / "tableio/sim_muons.hdf5") as file:
        assert math.isclose(total.sum(), file["SplitInIcePulses"]["charge"].sum(), rel_tol=1e-9)
