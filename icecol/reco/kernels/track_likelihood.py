"""Likelihood of a track: how well the arrival times at the hit sensors fit light from a particle at speed c.

Ahrens et al. (AMANDA), Nucl. Instrum. Meth. A 524 (2004) 169. The numbers of this module are those of IceTray's
ipdf, whose speed of light and Cherenkov angle are rounded.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from icecol.reco.kernels.direction import towards
from icecol.reco.kernels.improved_linefit import first_pulses
from icecol.reco.kernels.pandel import convoluted, fast_integral, integral

SPE_1ST, SPE_ALL, SPEQ_ALL, MPE, MPE_PLAIN = 0, 1, 2, 3, 4
"""Forms: first pulse; every pulse; every pulse, charge times; first of n photons (fast or plain integral)."""

_C, _N_PHASE, _N_GROUP, _SIN = 0.2997924, 1.3195, 1.35634, 0.65241392973


@njit(nogil=True, error_model="numpy")
def hits(time, charge, omkey, x, y, z, form):
    """Return what the likelihood needs of the pulses of one event, sorted by omkey, by sensor.

    Returns x, y, z of each hit sensor, offsets of its pulses, their times and weights. Only the first pulse
    of a sensor counts, unless the form takes every pulse. A weight is the number of photons: the charge of the
    sensor, to the nearest integer and at least 1 (MPE), the charge of the pulse (SPEqAll), or 1.
    """
    first = first_pulses(omkey)
    n = first.size - 1
    every = form in (SPE_ALL, SPEQ_ALL)
    place = np.empty((3, n))
    offsets = first if every else np.arange(n + 1)
    times, weights = np.empty(offsets[n]), np.ones(offsets[n])
    for i in range(n):
        a = first[i]
        place[0, i], place[1, i], place[2, i] = x[a], y[a], z[a]
        q = 0.0
        for j in range(a, first[i + 1]):
            q += max(charge[j], 0.0)
            if every:
                times[j] = time[j]
                if form == SPEQ_ALL:
                    weights[j] = charge[j]
        if not every:
            times[i] = time[a]
            if form >= MPE and q >= 1.5:
                weights[i] = math.floor(q + 0.5)
    return place, offsets, times, weights


@njit(nogil=True, error_model="numpy")
def track_likelihood(hits, form, vertex, time, zenith, azimuth, jitter, noise, ice):
    """Return -ln L of an infinite track at speed c.

    `hits` as from `hits`; vertex (m), time (ns), zenith and azimuth (rad); jitter (ns) and noise (1/ns, added to the
    likelihood of each sensor). `ice` is rho (1/ns), scattering length (m), and P1, P0[0], P0[1], P0[2] of the
    effective distance P1 d + P0[0] + P0[1] cos + P0[2] cos^2, with cos of the angle between the light and a sensor
    that looks down (as IceTray takes every sensor to do, even those of the Upgrade that do not).
    """
    place, offsets, times, weights = hits
    rho, scattering, p1, p00, p01, p02 = ice
    px, py, pz = vertex
    ex, ey, ez = towards(zenith, azimuth)
    slow = (_N_PHASE * _N_GROUP - 1.0) / (_SIN * _N_PHASE)
    total = 0.0
    for i in range(place.shape[1]):
        rx, ry, rz = place[0, i] - px, place[1, i] - py, place[2, i] - pz
        along = rx * ex + ry * ey + rz * ez
        r = math.sqrt(rx * rx + ry * ry + rz * rz)
        cos = along / r if r > 0.0 else 1.0
        closest = r * math.sqrt(max(0.0, (1.0 - cos) * (1.0 + cos)))
        path = closest / _SIN
        height = rz - (along - path / _N_PHASE) * ez
        cos = height / path if path > 0.0 else 0.0
        xi = (p1 * closest + p00 + p01 * cos + p02 * cos * cos) / scattering
        t0 = time + (along + closest * slow) / _C
        total -= math.log(
            noise + of_sensor(form, offsets[i], offsets[i + 1], times, weights, t0, xi, rho, jitter)
        )
    return total


@njit(nogil=True, error_model="numpy")
def of_sensor(form, begin, end, times, weights, t0, xi, rho, jitter):
    """Return the likelihood of the pulses of one sensor, the light that is not scattered arriving at t0."""
    t, n = times[begin] - t0, weights[begin]
    p = convoluted(t, xi, rho, jitter)
    if form >= MPE:
        if n < 2.0:
            return p
        before = fast_integral(t, xi, rho, jitter) if form == MPE else integral(t, xi, rho)
        if before <= 0.0:
            return n * p
        return n * p * (1.0 - before) ** (n - 1.0) if before < 1.0 else 0.0
    if form == SPEQ_ALL:
        p **= n
    for j in range(begin + 1, end):
        q = convoluted(times[j] - t0, xi, rho, jitter)
        p *= q ** weights[j] if form == SPEQ_ALL else q
    return p
