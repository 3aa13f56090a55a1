"""Pandel's distribution of photon arrival times in ice: as it is, folded with a Gaussian, and its integrals.

With t the time after a photon that was not scattered (ns), xi the effective distance over the scattering length and
rho the rate of absorption (1/ns), the arrival time of a photon is Gamma distributed: shape xi, rate rho. The jitter
of the sensor is a Gaussian of width sigma (ns) around it.

Ahrens et al. (AMANDA), Nucl. Instrum. Meth. A 524 (2004) 169; van Eijndhoven, Fadiran and Japaridze, Astropart.
Phys. 28 (2007) 456: the regions, in each of which another form of the convolution is used, are theirs.
"""

from __future__ import annotations

import math

from numba import njit

from icecol.reco.kernels.special import gamma_p, gamma_q, kummer, tricomi

H2 = (1.0 / 556.7 + 0.2997924 / 1.35634 / 98.0, 33.29, 0.8395, 3.094, -3.946, 4.636)
"""IceTray's ice model H2: rho (1/ns: decay time 556.7 ns, absorption length 98 m), scattering length (m), and P1,
P0[0], P0[1], P0[2] of the effective distance of a sensor from a track."""
SMALLEST = 1.1754943508222875e-38
"""The least value of the convoluted density (FLT_MIN), so that its logarithm exists."""


@njit(nogil=True, error_model="numpy")
def pandel(t, xi, rho):
    """Return the density of arrival times without jitter, in 1/ns: rho^xi t^(xi - 1) exp(-rho t) / Gamma(xi)."""
    if t <= 0.0 or xi <= 0.0:
        return 0.0
    return math.exp(xi * math.log(rho) + (xi - 1.0) * math.log(t) - rho * t - math.lgamma(xi))


@njit(nogil=True, error_model="numpy")
def convoluted(t, xi, rho, sigma):
    """Return the density of arrival times with jitter, in 1/ns, at least `SMALLEST`.

    The forms are approximations outside of -5 sigma <= t <= 30 sigma, xi <= 5 (to 2e-5 where xi > 1, elsewhere to a
    few per cent near the edge), and differ by that much where regions meet.
    """
    if xi <= 0.0:
        p = math.exp(-0.5 * (t / sigma) ** 2) / (math.sqrt(2.0 * math.pi) * sigma)
    elif xi <= 5.0 and -5.0 * sigma <= t <= 30.0 * sigma:
        p = _near(t, xi, rho, sigma)
    elif xi <= 1.0 and t > 0.0:
        rs = rho * sigma
        log = xi * math.log(rho) + (xi - 1.0) * math.log(t) - rho * t + 0.5 * rs * rs - math.lgamma(xi)
        p = math.exp(log)
    elif xi <= 1.0:
        rs, u = rho * sigma, t / sigma
        p = (rs / (rs - u)) ** xi * math.exp(-0.5 * u * u) / (math.sqrt(2.0 * math.pi) * sigma)
    else:
        p = math.exp(_log_far(t, xi, rho, sigma))
    return max(SMALLEST, p)


@njit(nogil=True, error_model="numpy")
def _near(t, xi, rho, sigma):
    """Return the convolution by confluent hypergeometric functions: parabolic cylinder functions D_-xi(eta)."""
    rs, u = rho * sigma, t / sigma
    eta = rs - u
    x = 0.5 * eta * eta
    if eta > 1.35:  # the two terms below would cancel
        h = tricomi(0.5 * xi, 0.5, x) / math.sqrt(math.pi)
    elif eta < 0.0 and x > 40.0:  # asymptotic series of both terms, exp(x) taken into the exponent
        term, total, k = 1.0, 1.0, 1.0
        while abs(term) > 1e-16 * total and k < 40.0:
            term *= (2.0 * k - 1.0 - xi) * (2.0 * k - xi) / (4.0 * k * x)
            total += term
            k += 1.0
        log = xi * math.log(rs) + (xi - 1.0) * math.log(-eta) + x - 0.5 * u * u - math.lgamma(xi)
        return math.exp(log) * total / sigma
    else:
        h = kummer(0.5 * xi, 0.5, x) / math.gamma(0.5 * (xi + 1.0))
        h -= math.sqrt(2.0) * eta * kummer(0.5 * (xi + 1.0), 1.5, x) / math.gamma(0.5 * xi)
    return math.exp(xi * math.log(rs / math.sqrt(2.0)) - 0.5 * u * u) / (sigma * math.sqrt(2.0)) * h


@njit(nogil=True, error_model="numpy")
def _log_far(t, xi, rho, sigma):
    """Return the logarithm of the density from the uniform expansion of D_-xi(eta) for large xi."""
    rs, u = rho * sigma, t / sigma
    eta = rs - u
    k1 = 2.0 * xi - 1.0
    z = abs(eta) / math.sqrt(2.0 * k1)
    w = math.sqrt(1.0 + z * z)
    k = 0.5 * (z * w + math.log(z + w))
    b = 0.5 * (z / w - 1.0)
    n1 = b * (9.0 + b * (30.0 + b * 20.0)) / 12.0
    n2 = b * b * (945.0 + b * (8028.0 + b * (19404.0 + b * (18480.0 + b * 6160.0)))) / 288.0
    n3 = 20546550.0 + b * (
        94064328.0 + b * (200166120.0 + b * (220540320.0 + b * (122522400.0 + b * 27227200.0)))
    )
    n3 = (1403325.0 + b * n3) * b * b * b / 51840.0
    log = xi * math.log(rs) - 0.5 * u * u + 0.25 * eta * eta - math.log(sigma)
    if eta <= 0.0:
        log += 0.25 - 0.5 * xi + k * k1 - 0.5 * math.log(w) - 0.5 * xi * math.log(2.0)
        log += 0.5 * (xi - 1.0) * math.log(k1) - math.lgamma(xi)
        return log + math.log(1.0 - n1 / k1 + n2 / k1**2 - n3 / k1**3)
    log += 0.5 * xi * (math.log(2.0 / k1) + 1.0) - 0.25 - k * k1 - 0.5 * math.log(w)
    return log + math.log(1.0 + n1 / k1 + n2 / k1**2 + n3 / k1**3) - math.log(2.0 * math.sqrt(math.pi))


@njit(nogil=True, error_model="numpy")
def integral(t, xi, rho):
    """Return the chance of an arrival before t, without jitter."""
    if xi <= 0.0:
        return 1.0 if t >= 0.0 else 0.0
    return gamma_p(xi, rho * t)


@njit(nogil=True, error_model="numpy")
def fast_integral(t, xi, rho, sigma):
    """Return the chance of an arrival before t with a jitter that is even up to 2.5 sqrt(2) sigma on either side.

    What IceTray calls the fast approximation: the incomplete gamma function at both ends, and between them the
    integral of density times error function by the midpoint rule with four steps, which are even in t^xi.
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
