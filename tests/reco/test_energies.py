"""`energies`, `kernels.truncated_energy`, `muon_energy`, `muon_light`: energies agree with slow twins."""

from __future__ import annotations

import math

import naive_energies as naive
import numpy as np
import polars as pl
import pytest
from answers import near
from hypothesis import given, settings
from hypothesis import strategies as st
from random_events import frame
from stored import FEW, SMALL
from test_first_guesses import CALM

from icecol import Geometry, Pulses, reco, sim
from icecol.errors import GeometryError
from icecol.reco import energies
from icecol.reco.kernels import muon_energy as kernels
from icecol.reco.testing import check_feature

P = Pulses("P", SMALL)
WAYS = energies.WAYS
TRACK = st.fixed_dictionaries(
    {
        **{c: st.floats(-150, 150) for c in "xyz"},
        "zenith": st.floats(0, math.pi),
        "azimuth": st.floats(0, 6.28),
    }
)


def on(events, track, **columns):
    track = {"time": 1e4, **track}
    return frame(events).with_columns(pl.lit(v).alias(f"T.{k}") for k, v in (track | columns).items())


@pytest.fixture(scope="module")
def muons():
    """Muons that shine evenly, of 1 to 100 TeV, and a geometry for their pulses."""
    made = sim.events(60, seed=11, cascades=0, noise=0, energy=(1e3, 1e5), index=1.0, radius=400.0)
    return made.to_polars(), Pulses("SRTInIcePulses", made.geometry)


@settings(max_examples=20)
@given(CALM, TRACK)
def test_truncated_energy_agrees_with_its_slow_twin(events, track):
    rows = on(events, track).select(reco.truncated_energy(P, track="T").struct.unnest()).to_dicts()
    for row, event in zip(rows, events, strict=True):
        if event is None:
            assert set(row.values()) == {None}
            continue
        losses, bins, doms = naive.truncated(event, FEW, track)
        assert (row["n_bins"], row["n_doms"]) == (bins, doms)
        assert row["fit_status"] == (0 if bins >= 3 or doms >= 8 else 20)
        for way in WAYS:
            assert row[f"{way}_dEdX"] == near(losses[way], rel=1e-9), way


@pytest.mark.slow
def test_all_ways_see_the_light_of_bright_muons_as_their_slow_twins(muons):
    table, pulses = muons
    table = table[:3]
    rows = table.select(reco.truncated_energy(pulses, track="MCPrimary").struct.unnest()).to_dicts()
    sensors = {r["omkey"]: r for r in pulses.geometry.table().to_dicts()}
    for row, event in zip(rows, table.to_dicts(), strict=True):
        hits = list(zip(*(event[f"SRTInIcePulses.{m}"] for m in ("time", "charge", "omkey")), strict=True))
        track = {c: event[f"MCPrimary.{c}"] for c in ("x", "y", "z", "zenith", "azimuth")}
        losses, _, _ = naive.truncated(hits, sensors, track)
        assert {w: row[f"{w}_dEdX"] for w in WAYS} == pytest.approx(losses, rel=1e-9)


