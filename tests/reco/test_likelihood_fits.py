"""`likelihood_fits`: likelihood, path of the minimizer and failures of track fits are IceTray's.

The kernels: `track_fit`, `gradient_track_fit`, `half_sphere_track_fit`, `track_likelihood`, `track_seed`,
`track_slope`, `fit_status`.
"""

from __future__ import annotations

import inspect
import json
import math

import numpy as np
import polars as pl
import pytest
from answers import near
from from_python import from_python
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_likelihood import track_logl

from icecol import reco, scan_i3, sim
from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry, omkey
from icecol.reco.kernels.pandel import H2, slopes, timing
from icecol.reco.kernels.pandel_table import pandel_table
from icecol.reco.kernels.track_fit import offset
from icecol.reco.kernels.track_likelihood import (
    MPE,
    SLOW,
    SPE_1ST,
    SPE_ALL,
    SPEQ_ALL,
    C,
    hits,
    light,
    track_likelihood,
)
from icecol.reco.kernels.track_seed import directions
from icecol.reco.kernels.track_slope import blocks_of, track_slope
from icecol.reco.likelihood_fits import ALTERNATIVES, FitSettings
from icecol.reco.numerics.direction import across, folded, towards
from icecol.reco.testing import check_feature

blocks_of, hits, track_likelihood, track_slope = from_python(blocks_of, hits, track_likelihood, track_slope)
light, slopes, timing = from_python(light, slopes, timing)

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


MORE = {  # every fit that IceTray did, from its seed: settings with which the simplex, and BFGS, come as low
    "SPEFitSingle": ("LineFit", "spe", {"iterations": 4}, {}),
    "SPEFit2": ("SPEFitSingle", "spe", {"iterations": 6}, {"iterations": 2}),
    "MPEFit": ("SPEFit2", "mpe", {"iterations": 2}, {}),
    "SPE_HS": ("LineFit", "spe", {"iterations": 4, "parametrization": "HalfSphere"}, {}),
    "SPE_GSL": ("LineFit", "spe", {"iterations": 4}, {}),
}


def from_icetrays_seeds(shared_data):
    """Yield pulses, a frame with them and with what IceTray found of them, and IceTray's fits, of each file."""
    for file, g in FILES.items():
        pulses = Pulses("P", Geometry.read_parquet(shared_data / "geometry" / f"{g}.parquet"))
        events = [e[1:] for e in truth_frames(shared_data) if e[0] == file]
        columns = {
            "P.time": pl.Series([e[0].tolist() for e in events], dtype=pl.List(pl.Float64)),
            "P.charge": pl.Series([e[1].tolist() for e in events], dtype=pl.List(pl.Float32)),
            "P.omkey": pl.Series([e[2].tolist() for e in events], dtype=pl.List(pl.Int32)),
        }
        for key in ("LineFit", *MORE):
            for m in PARTICLE:
                columns[f"{key}.{m}"] = pl.Series([number(e[3][key][m]) for e in events], dtype=pl.Float64)
            columns[f"{key}.fit_status"] = pl.Series(
                [STATUS[e[3][key]["fit_status"]] for e in events], dtype=pl.Int32
            )
        yield pulses, pl.DataFrame(columns), [e[3] for e in events]


@pytest.fixture(scope="module")
def fits(shared_data):
    """Return our fits and IceTray's, [(ours, theirs)] for each of `FITS`, from the seeds that IceTray had."""
    found = {name: [] for name in FITS}
    for pulses, frame, events in from_icetrays_seeds(shared_data):
        features = {
            f"Our{name}": (reco.spe_fit if kind == "spe" else reco.mpe_fit)(pulses, seed=seed, iterations=n)
            for name, (seed, kind, n) in FITS.items()
        }
        features |= {
            f"L{name}": reco.track_likelihood(
                pulses, track=name, form="MPE" if name == "MPEFit" else "SPE1st"
            )
            for name in FITS
        }
        rows = reco.with_features(frame, **features).collect().to_dicts()
        for row, event in zip(rows, events, strict=True):
            for name in FITS:
                ours = {
                    m: row[f"Our{name}.{m}"]
                    for m in (*PARTICLE, "fit_status", "logl", "rlogl", "ndof", "nmini")
                }
                found[name].append((ours | {"at_theirs": row[f"L{name}.logl"]}, event[name]))
    return found


