"""Significances and p-values of counts.

All are one-sided unless asked: Z is how far out on a normal distribution the tail has the probability p, so that 5
sigma is p = 2.87e-7. Two-sided, the same p is 5.13 sigma.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from icecol.stats.libraries import scipy

Floats = npt.NDArray[np.float64]
Sided = Literal[1, 2]


def significance(p: npt.ArrayLike, *, sided: Sided = 1) -> Floats:
    """Return the significance in standard deviations of a p-value.

    Parameters
    ----------
    p
        Probability, from 0 to 1.
    sided
        1, the convention of searches, or 2: the probability on both sides together is p.

    Raises
    ------
    ValueError
        If p is not a probability.

    Examples
    --------
    >>> from icecol import stats
    >>> stats.significance(2.8665e-7).round(3), stats.significance(5e-7, sided=2).round(2)
    (np.float64(5.0), np.float64(5.03))
    """
    found = np.asarray(p, np.float64)
    if not ((found >= 0) & (found <= 1)).all():
        msg = f"a p-value lies between 0 and 1; found {p!r}"
        raise ValueError(msg)
    return scipy("stats").norm.isf(found / sided)


def p_value(z: npt.ArrayLike, *, sided: Sided = 1) -> Floats:
    """Return the p-value of a significance in standard deviations.

    Parameters
    ----------
    z
        Significance.
    sided
        1 or 2, as in `significance`.

    Examples
    --------
    >>> from icecol import stats
    >>> float(f"{stats.p_value(5):.4e}"), float(f"{stats.p_value(3, sided=2):.4e}")
    (2.8665e-07, 0.0026998)
    """
    return scipy("stats").norm.sf(np.asarray(z, np.float64)) * sided


def li_ma(on: npt.ArrayLike, off: npt.ArrayLike, alpha: npt.ArrayLike) -> Floats:
    """Return the significance of an excess, with the background measured off source (Li and Ma 1983, equation 17).

    Parameters
    ----------
    on, off
        Counts on and off source.
    alpha
        Ratio of the exposures, on to off: `alpha * off` events of background are expected.

    Returns
    -------
    numpy.ndarray
        Standard deviations, negative for a deficit.

    Raises
    ------
    ValueError
        If a count is negative or alpha is not positive.

    Examples
    --------
    >>> from icecol import stats
    >>> stats.li_ma(28, 50, 0.2).round(6)
    np.float64(4.090215)
    """
    n, m, a = (np.asarray(v, np.float64) for v in (on, off, alpha))
    if (n < 0).any() or (m < 0).any() or not (a > 0).all():
        msg = f"counts must not be negative, and alpha must be positive: on {on!r}, off {off!r}, alpha {alpha!r}"
        raise ValueError(msg)
    xlogy = scipy("special").xlogy
    both = np.maximum(n + m, 1e-300)
    total = xlogy(n, (1 + a) / a * n / both) + xlogy(m, (1 + a) * m / both)
    return np.sign(n - a * m) * np.sqrt(2 * np.maximum(total, 0))


def asimov(signal: npt.ArrayLike, background: npt.ArrayLike, uncertainty: npt.ArrayLike = 0.0) -> Floats:
    """Return the median significance expected for a signal over a background, by the Asimov data set.

    Equation 97 of Cowan et al. (arXiv:1007.1727) and, with an uncertainty of the background, its on/off form, which
    is `li_ma` of the expected counts.

    Parameters
    ----------
    signal, background
        Expected numbers of events.
    uncertainty
        Standard deviation of the background.

    Raises
    ------
    ValueError
        If a number is negative or the background is 0.

    Examples
    --------
    >>> from icecol import stats
    >>> stats.asimov(17.4, 10.6).round(6), stats.asimov(17.4, 10.6, 4.3).round(6)
    (np.float64(4.426695), np.float64(2.386039))
    """
    s, b, t = np.broadcast_arrays(
        *(np.asarray(v, np.float64) for v in (signal, background, np.square(uncertainty)))
    )
    if (s < 0).any() or not (b > 0).all():
        msg = f"the signal must not be negative, and the background must be positive: {signal!r}, {background!r}"
        raise ValueError(msg)
    exact = (s + b) * np.log1p(s / b) - s
    some = np.where(t > 0, t, 1.0)
    off = b * b / some
    smeared = (s + b) * np.log1p(s * b / (b * b + (s + b) * some)) - off * np.log1p(
        some * s / (b * (b + some))
    )
    return np.sqrt(2 * np.maximum(np.where(t > 0, smeared, exact), 0))


def counting_p_value(
    observed: int,
    background: float,
    uncertainty: float = 0.0,
    *,
    prior: Literal["gamma", "normal"] = "gamma",
) -> float:
    """Return the probability of at least this many events from background alone.

    Parameters
    ----------
    observed
        Number of events.
    background
        Expected number.
    uncertainty
        Its standard deviation; the Poisson probability is averaged over the prior.
    prior
        Distribution of the background: gamma (the average is a negative binomial), or normal and cut off at 0.

    Raises
    ------
    ValueError
        If the background or its uncertainty is negative, or the prior is unknown.

    Examples
    --------
    >>> from icecol import stats
    >>> float(f"{stats.counting_p_value(28, 10.6):.3e}"), round(stats.counting_p_value(28, 10.6, 4.3), 5)
    (6.518e-06, 0.00696)
    """
    if background < 0 or uncertainty < 0:
        msg = f"the background and its uncertainty must not be negative: {background} ± {uncertainty}"
        raise ValueError(msg)
    if prior not in ("gamma", "normal"):
        msg = f"prior must be 'gamma' or 'normal'; found {prior!r}"
        raise ValueError(msg)
    distributions = scipy("stats")
    if uncertainty == 0 or background == 0:
        return float(distributions.poisson.sf(observed - 1, background))
    if prior == "gamma":
        rate = background / uncertainty**2
        return float(distributions.nbinom.sf(observed - 1, rate * background, rate / (1 + rate)))
    nodes, weights = np.polynomial.legendre.leggauss(400)
    low, high = max(0.0, background - 12 * uncertainty), background + 12 * uncertainty
    b = low + (high - low) * (nodes + 1) / 2
    density = weights * np.exp(-0.5 * ((b - background) / uncertainty) ** 2)
    return float((density * distributions.poisson.sf(observed - 1, b)).sum() / density.sum())


def global_p_value(p: npt.ArrayLike, trials: float) -> Floats:
    """Return the probability that the smallest of several independent p-values is at most p: 1 - (1 - p)^trials.

    Parameters
    ----------
    p
        Smallest, or local, p-value.
    trials
        Number of independent trials.

    Raises
    ------
    ValueError
        If there is less than one trial.

    Examples
    --------
    >>> from icecol import stats
    >>> float(f"{stats.global_p_value(1e-9, 1000):.6e}")
    9.999995e-07
    """
    if trials < 1:
        msg = f"the number of trials must be at least 1; found {trials}"
        raise ValueError(msg)
    with np.errstate(divide="ignore"):
        return -np.expm1(trials * np.log1p(-np.asarray(p, np.float64)))


def combined_p_value(p: npt.ArrayLike) -> float:
    """Combine independent p-values by Fisher's method: -2 Σ ln p follows a χ² distribution.

    Parameters
    ----------
    p
        Independent p-values.

    Examples
    --------
    >>> from icecol import stats
    >>> p = stats.combined_p_value(stats.p_value([3.3, 2.8]))
    >>> stats.significance(p).round(2)
    np.float64(4.13)
    """
    return float(scipy("stats").combine_pvalues(np.asarray(p, np.float64), method="fisher").pvalue)


def counting_sensitivity(background: float, *, power: float = 0.9) -> float:
    """Return the signal for which a fraction `power` of experiments count more than the background's median.

    Parameters
    ----------
    background
        Expected number of background events, known exactly.
    power
        Fraction of experiments.

    Returns
    -------
    float
        Expected number of signal events.

    Examples
    --------
    >>> from icecol import stats
    >>> round(stats.counting_sensitivity(10.6), 4)
    4.8066
    """
    median = int(scipy("stats").poisson.median(background))
    return _signal_above(median + 1, background, power)


def counting_discovery_potential(background: float, *, sigma: float = 5.0, power: float = 0.5) -> float:
    """Return the signal for which a fraction `power` of experiments reach a significance, one-sided.

    Parameters
    ----------
    background
        Expected number of background events, known exactly.
    sigma
        Significance of a discovery.
    power
        Fraction of experiments.

    Returns
    -------
    float
        Expected number of signal events.

    Examples
    --------
    >>> from icecol import stats
    >>> round(stats.counting_discovery_potential(10.6), 3)
    20.067
    """
    poisson = scipy("stats").poisson
    threshold = int(poisson.isf(float(p_value(sigma)), background)) + 1  # P(n >= threshold) <= p
    return _signal_above(threshold, background, power)


def _signal_above(threshold: int, background: float, power: float) -> float:
    """Return the signal for which P(n >= threshold) is `power`; at least 0."""
    return max(0.0, float(scipy("special").gammaincinv(threshold, power)) - background)
