"""Efficiencies: the fraction of the entries of a histogram that pass."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

import numpy as np

from icecol.hist.arithmetic import notes, require_equal_axes
from icecol.hist.intervals import ONE_SIGMA, Method, binomial_interval
from icecol.hist.points import Points

if TYPE_CHECKING:
    from icecol.hist.histogram import Hist


def efficiency(
    passed: Hist, total: Hist, *, method: Method | Literal["normal"] = "wilson", level: float = ONE_SIGMA
) -> Points:
    """Return the fraction of the weight in each bin that passes, with its confidence interval.

    Weighted entries count as (sum w)^2 / sum w^2 entries of equal weight.

    Parameters
    ----------
    passed
        Histogram of the entries that pass; they must be among those of `total`.
    total
        Histogram of all entries.
    method
        `wilson`: the score interval; `clopper-pearson`: the exact one, which covers at least `level`; `normal`: the
        propagated error sqrt((1 - e)^2 sum_pass w^2 + e^2 sum_fail w^2) / sum w, which is 0 where all or none pass.
    level
        Confidence level.

    Returns
    -------
    Points
        The efficiency, with its interval; NaN in empty bins.

    Raises
    ------
    ValueError
        If the axes differ, or more passes than there is.
    MissingDependencyError
        If the method is `clopper-pearson` and scipy is not installed.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> events = pl.LazyFrame({"x": [0.5] * 10, "good": [True] + [False] * 9})
    >>> x = hist.regular("x", 1, 0, 1)
    >>> found = hist.efficiency(hist.fill(events.filter("good"), x), hist.fill(events, x))
    >>> found.values(), found.low.round(4), found.high.round(4)
    (array([0.1]), array([0.0389]), array([0.2339]))
    """
    require_equal_axes(passed, total, "compared")
    top, bottom = passed.values(), total.values()
    if np.any((top > bottom * (1 + 1e-9)) | (passed.variances() > total.variances() * (1 + 1e-9))):
        msg = "more passes than there is in some bins: what passes must be among all entries, with equal weights"
        raise ValueError(msg)
    empty = bottom <= 0
    bottom_or_nan = np.where(empty, np.nan, bottom)
    fraction = top / bottom_or_nan
    n, note = total.counts(), notes(passed, total)
    if method == "normal":
        variance = (1 - fraction) ** 2 * passed.variances() + fraction**2 * (
            total.variances() - passed.variances()
        )
        error = NormalDist().inv_cdf(0.5 + level / 2) * np.sqrt(np.maximum(variance, 0)) / bottom_or_nan
        return Points(tuple(total.axes), fraction, fraction - error, fraction + error, "efficiency", note)
    low, high = binomial_interval(np.where(empty, 0, fraction) * n, n, level, method=method)
    hole = np.where(empty, np.nan, 0)
    return Points(tuple(total.axes), fraction, low + hole, high + hole, "efficiency", note)
