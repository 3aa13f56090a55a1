"""`layered_cascade_fit`: the likelihood is what scipy says, its minimum is one, and cascades have a direction."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize
from scipy.stats import nbinom

import icecol as ic
from icecol.detector.ice import south_pole
from icecol.reco.kernels import layered_cascade_fit as kernels
from icecol.reco.kernels.layered_light import ice_of

ICE = ice_of(south_pole())
VERTEX, ENERGY = np.array([20.0, -30.0, -250.0]), 2e4
FLIGHT = (0.6, 0.0, -0.8)


@pytest.fixture(scope="module")
def doms():
    """DOMs around a vertex, with the charges expected of a cascade."""
    g = ic.Geometry.nominal()
    near = ((g.xyz - VERTEX) ** 2).sum(axis=1) < 200**2
    one = np.ones(near.sum())
    found = np.stack([*g.xyz[near].T, one, g.relative_efficiency[near], 0 * one])
    for i in range(near.sum()):
        found[5, i] = round(ENERGY * kernels.light_per_gev(ICE, found, i, *VERTEX, FLIGHT))
    return found


def test_the_likelihood_of_charges_is_a_negative_binomial_one(doms):
    p, means = np.array([*VERTEX, math.log(ENERGY)]), np.empty(doms.shape[1])
    values = []
    for e in (FLIGHT, (0.0, 0.0, 1.0)):
        mine = kernels.value_at(ICE, doms, p, e, VERTEX, means)
        k = 25.0  # 1 / 0.2^2
        values.append((mine, -nbinom.logpmf(doms[5], k, k / (k + means)).sum()))
        light = [kernels.light_per_gev(ICE, doms, i, *VERTEX, e) for i in range(doms.shape[1])]
        assert means == pytest.approx(ENERGY * np.array(light) + 0.02, rel=1e-9)
    assert values[1][0] - values[0][0] == pytest.approx(values[1][1] - values[0][1], rel=1e-9)
    away = kernels.value_at(ICE, doms, p, FLIGHT, VERTEX + np.array([10.0, 0.0, 0.0]), means)
    assert away - values[0][0] == pytest.approx(0.5)


@pytest.mark.slow
def test_scoring_finds_a_minimum_that_a_simplex_does_not_improve(doms):
    e = (0.3, 0.3, -math.sqrt(0.82))
    start = np.array([*VERTEX + 5.0, math.log(0.7 * ENERGY)])
    p, found, value, calls = kernels.improved(ICE, doms, start, e, VERTEX)
    means = np.empty(doms.shape[1])
    assert value == pytest.approx(kernels.value_at(ICE, doms, p, found, VERTEX, means))
    assert value < kernels.value_at(ICE, doms, start, e, VERTEX, means)
    assert calls < 60

    def at(q):
        flight = (math.sin(q[4]) * math.cos(q[5]), math.sin(q[4]) * math.sin(q[5]), math.cos(q[4]))
        return kernels.value_at(ICE, doms, q[:4], flight, VERTEX, means)

    polar = math.acos(found[2]), math.atan2(found[1], found[0])
    best = minimize(at, [*p, *polar], method="Nelder-Mead", options={"maxiter": 600}).fun
    assert best <= value <= best + 0.3
    assert np.dot(found, FLIGHT) > math.cos(math.radians(5))
    assert math.exp(p[3]) == pytest.approx(ENERGY, rel=0.05)


def test_the_best_energy_expects_the_charge_that_is_there(doms):
    means = np.empty(doms.shape[1])
    value, energy = kernels.at_best_energy(ICE, doms, VERTEX, FLIGHT, means)
    assert energy == pytest.approx(ENERGY, rel=0.02)
    other = kernels.at_best_energy(ICE, doms, VERTEX, (-0.6, 0.0, 0.8), means)[0]
    assert value < other - 10


def test_only_good_doms_within_reach_count_with_all_of_their_charge():
    key = np.array([10, 20, 30, 40], np.int32)
    sensors = (
        key,
        np.array([0.0, 3.0, 0.0, 99.0]),
        np.zeros(4),
        np.zeros(4),
        np.ones(4),
        np.array([1, 1.35, 0, 1]),
    )
    charge, omkey = np.array([1.0, 2.0, 4.0, 8.0, 16.0]), np.array([10, 10, 20, 25, 40], np.int32)
    good = np.array([True, True, False, True, True])
    found = kernels.around(charge, omkey, good, sensors, (0.0, 0.0, 0.0), 3.0)
    assert found.T.tolist() == [[0, 0, 0, 1, 1, 3], [3, 0, 0, 1, 1.35, 0]]


def test_trial_directions_are_all_over_the_sphere():
    all_of_them = np.array([kernels.spiral(k) for k in range(48)])
    assert np.linalg.norm(all_of_them, axis=1) == pytest.approx(1)
    assert np.abs(all_of_them.mean(axis=0)).max() < 0.02
    cosines = np.sort(all_of_them @ all_of_them.T, axis=1)[:, -2]
    assert np.degrees(np.arccos(cosines)).min() > 15


@pytest.fixture(scope="module")
def fitted():
    made = ic.sim.events(30, seed=11, muons=0, noise=0, cascades=1, energy=(1e5, 2e5), ice="layers")
    p = ic.Pulses("SRTInIcePulses", made.geometry)
    seeds = ic.with_features(made.to_polars(), CLast=ic.reco.clast(p))
    return ic.with_features(
        seeds, Fit=ic.reco.cascade_fit(p, directional=True, light="layers", form="MPE", jitter=4.0)
    ).collect()


@pytest.mark.slow
def test_direction_and_energy_of_bright_cascades_are_found(fitted):
    inside = (pl.col("MCPrimary.x") ** 2 + pl.col("MCPrimary.y") ** 2 < 450**2) & (
        pl.col("MCPrimary.z").abs() < 450
    )
    good = fitted.filter(inside, pl.col("Fit.fit_status") == 0)
    assert good.height > 8
    angle = good.select(ic.reco.opening_angle("Fit", "MCPrimary").degrees()).to_series()
    assert angle.median() < 25
    assert (good["Fit.energy"] / good["MCPrimary.energy"]).median() == pytest.approx(1, abs=0.1)
    assert (good["Fit.time"] - good["MCPrimary.time"]).abs().median() < 60


def test_events_without_a_seed_or_with_few_doms_have_no_fit(fitted):
    p = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    few = fitted.head(2).with_columns(
        pl.Series("CLast.fit_status", [30, 0], pl.Int32),
        *(pl.col(f"SRTInIcePulses.{m}").list.head(4) for m in ("time", "charge", "width", "flags", "omkey")),
    )
    fit = ic.reco.cascade_fit(p, directional=True, light="layers", min_hits=8)
    found = few.select(fit.struct.unnest())
    assert found["fit_status"].to_list() == [40, 20]
    assert found["logl"].to_list() == [None, None]
