"""`tracks`, `kernels.cherenkov`: Cherenkov light from tracks of every shape."""

from __future__ import annotations

import math

import naive_common_variables as naive
import polars as pl
import pytest
from answers import near
from hypothesis import given, settings
from hypothesis import strategies as st
from random_events import EVENTS, PULSES, SENSORS, frame

from icecol import reco
from icecol.dataset.pulses import Pulses
from icecol.errors import GeometryError
from icecol.reco.testing import check_feature
from icecol.reco.tracks import SHAPES

TRACK = st.fixed_dictionaries(
    {
        **{c: st.floats(-600, 600) for c in "xyz"},
        "time": st.floats(8000, 11000),
        "zenith": st.floats(0, math.pi),
        "azimuth": st.floats(0, 6.28),
        "length": st.floats(0, 900),
    }
)
MEMBERS = ("x", "y", "z", "time", "zenith", "azimuth", "length")
SHAPE = pytest.mark.parametrize("shape", SHAPES)


def around(events, tracks) -> pl.DataFrame:
    """Make the columns of pulses and of a track `L` for each event, null where the track is None."""
    tracks = (tracks * len(events))[: len(events)]
    return frame(
        events,
        **{
            f"L.{m}": pl.Series([None if t is None else t[m] for t in tracks], dtype=pl.Float64)
            for m in MEMBERS
        },
    )


@SHAPE
@settings(max_examples=15)
@given(EVENTS, TRACK)
def test_light_goes_as_in_its_slow_twin(shape, events, track):
    found = (
        around(events, [track])
        .select(reco.cherenkov(PULSES, track="L", shape=shape).struct.unnest())
        .to_dicts()
    )
    for row, event in zip(found, events, strict=True):
        if event is None:
            assert set(row.values()) == {None}
            continue
        twin = naive.cherenkov(event, SENSORS, {**track, "shape": shape})
        assert list(row) == list(twin)
        for name, values in twin.items():
            assert row[name] == near(list(values), rel=1e-9, abs=1e-6), name


def test_lists_are_parallel_to_the_pulses_even_of_unknown_sensors():
    known, unknown = next(iter(SENSORS)), 90 << 16 | 5 << 8
    track = dict.fromkeys(MEMBERS, 0.0)
    row = around([[(2.0, 1.0, unknown), (1.0, 1.0, known), (0.0, 1.0, known)]], [track]).select(
        reco.cherenkov(PULSES, track="L").struct.unnest()
    )
    residual = row["time_residual"].item().to_list()
    assert residual[0] is None
    assert residual[1] - residual[2] == pytest.approx(1.0)


def test_without_a_track_all_is_null_and_a_failed_one_has_lists_and_counts():
    key = next(iter(SENSORS))
    events = [[(1.0, 1.0, key)], [(1.0, 1.0, key)], None]
    lost = dict.fromkeys(MEMBERS, math.nan)
    features = (
        reco.cherenkov(PULSES, track="L"),
        reco.direct_hits(PULSES, track="L", window="A"),
        reco.track_characteristics(PULSES, track="L"),
    )
    for feature in features:
        found = (
            reco.with_features(around(events, [lost, None, lost]), F=feature)
            .select("^F\\..*$")
            .collect()
            .rows()
        )
        assert all(value is None for value in found[0]) == feature.meta.eq(features[-1])
        assert set(found[1]) == set(found[2]) == {None}


def test_a_failed_fit_has_no_direct_hits():
    event = [(1.0, 1.0, next(iter(SENSORS)))]
    row = around([event], [dict.fromkeys(MEMBERS, math.nan)]).select(
        reco.direct_hits(PULSES, track="L", window=(-1e9, 1e9)).struct.unnest()
    )
    assert [v for n, v in row.row(0, named=True).items() if n.startswith(("n_", "q_"))] == [0] * 12


def test_a_fit_made_beside_it_may_be_the_track():
    from test_plan import events

    found = reco.with_features(
        events(),
        Hits=reco.direct_hits(PULSES, track="L", window="C"),
        Light=reco.cherenkov(PULSES, track="L"),
        L=reco.linefit(PULSES),
    ).collect()
    early, late = found["Hits.n_early_pulses"], found["Hits.n_late_pulses"]
    n = (found["Hits.n_dir_pulses"] + early + late).to_list()
    fitted = found["L.fit_status"] == 0
    assert found.filter(fitted)["Light.time_residual"].list.len().to_list() == [
        k for k, f in zip(n, fitted, strict=True) if f
    ]


@settings(max_examples=5)
@given(EVENTS, TRACK)
@pytest.mark.slow
def test_a_row_does_not_know_how_its_frame_is_stored(events, track):
    check_feature(reco.cherenkov(PULSES, track="L"), around(events, [track, None, track]))


def test_a_shape_is_one_of_icetrays():
    with pytest.raises(ValueError, match=r"`shape` must be one of 'Cascade', 'InfiniteTrack'.*found 'Muon'"):
        reco.cherenkov(PULSES, track="L", shape="Muon")


def test_light_needs_a_geometry():
    with pytest.raises(GeometryError, match="Cherenkov light needs the positions"):
        reco.cherenkov(Pulses("P"), track="L")
