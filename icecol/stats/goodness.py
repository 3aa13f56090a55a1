"""Goodness of fit by pseudo-experiments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from icecol.stats.fitting import Fit, maximum
from icecol.stats.inference import drawn
from icecol.stats.libraries import scipy
from icecol.stats.templates import Floats
from icecol.stats.trials import Trials, shown


@dataclass(frozen=True, slots=True, eq=False)
class GoodnessOfFit:
    """How well a model describes data: the deviance, its p-value, and those of pseudo-experiments.

    Attributes
    ----------
    deviance
        -2 ln L, relative to the Poisson likelihood of the counts themselves.
    p, p_interval
        Share of pseudo-experiments with a deviance at least as large, and its 68 % interval.
    trials
        Deviances of the pseudo-experiments.

    Examples
    --------
    >>> from icecol import stats
    >>> fit = stats.Model({"background": [9.0, 5.0, 2.0]}).fit([8, 7, 1])
    >>> found = stats.goodness_of_fit(fit, 200)
    >>> round(found.deviance, 3), found.trials.statistics.size
    (1.44, 200)
    """

    deviance: float
    p: float
    p_interval: tuple[float, float]
    trials: Trials


def goodness_of_fit(fit: Fit, n: int = 1000, *, seed: int = 0, progress: bool = False) -> GoodnessOfFit:
    """Compare the deviance of a fit with that of pseudo-experiments drawn from it and fitted in the same way.

    Parameters
    ----------
    fit
        The fit.
    n, seed
        Number of pseudo-experiments and their seed.
    progress
        Show a progress bar.

    Examples
    --------
    >>> from icecol import stats
    >>> fit = stats.Model({"background": [9.0, 5.0, 2.0]}).fit([8, 7, 1])
    >>> bool(stats.goodness_of_fit(fit, 200).p > 0.1)
    True
    """
    model, at = fit.model, fit.model.vector(fit.values)
    mu = model.expectation(at)[0]
    observed = _deviance(fit.log_likelihood, fit.counts)
    found = np.empty(n)
    for t in shown(range(n), n, progress=progress):
        k, centers = drawn(model, seed, t, mu, at)
        found[t] = _deviance(maximum(model, k, centers, fit.fixed, at)[1], k)
    made = Trials(found, np.zeros(n))
    p, low, high = made.p_value(observed)
    return GoodnessOfFit(observed, p, (low, high), made)


def _deviance(log: float, k: Floats) -> float:
    special = scipy("special")
    saturated = (special.xlogy(k, k) - k - special.gammaln(k + 1)).sum()
    return float(2 * (saturated - log))
