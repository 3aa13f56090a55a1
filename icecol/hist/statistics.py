"""Weighted statistics of values: moments, quantiles, covariance, effective entries.

They are those of the entries themselves, if a histogram is filled with `statistics=True` (`Hist.data`), or of bin
centers weighted by bin contents (`Hist.mean` and its like).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from icecol.errors import MissingColumnError, did_you_mean

Floats = npt.NDArray[np.float64]


def number_of(axis: int | str, names: Sequence[str]) -> int:
    """Return the number of an axis that is given by its name or number.

    Raises
    ------
    MissingColumnError
        If there is none.
    """
    if isinstance(axis, str):
        if axis not in names:
            msg = f"no axis {axis!r}: {did_you_mean(axis, names, 'axes')}"
            raise MissingColumnError(msg)
        return names.index(axis)
    if not -len(names) <= axis < len(names):
        msg = f"no axis {axis!r}: this histogram has {len(names)}, named {', '.join(map(repr, names))}"
        raise MissingColumnError(msg)
    return axis % len(names)


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Statistics of weighted entries, by name or number of the axis; NaN where there is no answer.

    Attributes
    ----------
    names
        Names of the axes.
    values
        The finite values: a row for each axis, a column for each entry.
    weights
        The weight of each entry.
    squares
        The sum of squared weights of each entry, which is the squared weight if it is a single one.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> events = pl.LazyFrame({"v": [1.0, 2.0, 4.0, 8.0], "w": [1.0, 0.5, 2.0, 0.25]})
    >>> data = hist.fill(events, hist.regular("v", 3, 0, 9), weight="w", statistics=True).data
    >>> data.mean(), round(data.variance(), 6), data.median()
    (3.2, 3.36, 4.0)
    >>> round(data.effective_entries, 6), round(data.mean_error(), 6)
    (2.647059, 0.80884)
    """

    names: tuple[str, ...]
    values: Floats
    weights: Floats
    squares: Floats

    @property
    def sum_of_weights(self) -> float:
        """Sum of weights."""
        return float(self.weights.sum())

    @property
    def effective_entries(self) -> float:
        """Number of entries of equal weight with the same relative error: (sum w)^2 / sum w^2; 0 for none."""
        squares = float(self.squares.sum())
        return self.sum_of_weights**2 / squares if squares > 0 else 0.0

    def mean(self, axis: int | str = 0) -> float:
        """Return the mean, sum w v / sum w.

        Parameters
        ----------
        axis
            Name or number of the axis.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"v": [1.0, 2.0, 4.0, 8.0], "w": [1.0, 0.5, 2.0, 0.25]})
        >>> data = hist.fill(events, hist.regular("v", 3, 0, 9), weight="w", statistics=True).data
        >>> round(data.mean(), 4)
        3.2
        """
        return self._mean_of(self._row(axis))

    def mean_error(self, axis: int | str = 0) -> float:
        """Return the error of the mean, sqrt(sum w^2 (v - mean)^2) / sum w, right for weights that depend on v too.

        Parameters
        ----------
        axis
            Name or number of the axis.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"v": [1.0, 2.0, 4.0, 8.0], "w": [1.0, 0.5, 2.0, 0.25]})
        >>> data = hist.fill(events, hist.regular("v", 3, 0, 9), weight="w", statistics=True).data
        >>> round(data.mean_error(), 4)
        0.8088
        """
        row = self._row(axis)
        if not self.sum_of_weights:
            return math.nan
        off = row - self._mean_of(row)
        return math.sqrt(float((self.squares * off**2).sum())) / abs(self.sum_of_weights)

    def variance(self, axis: int | str = 0, *, unbiased: bool = False) -> float:
        """Return the variance, sum w (v - mean)^2 / sum w.

        Parameters
        ----------
        axis
            Name or number of the axis.
        unbiased
            Estimate the variance of the population: multiply by n / (n - 1), with the effective entries n.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"v": [1.0, 2.0, 4.0, 8.0], "w": [1.0, 0.5, 2.0, 0.25]})
        >>> data = hist.fill(events, hist.regular("v", 3, 0, 9), weight="w", statistics=True).data
        >>> round(data.variance(), 4)
        3.36
        """
        found = self._moment(axis, 2)
        n = self.effective_entries
        if unbiased:
            return found * n / (n - 1) if n > 1 else math.nan
        return found

    def std(self, axis: int | str = 0, *, unbiased: bool = False) -> float:
        """Return the standard deviation, the square root of the variance.

        Parameters
        ----------
        axis
            Name or number of the axis.
        unbiased
            As for `variance`.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"v": [1.0, 2.0, 4.0, 8.0], "w": [1.0, 0.5, 2.0, 0.25]})
        >>> data = hist.fill(events, hist.regular("v", 3, 0, 9), weight="w", statistics=True).data
        >>> round(data.std(), 4), round(data.std(unbiased=True), 4)
        (1.833, 2.3238)
        """
        found = self.variance(axis, unbiased=unbiased)
        return math.sqrt(found) if found >= 0 else math.nan

    def skewness(self, axis: int | str = 0) -> float:
        """Return the skewness, the third central moment over the cubed standard deviation.

        Parameters
        ----------
        axis
            Name or number of the axis.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"v": [1.0, 2.0, 4.0, 8.0], "w": [1.0, 0.5, 2.0, 0.25]})
        >>> data = hist.fill(events, hist.regular("v", 3, 0, 9), weight="w", statistics=True).data
        >>> round(data.skewness(), 4)
        0.743
        """
        return self._standardized(axis, 3)

    def kurtosis(self, axis: int | str = 0) -> float:
        """Return the excess kurtosis: 0 for a normal distribution.

        Parameters
        ----------
        axis
            Name or number of the axis.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"v": [1.0, 2.0, 4.0, 8.0], "w": [1.0, 0.5, 2.0, 0.25]})
        >>> data = hist.fill(events, hist.regular("v", 3, 0, 9), weight="w", statistics=True).data
        >>> round(data.kurtosis(), 4)
        0.7319
        """
        return self._standardized(axis, 4) - 3

    def median(self, axis: int | str = 0) -> float:
        """Return the median, the 0.5 quantile.

        Parameters
        ----------
        axis
            Name or number of the axis.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"v": [1.0, 2.0, 4.0, 8.0], "w": [1.0, 0.5, 2.0, 0.25]})
        >>> data = hist.fill(events, hist.regular("v", 3, 0, 9), weight="w", statistics=True).data
        >>> round(data.median(), 4)
        4.0
        """
        return self.quantile(0.5, axis)

    def quantile(self, q: float, axis: int | str = 0, *, interpolate: bool = False) -> float:
        """Return a quantile: the smallest value up to which at least the fraction `q` of the weight lies.

        Parameters
        ----------
        q
            Fraction of the weight, 0 to 1.
        axis
            Name or number of the axis.
        interpolate
            Interpolate between values, each of which stands in the middle of its weight. Unlike the default, this
            depends on whether an entry is one of weight 2 or two of weight 1.

        Raises
        ------
        ValueError
            If `q` is not between 0 and 1.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"v": [1.0, 2.0, 4.0, 8.0], "w": [1.0, 0.5, 2.0, 0.25]})
        >>> data = hist.fill(events, hist.regular("v", 3, 0, 9), weight="w", statistics=True).data
        >>> data.quantile(0.9), data.quantile(0.5, interpolate=True)
        (4.0, 3.0)
        """
        return self.quantiles([q], axis, interpolate=interpolate)[0]

    def quantiles(self, q: Sequence[float], axis: int | str = 0, *, interpolate: bool = False) -> list[float]:
        """Return several quantiles, sorting the values once; otherwise as `quantile`.

        Parameters
        ----------
        q
            Fractions of the weight, 0 to 1.
        axis, interpolate
            As for `quantile`.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"v": [1.0, 2.0, 4.0, 8.0], "w": [1.0, 0.5, 2.0, 0.25]})
        >>> data = hist.fill(events, hist.regular("v", 3, 0, 9), weight="w", statistics=True).data
        >>> data.quantiles([0.16, 0.5, 0.84])
        [1.0, 4.0, 4.0]
        """
        if not all(0 <= one <= 1 for one in q):
            msg = f"quantiles lie between 0 and 1; found {list(q)!r}"
            raise ValueError(msg)
        return weighted_quantiles(self._row(axis), self.weights, q, interpolate=interpolate).tolist()

    def covariance(self) -> Floats:
        """Return the covariance matrix of all axes, weighted as the variance is.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"v": [1.0, 2.0, 4.0], "u": [1.0, 3.0, 2.0]})
        >>> data = hist.fill(
        ...     events, hist.regular("v", 3, 0, 9), hist.regular("u", 3, 0, 9), statistics=True
        ... ).data
        >>> data.covariance().round(3)
        array([[1.556, 0.333],
               [0.333, 0.667]])
        """
        total = self.sum_of_weights
        if not total:
            return np.full((len(self.names),) * 2, np.nan)
        off = self.values - np.array([[self._mean_of(row)] for row in self.values])
        return (self.weights * off) @ off.T / total

    def correlation(self) -> Floats:
        """Return the matrix of correlation coefficients of all axes; NaN for one that does not vary.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"v": [1.0, 2.0, 4.0], "u": [1.0, 3.0, 2.0]})
        >>> data = hist.fill(
        ...     events, hist.regular("v", 3, 0, 9), hist.regular("u", 3, 0, 9), statistics=True
        ... ).data
        >>> data.correlation().round(3)
        array([[1.   , 0.327],
               [0.327, 1.   ]])
        """
        covariance = self.covariance()
        variances = np.diag(covariance)
        scale = np.sqrt(np.where(variances > 0, variances, np.nan))
        return covariance / scale / scale[:, None]

    def __add__(self, other: Statistics) -> Statistics:
        """Join the entries of two."""
        return Statistics(
            self.names,
            np.concatenate([self.values, other.values], axis=1),
            np.concatenate([self.weights, other.weights]),
            np.concatenate([self.squares, other.squares]),
        )

    def __mul__(self, factor: float) -> Statistics:
        """Scale the weights."""
        return Statistics(self.names, self.values, self.weights * factor, self.squares * factor**2)

    def project(self, *axes: int | str) -> Statistics:
        """Keep the given axes.

        Parameters
        ----------
        axes
            Names or numbers of the axes that are kept, in this order.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"v": [1.0, 2.0, 4.0], "u": [1.0, 3.0, 2.0]})
        >>> data = hist.fill(
        ...     events, hist.regular("v", 3, 0, 9), hist.regular("u", 3, 0, 9), statistics=True
        ... ).data
        >>> data.project("u").mean()
        2.0
        """
        kept = [number_of(axis, self.names) for axis in axes]
        return Statistics(tuple(self.names[i] for i in kept), self.values[kept], self.weights, self.squares)

    def __repr__(self) -> str:
        return f"Statistics({', '.join(self.names)}; {self.weights.size} entries)"

    def _row(self, axis: int | str) -> Floats:
        return cast("Floats", self.values[number_of(axis, self.names)])

    def _mean_of(self, row: Floats) -> float:
        total = self.sum_of_weights
        return float((self.weights * row).sum()) / total if total else math.nan

    def _moment(self, axis: int | str, order: int) -> float:
        row = self._row(axis)
        total = self.sum_of_weights
        return (
            float((self.weights * (row - self._mean_of(row)) ** order).sum()) / total if total else math.nan
        )

    def _standardized(self, axis: int | str, order: int) -> float:
        variance = self._moment(axis, 2)
        return self._moment(axis, order) / variance ** (order / 2) if variance > 0 else math.nan


