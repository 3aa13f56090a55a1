"""Improved LineFit: late pulses removed, a robust fit, far pulses removed, then LineFit.

IceCube, Nucl. Instrum. Meth. A 736 (2014) 143, arXiv:1308.5501. The pulses of an event are sorted by omkey.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from icecol.reco.kernels.direction import direction
from icecol.reco.kernels.linefit import linefit


@njit(nogil=True, error_model="numpy")
def improved_linefit(
    time,
    omkey,
    x,
    y,
    z,
    min_hits,
    delay_distance,
    delay_time_window,
    huber_distance,
    debias_distance,
    min_doms,
):
    """Fit a line to the pulses that survive both cleanings (distances in m, window in ns); see `linefit.solve`."""
    keep = delay_cleaning(time, omkey, x, y, z, delay_distance, delay_time_window, min_doms)
    time, omkey, x, y, z = time[keep], omkey[keep], x[keep], y[keep], z[keep]
    seed = huber_fit(time, omkey, x, y, z, huber_distance, min_doms)
    keep = debiasing(time, omkey, x, y, z, seed, debias_distance, min_doms)
    return linefit(time[keep], x[keep], y[keep], z[keep], min_hits)


@njit(nogil=True, error_model="numpy")
def first_pulses(omkey):
    """Return the index of the first pulse of each sensor, and the number of pulses at the end."""
    first = np.empty(omkey.size + 1, np.int64)
    n = 0
    for j in range(omkey.size):  # written without a branch on "next sensor", which is a coin toss
        first[n] = j
        n += j == 0 or omkey[j] != omkey[j - 1]
    first[n] = omkey.size
    return first[: n + 1]


@njit(nogil=True, error_model="numpy")
def count_doms(omkey, keep):
    """Count the sensors with a pulse that is kept."""
    n = 0
    last = -1
    for j in range(omkey.size):
        if keep[j]:
            if last < 0 or omkey[j] != omkey[last]:
                n += 1
            last = j
    return n


@njit(nogil=True, error_model="numpy")
def delay_cleaning(time, omkey, x, y, z, distance, time_window, min_doms):
    """Tell which pulses come within time_window of the first light within `distance` of their sensor.

    The first light is the earliest of the first pulses of the sensors closer than `distance`. All pulses are kept
    if fewer than min_doms sensors would have any.
    """
    first = first_pulses(omkey)
    n = first.size - 1
    doms = np.empty((n, 4))
    for i in range(n):
        a = first[i]
        doms[i, 0], doms[i, 1], doms[i, 2], doms[i, 3] = x[a], y[a], z[a], time[a]
    # the largest square whose root is below the distance: spares a root for every pair
    limit = distance * distance if distance > 0.0 else -1.0
    while limit > 0.0 and math.sqrt(limit) >= distance:
        limit = np.nextafter(limit, 0.0)
    keep = np.zeros(time.size, np.bool_)
    for i in range(n):
        xi, yi, zi, earliest = doms[i, 0], doms[i, 1], doms[i, 2], math.inf
        for k in range(n):
            dx, dy, dz, t = xi - doms[k, 0], yi - doms[k, 1], zi - doms[k, 2], doms[k, 3]
            near = dx * dx + dy * dy + dz * dz <= limit
            earliest = t if near and t < earliest else earliest
        for j in range(first[i], first[i + 1]):
            keep[j] = time[j] <= earliest + time_window
    if count_doms(omkey, keep) < min_doms:
        keep[:] = True
    return keep


@njit(nogil=True, error_model="numpy")
def huber_fit(time, omkey, x, y, z, distance, min_doms):
    """Fit a line that minimises the Huber penalty of the distances to the pulses.

    The penalty is p^2 up to p = `distance` and distance (2 p - distance) beyond; it is minimised by an over-relaxed
    alternating direction method of multipliers (Boyd et al., Found. Trends Mach. Learn. 3 (2011) 1) until no pulse
    moves by more than 0.1 m, or for 300 rounds. Returns x, y, z, time of the earliest pulse, zenith, azimuth, speed
    (m/ns) and whether there were min_doms sensors.
    """
    n = time.size
    if count_doms(omkey, np.ones(n, np.bool_)) < min_doms:
        nan = math.nan
        return nan, nan, nan, nan, nan, nan, nan, False
    relax, eps, rounds = 1.5, 0.1, 300
    t0 = math.inf
    for j in range(n):
        if time[j] < t0:
            t0 = float(time[j])
    r = np.empty((n, 3))
    near = np.empty((n, 3))
    dual = np.zeros((n, 3))
    dt = np.empty(n)
    m1, m2 = 0.0, 0.0
    for j in range(n):
        r[j, 0], r[j, 1], r[j, 2] = x[j], y[j], z[j]
        near[j] = r[j]
        dt[j] = time[j] - t0
        m1 += dt[j]
        m2 += dt[j] * dt[j]
    m1 /= n
    m2 /= n
    var = m2 - m1 * m1
    origin, velocity = np.zeros(3), np.zeros(3)
    delta, line = np.empty(3), np.empty(3)
    for _ in range(rounds):
        for c in range(3):
            s, q = 0.0, 0.0
            for j in range(n):
                s += near[j, c] + dual[j, c]
                q += dt[j] * (near[j, c] + dual[j, c])
            s /= n
            q /= n
            origin[c] = (m2 * s - m1 * q) / var
            velocity[c] = (q - m1 * s) / var
        farthest = 0.0
        for j in range(n):
            size = 0.0
            for c in range(3):
                line[c] = origin[c] + velocity[c] * dt[j]
                delta[c] = relax * line[c] + (1 - relax) * near[j, c] - dual[j, c] - r[j, c]
                size += delta[c] * delta[c]
            size = math.sqrt(size)
            f = 0.5 if size <= 2 * distance else 1 - distance / size
            off = 0.0
            for c in range(3):
                new = r[j, c] + f * delta[c]
                dual[j, c] += (1 - relax) * (new - near[j, c]) - (line[c] - new)
                near[j, c] = new
                off += (line[c] - new) ** 2
            farthest = max(farthest, off)
        if math.sqrt(farthest) <= eps:
            break
    zenith, azimuth = direction(velocity[0], velocity[1], velocity[2])
    speed = math.sqrt(velocity[0] ** 2 + velocity[1] ** 2 + velocity[2] ** 2)
    return origin[0], origin[1], origin[2], t0, zenith, azimuth, speed, True


@njit(nogil=True, error_model="numpy")
def debiasing(time, omkey, x, y, z, seed, distance, min_doms):
    """Tell which pulses are within `distance` of where the seed is at their time.

    All pulses are kept if the seed failed, or if fewer than min_doms sensors would have any.
    """
    sx, sy, sz, t0, zenith, azimuth, speed, ok = seed
    keep = np.ones(time.size, np.bool_)
    if not ok:
        return keep
    dx = -math.sin(zenith) * math.cos(azimuth) * speed
    dy = -math.sin(zenith) * math.sin(azimuth) * speed
    dz = -math.cos(zenith) * speed
    for j in range(time.size):
        dt = time[j] - t0
        off = math.sqrt((sx + dx * dt - x[j]) ** 2 + (sy + dy * dt - y[j]) ** 2 + (sz + dz * dt - z[j]) ** 2)
        keep[j] = off <= distance
    if count_doms(omkey, keep) < min_doms:
        keep[:] = True
    return keep
