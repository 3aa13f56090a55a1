"""Triggers agree with naive twins and, for launches, with the triggers that IceTray stored.

`triggers` and the kernels `smt`, `string_trigger`, `volume_trigger`.
"""

from __future__ import annotations

import naive_vetoes as naive
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import icecol as ic
from icecol import reco
from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry, omkey
from icecol.errors import GeometryError
from icecol.reco.kernels.smt import majorities
from icecol.reco.kernels.string_trigger import clusters
from icecol.reco.numerics.ascending import ascending
from icecol.reco.testing import check_feature
from icecol.reco.triggers import CONFIG_ID

PULSES = Pulses("P")
NOMINAL = Geometry.nominal()
PLACED = Pulses("P", NOMINAL)
PLACES = {(r["string"], r["om"]): (r["x"], r["y"], r["z"]) for r in NOMINAL.table().to_dicts()}
KEYS = [omkey(s, om) for s in (21, 36) for om in (1, 2, 3, 4, 5, 9, 58, 60)] + [omkey(80, 11), omkey(80, 12)]
IN_ICE = {(s, om) for s in range(1, 87) for om in range(1, 61)}
HIT = st.tuples(
    st.one_of(st.integers(0, 40).map(lambda t: t * 250.0), st.floats(0, 9000), st.just(float("nan"))),
    st.sampled_from([0, 1, 1, 1, 3]),
    st.sampled_from([*KEYS, omkey(-3, 1), omkey(99, 80)]),
)
EVENTS = st.lists(st.one_of(st.none(), st.lists(HIT, max_size=18)), min_size=1, max_size=5)


def frame(events) -> pl.DataFrame:
    types = {"P.time": pl.Float64, "P.flags": pl.UInt8, "P.omkey": pl.Int32}
    return pl.DataFrame(
        {
            name: pl.Series([None if e is None else [p[k] for p in e] for e in events], dtype=pl.List(t))
            for k, (name, t) in enumerate(types.items())
        }
    )


def assert_found(feature, events, twin) -> None:
    for row, event in zip(frame(events).select(feature.struct.unnest()).to_dicts(), events, strict=True):
        if event is None:
            assert set(row.values()) == {None}
            continue
        triggers = twin(event)
        assert row["n_triggers"] == len(triggers)
        if triggers:
            assert row["time"] == min(triggers)[0]
            assert (row["time"], row["length"]) in triggers
        else:
            assert row["time"] is row["length"] is None


@pytest.mark.parametrize(
    ("threshold", "window", "dead_time"),
    [(1, 400.0, 0.0), (2, 1000.0, 0.0), (3, 2500.0, 0.0), (4, 2500.0, 600.0)],
)
@settings(max_examples=25)
@given(EVENTS)
def test_smt_is_what_sliding_a_window_hit_by_hit_gives(threshold, window, dead_time, events):
    feature = reco.smt(PULSES, threshold=threshold, time_window=window, dead_time=dead_time, doms="InIce")
    assert_found(
        feature, events, lambda e: naive.smt(naive.hlc_hits(e, IN_ICE, dead_time), threshold, window)
    )


@pytest.mark.parametrize(
    ("threshold", "window", "coherence"), [(2, 1000.0, 1), (3, 1500.0, 4), (3, 4000.0, 7)]
)
@settings(max_examples=25)
@given(EVENTS)
def test_string_trigger_equals_its_slow_twin(threshold, window, coherence, events):
    feature = reco.string_trigger(
        PULSES, threshold=threshold, time_window=window, coherence=coherence, dead_time=0.0, doms="InIce"
    )
    assert_found(
        feature,
        events,
        lambda e: naive.string_trigger(naive.hlc_hits(e, IN_ICE, 0.0), threshold, window, coherence),
    )


@settings(max_examples=25)
@given(EVENTS)
@pytest.mark.slow
def test_all_triggers_of_an_event_are_those_of_the_slow_twins(events):
    for hits in (naive.hlc_hits(event, IN_ICE, 0.0) for event in events if event):
        start, end = majorities(np.sort(np.array([h[0] for h in hits], float)), 3, 700.0)
        assert list(zip(start, end - start, strict=True)) == naive.smt(hits, 3, 700.0)
        by_dom = sorted(hits, key=lambda h: h[1:])
        keys = np.array([omkey(*h[1:]) for h in by_dom], np.int32)
        start, end = clusters(np.array([h[0] for h in by_dom], float), keys, 2, 700.0, 4)
        found = sorted(zip(start, end - start, strict=True))
        assert found == sorted(naive.string_trigger(hits, 2, 700.0, 4))


