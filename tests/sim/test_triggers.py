"""Triggers of simulated events are those that the features of `icecol.reco` find in their pulses."""

from __future__ import annotations

import numpy as np
import pytest

import icecol as ic
from icecol.detector.geometry import omkey
from icecol.sim import triggers

FEATURES = {
    1006: lambda p: ic.reco.smt(p, doms="InIce"),
    1007: ic.reco.string_trigger,
    1011: lambda p: ic.reco.smt(p, threshold=3, time_window=2500.0, doms="IC86EDC fiducial"),
}


@pytest.mark.parametrize("code", FEATURES)
def test_triggers_of_events_are_those_of_the_features(code, sample):
    feature = FEATURES[code](ic.Pulses("InIcePulses"))
    rows = ic.with_features(sample.to_polars(), T=feature).collect()
    found = sample.triggers
    event = np.repeat(np.arange(len(sample)), np.diff(found.offsets))
    own = found.config_id == code
    assert np.bincount(event[own], minlength=len(sample)).tolist() == rows["T.n_triggers"].to_list()
    assert own.sum() > 20
    for i, (time, length) in enumerate(rows.select("T.time", "T.length").rows()):
        mine = np.flatnonzero(own & (event == i))
        assert (time is None) == (mine.size == 0)
        if mine.size:
            assert found.time[mine[0]] == time
            assert found.length[mine[0]] == pytest.approx(
                length, abs=2.0
            )  # of pulses, which are stored to 1 ns


def test_columns_of_events_say_which_triggers_fired(sample):
    fired = sample.to_polars().select(ic.reco.fired(1007)).to_series().to_list()
    found = sample.triggers
    event = np.repeat(np.arange(len(sample)), np.diff(found.offsets))
    assert np.flatnonzero(fired).tolist() == np.unique(event[found.config_id == 1007]).tolist()


def launches(times, keys):
    order = np.lexsort((times, keys))
    n = len(times)
    return np.array([0, n]), np.array(times)[order], np.ones(n, np.uint8), np.array(keys, np.int32)[order]


def test_several_triggers_of_a_kind_are_all_found_in_order_of_time():
    time = [50.0 * i for i in range(5)] + [20_000.0 + 50.0 * i for i in range(5)]
    keys = [omkey(1, 10 + i) for i in range(5)] + [omkey(36, 50 + i) for i in range(5)]
    found = triggers.find(*launches(time, keys), dead_time=0.0)
    assert found.offsets.tolist() == [0, 3]
    assert found.config_id.tolist() == [1007, 1007, 1011]
    assert found.time.tolist() == [0.0, 20_000.0, 20_000.0]
    assert found.length.tolist() == [200.0, 200.0, 200.0]


def test_a_launch_counts_once_while_it_lasts():
    time = [0.0, 10.0, 20.0, 30.0, 6399.0]
    keys = [omkey(1, 10 + i) for i in range(4)] + [omkey(1, 10)]
    assert triggers.find(*launches(time, keys), dead_time=6400.0).config_id.size == 0
    time[4] = 40.0
    keys[4] = omkey(1, 14)
    assert triggers.find(*launches(time, keys)).config_id.tolist() == [1007]