@pytest.mark.parametrize("name", FITS)
def test_status_and_failed_fits_are_those_of_icetray(fits, name):
    assert {0, 40 if name != "SPEFitSingle" else 30} == {ours["fit_status"] for ours, _ in fits[name]}
    for ours, theirs in fits[name]:
        assert ours["fit_status"] == STATUS[theirs["fit_status"]]
        assert (ours["ndof"], ours["nmini"] < 0) == (theirs["ndof"], theirs["nmini"] < 0)
        if ours["fit_status"]:
            for m in PARTICLE:  # the seed, moved, or nothing
                assert ours[m] == near(theirs[m], rel=1e-14)
            assert ours["logl"] is None
            assert ours["rlogl"] is None


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
    assert same >= 25


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


def test_from_further_directions_every_fit_is_as_good_as_icetrays_and_by_the_gradient_nearly(shared_data):
    above = {name: ([], []) for name in MORE}
    for pulses, frame, events in from_icetrays_seeds(shared_data):
        features = {}
        for name, (seed, kind, simplex, bfgs) in MORE.items():
            fit = reco.spe_fit if kind == "spe" else reco.mpe_fit
            features[f"S_{name}"] = fit(pulses, seed=seed, **simplex)
            features[f"B_{name}"] = fit(pulses, seed=seed, minimizer="BFGS", **bfgs)
        rows = reco.with_features(frame, **features).collect().to_dicts()
        for row, event in zip(rows, events, strict=True):
            for name, found in above.items():
                if event[name]["logl"] is not None:
                    for how, of_fit in zip("SB", found, strict=True):
                        of_fit.append(row[f"{how}_{name}.logl"] - event[name]["logl"])
    assert [len(of_fit) for found in above.values() for of_fit in found] == [29] * 10
    for by_simplex, _ in above.values():
        assert max(by_simplex) < 1e-4
    by_gradient = np.concatenate([of_fit for _, of_fit in above.values()])
    assert (by_gradient <= 1e-3).mean() > 0.98
    assert (by_gradient < -0.1).sum() > 20  # lower minima than IceTray's


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
            f"At{key}": reco.track_likelihood(pulses, track=key, form=form)
            for key, form in STORED.items()
            if f"{key}.x" in frame.columns
        }
        features["New"] = reco.spe_fit(pulses)
        features["New2"] = reco.spe_fit(pulses, seed="SPEFitSingle", iterations=2)
        features["NewM"] = reco.mpe_fit(pulses, seed="SPEFit2")
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


NOMINAL = Geometry.nominal()
PULSES = Pulses("P", NOMINAL)
SENSORS = {r["omkey"]: r for r in NOMINAL.table().to_dicts()}
KEYS = [omkey(36, om) for om in (20, 21, 30, 40)] + [omkey(s, 30) for s in (26, 27, 35, 37, 45)]
EVENT = st.lists(
    st.tuples(
        st.one_of(st.floats(9500, 12000), st.sampled_from([9800.0, 1e6, -1e3])),
        st.sampled_from([0.5, 1.0, 1.5, 2.25, 4.0, -1.0]),
        st.sampled_from([*KEYS, omkey(90, 1)]),
    ),
    max_size=16,
)
EVENTS = st.lists(st.one_of(st.none(), EVENT), min_size=1, max_size=5)
TRACK = {"x": 20.0, "y": -30.0, "z": -50.0, "time": 9700.0, "zenith": 1.1, "azimuth": 4.0, "fit_status": 0}


def frame(events, track=TRACK):
    types = {"P.time": pl.Float64, "P.charge": pl.Float32, "P.omkey": pl.Int32}
    lists = {
        name: pl.Series([None if e is None else [p[k] for p in e] for e in events], dtype=pl.List(t))
        for k, (name, t) in enumerate(types.items())
    }
    return pl.DataFrame(lists).with_columns(pl.lit(v).alias(f"T.{m}") for m, v in track.items())


FORM = st.sampled_from(["SPE1st", "SPEAll", "SPEqAll", "MPE", "MPEPlain", "MPEAll", "PSA"])