@pytest.mark.parametrize(
    ("multiplicity", "simple", "window", "radius", "height"),
    [
        (2, 5, 1000.0, 130.0, 60.0),
        (4, 8, 1000.0, 175.0, 75.0),
        (3, 2, 600.0, 0.0, 0.0),
        (2, 99, 2500.0, 1e9, 17.1),
    ],
)
@settings(max_examples=10)
@given(EVENTS)
def test_volume_trigger_equals_its_slow_twin(multiplicity, simple, window, radius, height, events):
    feature = reco.volume_trigger(
        PLACED, multiplicity=multiplicity, simple_multiplicity=simple, time_window=window, radius=radius,
        height=height, dead_time=0.0, doms="InIce",
    )  # fmt: skip

    def twin(event):
        hits = sorted(naive.hlc_hits(event, IN_ICE, 0.0), key=lambda h: h[1:])
        in_time = [hits[i] for i in ascending(np.array([h[0] for h in hits]))]
        return naive.volume_trigger(in_time, PLACES, multiplicity, simple, window, radius, height)

    assert_found(feature, events, twin)


@settings(max_examples=10)
@given(EVENTS)
@pytest.mark.slow
def test_a_row_does_not_know_how_its_frame_is_stored(events):
    check_feature(reco.smt(PULSES, threshold=2), frame(events))
    check_feature(reco.string_trigger(PULSES, threshold=2), frame(events))
    check_feature(reco.volume_trigger(PLACED, multiplicity=2), frame(events))


def test_eight_hits_in_five_microseconds_trigger_and_the_edge_counts():
    hits = [(i * 5000 / 7, 1, omkey(i + 1, 30)) for i in range(8)]
    later = [*hits[:7], (5000.5, 1, omkey(8, 30))]
    slc = [(t, 0, k) for t, _, k in hits]
    found = frame([hits, later, slc, []]).select(reco.smt(PULSES).struct.unnest()).rows()
    assert found == [(1, 0.0, 5000.0), (0, None, None), (0, None, None), (0, None, None)]


def test_the_last_hit_alone_is_no_trigger_of_one_hit():
    alone = [(0.0, 1, omkey(1, 30))]
    apart = [*alone, (9000.0, 1, omkey(2, 30))]
    late = [*apart, (9001.0, 1, omkey(3, 30))]
    found = frame([alone, apart, late]).select(reco.smt(PULSES, threshold=1).struct.unnest()).rows()
    assert found == [(0, None, None), (1, 0.0, 0.0), (2, 0.0, 0.0)]


def test_strings_that_fire_in_one_window_are_one_trigger():
    string = [(100.0 * i, 1, omkey(1, 10 + i)) for i in range(5)]
    other = [(50.0 + t, 1, omkey(2, 10 + i)) for i, (t, _, _) in enumerate(string)]
    later = [(t + 5000.0, f, omkey(3, 20)) for i, (t, f, _) in enumerate(string)]
    events = frame([string, string + other, string + later])
    found = events.select(reco.string_trigger(PULSES, dead_time=0.0).struct.unnest()).rows()
    assert found == [(1, 0.0, 400.0), (1, 0.0, 450.0), (2, 0.0, 400.0)]


def test_a_hit_elsewhere_opens_the_window_of_a_string():
    noise = [(100.0, 1, omkey(5, 3))]
    string = [(1000.0 + 150 * i, 1, omkey(1, 10 + i)) for i in range(7)]
    found = frame([string, noise + string]).select(reco.string_trigger(PULSES).struct.unnest()).rows()
    assert found == [(1, 1000.0, 900.0), (1, 1000.0, 600.0)]


