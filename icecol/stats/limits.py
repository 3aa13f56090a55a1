"""Limits and intervals of a norm: CLs, Feldman and Cousins by pseudo-experiments, sensitivities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from icecol.stats.fitting import maximum
from icecol.stats.inference import pseudo_experiments, statistic
from icecol.stats.intervals import Interval
from icecol.stats.libraries import scipy

if TYPE_CHECKING:
    from icecol.stats.model import Model

BANDS = (-2, -1, 0, 1, 2)


@dataclass(frozen=True, slots=True)
class CLs:
    """CLs of one value of a norm: a value with CLs below 5 % is excluded at 95 %.

    Attributes
    ----------
    observed
        CLs of the data, CLs+b over CLb.
    expected
        CLs where the background alone fluctuates by -2, -1, 0, 1, 2 sigma.
    cl_sb, cl_b
        Numerator and denominator.

    Examples
    --------
    >>> from icecol import stats
    >>> fixed = {"background": stats.Parameter(fixed=True)}
    >>> model = stats.Model({"signal": [5.0], "background": [3.0]}, fixed)
    >>> found = stats.cls(model, [3], "signal", 1.0)
    >>> round(found.observed, 4), round(found.cl_sb / found.cl_b, 4)
    (0.0425, 0.0425)
    """

    observed: float
    expected: tuple[float, ...]
    cl_sb: float
    cl_b: float


def cls(
    model: Model,
    data: Any,
    parameter: str,
    value: float,
    *,
    method: Literal["asymptotic", "pseudo-experiments"] = "asymptotic",
    n: int = 10_000,
    seed: int = 0,
    threads: int | None = None,
) -> CLs:
    """Return CLs of a value of a norm, with q̃ of Cowan et al. (2011) as test statistic.

    Parameters
    ----------
    model
        Model of the counts; the norm must be bounded by 0.
    data
        Histogram or array of counts.
    parameter, value
        The norm, and the value to be excluded.
    method
        `"asymptotic"`: by the formulas of that paper; at small counts its CLs is too small by some 20 to 50 %.
        `"pseudo-experiments"`: by n of them with the signal and n without, at the best fit of the nuisance parameters.
    n, seed, threads
        As for `stats.hypotest`.

    Raises
    ------
    ValueError
        If the method is unknown.

    Examples
    --------
    >>> from icecol import stats
    >>> model = stats.Model(
    ...     {"signal": [5.0], "background": [3.0]}, {"background": stats.Parameter(fixed=True)}
    ... )
    >>> round(stats.cls(model, [3], "signal", 1.0).observed, 6)
    0.042504
    >>> sampled = stats.cls(model, [3], "signal", 1.0, method="pseudo-experiments")  # 0.0655 by enumeration
    >>> 0.06 < sampled.observed < 0.07
    True
    """
    k = model.counts(data)
    q, there, _ = statistic(model, k, model.centers, parameter, value, -1)
    nothing, _ = maximum(model, k, model.centers, {parameter: 0.0})
    norm = scipy("stats").norm
    if method == "pseudo-experiments":
        both, alone = (
            pseudo_experiments(
                model,
                n,
                parameter,
                value,
                truth=dict(zip(model.names, truth.tolist(), strict=True)),
                side="limit",
                seed=seed + i,
                threads=threads,
            )
            for i, truth in enumerate((there, nothing))
        )

        def ratio(at: float) -> float:
            return both.p_value(at)[0] / alone.p_value(at)[0]

        bands = np.quantile(alone.statistics, 1 - norm.cdf(BANDS), method="inverted_cdf")
        return CLs(ratio(q), tuple(ratio(float(at)) for at in bands), both.p_value(q)[0], alone.p_value(q)[0])
    if method != "asymptotic":
        msg = f"method must be 'asymptotic' or 'pseudo-experiments'; found {method!r}"
        raise ValueError(msg)
    asimov, _, _ = statistic(model, model.expectation(nothing)[0], nothing, parameter, value, -1)
    root, at_asimov = math.sqrt(q), math.sqrt(asimov)
    if q <= asimov or asimov == 0:
        cl_sb, cl_b = norm.sf(root), norm.sf(root - at_asimov)
    else:
        cl_sb, cl_b = norm.sf((q + asimov) / (2 * at_asimov)), norm.sf((q - asimov) / (2 * at_asimov))
    expected = tuple(float(norm.sf(at_asimov - z) / norm.cdf(z)) for z in BANDS)
    return CLs(float(cl_sb / cl_b), expected, float(cl_sb), float(cl_b))


@dataclass(frozen=True, slots=True)
class Limit:
    """Upper limit of a norm.

    Attributes
    ----------
    observed
        Limit from the data.
    expected
        Limits where the background alone fluctuates by -2, -1, 0, 1, 2 sigma.
    level
        Confidence level.

    Examples
    --------
    >>> from icecol import stats
    >>> fixed = {"background": stats.Parameter(fixed=True)}
    >>> model = stats.Model({"signal": [5.0], "background": [3.0]}, fixed)
    >>> limit = stats.upper_limit(model, [3], "signal")
    >>> round(limit.observed, 3), [round(value, 2) for value in limit.expected]
    (0.956, [0.44, 0.63, 0.96, 1.49, 2.28])
    """

    observed: float
    expected: tuple[float, ...]
    level: float


def upper_limit(model: Model, data: Any, parameter: str, level: float = 0.95) -> Limit:
    """Return the value of a norm at which CLs falls to 1 - level.

    Parameters
    ----------
    model
        Model of the counts; the norm must be bounded by 0.
    data
        Histogram or array of counts.
    parameter
        The norm.
    level
        Confidence level.

    Raises
    ------
    ValueError
        If CLs does not fall that far up to 10^6 times the sum of the norm's best fit and error.

    Examples
    --------
    >>> from icecol import stats
    >>> model = stats.Model(
    ...     {"signal": [5.0], "background": [3.0]}, {"background": stats.Parameter(fixed=True)}
    ... )
    >>> round(stats.upper_limit(model, [3], "signal").observed, 4)
    0.9559
    """
    start = max(maximum(model, model.counts(data), model.centers, {})[0][model.number(parameter)], 1e-3)

    def end(which: int | None) -> float:
        def excess(value: float) -> float:
            found = cls(model, data, parameter, value)
            return (found.observed if which is None else found.expected[which]) - (1 - level)

        high = 2 * start
        while excess(high) > 0:
            high *= 2
            if high > 1e6 * (1 + start):
                msg = (
                    f"the data do not bound {parameter!r}: its CLs is above {1 - level:.3g} up to {high:.3g}"
                )
                raise ValueError(msg)
        return float(scipy("optimize").brentq(excess, start * 1e-9, high, xtol=1e-9 * high, rtol=1e-10))

    return Limit(end(None), tuple(end(i) for i in range(len(BANDS))), level)


def sensitivity(
    model: Model,
    parameter: str,
    *,
    power: float = 0.9,
    threshold: float | None = None,
    n: int = 10_000,
    seed: int = 0,
    threads: int | None = None,
) -> float:
    """Return the norm at which a fraction of pseudo-experiments has a larger test statistic than a threshold.

    Parameters
    ----------
    model
        Model of the counts, with its nuisance parameters at their start.
    parameter
        The norm; its statistic is that of the hypothesis 0 against larger norms.
    power
        Fraction of pseudo-experiments.
    threshold
        The threshold; by default the median of the statistic where the norm is 0, which with a power of 0.9 is
        the sensitivity as IceCube defines it. 25 and a power of 0.5 give the discovery potential at 5 sigma, as far
        as the statistic is asymptotic.
    n, seed, threads
        As for `stats.hypotest`; the same random numbers are used for each norm.

    Examples
    --------
    >>> from icecol import stats
    >>> model = stats.Model(
    ...     {"signal": [1.0], "background": [10.6]}, {"background": stats.Parameter(fixed=True)}
    ... )
    >>> 4.6 < stats.sensitivity(model, "signal", n=4000) < 5.1
    True
    """
    if threshold is None:
        threshold = float(
            np.median(pseudo_experiments(model, n, parameter, seed=seed, threads=threads).statistics)
        )

    def lacking(value: float) -> float:
        truth = {parameter: value}
        found = pseudo_experiments(model, n, parameter, truth=truth, seed=seed + 1, threads=threads)
        return float((found.statistics > threshold + 1e-7).mean()) - power

    high = 1.0
    while lacking(high) < 0:
        high *= 2
    low = 0.0
    while high - low > 2e-3 * high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if lacking(middle) < 0 else (low, middle)
    return 0.5 * (low + high)


def interval(
    model: Model,
    data: Any,
    parameter: str,
    grid: npt.ArrayLike,
    level: float = 0.9,
    *,
    n: int = 10_000,
    seed: int = 0,
    threads: int | None = None,
) -> Interval:
    """Return the Feldman-Cousins interval of a norm, by pseudo-experiments at each value of a grid.

    The nuisance parameters are at their best fit to the data for each value (profile construction).

    Parameters
    ----------
    model
        Model of the counts.
    data
        Histogram or array of counts.
    parameter
        The norm.
    grid
        Its values; the ends of the interval are among them.
    level
        Confidence level.
    n, seed, threads
        As for `stats.hypotest`.

    Raises
    ------
    ValueError
        If no value of the grid is accepted.

    Examples
    --------
    >>> from icecol import stats
    >>> model = stats.Model(
    ...     {"signal": [1.0], "background": [3.0]}, {"background": stats.Parameter(fixed=True)}
    ... )
    >>> low, high = stats.interval(model, [4], "signal", [0.0, 1.0, 5.4, 5.8, 7.0], n=4000)
    >>> low, high
    (0.0, 5.4)
    """
    k, outside = model.counts(data), level_outside(level)
    kept = []
    for value in np.asarray(grid, np.float64).tolist():
        observed, null, _ = statistic(model, k, model.centers, parameter, value, 0)
        truth = dict(zip(model.names, null.tolist(), strict=True))
        found = pseudo_experiments(
            model, n, parameter, value, truth=truth, side="both", seed=seed, threads=threads
        )
        if found.p_value(observed)[0] > outside:
            kept.append(value)
    if not kept:
        msg = f"no value of the grid is in the interval: {np.asarray(grid)} may be too coarse or too short"
        raise ValueError(msg)
    return Interval(min(kept), max(kept))


def level_outside(level: float) -> float:
    """Return the probability outside an interval.

    Raises
    ------
    ValueError
        If the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        msg = f"a confidence level lies between 0 and 1, such as 0.9; found {level}"
        raise ValueError(msg)
    return 1 - level