@settings(max_examples=30)
@given(
    EVENTS,
    FORM,
    st.sampled_from([0.0, 3.0]),
    st.sampled_from([30.0, 1000.0, 1e5]),
    st.sampled_from([None, 0.0]),
    st.sampled_from(["H0", "H1", "H2", "H3", "H4"]),
)
def test_likelihood_equals_its_slow_twin(events, form, timing_error, energy, jitter, ice_model):
    usual = 4.0 if "MPE" in form else 15.0
    options = {"energy": energy, "timing_error": timing_error if form in {"MPE", "MPEPlain"} else 0.0}
    options |= {"ice_model": ice_model}
    likelihood = reco.track_likelihood(PULSES, track="T", form=form, jitter=jitter, **options)
    found = frame(events).select(likelihood.struct.unnest())
    for row, event in zip(found.to_dicts(), events, strict=True):
        if event is None:
            assert set(row.values()) == {None}
            continue
        logl, ndof = track_logl(event, SENSORS, TRACK, form, usual if jitter is None else jitter, **options)
        assert row["ndof"] == ndof
        assert row["logl"] == pytest.approx(logl, rel=1e-9, abs=1e-9)
        assert row["rlogl"] == (pytest.approx(logl / ndof, rel=1e-9) if ndof > 0 else None)


@pytest.mark.parametrize("minimizer", ["simplex", "BFGS"])
def test_pulses_without_a_time_are_left_out(minimizer):
    event = [(9800.0 + 20 * i, 1.0, k) for i, k in enumerate(KEYS)]
    odd = [
        (math.nan, 2.0, KEYS[0]),
        *event[:4],
        (math.inf, 1.0, KEYS[4]),
        *event[4:],
        (math.nan, 1.0, omkey(47, 25)),
    ]
    both = frame([event, odd]).select(reco.spe_fit(PULSES, seed="T", minimizer=minimizer).struct.unnest())
    assert both["ndof"].to_list() == [4, 4]
    assert both["fit_status"].to_list() == [0, 0]
    # the seed is moved to the centre of charge of all pulses, so that the ways of the minimiser differ
    assert both["logl"][1] == pytest.approx(both["logl"][0], abs=0.5)
    likelihood = reco.track_likelihood(PULSES, track="T")
    assert len(set(frame([event, odd[1:]]).select(likelihood.struct.field("logl")).to_series())) == 1


def test_of_several_seeds_the_best_fit_is_kept():
    events = [[(9500.0 + 30 * i + 7 * j, 1.0, k) for i, k in enumerate(KEYS[j:])] for j in range(3)] + [None]
    turned = {f"U.{m}": v for m, v in TRACK.items()} | {"U.zenith": 2.4, "U.azimuth": 0.7}
    bad = {f"V.{m}": v for m, v in TRACK.items()} | {"V.fit_status": 20}
    rows = frame(events).with_columns(pl.lit(v).alias(c) for c, v in (turned | bad).items())
    seeds = {"A": "T", "B": "U", "Both": ["T", "U"], "Three": ("V", "U", "T"), "None": ["V", "V"]}
    fits = {name: reco.spe_fit(PULSES, seed=seed) for name, seed in seeds.items()}
    found = reco.with_features(rows, **fits).collect()
    for row in found.to_dicts():
        logl = [row["A.logl"], row["B.logl"]]
        best = None if row["A.fit_status"] is None else "A" if row["A.logl"] <= row["B.logl"] else "B"
        for name in ("Both", "Three"):
            for member in ("logl", "x", "zenith", "nmini", "fit_status"):
                assert row[f"{name}.{member}"] == (None if best is None else row[f"{best}.{member}"]), (
                    name,
                    logl,
                )
        assert row["None.fit_status"] == (None if best is None else 40)
    assert (found["A.logl"] != found["B.logl"]).any()
    with pytest.raises(ValueError, match="a fit needs a seed"):
        reco.spe_fit(PULSES, seed=[])


def test_of_several_seeds_that_lead_nowhere_the_first_good_one_is_told():
    bad = {f"V.{m}": v for m, v in TRACK.items()} | {"V.fit_status": 20}
    rows = frame([[(9900.0, 1.0, KEYS[0])]]).with_columns(pl.lit(v).alias(c) for c, v in bad.items())
    fits = {"One": reco.spe_fit(PULSES, seed="T"), "Two": reco.spe_fit(PULSES, seed=["V", "T"])}
    row = reco.with_features(rows, **fits).collect().to_dicts()[0]
    assert row["Two.fit_status"] == 30
    assert {row[f"Two.{m}"] == row[f"One.{m}"] for m in PARTICLE} == {True}