@pytest.mark.slow
def test_losses_become_energies_by_the_calibration(muons):
    table, pulses = muons
    given_ = dict.fromkeys(WAYS, (0.1, 0.0001, 1.0, 0.2, 2.0))
    found = table.select(reco.truncated_energy(pulses, track="MCPrimary", calibration=given_).struct.unnest())
    for way in WAYS:
        loss = found[f"{way}_dEdX"].to_numpy()
        expected = np.where(loss >= 0.2, (loss - 0.1) / 1e-4, 1e3 * (loss / 0.2) ** 2)
        assert found[f"{way}_energy"].to_numpy() == pytest.approx(expected, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("q", [0.0, 0.3, 1.0, 7.5, 400.0])
@pytest.mark.parametrize("mu", [1e-4, 0.02, 0.9, 3.0, 60.0, 2000.0])
def test_a_sensor_is_as_unlikely_as_its_slow_twin(q, mu):
    assert kernels.unlikely(q, mu, kernels.POISSON) == pytest.approx(
        naive.poisson(q, mu), rel=1e-12, abs=1e-15
    )
    assert kernels.unlikely(q, mu, kernels.SKEWED) == pytest.approx(naive.skewed(q, mu), rel=1e-6, abs=1e-6)


@settings(max_examples=30)
@given(CALM, TRACK, st.sampled_from(["Poisson", "skewed"]))
def test_no_other_amount_of_light_is_more_likely(events, track, form):
    feature = reco.muon_energy(P, track="T", form=form)
    rows = on(events, track).select(feature.struct.unnest()).to_dicts()
    kind = energies.FORMS[form]
    for row, event in zip(rows, events, strict=True):
        if event is None:
            assert set(row.values()) == {None}
            continue
        near = [(q, k) for q, k, d, _ in naive.along(event, FEW, track) if d <= 150]
        assert (row["n_doms"], row["n_sensors"]) == (sum(q > 0 for q, _ in near), len(near))
        if row["fit_status"]:
            assert row["light"] is None
            continue
        assert row["n_doms"] >= 4

        def total(light, near=near):
            return sum(kernels.unlikely(q, k * light + 1e-3, kind) for q, k in near)

        assert row["logl"] == pytest.approx(total(row["light"]), rel=1e-9, abs=1e-9)
        factors = np.geomspace(0.3, 3, 13) if form == "skewed" else np.geomspace(1e-3, 1e3, 25)
        # the skewed form may have a further minimum; around the one found it is least, to what golden sections leave
        assert min(total(row["light"] * f) for f in factors) >= row["logl"] - 1e-3 * (1 + row["logl"])


@pytest.mark.slow
def test_light_is_that_of_the_simulation_but_for_the_mean_charge(muons):
    table, pulses = muons
    feature = reco.muon_energy(pulses, track="MCPrimary", form="Poisson")
    found = reco.with_features(table, E=feature).collect()
    ratio = (found["E.light"] / (1.22 + 1.36e-3 * found["MCPrimary.energy"])).to_numpy()
    assert np.median(ratio) == pytest.approx(0.83, abs=0.05)
    pull = (ratio / np.median(ratio) - 1) / (found["E.light_error"] / found["E.light"]).to_numpy()
    assert 0.6 < np.std(pull) < 1.8


@pytest.mark.slow
def test_energies_are_right_for_muons_with_losses():
    made = sim.events(
        60, seed=5, cascades=0, noise=0, energy=(5e3, 5e4), index=1.0, radius=400.0, losses=True
    )
    pulses = Pulses("SRTInIcePulses", made.geometry)
    features = {f: getattr(reco, f)(pulses, track="MCPrimary") for f in ("truncated_energy", "muon_energy")}
    found = reco.with_features(made.to_polars(), **features).collect()
    spreads = {}
    for column in [*(f"truncated_energy.{w}_energy" for w in WAYS), "muon_energy.energy"]:
        ratio = (found[column] / found["MCPrimary.energy"]).log10().drop_nulls()
        assert abs(ratio.median()) < 0.2, column
        spreads[column] = (ratio.quantile(0.84) - ratio.quantile(0.16)) / 2
    assert spreads["truncated_energy.AllDOMS_energy"] < 0.85 * spreads["truncated_energy.ORIG_energy"]
    assert spreads["muon_energy.energy"] < 0.85 * spreads["truncated_energy.ORIG_energy"]


def test_the_calibration_says_how_it_was_made():
    found = energies.calibration()
    assert set(found["coefficients"]) == {*WAYS, "light"}
    assert found["made_by"].startswith("benchmarks/calibrate_energy.py")
    assert found["simulation"]["losses"] is True
    assert all(len(numbers) == 5 for numbers in found["coefficients"].values())


@pytest.mark.parametrize(
    ("way", "a", "b"),
    [("BINS", 0.630442, 7.00521e-5), ("AllBINS", 0.288059, 7.14560e-5), ("DOMS", 0.432383, 4.75372e-5),
     ("AllDOMS", 0.0623464, 4.92307e-5)],
)  # fmt: skip
@pytest.mark.parametrize("energy", [1e4, 1e5, 5e5])
def test_losses_are_close_to_those_that_icetray_expects_of_muons(way, a, b, energy):
    # its constants are of other tables of light, another simulation and other fits
    a_, b_, g, _, _ = energies.calibration()["coefficients"][way].values()
    assert a_ + b_ * energy ** (1 / g) == pytest.approx(a + b * energy, rel=0.25)


def test_what_is_missing_or_undefined_is_null():
    event = [(1e4, 1.0, key) for key in sorted(FEW)[:5]]
    table = frame([event, [], None, event]).with_columns(
        *(pl.lit(0.0).alias(f"T.{m}") for m in ("x", "y", "z", "time", "azimuth")),
        pl.Series("T.zenith", [math.nan, 1.0, 1.0, None]),
    )
    for feature in (reco.truncated_energy(P, track="T"), reco.muon_energy(P, track="T")):
        found = table.select(feature.struct.unnest())
        lost, empty, absent, without = found.to_dicts()
        assert (lost["fit_status"], empty["fit_status"]) == (40, 20)
        floats = [name for name, dtype in found.schema.items() if dtype.is_float()]
        assert {row[name] for row in (lost, empty) for name in floats} == {None}
        assert set(absent.values()) == set(without.values()) == {None}


@pytest.mark.slow
def test_a_row_does_not_know_how_its_frame_is_stored(muons):
    table, pulses = muons
    table = table[:6]
    check_feature(reco.truncated_energy(pulses, track="MCPrimary"), table)
    check_feature(reco.muon_energy(pulses, track="MCPrimary"), table)


@pytest.mark.parametrize("make", [reco.truncated_energy, reco.muon_energy])
def test_pulses_without_a_geometry_are_an_error(make):
    with pytest.raises(GeometryError, match="needs the positions of the DOMs"):
        make(Pulses("P"), track="T")


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match="`form` must be one of 'Poisson', 'skewed'; found 'gauss'"):
        reco.muon_energy(P, track="T", form="gauss")
    with pytest.raises(ValueError, match="calibration` of light has 2 numbers"):
        reco.muon_energy(P, track="T", calibration=(1.0, 2.0))
    with pytest.raises(ValueError, match="found 'BIN'"):
        reco.truncated_energy(P, track="T", calibration={"BIN": (1.0, 1.0, 1.0, 1.0, 1.0)})


def test_bad_sensors_and_icetop_are_left_out():
    table = SMALL.table().with_columns(bad=pl.col("string") == pl.col("string").min())
    geometry = Geometry.from_columns(table)
    event = [[(1e4, 1.0, key) for key in sorted(FEW)[:40]]]
    counted = [
        on(event, {"x": 0.0, "y": 0.0, "z": 0.0, "zenith": 0.5, "azimuth": 1.0})
        .select(reco.muon_energy(Pulses("P", g), track="T", radius=1e4).struct.field("n_sensors"))
        .item()
        for g in (SMALL, geometry)
    ]
    assert counted == [sum(not r["bad"] for r in g.table().to_dicts()) for g in (SMALL, geometry)]


@pytest.mark.parametrize(("charge", "reach"), [(0.0, -6.8), (100.0, 2.8)])
def test_the_skewed_form_is_searched_from_6_8_below_to_2_8_above_the_poisson_result(charge, reach):
    # a grid of 10 steps from 6 below to 2 above, and one step of 0.8 beyond: where the best is at either end
    found = kernels.descend(1.0, np.array([charge]), np.array([1e-3]), 1e-3)
    assert found == pytest.approx(1.0 + reach, abs=1e-3)
