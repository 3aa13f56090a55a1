"""Likelihood of a track: the arrival times at the hit DOMs, for light from a particle at the speed of light.

Ahrens et al. (AMANDA), Nucl. Instrum. Meth. A 524 (2004) 169. The numbers of this module are those of IceTray's
ipdf, whose speed of light and Cherenkov angle are rounded.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.first_pulses import first_pulses
from icecol.reco.kernels.pandel import ABSORPTION, convoluted, fast_integral, integral, timing
from icecol.reco.numerics.direction import towards

SPE_1ST, SPE_ALL, SPEQ_ALL, MPE, MPE_PLAIN, MPE_ALL, PSA, U_PANDEL = range(8)
"""Forms: first pulse; every pulse; every pulse, weighted with its charge; first of n photons (fast or plain integral);
every pulse as the first of its n; first of the photons that a muon gives; and, for cascades, the patched Pandel
function of the first pulse."""

C, N_PHASE, N_GROUP, SIN = 0.2997924, 1.3195, 1.35634, 0.65241392973
SLOW = (N_PHASE * N_GROUP - 1.0) / (SIN * N_PHASE)

_MOST_PHOTONS = 40.0


@compiled
def hits(time, charge, omkey, x, y, z, form):
    """Return what the likelihood needs of the pulses of one event, sorted by omkey, grouped by DOM.

    Returns x, y, z of each hit DOM, offsets of its pulses, their times and weights. Only the first pulse
    of a DOM counts, unless the form takes every pulse. A weight is the number of photons: the charge of the
    DOM (MPE) or the pulse (MPEAll), to the nearest integer and at least 1, the charge of the pulse (SPEqAll), or 1.
    As in IceTray, pulses at a time that is not finite, or (but for UPandel) without a charge above 0, are left out.
    """
    good = usable(time, charge, form)
    if not good.all():
        time, charge, omkey, x, y, z = time[good], charge[good], omkey[good], x[good], y[good], z[good]
    first = first_pulses(omkey)
    n = first.size - 1
    every = form in (SPE_ALL, SPEQ_ALL, MPE_ALL)
    place = np.empty((3, n))
    offsets = first if every else np.arange(n + 1)
    times, weights = np.empty(offsets[n]), np.ones(offsets[n])
    for i in range(n):
        a = first[i]
        place[0, i], place[1, i], place[2, i] = x[a], y[a], z[a]
        q = 0.0
        for j in range(a, first[i + 1]):
            q += charge[j]
            if every:
                times[j] = time[j]
                if form == SPEQ_ALL:
                    weights[j] = charge[j]
                elif form == MPE_ALL:
                    weights[j] = photons(charge[j])
        if not every:
            times[i] = time[a]
            if form in (MPE, MPE_PLAIN):
                weights[i] = photons(q)
    return place, offsets, times, weights


@compiled
def usable(time, charge, form):
    """Return which pulses a likelihood takes."""
    return np.isfinite(time) & ((charge > 0.0) | (form == U_PANDEL))


@compiled
def photons(charge):
    """Return the number of photons of a charge: the nearest integer, at least 1."""
    return math.floor(charge + 0.5) if charge >= 1.5 else 1.0


@compiled
def light(place, i, vertex, e):
    """Return the position of a DOM along the track, its distance, and the cosine of the light's angle at the DOM.

    The angle is that between the light and a PMT that faces down, as all do in the detector description of the IceTray
    fits that this is compared with, the Upgrade's too. (ipdf multiplies it with the z component of the direction the
    PMT faces. Where the track meets the DOM it is 0.)
    """
    rx, ry, rz = place[0, i] - vertex[0], place[1, i] - vertex[1], place[2, i] - vertex[2]
    along = rx * e[0] + ry * e[1] + rz * e[2]
    r = math.sqrt(rx * rx + ry * ry + rz * rz)
    cos = along / r if r > 0.0 else 1.0
    closest = r * math.sqrt(max(0.0, (1.0 - cos) * (1.0 + cos)))
    path = closest / SIN
    height = rz - (along - path / N_PHASE) * e[2]
    return along, closest, height / path if path > 0.0 else 0.0


@compiled
def track_likelihood(hits, form, vertex, time, zenith, azimuth, response, noise, ice, table):
    """Return -ln L of an infinite track at speed c.

    `hits` as from `hits`; vertex (m), time (ns), zenith and azimuth (rad); `response` is jitter (ns), clock
    error (ns, MPE) and energy of the muon (GeV, PSA); noise (1/ns) is added to the likelihood of each DOM.
    `ice` as in `ICE_MODELS`; the effective distance is P1 d + P0[0] + P0[1] cos + P0[2] cos^2.
    """
    place, offsets, times, weights = hits
    rho, scattering, p1, p00, p01, p02, decay = ice
    e = towards(zenith, azimuth)
    blur = timing(rho, response[0])
    total = 0.0
    for i in range(place.shape[1]):
        along, closest, cos = light(place, i, vertex, e)
        xi = (p1 * closest + p00 + p01 * cos + p02 * cos * cos) / scattering
        t0 = time + (along + closest * SLOW) / C
        if form == PSA:
            t, n = times[offsets[i]] - t0, muon_photons(closest, cos, response[2], scattering, decay)
            p = of_poisson(n, t, xi, blur, table)
        elif form in (MPE, MPE_PLAIN) and response[1] > 0.0:
            p = of_clock(form, times[offsets[i]] - t0, weights[offsets[i]], xi, blur, response[1])
        else:
            p = of_sensor(form, offsets[i], offsets[i + 1], times, weights, t0, xi, blur, table)
        total -= math.log(noise + p)
    return total


@compiled(inline="always")
def of_sensor(form, begin, end, times, weights, t0, xi, blur, table):
    """Return the likelihood of the pulses of one DOM; unscattered light arrives at t0."""
    product = 1.0
    for j in range(begin, end):
        t, n = times[j] - t0, weights[j]
        p = convoluted(t, xi, blur, table)
        if form == SPEQ_ALL:
            p **= n
        elif form == MPE_ALL:
            p *= of_earlier(n, t, xi, blur)
        elif form in (MPE, MPE_PLAIN) and n >= 2.0:
            p = n * p * (1.0 - arrived(form, t, xi, blur)) ** (n - 1.0)
        product *= p
    return product


@compiled
def arrived(form, t, xi, blur):
    """Return the probability that a photon has arrived by t, for the given form."""
    plain = form == MPE_PLAIN or blur[1] == 0.0
    f = integral(t, xi, blur[0]) if plain else fast_integral(t, xi, blur[0], blur[1])
    return min(max(f, 0.0), 1.0)


@compiled
def of_earlier(n, t, xi, blur):
    """Return the ratio of the density of the first of n photons to that of one, with a probability of at least 1e-4."""
    if n < 2.0:
        return 1.0
    return n * (1.0 - min(arrived(MPE_ALL, t, xi, blur), 0.9999)) ** (n - 1.0)


@compiled
def of_clock(form, t, n, xi, blur, error):
    """Return the likelihood of the first of n photons if the clock of the DOM may be off by up to `error` ns."""
    before = (1.0 - arrived(form, t - error, xi, blur)) ** n
    after = (1.0 - arrived(form, t + error, xi, blur)) ** n
    return max(before - after, 0.0) / (2.0 * error)


@compiled
def of_poisson(mean, t, xi, blur, table):
    """Return the likelihood of the first photon at t, their number Poisson distributed around `mean`, not 0."""
    p = convoluted(t, xi, blur, table)
    some = 1.0 - math.exp(-mean)
    if some <= 0.0:
        return p
    return mean / some * p * math.exp(-mean * arrived(PSA, t, xi, blur))


@compiled
def muon_photons(closest, cos, energy, scattering, decay):
    """Return the mean number of photoelectrons from a muon, at most 40: the light yield of IceTray's ipdf (AMANDA's).

    `closest` is the distance to the track (m), `cos` as from `light`, energy in GeV, scattering length and decay time
    (ns) those of the ice.
    """
    scale = 0.7886 - 0.1851 * math.tanh(0.5967 * (math.log(energy) - math.log(1409.0)))
    path = scale * closest * 1.51676
    hit = math.exp(-path * (1.0 / ABSORPTION + math.log(1.0 + decay * C / N_GROUP / ABSORPTION) / scattering))
    yields = 1.978 + 0.2314e-3 * energy
    if energy < 100.0:
        yields *= energy / 100.0
    yields *= 1.0 + 1.1932 * max(energy, 100.0) ** -0.20084 * cos
    none = (1.0 - hit) ** yields
    if none < math.exp(-_MOST_PHOTONS):
        return _MOST_PHOTONS
    return -math.log(none) if none < 1.0 else 0.0
