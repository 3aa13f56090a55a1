"""Features of simulated events are what IceTray's modules computed from the same files."""

from __future__ import annotations

import math

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
        "SRT4": reco.seeded_rt(a, seed_procedure="HLCCOGSTHits"),
        "CRT": reco.classic_rt(a),
        "CRT2": reco.classic_rt(a, 100.0, 500.0, multiplicity=2),
    }


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
    return events, ic.convert.read_geometry(folder / "gcd.i3.gz"), truth


def stored(column: str, truth: pl.DataFrame) -> str | None:
    """Return the column that IceTray has a member in: of the fit, or of the object beside it."""
    key, _, member = column.partition(".")
    return next((c for c in (column, f"{key}Params.{member}") if c in truth.columns), None)


@pytest.mark.parametrize(
    ("features", "rel"),
    [(first_guesses, 1e-9), (shapes, 1e-9), (variables, 1e-12), (cleanings, 0.0)],
    ids=["first guesses", "shapes", "variables", "cleanings"],
)
def test_features_are_those_of_icetray(sample, features, rel):
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
        ours = found[column].cast(pl.Float64).fill_null(math.nan).to_list()
        expected = truth[theirs].cast(pl.Float64).fill_null(math.nan).to_list()
        assert ours == pytest.approx(expected, rel=rel, abs=rel, nan_ok=True), column
    assert compared == set(wanted)
