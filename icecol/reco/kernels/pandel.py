"""Pandel's distribution of photon arrival times in ice: plain, convoluted with a Gaussian, and its integrals.

With t the time residual (ns) with respect to an unscattered photon, xi the effective distance over the scattering
length and rho the rate of absorption (1/ns), t follows a Gamma distribution of shape xi and rate rho. The time jitter
of the DOM is a Gaussian of width sigma (ns).

Ahrens et al. (AMANDA), Nucl. Instrum. Meth. A 524 (2004) 169; van Eijndhoven, Fadiran and Japaridze, Astropart.
Phys. 28 (2007) 456: the regions in which different forms of the convolution are used are theirs.
"""

from __future__ import annotations

import math

from icecol.jit.function import compiled
from icecol.reco.kernels.pandel_table import LEAST_ETA, LEAST_XI, MOST_ETA, MOST_XI, tabulated
from icecol.reco.numerics.special import digamma, gamma_p, gamma_q, kummer, tricomi

ABSORPTION = 98.0
"""Absorption length (m) of every ice model."""


def _ice(decay: float, scattering: float, p1: float, *p0: float) -> tuple[float, ...]:
    return (1.0 / decay + 0.2997924 / 1.35634 / ABSORPTION, scattering, p1, *p0, decay)


ICE_MODELS = {
    "H0": _ice(596.0, 36.93, 0.9045, 4.249, -6.629, 5.430),
    "H1": _ice(578.0, 35.04, 0.8682, 3.615, -5.081, 5.015),
    "H2": _ice(556.7, 33.29, 0.8395, 3.094, -3.946, 4.636),
    "H3": _ice(542.2, 31.72, 0.8106, 2.683, -3.090, 4.436),
    "H4": _ice(526.3, 29.94, 0.7790, 2.139, -0.9614, 4.020),
}
"""IceTray's hole ice models, for light from tracks: rho (1/ns, from the decay time and the absorption
length), scattering length (m), P1, P0[0], P0[1], P0[2] of the effective distance of a DOM, decay time (ns)."""
H2 = ICE_MODELS["H2"]
SMALLEST = 1.1754943508222875e-38
"""Lower bound of the convoluted density (FLT_MIN), so that its logarithm exists."""


@compiled
def pandel(t, xi, rho):
    """Return the density of arrival times without jitter, in 1/ns: rho^xi t^(xi - 1) exp(-rho t) / Gamma(xi)."""
    if t <= 0.0 or xi <= 0.0:
        return 0.0
    return math.exp(xi * math.log(rho) + (xi - 1.0) * math.log(t) - rho * t - math.lgamma(xi))


@compiled
def timing(rho, sigma):
    """Return what the convoluted density needs of rho (1/ns) and jitter (ns): both, and two logarithms."""
    return rho, sigma, math.log(rho * sigma), math.log(math.sqrt(2.0 * math.pi) * sigma)


@compiled(inline="always")
def convoluted(t, xi, timing, table):
    """Return the density of arrival times with jitter, in 1/ns, at least `SMALLEST`; without jitter that of `pandel`.

    The forms are approximations outside of -5 sigma <= t <= 30 sigma, xi <= 5 (to 2e-5 where xi > 1, elsewhere to a
    few per cent near the edge), and differ by that much where regions meet. Inside they are exact, or from the table
    (`pandel_table()`, else `EXACT`).
    """
    sigma = timing[1]
    if sigma == 0.0:
        return pandel(t, xi, timing[0])
    if xi <= 0.0:
        p = math.exp(-0.5 * (t / sigma) ** 2 - timing[3])
    elif xi <= 5.0 and -5.0 * sigma <= t <= 30.0 * sigma:
        p = math.exp(_log_tabulated(t, xi, timing, table)[0]) if covers(xi, table) else _near(t, xi, timing)
    elif xi <= 1.0:
        p = math.exp(_log_close(t, xi, timing))
    else:
        p = math.exp(_log_far(t, xi, timing))
    return max(SMALLEST, p)  # NaN, too, becomes the smallest


