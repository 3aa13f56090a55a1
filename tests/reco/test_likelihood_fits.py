"""Track fits are those of IceTray: the likelihood, the path of the minimiser, what happens when there is no fit."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest

from icecol import reco, scan_i3
from icecol.dataset.geometry import Geometry, omkey
from icecol.dataset.pulses import Pulses

FILES = {
    "oscNext_genie_level3_v02": "icecube86",
    "oscNext_genie_level7_v02": "icecube86",
    "oscNext_noise_level3_v02": "icecube86",
    "upgrade_genie_step4_140028_000998": "icecube_upgrade",
}
STATUS = {"OK": 0, "FailedToConverge": 30, "MissingSeed": 40, None: None}
PARTICLE = ("x", "y", "z", "time", "zenith", "azimuth")
FITS = {  # seed and settings of each of IceTray's fits
    "SPEFitSingle": ("LineFit", "spe", 0),
    "SPEFit2": ("SPEFitSingle", "spe", 2),
    "MPEFit": ("SPEFit2", "mpe", 0),
}


def truth_frames(shared_data):
    """Yield file, pulses (time, charge, omkey) and IceTray's fits of each series of each event."""
    for name in FILES:
        folder = shared_data / "truth" / "icetray" / name
        with np.load(folder / "pulses.npz") as arrays:
            stored = dict(arrays)
        physics = sorted({k[:5] for k in stored if "|Split" in k})
        for frame in json.loads((folder / "fits.json").read_text())["frames"]:
            index, key = physics[frame["p_index"]], frame["key"]
            p = stored.get(f"{index}|{key}", stored.get(f"{int(index) - 1:05}|{key}"))
            if p is not None and frame["fits"]:
                yield name, p["time"], p["charge"], omkey(p["string"], p["om"], p["pmt"]), frame["fits"]


def number(value):
    return math.nan if value is None else float(value)


@pytest.fixture(scope="module")
def fits(shared_data):
    """Return our fits and IceTray's, [(ours, theirs)] for each of `FITS`, from the seeds that IceTray had."""
    found = {name: [] for name in FITS}
    for file, g in FILES.items():
        pulses = Pulses("P", Geometry.read_parquet(shared_data / "geometry" / f"{g}.parquet"))
        events = [e[1:] for e in truth_frames(shared_data) if e[0] == file]
        columns = {
            "P.time": pl.Series([e[0].tolist() for e in events], dtype=pl.List(pl.Float64)),
            "P.charge": pl.Series([e[1].tolist() for e in events], dtype=pl.List(pl.Float32)),
            "P.omkey": pl.Series([e[2].tolist() for e in events], dtype=pl.List(pl.Int32)),
        }
        for key in ("LineFit", *FITS):
            for m in PARTICLE:
                columns[f"{key}.{m}"] = pl.Series([number(e[3][key][m]) for e in events], dtype=pl.Float64)
            columns[f"{key}.fit_status"] = pl.Series(
                [STATUS[e[3][key]["fit_status"]] for e in events], dtype=pl.Int32
            )
        features = {
            f"Our{name}": (reco.spe_fit if kind == "spe" else reco.mpe_fit)(pulses, seed, iterations=n)
            for name, (seed, kind, n) in FITS.items()
        }
        features |= {
            f"L{name}": reco.track_likelihood(pulses, name, form="MPE" if name == "MPEFit" else "SPE1st")
            for name in FITS
        }
        rows = reco.with_features(pl.DataFrame(columns), **features).collect().to_dicts()
        for row, event in zip(rows, events, strict=True):
            for name in FITS:
                ours = {
                    m: row[f"Our{name}.{m}"]
                    for m in (*PARTICLE, "fit_status", "logl", "rlogl", "ndof", "nmini")
                }
                found[name].append((ours | {"at_theirs": row[f"L{name}.logl"]}, event[3][name]))
    return found


@pytest.mark.parametrize("name", FITS)
def test_status_and_failed_fits_are_those_of_icetray(fits, name):
    assert {0, 40 if name != "SPEFitSingle" else 30} == {ours["fit_status"] for ours, _ in fits[name]}
    for ours, theirs in fits[name]:
        assert ours["fit_status"] == STATUS[theirs["fit_status"]]
        assert (ours["ndof"], ours["nmini"] < 0) == (theirs["ndof"], theirs["nmini"] < 0)
        if ours["fit_status"]:
            for m in PARTICLE:  # the seed, moved, or nothing
                assert ours[m] == pytest.approx(number(theirs[m]), rel=1e-14, nan_ok=True)
            assert math.isnan(ours["logl"])
            assert math.isnan(ours["rlogl"])