def weighted_quantiles(
    values: npt.ArrayLike, weights: npt.ArrayLike, q: Sequence[float], *, interpolate: bool = False
) -> Floats:
    """Return quantiles of weighted values, as `Statistics.quantile` does; NaN if the weights do not sum to > 0.

    >>> weighted_quantiles([1, 2, 4, 8], [1, 0.5, 2, 0.25], [0.16, 0.5, 0.84]).tolist()
    [1.0, 4.0, 4.0]
    >>> weighted_quantiles([1, 2, 4, 8], [1, 0.5, 2, 0.25], [0.16, 0.5, 0.84], interpolate=True).round(
    ...     4
    ... ).tolist()
    [1.1333, 3.0, 6.3111]
    """
    v, w = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    order = np.argsort(v, kind="stable")
    v, w = v[order], w[order]
    below = np.cumsum(w)
    if not below.size or not below[-1] > 0:
        return np.full(len(q), np.nan)
    if interpolate:
        return np.interp(q, (below - w / 2) / below[-1], v)
    wanted = np.asarray(q) * below[-1]
    # a sum that rounding has put just below the fraction asked for has reached it
    index = np.searchsorted(below, wanted - 1e-12 * below[-1])
    index = np.maximum(index, np.flatnonzero(w > 0)[0])
    return v[np.minimum(index, v.size - 1)]


def quantiles_of_bins(edges: Floats, contents: Floats, q: Sequence[float]) -> Floats:
    """Return quantiles of binned entries that are spread evenly within their bins; NaN if they do not sum to > 0.

    >>> quantiles_of_bins(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0]), [0.25, 0.5]).round(3).tolist()
    [1.0, 1.333]
    """
    total = contents.sum()
    if not total > 0:
        return np.full(len(q), np.nan)
    return np.interp(q, np.concatenate([[0.0], np.cumsum(contents)]) / total, edges)
