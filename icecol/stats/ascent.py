"""Maximum of the likelihood of a model, compiled: what a pseudo-experiment needs."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from icecol.jit.cache import kept
from icecol.stats.gamma_poisson import bin_logl
from icecol.stats.tables import Shapes, Tables, add_up, blank, shape

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LEFT = 1e-9
"""Gain in ln L below which a fit ends."""

ROUGH = 1e-2
"""The same for the fits that a fit begins with."""

APART = 0.5
"""Distance between the indices that a fit begins at."""


@kept(error_model="numpy")
def prior_logl(x: float, mean: float, below: float, above: float) -> float:
    """Return ln of a prior with a standard deviation on each side; infinite ones are no prior."""
    pull = (x - mean) / (below if x < mean else above)
    return -0.5 * pull * pull


@kept(error_model="numpy")
def logl(kind: int, k: Floats, mu: Floats, s2: Floats, x: Floats, priors: Floats) -> float:
    """Return ln L of counts and of the parameters' priors (mean, below, above)."""
    log = 0.0
    for i in range(k.size):
        log += bin_logl(kind, k[i], mu[i], s2[i])[0]
    for p in range(x.size):
        log += prior_logl(x[p], priors[p, 0], priors[p, 1], priors[p, 2])
    return log


@kept(error_model="numpy")
def slopes_and_curvature(
    kind: int,
    k: Floats,
    t: Tables,
    shapes: Shapes,
    mu: Floats,
    s2: Floats,
    x: Floats,
    priors: Floats,
    g: Floats,
    h: Floats,
) -> None:
    """Fill the gradient of ln L, and its negative Hessian: for Poisson but for variations, else an approximation."""
    n = x.size
    in_mu, in_s2 = np.empty(n), np.empty(n)
    g[:] = 0.0
    h[:, :] = 0.0
    for i in range(k.size):
        if mu[i] <= 0.0:
            continue
        by_mu, by_s2 = k[i] / mu[i] - 1.0, 0.0
        if kind:  # for Poisson, the logarithm is not needed here
            _, by_mu, by_s2 = bin_logl(kind, k[i], mu[i], s2[i])
        in_mu[:], in_s2[:] = 0.0, 0.0
        for c in range(t.norm_of.size):
            p, q = t.norm_of[c], t.index_of[c]
            in_mu[p] += shapes.value[c, i]
            in_s2[p] += 2.0 * x[p] * shapes.variance[c, i]
            if q >= 0:
                in_mu[q] += x[p] * shapes.slope[c, i]
                in_s2[q] += x[p] * x[p] * shapes.variance_slope[c, i]
                h[max(p, q), min(p, q)] -= by_mu * shapes.slope[c, i]
                h[q, q] -= by_mu * x[p] * shapes.curvature[c, i]
        for s in range(t.shift_of.size):
            p, q = t.norm_of[t.shift_of[s]], t.shifted_by[s]
            in_mu[q] += x[p] * shapes.shift_slope[s, i]
            h[max(p, q), min(p, q)] -= by_mu * shapes.shift_slope[s, i]
        w = k[i] / (mu[i] * mu[i] + (s2[i] if kind else 0.0))
        for p in range(n):
            g[p] += by_mu * in_mu[p] + by_s2 * in_s2[p]
            if w > 0.0 and in_mu[p] != 0.0:
                for q in range(p + 1):
                    h[p, q] += w * in_mu[p] * in_mu[q]
    for p in range(n):
        width = priors[p, 1] if x[p] < priors[p, 0] else priors[p, 2]
        g[p] -= (x[p] - priors[p, 0]) / (width * width)
        h[p, p] += 1.0 / (width * width)
        for q in range(p):
            h[q, p] = h[p, q]


@kept(error_model="numpy")
def solved(h: Floats, more: float, g: Floats, moving: Flags, root: Floats, step: Floats) -> bool:
    """Solve for Newton's step of what moves, the diagonal raised; return whether the matrix is positive definite."""
    n = g.size
    for p in range(n):
        step[p] = 0.0
        if not moving[p]:
            continue
        for q in range(p + 1):
            if not moving[q]:
                continue
            total = h[p, q]
            if p == q:
                total += 1e-12 * abs(h[p, p]) + 1e-14 * g[p] * g[p] + 1e-300
                for r in range(n):  # with a norm of 0 its index has no curvature, but one with the norm
                    total += more * abs(h[p, r]) if moving[r] else 0.0
            for r in range(q):
                if moving[r]:
                    total -= root[p, r] * root[q, r]
            if p != q:
                root[p, q] = total / root[q, q]
            elif total > 0.0:
                root[p, p] = math.sqrt(total)
            else:
                return False
    for p in range(n):
        if moving[p]:
            step[p] = g[p]
            for q in range(p):
                if moving[q]:
                    step[p] -= root[p, q] * step[q]
            step[p] /= root[p, p]
    for p in range(n - 1, -1, -1):
        if moving[p]:
            for q in range(p + 1, n):
                if moving[q]:
                    step[p] -= root[q, p] * step[q]
            step[p] /= root[p, p]
    return True


