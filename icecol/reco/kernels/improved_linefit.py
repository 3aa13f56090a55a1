"""Improved LineFit: late pulses removed, a robust fit, far pulses removed, then LineFit.

IceCube, Nucl. Instrum. Meth. A 736 (2014) 143, arXiv:1308.5501. The pulses of an event are sorted by omkey.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from icecol.reco.kernels.direction import direction
from icecol.reco.kernels.linefit import linefit

_LANES = 16


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
    px, py, pz, earliest = np.empty(n), np.empty(n), np.empty(n), np.full(n, math.inf)
    for i in range(n):
        a = first[i]
        px[i], py[i], pz[i] = x[a], y[a], z[a]
    limit = below(distance, closed=False)
    for k in range(n):
        xk, yk, zk, t = px[k], py[k], pz[k], time[first[k]]
        for i in range(n):
            dx, dy, dz = px[i] - xk, py[i] - yk, pz[i] - zk
            near = dx * dx + dy * dy + dz * dz <= limit
            earliest[i] = t if near & (t < earliest[i]) else earliest[i]
    keep = np.zeros(time.size, np.bool_)
    for i in range(n):
        for j in range(first[i], first[i + 1]):
            keep[j] = time[j] <= earliest[i] + time_window
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
    limit = below(eps, closed=True)
    t0 = math.inf
    for j in range(n):
        if time[j] < t0:
            t0 = float(time[j])
    # padded: what is left over after the last whole vectors would be done one by one, and take as long as all the rest
    size = (n + _LANES - 1) // _LANES * _LANES
    x, y, z = _padded(x, size), _padded(y, size), _padded(z, size)
    near_x, near_y, near_z = x.copy(), y.copy(), z.copy()
    new_x, new_y, new_z = np.empty(size), np.empty(size), np.empty(size)
    dual_x, dual_y, dual_z = np.zeros(size), np.zeros(size), np.zeros(size)
    dt, factor, off = np.zeros(size), np.empty(size), np.empty(size)
    m1, m2 = 0.0, 0.0
    for j in range(n):
        dt[j] = time[j] - t0
        m1 += dt[j]
        m2 += dt[j] * dt[j]
    m1 /= n
    m2 /= n
    var = m2 - m1 * m1
    ox, oy, oz, vx, vy, vz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for _ in range(rounds):
        sx, sy, sz, qx, qy, qz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for j in range(n):
            px, py, pz, t = near_x[j] + dual_x[j], near_y[j] + dual_y[j], near_z[j] + dual_z[j], dt[j]
            sx += px
            sy += py
            sz += pz
            qx += t * px
            qy += t * py
            qz += t * pz
        sx, sy, sz, qx, qy, qz = sx / n, sy / n, sz / n, qx / n, qy / n, qz / n
        ox, oy, oz = (m2 * sx - m1 * qx) / var, (m2 * sy - m1 * qy) / var, (m2 * sz - m1 * qz) / var
        vx, vy, vz = (qx - m1 * sx) / var, (qy - m1 * sy) / var, (qz - m1 * sz) / var
        # short loops over few arrays, which LLVM turns into vector instructions
        _delta(relax, ox, vx, dt, near_x, dual_x, x, new_x)
        _delta(relax, oy, vy, dt, near_y, dual_y, y, new_y)
        _delta(relax, oz, vz, dt, near_z, dual_z, z, new_z)
        for j in range(size):
            length = math.sqrt(new_x[j] * new_x[j] + new_y[j] * new_y[j] + new_z[j] * new_z[j])
            factor[j] = 0.5 if length <= 2 * distance else 1 - distance / length
            off[j] = 0.0
        _move(relax, ox, vx, dt, factor, x, near_x, dual_x, new_x, off)
        _move(relax, oy, vy, dt, factor, y, near_y, dual_y, new_y, off)
        _move(relax, oz, vz, dt, factor, z, near_z, dual_z, new_z, off)
        near_x, new_x = new_x, near_x
        near_y, new_y = new_y, near_y
        near_z, new_z = new_z, near_z
        far = 0
        for j in range(n):
            far += off[j] > limit
        if far == 0:
            break
    zenith, azimuth = direction(vx, vy, vz)
    speed = math.sqrt(vx**2 + vy**2 + vz**2)
    return ox, oy, oz, t0, zenith, azimuth, speed, True


@njit(nogil=True, error_model="numpy")
def _padded(values, size):
    padded = np.zeros(size)
    for j in range(values.size):
        padded[j] = values[j]
    return padded


@njit(nogil=True, error_model="numpy")
def _delta(relax, origin, velocity, dt, near, dual, r, delta):
    for j in range(dt.size):
        delta[j] = relax * (origin + velocity * dt[j]) + (1 - relax) * near[j] - dual[j] - r[j]


@njit(nogil=True, error_model="numpy")
def _move(relax, origin, velocity, dt, factor, r, near, dual, new, off):
    """Move all points along one axis by a factor times `new`, which becomes where they are; add up the squares."""
    for j in range(dt.size):
        new[j] = r[j] + factor[j] * new[j]
    for j in range(dt.size):
        dual[j] += (1 - relax) * (new[j] - near[j]) - (origin + velocity * dt[j] - new[j])
    for j in range(dt.size):
        away = origin + velocity * dt[j] - new[j]
        off[j] += away * away


@njit(nogil=True, error_model="numpy")
def below(distance, closed):
    """Return the largest square whose root is below a distance (or, closed, not above): it spares many roots."""
    if not distance > 0.0:
        return -1.0
    square = distance * distance
    while math.sqrt(square) <= distance if closed else math.sqrt(square) < distance:
        square = np.nextafter(square, math.inf)
    while math.sqrt(square) > distance if closed else math.sqrt(square) >= distance:
        square = np.nextafter(square, 0.0)
    return square


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