def residuals(event, track):
    """Return charge and time residual of each pulse of an event, by sensor."""
    e, late = np.array(towards(track["zenith"], track["azimuth"])), {}
    for t, q, key in event:
        r = np.array([SENSORS[key][a] - track[a] for a in "xyz"])
        along = float(e @ r)
        slow = (1.3195 * 1.35634 - 1) / math.sqrt(1.3195**2 - 1)
        straight = along + math.sqrt(max(r @ r - along**2, 0)) * slow
        late.setdefault(key, []).append((t - track["time"] - straight / 0.299792458, q))
    return late


@pytest.mark.parametrize("form", ["SPE1st", "SPEAll"])
@pytest.mark.parametrize(
    ("shift", "limit"),
    [
        ("TNone", 1000.0), ("TMean", 1000.0), ("TFirst", 1000.0), ("TFirst", 100.0), ("TFirst", math.nan),
        ("TChargeFraction", 0.0), ("TDirectChargeFraction", 0.0),
    ],
)  # fmt: skip
def test_a_seed_is_moved_in_time_as_its_shift_says(shift, limit, form):
    """Without a fit (no call) the particle is the seed, moved: its residuals tell how."""
    rng = np.random.default_rng(7)
    event = sorted(
        ((9700.0 + 40 * i + float(t), float(q), key) for i, key in enumerate(KEYS)
         for t, q in zip(np.sort(rng.exponential(300, 3)), rng.uniform(0.2, 3, 3), strict=True)),
        key=lambda pulse: pulse[2],
    )  # fmt: skip
    event[0] = (event[0][0] - 900.0, *event[0][1:])
    fit = reco.spe_fit(
        PULSES,
        seed="T",
        form=form,
        time_shift=shift,
        max_mean_time_residual=limit,
        charge_fraction=0.7,
        max_calls=1,
    )
    found = frame([event]).select(fit.struct.unnest()).to_dicts()[0]
    assert (found["fit_status"], found["ndof"], found["nmini"]) == (30, -1, -1)
    late = residuals(event, found)
    first = np.array([pulses[0] for pulses in late.values()])
    if shift == "TNone":
        e = np.array(towards(TRACK["zenith"], TRACK["azimuth"]))
        moved = e @ [found[a] - TRACK[a] for a in "xyz"]
        assert found["time"] == pytest.approx(TRACK["time"] + moved / 0.299792458, abs=1e-6)
    elif shift == "TMean":
        assert first[:, 0].mean() == pytest.approx(0.0, abs=1e-6)
    elif shift == "TFirst":
        mean = first[:, 0].mean()
        within = [r for r in first[:, 0] if math.isnan(limit) or r >= mean - limit]
        assert min(within) == pytest.approx(0.0, abs=1e-6)
        assert (min(first[:, 0]) < -1.0) == (limit == 100.0)
    else:
        every = shift == "TChargeFraction"
        chosen = sorted(p for pulses in late.values() for p in (pulses if every else pulses[:1]))
        total, early = sum(q for _, q in chosen), 0.0
        at = next(r for r, q in chosen if (early := early + q) >= (1 - 0.7) * total)
        assert at == pytest.approx(0.0, abs=1e-6)


def test_a_seed_is_turned_to_its_alternatives():
    for name, n, apart in (("None", 1, []), ("Reverse", 2, [-1]), ("Tetrahedron", 4, [-1 / 3] * 3),
                           ("Cube", 6, [-1, 0, 0, 0, 0])):  # fmt: skip
        there = directions(1.1, 4.0, ALTERNATIVES[name])
        e = np.array([towards(*row) for row in there])
        assert there[0].tolist() == [1.1, 4.0]
        assert len(there) == n
        assert e[1:] @ e[0] == pytest.approx(apart, abs=1e-12)
        for i in range(1, n):  # none of them twice
            assert (np.delete(e, i, 0) @ e[i]).max() < 0.01


