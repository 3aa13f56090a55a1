"""Special functions of time distributions that numba lacks: incomplete gamma, digamma, Kummer's M and Tricomi's U.

Abramowitz and Stegun, Handbook of Mathematical Functions, ch. 6 and 13.
"""

from __future__ import annotations

import math

from icecol.jit.function import compiled


@compiled
def gamma_q(a, x):
    """Return the regularised upper incomplete gamma function Q(a, x), a > 0: the chance of a gamma time beyond x."""
    if x <= 0.0:
        return 1.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1.0:
        term = 1.0 / a
        total = term
        k = a
        while term > 1e-17 * total:
            k += 1.0
            term *= x / k
            total += term
        return 1.0 - front * total
    b = x + 1.0 - a
    c, d = 1e300, 1.0 / b
    value = d
    for k in range(1, 1000):
        an = k * (a - k)
        b += 2.0
        d = 1.0 / (an * d + b)
        c = b + an / c
        value *= c * d
        if abs(c * d - 1.0) < 1e-16:
            break
    return front * value


@compiled
def gamma_p(a, x):
    """Return the regularised lower incomplete gamma function P(a, x) = 1 - Q(a, x), a > 0."""
    if x <= 0.0:
        return 0.0
    if x >= a + 1.0:
        return 1.0 - gamma_q(a, x)
    term = 1.0 / a
    total = term
    k = a
    while term > 1e-17 * total:
        k += 1.0
        term *= x / k
        total += term
    return math.exp(a * math.log(x) - x - math.lgamma(a)) * total


@compiled
def kummer(a, b, x):
    """Return Kummer's confluent hypergeometric function M(a, b, x) of positive arguments, by its series."""
    term, total, k = 1.0, 1.0, 0.0
    while (
        term > 1e-17 * total or k < x
    ):  # of a tiny a the first terms vanish, and still they rise up to k = x
        term *= (a + k) * x / ((b + k) * (1.0 + k))
        total += term
        k += 1.0
    return total


@compiled
def tricomi(a, b, x):
    """Return Tricomi's confluent hypergeometric function U(a, b, x) for a > 0, 0 < b < a + 1, x not much below 1.

    U'/U follows from the continued fraction of U(a + 1)/U(a), and U itself from M, M' and their Wronskian
    M U' - M' U = -Gamma(b) x^-b e^x / Gamma(a); no two terms cancel.
    """
    ratio = 0.0
    for k in range(int(90.0 / x) + 10, 0, -1):
        ratio = 1.0 / (2.0 * (a + k) - b + x - (a + k) * (a + k - b + 1.0) * ratio)
    slope = a * ((a - b + 1.0) * ratio - 1.0) / x
    term, m, dm, n = 1.0, 1.0, 0.0, 0.0
    while term > 1e-17 * m:
        term *= (a + n) * x / ((b + n) * (1.0 + n))
        n += 1.0
        m += term
        dm += n * term
    return math.exp(x - b * math.log(x) + math.lgamma(b) - math.lgamma(a)) / (dm / x - m * slope)


@compiled
def digamma(x):
    """Return the slope of log Gamma(x), x > 0: by its recurrence up to 8, from there the asymptotic series."""
    total = 0.0
    while x < 8.0:
        total -= 1.0 / x
        x += 1.0
    h = 1.0 / (x * x)
    series = h * (1.0 / 12.0 - h * (1.0 / 120.0 - h * (1.0 / 252.0 - h * (1.0 / 240.0 - h / 132.0))))
    return total + math.log(x) - 0.5 / x - series


@compiled
def trigamma(x):
    """Return the second derivative of ln Gamma, x > 0."""
    total = 0.0
    while x < 12.0:
        total += 1.0 / (x * x)
        x += 1.0
    y = 1.0 / (x * x)
    series = 1.0 / 6.0 - y * (1.0 / 30.0 - y * (1.0 / 42.0 - y * (1.0 / 30.0 - y * 5.0 / 66.0)))
    return total + 1.0 / x + 0.5 * y + series * y / x
