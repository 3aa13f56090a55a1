"""`charges` and `kernels.charge` agree with slow twins, on any event that can be thought of."""

from __future__ import annotations

import math

import naive
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_events import EVENT, EVENTS, GEOMETRY, PULSES, SENSORS, TIMES, assert_same, frame

from icecol import reco
from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry, omkey
from icecol.errors import GeometryError
from icecol.reco.testing import check_feature

TWINS = {
    "charge": (reco.charge(PULSES), naive.charge),
    "homogenized_qtot": (reco.homogenized_qtot(PULSES), lambda e: naive.qtot(e, SENSORS)),
}


@pytest.mark.parametrize("name", TWINS)
@given(EVENTS)
def test_a_kernel_equals_its_slow_twin_to_the_last_bit(name, events):
    feature, twin = TWINS[name]
    found = frame(events).select(feature.struct.unnest()).to_dicts()
    for row, event in zip(found, events, strict=True):
        assert_same(row, None if event is None else twin(event), event)


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


def test_without_relative_efficiencies_there_is_no_homogenized_charge():
    pulses = Pulses("P", Geometry.from_columns(GEOMETRY.table().select("omkey", "x", "y", "z")))
    for feature in (
        lambda: reco.homogenized_qtot(pulses),
        lambda: reco.causal_qtot(pulses, vertex=pl.struct(time=pl.lit(0.0))),
    ):
        with pytest.raises(GeometryError, match="no relative efficiencies"):
            feature()


@pytest.mark.parametrize(
    "feature",
    [*(f for f, _ in TWINS.values()), reco.causal_qtot(PULSES, vertex=pl.struct(time=pl.lit(9500.0)))],
)
@settings(max_examples=12)
@given(EVENTS)
def test_a_row_does_not_know_how_its_frame_is_stored(feature, events):
    check_feature(feature, frame(events))


@given(EVENT)
def test_the_order_in_which_sensors_are_stored_does_not_matter(event):
    a, b = frame([event, sorted(event, key=lambda p: p[2])]).select(f=reco.charge(PULSES))["f"]
    assert repr(a) == repr(b)
