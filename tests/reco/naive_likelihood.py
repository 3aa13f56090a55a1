"""Likelihoods of tracks and cascades by the textbook: slow, plain, written from the formulas."""

from __future__ import annotations

import math

import numpy as np

from icecol.reco.kernels.pandel import ICE_MODELS, convoluted, fast_integral, integral, timing
from icecol.reco.kernels.pandel_table import EXACT

C_GROUP = 0.2997924 / 1.35634
CASCADE_RHO = 1 / 450 + C_GROUP / 98


def flight(zenith, azimuth):
    return -np.array(
        [math.sin(zenith) * math.cos(azimuth), math.sin(zenith) * math.sin(azimuth), math.cos(zenith)]
    )


def hit_doms(event, sensors, form=None):
    """Return omkey -> [(time, charge), ...] of good pulses of the sensors of a geometry, in the order of omkey."""
    doms = {}
    for t, q, key in sorted(event, key=lambda p: p[2]):
        if key in sensors and math.isfinite(t) and (q > 0 or form == "UPandel"):
            doms.setdefault(key, []).append((t, q))
    return doms


def of_dom(form, pulses, t0, xi, rho, jitter, timing_error, mean):
    """Return the likelihood of the pulses of one sensor, `mean` photons expected."""

    def p(t):
        if jitter == 0:  # a Gamma distribution
            t -= t0
            if t <= 0 or xi <= 0:
                return 0.0
            return math.exp(xi * math.log(rho * t) - rho * t - math.lgamma(xi)) / t
        return convoluted(t - t0, xi, timing(rho, jitter), EXACT)

    def cdf(t):
        if form == "MPEPlain" or jitter == 0:
            return integral(t - t0, xi, rho)
        return fast_integral(t - t0, xi, rho, jitter)

    def number(q):
        return int(q + 0.5) if q >= 1.5 else 1

    t = pulses[0][0]
    if form == "SPE1st":
        return p(t)
    if form == "SPEAll":
        return math.prod(p(t) for t, _ in pulses)
    if form == "SPEqAll":
        return math.prod(p(t) ** q for t, q in pulses)
    if form == "MPEAll":
        n = [number(q) for _, q in pulses]
        return math.prod(
            k * p(t) * (1 - min(cdf(t), 0.9999)) ** (k - 1) for (t, _), k in zip(pulses, n, strict=True)
        )
    if form == "PSA":
        return p(t) * math.exp(-mean * cdf(t)) * (mean / (1 - math.exp(-mean)) if math.exp(-mean) < 1 else 1)
    n = number(sum(max(q, 0) for _, q in pulses))
    if timing_error:
        width = 2 * timing_error
        return max(((1 - cdf(t - timing_error)) ** n - (1 - cdf(t + timing_error)) ** n) / width, 0)
    return n * p(t) * (1 - cdf(t)) ** (n - 1)


def muon_photons(d, cos, energy, scattering, decay):
    """Return the photo-electrons of a muon, from the chance that an AMANDA sensor sees none."""
    scale = 0.7886 - 0.1851 * math.tanh(0.5967 * math.log(energy / 1409))
    way = scale * d * 1.51676
    chance = math.exp(-way / 98 - way / scattering * math.log(1 + decay * C_GROUP / 98))
    size = (1.978 + 0.2314e-3 * energy) * min(energy / 100, 1)
    size *= 1 + 1.1932 * max(energy, 100) ** -0.20084 * cos
    none = (1 - chance) ** size
    return 40.0 if none < math.exp(-40) else max(-math.log(none), 0.0)


