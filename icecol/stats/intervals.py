"""Confidence intervals of the mean of Poisson counts."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from icecol.stats.libraries import scipy

ONE_SIGMA = math.erf(math.sqrt(0.5))
"""Probability of a normal distribution within one standard deviation, 68.27 %."""


class Interval(NamedTuple):
    """Lower and upper end of a confidence interval.

    Attributes
    ----------
    lower
        Lower end.
    upper
        Upper end.

    Examples
    --------
    >>> from icecol import stats
    >>> found = stats.poisson_interval(28)
    >>> round(found.lower, 1), round(found.upper, 1)
    (22.7, 34.4)
    """

    lower: float
    upper: float


def poisson_interval(
    observed: float, level: float = ONE_SIGMA, *, kind: Literal["central", "upper"] = "central"
) -> Interval:
    """Return the classical confidence interval of a Poisson mean (Garwood 1936).

    Parameters
    ----------
    observed
        Number of events.
    level
        Confidence level.
    kind
        `"central"`: at most (1 - level)/2 on each side; `"upper"`: an upper limit, from 0.

    Raises
    ------
    ValueError
        If the count is negative, the level is not between 0 and 1, or the kind is unknown.

    Examples
    --------
    >>> from icecol import stats
    >>> low, high = stats.poisson_interval(28)
    >>> round(low, 4), round(high, 4)
    (22.7403, 34.3544)
    >>> round(stats.poisson_interval(0, 0.9, kind="upper").upper, 4)
    2.3026
    """
    _require(observed, 0.0, level)
    if kind not in ("central", "upper"):
        msg = f"kind must be 'central' or 'upper'; found {kind!r}"
        raise ValueError(msg)
    special = scipy("special")
    outside = (1 - level) / 2 if kind == "central" else 1 - level
    lower = float(special.gammaincinv(observed, outside)) if kind == "central" and observed > 0 else 0.0
    return Interval(lower, float(special.gammainccinv(observed + 1, outside)))


def feldman_cousins(
    observed: int,
    background: float,
    level: float = 0.9,
    *,
    lengthen: bool = False,
    step: float = 0.005,
) -> Interval:
    """Return the Feldman-Cousins interval of a Poisson signal over a known background (physics/9711021).

    Counts n enter the acceptance region of a signal μ in the order of P(n | μ + b) / P(n | max(0, n - b) + b), the
    lower n first where two are equal, until their probability reaches the level. Where the signals that accept the
    observed count have a gap, the interval spans it.

    Parameters
    ----------
    observed
        Number of events.
    background
        Expected number of background events.
    level
        Confidence level.
    lengthen
        Raise the upper end to its largest value for any larger background, as in the tables of the paper, so that
        it never rises with the background.
    step
        Step of the search in μ, whose ends are then found to 1e-10, and in the background, to lengthen.

    Returns
    -------
    Interval
        Interval of the signal.

    Raises
    ------
    ValueError
        If a number is negative, or the level is not between 0 and 1.

    Examples
    --------
    >>> from icecol import stats
    >>> [round(end, 2) for end in stats.feldman_cousins(4, 3.0)]
    [0.0, 5.6]
    >>> (
    ...     round(stats.feldman_cousins(0, 3.0).upper, 2),
    ...     round(stats.feldman_cousins(0, 3.0, lengthen=True).upper, 2),
    ... )
    (0.95, 1.08)
    """
    from icecol.stats import belts

    _require(observed, background, level)
    reach = float(scipy("special").gammainccinv(observed + 1, (1 - level) * 1e-3))
    ends = belts.interval(int(observed), float(background), level, reach, step)
    if not lengthen:
        return Interval(*ends)
    return Interval(ends[0], belts.longest(int(observed), float(background), level, reach, step, ends[1]))


def feldman_cousins_on_off(
    on: int, off: int, tau: float, level: float = 0.9, *, step: float = 0.02
) -> Interval:
    """Return the Feldman-Cousins interval of a signal whose background is measured off source.

    The profile construction: pairs of counts are ordered by the likelihood ratio with the background fitted in
    numerator and denominator, and drawn at the background that fits the observed pair best for each signal. They
    are enumerated, not sampled. The interval is the span of all accepted signals of the search.

    Parameters
    ----------
    on, off
        Counts on and off source.
    tau
        Ratio of the exposures, off to on: `tau * b` events are expected off source.
    level
        Confidence level.
    step
        Step of the search in the signal, which is the resolution of the ends.

    Raises
    ------
    ValueError
        If a number is negative, tau is not positive, or the level is not between 0 and 1.

    Examples
    --------
    >>> from icecol import stats
    >>> [round(end, 2) for end in stats.feldman_cousins_on_off(5, 30, 10.0, step=0.1)]
    [0.0, 6.7]
    """
    from icecol.stats import belts

    _require(on, float(off), level)
    if not tau > 0:
        msg = f"tau, the ratio of the exposures off and on source, must be positive; found {tau}"
        raise ValueError(msg)
    reach = float(scipy("special").gammainccinv(on + 1, (1 - level) * 1e-2))
    return Interval(*belts.on_off_interval(int(on), int(off), float(tau), level, reach, step))


def coverage(
    mean: npt.ArrayLike, lower: npt.ArrayLike, upper: npt.ArrayLike, background: float = 0.0
) -> npt.NDArray[np.float64]:
    """Return the probability that an interval covers the true mean.

    Parameters
    ----------
    mean
        True signal, any shape.
    lower, upper
        Ends of the interval for each count n = 0, 1, 2, ...; they must go on until the counts have no probability.
    background
        Expected number of background events.

    Examples
    --------
    >>> from icecol import stats
    >>> ends = [stats.poisson_interval(n, 0.9) for n in range(40)]
    >>> stats.coverage([0.5, 3.0], *zip(*ends)).round(4)
    array([0.9856, 0.9167])
    """
    mu = np.asarray(mean, np.float64)
    low, high = np.asarray(lower, np.float64), np.asarray(upper, np.float64)
    n = np.arange(low.size)
    inside = (low <= mu[..., None]) & (mu[..., None] <= high)
    return (scipy("stats").poisson.pmf(n, mu[..., None] + background) * inside).sum(axis=-1)


def _require(observed: float, background: float, level: float) -> None:
    if not (observed >= 0 and math.isfinite(observed) and background >= 0 and math.isfinite(background)):
        msg = f"counts and backgrounds must be finite and not negative; found {observed} and {background}"
        raise ValueError(msg)
    if not 0 < level < 1:
        msg = f"a confidence level lies between 0 and 1, such as 0.9; found {level}"
        raise ValueError(msg)
