"""`muon`: single muons, with weights that state the area, the directions and the energies they were thrown over."""

from __future__ import annotations

import math

import numpy as np
import pytest

import icecol as ic
from icecol.sim.muon import muons


@pytest.mark.parametrize("slope", [0.0, -0.8])
def test_the_integral_of_the_weights_is_area_times_solid_angle_times_energy_range(slope):
    n = 30_000
    w = muons(energy=(1e3, 1e4), index=1.0, zenith_slope=slope).throw(np.random.default_rng(1), n).weights
    etendue = 4 * math.pi * (math.pi * 700.0**2 / 2 + 2 * 700.0 * 1300.0 * math.pi / 4) * 1e4
    assert w["OneWeight"].mean() == pytest.approx(
        etendue * 9e3, rel=4 * w["OneWeight"].std() / w["OneWeight"].mean() / n**0.5
    )


def test_thinned_muons_make_up_for_those_that_are_not_there():
    n = 30_000
    sums = []
    for seed, dim in ((1, (0.0, 1.0)), (2, (1e4, 0.1))):
        w = muons(energy=(1e3, 1e5), dim=dim).throw(np.random.default_rng(seed), n).weights
        sums.append(
            [(w["OneWeight"] * w["PrimaryEnergy"] ** -2 * (w["PrimaryEnergy"] > e)).sum() for e in (1e3, 1e4)]
        )
    assert sums[0] == pytest.approx(sums[1], rel=0.06)


def test_generation_reads_their_weights(tmp_path):
    made = ic.sim.generate(muons(energy=(1e3, 1e5)), 20, seed=1)
    ds = ic.sim.to_dataset(made, tmp_path / "a")
    how = made.thrown["MuonWeightDict"]
    weight = ds.scan().select(ic.weight.generation(ds).weight(1.0)).collect().to_series().to_numpy()
    np.testing.assert_allclose(weight, how["OneWeight"] / 20, rtol=1e-9)


def test_muons_shine_before_they_enter_the_cylinder_too():
    made = muons().throw(np.random.default_rng(1), 10)
    light = made.at_detector.particles()
    assert (light.start == -np.inf).all()
    assert (light.stop > 0).all()
    t = made.tree
    edge = np.isclose(np.hypot(t.x, t.y), 700) | np.isclose(np.abs(t.z), 650)
    assert edge.all()


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="`zenith_slope` must be from -1 to 1"):
        muons(zenith_slope=2.0)
