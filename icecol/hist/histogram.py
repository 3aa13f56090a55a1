"""A filled histogram: a boost-histogram with labels, and separate counts of the values that no bin can hold."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast, overload

import boost_histogram as bh
import numpy as np
import numpy.typing as npt
import polars as pl

from icecol.hist import arithmetic, export, profiles, writing
from icecol.hist.drawing import draw
from icecol.hist.points import Points
from icecol.hist.statistics import Statistics, number_of, quantiles_of_bins

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tally:
    """Entries that no bin holds: their number, sum of weights and sum of squared weights.

    Attributes
    ----------
    n
        Number of entries.
    sumw
        Sum of their weights.
    sumw2
        Sum of their squared weights.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> events = pl.LazyFrame({"x": [0.5, None, None], "w": [1.0, 0.5, 2.0]})
    >>> hist.fill(events, hist.regular("x", 2, 0, 2), weight="w").missing
    Tally(n=2, sumw=2.5, sumw2=4.25)
    """

    n: int = 0
    sumw: float = 0.0
    sumw2: float = 0.0

    def __add__(self, other: Tally) -> Tally:
        """Add the counts and the sums of weights."""
        return Tally(self.n + other.n, self.sumw + other.sumw, self.sumw2 + other.sumw2)

    def __mul__(self, factor: float) -> Tally:
        """Scale the weights, not the number of entries."""
        return Tally(self.n, self.sumw * factor, self.sumw2 * factor**2)


@dataclass(frozen=True, slots=True, eq=False)
class Hist:
    """A histogram with weights and their variances; made by `hist.fill` or `hist.load`.

    It implements the PlottableHistogram protocol (`kind`, `axes`, `values`, `variances`, `counts`), so that mplhep
    and similar packages can plot it, and `boost_histogram.Histogram(h)` accepts it. Underflow and overflow are bins;
    NaN and null belong to no bin, are counted separately, and are carried unchanged through slices and projections.

    Attributes
    ----------
    bh
        The `boost_histogram.Histogram` (with Weight storage); each of its axes has a `name` and a `label`.
    nan
        Entries that were NaN on any axis.
    missing
        Entries that were null on any axis: the event had no such key.
    data
        Exact statistics of the entries, if filled with `statistics=True`; slices and files have none.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 9.0, None]}), hist.regular("x", 3, 0, 3))
    >>> h
    Hist(x: 3 bins from 0 to 3; sum 3, outside 1, nan 0, missing 1)
    >>> (h + 2 * h).values()
    array([3., 6., 0.])
    >>> h[hist.loc(1) :].errors()
    array([1.41421356, 0.        ])
    """

    bh: Any
    nan: Tally = field(default_factory=Tally)
    missing: Tally = field(default_factory=Tally)
    data: Statistics | None = None

    @property
    def axes(self) -> Any:
        """The boost-histogram axes."""
        return self.bh.axes

    @property
    def kind(self) -> str:
        """Kind of histogram, as in the PlottableHistogram protocol: always COUNT."""
        return str(self.bh.kind)

    @property
    def note(self) -> str:
        """What of the events is blind, as in "burn sample, 10 %"; empty if nothing is."""
        return str(vars(self.bh).get("metadata") or "")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The datasets that the events came from, as far as they are known; files do not keep them."""
        return tuple(vars(self.bh).get("inputs", ()))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return int(self.bh.ndim)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(getattr(a, "name", "") for a in self.axes)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the axes."""
        return tuple(getattr(a, "label", "") for a in self.axes)

    @property
    def edges(self) -> Any:
        """Bin edges: an array or, for more than one axis, a tuple of arrays."""
        edges = tuple(np.asarray(a.edges) for a in self.axes)
        return edges[0] if self.ndim == 1 else edges

    def values(self, *, flow: bool = False) -> Floats:
        """Return the sum of weights in each bin, including underflow and overflow if `flow`.

        Parameters
        ----------
        flow
            Include underflow and overflow.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 9.0]}), hist.regular("x", 3, 0, 3))
        >>> h.values(), h.values(flow=True)
        (array([1., 2., 0.]), array([0., 1., 2., 0., 1.]))
        """
        return cast("Floats", self.bh.values(flow=flow))

    def variances(self, *, flow: bool = False) -> Floats:
        """Return the sum of squared weights in each bin, including underflow and overflow if `flow`.

        Parameters
        ----------
        flow
            Include underflow and overflow.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"x": [0.5, 1.5, 1.7], "w": [2.0, 3.0, 4.0]})
        >>> hist.fill(events, hist.regular("x", 2, 0, 2), weight="w").variances()
        array([ 4., 25.])
        """
        return cast("Floats", self.bh.variances(flow=flow))

    def errors(self, *, flow: bool = False) -> Floats:
        """Return the statistical error of each bin, the square root of its variance.

        Parameters
        ----------
        flow
            Include underflow and overflow.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"x": [0.5, 1.5, 1.7], "w": [2.0, 3.0, 4.0]})
        >>> hist.fill(events, hist.regular("x", 2, 0, 2), weight="w").errors()
        array([2., 5.])
        """
        return cast("Floats", np.sqrt(self.variances(flow=flow)))

    def counts(self, *, flow: bool = False) -> Floats:
        """Return the effective number of entries in each bin, (sum w)^2 / sum w^2; 0 for an empty bin.

        Parameters
        ----------
        flow
            Include underflow and overflow.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"x": [0.5, 1.5, 1.7], "w": [2.0, 1.0, 3.0]})
        >>> h = hist.fill(events, hist.regular("x", 2, 0, 2), weight="w")
        >>> h.counts()
        array([1. , 1.6])
        """
        value, variance = self.values(flow=flow), self.variances(flow=flow)
        return np.divide(value**2, variance, out=np.zeros_like(value), where=variance != 0)

    def sum(self, *, flow: bool = False) -> float:
        """Return the sum of weights in all bins, including underflow and overflow if `flow`.

        Parameters
        ----------
        flow
            Include underflow and overflow.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 9.0]}), hist.regular("x", 3, 0, 3))
        >>> h.sum(), h.sum(flow=True)
        (3.0, 4.0)
        """
        return float(self.bh.sum(flow=flow).value)

    @property
    def effective_entries(self) -> float:
        """Number of entries of equal weight with the same relative error: (sum w)^2 / sum w^2 of the bins."""
        variance = float(self.variances().sum())
        return self.sum() ** 2 / variance if variance > 0 else 0.0

    def mean(self, axis: int | str = 0) -> float:
        """Return the mean of the bin centers along an axis, weighted by bin content; NaN if the sum is 0.

        This and the following take all entries of a bin to be at its center, and know none outside; `h.data` has the
        exact ones, of a histogram filled with `statistics=True`.

        Parameters
        ----------
        axis
            Name or number of the axis.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(
        ...     pl.LazyFrame({"x": [0.6, 1.5, 1.7, 2.6]}), hist.regular("x", 3, 0, 3), statistics=True
        ... )
        >>> h.mean(), h.data.mean()
        (1.5, 1.6)
        """
        return self._binned(axis).mean()

    def mean_error(self, axis: int | str = 0) -> float:
        """Return the error of the mean.

        Parameters
        ----------
        axis
            Name or number of the axis.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 2.2]}), hist.regular("x", 3, 0, 3))
        >>> round(h.mean_error(), 4)
        0.3536
        """
        return self._binned(axis).mean_error()

    def variance(self, axis: int | str = 0, *, unbiased: bool = False) -> float:
        """Return the variance of the bin centers; `unbiased`: that of the population, as `Statistics.variance`.

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
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 2.2]}), hist.regular("x", 3, 0, 3))
        >>> h.variance(), round(h.variance(unbiased=True), 4)
        (0.5, 0.6667)
        """
        return self._binned(axis).variance(unbiased=unbiased)

    def std(self, axis: int | str = 0, *, unbiased: bool = False) -> float:
        """Return the standard deviation of the bin centers along an axis, weighted by bin content.

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
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 2.2]}), hist.regular("x", 3, 0, 3))
        >>> round(h.std(), 4)
        0.7071
        """
        return self._binned(axis).std(unbiased=unbiased)

    def skewness(self, axis: int | str = 0) -> float:
        """Return the skewness of the bin centers, weighted by bin content.

        Parameters
        ----------
        axis
            Name or number of the axis.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 0.6, 1.7, 2.2]}), hist.regular("x", 3, 0, 3))
        >>> round(h.skewness(), 3)
        0.493
        """
        return self._binned(axis).skewness()

    def kurtosis(self, axis: int | str = 0) -> float:
        """Return the excess kurtosis of the bin centers, weighted by bin content: 0 for a normal distribution.

        Parameters
        ----------
        axis
            Name or number of the axis.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 2.2]}), hist.regular("x", 3, 0, 3))
        >>> round(h.kurtosis(), 3)
        -1.0
        """
        return self._binned(axis).kurtosis()

    def median(self, axis: int | str = 0) -> float:
        """Return the median of the binned content along an axis, interpolated linearly within a bin.

        Parameters
        ----------
        axis
            Name or number of the axis.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 2.2]}), hist.regular("x", 3, 0, 3))
        >>> h.median()
        1.5
        """
        return self.quantile(0.5, axis)

    def quantile(self, q: float, axis: int | str = 0) -> float:
        """Return the `q` quantile of the binned content along an axis, interpolated linearly within a bin.

        Parameters
        ----------
        q
            Fraction of the content, 0 to 1.
        axis
            Name or number of the axis.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 2.2]}), hist.regular("x", 3, 0, 3))
        >>> h.quantile(0.25), h.quantile(0.75)
        (1.0, 2.0)
        """
        if not 0 <= q <= 1:
            msg = f"a quantile lies between 0 and 1; found {q!r}"
            raise ValueError(msg)
        h = self.project(axis)
        _require_numbers(h)
        return float(quantiles_of_bins(h.edges, h.values(), [q])[0])

    def covariance(self) -> Floats:
        """Return the covariance matrix of all axes, of the bin centers weighted by bin content.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"x": [0.5, 0.5, 1.5, 1.5], "y": [0.5, 0.5, 1.5, 0.5]})
        >>> h = hist.fill(events, hist.regular("x", 2, 0, 2), hist.regular("y", 2, 0, 2))
        >>> h.covariance()
        array([[0.25  , 0.125 ],
               [0.125 , 0.1875]])
        """
        return self._binned(*range(self.ndim)).covariance()

    def correlation(self) -> Floats:
        """Return the matrix of correlation coefficients of all axes; NaN for one that does not vary.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"x": [0.5, 0.5, 1.5, 1.5], "y": [0.5, 0.5, 1.5, 0.5]})
        >>> h = hist.fill(events, hist.regular("x", 2, 0, 2), hist.regular("y", 2, 0, 2))
        >>> h.correlation().round(3)
        array([[1.   , 0.577],
               [0.577, 1.   ]])
        """
        return self._binned(*range(self.ndim)).correlation()

    def project(self, *axes: int | str) -> Hist:
        """Project onto the given axes, by number or name, summing over all others with their under- and overflow.

        Parameters
        ----------
        axes
            Names or numbers of the axes that are kept, in this order.

        Raises
        ------
        MissingColumnError
            If there is no such axis.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"x": [0.5, 0.5, 1.5, 1.5], "y": [0.5, 0.5, 1.5, 0.5]})
        >>> h = hist.fill(events, hist.regular("x", 2, 0, 2), hist.regular("y", 2, 0, 2))
        >>> h.project("y").values()
        array([3., 1.])
        """
        kept = [number_of(a, self.names) for a in axes]
        names = [self.names[i] for i in kept]
        data = None if self.data is None else self.data.project(*(n for n in names if n in self.data.names))
        return replace(self, bh=self.bh.project(*kept), data=data)

    def profile(
        self,
        axis: int | str = -1,
        *,
        center: Literal["mean", "median"] = "mean",
        band: Literal["error", "std"] | tuple[float, float] | None = None,
        exact: bool = False,
    ) -> Points:
        """Summarize one axis of two in each bin of the other, as `hist.profile` does.

        Parameters
        ----------
        axis
            Name or number of the axis that is summarized.
        center, band, exact
            As for `hist.profile`.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> events = pl.LazyFrame({"x": [0.5, 0.5, 1.5, 1.5], "y": [0.5, 0.5, 1.5, 0.5]})
        >>> h = hist.fill(events, hist.regular("x", 2, 0, 2), hist.regular("y", 2, 0, 2))
        >>> h.profile("y").values()
        array([0.5, 1. ])
        """
        return profiles.profile(self, axis, center=center, band=band, exact=exact)

    def rebin(self, bins: int | Sequence[float], axis: int | str = 0) -> Hist:
        """Join bins along an axis.

        Parameters
        ----------
        bins
            How many bins to join into one; those left over at the end become overflow. Or the new edges, which must be
            among the old ones; what is outside becomes under- or overflow.
        axis
            Name or number of the axis.

        Raises
        ------
        ValueError
            If the axis has too few bins, or no such edges.
        TypeError
            If the axis holds categories.
        MissingColumnError
            If there is no such axis.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 2.2]}), hist.regular("x", 4, 0, 4))
        >>> h.rebin(2).values(), h.rebin([0, 1, 4]).values()
        (array([3., 1.]), array([1., 3.]))
        """
        return replace(self, bh=arithmetic.rebinned(self, bins, number_of(axis, self.names)))

    def normalized(self, *, density: bool = False) -> Hist:
        """Scale the histogram so that its bins, without underflow and overflow, sum to 1.

        Parameters
        ----------
        density
            Divide by the bin widths as well, so that the integral is 1.

        Raises
        ------
        ValueError
            If the sum is 0.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 2.2]}), hist.regular("x", 3, 0, 3))
        >>> h.normalized().values()
        array([0.25, 0.5 , 0.25])
        """
        total = self.sum()
        if total == 0:
            msg = f"the bins of {self!r} sum to 0, so it cannot be normalized"
            raise ValueError(msg)
        h = self * (1 / total)
        return replace(h, bh=arithmetic.per_width(h)) if density else h

    def density(self) -> Floats:
        """Return the probability density of each bin: its content divided by their sum and its width.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 2.2]}), hist.variable("x", [0, 1, 3]))
        >>> h.density()
        array([0.25 , 0.375])
        """
        return self.normalized(density=True).values()

    def differential(self) -> Hist:
        """Return the content per unit of the axes: each bin divided by its width, or by its area; errors too.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 2.2]}), hist.variable("x", [0, 1, 3]))
        >>> h.differential().values()
        array([1. , 1.5])
        """
        return replace(self, bh=arithmetic.per_width(self))

    def cumulative(self, *, reverse: bool = False) -> Hist:
        """Return the cumulative histogram: each bin plus all bins below it, underflow included.

        With `reverse`, each bin plus all bins above it, overflow included. Variances are summed in the same way.

        Parameters
        ----------
        reverse
            Sum from above.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 2.2]}), hist.regular("x", 3, 0, 3))
        >>> h.cumulative().values(), h.cumulative(reverse=True).values()
        (array([1., 3., 4.]), array([4., 3., 1.]))
        """
        return replace(self, bh=arithmetic.cumulated(self, reverse=reverse), data=None)

    def __getitem__(self, index: Any) -> Any:
        """Index with UHI: `h[1:5]`, `h[hist.loc(2.0)]`, `h[:: hist.rebin(2)]`."""
        found = self.bh[index]
        return replace(self, bh=found, data=None) if isinstance(found, bh.Histogram) else found

    def __add__(self, other: Hist) -> Hist:
        """Add two histograms with equal axes; categories are merged."""
        return self._plus(other, "added") if isinstance(other, Hist) else NotImplemented

    def _plus(self, other: Hist, what: str) -> Hist:
        data = None if self.data is None or other.data is None else self.data + other.data
        return Hist(
            arithmetic.add(self, other, what), self.nan + other.nan, self.missing + other.missing, data
        )

    def __radd__(self, other: object) -> Hist:
        """Support the builtin `sum`, which starts from 0."""
        return self if other == 0 else NotImplemented

    def __sub__(self, other: Hist) -> Hist:
        """Subtract a histogram with equal axes; the variances add, as for independent entries."""
        return self._plus(other * -1, "subtracted") if isinstance(other, Hist) else NotImplemented

    def __mul__(self, factor: float) -> Hist:
        """Scale the values by a number and the variances by its square."""
        if isinstance(factor, (Hist, str)):
            return NotImplemented
        data = None if self.data is None else self.data * factor
        return Hist(self.bh * factor, self.nan * factor, self.missing * factor, data)

    __rmul__ = __mul__

    @overload
    def __truediv__(self, divisor: float) -> Hist: ...
    @overload
    def __truediv__(self, divisor: Hist) -> Points: ...
    def __truediv__(self, divisor: float | Hist) -> Hist | Points:
        """Divide by a number, the variances by its square; or by an independent histogram, as `hist.ratio` does."""
        if isinstance(divisor, str):
            return NotImplemented
        return arithmetic.ratio(self, divisor) if isinstance(divisor, Hist) else self * (1 / divisor)

    def __eq__(self, other: object) -> bool:
        """Compare axes and labels, all bins, and the NaN and null counts."""
        if not isinstance(other, Hist):
            return NotImplemented
        return bool(self.bh == other.bh) and (self.nan, self.missing) == (other.nan, other.missing)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        axes = ", ".join(_describe(a) for a in self.axes)
        inside = self.sum()
        outside = self.sum(flow=True) - inside
        note = f"; {self.note}" if self.note else ""
        return (
            f"Hist({axes}; sum {inside:.6g}, outside {outside:.6g}, "
            f"nan {self.nan.sumw:.6g}, missing {self.missing.sumw:.6g}{note})"
        )

    def _to_boost_histogram_(self) -> Any:
        return self.bh

    def _repr_html_(self) -> str:
        return export.to_html(self)

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Plot one axis (`plot.hist1d`) or two (`plot.hist2d`).

        Parameters
        ----------
        ax
            Axes to draw on; a new figure if None.
        options
            Those of `plot.hist1d` or `plot.hist2d`, such as `density=True`.

        Returns
        -------
        matplotlib.axes.Axes
            The axes.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        ValueError
            If there are more than two axes.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> axes = hist.integer("n", 0, 2), hist.regular("x", 2, 0, 2, label="x / m")
        >>> h = hist.fill(pl.LazyFrame({"n": [0, 1], "x": [0.5, 1.5]}), *axes)
        >>> h[1, :].plot(density=True).get_xlabel()
        'x / m'
        """
        return draw("hist1d" if self.ndim == 1 else "hist2d", self, ax, **options)

    def show(self, **options: Any) -> None:
        """Print a histogram of one axis as bars of characters, by histoprint, whose options these are.

        Parameters
        ----------
        options
            Those of `histoprint.print_hist`.

        Raises
        ------
        MissingDependencyError
            If histoprint is not installed.
        ValueError
            If there is more than one axis.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 2.2]}), hist.regular("x", 3, 0, 3))
        >>> h.show(columns=30, lines=3, symbols="=", use_color=False)
          0.000 _              2/row ╷
          1.000 _══════════
          2.000 _═════════════════════
          3.000 _══════════
        """
        export.show(self, **options)

    def to_frame(self) -> pl.DataFrame:
        """Return the bins as a table, the last axis running fastest, without under- and overflow.

        Columns: the ends of the bin on each axis, such as `x low` and `x high`, or its category; `value`; `variance`.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7]}), hist.regular("x", 2, 0, 2)).to_frame()
        shape: (2, 4)
        ┌───────┬────────┬───────┬──────────┐
        │ x low ┆ x high ┆ value ┆ variance │
        │ ---   ┆ ---    ┆ ---   ┆ ---      │
        │ f64   ┆ f64    ┆ f64   ┆ f64      │
        ╞═══════╪════════╪═══════╪══════════╡
        │ 0.0   ┆ 1.0    ┆ 1.0   ┆ 1.0      │
        │ 1.0   ┆ 2.0    ┆ 2.0   ┆ 2.0      │
        └───────┴────────┴───────┴──────────┘
        """
        return export.to_frame(self)

    def to_hist(self) -> Any:
        """Return a copy as `hist.Hist`, without the counts of NaN and null.

        Raises
        ------
        MissingDependencyError
            If the package hist is not installed.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 2.2]}), hist.regular("x", 3, 0, 3))
        >>> h.to_hist().values()
        array([1., 2., 1.])
        """
        return export.to_hist(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the histogram in the UHI serialization schema, as plain lists and numbers.

        The NaN and null counts are stored under `metadata`.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5, 1.7, 2.2]}), hist.regular("x", 3, 0, 3))
        >>> h.to_dict()["axes"][0]["upper"]
        3.0
        """
        return writing.to_dict(self)

    def save(self, path: str | os.PathLike[str], *, group: str | None = None) -> None:
        """Write the histogram as JSON, HDF5 or Parquet, as `hist.save` does, for `hist.load` to read back.

        Parameters
        ----------
        path
            File to write: `.json`, `.h5` or `.parquet`.
        group
            Group in an HDF5 file, which may hold others.

        Examples
        --------
        >>> import polars as pl, tempfile, pathlib
        >>> from icecol import hist
        >>> h = hist.fill(pl.LazyFrame({"x": [0.1, 0.2]}), hist.regular("x", 3, 0, 3))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     h.save(pathlib.Path(folder) / "x.json")
        ...     hist.load(pathlib.Path(folder) / "x.json") == h
        True
        """
        writing.save(self, path, group=group)

    def _binned(self, *axes: int | str) -> Statistics:
        h = self.project(*axes)
        _require_numbers(h)
        filled = h.variances() != 0
        centers = np.meshgrid(*(a.centers for a in h.axes), indexing="ij")
        return Statistics(
            h.names, np.array([c[filled] for c in centers]), h.values()[filled], h.variances()[filled]
        )


def _require_numbers(h: Hist) -> None:
    for name, axis in zip(h.names, h.axes, strict=True):
        if isinstance(axis, (bh.axis.StrCategory, bh.axis.IntCategory)):
            msg = f"axis {name!r} holds categories, which have no mean, spread or quantile"
            raise TypeError(msg)


def _describe(axis: Any) -> str:
    name = getattr(axis, "name", "") or "axis"
    if isinstance(axis, (bh.axis.StrCategory, bh.axis.IntCategory)):
        return f"{name}: {len(axis)} categories"
    scale = " (log)" if getattr(axis, "transform", None) == bh.axis.transform.log else ""
    return f"{name}: {len(axis)} bins from {axis.edges[0]:.6g} to {axis.edges[-1]:.6g}{scale}"
