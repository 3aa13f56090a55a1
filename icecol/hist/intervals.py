"""Confidence intervals of fractions."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from icecol.errors import needs

Floats = npt.NDArray[np.float64]
Method = Literal["wilson", "clopper-pearson"]

ONE_SIGMA: Final = math.erf(math.sqrt(0.5))
"""Probability of a normal variable to be within one standard deviation: 0.6827."""


def special(what: str) -> Any:
    """Return `scipy.special`, or say what needs it and how to install it.

    Raises
    ------
    MissingDependencyError
        If scipy is not installed.
    """
    try:
        import scipy.special
    except ImportError as err:
        raise needs("scipy", "stats", what) from err  # noqa: EM101
    return scipy.special


def binomial_interval(
    passed: npt.ArrayLike, total: npt.ArrayLike, level: float = ONE_SIGMA, *, method: Method = "wilson"
) -> tuple[Floats, Floats]:
    """Return an interval of the probability to pass, given how many of how many passed.

    Parameters
    ----------
    passed, total
        Counts, which need not be integers (effective counts of weighted entries).
    level
        Confidence level.
    method
        `wilson`: the score interval; or `clopper-pearson`: the exact one, which covers at least `level`.

    Returns
    -------
    low, high
        Ends of the intervals; NaN where the total is 0.

    Raises
    ------
    ValueError
        If the method is unknown, or the level is not between 0 and 1.
    MissingDependencyError
        If the method is `clopper-pearson` and scipy is not installed.

    Examples
    --------
    >>> [round(float(end), 6) for end in binomial_interval(1, 10, 0.95)]
    [0.017876, 0.40415]
    >>> [round(float(end), 6) for end in binomial_interval(1, 10, 0.95, method="clopper-pearson")]
    [0.002529, 0.445016]
    """
    _require_level(level)
    k, n = np.broadcast_arrays(np.asarray(passed, np.float64), np.asarray(total, np.float64))
    empty = ~(n > 0)
    n = np.where(empty, 1.0, n)
    k = np.clip(k, 0.0, n)
    if method == "wilson":
        z = NormalDist().inv_cdf(0.5 + level / 2)
        p = k / n
        center = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
        low = np.where(k > 0, center - half, 0.0)
        high = np.where(k < n, center + half, 1.0)
    elif method == "clopper-pearson":
        inverse = special("a Clopper-Pearson interval").betaincinv
        tail = (1 - level) / 2
        low = np.where(k > 0, inverse(np.where(k > 0, k, 1.0), n - k + 1, tail), 0.0)
        high = np.where(k < n, inverse(k + 1, np.where(k < n, n - k, 1.0), 1 - tail), 1.0)
    else:
        msg = f"method must be 'wilson' or 'clopper-pearson'; found {method!r}"
        raise ValueError(msg)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def _require_level(level: float) -> None:
    if not 0 < level < 1:
        msg = f"a confidence level lies between 0 and 1; found {level!r}"
        raise ValueError(msg)