def test_other_directions_lead_no_worse_and_a_seed_upside_down_back():
    geometry = Pulses("SRTInIcePulses", NOMINAL)
    rows = sim.events(60, seed=2).to_polars()
    lines = reco.with_features(rows, LineFit=reco.improved_linefit(geometry)).collect()
    turned = {f"Up.{m}": pl.col(f"LineFit.{m}") for m in (*PARTICLE, "fit_status")}
    turned |= {
        "Up.zenith": math.pi - pl.col("LineFit.zenith"),
        "Up.azimuth": pl.col("LineFit.azimuth") + math.pi,
    }
    fits = {"A": reco.spe_fit(geometry)} | {
        name: reco.spe_fit(geometry, seed="Up", add_alternatives=name) for name in ("None", "Reverse", "Cube")
    }
    found = reco.with_features(lines.with_columns(**turned), **fits).collect()
    found = found.filter(pl.col("A.fit_status") == 0)
    for more, less in (("Reverse", "None"), ("Cube", "None")):
        assert (found[f"{more}.logl"] <= found[f"{less}.logl"]).all()
    assert (found["Reverse.logl"] <= found["A.logl"] + 1e-3).mean() > 0.8
    assert (found["Cube.logl"] < found["None.logl"] - 1.0).mean() > 0.3


def test_further_directions_start_where_the_first_fit_ended_even_beyond_a_pole():
    """The points of the sequence are added to the direction of the first fit, whichever angles it is told in."""
    e = towards(1.1, 4.0)
    for zenith, azimuth in ((1.1, 4.0), (2 * math.pi - 1.1, 4.0 - math.pi), (-1.1, 4.0 + math.pi)):
        assert folded(zenith, azimuth) == pytest.approx((1.1, 4.0))
        assert towards(*offset(folded(zenith, azimuth), 0.0, 0.0, (-1.0, 1.0))) == pytest.approx(e)


@given(st.floats(0, math.pi), st.floats(0, 6.28), st.floats(0, 0.999), st.floats(0, 0.999))
def test_further_directions_stay_in_their_range(zenith, azimuth, a, b):
    new = offset((zenith, azimuth), a, b, (-0.5, 0.25))
    assert -0.5 - 1e-12 <= math.cos(new[0]) <= 0.25 + 1e-12
    assert 0 <= new[1] <= 2 * math.pi


def test_with_further_directions_a_failure_has_no_track():
    few, none = [(9900.0, 1.0, KEYS[0])], [(9900.0 + 40 * i, 1.0, key) for i, key in enumerate(KEYS)]
    fit = reco.spe_fit(PULSES, seed="T", iterations=2, max_calls=1)
    for row, status in zip(frame([few, none]).select(fit.struct.unnest()).to_dicts(), (40, 30), strict=True):
        assert (row["fit_status"], row["ndof"], row["nmini"]) == (status, -1, -1)
        assert all(row[m] is None for m in (*PARTICLE, "logl", "rlogl"))


def test_a_seed_outside_of_the_range_of_directions_is_not_fitted_itself():
    event = [(9900.0 + 40 * i, 1.0, key) for i, key in enumerate(KEYS)]
    fits = {
        "Inside": reco.spe_fit(PULSES, seed="T", iterations=1, cos_zenith_range=(0.0, 1.0), max_calls=400),
        "Outside": reco.spe_fit(PULSES, seed="T", iterations=1, cos_zenith_range=(-1.0, 0.0), max_calls=400),
    }
    row = reco.with_features(frame([event]), **fits).collect().to_dicts()[0]
    assert row["Inside.logl"] != row["Outside.logl"]
    alone = frame([event]).select(reco.spe_fit(PULSES, seed="T", max_calls=400).struct.field("logl")).item()
    assert row["Inside.logl"] <= alone


SPE = reco.spe_fit(PULSES, seed="T", max_calls=300)


