from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from icecol.weight.surface import Surface, merged

SHAPES = {
    "circle": {"radius": 700.0},
    "cylinder": {"radius": 700.0, "height": 1500.0},
    "natural": {"radius": 700.0, "height": 1500.0, "natural": True},
}


def density(surface, energy, cosine):
    frame = pl.DataFrame({"e": energy, "c": cosine})
    return frame.select(surface.density(pl.col("e"), pl.col("c"))).to_series().to_numpy()


@pytest.mark.parametrize("index", [0.0, 1.0, 2.7])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_the_density_over_energy_direction_and_area_is_the_number_thrown(index, shape):
    surface = Surface(14, 1000, index, (1e2, 1e5), (-0.3, 0.9), **shape)
    e = np.geomspace(1e2, 1e5, 2001).clip(1e2, 1e5)
    c = np.linspace(-0.3, 0.9, 801).clip(-0.3, 0.9)
    grid = np.meshgrid(e, c, indexing="ij")
    found = density(surface, *(g.ravel() for g in grid)).reshape(grid[0].shape)
    area = np.full(c.size, math.pi * 7e4**2)
    if "height" in shape:
        area = math.pi * 7e4**2 * np.abs(c) + 2 * 7e4 * 1.5e5 * np.sqrt(1 - c * c)
    integral = np.trapezoid(np.trapezoid(found * e[:, None], np.log(e), axis=0) * area * 2 * math.pi, c)
    assert integral == pytest.approx(1000, rel=2e-5)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_there_is_nothing_outside_and_something_on_the_edge(shape):
    surface = Surface(14, 1000, 2, (1e2, 1e5), (-0.3, 0.9), **shape)
    e, c = [99.9, 1e2, 1e3, 1e5, 1.001e5, 1e3, 1e3], [0.0, 0.0, 0.9, -0.3, 0.0, 0.901, -0.301]
    assert (density(surface, e, c) > 0).tolist() == [False, True, True, True, False, False, False]


def test_etendue_over_the_upper_half_of_the_sky():
    half = Surface(2212, 1, 2, (1, 2), (0, 1), 800, 1600, natural=True)
    assert half.etendue == pytest.approx(math.pi * (math.pi * 800**2 + math.pi * 800 * 1600) * 1e4, rel=1e-14)
    assert half.etendue == pytest.approx(1.894964e11, rel=1e-6)


def test_surfaces_merge_if_they_differ_in_the_number_alone():
    a, b = Surface(14, 10, 2, (1, 2), (0, 1), 5), Surface(14, 10, 2, (1, 2), (0, 1), 5, scale=2)
    assert [s.n_events for s in merged([a, b, a])] == [20, 10]


def test_a_scale_lessens_the_density_and_with_it_raises_the_weights():
    one, three = (Surface(14, 10, 2, (1, 10), (0, 1), 5, scale=s) for s in (1, 3))
    assert density(one, [2.0], [0.5]) == pytest.approx(3 * density(three, [2.0], [0.5]))


def test_directions_are_uniform_in_solid_angle_unless_said_otherwise():
    plain, uniform, natural = (
        Surface(14, 10, 2, (1, 10), (0, 1), 5, 9, **more)
        for more in ({}, {"natural": False}, {"natural": True})
    )
    assert plain == uniform != natural
