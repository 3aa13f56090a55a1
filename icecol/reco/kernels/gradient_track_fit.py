"""Track fits that follow the gradient of the likelihood: `track_fit` by the quasi-Newton method. They need a table."""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.track_fit import STEPS, fitter
from icecol.reco.kernels.track_slope import blocks_of, track_slope
from icecol.reco.numerics.bfgs import quasi_newton


@compiled(inline="always")
def objective_slope(parameters, data, gradient):
    """Return -ln L at x, y, z, zenith, azimuth, and set its gradient."""
    blocks, event, form, time, response, noise, ice, table, blunt = data
    vertex = (parameters[0], parameters[1], parameters[2])
    zenith, azimuth = parameters[3], parameters[4]
    return track_slope(
        event, blocks, form, vertex, time, zenith, azimuth, response, noise, ice, table, blunt, gradient
    )


_bfgs = quasi_newton(objective_slope)
_WIDE = 16.0
_BLUNTER, _BLUNT, _SHARP = 0.3, 3e-2, 1e-5
_SAME = 0.02
_FEW = 16


@compiled
def by_gradient(data, start, tolerance, max_calls):
    """Minimise -ln L over x, y, z, zenith and azimuth: the result, its value, number of calls, and convergence.

    -ln L has several minima, and the gradient leads to the nearest. It is therefore followed from the result of a
    search along the axes, first to last, and from the minimum at 16 times the jitter, which smears out minor minima;
    where these differ, also from the result of a search from last to first. Few DOMs leave more minima, and cost
    little: then it is always followed from all of these, and from the result of a search with steps three times as
    wide. The best is kept, and followed to its end.

    Where a track passes through a DOM the likelihood has a cusp, at which a gradient is of no use: so the cusps are
    blunted, by 3 cm at first and by 10 um at the end.
    """
    event, form, time, response, noise, ice, table = data
    blocks = blocks_of(event)
    blunt = (blocks, event, form, time, response, noise, ice, table, _BLUNT)
    sharp = (blocks, event, form, time, response, noise, ice, table, _SHARP)
    steps = np.array(STEPS)
    best, lowest, calls, found = start, math.inf, 0, False
    few = event[0].shape[1] < _FEW
    for k in range(4 if few else 3):
        if k == 1:
            blurred = (_WIDE * response[0], *response[1:])
            wide = (blocks, event, form, time, blurred, noise, ice, table, _BLUNTER)
            place, _, used, _ = _bfgs(wide, start, steps, 1e3 * tolerance, max_calls)
        else:
            place, used = along_axes(blunt, start, 3.0 * steps if k == 3 else steps, k == 2)
        p, y, more, converged = _bfgs(blunt, place, steps, 10.0 * tolerance, max_calls)
        calls += used + more
        same = converged and abs(y - lowest) < _SAME
        if converged and y < lowest:
            best, lowest, found = p, y, True
        if k == 1 and same and not few:
            break
    if found:
        best, lowest, more, _ = _bfgs(sharp, best, steps, tolerance, max_calls)
        calls += more
    return best, lowest, calls, found


@compiled
def along_axes(data, start, steps, backwards):
    """Step along each axis in turn, in growing steps, while it descends, as Minuit starts; return place and calls."""
    x, gradient = start.copy(), np.empty(start.size)
    lowest, calls = objective_slope(x, data, gradient), 1
    for j in range(x.size):
        i = x.size - 1 - j if backwards else j
        step, went = steps[i], False
        for _ in range(6):
            x[i] += step
            y = objective_slope(x, data, gradient)
            calls += 1
            if y < lowest:
                lowest, went = y, True
                step *= 3.0
                continue
            x[i] -= step
            if went:
                break
            step *= -0.4
    return x, calls


gradient_track_fit = fitter(by_gradient, "gradient_track_fit")