@compiled(inline="always")
def slopes(t, xi, timing, table):
    """Return the density without the jumps of `convoluted`, and the slopes of its logarithm in t and xi.

    It is good to 1e-6, and to 5e-5 for xi > 5 later than 30 sigma and for xi > 38: what follows the gradient of the
    likelihood would stop at a jump. Long before direct light it is 0. Needs a table.
    """
    rho, sigma, log_rs, _ = timing
    u = t / sigma
    eta = rho * sigma - u
    if LEAST_XI <= xi < MOST_XI and LEAST_ETA <= eta < MOST_ETA:
        log, in_xi, in_eta = _log_tabulated(t, xi, timing, table)
        return math.exp(log), -(in_eta + u) / sigma, log_rs + in_xi
    if not (xi > 0.0 and eta < MOST_ETA):
        return 0.0, 0.0, 0.0
    if xi <= 5.0 and eta < 0.0:
        return _late(t, xi, timing)
    p = math.exp(_log_far(t, xi, timing))
    a, b = 1e-4 * sigma, 1e-4 * xi
    in_t = (_log_far(t + a, xi, timing) - _log_far(t - a, xi, timing)) / (2.0 * a)
    in_xi = (_log_far(t, xi + b, timing) - _log_far(t, xi - b, timing)) / (2.0 * b)
    return p, in_t, in_xi


@compiled
def _late(t, xi, timing):
    """Return density and slopes by the asymptotic series for late times: the Gamma density at t - rho sigma^2, bent."""
    rho, sigma, log_rs, _ = timing
    u = t / sigma
    eta = rho * sigma - u
    a, b, h = 1.0 - xi, 2.0 - xi, 1.0 / (eta * eta)
    first = 0.5 * a * b * h
    second = 0.25 * first * (3.0 - xi) * (4.0 - xi) * h
    bend = 1.0 + first + second
    log = (
        xi * log_rs
        + (xi - 1.0) * math.log(-eta)
        + 0.5 * rho * sigma * (rho * sigma - 2.0 * u)
        - math.lgamma(xi)
    )
    p = math.exp(log) * bend / sigma
    in_eta = (xi - 1.0) / eta - (2.0 * first + 4.0 * second) / (eta * bend)
    d_first = -0.5 * (a + b) * h
    d_second = 0.25 * h * (d_first * (3.0 - xi) * (4.0 - xi) - first * (7.0 - 2.0 * xi))
    in_xi = log_rs + math.log(-eta) - digamma(xi) + (d_first + d_second) / bend
    return p, -in_eta / sigma - rho, in_xi


@compiled
def covers(xi, table):
    """Return whether there is a table and it covers xi; it covers all times and jitters in use."""
    return table.shape[0] > 0 and xi >= LEAST_XI


@compiled(inline="always")
def _log_tabulated(t, xi, timing, table):
    rho, sigma, log_rs, log_norm = timing
    u = t / sigma
    value, in_xi, in_eta = tabulated(xi, rho * sigma - u, table)
    return xi * log_rs - 0.5 * u * u + value - log_norm, in_xi, in_eta


@compiled
def _log_close(t, xi, timing):
    """Return the logarithm of the density for small xi, long before or after direct light."""
    rho, sigma, log_rs, log_norm = timing
    rs, u = rho * sigma, t / sigma
    if t > 0.0:
        x = rho * t
        return xi * math.log(x) - math.log(t) - x + 0.5 * rs * rs - math.lgamma(xi)
    return xi * (log_rs - math.log(rs - u)) - 0.5 * u * u - log_norm


@compiled
def _near(t, xi, timing):
    """Return the convolution by confluent hypergeometric functions: parabolic cylinder functions D_-xi(eta)."""
    rho, sigma, log_rs, _ = timing
    u = t / sigma
    eta = rho * sigma - u
    x = 0.5 * eta * eta
    if eta > 1.35:  # the two terms below would cancel
        h = tricomi(0.5 * xi, 0.5, x) / math.sqrt(math.pi)
    elif eta < 0.0 and x > 40.0:  # asymptotic series of both terms, exp(x) taken into the exponent
        term, total, k = 1.0, 1.0, 1.0
        while abs(term) > 1e-16 * total and k < 40.0:
            term *= (2.0 * k - 1.0 - xi) * (2.0 * k - xi) / (4.0 * k * x)
            total += term
            k += 1.0
        log = xi * log_rs + (xi - 1.0) * math.log(-eta) + x - 0.5 * u * u - math.lgamma(xi)
        return math.exp(log) * total / sigma
    else:
        h = kummer(0.5 * xi, 0.5, x) / math.gamma(0.5 * (xi + 1.0))
        h -= math.sqrt(2.0) * eta * kummer(0.5 * (xi + 1.0), 1.5, x) / math.gamma(0.5 * xi)
    return math.exp(xi * (log_rs - 0.5 * math.log(2.0)) - 0.5 * u * u) / (sigma * math.sqrt(2.0)) * h


