"""`splitting`, `kernels.topological_split`: sub-events are those of a naive twin, and each can have its own row."""

from __future__ import annotations

import naive_cleaning as naive
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cleaning import EVENT, KEYS, PULSES, SENSORS, frame

from icecol import reco
from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry
from icecol.errors import MissingColumnError
from icecol.reco.testing import check_feature

TOPO = PULSES.named("T")
CLOSE = st.lists(st.tuples(st.integers(0, 3000), st.sampled_from(KEYS)), max_size=40).map(
    lambda event: sorted(((float(t), 1.0, 1, k) for t, k in event), key=lambda p: p[3])
)


@settings(max_examples=60)
@given(
    st.one_of(EVENT, CLOSE),
    st.integers(1, 4),
    st.sampled_from([300.0, 4000.0]),
    st.sampled_from([100.0, 500.0]),
    st.sampled_from([3, 30]),
    st.sampled_from([150.0, 1000.0]),
)
def test_sub_events_are_those_of_the_slow_twin(event, multiplicity, window, xy, doms, cone):
    split = reco.topological_split(
        PULSES, multiplicity, window, xy_dist=xy, z_dom_dist=doms, time_cone=cone, members=("width",)
    )
    found = frame([event]).select(split.struct.field("width")).item().to_list()
    twin = naive.topological_split(event, SENSORS, multiplicity, window, xy, doms, cone)
    assert [{int(w) for w in pulses} for pulses in found] == twin


def test_sensors_that_are_not_those_of_icecube_are_connected_with_one_another_alone():
    def parts(types, oms=(1, 2, 3, 4)):
        columns = {
            "string": [1, 2, 3, 4],
            "om": oms,
            "x": [0.0, 9e3, 18e3, 27e3],
            "y": [0.0] * 4,
            "z": [0.0] * 4,
        }
        geometry = Geometry.from_columns({**columns, "om_type": types})
        event = frame([[(float(i), 1.0, 1, int(k)) for i, k in enumerate(geometry.omkey)]])
        split = reco.topological_split(Pulses("P", geometry), 2, members=("time",))
        return event.select(split.struct.field("time")).item().to_list()

    assert parts([20, 20, 20, 20]) == []
    assert parts([130, 110, 30, 20]) == [[0.0, 1.0, 2.0]]
    assert parts([20, 0, 0, 0]) == [[1.0, 2.0, 3.0]]
    assert parts([0, 0, 0, 0]) == []  # nothing is known, and their numbers are those of sensors in the ice
    assert parts([0, 0, 0, 0], (61, 62, 3, 4)) == [[0.0, 1.0]]


def test_two_particles_are_two_sub_events_with_a_row_each():
    near = [k for k in SENSORS if k >> 16 == 36]
    two = [(t0 + 30.0 * i, 1.0, 1, k) for i, k in enumerate(near) for t0 in (0.0, 20_000.0)]
    noise = [(9e3, 1.0, 4, near[0])]
    events = frame([[*two, *noise], noise, None, []]).with_columns(event_id=pl.Series([5, 6, 7, 8]))
    split = reco.with_features(events, T=reco.topological_split(PULSES, z_dom_dist=60, time_cone=3000.0))
    found = reco.explode_subevents(split, TOPO)
    rows = reco.with_features(found, Q=reco.charge(TOPO)).collect()
    assert rows.select("event_id", "T.sub_event_id", "Q.n_pulses").rows() == [(5, 0, 6), (5, 1, 6)]
    assert [max(t) < 1000 for t in rows["T.time"].to_list()] == [True, False]
    assert rows["T.charge"].dtype == pl.List(pl.Float32)


@settings(max_examples=8)
@given(st.lists(st.one_of(st.none(), CLOSE), min_size=1, max_size=6))
def test_a_row_does_not_know_how_its_frame_is_stored(events):
    check_feature(reco.topological_split(PULSES), frame(events))


def test_a_multiplicity_of_none_and_a_series_that_is_not_there_are_named():
    with pytest.raises(ValueError, match="`multiplicity` must be positive and finite, found 0"):
        reco.topological_split(PULSES, 0)
    with pytest.raises(MissingColumnError, match="no column of 'T'"):
        reco.explode_subevents(frame([[]]), TOPO)
