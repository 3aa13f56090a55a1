"""`intervals`, `belts`: the tables of Feldman and Cousins, computed independently; coverage; two counts enumerated."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import poisson

from icecol import stats

PAGE = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")

BACKGROUNDS = (0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5)

FELDMAN_COUSINS_90 = """
0.00-2.44 0.00-1.94 0.00-1.61 0.00-1.33 0.00-1.08 0.00-1.18 0.00-0.95 0.00-0.85 0.00-0.77
0.11-4.36 0.00-3.86 0.00-3.36 0.00-2.91 0.00-2.53 0.00-2.19 0.00-1.88 0.00-1.33 0.00-1.20
0.53-5.91 0.03-5.41 0.00-4.91 0.00-4.41 0.00-3.91 0.00-3.45 0.00-3.04 0.00-2.33 0.00-1.73
1.10-7.42 0.60-6.92 0.10-6.42 0.00-5.92 0.00-5.42 0.00-4.92 0.00-4.42 0.00-3.53 0.00-2.78
1.47-8.60 1.17-8.10 0.74-7.60 0.24-7.10 0.00-6.60 0.00-6.10 0.00-5.60 0.00-4.60 0.00-3.60
1.84-9.99 1.53-9.49 1.25-8.99 0.93-8.49 0.43-7.99 0.00-7.49 0.00-6.99 0.00-5.99 0.00-4.99
2.21-11.47 1.90-10.97 1.61-10.47 1.33-9.97 1.08-9.47 0.65-8.97 0.15-8.47 0.00-7.47 0.00-6.47
3.56-12.53 3.06-12.03 2.56-11.53 2.09-11.03 1.59-10.53 1.18-10.03 0.89-9.53 0.00-8.53 0.00-7.53
3.96-13.99 3.46-13.49 2.96-12.99 2.51-12.49 2.14-11.99 1.81-11.49 1.51-10.99 0.66-9.99 0.00-8.99
4.36-15.30 3.86-14.80 3.36-14.30 2.91-13.80 2.53-13.30 2.19-12.80 1.88-12.30 1.33-11.30 0.43-10.30
5.50-16.50 5.00-16.00 4.50-15.50 4.00-15.00 3.50-14.50 3.04-14.00 2.63-13.50 1.94-12.50 1.19-11.50
"""

OTHER_LEVELS = """
0.00-1.29 0.00-0.54 0.00-0.12 0.00-3.09 0.00-2.33 0.00-1.62 0.00-4.74
0.37-2.75 0.00-1.75 0.00-0.45 0.05-5.14 0.00-4.14 0.00-2.63 0.01-6.91
0.74-4.25 0.14-3.25 0.00-1.41 0.36-6.72 0.00-5.72 0.00-3.84 0.15-8.71
1.10-5.30 0.54-4.30 0.00-2.30 0.82-8.25 0.00-7.25 0.00-5.25 0.44-10.47
2.34-6.78 1.34-5.78 0.00-3.78 1.37-9.76 0.37-8.76 0.00-6.76 0.82-12.23
2.75-7.81 1.75-6.81 0.45-4.81 1.84-11.26 0.97-10.26 0.00-8.26 1.28-13.75
"""

LEVELS = ((0.6827, 0), (0.6827, 1), (0.6827, 3), (0.95, 0), (0.95, 1), (0.95, 3), (0.99, 0))


def rows(text: str) -> list[list[tuple[float, ...]]]:
    return [
        [tuple(map(float, cell.split("-"))) for cell in line.split()] for line in text.split("\n") if line
    ]


@pytest.mark.parametrize("n", range(11))
def test_feldman_cousins_at_90_percent(n):
    found = [tuple(round(end, 2) for end in stats.feldman_cousins(n, b)) for b in BACKGROUNDS]
    assert found == rows(FELDMAN_COUSINS_90)[n]


@pytest.mark.parametrize("n", range(6))
def test_feldman_cousins_at_other_levels(n):
    found = [tuple(round(end, 2) for end in stats.feldman_cousins(n, b, level)) for level, b in LEVELS]
    assert found == rows(OTHER_LEVELS)[n]


@pytest.mark.parametrize(
    ("b", "upper"),
    [(0, 2.44), (0.5, 1.94), (1, 1.61), (1.5, 1.33), (2, 1.26), (2.5, 1.18), (3, 1.08), (4, 1.01), (5, 0.98)],
)
def test_lengthened_upper_ends_of_no_event_are_those_of_the_paper(b, upper):
    assert stats.feldman_cousins(0, b, lengthen=True).upper == pytest.approx(upper, abs=5e-3)


@pytest.mark.parametrize("n", [0, 3])
def test_a_lengthened_upper_end_never_rises_with_the_background(n):
    ends = [stats.feldman_cousins(n, b, lengthen=True).upper for b in np.linspace(0, 5, 6)]
    assert all(
        a >= b - 2e-3 for a, b in pairwise(ends)
    )  # a jump between two steps is found, a sliver may not be
    plain = [stats.feldman_cousins(n, b).upper for b in np.linspace(0, 5, 6)]
    assert all(a >= b for a, b in zip(ends, plain, strict=True))


def accepted(mu: float, b: float, level: float) -> set[int]:
    """The acceptance region of a signal, by sorting."""
    n = np.arange(200)
    p = poisson.pmf(n, mu + b)
    ratio = p / poisson.pmf(n, np.maximum(n, b))
    order = sorted(n, key=lambda i: (-ratio[i], i))
    kept: set[int] = set()
    while p[sorted(kept)].sum() < level:
        kept.add(order[len(kept)])
    return kept


@pytest.mark.parametrize(("n", "b", "level"), [(0, 0.7, 0.9), (3, 2.2, 0.8), (11, 6.1, 0.95)])
def test_signals_within_the_ends_accept_the_count_and_those_outside_do_not(n, b, level):
    low, high = stats.feldman_cousins(n, b, level)
    assert n in accepted(low + 1e-4, b, level)
    assert n in accepted(high - 1e-4, b, level)
    assert n not in accepted(high + 1e-4, b, level)
    assert low == 0 or n not in accepted(low - 1e-4, b, level)
    assert not any(n in accepted(mu, b, level) for mu in np.linspace(high + 0.01, high + 5, 100))


@pytest.mark.parametrize(
    ("n", "m", "tau", "low", "high"),
    [(5, 3, 1, 0, 7.2), (5, 30, 10, 0, 6.7), (5, 300, 100, 0, 6.6), (8, 6, 2, 1.2, 10.9)],
)
def test_feldman_cousins_with_a_measured_background(n, m, tau, low, high):
    assert stats.feldman_cousins_on_off(n, m, tau, step=0.1) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [(0, 0, 1.8411), (1, 0.1727, 3.2996), (2, 0.7082, 4.6379), (5, 2.8403, 8.3825), (28, 22.7402, 34.3546)],
)
def test_central_poisson_intervals(n, low, high):
    assert stats.poisson_interval(n, 0.6827) == pytest.approx((low, high), abs=2e-4)
    if n:
        inside = stats.poisson_interval(n)
        assert poisson.sf(n - 1, inside.lower) == pytest.approx(poisson.cdf(n, inside.upper), abs=1e-9)


def test_an_upper_limit_excludes_by_the_lower_tail():
    for n in (0, 3, 50):
        low, high = stats.poisson_interval(n, 0.95, kind="upper")
        assert low == 0
        assert poisson.cdf(n, high) == pytest.approx(0.05, rel=1e-9)


@pytest.mark.parametrize("level", [0.6827, 0.9, 0.95])
@pytest.mark.parametrize("b", [0.0, 3.0])
@pytest.mark.slow
def test_feldman_cousins_never_covers_too_little(level, b):
    ends = [stats.feldman_cousins(n, b, level) for n in range(45)]
    mu = np.linspace(0.05, 9, 60)
    covered = stats.coverage(mu, *zip(*ends, strict=True), b)
    assert (covered > level - 1e-3).all()
    assert covered.min() < level + 0.06


@pytest.mark.slow
def test_coverage_by_simulation_at_five_points():
    n_experiments = 100_000
    rng = np.random.default_rng(5)
    points = (0.5, 1.3, 3.0, 6.1, 12.0)
    table = {mu: f"| {mu:g} |" for mu in points}
    for of in (lambda n: stats.poisson_interval(n, 0.9), lambda n: stats.feldman_cousins(n, 0.0)):
        ends = np.array([of(n) for n in range(60)])
        for mu in points:
            low, high = ends[rng.poisson(mu, n_experiments)].T
            share = ((low <= mu) & (mu <= high)).mean()
            exact = float(stats.coverage(mu, *ends.T))
            table[mu] += f" {share:.4f} | {exact:.4f} |"
            assert share == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / n_experiments))
            assert exact >= 0.9 - 1e-6
    for row in table.values():
        assert row in PAGE


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.feldman_cousins(-1, 0), "found -1 and 0"),
        (lambda: stats.feldman_cousins(1, 0, 90), "such as 0.9; found 90"),
        (lambda: stats.feldman_cousins_on_off(1, 1, 0), "tau"),
        (lambda: stats.poisson_interval(1, kind="lower"), "'central' or 'upper'"),
    ],
    ids=["count", "level", "tau", "kind"],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
