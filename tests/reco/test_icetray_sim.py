"""Features of simulated events are what IceTray's modules computed from the same files."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol import reco
from icecol.dataset.pulses import MEMBERS

SAMPLES = {"mu": 70, "casc": 50}
"""Muons and cascades, with some events of noise."""
CLEANED, SPLIT = "SRTInIcePulses", "SplitInIcePulses"


def first_guesses(s, a):
    return {
        "LF0": reco.linefit(s),
        "LF1": reco.linefit(s, leading_edge="FLE", amp_weight_power=1.0),
        "LF2": reco.linefit(a, amp_weight_power=0.5, min_hits=5),
        "iLF": reco.improved_linefit(s),
        "iLFA": reco.improved_linefit(a),
        "DF": reco.dipole_fit(s),
        "DFA": reco.dipole_fit(a, amp_weight_power=1.0, dipole_step=3),
    }


def shapes(s, a):
    return {
        "ToI": reco.tensor_of_inertia(s),
        "ToIA": reco.tensor_of_inertia(a),
        "ToI0": reco.tensor_of_inertia(s, amplitude_weight=0.0),
        "CL": reco.clast(s),
        "CLA": reco.clast(a),
    }


def variables(s, a):
    found = {"iLF": reco.improved_linefit(s), "HQ": reco.homogenized_qtot(a)}
    for name, p in (("CV", s), ("CVA", a)):
        found |= {
            f"{name}HM": reco.hit_multiplicity(p),
            f"{name}HS": reco.hit_statistics(p),
            f"{name}TC": reco.time_characteristics(p),
            f"{name}TR": reco.track_characteristics(p, track="iLF"),
            **{f"{name}DH{w}": reco.direct_hits(p, track="iLF", window=w) for w in "ABCD"},
        }
    return found


def cleanings(_, a):
    return {
        "SRT1": reco.seeded_rt(a),
        "SRT2": reco.seeded_rt(a, seed_procedure="AllHLCHits", max_n_iterations=-1),
        "SRT3": reco.seeded_rt(
            a,
            seed_procedure="AllCoreHits",
            n_hits_threshold=4,
            allow_no_seed_hits=True,
            max_n_iterations=2,
            ic_ic=(100.0, 500.0),
            dust_range=(-150.0, 0.0),  # UseDustlayerCorrection, which the module has on unless told otherwise
        ),
        "SRT4": reco.seeded_rt(a, seed_procedure="HLCCOGSTHits"),
        "CRT": reco.classic_rt(a),
        "CRT2": reco.classic_rt(a, 100.0, 500.0, multiplicity=2),
    }


def likelihoods(s, _):
    forms = {"SPEAll": 15.0, "SPEqAll": 15.0, "MPEAll": 15.0, "PSA": 15.0, "s": 15.0, "m": 4.0}
    names = {"s": "SPE1st", "m": "MPE"}
    return {
        f"LL{name}": reco.track_likelihood(s, track="_iLF", form=names.get(name, name), jitter=jitter)
        for name, jitter in forms.items()
    }


def vertices_and_vetoes(s, a):
    return {
        "FIL": reco.fill_ratio(s, vertex="_CL"),
        "SPE_Finite": reco.finite_reco(s, track="_SPE", cylinder_radius=200.0),
        "VHE": reco.hese_veto(a, vertex_threshold=50.0),
        "CQ": reco.causal_qtot(a, vertex="_VHE"),
    }


def angular_errors(s, _):
    return {
        f"CR{hits}": reco.cramer_rao(s, track="_SPE", all_hits=hits == "all") for hits in ("all", "first")
    }


def fits(s, _):
    return {
        "SPE": reco.spe_fit(s, seed="_iLF"),
        "MPE": reco.mpe_fit(s, seed="_SPE"),
        "SPE2": reco.spe_fit(s, seed="_SPE", iterations=2),
        "CSCD": reco.cascade_fit(s, seed="_CL", form="UPandel", minimizer="Powell", min_hits=8),
    }


def vertex_fits(s, _):
    return {"PC": reco.cascade_fit(s, seed="_CL")}


def paraboloids(s, _):
    tolerances = {"PB": 1e-4, "PB2": 1e-3}
    return {key: reco.paraboloid(s, track="_SPE", tolerance=t) for key, t in tolerances.items()}


@pytest.fixture(scope="module", params=SAMPLES)
def sample(request, shared_data):
    """Return the events of a file with their geometry, and what IceTray made of them."""
    folder = shared_data / "truth" / "icetray_sim"
    if not folder.is_dir():
        pytest.skip("no icetray_sim in the real data")
    wanted = [f"{key}.{member}" for key in (CLEANED, SPLIT) for member in MEMBERS]
    events = (
        ic.scan_i3(folder / f"{request.param}.i3.zst").select("I3EventHeader.event_id", *wanted).collect()
    )
    truth = pl.read_parquet(folder / f"{request.param}.icetray.parquet")
    assert events["I3EventHeader.event_id"].equals(truth["I3EventHeader.event_id"])
    assert events.height == SAMPLES[request.param]
    seeds = truth.select(pl.col("^(iLF|SPE|CL)\\..*$").name.prefix("_"))
    vertex = truth.select(
        pl.col("^VHEPos.*$").name.replace("VHEPos", "_VHE"), pl.col("VHETime.value").alias("_VHE.time")
    )
    # IceTray's -1 is a ratio to no DOMs; a track whose fit failed has no end, where IceTray copies it
    failed = pl.col("SPE.fit_status") != 0
    truth = truth.with_columns(
        pl.col("^FIL\\.fill.*$").replace(-1.0, math.nan),
        pl.when(~failed).then(pl.col("^SPE_Finite\\.(x|y|z|time|zenith|azimuth)$")).name.keep(),
    )
    return (
        pl.concat([events, seeds, vertex], how="horizontal"),
        ic.convert.read_geometry(folder / "gcd.i3.gz"),
        truth,
    )


ELSEWHERE = {
    "VHE.time": "VHETime.value",
    "CQ": "CQ.value",
    "HQ": "HQ.value",
    "CSCD.logl": "CSCDParams.NegLlh",
    "CSCD.rlogl": "CSCDParams.ReducedLlh",
}
"""Columns that IceTray has under another name."""


def stored(column: str, truth: pl.DataFrame) -> str | None:
    """Return the column that IceTray has a member in: of the fit, or of an object beside it."""
    key, _, member = column.partition(".")
    beside = (f"{key}{suffix}.{member}" for suffix in ("", "Params", "FitParams", "_Cuts", "Pos"))
    if member.startswith("pbfTr"):  # of the true track, which is not given
        return None
    return next((c for c in (ELSEWHERE.get(column, column), *beside) if c in truth.columns), None)


@pytest.mark.parametrize(
    ("features", "rel", "share"),
    [
        (first_guesses, 1e-9, 1),
        (shapes, 1e-9, 1),
        (variables, 1e-12, 1),
        (cleanings, 0.0, 1),
        (likelihoods, 1e-12, 1),
        (vertices_and_vetoes, 1e-12, 1),
        (angular_errors, 3e-4, 1),  # IceTray interpolates a table of six digits
        (fits, 1e-6, 0.94),  # in the others, two simplices part ways after rounding
        (vertex_fits, 1e-6, 0.8),  # muons have flat minima
        pytest.param(paraboloids, 1e-4, 0.95, marks=pytest.mark.slow),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_features_are_those_of_icetray(sample, features, rel, share):
    events, geometry, truth = sample
    wanted = features(ic.Pulses(CLEANED, geometry), ic.Pulses(SPLIT, geometry))
    found = ic.with_features(events, **wanted).collect()
    compared = set()
    for column in found.columns:
        theirs = stored(column, truth) if column.split(".")[0] in wanted else None
        if theirs is None:
            continue
        compared.add(column.split(".")[0])
        if isinstance(found[column].dtype, pl.List):
            assert found[column].to_list() == truth[theirs].to_list(), column
            continue
        ours = found[column].cast(pl.Float64).fill_null(math.nan).to_numpy()
        expected = truth[theirs].cast(pl.Float64).fill_null(math.nan).to_numpy()
        same = np.isclose(ours, expected, rtol=rel, atol=rel * (1e-3 if rel > 1e-5 else 1), equal_nan=True)
        assert same.mean() >= share, (column, np.flatnonzero(~same))
    assert compared == set(wanted)