@settings(max_examples=15)
@given(EVENTS)
def test_a_fit_is_no_worse_than_its_seed_and_its_logl_is_that_of_its_track(events):
    fits = {
        "A": SPE,
        "B": reco.spe_fit(PULSES, seed="T", minimizer="BFGS", time_shift="TNone"),
        "C": reco.mpe_fit(PULSES, seed="T", tables=True, iterations=1, max_calls=300),
    }
    at = {"AtA": ("A", "SPE1st"), "AtB": ("B", "SPE1st"), "AtC": ("C", "MPE"), "Seed": ("T", "SPE1st")}
    features = {n: reco.track_likelihood(PULSES, track=track, form=form) for n, (track, form) in at.items()}
    for row, event in zip(
        reco.with_features(frame(events), **fits, **features).collect().to_dicts(), events, strict=True
    ):
        for name in fits:
            if event is None:
                assert row[f"{name}.fit_status"] is None
            elif row[f"At{name}.ndof"] <= 0:
                assert row[f"{name}.fit_status"] == (40 if name == "C" else 30)
                assert (row[f"{name}.ndof"], row[f"{name}.nmini"]) == (-1, -1)
            elif row[f"{name}.fit_status"] == 0:
                assert row[f"{name}.logl"] == pytest.approx(row[f"At{name}.logl"], rel=1e-6)
        if event is not None and row["B.fit_status"] == 0:
            assert (
                row["B.logl"] <= row["Seed.logl"] + 1e-2
            )  # the seed is moved along its track: the light is the same


@pytest.mark.parametrize("form", [SPE_1ST, SPE_ALL, SPEQ_ALL, MPE])
@pytest.mark.parametrize("touching", [False, True])
def test_the_smooth_likelihood_is_the_likelihood_and_its_gradient_is_its_slope(form, touching):
    rng, table = np.random.default_rng(form), pandel_table()
    for _ in range(8):
        n = int(rng.integers(7, 40))
        sensor = np.sort(rng.integers(0, 25, n))
        place = rng.normal(0, 60, (3, 25))
        track = np.array([*rng.normal(0, 20, 3), math.acos(rng.uniform(-1, 1)), rng.uniform(0, 6)])
        if touching:
            track[:3] = place[:, sensor[0]]
        apart, e = place - track[:3, None], np.array(towards(*track[3:]))
        along = e @ apart
        straight = (along + SLOW * np.sqrt(np.maximum(0, (apart**2).sum(0) - along**2))) / C
        time = straight[sensor] + np.minimum(rng.exponential(100, n), 400) + rng.normal(0, 8, n)
        charge = rng.uniform(0.3, 5, n)
        event = hits(time, charge, sensor, *place[:, sensor], form)
        blocks, after = blocks_of(event), np.zeros(5)

        def value(at, blunt=1e-2, event=event, blocks=blocks):
            gradient = np.zeros(5)
            found = track_slope(
                event, blocks, form, (at[0], at[1], at[2]), 0.0, at[3], at[4],
                (15.0, 0.0, 0.0), 1e-8, H2, table, blunt, gradient,
            )  # fmt: skip
            return found, gradient

        if not touching:
            exact = track_likelihood(
                event, form, tuple(track[:3]), 0.0, *track[3:], (15.0, 0.0, 0.0), 1e-8, H2, table
            )
            assert value(track, 0.0)[0] == pytest.approx(exact, rel=1e-6)
        for i, step in enumerate([1e-4] * 3 + [1e-6] * 2):
            move = np.eye(5)[i] * step
            after[i] = (value(track + move)[0] - value(track - move)[0]) / (2 * step)
        # the fast integral of MPE has steps; its slope in time is taken to be the density, which has none
        about = (2e-2 if form == MPE else 2e-3) * np.abs(after).max()
        assert value(track)[1] == pytest.approx(after, rel=1e-3, abs=about)


@pytest.mark.parametrize("late", [(-60.0, 450.0), (450.0, 3000.0)], ids=["within the table", "later"])
def test_eight_pulses_at_once_have_the_density_that_each_has_by_itself(late):
    rng, table, blur = np.random.default_rng(7), pandel_table(), timing(H2[0], 15.0)
    for n in (7, 8, 21, 40):
        place, track = (
            rng.normal(0, 150, (3, n)),
            np.array([0.0, 0.0, 0.0, rng.uniform(0, 3), rng.uniform(0, 6)]),
        )
        seen = [light(place, i, (0.0, 0.0, 0.0), towards(*track[3:])) for i in range(n)]
        residual = rng.uniform(*late, n)
        time = residual + [(along + closest * SLOW) / C for along, closest, _ in seen]
        event = hits(time, np.ones(n), np.arange(n), *place, SPE_1ST)
        blocks, after = blocks_of(event), np.zeros(5)

        def value(at, event=event, blocks=blocks):
            gradient = np.zeros(5)
            found = track_slope(
                event, blocks, SPE_1ST, (at[0], at[1], at[2]), 0.0, at[3], at[4],
                (15.0, 0.0, 0.0), 1e-8, H2, table, 0.0, gradient,
            )  # fmt: skip
            return found, gradient

        _, scattering, p1, *p0, _ = H2
        xi = [(p1 * d + p0[0] + p0[1] * cos + p0[2] * cos * cos) / scattering for _, d, cos in seen]
        each = [slopes(t, shape, blur, table)[0] for t, shape in zip(residual, xi, strict=True)]
        assert value(track)[0] == pytest.approx(-np.log(1e-8 + np.array(each)).sum(), rel=1e-7)
        for i, step in enumerate([1e-4] * 3 + [1e-6] * 2):
            move = np.eye(5)[i] * step
            after[i] = (value(track + move)[0] - value(track - move)[0]) / (2 * step)
        assert value(track)[1] == pytest.approx(after, rel=1e-3, abs=2e-3 * np.abs(after).max())


