"""Triggers agree with slow twins, and on launches with those that IceTray stored."""

from __future__ import annotations

import naive_vetoes as naive
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import icecol as ic
from icecol import reco
from icecol.dataset.geometry import omkey
from icecol.dataset.pulses import Pulses
from icecol.errors import GeometryError
from icecol.reco.testing import check_feature
from icecol.reco.triggers import CONFIG_ID

PULSES = Pulses("P")
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
    ("threshold", "window", "dead_time"), [(2, 1000.0, 0.0), (3, 2500.0, 0.0), (4, 2500.0, 600.0)]
)
@settings(max_examples=60)
@given(EVENTS)
def test_smt_is_what_sliding_a_window_hit_by_hit_gives(threshold, window, dead_time, events):
    feature = reco.smt(PULSES, threshold=threshold, time_window=window, dead_time=dead_time, doms="InIce")
    assert_found(
        feature, events, lambda e: naive.smt(naive.hlc_hits(e, IN_ICE, dead_time), threshold, window)
    )


@pytest.mark.parametrize(
    ("threshold", "window", "coherence"), [(2, 1000.0, 1), (3, 1500.0, 4), (3, 4000.0, 7)]
)
@settings(max_examples=60)
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


@settings(max_examples=10)
@given(EVENTS)
def test_a_row_does_not_know_how_its_frame_is_stored(events):
    check_feature(reco.smt(PULSES, threshold=2), frame(events))
    check_feature(reco.string_trigger(PULSES, threshold=2), frame(events))


def test_eight_hits_in_five_microseconds_trigger_and_the_edge_counts():
    hits = [(i * 5000 / 7, 1, omkey(i + 1, 30)) for i in range(8)]
    later = [*hits[:7], (5000.5, 1, omkey(8, 30))]
    slc = [(t, 0, k) for t, _, k in hits]
    found = frame([hits, later, slc, []]).select(reco.smt(PULSES).struct.unnest()).rows()
    assert found == [(1, 0.0, 5000.0), (0, None, None), (0, None, None), (0, None, None)]


def test_only_sensors_of_the_set_take_part():
    hits = [(0.0, 1, omkey(36, 38)), (1.0, 1, omkey(36, 39)), (2.0, 1, omkey(79, 11)), (3.0, 1, omkey(1, 50))]
    found = frame([hits]).select(reco.smt(PULSES, threshold=2, doms="IC86EDC fiducial").struct.unnest())
    assert found.rows() == [(1, 1.0, 1.0)]
    own = reco.smt(PULSES, threshold=2, doms=[omkey(36, 38), omkey(1, 50)])
    assert frame([hits]).select(own.struct.unnest()).rows() == [(1, 0.0, 3.0)]


def test_what_makes_no_sense_is_an_error():
    with pytest.raises(ValueError, match="threshold must be 1 or more, found 0"):
        reco.smt(PULSES, threshold=0)
    with pytest.raises(GeometryError, match="a set of sensors has the string -3"):
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
