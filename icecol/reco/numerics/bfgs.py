"""Minimisation with derivatives: the quasi-Newton method of Broyden, Fletcher, Goldfarb and Shanno.

Nocedal and Wright, Numerical Optimization, 2nd ed., ch. 3 and 6.
"""

from __future__ import annotations

import numpy as np

from icecol.jit.function import compiled


def quasi_newton(objective):
    """Return bfgs(data, start, steps, tolerance, max_calls), compiled, for objective(parameters, data, gradient).

    The objective returns its value and fills the gradient. `steps` is the size of a step that changes it somewhat:
    the first step is at most that long. It ends when less than a hundredth of the tolerance is left to be gained,
    by the present estimate of the curvature, or where no step goes down; after max_calls calls it has not converged.
    It returns the parameters, the minimum, the number of calls, and whether it converged.
    """

    @compiled
    def bfgs(data, start, steps, tolerance, max_calls):
        n = start.size
        x, trial = start.copy(), np.empty(n)
        g, new_g, step, change = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
        inverse, product = np.zeros((n, n)), np.empty(n)
        y = objective(x, data, g)
        calls, fresh, converged = 1, True, False
        while calls <= max_calls and not converged:
            if fresh:  # first along the gradient, in units of the steps
                size = 0.0
                for i in range(n):
                    size = max(size, abs(g[i] * steps[i]))
                for i in range(n):
                    for j in range(n):
                        inverse[i, j] = 0.0
                    inverse[i, i] = steps[i] * steps[i] / max(size, 1.0)
            slope, longest = 0.0, 0.0
            for i in range(n):
                step[i] = 0.0
                for j in range(n):
                    step[i] -= inverse[i, j] * g[j]
                slope += step[i] * g[i]
                longest = max(longest, abs(step[i] / steps[i]))
            if not slope < -0.02 * tolerance:
                converged = True
                break
            scale = min(1.0, 5.0 / longest)
            down = False
            for _ in range(12):
                for i in range(n):
                    trial[i] = x[i] + scale * step[i]
                new_y = objective(trial, data, new_g)
                calls += 1
                if new_y <= y + 1e-4 * scale * slope:
                    down = True
                    break
                by_parabola = -0.5 * scale * slope / ((new_y - y) / scale - slope)
                scale = min(max(by_parabola, 0.1 * scale), 0.5 * scale)
            if not down:
                converged = fresh
                fresh = True
                continue
            bend, curve = 0.0, 0.0
            for i in range(n):
                change[i] = new_g[i] - g[i]
                step[i] = trial[i] - x[i]
                bend += change[i] * step[i]
            if bend > 0.0:
                if fresh:  # the length of the first step now tells the curvature
                    for i in range(n):
                        curve += change[i] * change[i] * inverse[i, i]
                    for i in range(n):
                        inverse[i, i] *= bend / curve
                curve = 0.0
                for i in range(n):
                    product[i] = 0.0
                    for j in range(n):
                        product[i] += inverse[i, j] * change[j]
                    curve += product[i] * change[i]
                for i in range(n):
                    for j in range(n):
                        inverse[i, j] += (1.0 + curve / bend) * step[i] * step[j] / bend
                        inverse[i, j] -= (product[i] * step[j] + step[i] * product[j]) / bend
                fresh = False
            for i in range(n):
                x[i], g[i] = trial[i], new_g[i]
            y = new_y
        return x, y, calls, converged

    return bfgs