def test_the_gradient_leads_as_low_as_the_simplex_or_lower():
    geometry = Pulses("SRTInIcePulses", NOMINAL)
    fits = {
        "LineFit": reco.improved_linefit(geometry),
        "A": reco.spe_fit(geometry),
        "B": reco.spe_fit(geometry, minimizer="BFGS"),
    }
    found = (
        reco.with_features(sim.events(200, seed=5).to_polars(), **fits).select("A.logl", "B.logl").collect()
    )
    higher = (found["B.logl"] - found["A.logl"]).drop_nulls()
    assert len(higher) > 150
    assert (higher < 1e-3).mean() > 0.97
    assert (higher < -0.1).mean() > 0.1
    assert higher.mean() < 0


@settings(max_examples=5)
@given(EVENTS)
@pytest.mark.slow
def test_a_row_does_not_know_how_its_frame_is_stored(events):
    check_feature(SPE, frame(events))
    check_feature(reco.track_likelihood(PULSES, track="T"), frame(events))


@pytest.mark.parametrize(
    "change", [{"fit_status": 30}, {"fit_status": None}, {"x": math.nan}, {"zenith": None}]
)
def test_without_a_seed_there_is_no_fit(change):
    event = [(9900.0 + 40 * i, 1.0, key) for i, key in enumerate(KEYS)]
    found = frame([event], TRACK | change).select(SPE.struct.unnest()).to_dicts()[0]
    assert (found["fit_status"], found["ndof"], found["nmini"]) == (40, -1, -1)
    assert all(found[m] is None for m in (*PARTICLE, "logl", "rlogl"))


def test_a_track_is_found_again():
    """Light a little later than without scattering, at all sensors within 60 m of a track through the detector."""
    e = -np.array([math.sin(1.1) * math.cos(4.0), math.sin(1.1) * math.sin(4.0), math.cos(1.1)])
    r = NOMINAL.xyz - [TRACK[a] for a in "xyz"]
    along = r @ e
    d = np.sqrt((r * r).sum(axis=1) - along**2)
    times = TRACK["time"] + (along + 0.917327398903 * d) / 0.299792458 + 0.5 * d
    event = [(float(times[i]), 1.0, int(NOMINAL.omkey[i])) for i in np.flatnonzero(d < 60)]
    assert len(event) > 20
    seed = TRACK | {"zenith": 1.2, "azimuth": 3.9, "x": 30.0, "z": -40.0}
    fits = {
        "A": reco.spe_fit(PULSES, seed="T"),
        "B": reco.spe_fit(PULSES, seed="T", tables=True),
        "C": reco.spe_fit(PULSES, seed="T", minimizer="BFGS", iterations=4),
        "D": reco.mpe_fit(PULSES, seed="A"),
        "F": reco.mpe_fit(PULSES, seed="A", form="MPEAll"),
        "G": reco.mpe_fit(PULSES, seed="A", timing_error=2.0),
        "H": reco.spe_fit(PULSES, seed="T", form="PSA", energy=500.0),
    }
    row = reco.with_features(frame([event], seed), **fits).collect().to_dicts()[0]
    for name in fits:
        assert row[f"{name}.fit_status"] == 0
        assert abs(row[f"{name}.zenith"] - 1.1) < 0.03
        assert abs(row[f"{name}.azimuth"] - 4.0) < 0.03
    assert row["B.logl"] == pytest.approx(row["A.logl"], abs=1e-2)
    assert row["C.logl"] <= row["A.logl"] + 1e-2


