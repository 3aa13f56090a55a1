"""Arithmetic of histograms: ratios with errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from icecol.hist.points import Points

if TYPE_CHECKING:
    from icecol.hist.histogram import Hist


def require_equal_axes(a: Hist, b: Hist, what: str) -> None:
    """Refuse two histograms of different bins.

    Raises
    ------
    ValueError
        If the axes differ; `what` says what cannot be done with them.
    """
    if a.ndim != b.ndim or any(x != y for x, y in zip(a.axes, b.axes, strict=True)):
        msg = f"histograms with different axes cannot be {what}: {list(a.axes)} and {list(b.axes)}"
        raise ValueError(msg)


def ratio(a: Hist, b: Hist) -> Points:
    """Divide two independent histograms bin by bin, with the error of the ratio.

    The error is sqrt(s_a^2 + (a/b)^2 s_b^2) / b. For a subset of the entries of `b` use `hist.efficiency`, as it is
    not independent of them.

    Parameters
    ----------
    a, b
        Histograms with equal axes; `a / b` is the same.

    Returns
    -------
    Points
        The ratio, in an interval of ± one error; NaN where `b` is 0.

    Raises
    ------
    ValueError
        If the axes differ.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> x = hist.regular("x", 1, 0, 1)
    >>> data, expected = (hist.fill(pl.LazyFrame({"x": [0.5] * n}), x) for n in (8, 4))
    >>> hist.ratio(data, expected).values(), hist.ratio(data, expected).errors()[0].round(3)
    (array([2.]), array([1.225]))
    """
    require_equal_axes(a, b, "divided")
    top, bottom = a.values(), b.values()
    empty = bottom == 0
    below = np.where(empty, np.nan, bottom)
    found = top / below
    error = np.sqrt(a.variances() + found**2 * b.variances()) / np.abs(below)
    return Points(tuple(a.axes), found, found - error, found + error, "ratio")