def test_hits_in_a_cylinder_are_a_volume_trigger_and_its_edge_is_outside():
    column = [(10.0 * i, 1, omkey(36, 30 + i)) for i in range(4)]
    far = [(10.0 * i, 1, omkey(36, 30 + 9 * i)) for i in range(4)]
    many = [(10.0 * i, 1, omkey(10 * i + 1, 30)) for i in range(8)]
    late = [*column[:3], (1000.1, 1, omkey(36, 33))]
    noise = [(0.0, 1, omkey(1, 1)), *[(t + 5.0, f, k) for t, f, k in column]]
    events = frame([column, far, many, late, noise])
    found = events.select(reco.volume_trigger(PLACED).struct.unnest()).rows()
    nothing = (0, None, None)
    assert found == [(1, 0.0, 30.0), nothing, (1, 0.0, 70.0), nothing, (1, 5.0, 30.0)]
    height = 2 * (PLACES[36, 30][2] - PLACES[36, 31][2])
    edge = reco.volume_trigger(PLACED, multiplicity=2, height=height)
    assert frame([column[:2]]).select(edge.struct.unnest()).rows() == [nothing]


def test_only_sensors_of_the_set_take_part():
    hits = [(0.0, 1, omkey(36, 38)), (1.0, 1, omkey(36, 39)), (2.0, 1, omkey(79, 11)), (3.0, 1, omkey(1, 50))]
    found = frame([hits]).select(reco.smt(PULSES, threshold=2, doms="IC86EDC fiducial").struct.unnest())
    assert found.rows() == [(1, 1.0, 1.0)]
    own = reco.smt(PULSES, threshold=2, doms=[omkey(36, 38), omkey(1, 50)])
    assert frame([hits]).select(own.struct.unnest()).rows() == [(1, 0.0, 3.0)]


def test_what_makes_no_sense_is_an_error():
    with pytest.raises(ValueError, match="threshold must be 1 or more, found 0"):
        reco.smt(PULSES, threshold=0)
    with pytest.raises(GeometryError, match="needs x, y, z of the sensors of 'P'"):
        reco.volume_trigger(PULSES)
    with pytest.raises(GeometryError, match="must be 0 or more, found string -3"):
        reco.smt(PULSES, doms=[omkey(-3, 1)])


def test_smt_over_launches_is_the_stored_trigger(shared_data):
    file = shared_data / "i3" / "real" / "upgrade_genie_step4_140028_000998_first_5_frames.i3.gz"
    flags = pl.col("InIceRawData.lc_bit").cast(pl.List(pl.UInt8)).alias("InIceRawData.flags")
    launches = Pulses("InIceRawData")
    smt3 = reco.smt(launches, threshold=3, time_window=2500.0, doms="IC86EDC fiducial", dead_time=0.0)
    events = reco.with_features(
        ic.scan_i3(file).with_columns(flags), SMT3=smt3, SMT8=reco.smt(launches, dead_time=0.0),
        String=reco.string_trigger(launches, dead_time=0.0), fired=reco.fired(CONFIG_ID["DeepCoreSMT"]),
    ).collect()  # fmt: skip
    assert events["SMT3.n_triggers"].to_list() == events["fired"].cast(int).to_list() == [1, 0, 1, 1, 0]
    assert events["SMT8.n_triggers"].to_list() == events["String.n_triggers"].to_list() == [0] * 5
    triggers = events.filter("fired").explode(
        *(f"I3TriggerHierarchy.{c}" for c in ("config_id", "time", "length"))
    )
    triggers = triggers.filter(pl.col("I3TriggerHierarchy.config_id") == CONFIG_ID["DeepCoreSMT"])
    assert triggers["SMT3.time"].to_list() == triggers["I3TriggerHierarchy.time"].to_list()
    assert triggers["SMT3.length"].to_list() == pytest.approx(
        triggers["I3TriggerHierarchy.length"].to_list(), abs=1e-9
    )


@pytest.mark.parametrize("name", ["genie_level3", "genie_level7", "noise_level3"])
def test_smt_over_pulses_finds_the_stored_trigger_up_to_the_start_of_readout(shared_data, name):
    file = shared_data / "i3" / "real" / f"oscNext_{name}_v02_first_5_frames.i3.gz"
    smt3 = reco.smt(Pulses("InIcePulses"), threshold=3, time_window=2500.0, doms="IC86EDC fiducial")
    events = reco.with_features(ic.scan_i3(file), SMT3=smt3, fired=reco.fired(1011)).collect()
    assert events["SMT3.n_triggers"].to_list() == [1] * 5
    assert events["fired"].all()
    early = events["I3TriggerHierarchy.time"].list.last() - events["SMT3.time"]
    longer = events["SMT3.length"] - events["I3TriggerHierarchy.length"].list.last()
    assert early.is_between(100, 150).all()
    assert longer.abs().max() < 30
