"""Feldman and Cousins' acceptance regions, compiled."""

from __future__ import annotations

import math

from icecol.jit.cache import kept

TIE = 1e-12
"""Two logarithms of a likelihood ratio closer than this are the same."""


@kept(error_model="numpy")
def log_poisson(n: float, mu: float) -> float:
    """Return ln P(n | mu)."""
    if mu <= 0.0:
        return 0.0 if n == 0 else -math.inf
    return n * math.log(mu) - mu - math.lgamma(n + 1.0)


@kept(error_model="numpy")
def log_ratio(n: int, mu: float, b: float) -> float:
    """Return ln of the probability of n at mu over that at the signal that fits it best."""
    best = max(float(n), b)
    expected = mu + b
    if n == 0:
        return best - expected
    return n * math.log(expected / best) - expected + best if expected > 0.0 else -math.inf


@kept(error_model="numpy")
def accepted(n0: int, mu: float, b: float, level: float) -> bool:
    """Return whether the acceptance region of mu holds n0."""
    own = log_ratio(n0, mu, b)
    inside = 0.0
    n = 0
    while True:
        ratio = log_ratio(n, mu, b)
        if ratio > own + TIE or (ratio > own - TIE and n < n0):
            inside += math.exp(log_poisson(n, mu + b))
        elif n > mu + b and n >= n0:
            return inside < level
        n += 1


@kept(error_model="numpy")
def edge(n0: int, b: float, level: float, inside: float, outside: float) -> float:
    """Return where acceptance ends between two signals, by bisection."""
    while abs(outside - inside) > 1e-10:
        middle = 0.5 * (inside + outside)
        if middle in (inside, outside):
            break
        if accepted(n0, middle, b, level):
            inside = middle
        else:
            outside = middle
    return inside


@kept(error_model="numpy")
def highest(n0: int, b: float, level: float, floor: float, reach: float, step: float) -> float:
    """Return the largest accepted signal from `floor` up to `reach`; `floor` if none above it is accepted."""
    i = math.ceil((reach - floor) / step)
    while i > 0:
        if accepted(n0, floor + i * step, b, level):
            return edge(n0, b, level, floor + i * step, floor + (i + 1) * step)
        i -= 1
    return edge(n0, b, level, floor, floor + step) if accepted(n0, floor, b, level) else floor


@kept(error_model="numpy")
def interval(n0: int, b: float, level: float, reach: float, step: float) -> tuple[float, float]:
    """Return the smallest and the largest signal that accept n0."""
    i = 0
    while i * step < reach and not accepted(n0, i * step, b, level):
        i += 1
    lower = 0.0 if i == 0 else edge(n0, b, level, i * step, (i - 1) * step)
    return lower, highest(n0, b, level, lower, reach, step)


@kept(error_model="numpy")
def longest(n0: int, b: float, level: float, reach: float, step: float, upper: float) -> float:
    """Return the largest upper end for any background from b on; it falls from 3 above the larger of b and n0 on.

    The upper end falls with the background but for jumps, so that a larger one means a jump, which is bisected.
    """
    end = max(b, float(n0)) + 3.0
    i = 1
    while b + i * step <= end:
        raised = highest(n0, b + i * step, level, upper, min(reach, upper + 1.0), step)
        if raised > upper:
            before, after = b + (i - 1) * step, b + i * step
            for _ in range(30):
                middle = 0.5 * (before + after)
                higher = highest(n0, middle, level, raised, min(reach, raised + 1.0), step)
                if higher > raised:
                    raised, after = higher, middle
                else:
                    before = middle
            upper = raised
        i += 1
    return upper


@kept(error_model="numpy")
def background_at(n: float, m: float, tau: float, mu: float) -> float:
    """Return the background that fits counts on and off source best, given the signal."""
    half = n + m - (1.0 + tau) * mu
    root = math.sqrt(half * half + 4.0 * (1.0 + tau) * m * mu)
    if half >= 0.0:
        return (half + root) / (2.0 * (1.0 + tau))
    return 2.0 * m * mu / (root - half)


@kept(error_model="numpy")
def on_off_ratio(n: int, m: int, tau: float, mu: float) -> float:
    """Return ln of the likelihood ratio of mu to the best signal, the background fitted in both."""
    b = background_at(n, m, tau, mu)
    if n * tau >= m:
        best = log_poisson(n, n) + log_poisson(m, m)
    else:
        alone = (n + m) / (1.0 + tau)
        best = log_poisson(n, alone) + log_poisson(m, tau * alone)
    return log_poisson(n, mu + b) + log_poisson(m, tau * b) - best


@kept(error_model="numpy")
def on_off_accepted(n0: int, m0: int, tau: float, mu: float, level: float) -> bool:
    """Return whether the acceptance region of mu holds the observed pair of counts."""
    b = background_at(n0, m0, tau, mu)
    own = on_off_ratio(n0, m0, tau, mu)
    low_n, high_n = reach_of(mu + b)
    low_m, high_m = reach_of(tau * b)
    inside = 0.0
    for n in range(low_n, high_n + 1):
        on = math.exp(log_poisson(n, mu + b))
        for m in range(low_m, high_m + 1):
            if on_off_ratio(n, m, tau, mu) > own + TIE:
                inside += on * math.exp(log_poisson(m, tau * b))
    return inside < level


@kept(error_model="numpy")
def reach_of(mu: float) -> tuple[int, int]:
    """Return the range of counts outside which a Poisson distribution has less than 1e-12."""
    width = 8.0 * math.sqrt(mu) + 10.0
    return max(0, int(mu - width)), int(mu + width) + 1


@kept(error_model="numpy")
def on_off_interval(
    n0: int, m0: int, tau: float, level: float, reach: float, step: float
) -> tuple[float, float]:
    """Return the smallest and the largest signal of the search that accept the observed pair of counts."""
    first, last = math.nan, math.nan
    for i in range(math.ceil(reach / step) + 1):
        if on_off_accepted(n0, m0, tau, i * step, level):
            first = i * step if math.isnan(first) else first
            last = i * step
    return first, last
