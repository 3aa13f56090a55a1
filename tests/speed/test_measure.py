"""`speed.measure`, `speed.ways`, `speed.subject`, `speed.icetray`: nothing here depends on how fast anything is."""

from __future__ import annotations

import polars as pl
import pytest

import icecol as ic
from icecol.speed.measure import FRAMES, LOOP, PLAIN, PLAN, READ, STREAMING, _Run
from icecol.speed.subject import subject_of

QUICK = {"sizes": [10, 30], "seconds": 1e-3, "repeat": 1, "fresh": False}


@ic.kernel(early=pl.Float64, n=pl.Int32)
def early(time, charge, z):
    return (time[time < time.min() + 100.0]).size / time.size + 0.0 * z.sum() + 0.0 * charge.sum(), time.size


@ic.kernel(early=pl.Float64, m=pl.Int32)
def wrong(time, charge):
    return (time[time < time.min() + 200.0]).size / time.size + 0.0 * charge.sum(), time.size


@pytest.fixture(scope="module")
def linefit():
    return ic.bench("linefit", **QUICK)


def test_every_way_is_timed_over_the_same_events(linefit):
    event = linefit.rows.filter(pl.col("measure") == "event")
    assert {LOOP, PLAN, STREAMING, READ, FRAMES} <= set(event["way"])
    assert event.filter(pl.col("way") == LOOP)["ratio"].item() == 1.0
    assert any(way.startswith("IceTray") for way in event["way"])
    sizes = linefit.rows.filter((pl.col("measure") == "pulses") & (pl.col("way") == PLAN))
    assert sizes["at"].to_list() == [10, 30]
    assert sizes["pulses"].to_list() == [10.0, 30.0]
    assert linefit.rows.filter(pl.col("measure") == "threads")["at"][0] == 1
    assert linefit.rows.filter(pl.col("measure") == "batch")["at"][0] == 1


def test_the_columns_of_a_figure_belong_together(linefit):
    rows = linefit.rows
    assert rows.select((pl.col("event") - pl.col("pulse") * pl.col("pulses")).abs().max()).item() < 1e-12
    assert rows.select((pl.col("event") * pl.col("rate") - 1).abs().max()).item() < 1e-9
    icetray = rows.filter(pl.col("way").str.starts_with("IceTray"))
    assert icetray["event"].item() == pytest.approx(4.9e-6)


def test_all_ways_give_the_same_answers(linefit):
    assert linefit.agree
    assert linefit.disagreements() == []
    compared = set(linefit.answers["way"])
    assert {STREAMING, FRAMES, "one by one", "1 threads", "1 events a call", "numpy reduceat"} <= compared
    exact = linefit.answers.filter(pl.col("way").is_in([STREAMING, "one by one", "1 events a call"]))
    assert exact["largest"].max() == 0.0


def test_floors_are_measured(linefit):
    assert linefit.facts["bandwidth"] > 1e7
    # times of 8 bytes and keys of 4 for each pulse
    one = linefit.rows.filter(pl.col("way") == PLAN)["pulses"][0]
    assert linefit.facts["read_bytes"] == pytest.approx(12 * one)


def test_a_kernel_is_timed_beside_its_python_function_and_another_feature_pair_by_pair():
    found = ic.bench(early, against=wrong, **QUICK | {"sizes": []})
    assert found.feature == "early"
    assert not found.agree
    assert len(found.against) == 3
    assert all(ratio > 0 for ratio in found.against)
    assert [line.split(" differs")[0] for line in found.disagreements()] == ["against wrong: early"]
    assert PLAIN in set(found.answers["way"])
    assert found.answers.filter(pl.col("way") != "against wrong")["differ"].sum() == 0


def test_another_feature_may_have_no_field_in_common():
    run = _Run(subject_of("charge"), 1e-9, 1, 1e-3)
    run.check("against early", pl.DataFrame({"a": [1.0]}), pl.DataFrame({"b": [1.0]}))
    assert run.notes == ["against early: no field in common, so nothing is compared"]


def test_events_of_a_table_are_grouped_by_their_pulses():
    events = ic.sim.events(80, seed=3, noise=0).to_polars()
    with pytest.raises(ValueError, match="say which pulse series is to be read"):
        ic.bench("charge", events=events, **QUICK)
    with pytest.raises(ic.errors.SchemaError, match="there is no pulse series 'SRT'"):
        ic.bench("charge", events=events, pulses="SRT", **QUICK)
    found = ic.bench("charge", events=events, pulses="InIcePulses", rivals=False, **QUICK)
    assert found.agree
    groups = found.rows.filter((pl.col("measure") == "pulses") & (pl.col("way") == PLAN))
    assert groups["at"].is_sorted()
    assert groups.height >= 1
    assert FRAMES not in set(found.rows["way"])


@pytest.mark.parametrize(
    ("given", "name", "standard"),
    [
        ("spe_fit, BFGS", "spe_fit, BFGS", "spe_fit, BFGS"),
        ("linefit(min_hits=5)", "linefit(min_hits=5)", None),
        (early, "early", None),
        (early("P"), "early", None),
        (ic.reco.linefit, "linefit", "linefit"),
        (ic.reco.linefit("P"), "linefit", None),
        (pl.col("a"), "expression", None),
    ],
)
def test_what_is_timed_has_a_name(given, name, standard):
    found = subject_of(given)
    assert (found.name, found.standard) == (name, standard)
    made = found.make(ic.Pulses("P", ic.Geometry.nominal()))
    assert isinstance(made, pl.Expr)


def test_what_cannot_be_timed_is_told():
    with pytest.raises(ValueError, match="no feature 'linfit'"):
        ic.bench("linfit")
    with pytest.raises(TypeError, match="expected the name of a feature"):
        ic.bench(3)
