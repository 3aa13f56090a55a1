"""Improved LineFit: late pulses removed, a robust fit, far pulses removed, then LineFit.

IceCube, Nucl. Instrum. Meth. A 736 (2014) 143, arXiv:1308.5501. The pulses of an event are sorted by omkey.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.first_pulses import first_pulses
from icecol.reco.kernels.linefit import linefit
from icecol.reco.numerics.direction import direction

_LANES = 8
_X, _Y, _Z, _DT, _NEAR_X, _NEAR_Y, _NEAR_Z, _DUAL_X, _DUAL_Y, _DUAL_Z = range(0, 10 * _LANES, _LANES)
_BLOCK = 10 * _LANES
"""Number of points in a block, and where the values of each kind begin in it: a loop over one block needs no check that
arrays overlap, and the compiler turns all of it into vector instructions."""


@compiled
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
    return cleaned_linefit(time, omkey, x, y, z, keep, min_hits, huber_distance, debias_distance, min_doms)


@compiled
def cleaned_linefit(time, omkey, x, y, z, keep, min_hits, huber_distance, debias_distance, min_doms):
    """Fit a line to the pulses that a first cleaning keeps and that are not far from their robust fit."""
    time, omkey, x, y, z = (
        kept(time, keep),
        kept(omkey, keep),
        kept(x, keep),
        kept(y, keep),
        kept(z, keep),
    )
    seed = huber_fit(time, omkey, x, y, z, huber_distance, min_doms)
    keep = debiasing(time, omkey, x, y, z, seed, debias_distance, min_doms)
    return linefit(kept(time, keep), kept(x, keep), kept(y, keep), kept(z, keep), min_hits)


@compiled
def kept(values, keep):
    """Return the values that are kept, without a branch for each, as indexing with a mask would have."""
    found = np.empty(keep.size, values.dtype)
    n = 0
    for j in range(keep.size):
        found[n] = values[j]
        n += keep[j]
    return found[:n]


@compiled
def count_doms(omkey, keep):
    """Count the DOMs with a pulse that is kept."""
    n = 0
    last = -1
    for j in range(omkey.size):
        if keep[j]:
            if last < 0 or omkey[j] != omkey[last]:
                n += 1
            last = j
    return n


@compiled
def delay_cleaning(time, omkey, x, y, z, distance, time_window, min_doms):
    """Return which pulses come within time_window of the first light within `distance` of their DOM.

    The first light is the earliest of the first pulses of the DOMs closer than `distance`. All pulses are kept if
    fewer than min_doms DOMs would have any.
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


