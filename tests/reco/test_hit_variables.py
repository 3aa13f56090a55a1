"""`hit_variables` with its kernels: CommonVariables agree with slow twins, alone and together.

The kernels: `common_variables`, `along_track`, `direct_hits`, `hit_multiplicity`, `hit_statistics`, `sensors`,
`time_characteristics`, `track_characteristics`.
"""

from __future__ import annotations

import math

import naive_common_variables as naive
import numpy as np
import polars as pl
import pytest
from answers import answer
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from random_events import EVENTS, PULSES, SENSORS, assert_same, frame
from test_tracks import SHAPE, TRACK, around

from icecol import reco
from icecol.dataset.pulses import Pulses
from icecol.reco.hit_variables import DIRECT_WINDOWS
from icecol.reco.testing import check_feature

TWINS = {
    "hit_multiplicity": (reco.hit_multiplicity(PULSES), naive.hit_multiplicity),
    "hit_statistics": (reco.hit_statistics(PULSES), lambda e: naive.hit_statistics(e, SENSORS)),
    "time_characteristics": (
        reco.time_characteristics(PULSES),
        lambda e: naive.time_characteristics(e, SENSORS),
    ),
}


@pytest.mark.parametrize("name", TWINS)
@given(EVENTS)
def test_a_feature_equals_its_slow_twin_to_the_last_bit(name, events):
    feature, twin = TWINS[name]
    found = frame(events).select(feature.struct.unnest()).to_dicts()
    for row, event in zip(found, events, strict=True):
        assert_same(row, None if event is None else twin(event), event)


SMOOTHNESS = {"Sdir", "Sall", "dir_track_hit_distribution_smoothness", "track_hits_distribution_smoothness"}


def assert_close(found, expected):
    assert list(found) == list(expected)
    for name, value in expected.items():
        # of two equal extremes of opposite sign, rounding decides which is the larger
        sign = abs if name in SMOOTHNESS else float
        if answer(value) is None:
            assert found[name] is None, name
        else:
            assert sign(found[name]) == pytest.approx(sign(value), rel=1e-7, abs=1e-6), name


@SHAPE
@settings(max_examples=15)
@given(EVENTS, TRACK, st.sampled_from([*DIRECT_WINDOWS, (-300.0, 2000.0)]))
def test_direct_hits_are_those_of_the_slow_twin(shape, events, track, window):
    feature = reco.direct_hits(PULSES, track="L", window=window, shape=shape)
    found = around(events, [track]).select(feature.struct.unnest()).to_dicts()
    for row, event in zip(found, events, strict=True):
        if event is not None:
            times = DIRECT_WINDOWS.get(window, window) if isinstance(window, str) else window
            assert_close(row, naive.direct_hits(event, SENSORS, {**track, "shape": shape}, times))


@SHAPE
@settings(max_examples=15)
@given(EVENTS, TRACK, st.sampled_from([150.0, 600.0, math.inf]))
def test_track_characteristics_are_those_of_the_slow_twin(shape, events, track, radius):
    feature = reco.track_characteristics(PULSES, track="L", cylinder_radius=radius, shape=shape)
    found = around(events, [track]).select(feature.struct.unnest()).to_dicts()
    for row, event in zip(found, events, strict=True):
        if event is not None:
            assert_close(row, naive.track_characteristics(event, SENSORS, {**track, "shape": shape}, radius))


ODD = st.sampled_from([math.nan, math.inf, -math.inf])


@SHAPE
@settings(max_examples=15)
@given(EVENTS, TRACK, st.lists(ODD, max_size=3))
@pytest.mark.slow
def test_all_together_are_each_by_itself_to_the_last_bit(shape, events, track, odd):
    there = [e and [p for p in e if p[2] in SENSORS] for e in events]  # hit_multiplicity counts the others
    events = [e and e + [(t, 1.0, next(iter(SENSORS))) for t in odd] for e in there]
    windows = {f"W{k}": (-15.0 * k, 75.0 * k) for k in range(10)}  # more than are counted at once
    of_track = {"track": "L", "shape": shape}
    of_pulses = [f.struct.unnest() for f, _ in TWINS.values()]
    of_windows = [
        reco.direct_hits(PULSES, **of_track, window=w).struct.unnest().name.suffix(f"_{name}")
        for name, w in windows.items()
    ]
    along = reco.track_characteristics(PULSES, **of_track, cylinder_radius=300.0).struct.unnest()
    joint = reco.common_variables(PULSES, **of_track, windows=windows, cylinder_radius=300.0)
    table = around(events, [track])
    expected = table.select(*of_pulses, *of_windows, along)
    assert_frame_equal(table.select(joint.struct.unnest()), expected, check_exact=True)


