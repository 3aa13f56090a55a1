"""Profiles: mean, median and quantiles of one axis of a histogram in the bins of the other."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import boost_histogram as bh
import numpy as np
import numpy.typing as npt

from icecol.hist.points import Points
from icecol.hist.statistics import Statistics, number_of, quantiles_of_bins, weighted_quantiles

if TYPE_CHECKING:
    from icecol.hist.histogram import Hist

Floats = npt.NDArray[np.float64]


def profile(
    h: Hist,
    axis: int | str = -1,
    *,
    center: Literal["mean", "median"] = "mean",
    band: Literal["error", "std"] | tuple[float, float] | None = None,
    exact: bool = False,
) -> Points:
    """Summarize one axis of a histogram of two in each bin of the other.

    Parameters
    ----------
    h
        Histogram of two axes.
    axis
        The axis to summarize; the other one remains.
    center
        The value of a bin: the mean, or the median.
    band
        The interval around it: `error`, the mean ± its error, which is the default of a mean; `std`, ± one standard
        deviation; or two quantiles, of which (0.16, 0.84) are the default of a median.
    exact
        Use the entries, of a histogram filled with `statistics=True`, not the centers of their bins. They include
        those in under- and overflow of the axis that is summarized.

    Returns
    -------
    Points
        On the remaining axis; NaN in empty bins.

    Raises
    ------
    ValueError
        If there are not two axes, the band does not fit the center, or the histogram does not hold its entries.
    TypeError
        If the axis holds categories.
    MissingColumnError
        If there is no such axis.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> events = pl.LazyFrame({"x": [0.5, 0.5, 1.5], "y": [1.0, 3.0, 2.0]})
    >>> h = hist.fill(events, hist.regular("x", 2, 0, 2), hist.regular("y", 4, 0, 4), statistics=True)
    >>> hist.profile(h, "y").values(), hist.profile(h, "y", exact=True).values()
    (array([2.5, 2.5]), array([2., 2.]))
    """
    if h.ndim != 2:
        msg = f"a profile needs two axes, but this histogram has {h.ndim}: project it first, as in h.project(0, 1)"
        raise ValueError(msg)
    i = number_of(axis, h.names)
    if isinstance(h.axes[i], (bh.axis.StrCategory, bh.axis.IntCategory)):
        msg = f"axis {h.names[i]!r} holds categories, which have no {center}"
        raise TypeError(msg)
    if band is None:
        band = "error" if center == "mean" else (0.16, 0.84)
    if center not in ("mean", "median") or (center == "median" and isinstance(band, str)):
        msg = f"a band of {band!r} does not go with the {center}: a mean has 'error' or 'std', a median two quantiles"
        raise ValueError(msg)
    found = [_point(part, edges, center, band) for part, edges in (_entries(h, i) if exact else _bins(h, i))]
    value, low, high = np.array(found, np.float64).reshape(-1, 3).T
    return Points((h.axes[1 - i],), value, low, high, f"{center} of {h.labels[i]}", h.note)


def _bins(h: Hist, i: int) -> list[tuple[Statistics, Floats | None]]:
    contents, variances = (np.moveaxis(v, i, 1) for v in (h.values(), h.variances()))
    centers, edges = np.asarray(h.axes[i].centers), np.asarray(h.axes[i].edges)
    return [
        (Statistics((h.names[i],), centers[None], w, ww), edges)
        for w, ww in zip(contents, variances, strict=True)
    ]


def _entries(h: Hist, i: int) -> list[tuple[Statistics, Floats | None]]:
    data = h.data
    if data is None:
        msg = "this histogram does not hold its entries; fill it with hist.fill(..., statistics=True)"
        raise ValueError(msg)
    if h.names[1 - i] not in data.names:
        msg = f"axis {h.names[1 - i]!r} holds categories, by which the entries are not kept: use exact=False"
        raise ValueError(msg)
    data = data.project(h.names[1 - i], h.names[i])
    index = h.axes[1 - i].index(data.values[0])
    order = np.argsort(index, kind="stable")
    ends = np.searchsorted(index[order], np.arange(len(h.axes[1 - i]) + 1))
    return [
        (
            Statistics(
                (h.names[i],), data.values[1:, order[a:b]], data.weights[order[a:b]], data.squares[order[a:b]]
            ),
            None,
        )
        for a, b in pairwise(ends)
    ]


def _point(
    part: Statistics, edges: Floats | None, center: str, band: str | tuple[float, float]
) -> tuple[float, float, float]:
    """Return the value and the ends of the band of one bin."""
    middle = _quantiles(part, edges, (0.5,))[0] if center == "median" else part.mean()
    if band == "error":
        half = part.mean_error()
    elif band == "std":
        half = part.std()
    elif isinstance(band, str):
        msg = f"band must be 'error', 'std' or two quantiles; found {band!r}"
        raise ValueError(msg)
    else:
        low, high = _quantiles(part, edges, band)
        return middle, low, high
    return (middle, middle - half, middle + half) if not math.isnan(middle) else (math.nan,) * 3


def _quantiles(part: Statistics, edges: Floats | None, q: tuple[float, ...]) -> list[float]:
    if edges is None:
        return weighted_quantiles(part.values[0], part.weights, q).tolist()
    return quantiles_of_bins(edges, part.weights, q).tolist()
