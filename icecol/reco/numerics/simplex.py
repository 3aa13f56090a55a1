"""Minimisation without derivatives: the simplex of Nelder and Mead as Minuit has it, with limits.

Nelder and Mead, Computer Journal 7 (1965) 308; James and Roos, Comput. Phys. Commun. 10 (1975) 343 (Minuit: the start
by searches along each axis, the parabola beyond a reflection, and the limits by an arcsine).
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled

_SMALL = 2.0 * math.sqrt(8.8817841970012523e-16)


@compiled
def inside(start, low, high):
    """Return parameters in Minuit's inner coordinates, without limits."""
    inner = start.copy()
    for i in range(start.size):
        if low[i] < high[i]:
            edge = math.pi / 2 - 8.0 * math.sqrt(_SMALL)
            y = 2.0 * (start[i] - low[i]) / (high[i] - low[i]) - 1.0
            if y * y > 1.0 - _SMALL:
                inner[i] = edge if y > 0.0 else -edge
            else:
                inner[i] = math.asin(y)
    return inner


@compiled
def outside(inner, low, high, outer):
    """Turn inner coordinates into parameters between their limits."""
    for i in range(inner.size):
        outer[i] = inner[i]
        if low[i] < high[i]:
            outer[i] = low[i] + 0.5 * (high[i] - low[i]) * (math.sin(inner[i]) + 1.0)


@compiled
def worst(heights):
    """Return the corner of the largest value."""
    at = 0
    for i in range(1, heights.size):
        if heights[i] > heights[at]:
            at = i
    return at


@compiled
def opposite(corners, corner, centre):
    """Set `centre` to the mean of all corners but one, summed as Minuit sums."""
    n = centre.size
    weight = 1.0 / n
    for i in range(n):
        total = 0.0
        for j in range(n + 1):
            total += weight * corners[j, i]
        centre[i] = total - weight * corners[corner, i]


@compiled
def extent(corners, reach):
    """Set `reach` to the width of the simplex along each axis."""
    for i in range(reach.size):
        low, high = corners[0, i], corners[0, i]
        for j in range(1, reach.size + 1):
            low, high = min(low, corners[j, i]), max(high, corners[j, i])
        reach[i] = high - low


@compiled
def between(a, x, b, y, out):
    """Set `out` to a x + b y."""
    for i in range(out.size):
        out[i] = a * x[i] + b * y[i]


def minimiser(objective):
    """Return simplex(data, start, steps, low, high, tolerance, max_calls), compiled, for objective(parameters, data).

    It begins at `start` with first steps `steps`; a parameter is limited where low < high. It ends when the best and
    the worst corner differ by less than the tolerance twice in a row, or after max_calls calls. It returns the
    parameters, the minimum, the number of calls, and whether it converged. (An objective that is an argument of
    compiled code would keep numba from storing that code.)
    """

    @compiled
    def value(inner, low, high, outer, data):
        outside(inner, low, high, outer)
        return objective(outer, data)

    @compiled
    def search(x, i, y_here, reach, low, high, outer, data):
        """Walk along one axis while it goes down, or turn back at most thrice; the last point counts if all fail."""
        here = x[i]
        won, lost, calls = 0, 0, 0
        while won < 6:
            x[i] = here + reach[i]
            y = value(x, low, high, outer, data)
            calls += 1
            if y > y_here and won > 0:
                break
            if y > y_here:
                lost += 1
                reach[i] *= -0.4
                if lost < 3:
                    continue
                won = 6  # the corners must differ
            here, y_here = x[i], y
            reach[i] *= 3.0
            won += 1
        x[i] = here
        return y_here, calls

    @compiled
    def simplex(data, start, steps, low, high, tolerance, max_calls):
        n = start.size
        outer, x, reach = np.empty(n), np.empty(n), steps.copy()
        centre, reflected, trial = np.empty(n), np.empty(n), np.empty(n)
        best = inside(start, low, high)
        for i in range(n):
            if low[i] < high[i]:
                slope = 0.5 * abs((high[i] - low[i]) * math.cos(best[i]))
                if slope != 0.0:
                    reach[i] = steps[i] / slope
            reach[i] = max(reach[i], _SMALL * abs(best[i]))
        corners, heights = np.empty((n + 1, n)), np.empty(n + 1)
        best_y = value(best, low, high, outer, data)
        calls, converged = 1, False
        begin = True
        top, bottom, spread, before = n, n, math.inf, math.inf
        while True:
            if begin:  # a corner along each axis, from one to the next
                begin = False
                between(1.0, best, 0.0, best, x)
                between(1.0, best, 0.0, best, corners[n])
                heights[n], bottom = best_y, n
                lowest = best_y
                for i in range(n):
                    heights[i], used = search(x, i, best_y, reach, low, high, outer, data)
                    calls += used
                    between(1.0, x, 0.0, x, corners[i])
                    if heights[i] < lowest:
                        lowest, bottom = heights[i], i
                best_y = lowest
                top = worst(heights)
                spread, before = math.inf, math.inf
            converged = before < tolerance and spread < tolerance
            if converged or calls > max_calls:
                # the middle of all corners but the worst may be lower still
                opposite(corners, top, centre)
                y = value(centre, low, high, outer, data)
                calls += 1
                if y < best_y:
                    best_y, heights[top], bottom = y, y, top
                    between(1.0, centre, 0.0, centre, corners[top])
                    top = worst(heights)
                    spread = heights[top] - heights[bottom]
                between(1.0, corners[bottom], 0.0, centre, best)
                if max_calls - calls < 3 * n or spread <= 2.0 * tolerance:
                    break
                extent(corners, reach)
                begin = True
                continue
            before = spread
            opposite(corners, top, centre)
            between(2.0, centre, -1.0, corners[top], reflected)
            y = value(reflected, low, high, outer, data)
            calls += 1
            if y < best_y:
                between(2.0, reflected, -1.0, centre, trial)
                y_trial = value(trial, low, high, outer, data)
                calls += 1
                y1, y2 = 4.0 * (y - heights[top]), 2.0 * (y_trial - heights[top])
                rho = (
                    0.5 * (4.0 * y1 - 2.0 * y2) / (y1 - y2)
                )  # of a parabola through both and the worst corner
                y_far = math.inf
                if rho >= 4.0:
                    rho = min(rho, 8.0)
                    between(rho, centre, 1.0 - rho, corners[top], x)
                    y_far = value(x, low, high, outer, data)
                    calls += 1
                if y_far < best_y and y_far < y_trial:
                    y = y_far
                    between(1.0, x, 0.0, x, reflected)
                elif y_trial < best_y:
                    y = y_trial
                    between(1.0, trial, 0.0, trial, reflected)
            else:
                inner = y >= heights[top]
                if not inner:
                    heights[top] = y
                    between(1.0, reflected, 0.0, reflected, corners[top])
                    inner = worst(heights) == top
                if not inner:
                    top = worst(heights)
                    spread = heights[top] - heights[bottom]
                    continue
                between(0.5, corners[top], 0.5, centre, reflected)
                y = value(reflected, low, high, outer, data)
                calls += 1
                if y > heights[top]:
                    extent(corners, reach)
                    between(1.0, corners[bottom], 0.0, centre, best)
                    begin = True
                    continue
            heights[top] = y
            between(1.0, reflected, 0.0, reflected, corners[top])
            if y < best_y:
                best_y, bottom = y, top
            top = worst(heights)
            spread = heights[top] - heights[bottom]
        outside(best, low, high, outer)
        return outer, best_y, calls, converged

    return simplex
