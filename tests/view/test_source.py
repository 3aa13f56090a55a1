"""Tests of `source` and of `view.frames`: which events are shown, whatever holds them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import icecol as ic
from icecol.dataset.pulses import MEMBERS
from icecol.errors import GeometryError, MissingColumnError
from icecol.view.source import FIRST, choose


def ids(chosen):
    return chosen.events.select("I3EventHeader.run_id", "I3EventHeader.event_id").rows()


def brightest(charges, n):
    return sorted(range(len(charges)), key=lambda i: (-charges[i], i))[:n]


@pytest.fixture
def forms(folder, sample):
    """The same events in every form, with their run number in it."""
    table = sample.to_polars()
    return {
        "a file": (folder / "run.i3.zst", 7),
        "a string": (str(folder / "run.i3.zst"), 7),
        "several files": ([folder / "GCD.i3.gz", folder / "run.i3.zst"], 7),
        "a folder": (folder / "run.icecol", 7),
        "a dataset": (ic.open_dataset(folder / "run.icecol"), 7),
        "frames": (list(ic.open_i3(folder / "run.i3.zst")), 7),
        "simulation": (sample, 1),
        "a data frame": (table, 1),
        "a lazy frame": (table.lazy(), 1),
        "a scan": (ic.scan_i3(folder / "run.i3.zst"), 7),
    }


def test_every_form_gives_the_brightest_events_brightest_first(forms, charges):
    wanted = brightest(charges, 3)
    for name, (events, run) in forms.items():
        assert ids(choose(events, n=3)) == [(run, i) for i in wanted], name
        assert choose(events).series[0] == "SRTInIcePulses", name


def test_every_form_gives_the_events_of_a_number_in_their_order(forms):
    for name, (events, run) in forms.items():
        assert ids(choose(events, event=[9, 4])) == [(run, 4), (run, 9)], name


def test_of_equally_bright_events_the_earlier_come_first():
    frames = []
    for i in range(9):
        frame = ic.Frame("P")
        frame["I3EventHeader"] = ic.new("I3EventHeader", run_id=1, event_id=i)
        frames.append(frame)
    assert ids(choose(frames, n=3)) == [(1, 0), (1, 1), (1, 2)]
    table = pl.DataFrame(
        {
            "I3EventHeader.run_id": [1] * 99, "I3EventHeader.event_id": range(99),
            "P.time": [[1.0]] * 99, "P.charge": [[1.0]] * 99, "P.width": [[1.0]] * 99, "P.flags": [[1]] * 99,
            "P.omkey": [[65792]] * 99,
        }
    )  # fmt: skip
    assert ids(choose(table, n=3)) == [(1, 0), (1, 1), (1, 2)]


def test_a_run_is_shown_whole(forms):
    for name in ("a file", "a folder", "simulation"):
        events, run = forms[name]
        assert ids(choose(events, run=run)) == [(run, i) for i in range(30)], name
        assert ids(choose(events, run=run, event=4)) == [(run, 4)], name
        with pytest.raises(MissingColumnError, match="no events of run 8, event 4"):
            choose(events, run=8, event=4)


def test_events_far_apart_are_read_one_by_one():
    table = pl.DataFrame({"I3EventHeader.run_id": [1] * 3000, "I3EventHeader.event_id": range(3000)})
    assert ids(choose(table, event=[2, 1001])) == [(1, 2), (1, 1001)]
    assert ids(choose(table, event=[0, 999, 2999])) == [(1, 0), (1, 999), (1, 2999)]


def test_every_form_has_the_same_columns(forms, sample):
    row = sample.to_polars().row(4, named=True)
    for name, (events, _) in forms.items():
        shown = choose(events, event=4).events.row(0, named=True)
        for member in MEMBERS:
            assert shown[f"SRTInIcePulses.{member}"] == row[f"SRTInIcePulses.{member}"], name


def test_a_single_frame_is_shown_with_what_it_inherits(folder):
    frame = next(f for f in ic.open_i3([folder / "GCD.i3.gz", folder / "run.i3.zst"]) if f.stop == "P")
    chosen = choose(frame)
    assert ids(chosen) == [(7, 0)]
    assert "InIcePulses" in chosen.series  # of the DAQ frame
    assert len(chosen.geometry) == 5160
    assert choose(folder / "run.i3.zst").geometry.equals(ic.Geometry.nominal(icetop=True))
    readout = choose(folder / "run.i3.zst", stop="Q", event=4)
    assert readout.series == ("InIcePulses",)


def test_units_come_with_files_and_datasets(folder):
    for events in (folder / "run.i3.zst", folder / "run.icecol"):
        assert choose(events).units["MCPrimary.energy"] == "GeV"


def test_series_can_be_chosen_and_decide_what_is_bright(folder, sample):
    light = sample.to_polars()["InIcePulses.charge"].list.sum().to_list()
    for events in (folder / "run.i3.zst", folder / "run.icecol"):
        chosen = choose(events, pulses=["InIce*", "SRT*"])
        assert chosen.series == ("InIcePulses", "SRTInIcePulses")
        assert ids(chosen) == [(7, brightest(light, 1)[0])]
        assert choose(events, pulses="SRT*").series == ("SRTInIcePulses",)
        with pytest.raises(
            MissingColumnError, match="no pulse series SRTPulses; did you mean 'SRTInIcePulses'"
        ):
            choose(events, pulses="SRTPulses")


def test_usual_series_come_first_then_the_others_by_name(sample):
    table = sample.to_polars().select(pl.all().name.replace("^SRTInIcePulses", "Cleaned"))
    assert choose(table).series == ("InIcePulses", "Cleaned")
    assert FIRST.index("SRTInIcePulses") < FIRST.index("InIcePulses")


def test_positions_are_those_of_the_gcd_that_is_given(folder, sample, tmp_path):
    moved = ic.Geometry.from_columns(sample.geometry.table().with_columns(pl.col("x") + 1))
    moved.write_parquet(tmp_path / "moved.parquet")
    for gcd in (moved, tmp_path / "moved.parquet"):
        for events in (folder / "run.i3.zst", folder / "run.icecol", sample):
            assert np.array_equal(choose(events, gcd=gcd).geometry.x, sample.geometry.x + 1)
    with pytest.raises(GeometryError):
        choose(sample, gcd=folder / "run.i3.zst")


def test_what_can_be_read_of_a_damaged_file_is_shown(folder, tmp_path):
    path = tmp_path / "cut.i3"
    whole = b"".join(f.encoded() for f in ic.open_i3(folder / "run.i3.zst"))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.warns(UserWarning, match=r"cut\.i3.*the frames there are not shown"):
        assert 5 < len(ids(choose(path, run=7))) < 25


def test_what_is_wrong_is_said(folder, sample, tmp_path):
    with pytest.raises(ValueError, match="at least 1; found 0"):
        choose(sample, n=0)
    with pytest.raises(FileNotFoundError):
        choose(tmp_path / "none.i3")
    with pytest.raises(ic.errors.DatasetError):
        choose(tmp_path)
    with pytest.raises(ValueError, match="the list is empty"):
        choose([])
    (tmp_path / "no.i3").write_bytes(b"\0 no frames" * 10)
    with pytest.raises(ic.errors.DamagedFileError, match=r"no\.i3"):
        choose(tmp_path / "no.i3")
    with pytest.raises(ValueError, match="one letter"):
        choose(folder / "run.i3.zst", stop="PP")
    with pytest.raises(TypeError, match="frames or simulated events; found int"):
        choose(42)
    with pytest.raises(MissingColumnError, match="frames has no events"):
        choose([ic.Frame("Q")])
    with pytest.raises(MissingColumnError, match=r"no column 'I3EventHeader.run_id'"):
        choose(sample.to_polars().drop("I3EventHeader.run_id"), event=1)


CHARGES = st.lists(
    st.none() | st.lists(st.floats(0, 1e3, width=32) | st.just(float("nan")), max_size=3),
    min_size=1,
    max_size=5,
)


@settings(max_examples=25)
@given(CHARGES, st.integers(1, 6))
def test_the_brightest_of_jagged_columns(charges, n):
    table = pl.DataFrame(
        {
            "P.time": [None if q is None else [0.0] * len(q) for q in charges],
            "P.charge": charges,
            "P.width": [None if q is None else [1.0] * len(q) for q in charges],
            "P.flags": [None if q is None else [1] * len(q) for q in charges],
            "P.omkey": [None if q is None else [65792] * len(q) for q in charges],
            "I3EventHeader.event_id": range(len(charges)),
        },
        schema={
            "P.time": pl.List(pl.Float64), "P.charge": pl.List(pl.Float32), "P.width": pl.List(pl.Float32),
            "P.flags": pl.List(pl.UInt8), "P.omkey": pl.List(pl.Int32), "I3EventHeader.event_id": pl.UInt32,
        },
    )  # fmt: skip
    light = [-1.0 if q is None else float(np.nansum(np.array(q, "f4"))) for q in charges]
    found = choose(table, n=n).events["I3EventHeader.event_id"].to_list()
    assert len(set(found)) == len(found) == min(n, len(charges))
    assert [light[i] for i in found] == pytest.approx(sorted(light, reverse=True)[:n], rel=1e-5)
