"""`charges`, `line_fits`, `inertia` and their kernels agree with slow twins, on any event that can be thought of."""

from __future__ import annotations

import math
from fractions import Fraction

import naive
import numpy as np
import polars as pl
import pytest
from answers import near
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from icecol import reco
from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry, omkey
from icecol.errors import GeometryError
from icecol.reco.testing import check_feature

NOMINAL = Geometry.nominal()
PLACES = [
    (1, 1),
    (1, 2),
    (1, 60),
    (2, 7),
    (36, 44),
    (36, 45),
    (79, 20),
    (80, 11),
    (81, 30),
    (86, 60),
    (21, 48),
]
KEYS = [omkey(*p) for p in PLACES]
UNKNOWN = [omkey(90, 5), omkey(36, 61), omkey(-3, 1), omkey(36, 44, 2)]
GEOMETRY = Geometry.from_columns(
    NOMINAL.table().with_columns(calibrated=(pl.col("string") != 1) | (pl.col("om") != 2))
)
SENSORS = {r["omkey"]: r for r in GEOMETRY.table().to_dicts()}
PULSES = Pulses("P", GEOMETRY)

TIMES = st.one_of(
    st.floats(9000, 12000),
    st.integers(9000, 12000).map(float),
    st.sampled_from([9500.0, 9500.0, 0.1, math.nan, 1e15, -4e4]),
)
CHARGES = st.one_of(
    st.floats(0.0, 300.0, width=32), st.sampled_from([1.0, 0.25, 0.0, -0.5, math.nan, math.inf])
)
EVENT = st.lists(st.tuples(TIMES, CHARGES, st.sampled_from(KEYS + UNKNOWN)), max_size=14)
EVENTS = st.lists(st.one_of(st.none(), EVENT), min_size=1, max_size=6)


def frame(events, **columns) -> pl.DataFrame:
    """Make the columns of a pulse series from lists of (time, charge, omkey)."""
    member = [None if e is None else list(zip(*e, strict=True)) or [[], [], []] for e in events]
    types = {"P.time": pl.Float64, "P.charge": pl.Float32, "P.omkey": pl.Int32}
    lists = {
        name: pl.Series(name, [None if m is None else list(m[k]) for m in member], pl.List(t))
        for k, (name, t) in enumerate(types.items())
    }
    return pl.DataFrame({**lists, **columns})


def assert_same(found: dict, expected: dict | None, event, rel: float = 0.0) -> None:
    if expected is None:
        assert set(found.values()) == {None}
        return
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name] == near(value, rel=rel, abs=1e-300), (name, event)


TWINS = {
    "charge": (reco.charge(PULSES), naive.charge),
    "homogenized_qtot": (reco.homogenized_qtot(PULSES), lambda e: naive.qtot(e, SENSORS)),
    "linefit": (reco.linefit(PULSES), lambda e: naive.linefit(e, SENSORS)),
    "linefit-first": (
        reco.linefit(PULSES, leading_edge="FLE", min_hits=3),
        lambda e: naive.linefit(e, SENSORS, first_only=True, min_hits=3),
    ),
    "improved_linefit": (reco.improved_linefit(PULSES), lambda e: naive.improved_linefit(e, SENSORS)),
    "improved_linefit-ehe": (
        reco.improved_linefit(PULSES, min_doms=4, delay_time_interval=300.0),
        lambda e: naive.improved_linefit(e, SENSORS, interval=300.0, min_doms=4),
    ),
}


@pytest.mark.parametrize("name", TWINS)
@given(EVENTS)
def test_a_kernel_equals_its_slow_twin_to_the_last_bit(name, events):
    feature, twin = TWINS[name]
    found = frame(events).select(feature.struct.unnest()).to_dicts()
    for row, event in zip(found, events, strict=True):
        assert_same(row, None if event is None else twin(event), event)


@given(EVENTS, st.sampled_from([0.5, 1.0, 2.0]))
def test_weighted_linefit_equals_its_slow_twin(events, power):
    events = [e and [(t, abs(q) if math.isfinite(q) else 1.0, k) for t, q, k in e] for e in events]
    found = frame(events).select(reco.linefit(PULSES, amp_weight_power=power).struct.unnest()).to_dicts()
    for row, event in zip(found, events, strict=True):
        twin = event if event is None else naive.linefit(event, SENSORS, power=power)
        if event is None or power == 1.0:
            assert_same(row, twin, event)
        else:
            assert row["NHits"] == twin["NHits"] or row["fit_status"] != 0