@kept(error_model="numpy")
def climb(
    kind: int, k: Floats, t: Tables, x: Floats, priors: Floats, bounds: Floats, free: Flags, least: float
) -> float:
    """Move the free parameters to a maximum of ln L within their bounds and return it, or NaN if it is not found.

    Newton's method; parameters at a bound that the gradient pushes outwards stay there, and a step is halved until ln L
    rises. It ends when less than `least` is to be gained.
    """
    n = x.size
    g, h, root, step, trial = np.empty(n), np.empty((n, n)), np.empty((n, n)), np.empty(n), np.empty(n)
    moving = np.empty(n, np.bool_)
    mu, s2 = np.empty(k.size), np.empty(k.size)
    shapes = blank(t)
    changes = np.zeros(t.norm_of.size, np.bool_)
    for c in range(t.norm_of.size):
        shape(t, c, x, shapes)
        changes[c] = t.index_of[c] >= 0 and free[t.index_of[c]]
    for s in range(t.shift_of.size):
        changes[t.shift_of[s]] |= free[t.shifted_by[s]]
    add_up(t, x, shapes, mu, s2)
    best = logl(kind, k, mu, s2, x, priors)
    if best == -math.inf:  # no expectation where there are counts
        for c in range(t.norm_of.size):
            p = t.norm_of[c]
            if free[p]:
                x[p] = min(max(x[p], 1.0), bounds[p, 1])
        add_up(t, x, shapes, mu, s2)
        best = logl(kind, k, mu, s2, x, priors)
        if best == -math.inf:
            return best
    for _ in range(
        3000
    ):  # for the effective likelihood the curvature is not exact: a few fits in 10^4 are slow
        slopes_and_curvature(kind, k, t, shapes, mu, s2, x, priors, g, h)
        for p in range(n):
            outwards = (x[p] <= bounds[p, 0] and g[p] <= 0.0) or (x[p] >= bounds[p, 1] and g[p] >= 0.0)
            moving[p] = free[p] and not outwards
        more = 0.0
        while not solved(h, more, g, moving, root, step):
            more = max(10.0 * more, 1e-3)
            if not more < 1e6:
                return math.nan
        expected = 0.0
        for p in range(n):
            expected += step[p] * g[p]
        if not expected > least:
            return best
        size, rose, log = 1.0, False, best
        for _ in range(60):
            for p in range(n):
                trial[p] = min(max(x[p] + size * step[p], bounds[p, 0]), bounds[p, 1])
            for c in range(changes.size):
                if changes[c]:
                    shape(t, c, trial, shapes)
            add_up(t, trial, shapes, mu, s2)
            log = logl(kind, k, mu, s2, trial, priors)
            if log > best:
                rose = True
                break
            size *= 0.5
        if not rose:
            return best  # nothing to gain that the arithmetic would show
        gain, best = log - best, log
        x[:] = trial
        if gain < least * 1e-3:
            return best
    return math.nan


@kept(error_model="numpy")
def fit(kind: int, k: Floats, t: Tables, x: Floats, priors: Floats, bounds: Floats, free: Flags) -> float:
    """Move the free parameters to the highest maximum of ln L that is found and return it, or NaN if none is.

    For each component with a free index the norms are first fitted at several indices, as ln L may have several maxima,
    and no slope in the index where the norm is 0.
    """
    best = climb(kind, k, t, x, priors, bounds, free, LEFT)
    norms = np.zeros(x.size, np.bool_)
    for c in range(t.norm_of.size):
        norms[t.norm_of[c]] = free[t.norm_of[c]]
    for c in range(t.norm_of.size):
        p, q = t.norm_of[c], t.index_of[c]
        if q < 0 or not free[q] or not free[p]:
            continue
        n = math.ceil((bounds[q, 1] - bounds[q, 0]) / APART) + 1
        logs, starts = np.empty(n), np.empty((n, x.size))
        for i in range(n):
            starts[i] = x if i == 0 else starts[i - 1]
            starts[i, p] = max(starts[i, p], 1e-3)
            starts[i, q] = bounds[q, 0] + (bounds[q, 1] - bounds[q, 0]) * i / max(n - 1, 1)
            logs[i] = climb(kind, k, t, starts[i], priors, bounds, norms, ROUGH)
        for i in range(n):
            if (i == 0 or logs[i] >= logs[i - 1]) and (i == n - 1 or logs[i] > logs[i + 1]):
                log = climb(kind, k, t, starts[i], priors, bounds, free, LEFT)
                if log > best or math.isnan(best):
                    best = log
                    x[:] = starts[i]
    return best
