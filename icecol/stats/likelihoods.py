"""Likelihoods of binned counts, with the statistical error of the simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from icecol.errors import did_you_mean

Floats = npt.NDArray[np.float64]


def log_likelihood(
    observed: npt.ArrayLike,
    expected: npt.ArrayLike,
    variance: npt.ArrayLike = 0.0,
    kind: str = "effective",
) -> Floats:
    """Return ln L of each bin, given the expectation from simulation and its variance.

    Parameters
    ----------
    observed
        Number of events k, any shape; not an integer for an Asimov data set.
    expected
        Expected number, the sum of weights μ.
    variance
        Its variance σ², the sum of squared weights; where it is 0, every kind is the Poisson likelihood.
    kind
        - `"poisson"`: ignores the variance.
        - `"effective"`: L_Eff (Argüelles, Schneider and Yuan, arXiv:1901.04645), the Poisson likelihood averaged over
          a gamma distribution of shape μ²/σ² + 1 and rate μ/σ².
        - `"effective_mean"`, `"effective_mode"`: gamma distributions of mean μ (shape μ²/σ²), or of mode μ, and of
          variance σ².
        - `"barlow_beeston"`: one factor b on each bin, maximized, with a Gaussian constraint of relative width √(σ²)/μ
          (Conway, arXiv:1103.0354); pyhf's `staterror`.
        - `"barlow_beeston_poisson"`: the same with a Poisson constraint of μ²/σ² events, normalized to 1 at b = 1;
          pyhf's `shapesys`.

    Returns
    -------
    numpy.ndarray
        ln L, of the common shape; where μ ≤ 0 it is 0 for k = 0, and -inf otherwise.

    Raises
    ------
    ValueError
        If the kind is unknown, or a count or variance is negative or not finite.

    Examples
    --------
    >>> from icecol import stats
    >>> stats.log_likelihood(28, 10.6, 4.2**2).round(5)
    np.float64(-5.67724)
    >>> stats.log_likelihood([0, 1], [0.1, 1.0], [1e-4, 0.04]).round(5)
    array([-0.10095, -1.01974])
    """
    from icecol.stats.bins import elementwise

    k, mu, s2 = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (observed, expected, variance)))
    require_counts(k)
    if not (np.isfinite(s2).all() and (s2 >= 0).all() and np.isfinite(mu).all()):
        msg = (
            f"expected counts must be finite, and variances finite and not negative: {mu} with variance {s2}"
        )
        raise ValueError(msg)
    flat = elementwise(kind_number(kind), *(np.ascontiguousarray(v).ravel() for v in (k, mu, s2)))
    return flat.reshape(k.shape)


def poisson_deviance(observed: npt.ArrayLike, expected: npt.ArrayLike) -> Floats:
    """Return -2 ln of the Poisson likelihood ratio to the saturated model, of each bin.

    The sum over bins follows a χ² distribution only where expectations are large: its mean per bin is 0.47 at μ = 0.1
    and 1.15 at μ = 1. Calibrate it by pseudo-experiments (`stats.goodness_of_fit`) elsewhere.

    Parameters
    ----------
    observed, expected
        Counts and expectations, any shape.

    Raises
    ------
    ValueError
        If a count is negative or not finite.

    Examples
    --------
    >>> from icecol import stats
    >>> stats.poisson_deviance([3, 0, 5, 12, 1], [2.5, 0.4, 6.1, 9.8, 2]).sum().round(6)
    np.float64(2.179709)
    """
    k, mu = np.broadcast_arrays(np.asarray(observed, np.float64), np.asarray(expected, np.float64))
    require_counts(k)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(k > 0, 2 * (mu - k + k * np.log(k / mu)), 2 * np.maximum(mu, 0))


def kind_number(kind: str) -> int:
    """Return the number of a kind of likelihood.

    Raises
    ------
    ValueError
        If there is no such kind.
    """
    from icecol.stats.gamma_poisson import KINDS

    if kind not in KINDS:
        msg = f"no likelihood {kind!r}: {did_you_mean(kind, KINDS, 'likelihoods')}"
        raise ValueError(msg)
    return KINDS[kind]


def require_counts(k: npt.NDArray[Any]) -> None:
    """Refuse counts that are negative, infinite or NaN.

    Raises
    ------
    ValueError
        If one is.
    """
    bad = ~(np.isfinite(k) & (k >= 0))
    if bad.any():
        where = np.argwhere(np.atleast_1d(bad))[0].tolist()
        msg = f"counts must be finite and not negative; found {np.atleast_1d(k)[tuple(where)]} in bin {where}"
        raise ValueError(msg)
