"""`angular_errors`: Cramer-Rao bounds as IceTray stored them, and the curvature of the likelihood itself.

The kernels: `cramer_rao`, `paraboloid`, and `numerics.inverse`.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_likelihood import flight, track_logl

import icecol as ic
from icecol import reco
from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry, omkey
from icecol.reco.angular_errors import _BOUNDS as BOUNDS
from icecol.reco.kernels.cramer_rao import _SCATTERING as LAYERS
from icecol.reco.kernels.paraboloid import ellipse, offset, turned, verdict
from icecol.reco.numerics.inverse import inverse
from icecol.reco.testing import check_feature

STORED = {  # track, pulses, whether charges count
    "SPEFit2CramerRaoParams": ("SPEFit2", "SRTInIcePulses", False),
    "MPEFitCramerRaoParams": ("MPEFit", "SRTInIcePulses", True),
    "SPEFit2CramerRao_DCParams": ("SPEFit2_DC", "SRTTWOfflinePulsesDC", False),
}
FILES = ("oscNext_genie_level3_v02", "oscNext_genie_level7_v02", "oscNext_noise_level3_v02")

NOMINAL = Geometry.nominal()
PULSES = Pulses("P", NOMINAL)
SENSORS = {r["omkey"]: r for r in NOMINAL.table().to_dicts()}
KEYS = [omkey(36, om) for om in (20, 21, 30, 40)] + [omkey(s, 30) for s in (26, 27, 35, 37, 45)]
EVENT = st.lists(
    st.tuples(st.floats(9500, 12000), st.sampled_from([0.5, 1.0, 2.25, 40.0]), st.sampled_from(KEYS)),
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


@pytest.mark.parametrize("file", FILES)
def test_bounds_are_those_that_icetray_stored(file, shared_data):
    events = ic.scan_i3(shared_data / "i3" / "real" / f"{file}_first_5_frames.i3.gz").collect()
    geometry = Geometry.read_parquet(shared_data / "geometry" / "icecube86.parquet")
    compared = 0
    for key, (track, pulses, charges) in STORED.items():
        bound = reco.cramer_rao(Pulses(pulses, geometry), track=track, all_hits=charges)
        ours = events.select(bound.struct.unnest())
        assert ours["status"].to_list() == events[f"{key}.status"].to_list()
        for member in BOUNDS:
            theirs = events[f"{key}.{member}"].to_numpy()
            scale = np.abs(theirs)
            if member.startswith("covariance"):  # may be a small difference of large numbers
                a, b = (events[f"{key}.variance_{m}"].to_numpy() for m in member.split("_")[1:])
                scale = np.sqrt(a * b)
            off = np.abs(ours[member].to_numpy() - theirs) / scale
            assert np.nanmax(off, initial=0) < 6e-5, member
            assert (np.isnan(ours[member].to_numpy()) == np.isnan(theirs)).all()
            compared += int(np.isfinite(theirs).sum())
    assert compared == {"oscNext_genie_level3_v02": 108, "oscNext_genie_level7_v02": 180}.get(file, 0)


def naive_information(d, z, *, by_depth):
    """Return -<d^2 ln p / dd^2> without jitter, which the module leaves away beyond 40 m."""
    special = pytest.importorskip("scipy.special")
    if not by_depth:
        return special.polygamma(1, d / 33.3) / 33.3**2
    layer = min(max(math.floor((1948.07 - 1345 - z) / 10 + 0.5), 0), 121)
    b = LAYERS[layer] / 1000
    return b**2 * special.polygamma(1, b * d) + 0.948 * b / d


def naive_bound(event, track, *, charges, by_depth):
    """Return the inverse of the summed information, the slopes of distances by differences."""
    doms = {}
    for _, q, key in event:
        doms.setdefault(key, []).append(q)
    start = np.array([track[m] for m in ("zenith", "azimuth", "x", "y")])
    information = np.zeros((4, 4))
    for key, q in doms.items():
        sensor = np.array([SENSORS[key][a] for a in "xyz"])

        def distance(p, sensor=sensor):
            return np.linalg.norm(np.cross(flight(p[0], p[1]), sensor - [p[2], p[3], track["z"]]))

        d = distance(start)
        if by_depth and not 42 < d < 195:
            return None
        i = max(int(2 * d - 0.5), 1)
        upper = naive_information((i + 1) / 2, sensor[2], by_depth=by_depth)
        lower = naive_information(i / 2, sensor[2], by_depth=by_depth)
        t = upper + (i // 2 - d) * (lower - upper) / 0.5 if i < 400 else 0.033 / d
        steps = 1e-5 * np.eye(4)
        slope = np.array([(distance(start + h) - distance(start - h)) / 2e-5 for h in steps])
        information += t * np.outer(slope, slope) * (sum(q) if charges else 1)
    return np.linalg.inv(information)


@pytest.mark.parametrize("by_depth", [True, False])
@pytest.mark.parametrize("charges", [True, False])
def test_bounds_equal_their_slow_twin(charges, by_depth):
    rng = np.random.default_rng(2)
    far = TRACK | {"x": 60.0, "y": 95.0, "zenith": 1.4} if by_depth else TRACK
    keys = [omkey(s, om) for s in (26, 27, 35, 36, 37, 45) for om in (22, 30, 38)]
    event = [(9800.0, float(rng.choice([1.0, 2.5])), int(k)) for k in keys for _ in range(rng.integers(1, 3))]
    if by_depth:
        e = flight(far["zenith"], far["azimuth"])
        event = [
            p
            for p in event
            if 42 < np.linalg.norm(np.cross(e, [SENSORS[p[2]][a] - far[a] for a in "xyz"])) < 195
        ]
    assert len({p[2] for p in event}) > 6
    bound = reco.cramer_rao(PULSES, track="T", all_hits=charges, z_dependent_scatter=by_depth)
    found = frame([event], far).select(bound.struct.unnest()).to_dicts()[0]
    c = naive_bound(event, far, charges=charges, by_depth=by_depth)
    expected = [
        math.sqrt(c[0, 0]), math.sqrt(c[1, 1]), c[0, 0], c[1, 1], c[2, 2], c[3, 3],
        c[0, 1], c[0, 2], c[0, 3], c[1, 2], c[1, 3], c[2, 3],
    ]  # fmt: skip
    assert [found[m] for m in BOUNDS] == pytest.approx(expected, rel=1e-5)
    assert found["status"] == 0


def test_bounds_say_why_there_are_none():
    six = [(9800.0, 1.0, key) for key in KEYS]
    string = [(9800.0, 1.0, omkey(36, om)) for om in range(20, 30)]
    bound = reco.cramer_rao(PULSES, track="T").struct.unnest()
    assert frame([six[:5], six, string]).select(bound)["status"].to_list() == [30, 0, 40]
    lost = frame([six[:5], six], TRACK | {"x": math.nan}).select(bound)
    assert lost["status"].to_list() == [30, 10]
    assert lost["variance_x"].is_null().all()


@given(st.lists(st.floats(-10, 10), min_size=16, max_size=16))
def test_the_inverse_is_that_of_numpy(values):
    matrix = np.array(values).reshape(4, 4)
    found, there = inverse(matrix)
    if np.linalg.cond(matrix) < 1e6:
        assert there
        assert found == pytest.approx(np.linalg.inv(matrix), rel=1e-6, abs=1e-9)
    assert not inverse(np.zeros((3, 3)))[1]


@given(*[st.floats(-0.3, 0.3)] * 2, st.floats(0, math.pi), st.floats(0, 6.28))
def test_an_offset_is_turned_to_the_track_and_back(zen, azi, zenith, azimuth):
    around = azimuth - math.pi
    up = math.pi / 2 - zenith
    y = np.array([[math.cos(up), 0, math.sin(up)], [0, 1, 0], [-math.sin(up), 0, math.cos(up)]])
    z = np.array(
        [[math.cos(around), -math.sin(around), 0], [math.sin(around), math.cos(around), 0], [0, 0, 1]]
    )
    found = turned(zen, azi, zenith, azimuth)
    # a zenith angle is the arc cosine of z, which tells angles near a pole no better than to 2e-8
    assert flight(*found) == pytest.approx(z @ y @ flight(math.pi / 2 + zen, math.pi + azi), abs=3e-8)
    assert offset(*found, zenith, azimuth) == pytest.approx((zen, azi), abs=1e-7)
    assert turned(0.0, 0.0, 1.1, 4.0) == pytest.approx((1.1, 4.0))


@given(st.floats(0.1, 4), st.floats(0.1, 4), st.sampled_from([0.0, -0.9, -0.2, 1e-3, 0.5, 0.9]))
def test_the_ellipse_has_the_eigenvalues_of_its_covariance(a, b, correlation):
    c = correlation * a * b
    large, small, angle = ellipse(a * a, c, b * b)
    values, vectors = np.linalg.eigh([[a * a, c], [c, b * b]])
    if c:
        assert (small, large) == pytest.approx(values, rel=1e-9, abs=1e-9)
        if values[1] > values[0] * (1 + 1e-6):
            axis = vectors[:, 1]
            assert abs(axis @ (math.cos(angle), math.sin(angle))) == pytest.approx(1, abs=1e-6)
    else:
        assert (large, small, angle) == (a * a, b * b, 0)


def test_the_verdict_on_errors_is_icetrays():
    assert [verdict(*e) for e in ((1, 1), (-1, -1), (-1, 1), (1, -1), (1, 1e-6))] == [0, 20, 21, 22, 30]


LIT = [(9790.0 + 7 * (i % 9) + 31 * (i // 9), 1.0 + i % 3, int(k)) for i, k in enumerate(KEYS)]


def fitted(event):
    """Return an event with the track that fits it best."""
    return reco.with_features(frame([event]), F=reco.spe_fit(PULSES, seed="T")).collect()


@pytest.mark.slow
def test_a_paraboloid_without_fits_of_the_vertex_is_that_of_least_squares():
    best = fitted(LIT)
    error = reco.paraboloid(
        PULSES, track="F", vertex_step=0.0, vertex_correction=False, time_shift="TNone", truth="T"
    )
    row = reco.with_features(best, E=error).collect().to_dicts()[0]
    e = flight(row["F.zenith"], row["F.azimuth"])
    centre = np.average(
        [[SENSORS[k][a] for a in "xyz"] for *_, k in LIT], axis=0, weights=[q for _, q, _ in LIT]
    )
    shift = e @ (centre - [row[f"F.{a}"] for a in "xyz"])
    vertex = {a: row[f"F.{a}"] + shift * e[i] for i, a in enumerate("xyz")}
    vertex["time"] = row["F.time"] + shift / 0.299792458
    points = [(0.0, 0.0)]
    for circle in (1, 2, 3):
        for i in range(8):
            reach = math.radians(1) * circle / 3
            points.append((reach * math.sin(i * math.pi / 4), reach * math.cos(i * math.pi / 4)))
    values, design = [], []
    for zen, azi in points:
        zenith, azimuth = turned(zen, azi, row["F.zenith"], row["F.azimuth"])
        values.append(
            track_logl(LIT, SENSORS, vertex | {"zenith": zenith, "azimuth": azimuth}, "SPE1st", 15.0)[0]
        )
        design.append([1, zen, azi, zen**2 / 2, zen * azi, azi**2 / 2])
    (alpha, b1, b2, g11, g12, g22), left, *_ = np.linalg.lstsq(design, values)
    covariance = np.linalg.inv([[g11, g12], [g12, g22]])
    low = -covariance @ (b1, b2)
    expected = {
        "pbfCenterLlh": values[0], "pbfCurv11": g11, "pbfCurv12": g12, "pbfCurv22": g22,
        "pbfDetCurvM": g11 * g22 - g12**2, "pbfCovar": covariance[0, 1],
        "pbfZenOff": low[0], "pbfAziOff": low[1], "pbfLlh": alpha + (b1 * low[0] + b2 * low[1]) / 2,
        "pbfSigmaZen": math.copysign(math.sqrt(abs(covariance[0, 0])), covariance[0, 0]),
        "pbfSigmaAzi": math.copysign(math.sqrt(abs(covariance[1, 1])), covariance[1, 1]),
        "pbfTrZen": 1.1, "pbfTrAzi": 4.0,
    }  # fmt: skip
    for member, value in expected.items():
        assert row[f"E.{member}"] == pytest.approx(value, rel=1e-5, abs=1e-9), member
    assert row["E.pbfChi2"] == pytest.approx(left[0], rel=1e-3, abs=1e-9)
    assert turned(low[0], low[1], row["F.zenith"], row["F.azimuth"]) == pytest.approx(
        (row["E.pbfZen"], row["E.pbfAzi"])
    )
    true = turned(row["E.pbfTrOffZen"], row["E.pbfTrOffAzi"], row["F.zenith"], row["F.azimuth"])
    assert true == pytest.approx((1.1, 4.0))


@pytest.fixture(scope="module")
def muons():
    pulses = Pulses("SRTInIcePulses", NOMINAL)
    features = {
        "LineFit": reco.improved_linefit(pulses),
        "SPEFit": reco.spe_fit(pulses, iterations=1),
        "E": reco.paraboloid(pulses, truth="MCPrimary"),
        "C": reco.cramer_rao(pulses, track="SPEFit", all_hits=False),
    }
    frame = ic.sim.events(80, seed=3, muons=1.0, cascades=0.0, noise=0.0).to_polars()
    return ic.with_features(frame, **features).filter(pl.col("SPEFit.fit_status") == 0).collect()


@pytest.mark.slow
def test_the_profile_over_vertices_is_seldom_higher_than_the_fit(muons):
    # in a few per cent of events its simplex ends in another minimum than that of the fit
    assert (muons["E.pbfCenterLlh"] <= muons["SPEFit.logl"] + 1e-2).mean() > 0.95
    good = muons.filter(pl.col("E.pbfStatus") == 0)
    assert good.height > 0.85 * muons.height
    assert (good["E.fit_status"] == 0).all()
    assert (good["E.ndof"] == good["SPEFit.ndof"] + 2).all()
    assert (good["E.pbfErr1"] >= good["E.pbfErr2"]).all()
    size = good["E.pbfErr1"] ** 2 + good["E.pbfErr2"] ** 2
    assert size.to_numpy() == pytest.approx(
        (good["E.pbfSigmaZen"] ** 2 + good["E.pbfSigmaAzi"] ** 2).to_numpy()
    )


@pytest.mark.slow
def test_errors_are_as_large_as_the_directions_are_wrong(muons):
    """The distance by its error goes as a Rayleigh distribution, of which the median is 1.18."""
    wrong = reco.opening_angle("SPEFit", "MCPrimary")
    by_paraboloid = ((pl.col("E.pbfErr1") ** 2 + pl.col("E.pbfErr2") ** 2) / 2).sqrt()
    around = pl.col("C.cramer_rao_phi") * pl.col("SPEFit.zenith").sin()
    by_bound = ((pl.col("C.cramer_rao_theta") ** 2 + around**2) / 2).sqrt()
    good = muons.filter(pl.col("E.pbfStatus") == 0)
    pulls = good.select(p=(wrong / by_paraboloid).median(), c=(wrong / by_bound).median()).row(0)
    assert all(0.6 < pull < 1.8 for pull in pulls)


@settings(max_examples=5)
@given(EVENTS)
@pytest.mark.slow
def test_a_row_does_not_know_how_its_frame_is_stored(events):
    check_feature(reco.paraboloid(PULSES, track="T", max_calls=100), frame(events))
    check_feature(reco.cramer_rao(PULSES, track="T"), frame(events))


def test_a_paraboloid_says_why_there_is_none():
    error = reco.paraboloid(PULSES, track="T").struct.unnest()
    status = ["fit_status", "pbfStatus", "ndof", "nmini"]
    assert frame([LIT[:5]]).select(error).select(status).row(0) == (20, -50, -1, -1)
    assert frame([LIT], TRACK | {"fit_status": 30}).select(error).select(status).row(0) == (40, -100, -1, -1)
    impatient = reco.paraboloid(PULSES, track="T", max_calls=1).struct.unnest()
    assert frame([LIT]).select(impatient).select(status).row(0) == (10, -80, -1, -1)
    with pytest.raises(ValueError, match=r"must be a multiple of 4 .* found 6 and 3"):
        reco.paraboloid(PULSES, number_of_sampling_points=6)