def track_logl(event, sensors, track, form, jitter, *, timing_error=0.0, energy=1000.0, ice_model="H2"):
    """Return -ln L and degrees of freedom: where the light leaves the track and how far it goes."""
    rho, scattering, p1, *p0, decay = ICE_MODELS[ice_model]
    n_phase, n_group, c, sin = 1.3195, 1.35634, 0.2997924, 0.65241392973
    e = flight(track["zenith"], track["azimuth"])
    logl, doms = 0.0, hit_doms(event, sensors)
    for key, pulses in doms.items():
        r = np.array([sensors[key][a] - track[a] for a in "xyz"])
        along = r @ e
        d = math.sqrt(r @ r - along**2)
        ray = r - (along - d / sin / n_phase) * e
        cos = ray[2] / (d / sin)
        xi = (p1 * d + p0[0] + p0[1] * cos + p0[2] * cos**2) / scattering
        t0 = track["time"] + (along + d * (n_phase * n_group - 1) / (sin * n_phase)) / c
        mean = muon_photons(d, cos, energy, scattering, decay)
        logl -= math.log(1e-8 + of_dom(form, pulses, t0, xi, rho, jitter, timing_error, mean))
    return logl, len(doms) - 5


def patched_pandel(t, r, sigma):
    """Return the density of which value and slope join at 0 and sqrt(2 pi) sigma, by solving for the cubic."""
    from scipy import special

    rho, xi, join = 1 / 450 + 0.299792458 / 1.35634 / 98, r / 47, math.sqrt(2 * math.pi) * sigma

    def pandel(t):
        return math.exp(xi * math.log(rho) + (xi - 1) * math.log(t) - rho * t - special.gammaln(xi))

    if t > join:
        return pandel(t)
    slope = pandel(join) * ((xi - 1) / join - rho)
    equations = [  # c0, c2, c3: value and slope at the join, and the integral, of which the Gaussian is c0 join / 2
        [1, join**2, join**3],
        [0, 2 * join, 3 * join**2],
        [1.5 * join, join**3 / 3, join**4 / 4],
    ]
    c0, c2, c3 = np.linalg.solve(equations, [pandel(join), slope, special.gammainc(xi, rho * join)])
    c0 = max(c0, 0.0)
    return c0 * math.exp(-0.5 * (t / sigma) ** 2) if t <= 0 else c0 + c2 * t**2 + c3 * t**3


def cascade_logl(event, sensors, vertex, form, jitter, *, timing_error=0.0, energy=1000.0):
    """Return -ln L of the times of light from a point, and degrees of freedom."""
    logl, doms = 0.0, hit_doms(event, sensors, form)
    for key, pulses in doms.items():
        r = math.dist([sensors[key][a] for a in "xyz"], [vertex[a] for a in "xyz"])
        if form == "UPandel":
            t = pulses[0][0] - vertex["time"] - r / (0.299792458 / 1.35634)
            logl -= math.log(max(patched_pandel(t, r, jitter), 1e-10) if r <= 500 else 1e-10)
            continue
        mean = energy * 1.4 / (r + 0.1) * math.exp(-(r + 0.1) / 29)
        t0 = vertex["time"] + r / C_GROUP
        p = of_dom(form, pulses, t0, r / 47, CASCADE_RHO, jitter, timing_error, mean)
        logl -= math.log(1e-8 + p)
    return logl, len(doms) - 4


def light_logl(event, sensors, cascade, light, *, light_yield=0.45, attenuation=28.08):
    """Return -ln L of the charges, or of which sensors are hit, of a cascade with direction and energy."""
    e, doms, logl = flight(cascade["zenith"], cascade["azimuth"]), hit_doms(event, sensors), 0.0
    for key, sensor in sensors.items():
        r = np.array([sensor[a] - cascade[a] for a in "xyz"])
        d, cos = math.sqrt(r @ r) + 0.1, r @ e / math.sqrt(r @ r)
        mu = light_yield * cascade["energy"] / d * math.exp(-d / attenuation) * (cos**2 + 3.364 * cos + 2.566)
        q = max(sum(q for _, q in doms.get(key, [])), 0.0)
        if light == "charge":
            logl -= q * math.log(mu + 5e-3) - (mu + 5e-3) - math.lgamma(q + 1)
        else:
            hit = 0.95 * (1 - math.exp(-mu)) + 5e-3 * math.exp(-mu)
            logl -= math.log(hit if key in doms else 1 - hit)
    return logl