def converged(fits, name):
    return [(ours, theirs) for ours, theirs in fits[name] if theirs["logl"] is not None]


@pytest.mark.parametrize("name", FITS)
def test_likelihood_of_the_track_that_icetray_found_is_icetrays(fits, name):
    pairs = converged(fits, name)
    assert len(pairs) == 29
    same = 0
    for ours, theirs in pairs:
        same += ours["at_theirs"] == pytest.approx(theirs["logl"], rel=1e-11)
        # where the track passes a sensor at centimetres the distance has lost digits of the direction
        assert ours["at_theirs"] == pytest.approx(theirs["logl"], rel=1e-8)
    assert same >= len(pairs) - 2


@pytest.mark.parametrize("name", FITS)
def test_the_simplex_takes_the_path_that_icetray_takes(fits, name):
    pairs = converged(fits, name)
    same_path = [ours["nmini"] == theirs["nmini"] for ours, theirs in pairs]
    assert np.mean(same_path) > 0.9
    for ours, theirs in pairs:
        assert ours["time"] == pytest.approx(theirs["time"], abs=1e-4)
        assert ours["logl"] <= theirs["logl"] + 5e-3
        assert ours["rlogl"] == pytest.approx(ours["logl"] / ours["ndof"])
        if ours["nmini"] == theirs["nmini"]:
            assert ours["logl"] == pytest.approx(theirs["logl"], abs=2e-6)
            for m in ("zenith", "azimuth"):
                assert ours[m] == pytest.approx(theirs[m], abs=1e-3)
    better = [ours["logl"] <= theirs["logl"] + 1e-3 for ours, theirs in pairs]
    assert np.mean(better) > 0.95


STORED = {
    "SPEFitSingle": "SPE1st",
    "SPEFitSingle_DC": "SPE1st",
    "SPEFit2": "SPE1st",
    "SPEFit2_DC": "SPE1st",
    "MPEFit": "MPE",
    "L5_SPEFit11": "SPE1st",
}


def test_stored_fits_are_found_again(shared_data):
    geometry = Geometry.read_parquet(shared_data / "geometry" / "icecube86.parquet")
    n, n_same, n_path = 0, 0, 0
    for file in FILES:
        if file.startswith("upgrade"):  # stores none
            continue
        frame = scan_i3(shared_data / "i3" / "real" / f"{file}_first_5_frames.i3.gz").collect()
        pulses = Pulses("SRTInIcePulses", geometry)
        features = {
            f"At{key}": reco.track_likelihood(pulses, key, form=form)
            for key, form in STORED.items()
            if f"{key}.x" in frame.columns
        }
        features["New"] = reco.spe_fit(pulses)
        features["New2"] = reco.spe_fit(pulses, "SPEFitSingle", iterations=2)
        features["NewM"] = reco.mpe_fit(pulses, "SPEFit2")
        rows = reco.with_features(frame, **features).collect().to_dicts()
        for row in rows:
            for key in features:
                stored = {"New": "SPEFitSingle", "New2": "SPEFit2", "NewM": "MPEFit"}.get(
                    key, key.removeprefix("At")
                )
                logl = row[f"{stored}FitParams.logl"]
                if key.startswith("New"):
                    assert row[f"{key}.fit_status"] == row[f"{stored}.fit_status"]
                if logl is None or math.isnan(logl):
                    continue
                n += 1
                n_same += row[f"{key}.logl"] == pytest.approx(logl, rel=1e-10)
                if key.startswith("New"):
                    n_path += row[f"{key}.nmini"] == row[f"{stored}FitParams.nmini"]
                    assert row[f"{key}.logl"] <= logl + 1e-3
                else:
                    assert row[f"{key}.logl"] == pytest.approx(logl, rel=2e-5 if "SPE" in stored else 1e-9)
    assert n == 69
    assert n_same >= 54
    assert n_path >= 20  # of 24
