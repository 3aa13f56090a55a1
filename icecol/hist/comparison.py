"""Tests of whether two histograms or two samples, weighted or not, come from the same distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from icecol.hist.arithmetic import require_equal_axes
from icecol.hist.histogram import Hist
from icecol.hist.intervals import special

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Result of a test: how different two distributions are, and how often chance makes equal ones differ as much.

    Attributes
    ----------
    statistic
        The test statistic.
    pvalue
        Probability of at least this statistic for two samples of one distribution.
    dof
        Degrees of freedom of a chi-squared statistic.

    Examples
    --------
    >>> found = ks_test([0.1, 0.4, 0.7, 1.2, 2.0], [0.3, 0.5, 0.9, 1.1, 1.8, 2.5])
    >>> round(found.statistic, 6), round(found.pvalue, 3), found.dof
    (0.266667, 0.99, None)
    """

    statistic: float
    pvalue: float
    dof: int | None = None


def chi2_test(a: Hist, b: Hist) -> Comparison:
    """Compare the shapes of two histograms by chi-squared, whether or not their entries have weights.

    Two unweighted histograms: Pearson's test of homogeneity. An unweighted one (data) and a weighted one (simulation):
    the test of Gagunashvili (PoS ACAT 060 (2006)), which fits the common probabilities of the bins; a bin that the
    weighted one leaves empty gets the variance of one entry of average weight. Two weighted ones: the squared
    difference of the normalized contents over its variance. Bins that are empty in both are left out; at least ten
    entries in each of the others are needed for the p-value to be right.

    Parameters
    ----------
    a, b
        Histograms with equal axes. One is unweighted if sum w and sum w^2 are the same in all of its bins.

    Returns
    -------
    Comparison
        With one degree of freedom less than bins.

    Raises
    ------
    ValueError
        If the axes differ, or a histogram does not have a positive sum.
    MissingDependencyError
        If scipy is not installed.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> x = hist.integer("x", 0, 2)
    >>> a, b = (hist.fill(pl.LazyFrame({"x": [0] * n + [1] * m}), x) for n, m in ((40, 60), (50, 50)))
    >>> found = hist.chi2_test(a, b)
    >>> round(found.statistic, 3), found.dof, round(found.pvalue, 3)
    (2.02, 1, 0.155)
    """
    require_equal_axes(a, b, "compared")
    p_of = special("chi2_test").chdtrc
    parts = [np.ravel(v) for v in (a.values(), a.variances(), b.values(), b.variances())]
    filled = (parts[1] > 0) | (parts[3] > 0)
    x, xx, y, yy = (part[filled] for part in parts)
    if not (x.sum() > 0 and y.sum() > 0):
        msg = f"shapes can be compared only if both histograms have a positive sum; found {x.sum():g} and {y.sum():g}"
        raise ValueError(msg)
    counted = np.array_equal(x, xx), np.array_equal(y, yy)
    if all(counted):
        statistic = float(((y.sum() * x - x.sum() * y) ** 2 / (x + y)).sum() / x.sum() / y.sum())
    elif any(counted):
        statistic = _unweighted_weighted(x, y, yy) if counted[0] else _unweighted_weighted(y, x, xx)
    else:
        variance = x.sum() ** 2 * yy + y.sum() ** 2 * xx
        statistic = float(((x.sum() * y - y.sum() * x) ** 2 / variance).sum())
    dof = x.size - 1
    return Comparison(statistic, float(p_of(dof, statistic)) if dof else 1.0, dof)


def ks_test(
    a: npt.ArrayLike | Hist,
    b: npt.ArrayLike | Hist,
    *,
    weights: tuple[npt.ArrayLike | None, npt.ArrayLike | None] = (None, None),
) -> Comparison:
    """Compare two samples by the largest difference of their cumulative distributions (Kolmogorov-Smirnov).

    Parameters
    ----------
    a, b
        Values, in which NaN is left out; or histograms of one axis filled with `statistics=True`, whose entries are
        used: bins alone would give p-values that are too large.
    weights
        Weights of either sample, of which the histograms have their own; None means 1. The p-value takes the effective
        entries for the size of a sample.

    Returns
    -------
    Comparison
        The difference D and its asymptotic p-value.

    Raises
    ------
    ValueError
        If a sample is empty, or a histogram does not hold its entries.
    MissingDependencyError
        If scipy is not installed.

    Examples
    --------
    >>> found = ks_test([0.1, 0.4, 0.7, 1.2, 2.0], [0.3, 0.5, 0.9, 1.1, 1.8, 2.5])
    >>> round(found.statistic, 6)
    0.266667
    """
    kolmogorov = special("ks_test").kolmogorov
    first, second, n, _ = _distributions(a, b, weights)
    largest = float(np.abs(first - second).max())
    return Comparison(largest, float(kolmogorov(math.sqrt(n) * largest)))