@given(EVENTS, st.lists(st.one_of(st.none(), TIMES), min_size=6, max_size=6))
def test_causal_qtot_equals_its_slow_twin(events, vertex):
    vertex = vertex[: len(events)]
    f = frame(events, **{"V.time": pl.Series(vertex, dtype=pl.Float64)})
    found = f.select(reco.causal_qtot(PULSES, vertex="V").struct.unnest())["value"]
    for value, event, t in zip(found, events, vertex, strict=True):
        if event is None:
            assert value is None
        else:
            assert_same({"value": value}, naive.qtot(event, SENSORS, t), event)


def test_a_sensor_of_no_or_endless_charge_does_not_take_the_charge_of_the_others():
    sensible = [(0.0, q, omkey(s, 5)) for s, q in ((1, 10.0), (2, 8.0), (4, 9.0))]
    for q in (math.nan, math.inf):
        found = frame([[*sensible, (0.0, q, omkey(3, 5))]]).select(reco.homogenized_qtot(PULSES)).item()
        assert found == {"value": 27.0}


def test_without_a_vertex_all_pulses_are_causal_and_with_one_of_nan_none():
    event = [(t, 1.0, omkey(s, 5)) for s, t in ((1, 0.0), (2, 10.0), (3, 4999.0), (4, 5000.0), (5, math.nan))]
    f = frame([event] * 3, **{"V.time": [0.0, None, math.nan]})
    found = f.select(reco.causal_qtot(PULSES, vertex="V").struct.unnest())["value"]
    assert found.to_list() == [3.0, 5.0, 0.0]


@given(
    st.lists(
        st.tuples(st.floats(9000, 12000), st.floats(0.125, 300, width=32), st.sampled_from(KEYS + UNKNOWN)),
        max_size=14,
    )
)
def test_tensor_of_inertia_agrees_with_its_slow_twin(event):
    row = frame([event]).select(reco.tensor_of_inertia(PULSES).struct.unnest()).to_dicts()[0]
    twin = naive.tensor_of_inertia(event, SENSORS)
    assert list(row) == list(twin)
    assert row["fit_status"] == twin["fit_status"]
    if twin["fit_status"]:
        assert_same(row, twin, event)
        return
    size = twin["eval3"]
    for name in ("mineval", "eval2", "eval3"):
        assert row[name] == pytest.approx(twin[name], rel=1e-12, abs=1e-12 * size)
    for name in ("x", "y", "z", "time"):
        assert row[name] == pytest.approx(twin[name], rel=1e-12, abs=1e-9)
    assert row["evalratio"] == pytest.approx(twin["evalratio"], abs=1e-12)
    assume((twin["eval2"] - twin["mineval"]) / size > 1e-6)
    a, b = (axis(r) for r in (row, twin))
    assert abs(a @ b) == pytest.approx(1, abs=1e-9)


@given(
    st.lists(
        st.tuples(st.floats(9000, 12000), st.floats(0.125, 300, width=32), st.sampled_from(KEYS)),
        min_size=4,
        max_size=14,
        unique_by=lambda pulse: pulse[2],
    )
)
def test_the_axes_of_inertia_are_at_right_angles_and_those_of_its_eigenvalues(event):
    found = frame([event, event[:2]]).select(reco.tensor_of_inertia(PULSES, axes=True).struct.unnest())
    row, few = found.to_dicts()
    plain = frame([event]).select(reco.tensor_of_inertia(PULSES).struct.unnest()).to_dicts()[0]
    assert {k: v for k, v in row.items() if k in plain} == plain
    assert {few[f"{m}{k}"] for m in ("zenith", "azimuth") for k in (2, 3)} == {None}
    axes = [axis({m: row[f"{m}{k}"] for m in ("zenith", "azimuth")}) for k in ("", 2, 3)]
    np.testing.assert_allclose(np.array(axes) @ np.transpose(axes), np.eye(3), atol=1e-7)
    r = np.array([[SENSORS[k][c] for c in "xyz"] for _, _, k in event]) - [row[c] for c in "xyz"]
    q = np.array([q for _, q, _ in event])
    for name, e in zip(
        ("mineval", "eval2", "eval3"), axes, strict=True
    ):  # the moment of inertia around the axis
        around = (q * ((r * r).sum(1) - (r @ e) ** 2)).sum() / q.sum()
        assert row[name] == pytest.approx(around, rel=1e-6, abs=1e-7 * row["eval3"])


