"""Log-likelihoods of a single bin and their slopes, compiled, and stable for any size of the Monte Carlo sample.

The textbook form of a Poisson distribution averaged over a gamma distribution takes differences of ln Γ, which lose
all digits where the simulation is large. Here ln[Γ(a + k) / (Γ(a) a^k)] is one function, with Stirling's series.
"""

from __future__ import annotations

import math

from icecol.jit.cache import kept

KINDS = {
    "poisson": 0,
    "effective": 1,
    "effective_mean": 2,
    "effective_mode": 3,
    "barlow_beeston": 4,
    "barlow_beeston_poisson": 5,
}
"""Likelihoods of a bin, by name, and the numbers that compiled code knows them by."""

STIRLING = 10.0
"""Stirling's series, with the terms below, is good to 1e-15 from here on."""

INFINITE = 1e290
"""A sample of this many effective events has no statistical error."""


@kept(error_model="numpy")
def stirling(x: float) -> float:
    """Return ln Γ(x) - [(x - 1/2) ln x - x + ln(2π)/2] for x ≥ 10."""
    y = 1.0 / (x * x)
    series = 1 / 12 - y * (
        1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y * (1 / 1188 - y * (691 / 360360 - y / 156))))
    )
    return series / x


@kept(error_model="numpy")
def log_rising(a: float, k: float) -> float:
    """Return ln[Γ(a + k) / (Γ(a) a^k)], for a > 0 and k ≥ 0."""
    if a < STIRLING:
        return math.lgamma(a + k) - math.lgamma(a) - k * math.log(a)
    return (a + k - 0.5) * math.log1p(k / a) - k + stirling(a + k) - stirling(a)


@kept(error_model="numpy")
def digamma_rest(x: float) -> float:
    """Return ψ(x) - ln x for x ≥ 10."""
    y = 1.0 / (x * x)
    return -0.5 / x - y * (
        1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132 - y * 691 / 32760))))
    )


@kept(error_model="numpy")
def digamma_step(a: float, k: float) -> float:
    """Return ψ(a + k) - ψ(a), for a > 0 and k ≥ 0."""
    if a >= STIRLING:
        return math.log1p(k / a) + digamma_rest(a + k) - digamma_rest(a)
    total = 0.0
    low, high = a, a + k
    while low < STIRLING:
        total += 1.0 / low
        low += 1.0
    while high < STIRLING:
        total -= 1.0 / high
        high += 1.0
    return total + math.log1p((high - low) / low) + digamma_rest(high) - digamma_rest(low)


@kept(error_model="numpy")
def gamma_poisson(k: float, shape: float, rate: float) -> tuple[float, float, float]:
    """Return ln of a Poisson distribution averaged over a gamma distribution, and its slopes in shape and rate."""
    below = math.log1p(1.0 / rate)
    if k == 0.0:  # most bins of a rare signal
        return -shape * below, -below, shape / (rate * (1.0 + rate))
    log = log_rising(shape, k) + k * math.log(shape / (1.0 + rate)) - shape * below - math.lgamma(k + 1.0)
    return log, digamma_step(shape, k) - below, (shape - k * rate) / (rate * (1.0 + rate))


@kept(error_model="numpy")
def bin_logl(kind: int, k: float, mu: float, s2: float) -> tuple[float, float, float]:
    """Return ln L of k events where mu ± sqrt(s2) are expected, and its slopes in mu and in s2."""
    if mu <= 0.0:
        return (0.0 if k == 0.0 else -math.inf), 0.0, 0.0
    if kind == 0 or mu * mu > INFINITE * s2:
        return (k * math.log(mu) if k > 0.0 else 0.0) - mu - math.lgamma(k + 1.0), k / mu - 1.0, 0.0
    if kind == 4 or kind == 5:  # noqa: PLR1714
        return barlow_beeston(kind, k, mu, s2)
    if kind == 3:
        root = math.sqrt(mu * mu + 4.0 * s2)
        rate = (mu + root) / (2.0 * s2)
        log, in_shape, in_rate = gamma_poisson(k, mu * rate + 1.0, rate)
        rate_in_mu, rate_in_s2 = rate / root, (1.0 / root - rate) / s2
        in_rate += in_shape * mu
        return log, in_shape * rate + in_rate * rate_in_mu, in_rate * rate_in_s2
    rate = mu / s2
    log, in_shape, in_rate = gamma_poisson(k, mu * rate + (1.0 if kind == 1 else 0.0), rate)
    return log, (2.0 * mu * in_shape + in_rate) / s2, -(mu * in_shape + in_rate) * rate / s2


@kept(error_model="numpy")
def barlow_beeston(kind: int, k: float, mu: float, s2: float) -> tuple[float, float, float]:
    """Return the same with a factor on mu that is fitted, constrained by a Gaussian (4) or by the MC counts (5)."""
    if kind == 4:
        linear = 1.0 - s2 / mu
        root = math.sqrt(linear * linear + 4.0 * k * s2 / (mu * mu))
        factor = 0.5 * (linear + root) if linear >= 0.0 else 2.0 * k * s2 / (mu * mu) / (root - linear)
        excess = factor - 1.0
        penalty = 0.5 * excess * excess * mu / s2
        constraint, in_mu, in_s2 = -penalty * mu, -2.0 * penalty, penalty * mu / s2
    else:
        events = mu * mu / s2
        excess = (k - mu) / (mu + events)
        factor = (k + events) / (mu + events)
        penalty = math.log1p(excess) - excess
        constraint, in_mu, in_s2 = events * penalty, 2.0 * mu / s2 * penalty, -events / s2 * penalty
    fitted = factor * mu
    log = (k * math.log(fitted) if k > 0.0 else 0.0) - fitted - math.lgamma(k + 1.0)
    return log + constraint, k / mu - factor + in_mu, in_s2
