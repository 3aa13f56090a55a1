"""`cut_variables`, `kernels.i3cuts`: the older counts of direct hits agree with a slow twin."""

from __future__ import annotations

import naive_common_variables as naive
import pytest
from hypothesis import given, settings
from random_events import EVENTS, PULSES, SENSORS
from test_hit_variables import assert_close
from test_tracks import SHAPE, TRACK, around

from icecol import reco
from icecol.reco.testing import check_feature


@SHAPE
@settings(max_examples=15)
@given(EVENTS, TRACK)
def test_cuts_are_those_of_the_slow_twin(shape, events, track):
    feature = reco.i3cuts(PULSES, track="L", window=(-300.0, 2000.0), shape=shape)
    found = around(events, [track]).select(feature.struct.unnest()).to_dicts()
    for row, event in zip(found, events, strict=True):
        if event is not None:
            assert_close(row, naive.i3cuts(event, SENSORS, {**track, "shape": shape}, (-300.0, 2000.0)))


@settings(max_examples=5)
@given(EVENTS, TRACK)
def test_a_row_does_not_know_how_its_frame_is_stored(events, track):
    check_feature(reco.i3cuts(PULSES, track="L", window="D"), around(events, [track, None]))


def test_both_ends_of_a_window_are_neither_direct_nor_outside():
    key = next(iter(SENSORS))
    track = {
        **{c: SENSORS[key][c] for c in "xyz"}, "time": 100.0, "zenith": 0.0, "azimuth": 0.0, "length": 0.0
    }  # fmt: skip
    event = [(t, 1.0, key) for t in (84.9, 85.0, 100.0, 125.0, 125.1)]
    row = around([event], [track]).select(reco.i3cuts(PULSES, track="L").struct.unnest())
    assert row.select("Nearly", "Ndir", "Nlate", "Ldir").row(0) == (1, 1, 1, 0.0)


def test_smoothness_is_positive_where_hits_crowd_at_the_begin_of_the_track():
    omkeys = [(36 << 16) | (om << 8) for om in (1, 2, 3, 11)]
    top = SENSORS[omkeys[0]]
    track = {**{c: top[c] for c in "xyz"}, "time": 10000.0, "zenith": 0.0, "azimuth": 0.0, "length": 0.0}
    events = [[(10000.0 + 60.0 * om, 1.0, key) for om, key in enumerate(omkeys)]]
    down, up = (
        around(events, [{**track, "zenith": zenith}])
        .select(reco.i3cuts(PULSES, track="L").struct.field("Sall"))
        .item()
        for zenith in (0.0, 3.141592653589793)
    )
    assert down == pytest.approx(2 / 3 - 2 / 10, abs=1e-3)
    assert up == pytest.approx(-down, abs=1e-9)
