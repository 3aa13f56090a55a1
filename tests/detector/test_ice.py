from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from icecol.detector import ice, medium

FOLDER = Path(os.environ.get("ICECOL_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def of_depth(depth):
    layers = ice.south_pole()
    i = int((layers.top - (medium.surface - depth)) / layers.height)
    return 1 / layers.scattering[i], 1 / layers.absorption[i]


def test_dust_layer_is_the_dirtiest_ice_in_the_detector_and_the_deep_ice_the_clearest():
    layers = ice.south_pole()
    z = layers.top - (np.arange(layers.scattering.size) + 0.5) * layers.height
    inside = np.abs(z) < 500
    low, high = medium.dust_layer
    assert low < z[inside][layers.absorption[inside].argmax()] < high
    assert z[inside][layers.absorption[inside].argmin()] < -300
    assert of_depth(2043) == pytest.approx((6.6, 26), rel=0.01)
    assert of_depth(2303) == pytest.approx((72.1, 271), rel=0.01)


def test_means_in_the_detector_are_those_of_the_published_model():
    layers = ice.south_pole()
    depth = medium.surface - layers.top + (np.arange(layers.scattering.size) + 0.5) * layers.height
    inside = (depth > 1450) & (depth < 2450)
    assert 1 / layers.scattering[inside].mean() == pytest.approx(24.38, rel=0.01)
    assert 1 / layers.absorption[inside].mean() == pytest.approx(87.15, rel=0.01)


def test_layers_are_means_of_the_published_table():
    path = FOLDER / "ice" / "spice_lea_400nm.txt"
    if not path.exists():
        pytest.skip(f"no table of the ice at {path}")
    depth, scattering, dust, warmer = np.loadtxt(path).T
    absorption = dust + 6954.09033203 * np.exp(-6617.75439453 / 400) * (1 + 0.01 * warmer)
    for i, (length, longer) in enumerate(ice._LENGTHS):
        top = ice.TOP + ice.HEIGHT * i
        inside = (depth > top) & (depth < top + ice.HEIGHT)
        assert inside.sum() == 2
        assert 1 / scattering[inside].mean() == pytest.approx(length, abs=0.051)
        assert 1 / absorption[inside].mean() == pytest.approx(longer, abs=0.51)


def test_hole_ice_keeps_the_mean_and_dims_light_head_on():
    see = np.polynomial.Polynomial(ice.ACCEPTANCE)
    assert see(np.array([1.0, 0.0, -1.0])) == pytest.approx([0.200, 0.328, 0.0046], abs=6e-4)
    assert ice.acceptance_moments()[0] == pytest.approx(0.3381, abs=1e-4)
    cosine = np.linspace(-1, 1, 20_001)
    for degree, moment in enumerate(ice.acceptance_moments()):
        legendre = np.polynomial.Legendre.basis(degree)(cosine)
        assert np.mean(see(cosine) * legendre) * (2 * degree + 1) == pytest.approx(moment, abs=1e-3)
