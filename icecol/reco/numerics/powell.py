"""Powell's method: minimise along one direction after the other, and take in those that led far.

Powell, Comput. J. 7 (1964) 155; Brent, Algorithms for Minimization without Derivatives (1973), for a line. The settings
are those of IceTray's cscd-llh, which stops at a relative gain of 1e-2 and so well before the minimum: only this way
leads to what it has stored.
"""

from __future__ import annotations

import numpy as np

from icecol.jit.function import compiled

_GOLDEN, _FARTHEST = 1.618034, 100.0
_SECTION = 0.3819660
_TINY, _NOTHING = 1e-20, 1e-25
_LEAST = 1e-3 * np.finfo(np.float64).eps


def direction_set(objective):
    """Return minimise(data, start, tolerance, max_calls) for objective(parameters, data).

    It returns the parameters, the value there, the number of calls, and whether it converged: a round along all
    directions won less than `tolerance` of the value, within max_calls calls.
    """

    @compiled
    def value(x, line):
        """Return the objective x directions away from a place; `line` is data, place, direction, and space."""
        data, place, direction, there = line
        for i in range(place.size):
            there[i] = place[i] + x * direction[i]
        return objective(there, data)

    @compiled
    def bracket(line):
        """Return a, b, c on a line, with the least value at b, and the number of calls: steps that grow downhill."""
        a, b = 0.0, 1.0
        at_a, at_b = value(a, line), value(b, line)
        if at_b > at_a:
            a, b, at_a, at_b = b, a, at_b, at_a
        c = b + _GOLDEN * (b - a)
        at_c, calls = value(c, line), 3
        while at_b > at_c:
            r, q = (b - a) * (at_b - at_c), (b - c) * (at_b - at_a)
            bend = max(abs(q - r), _TINY) if q - r >= 0.0 else -max(abs(q - r), _TINY)
            u = b - ((b - c) * q - (b - a) * r) / (2.0 * bend)  # of a parabola through the three
            limit = b + _FARTHEST * (c - b)
            if (b - u) * (u - c) > 0.0:
                at_u, calls = value(u, line), calls + 1
                if at_u < at_c:
                    return b, u, c, calls
                if at_u > at_b:
                    return a, b, u, calls
                u = c + _GOLDEN * (c - b)
            elif (c - u) * (u - limit) > 0.0:
                at_u, calls = value(u, line), calls + 1
                if not at_u < at_c:
                    a, b, c, at_a, at_b, at_c = b, c, u, at_b, at_c, at_u
                    continue
                b, c, u, at_b, at_c = c, u, u + _GOLDEN * (u - c), at_c, at_u
            elif (u - limit) * (limit - c) >= 0.0:
                u = limit
            else:
                u = c + _GOLDEN * (c - b)
            at_u, calls = value(u, line), calls + 1
            a, b, c, at_a, at_b, at_c = b, c, u, at_b, at_c, at_u
        return a, b, c, calls

    @compiled
    def narrow(a, b, c, line, tolerance, max_calls):
        """Return the place of the minimum in a bracket, its value, the calls, and whether it is good to `tolerance`.

        A step to the minimum of a parabola through the best three places, or a golden section where that is no good.
        """
        low, high = min(a, c), max(a, c)
        x = second = third = b
        at_x = value(x, line)
        at_second = at_third = at_x
        step, before, calls = 0.0, 0.0, 1
        while calls < max_calls:
            middle, close = 0.5 * (low + high), tolerance * abs(x) + _LEAST
            if abs(x - middle) <= 2.0 * close - 0.5 * (high - low):
                return x, at_x, calls, True
            section = True
            if abs(before) > close:
                r, q = (x - second) * (at_x - at_third), (x - third) * (at_x - at_second)
                p, q = (x - third) * q - (x - second) * r, 2.0 * (q - r)
                p, q = -p if q > 0.0 else p, abs(q)
                if not (abs(p) >= abs(0.5 * q * before) or p <= q * (low - x) or p >= q * (high - x)):
                    section, before, step = False, step, p / q
                    u = x + step
                    if u - low < 2.0 * close or high - u < 2.0 * close:
                        step = close if middle - x >= 0.0 else -close
            if section:
                before = low - x if x >= middle else high - x
                step = _SECTION * before
            u = x + step if abs(step) >= close else x + (close if step >= 0.0 else -close)
            at_u, calls = value(u, line), calls + 1
            if at_u <= at_x:
                low, high = (x, high) if u >= x else (low, x)
                third, second, x = second, x, u
                at_third, at_second, at_x = at_second, at_x, at_u
                continue
            low, high = (u, high) if u < x else (low, u)
            if at_u <= at_second or second == x:
                third, second, at_third, at_second = second, u, at_second, at_u
            elif at_u <= at_third or third in (x, second):
                third, at_third = u, at_u
        return x, at_x, calls, False

    @compiled
    def walk(data, place, direction, there, tolerance, max_calls):
        """Go to the minimum along a direction, which becomes the way gone; return the value there and the calls."""
        line = (data, place, direction, there)
        a, b, c, calls = bracket(line)
        x, y, more, found = narrow(a, b, c, line, tolerance, max_calls - calls)
        if found:
            for i in range(place.size):
                direction[i] *= x
                place[i] += direction[i]
        return y, calls + more

    @compiled
    def minimise(data, start, tolerance, max_calls):
        n = start.size
        place, before, there, directions = start.copy(), start.copy(), np.empty(n), np.eye(n)
        y, calls = objective(place, data), 1
        while True:
            y_before, most, best = y, 0.0, 0
            for i in range(n):
                direction, y_last = directions[i].copy(), y
                y, used = walk(data, place, direction, there, tolerance, max_calls - calls)
                calls += used
                if y_last - y > most:
                    most, best = y_last - y, i
            if 2.0 * (y_before - y) <= tolerance * (abs(y_before) + abs(y)) + _NOTHING:
                return place, y, calls, True
            if calls >= max_calls:
                return place, y, calls, False
            way = place - before
            there[:] = 2.0 * place - before
            before = place.copy()
            beyond, calls = objective(there, data), calls + 1
            bent = 2.0 * (y_before - 2.0 * y + beyond) * (y_before - y - most) ** 2
            if beyond < y_before and bent < most * (y_before - beyond) ** 2:
                y, used = walk(data, place, way, there, tolerance, max_calls - calls)
                calls += used
                directions[best] = directions[n - 1]
                directions[n - 1] = way

    return minimise
