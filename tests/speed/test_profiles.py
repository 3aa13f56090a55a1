"""`speed.profiles`: which kernel ran over how many events."""

from __future__ import annotations

import polars as pl
import pytest

import icecol as ic
from icecol.reco.watch import watching

P = ic.Pulses("P", ic.Geometry.nominal())


@pytest.fixture(scope="module")
def events():
    return ic.sim.events(40, seed=2, noise=0).to_polars().rename(lambda c: c.replace("SRTInIcePulses", "P"))


@ic.kernel(last=pl.Float64)
def last(time):
    return time.max()


def test_a_cut_on_a_cheap_feature_spares_the_others(events):
    plan = ic.with_features(events, Fit=ic.reco.improved_linefit(P), Q=ic.reco.charge(P), Last=last(P))
    bright = (plan.select(pl.col("Q.total") > 30).collect().to_series()).sum()
    assert 0 < bright < 40
    found = ic.profile(plan.filter(pl.col("Q.total") > 30).select("Q.total", "Fit.zenith", "Last.last"))
    seen = {row["feature"]: row for row in found.kernels.iter_rows(named=True)}
    assert seen["Q"]["events"] == 40
    assert seen["Fit"]["events"] == bright
    assert seen["Fit"]["kernel"] == "improved_linefit"
    assert seen["Last"]["columns"][0] == "P.time"
    assert {"P.time", "P.omkey"} <= set(seen["Fit"]["columns"])
    pulses = events.filter(events["P.charge"].list.sum() > 30)["P.time"].list.len().sum()
    assert seen["Fit"]["pulses"] == pulses
    assert found.result.height == bright


@pytest.mark.parametrize("cut", [pl.LazyFrame.filter, lambda plan, kept: ic.Cuts(kept=kept).apply(plan)])
def test_of_a_tenth_that_passes_a_cut_on_charge_the_fit_sees_that_tenth(cut):
    events = ic.sim.events(100, seed=3).to_polars()
    p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    least = ic.with_features(events, Q=ic.reco.charge(p)).select(pl.col("Q.total").quantile(0.9, "higher"))
    kept = pl.col("Q.total") >= least.collect().item()
    plan = ic.with_features(events, LineFit=ic.reco.linefit(p))
    plan = ic.with_features(plan, Fit=ic.reco.spe_fit(p, seed="LineFit"), Q=ic.reco.charge(p))
    found = ic.profile(cut(plan, kept).select("Q.total", "Fit.zenith"))
    seen = dict(found.kernels.select("feature", "events").rows())
    assert found.result.height == seen["Fit"] == 10
    assert seen["Q"] == 100


def test_cutflow_needs_the_fit_of_every_event(events):
    plan = ic.with_features(events, Fit=ic.reco.improved_linefit(P), Q=ic.reco.charge(P))
    cuts = ic.Cuts(bright=pl.col("Q.total") > 30, up=pl.col("Fit.zenith") > 1.5)
    with watching() as calls:
        table = ic.cutflow(plan, cuts)
    assert sum(c.events for c in calls if str(c.site) == "Fit") == 40 > table["n"][1]
    assert table["n_alone"][2] > table["n"][2]


def test_times_are_of_the_loop_and_around_it(events):
    found = ic.profile(ic.with_features(events, Fit=ic.reco.improved_linefit(P)).select("Fit.zenith"))
    (row,) = found.kernels.filter(pl.col("feature") == "Fit").iter_rows(named=True)
    assert row["loop"] > 0
    assert row["around"] >= 0
    assert row["calls"] >= 1
    assert 0 < row["share"] < 1.5
    text = str(found)
    assert "improved_linefit" in text
    assert "all else" in text
    assert "on the clock" in text


def test_pulses_that_a_cleaning_leaves_are_seen(events):
    plan = ic.with_features(events, Clean=ic.reco.classic_rt(P)).select("Clean.time")
    found = ic.profile(plan)
    assert found.kernels.select("feature", "events").rows() == [("Clean", 40)]


def test_a_plan_without_kernels_has_an_empty_profile(events):
    found = ic.profile(events.lazy().select(pl.col("P.time").list.len()))
    assert found.kernels.height == 0
    assert found.result.height == 40