def test_events_of_many_pulses_are_counted_whole():
    keys = list(SENSORS)[:400]
    event = [(float(t), 0.5, key) for key in keys for t in range(3)]
    track = dict.fromkeys(("x", "y", "z", "time", "zenith", "azimuth", "length"), 0.0)
    joint = reco.common_variables(PULSES, track="L", windows={"all": (-math.inf, math.inf)})
    row = around([event], [track]).select(joint.struct.unnest())
    names = ("n_dir_doms_all", "n_dir_pulses_all", "q_dir_pulses_all", "n_early_pulses_all")
    assert row.select(names).row(0) == (400, 1200, 600.0, 0)


@pytest.mark.parametrize(
    "charges", [[0.025, 1e9, 0.025, -1e9], [3.0, 2e-38, 1e-45, 4.0], [0.1] * 300, [1.0, math.inf, 2.0, 0.0]]
)
def test_charges_add_up_in_the_order_of_the_pulses_or_where_that_makes_no_difference(charges):
    charges = np.array([*charges, 0.0, *charges[::-1]], np.float32)
    event = [
        (float(t), q, key) for t, (q, key) in enumerate(zip(charges.tolist(), sorted(SENSORS), strict=False))
    ]
    track = dict.fromkeys(("x", "y", "z", "time", "zenith", "azimuth", "length"), 0.0)
    table = around([event], [track])
    hits = reco.direct_hits(PULSES, track="L", window=(-math.inf, math.inf)).struct.unnest()
    total = 0.0
    for _, q, _ in event:
        total += q
    assert table.schema["P.charge"] == pl.List(pl.Float32)
    assert table.select(hits).item(0, "q_dir_pulses") == total


@pytest.mark.parametrize(
    "feature",
    [
        *(f for f, _ in TWINS.values()),
        reco.direct_hits(PULSES, track="L", window="D"),
        reco.track_characteristics(PULSES, track="L"),
        reco.common_variables(PULSES, track="L"),
    ],
    ids=[*TWINS, "direct_hits", "track_characteristics", "common_variables"],
)
@settings(max_examples=5)
@given(EVENTS, TRACK)
@pytest.mark.slow
def test_a_row_does_not_know_how_its_frame_is_stored(feature, events, track):
    check_feature(feature, around(events, [track, None, track]))


def test_both_ends_of_a_window_are_direct():
    key = next(iter(SENSORS))
    track = {
        **{c: SENSORS[key][c] for c in "xyz"},
        "time": 100.0,
        "zenith": 0.0,
        "azimuth": 0.0,
        "length": 0.0,
    }
    event = [(t, 1.0, key) for t in (84.9, 85.0, 100.0, 125.0, 125.1)]
    row = around([event], [track]).select(reco.direct_hits(PULSES, track="L", window="B").struct.unnest())
    names = ("n_early_pulses", "n_dir_pulses", "n_late_pulses", "n_dir_doms", "n_dir_strings")
    assert row.select(names).row(0) == (1, 3, 1, 1, 1)


@pytest.mark.parametrize(
    ("window", "message"),
    [("F", "one of A, B, C, D, E; found 'F'"), ((2.0, 1.0), r"first <= last; found \(2.0, 1.0\)")],
)
def test_a_window_is_a_class_or_a_pair_that_rises(window, message):
    with pytest.raises(ValueError, match=message):
        reco.direct_hits(PULSES, track="L", window=window)


def test_multiplicity_needs_no_geometry():
    assert reco.hit_multiplicity(Pulses("P")).meta.root_names() == ["P.omkey"]


def test_windows_of_direct_hits_are_those_of_icetray():
    # A to D of CommonVariables, E of the online level 2; both ends belong to a window
    assert DIRECT_WINDOWS == {
        "A": (-15.0, 15.0), "B": (-15.0, 25.0), "C": (-15.0, 75.0), "D": (-15.0, 125.0), "E": (-15.0, 250.0),
    }  # fmt: skip
