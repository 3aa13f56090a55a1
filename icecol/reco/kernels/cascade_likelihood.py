"""Likelihood of a cascade: light from one point, which arrives at the earliest unscattered.

The arrival times at a DOM r m from the vertex follow Pandel's distribution with xi = r / 47 m, decay time 450 ns and
absorption length 98 m: IceTray's ipdf (PointCascade), and cscd-llh (UPandel), whose speed of light is not rounded.

The amount of light is the AMANDA parametrisation in ipdf (Taboada's, of DirectionalCascade): at an angle of cosine c to
the axis the mean number of photoelectrons is

    mu = 0.45 m/GeV E exp(-d / 28.08 m) / d (c^2 + 3.364 c + 2.566),  d = r + 0.1 m.

Ahrens et al. (AMANDA), Nucl. Instrum. Meth. A 524 (2004) 169; Kowalski, thesis, Berlin 2004.
"""

from __future__ import annotations

import math

from icecol.detector.medium import c_ice
from icecol.jit.function import compiled
from icecol.reco.kernels.pandel import integral, pandel, timing
from icecol.reco.kernels.track_likelihood import (
    MPE,
    MPE_PLAIN,
    N_GROUP,
    PSA,
    U_PANDEL,
    C,
    of_clock,
    of_poisson,
    of_sensor,
)
from icecol.reco.numerics.direction import towards

C_GROUP = C / N_GROUP
SCATTERING, _DECAY, _ABSORPTION = 47.0, 450.0, 98.0
RHO = 1.0 / _DECAY + C_GROUP / _ABSORPTION

_RHO_PATCHED = 1.0 / _DECAY + c_ice / _ABSORPTION
_LEAST, _FARTHEST = 1e-10, 500.0

_POINT_YIELD, _POINT_ATTENUATION, _NEAREST = 1.4, 29.0, 0.1


@compiled
def cascade_likelihood(hits, form, vertex, time, energy, response, noise, table):
    """Return -ln L of the arrival times of light from a point.

    `hits` as from `track_likelihood.hits`; vertex (m), time (ns), energy (GeV, for PSA); `response` is the jitter and
    clock error of a DOM (ns); noise (1/ns) is added to the likelihood of each DOM, except for UPandel.
    """
    place, offsets, times, weights = hits
    blur = timing(RHO, response[0])
    total = 0.0
    for i in range(place.shape[1]):
        rx, ry, rz = place[0, i] - vertex[0], place[1, i] - vertex[1], place[2, i] - vertex[2]
        r = math.sqrt(rx * rx + ry * ry + rz * rz)
        if form == U_PANDEL:
            total -= math.log(patched(times[offsets[i]] - time - r / c_ice, r, response[0]))
            continue
        xi, t0 = r / SCATTERING, time + r / C_GROUP
        if form == PSA:
            p = of_poisson(point_photons(r, energy), times[offsets[i]] - t0, xi, blur, table)
        elif form in (MPE, MPE_PLAIN) and response[1] > 0.0:
            p = of_clock(form, times[offsets[i]] - t0, weights[offsets[i]], xi, blur, response[1])
        else:
            p = of_sensor(form, offsets[i], offsets[i + 1], times, weights, t0, xi, blur, table)
        total -= math.log(noise + p)
    return total


@compiled
def patched(t, r, sigma):
    """Return the patched Pandel density of cscd-llh (1/ns) at t ns after direct light, r m from the cascade.

    A half Gaussian before direct light, Pandel's density from sqrt(2 pi) sigma on, and between them a cubic that joins
    both smoothly and keeps the integral at 1; at least 1e-10, which it also is beyond 500 m.
    """
    if not 0.0 < r <= _FARTHEST:
        return _LEAST
    xi, join = r / SCATTERING, math.sqrt(2.0 * math.pi) * sigma
    if t > join:
        p = pandel(t, xi, _RHO_PATCHED)
    else:
        before, value = integral(join, xi, _RHO_PATCHED), pandel(join, xi, _RHO_PATCHED)
        slope = value * ((xi - 1.0) / join - _RHO_PATCHED)
        p = max(before / join - 0.5 * value + slope * join / 12.0, 0.0)
        if t <= 0.0:
            p *= math.exp(-0.5 * (t / sigma) ** 2)
        else:
            u = t / join
            square = -3.0 * before / join + 4.5 * value - 1.25 * slope * join
            cube = 2.0 * before / join - 3.0 * value + 7.0 / 6.0 * slope * join
            p += u * u * (square + cube * u)
    return max(_LEAST, p)  # nan, too, becomes the least


@compiled
def point_photons(r, energy):
    """Return the mean number of photoelectrons r m from a cascade, over all angles (Kowalski's, of PointCascade)."""
    d = r + _NEAREST
    return energy * _POINT_YIELD / d * math.exp(-d / _POINT_ATTENUATION)


@compiled
def photons(rx, ry, rz, e, energy, light):
    """Return the mean number of photoelectrons at (rx, ry, rz) from a cascade that flies along e.

    `light` is the yield (m/GeV), the attenuation length (m), and the profile: coefficients of a parabola in the cosine
    of the angle to the axis, rising.
    """
    r = math.sqrt(rx * rx + ry * ry + rz * rz)
    cos = (rx * e[0] + ry * e[1] + rz * e[2]) / r if r > 0.0 else 0.0
    d = r + _NEAREST
    return energy * light[0] / d * math.exp(-d / light[1]) * (light[2] + cos * (light[3] + cos * light[4]))


@compiled
def light_likelihood(place, charges, sensors, vertex, zenith, azimuth, energy, light, by_charge):
    """Return -ln L of the amount of light in each DOM.

    `place` has the hit DOMs, `sensors` all of them (3, n); `light` as for `photons`, followed by the probabilities of
    a noise hit and of a dead DOM. `by_charge`: Poisson probability of the photoelectrons of cascade and noise, with
    Gamma(q + 1) for the factorial; otherwise only whether a DOM was hit (cscd-llh's hit/no-hit). Hit DOMs with a
    charge of NaN are not among `sensors`.
    """
    e = towards(zenith, azimuth)
    noise, dead = light[5], light[6]
    total = 0.0
    for i in range(sensors.shape[1]):
        mu = photons(
            sensors[0, i] - vertex[0], sensors[1, i] - vertex[1], sensors[2, i] - vertex[2], e, energy, light
        )
        total += mu + noise if by_charge else -math.log(missed(mu, noise, dead))
    for i in range(charges.size):
        if math.isnan(charges[i]):
            continue
        mu = photons(
            place[0, i] - vertex[0], place[1, i] - vertex[1], place[2, i] - vertex[2], e, energy, light
        )
        if by_charge:
            q = max(charges[i], 0.0)
            total -= q * math.log(mu + noise) - math.lgamma(q + 1.0)
        else:
            total -= math.log(1.0 - missed(mu, noise, dead)) - math.log(missed(mu, noise, dead))
    return total


@compiled
def missed(mu, noise, dead):
    """Return the probability that a DOM is not hit: neither light nor noise, or dead."""
    dark = math.exp(-mu)
    return max((1.0 - noise) * dark + dead * (1.0 - dark), 1e-40)
