from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol.sim import sensor


def naive_merge(time, charge, noise):
    groups = []
    for t, q, dark in zip(time, charge, noise, strict=True):
        if groups and t - groups[-1][0][0] < sensor.merge:
            groups[-1].append((t, q, dark))
        else:
            groups.append([(t, q, dark)])
    return [(g[0][0], sum(q for _, q, _ in g), g[-1][0] - g[0][0], all(d for _, _, d in g)) for g in groups]


def naive_launches(at, time, charge):
    first, member, running = [], [-1] * len(time), {}
    for i, (s, t, q) in enumerate(zip(at, time, charge, strict=True)):
        if s in running and t - time[first[running[s]]] < sensor.launch:
            member[i] = running[s]
        elif q >= sensor.threshold:
            running[s] = member[i] = len(first)
            first.append(i)
    return first, member


def naive_local_coincidence(string, om, time):
    def neighbours(i, j):
        close = string[i] == string[j] and 0 < abs(om[i] - om[j]) <= sensor.lc_span
        return close and abs(time[i] - time[j]) <= sensor.lc_window

    return [any(neighbours(i, j) for j in range(len(time))) for i in range(len(time))]


photons = st.lists(st.tuples(st.floats(0, 60), st.floats(0, 3), st.booleans()), max_size=30).map(sorted)


@settings(deadline=None)
@given(photons)
def test_photons_merge_as_in_the_naive_twin(rows):
    time, charge, noise = (np.array([r[k] for r in rows], t) for k, t in ((0, float), (1, float), (2, bool)))
    n = len(rows)
    out = np.empty(n), np.empty(n), np.empty(n), np.empty(n, bool)
    found = sensor.merge_photons(np.arange(n), time, charge, noise, *out)
    expected = naive_merge(time, charge, noise)
    assert found == len(expected)
    for column, wanted in zip(out, zip(*expected, strict=True), strict=False):
        assert column[:found] == pytest.approx(np.array(wanted))


hits = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 8), st.integers(0, 9000), st.floats(0.05, 2)), max_size=40
).map(sorted)


@settings(deadline=None)
@given(hits)
def test_launches_are_those_of_the_naive_twin(rows):
    at = np.array([10 * s + om for s, om, _, _ in rows], np.int64)
    time, charge = np.array([r[2] for r in rows], float), np.array([r[3] for r in rows], float)
    first, member = sensor.launches(at, time, charge)
    assert (first.tolist(), member.tolist()) == naive_launches(at, time, charge)


@settings(deadline=None)
@given(hits)
def test_local_coincidence_is_that_of_the_naive_twin(rows):
    string, om = (np.array([r[k] for r in rows], np.int64) for k in (0, 1))
    time = np.array([r[2] for r in rows], float)
    found = sensor.local_coincidence(string, om, time)
    assert found.tolist() == naive_local_coincidence(string, om, time)


def test_charge_of_a_photo_electron_has_the_stated_shape():
    rng = np.random.default_rng(5)
    charge = np.array([sensor.photon_charge(rng) for _ in range(50_000)])
    assert charge.min() > 0
    assert charge.mean() == pytest.approx(0.3 * 0.45 + 0.7 * 1.0, abs=0.01)
    # below 0.25 PE: the exponential, and a sliver of the Gaussian
    assert (charge < sensor.threshold).mean() == pytest.approx(
        0.3 * (1 - np.exp(-0.25 / 0.45)) + 0.7 * 0.0058, abs=0.006
    )


@pytest.mark.parametrize(
    ("rate", "shown"), [(10, 0.999), (20, 0.968), (29.6, 0.9), (50, 0.739), (97.8, 0.5), (500, 0.1395)]
)
def test_photomultipliers_saturate_as_in_the_simulation_of_the_dom(rate, shown):
    assert sensor.linear(float(rate)) == pytest.approx(shown, abs=1e-3)
    assert sensor.saturated(5.0 * rate, 1.0) == pytest.approx(5 * rate * shown, rel=2e-3)
    assert sensor.saturated(20.0 * rate, 20.0) == pytest.approx(20 * rate * shown, rel=2e-3)


def test_pulses_of_several_sources_merge_as_photons_do():
    rng = np.random.default_rng(3)
    at, time = np.sort(rng.integers(0, 3, 60)), rng.integers(0, 60, 60).astype(float)
    order = np.lexsort((time, at))
    columns = [at, time[order], rng.random(60), rng.integers(0, 9, 60).astype(float), rng.integers(-1, 3, 60)]
    wanted = []
    for k in range(3):
        groups = []
        for row in zip(*(c[at == k].tolist() for c in columns), strict=True):
            if groups and row[1] - groups[-1][0][1] < sensor.merge:
                groups[-1].append(row)
            else:
                groups.append([row])
        wanted += [
            (
                k, g[0][1], sum(r[2] for r in g), max(r[1] + r[3] for r in g) - g[0][1],
                next((r[4] for r in g if r[4] >= 0), -1),
            )
            for g in groups
        ]  # fmt: skip
    n = sensor.merge_pulses(*columns)
    assert n == len(wanted) < 60
    for found, values in zip(columns, zip(*wanted, strict=True), strict=True):
        assert found[:n] == pytest.approx(np.array(values))
