"""`line_fits`, `inertia`: the fits agree with what IceTray's own modules computed from the same pulses."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest

from icecol import reco, scan_i3
from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry, omkey

FILES = {
    "oscNext_genie_level3_v02": "icecube86",
    "oscNext_genie_level7_v02": "icecube86",
    "oscNext_noise_level3_v02": "icecube86",
    "upgrade_genie_step4_140028_000998": "icecube_upgrade",
}
PARAMS = {
    "LF": ("LFVel", "LFVelX", "LFVelY", "LFVelZ", "NHits"),
    "TOI": ("mineval", "evalratio", "eval2", "eval3"),
}
SCHEMA = {"P.time": pl.List(pl.Float64), "P.charge": pl.List(pl.Float32), "P.omkey": pl.List(pl.Int32)}


@pytest.fixture(scope="module", params=FILES)
def fits(request, shared_data):
    """Yield our fits and IceTray's of each pulse series of each event of one file."""
    folder = shared_data / "truth" / "icetray" / request.param
    geometry = Geometry.read_parquet(shared_data / "geometry" / f"{FILES[request.param]}.parquet")
    truth = json.loads((folder / "reco.json").read_text())
    with np.load(folder / "pulses.npz") as arrays:
        stored = dict(arrays)
    physics = sorted({k[:5] for k in stored if "|Split" in k})
    rows, expected = [], []
    for frame, index in zip(truth["frames"], physics, strict=True):
        for key in truth["keys"]:
            pulses = stored.get(
                f"{index}|{key}", stored.get(f"{int(index) - 1:05}|{key}")
            )  # else in its Q frame
            expected.append(
                {name.removesuffix(f"_{key}"): fit for name, fit in frame["fits"].items() if ends(name, key)}
            )
            if pulses is None:
                rows.append(dict.fromkeys(SCHEMA))
                continue
            keys = omkey(pulses["string"], pulses["om"], pulses["pmt"])
            assert (geometry.rows(keys) >= 0).all()
            rows.append(dict(zip(SCHEMA, (pulses["time"], pulses["charge"], keys), strict=True)))
    p = Pulses("P", geometry)
    features = reco.with_features(
        pl.DataFrame(
            {c: [r[c] if r[c] is None else r[c].tolist() for r in rows] for c in SCHEMA}, schema=SCHEMA
        ),
        LF=reco.linefit(p),
        LFFLE1=reco.linefit(p, leading_edge="FLE", amp_weight_power=1.0),
        LFI=reco.improved_linefit(p),
        TOI=reco.tensor_of_inertia(p),
    )
    return list(zip(features.collect().to_dicts(), expected, strict=True))


def ends(name: str, key: str) -> bool:
    return name.split("_", 1)[1] in (key, f"{key}Params")


def split(fit: str, truth: dict) -> tuple[dict | None, dict | None]:
    """Return IceTray's particle and params of one fit, None for those it did not write."""
    particle = truth.get(fit)
    return particle, next(
        (v for k, v in truth.items() if k.startswith(f"{fit}_") and k.endswith("Params")), None
    )


@pytest.mark.parametrize("fit", ["LF", "LFFLE1", "LFI", "TOI"])
def test_status_and_absence_are_those_of_icetray(fits, fit):
    params = PARAMS["TOI" if fit == "TOI" else "LF"]
    seen = set()
    for row, truth in fits:
        particle, stored = split(fit, truth)
        assert row[f"{fit}.fit_status"] == (particle and particle["fit_status_int"])
        assert [row[f"{fit}.{p}"] is None for p in params] == [stored is None] * len(params)
        seen.add(row[f"{fit}.fit_status"])
    assert {0, 20} <= seen


@pytest.mark.parametrize("fit", ["LF", "LFFLE1", "LFI"])
def test_line_fits_equal_those_of_icetray_to_the_last_bit(fits, fit):
    for row, truth in fits:
        particle, stored = split(fit, truth)
        if stored is None:
            continue
        for name in ("x", "y", "z", "time", "speed", "zenith", "azimuth"):
            assert row[f"{fit}.{name}"] == particle[name]
        for name in PARAMS["LF"]:
            assert row[f"{fit}.{name}"] == stored[name]


def test_tensor_of_inertia_agrees_with_that_of_icetray(fits):
    for row, truth in fits:
        particle, stored = split("TOI", truth)
        if stored is None:
            continue
        for name in ("x", "y", "z", "time"):
            assert row[f"TOI.{name}"] == particle[name]
        for name in PARAMS["TOI"]:
            assert row[f"TOI.{name}"] == pytest.approx(stored[name], rel=1e-12)
        if (stored["eval2"] - stored["mineval"]) / stored["eval2"] > 1e-6:
            for name in ("zenith", "azimuth"):
                assert row[f"TOI.{name}"] == pytest.approx(particle[name], rel=1e-11)


def test_stored_axes_of_inertia_are_found_again_but_for_their_sense(shared_data):
    geometry = Geometry.read_parquet(shared_data / "geometry" / "icecube86.parquet")
    events = scan_i3(shared_data / "i3" / "real" / "oscNext_genie_level7_v02_first_5_frames.i3.gz")
    fit = reco.tensor_of_inertia(Pulses("SRTTWOfflinePulsesDC", geometry), axes=True)
    found = reco.with_features(events, T=fit).collect()
    assert found["T.time"].to_list() == found["L4_ToI.time"].to_list()
    for k in (2, 3):
        for zenith, azimuth, theirs, turned in found.select(
            f"T.zenith{k}", f"T.azimuth{k}", f"L4_ToIEval{k}.zenith", f"L4_ToIEval{k}.azimuth"
        ).iter_rows():
            ours = (zenith, azimuth) if abs(zenith - theirs) < 1e-9 else opposite(zenith, azimuth)
            assert ours == pytest.approx((theirs, turned), abs=1e-12)


def opposite(zenith: float, azimuth: float) -> tuple[float, float]:
    return math.pi - zenith, (azimuth + math.pi) % (2 * math.pi)
