"""Random numbers of pseudo-experiments: known answers of Philox, and the distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from icecol.stats import draws

KNOWN = [
    ([0, 0, 0, 0], [0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]
"""Counter, key and result of Philox4x32-10, from the known answers of Random123."""


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_philox_gives_its_known_answers(counter, key, answer):
    found = draws.philox(np.array(counter, np.uint64), *np.array(key, np.uint64))
    assert [int(word) for word in found] == answer


@pytest.mark.parametrize("mean", [0.02, 0.9, 7.0, 19.9, 20.1, 300.0])
def test_counts_follow_the_poisson_distribution(mean):
    n = 40_000
    k = draws.counts(3, int(mean * 100), np.full(n, mean))
    top = int(scipy_stats.poisson.isf(20 / n, mean)) + 1
    low = int(scipy_stats.poisson.ppf(20 / n, mean))
    edges = np.arange(low, top + 1)
    seen = np.bincount(np.clip(k, low, top).astype(int) - low)
    p = scipy_stats.poisson.pmf(edges, mean)
    p[0], p[-1] = scipy_stats.poisson.cdf(low, mean), scipy_stats.poisson.sf(top - 1, mean)
    assert scipy_stats.chisquare(seen, n * p).pvalue > 1e-3


def test_nothing_is_drawn_where_nothing_is_expected():
    assert draws.counts(1, 1, np.array([0.0, -1.0])).tolist() == [0, 0]


def test_normal_numbers_are_normal():
    stream = np.empty(8, np.uint64)
    draws.start(stream, 5, 6)
    out = [draws.normal(stream) for _ in range(5000)]
    assert scipy_stats.kstest(out, "norm").pvalue > 1e-3


def test_trials_and_seeds_have_streams_of_their_own():
    mu = np.full(200, 5.0)
    streams = [
        tuple(draws.counts(seed, trial, mu))
        for seed, trial in ((1, 0), (1, 1), (2, 0), (1, 1 << 33), (1 << 33, 0))
    ]
    assert len(set(streams)) == len(streams)
    assert streams[0] == tuple(draws.counts(1, 0, mu))
