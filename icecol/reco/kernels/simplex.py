"""Minimisation without derivatives: the simplex of Nelder and Mead as Minuit has it, with limits.

Nelder and Mead, Computer Journal 7 (1965) 308; James and Roos, Comput. Phys. Commun. 10 (1975) 343 (Minuit: the start
by searches along each axis, the parabola beyond a reflection, and the limits by an arcsine).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_SMALL = 2.0 * math.sqrt(8.8817841970012523e-16)
RHO1, RHO2 = 2.0, 4.0


@njit(nogil=True, error_model="numpy")
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


@njit(nogil=True, error_model="numpy")
def outside(inner, low, high, outer):
    """Turn inner coordinates into parameters between their limits."""
    for i in range(inner.size):
        outer[i] = inner[i]
        if low[i] < high[i]:
            outer[i] = low[i] + 0.5 * (high[i] - low[i]) * (math.sin(inner[i]) + 1.0)


@njit(nogil=True, error_model="numpy")
def simplex(objective, data, start, steps, low, high, tolerance, max_calls):
    """Minimise objective(parameters, data) from `start`, first steps `steps`, a parameter limited where low < high.

    Ends when best and worst corner differ by less than the tolerance twice in a row, or after max_calls calls.
    Returns the parameters, the minimum, the number of calls, and whether it converged.
    """
    n = start.size
    outer = np.empty(n)
    best = inside(start, low, high)
    outside(best, low, high, outer)
    best_y = objective(outer, data)
    calls = 1
    reach = steps.copy()
    for i in range(n):
        if low[i] < high[i]:
            slope = 0.5 * abs((high[i] - low[i]) * math.cos(best[i]))
            if slope != 0.0:
                reach[i] = steps[i] / slope
        reach[i] = max(reach[i], _SMALL * abs(best[i]))
    corners, heights = np.empty((n + 1, n)), np.empty(n + 1)
    centre, reflected, trial, far = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    converged = False
    begin = True
    high_at, low_at, spread, before = n, n, math.inf, math.inf
    while True:
        if begin:  # a corner along each axis, from one to the next
            begin = False
            heights[n] = best_y
            corners[n] = best
            low_at = n
            x = best.copy()
            lowest = best_y
            for i in range(n):
                here, y_here = x[i], best_y
                won, lost = 0, 0
                while True:
                    x[i] = here + reach[i]
                    outside(x, low, high, outer)
                    y = objective(outer, data)
                    calls += 1
                    if y <= y_here:
                        here, y_here = x[i], y
                        reach[i] *= 3.0
                        won += 1
                        if won == 6:
                            break
                    else:
                        if won > 0:
                            break
                        lost += 1
                        reach[i] *= -0.4
                        if lost == 3:  # the corners must differ
                            here, y_here = x[i], y
                            reach[i] *= 3.0
                            break
                heights[i] = y_here
                x[i] = here
                corners[i] = x
                if y_here < lowest:
                    lowest, low_at = y_here, i
            best_y = heights[low_at]
            best[:] = corners[low_at]
            high_at = worst(heights)
            spread, before = math.inf, math.inf
        if before < tolerance and spread < tolerance:
            converged = True
        elif calls > max_calls:
            pass
        else:
            before = spread
            for i in range(n):
                centre[i] = opposite(corners[:, i], high_at)
                reflected[i] = 2.0 * centre[i] - corners[high_at, i]
            outside(reflected, low, high, outer)
            y = objective(outer, data)
            calls += 1
            if y < best_y:
                for i in range(n):
                    trial[i] = 2.0 * reflected[i] - centre[i]
                outside(trial, low, high, outer)
                y_trial = objective(outer, data)
                calls += 1
                y1 = (y - heights[high_at]) * RHO2
                y2 = (y_trial - heights[high_at]) * RHO1
                rho = 0.5 * (RHO2 * y1 - RHO1 * y2) / (y1 - y2)
                y_far = math.inf
                if rho >= 4.0:
                    rho = min(rho, 8.0)
                    for i in range(n):
                        far[i] = rho * centre[i] + (1.0 - rho) * corners[high_at, i]
                    outside(far, low, high, outer)
                    y_far = objective(outer, data)
                    calls += 1
                if y_far < heights[low_at] and y_far < y_trial:
                    corners[high_at], heights[high_at] = far, y_far
                elif y_trial < heights[low_at]:
                    corners[high_at], heights[high_at] = trial, y_trial
                else:
                    corners[high_at], heights[high_at] = reflected, y
            else:
                contract = True
                if y < heights[high_at]:
                    corners[high_at], heights[high_at] = reflected, y
                    at = worst(heights)
                    contract = at == high_at
                    high_at = at
                    spread = heights[high_at] - heights[low_at]
                if not contract:
                    continue
                for i in range(n):
                    trial[i] = 0.5 * corners[high_at, i] + 0.5 * centre[i]
                outside(trial, low, high, outer)
                y = objective(outer, data)
                calls += 1
                if y > heights[high_at]:
                    begin = True
                    for i in range(n):
                        reach[i] = corners[:, i].max() - corners[:, i].min()
                    continue
                corners[high_at], heights[high_at] = trial, y
            if heights[high_at] < best_y:
                low_at = high_at
                best_y = heights[low_at]
                best[:] = corners[low_at]
            high_at = worst(heights)
            spread = heights[high_at] - heights[low_at]
            continue
        # the middle of all corners but the worst may be lower still
        for i in range(n):
            reach[i] = corners[:, i].max() - corners[:, i].min()
            centre[i] = opposite(corners[:, i], high_at)
        outside(centre, low, high, outer)
        y = objective(outer, data)
        calls += 1
        if y < best_y:
            best_y = y
            best[:] = centre
            corners[high_at], heights[high_at] = centre, y
            low_at = high_at
            high_at = worst(heights)
            spread = heights[high_at] - heights[low_at]
            for i in range(n):
                reach[i] = corners[:, i].max() - corners[:, i].min()
        if max_calls - calls < 3 * n or spread <= 2.0 * tolerance:
            break
        begin = True
    outside(best, low, high, outer)
    return outer, best_y, calls, converged


@njit(nogil=True, error_model="numpy")
def worst(heights):
    """Return the corner of the largest value."""
    at = 0
    for i in range(1, heights.size):
        if heights[i] > heights[at]:
            at = i
    return at


@njit(nogil=True, error_model="numpy")
def opposite(x, corner):
    """Return the mean of one coordinate over all corners but one, summed as Minuit sums."""
    weight = 1.0 / (x.size - 1)
    total = 0.0
    for j in range(x.size):
        total += weight * x[j]
    return total - weight * x[corner]
