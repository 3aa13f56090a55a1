"""Fits find the vertex of point-like light, and its likelihood is that of IceTray.

`cascade_fits` and the kernels `cascade_fit`, `directional_cascade_fit`, `cascade_likelihood`.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_likelihood import cascade_logl, flight, light_logl, patched_pandel
from test_likelihood_fits import EVENTS, KEYS, NOMINAL, PULSES, SENSORS

from icecol import reco, sim
from icecol.dataset.pulses import Pulses
from icecol.errors import GeometryError
from icecol.reco.cascade_fits import CASCADE_FORMS
from icecol.reco.kernels.cascade_likelihood import C_GROUP, RHO, light_likelihood, patched
from icecol.reco.testing import check_feature

CASCADE = {
    "x": 20.0,
    "y": -30.0,
    "z": 10.0,
    "time": 9700.0,
    "zenith": 1.1,
    "azimuth": 4.0,
    "energy": 3e4,
    "fit_status": 0,
}
MEMBERS = ("x", "y", "z", "time", "zenith", "azimuth", "energy")


def frame(events, cascade=CASCADE):
    types = {"P.time": pl.Float64, "P.charge": pl.Float32, "P.omkey": pl.Int32}
    lists = {
        name: pl.Series([None if e is None else [p[k] for p in e] for e in events], dtype=pl.List(t))
        for k, (name, t) in enumerate(types.items())
    }
    return pl.DataFrame(lists).with_columns(pl.lit(v).alias(f"C.{m}") for m, v in cascade.items())


def lit(rng, cascade=CASCADE):
    """Return an event drawn from the likelihood itself: numbers of photons, and the first of their arrival times."""
    e, event = flight(cascade["zenith"], cascade["azimuth"]), []
    for i in range(len(NOMINAL.omkey)):
        r = NOMINAL.xyz[i] - [cascade[a] for a in "xyz"]
        size = math.sqrt(r @ r)
        d, cos = size + 0.1, r @ e / size
        mu = 0.45 * cascade["energy"] / d * math.exp(-d / 28.08) * (cos**2 + 3.364 * cos + 2.566)
        n = rng.poisson(mu)
        if n:
            late = rng.gamma(size / 47, 1 / RHO, n) + rng.normal(0, 4, n)
            t = cascade["time"] + size / C_GROUP + late.min()
            event.append((float(t), float(n), int(NOMINAL.omkey[i])))
    return event


@settings(max_examples=25)
@given(
    EVENTS,
    st.sampled_from(sorted(CASCADE_FORMS)),
    st.sampled_from([0.0, 3.0]),
    st.sampled_from([30.0, 1e3, 1e5]),
)
def test_likelihood_of_a_vertex_equals_its_slow_twin(events, form, timing_error, energy):
    pytest.importorskip("scipy")
    timing_error = timing_error if form in {"MPE", "MPEPlain"} else 0.0
    table = frame(events, CASCADE | {"energy": energy})
    found = table.select(
        reco.cascade_likelihood(PULSES, vertex="C", form=form, timing_error=timing_error).struct.unnest()
    )
    for row, event in zip(found.to_dicts(), events, strict=True):
        if event is None:
            assert set(row.values()) == {None}
            continue
        logl, ndof = cascade_logl(
            event, SENSORS, CASCADE, form, 15.0, timing_error=timing_error, energy=energy
        )
        assert row["ndof"] == ndof
        assert row["logl"] == pytest.approx(logl, rel=1e-9, abs=1e-9)
        assert row["rlogl"] == (pytest.approx(logl / ndof, rel=1e-9) if ndof > 0 else None)


def test_powells_method_leads_to_the_simplex_minimum_if_it_may_go_on():
    pulses = Pulses("SRTInIcePulses", NOMINAL)
    rows = sim.events(14, seed=1, muons=0.0, cascades=1.0, noise=0.0).to_polars()
    seeds = reco.with_features(rows, CLast=reco.clast(pulses)).collect()
    fit = {"form": "UPandel", "min_hits": 8}
    fits = {
        "S": reco.cascade_fit(pulses, **fit),
        "P": reco.cascade_fit(pulses, **fit, minimizer="Powell"),
        "E": reco.cascade_fit(pulses, **fit, minimizer="Powell", tolerance=1e-7),
    }
    found = reco.with_features(
        seeds, **fits, At=reco.cascade_likelihood(pulses, vertex="P", form="UPandel")
    ).collect()
    found = found.filter(pl.col("S.fit_status") == 0)
    assert len(found) > 10
    assert found["P.fit_status"].unique().to_list() == found["E.fit_status"].unique().to_list() == [0]
    assert found["At.logl"].to_list() == pytest.approx(found["P.logl"].to_list(), rel=1e-12)
    assert (found["E.logl"] <= found["S.logl"] + 0.01).mean() > 0.8
    assert (found["E.logl"] <= found["P.logl"] + 1e-9).all()
    assert found["P.nmini"].mean() < 0.5 * found["E.nmini"].mean()


def test_what_powells_method_cannot_is_said():
    with pytest.raises(ValueError, match="supports the simplex only, found `minimizer` 'Powell'"):
        reco.cascade_fit(PULSES, directional=True, minimizer="Powell")
    with pytest.raises(ValueError, match="`minimizer` must be one of simplex, Powell, found 'BFGS'"):
        reco.cascade_fit(PULSES, minimizer="BFGS")


@pytest.mark.parametrize("directional", [False, True])
def test_too_few_sensors_for_the_setting_are_no_fit(directional):
    event = sorted(lit(np.random.default_rng(3)), key=lambda p: p[2])[:12]
    fits = [
        reco.cascade_fit(PULSES, seed="C", directional=directional, min_hits=n).struct.unnest()
        for n in (12, 13)
    ]
    enough, few = (frame([event]).select(fit).to_dicts()[0] for fit in fits)
    assert (enough["fit_status"], few["fit_status"], few["ndof"], few["nmini"]) == (0, 20, -1, -1)
    assert few["rlogl"] is None
    assert {m: few[m] for m in MEMBERS} == {m: CASCADE[m] for m in MEMBERS}


@given(st.floats(0.5, 499), st.floats(-100, 3000))
def test_patched_pandel_joins_smoothly(r, t):
    pytest.importorskip("scipy")
    assert patched(t, r, 15.0) == pytest.approx(max(patched_pandel(t, r, 15.0), 1e-10), rel=1e-7)


def test_patched_pandel_is_small_where_nothing_is_known():
    assert {patched(10.0, r, 15.0) for r in (0.0, 501.0)} == {1e-10}
    assert patched(math.nan, 50.0, 15.0) == 1e-10


@pytest.mark.parametrize("light", ["charge", "hits"])
def test_likelihood_of_the_light_equals_its_slow_twin(light):
    rng = np.random.default_rng(3)
    event = sorted(lit(rng), key=lambda p: p[2])
    rows = NOMINAL.rows(np.array([key for *_, key in event]))
    found = light_likelihood(
        np.ascontiguousarray(NOMINAL.xyz[rows].T),
        np.array([q for _, q, _ in event]),
        np.ascontiguousarray(NOMINAL.xyz.T),
        tuple(CASCADE[a] for a in "xyz"),
        CASCADE["zenith"],
        CASCADE["azimuth"],
        CASCADE["energy"],
        (0.45, 28.08, 2.566, 3.364, 1.0, 5e-3, 0.05),
        light == "charge",
    )
    assert found == pytest.approx(light_logl(event, SENSORS, CASCADE, light), rel=1e-10)


FIT = reco.cascade_fit(PULSES, seed="C")


@settings(max_examples=20)
@given(EVENTS)
def test_a_fit_is_no_worse_than_its_seed_and_its_logl_is_that_of_its_vertex(events):
    features = {
        "A": FIT,
        "B": reco.cascade_fit(PULSES, seed="C", form="UPandel", time_shift="TFirst", tables=True),
        "AtA": reco.cascade_likelihood(PULSES, vertex="A"),
        "AtB": reco.cascade_likelihood(PULSES, vertex="B", form="UPandel"),
        "SeedA": reco.cascade_likelihood(PULSES, vertex="C"),
        "SeedB": reco.cascade_likelihood(PULSES, vertex="C", form="UPandel"),
    }
    rows = reco.with_features(frame(events), **features).collect().to_dicts()
    for row, event in zip(rows, events, strict=True):
        for name in "AB":
            if event is None:
                assert row[f"{name}.fit_status"] is None
            elif row[f"Seed{name}.ndof"] <= 0:
                assert (row[f"{name}.fit_status"], row[f"{name}.ndof"], row[f"{name}.nmini"]) == (30, -1, -1)
                assert [row[f"{name}.{a}"] for a in "xyz"] == [CASCADE[a] for a in "xyz"]
            elif row[f"{name}.fit_status"] == 0:
                assert row[f"{name}.logl"] == pytest.approx(row[f"At{name}.logl"], rel=1e-9)
        if event is not None and row["A.fit_status"] == 0:
            assert row["A.logl"] <= row["SeedA.logl"]


@settings(max_examples=5)
@given(EVENTS)
@pytest.mark.slow
def test_a_row_does_not_know_how_its_frame_is_stored(events):
    check_feature(FIT, frame(events))
    check_feature(reco.cascade_likelihood(PULSES, vertex="C"), frame(events))


SEED = CASCADE | {
    "x": 35.0,
    "y": -20.0,
    "z": 0.0,
    "time": 9670.0,
    "zenith": 1.6,
    "azimuth": 4.6,
    "energy": 1e4,
}


def test_a_vertex_is_found_again():
    event = lit(np.random.default_rng(5))
    fits = {
        "A": reco.cascade_fit(PULSES, seed="C", form="MPE", jitter=4.0),
        "B": reco.cascade_fit(PULSES, seed="C", form="UPandel"),
        "C4": reco.cascade_fit(PULSES, seed="C", time_shift="TMean"),
        "D": reco.cascade_fit(PULSES, seed="C", form="PSA"),
    }
    row = reco.with_features(frame([event], SEED), **fits).collect().to_dicts()[0]
    for name in fits:
        assert row[f"{name}.fit_status"] == 0
        assert (row[f"{name}.zenith"], row[f"{name}.energy"]) == (1.6, 1e4)
    found = {m: row[f"A.{m}"] for m in MEMBERS}
    assert math.dist([found[a] for a in "xyz"], [CASCADE[a] for a in "xyz"]) < 5
    assert found["time"] == pytest.approx(9700, abs=15)
    gain = cascade_logl(event, SENSORS, CASCADE, "MPE", 4.0)[0] - row["A.logl"]
    assert 0 <= gain < 8  # of four parameters half a chi square is 2


@pytest.mark.slow
@pytest.mark.parametrize("light", ["charge", "hits"])
def test_direction_and_energy_are_found_again_where_light_is_as_the_model_says(light):
    event = lit(np.random.default_rng(5))
    fit = reco.cascade_fit(PULSES, seed="C", directional=True, light=light, form="MPE", jitter=4.0)
    found = reco.with_features(frame([event], SEED), F=fit, T=reco.cascade_fit(PULSES, seed="C")).collect()
    row = found.to_dicts()[0]
    assert row["F.fit_status"] == 0
    assert row["F.ndof"] == row["T.ndof"] - 3
    best = {m: row[f"F.{m}"] for m in MEMBERS}
    angle = math.acos(flight(1.1, 4.0) @ flight(best["zenith"], best["azimuth"]))
    assert math.degrees(angle) < (3 if light == "charge" else 20)
    assert best["energy"] == pytest.approx(3e4, rel=0.1 if light == "charge" else 0.5)

    def logl(cascade):
        return cascade_logl(event, SENSORS, cascade, "MPE", 4.0)[0] + light_logl(
            event, SENSORS, cascade, light
        )

    assert row["F.logl"] == pytest.approx(logl(best), rel=1e-9)
    if light == "charge":  # of which the event was drawn: of seven parameters half a chi square is 3.5
        assert 0 <= logl(CASCADE) - row["F.logl"] < 12


def test_the_simplex_ends_where_scipy_does():
    optimize = pytest.importorskip("scipy.optimize")
    frame_of = sim.events(12, seed=4, muons=0.0, cascades=1.0, noise=0.0).to_polars()
    pulses = Pulses("SRTInIcePulses", NOMINAL)
    fits = reco.with_features(frame_of, CLast=reco.clast(pulses), F=reco.cascade_fit(pulses)).collect()
    for row in fits.to_dicts():
        event = list(zip(*(row[f"SRTInIcePulses.{m}"] for m in ("time", "charge", "omkey")), strict=True))
        start = np.array([row[f"F.{m}"] for m in ("x", "y", "z", "time")])

        def value(p, event=event):
            return cascade_logl(
                event, SENSORS, dict(zip(("x", "y", "z", "time"), p, strict=True)), "SPE1st", 15.0
            )[0]

        assert value(start) == pytest.approx(row["F.logl"], rel=1e-9)
        best = optimize.minimize(value, start, method="Nelder-Mead", options={"maxfev": 150})
        assert row["F.logl"] <= best.fun + 0.02


@pytest.mark.parametrize(
    "change", [{"fit_status": 20}, {"fit_status": None}, {"x": math.nan}, {"time": None}]
)
def test_without_a_seed_there_is_no_fit(change):
    event = [(9900.0 + 40 * i, 1.0, key) for i, key in enumerate(KEYS)]
    found = frame([event], CASCADE | change).select(FIT.struct.unnest()).to_dicts()[0]
    assert (found["fit_status"], found["ndof"], found["nmini"]) == (40, -1, -1)
    assert all(found[m] is None for m in (*MEMBERS, "logl", "rlogl"))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (
            lambda: reco.cascade_fit(PULSES, form="SPE"),
            r"`form` must be one of SPE1st, .*, UPandel, found 'SPE'",
        ),
        (
            lambda: reco.cascade_fit(PULSES, directional=True, light="all"),
            r"`light` must be one of charge, hits",
        ),
        (lambda: reco.cascade_fit(PULSES, iterations=-1), r"iterations must be 0 or more .* found -1"),
        (lambda: reco.cascade_fit(Pulses("P"), directional=True), r"needs the positions of the DOMs"),
    ],
)
def test_wrong_settings_say_what_there_is(call, match):
    with pytest.raises((ValueError, GeometryError), match=match):
        call()


def test_a_fit_needs_more_doms_than_it_has_parameters():
    parameters = 4  # x, y, z and time
    keys = sorted(SENSORS)[: parameters + 1]
    event = [(1e4 + 10.0 * i, 1.0, key) for i, key in enumerate(keys)]
    fit = reco.cascade_fit(PULSES, seed="C", max_calls=100_000).struct.unnest()
    enough, few = frame([event, event[:-1]]).select(fit).to_dicts()
    assert few["fit_status"] == 30
    assert (enough["fit_status"], enough["ndof"]) == (0, 1)
