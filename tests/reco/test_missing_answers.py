"""An answer that a feature does not have is null, never NaN, and passes no cut of plain Polars."""

from __future__ import annotations

import math

import polars as pl
import pytest

import icecol as ic
from icecol import Geometry, Pulses, kernel, reco

GEOMETRY = Geometry.nominal()
P = Pulses("P", GEOMETRY)
KEYS = GEOMETRY.omkey[600:640:5].tolist()
NAN = math.nan
TIMES = [10_000.0 + 30.0 * i for i in range(len(KEYS))]
EVENTS = pl.DataFrame(
    {
        "P.time": [[], [1e4], [NAN, NAN], TIMES, [1e4] * 8, None],
        "P.charge": [[], [1.0], [NAN, 0.0], [1.0] * 8, [0.0] * 8, None],
        "P.width": [[], [1.0], [1.0, 1.0], [1.0] * 8, [1.0] * 8, None],
        "P.flags": [[], [1], [1, 1], [1] * 8, [1] * 8, None],
        "P.omkey": [[], KEYS[:1], KEYS[:2], KEYS, KEYS, None],
        **{f"T.{m}": [0.0, NAN, 0.0, 0.0, None, 0.0] for m in ("x", "y", "z", "time", "zenith", "azimuth")},
        "T.energy": [100.0, NAN, 100.0, 100.0, None, 100.0],
        "T.length": [NAN, NAN, NAN, NAN, None, NAN],
        "T.fit_status": [0, 0, 0, 0, None, 10],
    },
    schema_overrides={
        "P.charge": pl.List(pl.Float32),
        "P.flags": pl.List(pl.UInt8),
        "P.omkey": pl.List(pl.Int32),
    },
)


@kernel(ratio=pl.Float64, single=pl.Float32)
def users(time, charge):
    return charge.sum() / charge.sum(), time.mean()


FEATURES = {
    "charge": reco.charge(P),
    "hit_multiplicity": reco.hit_multiplicity(P),
    "hit_statistics": reco.hit_statistics(P),
    "time_characteristics": reco.time_characteristics(P),
    "direct_hits": reco.direct_hits(P, track="T", window="C"),
    "track_characteristics": reco.track_characteristics(P, track="T"),
    "common_variables": reco.common_variables(P, track="T", windows="A"),
    "i3cuts": reco.i3cuts(P, track="T"),
    "linefit": reco.linefit(P),
    "improved_linefit": reco.improved_linefit(P),
    "tensor_of_inertia": reco.tensor_of_inertia(P, axes=True),
    "clast": reco.clast(P),
    "dipole_fit": reco.dipole_fit(P),
    "track_likelihood": reco.track_likelihood(P, track="T"),
    "spe_fit": reco.spe_fit(P, seed="T"),
    "cramer_rao": reco.cramer_rao(P, track="T"),
    "fill_ratio": reco.fill_ratio(P, vertex="T"),
    "fill_ratio_lite": reco.fill_ratio_lite(P, vertex="T"),
    "finite_reco": reco.finite_reco(P, track="T"),
    "truncated_energy": reco.truncated_energy(P, track="T"),
    "muon_energy": reco.muon_energy(P, track="T"),
    "hese_veto": reco.hese_veto(P),
    "i3_veto": reco.i3_veto(P),
    "deepcore_veto": reco.deepcore_veto(P),
    "smt": reco.smt(P),
    "string_trigger": reco.string_trigger(P),
    "volume_trigger": reco.volume_trigger(P),
    "dom_summary": reco.dom_summary(P),
    "cherenkov": reco.cherenkov(P, track="T"),
    "opening_angle": reco.opening_angle("T", "T"),
    "containment": reco.containment(GEOMETRY, vertex="T"),
    "containment_size": reco.containment_size(GEOMETRY, track="T"),
    "cylinder_size": reco.cylinder_size(track="T"),
    "users": users(P),
}


def floats(column: pl.Series) -> pl.Series:
    """Return all numbers in a column that are floats."""
    while isinstance(column.dtype, pl.List):
        column = column.explode()
    return column if column.dtype.is_float() else pl.Series([], dtype=pl.Float64)


