from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from made import dataset, nugen

import icecol as ic
from icecol.sim import primary


def test_effective_areas_are_as_simweights_has_them(tmp_path):
    simweights = pytest.importorskip("simweights")
    ds = dataset(tmp_path / "a", nugen(np.random.default_rng(1), 500), nfiles=3)
    e, c = [1e2, 1e3, 1e4, 1e6], [-1, -0.2, 0.4, 1]
    theirs = simweights.NuGenWeighter(ds.tables, nfiles=3)
    found = ic.weight.effective_area(ds, ic.weight.generation(ds), e, c)
    assert found["area"].to_numpy().reshape(3, 3) == pytest.approx(theirs.effective_area(e, c).T, rel=1e-12)
    assert found["energy_min"].to_list() == [x for x in e[:-1] for _ in range(3)]
    assert found["cos_zenith_max"].to_list() == c[1:] * 3
    w = theirs.get_weights(1)
    energy, cosine = theirs.get_weight_column("energy"), theirs.get_weight_column("cos_zen")
    first = (energy < 1e3) & (cosine < -0.2)
    error = math.sqrt((w[first] ** 2).sum()) * 1e-4 / (2 * 900 * 2 * math.pi * 0.8)
    assert found["error"][0] == pytest.approx(error, rel=1e-12)


def test_the_effective_volume_of_all_that_is_thrown_is_the_volume():
    """With every neutrino kept, the volume is that of the cylinder they are thrown in."""
    rng = np.random.default_rng(2)
    n, energy = 4000, (1e3, 1e5)
    thrown = primary.cascades(rng, n, energy, 1.0, "isotropic")
    surface = ic.weight.Surface(12, n, 1.0, energy, (-1, 1), primary.cylinder_radius, primary.cylinder_height)
    generation = ic.weight.Generation((surface,), pl.col("p"), pl.col("e"), pl.col("c"), pl.col("w"))
    density = primary.energy_density(thrown.energy, energy, 1.0)
    c = np.cos(thrown.zenith)
    area = pl.DataFrame({"c": c}).select(surface.area(pl.col("c"))).to_series().to_numpy()
    events = pl.DataFrame({"p": np.full(n, 12), "e": thrown.energy, "c": c,
                           "w": thrown.one_weight * density / (4 * math.pi * area)})  # fmt: skip
    edges = np.geomspace(*energy, 5)
    table = ic.weight.effective_volume(events, generation, edges)
    volume = math.pi * primary.cylinder_radius**2 * primary.cylinder_height
    assert ((table["volume"] - volume).abs() < 4 * table["error"]).all()
    assert (table["error"] < 0.06 * volume).all()
    twice = ic.weight.effective_volume(events, generation, edges, cross_section=np.full(4, 1e-35))
    area = ic.weight.effective_area(events, generation, edges)
    assert twice["volume"][1] == pytest.approx(area["area"][1] / (0.917 * 6.02214076e29 * 1e-39), rel=1e-12)
    with pytest.raises(ValueError, match=r"shape \(3,\).*4 bins"):
        ic.weight.effective_volume(events, generation, edges, cross_section=np.ones(3))


def test_noise_has_no_area_and_an_event_outside_is_an_error(tmp_path):
    ds = dataset(tmp_path / "a", nugen(np.random.default_rng(3), 20), nfiles=1)
    made = ic.weight.generation(ds)
    ic.weight.effective_area(ds, made, [1e2, 1e6])
    narrow = ic.weight.Generation(
        tuple(ic.weight.Surface(t, 1, 2, (1e7, 1e8), (-1, 1), 1) for t in made.types),
        made.pdg_encoding, made.energy, made.cos_zenith, made.factor,
    )  # fmt: skip
    with pytest.raises(ValueError, match="null in 18 of 18"):
        ic.weight.effective_area(ds, narrow, [1e2, 1e6])