def cramer_von_mises_test(
    a: npt.ArrayLike | Hist,
    b: npt.ArrayLike | Hist,
    *,
    weights: tuple[npt.ArrayLike | None, npt.ArrayLike | None] = (None, None),
) -> Comparison:
    """Compare two samples by the integrated squared difference of their cumulative distributions.

    Parameters
    ----------
    a, b, weights
        As for `ks_test`.

    Returns
    -------
    Comparison
        The statistic T, n sum (F_a - F_b)^2 dH with the pooled distribution H, and its asymptotic p-value.

    Raises
    ------
    ValueError
        If a sample is empty, or a histogram does not hold its entries.
    MissingDependencyError
        If scipy is not installed.

    Examples
    --------
    >>> found = cramer_von_mises_test([0.1, 0.4, 0.7, 1.2, 2.0], [0.3, 0.5, 0.9, 1.1, 1.8, 2.5])
    >>> round(found.statistic, 6)
    0.057576
    """
    functions = special("cramer_von_mises_test")
    first, second, n, pooled = _distributions(a, b, weights)
    statistic = float(n * ((first - second) ** 2 * pooled).sum())
    return Comparison(statistic, _cramer_von_mises_tail(statistic, functions))


def _unweighted_weighted(n: Floats, w: Floats, squares: Floats) -> float:
    total, weight = n.sum(), w.sum()
    s = np.where(squares > 0, squares, squares.sum() / weight)
    difference = weight * w - total * s
    p = (difference + np.sqrt(difference**2 + 4 * weight**2 * s * n)) / (2 * weight**2)
    expected = np.where(p > 0, total * p, 1.0)
    return float(((n - total * p) ** 2 / expected).sum() + ((w - weight * p) ** 2 / s).sum())


def _distributions(
    a: npt.ArrayLike | Hist,
    b: npt.ArrayLike | Hist,
    weights: tuple[npt.ArrayLike | None, npt.ArrayLike | None],
) -> tuple[Floats, Floats, float, Floats]:
    """Return both cumulative distributions at each distinct value, the effective size, and the pooled weights there."""
    (v, w, n), (u, x, m) = (_sample(s, weight) for s, weight in zip((a, b), weights, strict=True))
    points, index = np.unique(np.concatenate([v, u]), return_inverse=True)
    steps = [
        np.bincount(i, part, points.size) / part.sum()
        for i, part in ((index[: v.size], w), (index[v.size :], x))
    ]
    return np.cumsum(steps[0]), np.cumsum(steps[1]), n * m / (n + m), (n * steps[0] + m * steps[1]) / (n + m)


def _sample(sample: npt.ArrayLike | Hist, weights: npt.ArrayLike | None) -> tuple[Floats, Floats, float]:
    """Return values, weights and effective entries."""
    if isinstance(sample, Hist):
        data = sample.data
        if data is None or len(data.names) != 1:
            msg = (
                f"{sample!r} does not hold the entries of one axis, without which this test is wrong: "
                "fill one axis with hist.fill(..., statistics=True), or give the values"
            )
            raise ValueError(msg)
        v, w = data.values[0], data.weights
    else:
        v = np.asarray(sample, np.float64)
        w = np.ones(v.size) if weights is None else np.asarray(weights, np.float64)
        if w.shape != v.shape:
            msg = f"there are {v.size} values, but {w.size} weights"
            raise ValueError(msg)
        v, w = v[~np.isnan(v)], w[~np.isnan(v)]
    if not w.sum() > 0:
        msg = "a sample has no entries, or the sum of its weights is not positive"
        raise ValueError(msg)
    return v, w, float(w.sum() ** 2 / (w**2).sum())


def _cramer_von_mises_tail(t: float, functions: Any) -> float:
    """Return the asymptotic probability of at least `t` (Anderson & Darling, Ann. Math. Stat. 23 (1952) 193)."""
    if t <= 0:
        return 1.0
    k = np.arange(10 + math.ceil(math.sqrt(20 * t)))  # the terms fall with exp(-(4k + 1)^2 / 8t)
    argument = (4 * k + 1) ** 2 / (16 * t)
    kve, poch = functions.kve, functions.poch
    terms = poch(k + 1, -0.5) * np.sqrt(4 * k + 1) * np.exp(-2 * argument) * kve(0.25, argument)
    return float(np.clip(1 - terms.sum() / (math.pi**1.5 * math.sqrt(t)), 0.0, 1.0))