@given(st.lists(EVENT, min_size=1, max_size=4))
def test_tensor_of_inertia_survives_any_charge(events):
    found = frame(events).select(reco.tensor_of_inertia(PULSES).struct.unnest()).to_dicts()
    for row, event in zip(found, events, strict=True):
        q = [q for _, q, k in event if k in SENSORS]
        if not sum(q) or not np.isfinite(q).all():
            assert row["time"] is None or not math.isfinite(row["time"])
        n_doms = len(naive.by_dom(event, SENSORS))
        assert row["fit_status"] == (20 if n_doms < 3 else 0)
        assert (row["mineval"] is None) == (n_doms < 3)


def axis(row) -> np.ndarray:
    zenith, azimuth = row["zenith"], row["azimuth"]
    return -np.array(
        [math.sin(zenith) * math.cos(azimuth), math.sin(zenith) * math.sin(azimuth), math.cos(zenith)]
    )


@given(
    st.lists(st.tuples(st.floats(9000, 12000), st.just(1.0), st.sampled_from(KEYS)), min_size=2, max_size=14)
)
def test_linefit_is_the_least_squares_line_up_to_the_cancellation_of_its_sums(event):
    times = [Fraction(t) for t, _, _ in event]
    n = len(times)
    t, tt = sum(times) / n, sum(t * t for t in times) / n
    spread = tt - t * t
    assume(spread > 1e-6)
    fit = frame([event]).select(reco.linefit(PULSES).struct.unnest()).row(0, named=True)
    assume(fit["fit_status"] == 0)
    lost = 1e-15 * n * float(tt / spread)  # the digits that <t^2> - <t>^2 cancels, times rounding
    for c, v in (("x", "LFVelX"), ("y", "LFVelY"), ("z", "LFVelZ")):
        r = [Fraction(SENSORS[k][c]) for _, _, k in event]
        exact = float((sum(a * b for a, b in zip(r, times, strict=True)) / n - sum(r) / n * t) / spread)
        size = max(abs(float(x)) for x in r) / math.sqrt(float(spread))
        assert abs(fit[v] - exact) <= 10 * lost * (abs(exact) + size)


def test_without_relative_efficiencies_there_is_no_homogenized_charge():
    pulses = Pulses("P", Geometry.from_columns(GEOMETRY.table().select("omkey", "x", "y", "z")))
    for feature in (
        lambda: reco.homogenized_qtot(pulses),
        lambda: reco.causal_qtot(pulses, vertex=pl.struct(time=pl.lit(0.0))),
    ):
        with pytest.raises(GeometryError, match="no relative efficiencies"):
            feature()


@pytest.mark.parametrize("name", [*TWINS, "tensor_of_inertia", "axes", "causal_qtot"])
@settings(max_examples=12)
@given(EVENTS)
def test_a_row_does_not_know_how_its_frame_is_stored(name, events):
    feature = {
        **{n: f for n, (f, _) in TWINS.items()},
        "tensor_of_inertia": reco.tensor_of_inertia(PULSES),
        "axes": reco.tensor_of_inertia(PULSES, axes=True),
        "causal_qtot": reco.causal_qtot(PULSES, vertex=pl.struct(time=pl.lit(9500.0))),
    }[name]
    check_feature(feature, frame(events))


@given(EVENT)
def test_the_order_in_which_sensors_are_stored_does_not_matter(event):
    ordered = sorted(event, key=lambda p: p[2])
    for feature in (reco.charge(PULSES), reco.linefit(PULSES), reco.improved_linefit(PULSES)):
        a, b = frame([event, ordered]).select(f=feature)["f"]
        assert repr(a) == repr(b)


def test_a_line_of_sensors_gives_back_its_speed_and_direction():
    r = np.arange(6)[:, None] * 50 * np.array([0.6, 0.0, -0.8])
    columns = {"string": np.ones(6, int), "om": np.arange(1, 7), "x": r[:, 0], "y": r[:, 1], "z": r[:, 2]}
    g = Geometry.from_columns(columns)
    event = [(50 * i / 0.3, 1.0, omkey(1, i + 1)) for i in range(6)]
    fit = frame([event]).select(reco.linefit(Pulses("P", g)).struct.unnest()).row(0, named=True)
    assert fit["speed"] == pytest.approx(0.3, rel=1e-12)
    assert (fit["zenith"], fit["azimuth"]) == pytest.approx((0.6435011, math.pi), abs=1e-7)


def test_leading_edge_is_one_of_two():
    with pytest.raises(ValueError, match=r"leading_edge must be 'ALL'.*found 'first'"):
        reco.linefit(PULSES, leading_edge="first")
