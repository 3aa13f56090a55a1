from __future__ import annotations

import pickle
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

        @property
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


def test_the_library_daemonflux_itself_with_made_tables(monkeypatch, tmp_path):
    daemonflux = pytest.importorskip("daemonflux", reason="daemonflux is not installed")
    splines = pytest.importorskip("scipy.interpolate")
    log_e = np.log(np.geomspace(10, 1e6, 60))
    names = {"numu": 1.0, "antinumu": 2.0, "nue": 3.0, "antinue": 4.0}

    def spline(values):
        return splines.InterpolatedUnivariateSpline(log_e, values)

    angles = {f"{angle:.4f}": 2 + np.cos(np.radians(angle)) for angle in (0, 60, 90, 180)}
    flux = {a: {n: spline(np.log(s * c) + 0.3 * log_e) for n, s in names.items()} for a, c in angles.items()}
    jacobian = {a: {"p": {n: spline(0 * log_e) for n in names}} for a in angles}
    contents = {
        "splines": (["p"], {"IceCube": flux}, {"IceCube": jacobian}, np.eye(1)),
        "calibration": {"params": {"p": {"value": 0.0}}, "cov_params": ["p"], "cov_matrix": np.eye(1)},
    }

    def tables(url):
        which = "calibration" if "calib" in url else "splines"
        (tmp_path / which).write_bytes(pickle.dumps(contents[which]))
        return str(tmp_path / which)

    monkeypatch.setattr("daemonflux.flux._cached_data_dir", tables)
    monkeypatch.setattr(daemonflux.Flux, "_cleanup_old_revisions", lambda _self: None)
    found = weight.daemonflux("IceCube", energy=(10, 1e5))
    assert np.allclose(
        found.at(3e3, 0.25, [14, -14, 12, -12, 16]), np.array([1, 2, 3, 4, 0]) * 2.25 * 3e3**-2.7
    )


def test_tables_of_daemonflux_that_cannot_be_downloaded_are_told(monkeypatch):
    def model(location):
        raise ConnectionError(location)

    monkeypatch.setitem(sys.modules, "daemonflux", SimpleNamespace(Flux=model))
    with pytest.raises(
        ConnectionError, match=r"tables for 'generic'.*where there is a network.*conventional"
    ):
        weight.daemonflux()