@pytest.mark.slow
def test_a_fit_in_the_half_sphere_stays_within_a_right_angle_of_its_seed():
    event = [(9900.0 + 40 * i, 1.0, key) for i, key in enumerate(KEYS)]
    back = TRACK | {"zenith": math.pi - 1.1, "azimuth": 4.0 - math.pi}
    fits = {
        "Near": reco.spe_fit(PULSES, seed="T", parametrization="HalfSphere", time_shift="TNone"),
        "AtT": reco.track_likelihood(PULSES, track="T", form="SPE1st"),
    }
    for track in (TRACK, back):
        found = reco.with_features(frame([event], track), **fits).collect()
        assert found["Near.fit_status"].item() == 0
        assert found.select(reco.opening_angle("Near", "T")).item() < math.pi / 2
        assert found["Near.logl"].item() <= found["AtT.logl"].item() + 1e-9


@given(st.floats(0, math.pi), st.floats(0, 2 * math.pi))
def test_directions_across_are_at_right_angles(zenith, azimuth):
    e = towards(zenith, azimuth)
    axes = np.array([e, *across(e)])
    assert axes @ axes.T == pytest.approx(np.eye(3), abs=1e-12)


def test_a_multi_photon_fit_takes_the_keywords_of_the_other():
    keywords = {
        name for name, p in inspect.signature(reco.spe_fit).parameters.items() if p.kind is p.KEYWORD_ONLY
    }
    assert keywords - {"seed", "form", "jitter"} == set(FitSettings.__annotations__)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: reco.spe_fit(PULSES, form="SPE"), r"`form` must be one of SPE1st, .*, found 'SPE'"),
        (
            lambda: reco.mpe_fit(PULSES, time_shift="first"),
            r"`time_shift` must be one of TNone, .*, found 'first'",
        ),
        (
            lambda: reco.spe_fit(PULSES, minimizer="MIGRAD"),
            r"`minimizer` must be one of simplex, BFGS, found",
        ),
        (lambda: reco.spe_fit(PULSES, jitter=-1.0), r"`jitter` must be 0 ns or more, found -1"),
        (
            lambda: reco.spe_fit(PULSES, jitter=0.0, minimizer="BFGS"),
            r"needs a gradient, which is not available for 'SPE1st' without jitter",
        ),
        (lambda: reco.spe_fit(PULSES, iterations=-1), r"iterations must be 0 or more .* found -1"),
        (lambda: reco.track_likelihood(PULSES, form="UPandel"), r"`form` must be one of"),
        (lambda: reco.spe_fit(PULSES, timing_error=1.0), r"forms MPE and MPEPlain, found 'SPE1st'"),
        (lambda: reco.spe_fit(PULSES, form="PSA", energy=0.0), r"`energy` must be above 0 GeV, found 0"),
        (
            lambda: reco.spe_fit(PULSES, form="PSA", minimizer="BFGS"),
            r"needs a gradient, which is not available for 'PSA'; use",
        ),
        (
            lambda: reco.mpe_fit(PULSES, timing_error=1.0, minimizer="BFGS"),
            r"not available for 'MPE' with a timing error",
        ),
        (
            lambda: reco.spe_fit(PULSES, parametrization="HalfSphere", minimizer="BFGS"),
            r"BFGS does not support the `parametrization` 'HalfSphere'",
        ),
        (
            lambda: reco.spe_fit(PULSES, ice_model="H5"),
            r"`ice_model` must be one of H0, H1, H2, H3, H4, found",
        ),
        (lambda: reco.spe_fit(PULSES, add_alternatives="Cubic"), r"must be one of None, Reverse, .*, found"),
        (lambda: reco.spe_fit(PULSES, cos_zenith_range=(0.5, 0.5)), r"`cos_zenith_range` must be .*, found"),
        (lambda: reco.spe_fit(PULSES, charge_fraction=1.5), r"`charge_fraction` must be from 0 to 1, found"),
        (lambda: reco.spe_fit(PULSES, parametrization="Sphere"), r"must be one of Simple, HalfSphere, found"),
    ],
)
def test_wrong_settings_say_what_there_is(call, match):
    with pytest.raises(ValueError, match=match):
        call()