@pytest.mark.parametrize("name", FEATURES)
def test_no_answer_of_a_feature_is_nan(name):
    found = EVENTS.select(F=FEATURES[name])
    alone = found.unnest("F").get_columns() if found.schema["F"] == pl.Struct else found.get_columns()
    added = ic.with_features(EVENTS, F=FEATURES[name]).select("^F(\\..*)?$").collect().get_columns()
    assert [a.to_list() for a in alone] == [a.to_list() for a in added]
    for column in alone:
        assert not floats(column).is_nan().any(), column.name


def test_sums_and_counts_of_nothing_are_zero():
    found = ic.with_features(
        EVENTS[:1],
        Q=FEATURES["charge"],
        H=FEATURES["hit_statistics"],
        M=FEATURES["hit_multiplicity"],
        D=FEATURES["direct_hits"],
        CV=FEATURES["common_variables"],
    ).collect()
    sums = [
        "Q.total",
        "H.q_tot_pulses",
        "CV.q_tot_pulses",
        "D.q_dir_pulses",
        "D.q_early_pulses",
        "D.q_late_pulses",
    ]
    counts = [c for c in found.columns if c.partition(".")[2].startswith("n_")]
    assert len(counts) > 20
    assert set(found.select(sums + counts).row(0)) == {0}
    assert found["Q.q_max_doms"].to_list() == found["H.cog_x"].to_list() == [None]


def test_events_without_an_answer_pass_no_cut_spoil_no_mean_and_may_come_last():
    events = ic.with_features(EVENTS, Fit=FEATURES["linefit"], Q=FEATURES["charge"]).collect()
    fitted = events.filter(pl.col("Fit.fit_status") == 0)
    assert 0 < fitted.height < events.height
    for cut in (pl.col("Fit.speed") > -1, ~(pl.col("Fit.speed") < -1), pl.col("Fit.zenith") >= 0):
        assert events.filter(cut).height == fitted.height
    assert events["Fit.zenith"].mean() == fitted["Fit.zenith"].mean()
    assert events.sort("Fit.zenith", descending=True, nulls_last=True)["Fit.fit_status"][0] == 0
    assert events[:1].filter(pl.col("Q.total") > 0).height == 0


def test_an_expression_without_an_answer_is_null_too():
    frame = pl.DataFrame({"a": [0.0, 1.0], "b": [0.0, 2.0]})
    found = ic.with_features(frame, R=pl.col("a") / pl.col("b"), N=pl.col("a").cast(pl.Int32)).collect()
    assert found.select("R", "N").rows() == [(None, 0), (0.5, 1)]


def test_values_of_a_file_stay_as_they_are():
    kept = ic.with_features(EVENTS, C=reco.select_doms(P, KEYS)).collect()
    assert repr(kept["C.time"][2].to_list()) == "[nan, nan]"
    assert kept["T.x"].is_nan().sum() == 1


def test_a_fit_that_failed_is_still_the_seed_that_it_was():
    # a track at NaN, and a fit without one: as in IceTray, the fit has no seed, and no light is direct
    seeds = {
        "S": pl.struct(
            **{m: pl.lit(None, pl.Float64) for m in ("x", "y", "z", "time", "zenith", "azimuth")},
            fit_status=20,
        )
    }
    found = (
        ic.with_features(EVENTS, **seeds)
        .pipe(ic.with_features, F=reco.spe_fit(P, seed="S"), D=reco.direct_hits(P, track="S", window="C"))
        .select("F.fit_status", "D.n_dir_doms")
        .collect()
    )
    assert found.rows() == [(40, 0)] * 5 + [(None, None)]


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (reco.charge, r"'A' is a function that is not called.*A=charge\('SRTInIcePulses'\)"),
        (users, r"'A' is a function that is not called.*A=users\('SRTInIcePulses'\)"),
        (1.0, r"'A' is 1.0, neither.*pl.lit\(1.0\)"),
        ("P.time", r"'A' is 'P.time', neither.*pl.col\('P.time'\)"),
    ],
    ids=["function", "kernel", "number", "name"],
)
def test_what_is_no_feature_is_refused_with_what_to_give(feature, message):
    with pytest.raises(TypeError, match=message):
        ic.with_features(EVENTS, A=feature)