@compiled
def huber_fit(time, omkey, x, y, z, distance, min_doms):
    """Fit a line that minimises the Huber penalty of the distances to the pulses.

    The penalty is p^2 up to p = `distance` and distance (2 p - distance) beyond; it is minimised by an over-relaxed
    alternating direction method of multipliers (Boyd et al., Found. Trends Mach. Learn. 3 (2011) 1) until no pulse
    moves by more than 0.1 m, or for 300 rounds. Returns x, y, z, time of the earliest pulse, zenith, azimuth, speed
    (m/ns) and whether there were min_doms DOMs.
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
    blocks, m1, m2 = _blocks(time, x, y, z, t0)
    var = m2 - m1 * m1
    ox, oy, oz, vx, vy, vz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for _ in range(rounds):
        sx, sy, sz, qx, qy, qz = _sums(blocks, n)
        sx, sy, sz, qx, qy, qz = sx / n, sy / n, sz / n, qx / n, qy / n, qz / n
        ox, oy, oz = (m2 * sx - m1 * qx) / var, (m2 * sy - m1 * qy) / var, (m2 * sz - m1 * qz) / var
        vx, vy, vz = (qx - m1 * sx) / var, (qy - m1 * sy) / var, (qz - m1 * sz) / var
        moved = False
        for i in range(blocks.shape[0]):
            moved |= _move(blocks[i], relax, distance, limit, ox, oy, oz, vx, vy, vz)
        if not moved:
            break
    zenith, azimuth = direction(vx, vy, vz)
    speed = math.sqrt(vx**2 + vy**2 + vz**2)
    return ox, oy, oz, t0, zenith, azimuth, speed, True


@compiled
def _blocks(time, x, y, z, t0):
    """Return the points in blocks, the last one filled up with the last point, and the means of dt and dt^2."""
    n = time.size
    blocks = np.zeros(((n + _LANES - 1) // _LANES, _BLOCK))
    m1, m2 = 0.0, 0.0
    for i in range(blocks.shape[0]):
        block = blocks[i]
        for lane in range(_LANES):
            j = i * _LANES + lane
            at = min(j, n - 1)
            block[_X + lane] = block[_NEAR_X + lane] = x[at]
            block[_Y + lane] = block[_NEAR_Y + lane] = y[at]
            block[_Z + lane] = block[_NEAR_Z + lane] = z[at]
            dt = time[at] - t0
            block[_DT + lane] = dt
            if j < n:
                m1 += dt
                m2 += dt * dt
    return blocks, m1 / n, m2 / n


@compiled
def _sums(blocks, n):
    """Return the sums of the fitted positions of the n points, and of these times dt, in their order."""
    sx, sy, sz, qx, qy, qz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(blocks.shape[0]):
        block = blocks[i]
        for lane in range(min(n - i * _LANES, _LANES)):
            px = block[_NEAR_X + lane] + block[_DUAL_X + lane]
            py = block[_NEAR_Y + lane] + block[_DUAL_Y + lane]
            pz = block[_NEAR_Z + lane] + block[_DUAL_Z + lane]
            t = block[_DT + lane]
            sx += px
            sy += py
            sz += pz
            qx += t * px
            qy += t * py
            qz += t * pz
    return sx, sy, sz, qx, qy, qz


@compiled
def _move(block, relax, distance, limit, ox, oy, oz, vx, vy, vz):
    """Move the points of a block; return whether the squared distance of one from the line is then above the limit."""
    far = 0
    for j in range(_LANES):
        t = block[_DT + j]
        lx, ly, lz = ox + vx * t, oy + vy * t, oz + vz * t
        dx = relax * lx + (1 - relax) * block[_NEAR_X + j] - block[_DUAL_X + j] - block[_X + j]
        dy = relax * ly + (1 - relax) * block[_NEAR_Y + j] - block[_DUAL_Y + j] - block[_Y + j]
        dz = relax * lz + (1 - relax) * block[_NEAR_Z + j] - block[_DUAL_Z + j] - block[_Z + j]
        length = math.sqrt(dx * dx + dy * dy + dz * dz)
        factor = 0.5 if length <= 2 * distance else 1 - distance / length
        x, y, z = block[_X + j] + factor * dx, block[_Y + j] + factor * dy, block[_Z + j] + factor * dz
        dx, dy, dz = lx - x, ly - y, lz - z
        block[_DUAL_X + j] += (1 - relax) * (x - block[_NEAR_X + j]) - dx
        block[_DUAL_Y + j] += (1 - relax) * (y - block[_NEAR_Y + j]) - dy
        block[_DUAL_Z + j] += (1 - relax) * (z - block[_NEAR_Z + j]) - dz
        block[_NEAR_X + j], block[_NEAR_Y + j], block[_NEAR_Z + j] = x, y, z
        far |= int(dx * dx + dy * dy + dz * dz > limit)
    return far != 0


@compiled
def below(distance, closed):
    """Return the largest square whose root is below a distance (or, closed, not above it): it saves many roots."""
    if not distance > 0.0:
        return -1.0
    square = distance * distance
    while math.sqrt(square) <= distance if closed else math.sqrt(square) < distance:
        square = np.nextafter(square, math.inf)
    while math.sqrt(square) > distance if closed else math.sqrt(square) >= distance:
        square = np.nextafter(square, 0.0)
    return square


@compiled
def debiasing(time, omkey, x, y, z, seed, distance, min_doms):
    """Return which pulses are within `distance` of the position of the seed at their time.

    All pulses are kept if the seed failed, or if fewer than min_doms DOMs would have any.
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
