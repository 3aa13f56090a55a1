"""`line_fits` with `kernels.linefit`, `improved_linefit`, `ehe_linefit`: fits agree with slow twins on any event."""

from __future__ import annotations

import math
from fractions import Fraction

import naive
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_events import EVENT, EVENTS, KEYS, PULSES, SENSORS, assert_same, frame

from icecol import reco
from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry, omkey
from icecol.reco.testing import check_feature

TWINS = {
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


@pytest.mark.parametrize("feature", [f for f, _ in TWINS.values()], ids=TWINS)
@settings(max_examples=12)
@given(EVENTS)
@pytest.mark.slow
def test_a_row_does_not_know_how_its_frame_is_stored(feature, events):
    check_feature(feature, frame(events))


@given(EVENT)
def test_the_order_in_which_sensors_are_stored_does_not_matter(event):
    ordered = sorted(event, key=lambda p: p[2])
    for feature in (reco.linefit(PULSES), reco.improved_linefit(PULSES)):
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
