"""Maximum of the likelihood of a model whose only parameters are norms, compiled: what a pseudo-experiment needs."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from icecol.jit.cache import kept
from icecol.reco.numerics.inverse import inverse
from icecol.stats.gamma_poisson import bin_logl

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LEFT = 1e-9
"""Gain in ln L below which a fit ends."""


@kept(error_model="numpy")
def prior_logl(x: float, mean: float, below: float, above: float) -> float:
    """Return ln of a prior with a standard deviation on each side; infinite ones are no prior."""
    pull = (x - mean) / (below if x < mean else above)
    return -0.5 * pull * pull


@kept(error_model="numpy")
def value(kind: int, k: Floats, templates: Floats, variances: Floats, x: Floats, priors: Floats) -> float:
    """Return ln L at the norms x: templates and variances by norm and bin, priors by norm (mean, below, above)."""
    log = 0.0
    for i in range(k.size):
        mu, s2 = 0.0, 0.0
        for p in range(x.size):
            mu += x[p] * templates[p, i]
            s2 += x[p] * x[p] * variances[p, i]
        log += bin_logl(kind, k[i], mu, s2)[0]
    for p in range(x.size):
        log += prior_logl(x[p], priors[p, 0], priors[p, 1], priors[p, 2])
    return log


@kept(error_model="numpy")
def slopes_and_curvature(
    kind: int,
    k: Floats,
    templates: Floats,
    variances: Floats,
    x: Floats,
    priors: Floats,
    free: Flags,
    g: Floats,
    h: Floats,
) -> None:
    """Fill the gradient of ln L, and a curvature (its negative Hessian for Poisson, an approximation for others)."""
    n = x.size
    g[:] = 0.0
    h[:, :] = 0.0
    for i in range(k.size):
        mu, s2 = 0.0, 0.0
        for p in range(n):
            mu += x[p] * templates[p, i]
            s2 += x[p] * x[p] * variances[p, i]
        if mu <= 0.0:
            continue
        if kind == 0:
            in_mu, in_s2, w = k[i] / mu - 1.0, 0.0, k[i] / (mu * mu)
        else:
            _, in_mu, in_s2 = bin_logl(kind, k[i], mu, s2)
            w = max(k[i], 0.5 * mu) / (mu * mu + s2)
        for p in range(n):
            if free[p]:
                t = templates[p, i]
                g[p] += in_mu * t + in_s2 * 2.0 * x[p] * variances[p, i]
                for q in range(p + 1):
                    h[p, q] += w * t * templates[q, i]
    for p in range(n):
        width = priors[p, 1] if x[p] < priors[p, 0] else priors[p, 2]
        g[p] -= (x[p] - priors[p, 0]) / (width * width)
        h[p, p] += 1.0 / (width * width)
        for q in range(p):
            h[q, p] = h[p, q]


@kept(error_model="numpy")
def fit(
    kind: int,
    k: Floats,
    templates: Floats,
    variances: Floats,
    x: Floats,
    priors: Floats,
    bounds: Floats,
    free: Flags,
) -> float:
    """Move the free norms to the maximum of ln L within their bounds and return it, or NaN if it is not found.

    Newton's method; norms at a bound that the gradient pushes outwards stay there, and a step is halved until ln L
    rises.
    """
    n = x.size
    g, h, step, trial = np.empty(n), np.empty((n, n)), np.empty(n), np.empty(n)
    moving = np.empty(n, np.bool_)
    best = value(kind, k, templates, variances, x, priors)
    for _ in range(200):
        slopes_and_curvature(kind, k, templates, variances, x, priors, free, g, h)
        for p in range(n):
            outwards = (x[p] <= bounds[p, 0] and g[p] <= 0.0) or (x[p] >= bounds[p, 1] and g[p] >= 0.0)
            moving[p] = free[p] and not outwards
        for p in range(n):
            for q in range(n):
                if not (moving[p] and moving[q]):
                    h[p, q] = 0.0
            if moving[p]:
                h[p, p] += 1e-12 * h[p, p] + 1e-14 * g[p] * g[p] + 1e-300
            else:
                h[p, p], g[p] = 1.0, 0.0
        turned, _ = inverse(h)
        expected = 0.0
        for p in range(n):
            step[p] = 0.0
            for q in range(n):
                step[p] += turned[p, q] * g[q]
            expected += step[p] * g[p]
        if not expected > LEFT:
            return best
        size, rose = 1.0, False
        for _ in range(60):
            for p in range(n):
                trial[p] = min(max(x[p] + size * step[p], bounds[p, 0]), bounds[p, 1])
            log = value(kind, k, templates, variances, trial, priors)
            if log > best:
                rose = True
                break
            size *= 0.5
        if not rose:
            return best  # nothing to gain that the arithmetic would show
        gain, best = log - best, log
        x[:] = trial
        if gain < LEFT * 1e-3:
            return best
    return math.nan
