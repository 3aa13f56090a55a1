from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from icecol import weight
from icecol.errors import MissingDependencyError


def test_nuflux_that_cannot_be_imported_says_why_and_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "nuflux", None)
    with pytest.raises(MissingDependencyError, match=r"numpy < 2.*environment of its own.*weight.tabulated"):
        weight.nuflux("honda2006")


def test_nuflux_is_asked_by_type_and_its_silent_zero_is_null(monkeypatch):
    def flux(types, energy, cosine):
        assert types.dtype == np.int32
        return np.where(energy > 1e6, 0.0, types * energy * cosine)

    model = SimpleNamespace(getFlux=flux, knee_reweighting_model="none")
    monkeypatch.setitem(sys.modules, "nuflux", SimpleNamespace(makeFlux=lambda name: model))
    found = weight.nuflux("honda2006", knee="gaisserH3a_elbert").at([10.0, 1e7], 0.5, 14)
    assert model.knee_reweighting_model == "gaisserH3a_elbert"
    assert found[0] == 70
    assert np.isnan(found[1])


def test_daemonflux_is_tabulated_and_its_factor_of_energy_cubed_taken_out(monkeypatch):
    class Model:
        def __init__(self, location):
            assert location == "IceCube"

        def zenith_angles(self):
            return ["0.0", "60.0", "90.0", "180.0", "average"]

        def flux(self, energy, zenith, name):
            sign = {"numu": 1.0, "antinumu": 2.0, "nue": 3.0, "antinue": 4.0}[name]
            return sign * np.outer(energy**0.3, 2 + np.cos(np.radians(zenith)))

    monkeypatch.setitem(sys.modules, "daemonflux", SimpleNamespace(Flux=Model))
    flux = weight.daemonflux("IceCube", energy=(10, 1e5))
    found = flux.at(3e3, 0.25, [14, -14, 12, -12, 16])
    assert np.allclose(found, np.array([1, 2, 3, 4, 0]) * 2.25 * 3e3**-2.7)
    assert np.isnan(flux.at(2e5, 0.25, 14))
    monkeypatch.setitem(sys.modules, "daemonflux", None)
    with pytest.raises(MissingDependencyError, match="daemonflux"):
        weight.daemonflux()
