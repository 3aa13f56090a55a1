from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol.sim import seeded_rt


def naive_seeded_rt(time, x, y, z, seed, radius=150.0, window=1000.0):
    """Generation after generation, over all pairs."""
    selected = seed & ~np.isnan(time)
    while True:
        new = selected.copy()
        for i in range(time.size):
            for j in np.flatnonzero(selected):
                near = math.dist((x[i], y[i], z[i]), (x[j], y[j], z[j])) <= radius
                new[i] |= near and abs(time[i] - time[j]) < window
        if (new == selected).all():
            return selected
        selected = new


pulse = st.tuples(
    st.one_of(st.integers(0, 8000).map(float), st.just(math.nan)),
    st.integers(0, 8).map(lambda k: 75.0 * k),
    st.sampled_from([0.0, 100.0]),
    st.integers(0, 4).map(lambda k: 50.0 * k),
    st.integers(0, 3).map(lambda k: k == 0),
)


@settings(deadline=None)
@given(st.lists(st.lists(pulse, max_size=15), max_size=4))
def test_seeded_rt_is_that_of_the_naive_twin_event_by_event(events):
    offsets = np.concatenate([[0], np.cumsum([len(e) for e in events])]).astype(np.int64)
    rows = [p for e in events for p in e]
    time, x, y, z = (np.array([p[k] for p in rows], float) for k in range(4))
    seed = np.array([p[4] for p in rows], bool)
    expected = [naive_seeded_rt(time[a:b], x[a:b], y[a:b], z[a:b], seed[a:b]) for a, b in pairwise(offsets)]
    found = seeded_rt(offsets, time, x, y, z, seed)
    assert found.tolist() == np.concatenate([*expected, np.zeros(0, bool)]).tolist()


def test_a_link_includes_the_radius_and_excludes_the_time():
    at = np.array([0.0, 150.0, 150.0])
    zero = np.zeros(3)
    time = np.array([0.0, 999.0, 1000.0])
    seed = np.array([True, False, False])
    offsets = np.array([0, 3])
    assert seeded_rt(offsets, time[[0, 1, 1]], at, zero, zero, seed).all()
    assert not seeded_rt(offsets, time[[0, 2, 2]], at, zero, zero, seed)[1:].any()


def test_no_seed_selects_nothing():
    assert not seeded_rt(
        np.array([0, 2]), np.zeros(2), np.zeros(2), np.zeros(2), np.zeros(2), np.zeros(2, bool)
    ).any()