@compiled
def _log_far(t, xi, timing):
    """Return the logarithm of the density from the uniform expansion of D_-xi(eta) for large xi."""
    rho, sigma, log_rs, log_norm = timing
    u = t / sigma
    eta = rho * sigma - u
    k1 = 2.0 * xi - 1.0
    z = abs(eta) / math.sqrt(2.0 * k1)
    w = math.sqrt(1.0 + z * z)
    k = 0.5 * (z * w + math.log(z + w))
    b = 0.5 * (z / w - 1.0)
    n1 = b * (9.0 + b * (30.0 + b * 20.0)) / (12.0 * k1)
    n2 = b * b * (945.0 + b * (8028.0 + b * (19404.0 + b * (18480.0 + b * 6160.0)))) / (288.0 * k1 * k1)
    n3 = 20546550.0 + b * (
        94064328.0 + b * (200166120.0 + b * (220540320.0 + b * (122522400.0 + b * 27227200.0)))
    )
    n3 = (1403325.0 + b * n3) * b * b * b / (51840.0 * k1 * k1 * k1)
    log = xi * log_rs - 0.5 * u * u + 0.25 * eta * eta - log_norm
    if eta <= 0.0:
        log += 0.25 - 0.5 * xi + k * k1 + 0.5 * (math.log(2.0 * math.pi) - xi * math.log(2.0))
        log += 0.5 * (xi - 1.0) * math.log(k1) - math.lgamma(xi)
        return log + math.log((1.0 - n1 + n2 - n3) / math.sqrt(w))
    log += 0.5 * xi * (math.log(2.0) - math.log(k1) + 1.0) - 0.25 - k * k1 - 0.5 * math.log(2.0)
    return log + math.log((1.0 + n1 + n2 + n3) / math.sqrt(w))


@compiled
def integral(t, xi, rho):
    """Return the probability of an arrival before t, without jitter."""
    if xi <= 0.0:
        return 1.0 if t >= 0.0 else 0.0
    return gamma_p(xi, rho * t)


@compiled
def fast_integral(t, xi, rho, sigma):
    """Return the probability of an arrival before t, with a jitter uniform within 2.5 sqrt(2) sigma on either side.

    What IceTray calls the fast approximation: the incomplete gamma function at both ends, and between them the
    integral of density times error function by the midpoint rule with four steps, equal in t^xi.
    """
    if xi <= 0.0:
        return 0.5 * (1.0 + math.erf(t / sigma))
    a = math.sqrt(2.0) * sigma
    low, high = max(0.0, t - 2.5 * a), max(0.0, t + 2.5 * a)
    rest = 0.5 * (gamma_q(xi, rho * low) + gamma_q(xi, rho * high))
    norm = 0.5 * math.exp(xi * math.log(rho) - math.lgamma(xi))
    edge = min(0.4, high)
    if xi < 1.0 and low < edge:  # the pole at 0 is integrated by itself
        e = math.erf(t / a)
        slope = math.sqrt(2.0 / math.pi) / sigma * math.exp(-0.5 * (t / sigma) ** 2) + rho * e
        rest -= norm * (
            e * (edge**xi - low**xi) / xi - slope * (edge ** (xi + 1.0) - low ** (xi + 1.0)) / (xi + 1.0)
        )
        low = edge
    if low < high:
        begin = low**xi / xi
        step = (high**xi / xi - begin) / 4.0
        for i in range(4):
            y = ((begin + (i + 0.5) * step) * xi) ** (1.0 / xi)
            rest -= norm * step * math.exp(-rho * y) * math.erf((t - y) / a)
    return 1.0 - min(max(rest, 0.0), 1.0)
