"""Likelihood of a track with its gradient, for the smooth density of `pandel.slopes`.

The pulses are in blocks: whatever needs no branch is computed for a whole block at once.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.pandel import slopes, timing
from icecol.reco.kernels.track_likelihood import MPE, N_PHASE, SIN, SLOW, SPEQ_ALL, C, arrived
from icecol.reco.numerics.direction import towards

_LANES = 8
(
    _X, _Y, _Z, _TIME, _RX, _RY, _RZ, _ALONG, _CLOSEST, _COS, _T, _XI, _P, _IN_T, _IN_XI, _GX, _GY, _GZ, _HX, _HY, _HZ
) = range(0, 21 * _LANES, _LANES)  # fmt: skip
_BLOCK = 21 * _LANES
"""Number of pulses in a block, and where the values of each kind begin in it."""


@compiled
def blocks_of(hits):
    """Return blocks of the pulses of `track_likelihood.hits`, the last one filled up with the last pulse."""
    place, offsets, times, _ = hits
    blocks = np.zeros(((times.size + _LANES - 1) // _LANES, _BLOCK))
    for i in range(place.shape[1]):
        last = i + 1 == place.shape[1]
        for j in range(offsets[i], blocks.shape[0] * _LANES if last else offsets[i + 1]):
            block, at = blocks[j // _LANES], j % _LANES
            block[_X + at], block[_Y + at], block[_Z + at] = place[0, i], place[1, i], place[2, i]
            block[_TIME + at] = times[min(j, times.size - 1)]
    return blocks


@compiled(fastmath={"contract"})
def track_slope(
    hits, blocks, form, vertex, time, zenith, azimuth, response, noise, ice, table, blunt, gradient
):
    """Return -ln L as `track_likelihood` does, but of the smooth density of `slopes`, and its gradient.

    `blocks` are those of the pulses of `hits`. The gradient is in x, y, z, zenith and azimuth. Not for the forms
    MPEAll and PSA, nor with a clock error. Within `blunt` (m) of a DOM the light of a track depends less on the side on
    which it passes, which at the DOM itself is a jump.
    """
    _, offsets, _, weights = hits
    e = towards(zenith, azimuth)
    blur = timing(ice[0], response[0])
    for b in range(blocks.shape[0]):
        _look(blocks[b], vertex, time, e, ice, blunt)
        _shine(blocks[b], blur, table)
    total, product = 0.0, 1.0
    for i in range(offsets.size - 1):
        p = _of_sensor(form, offsets[i], offsets[i + 1], weights, blocks, blur)
        product *= noise + p
        if not product > 1e-200:  # one logarithm for many DOMs
            total -= math.log(product)
            product = 1.0
        share = p / (noise + p)
        for j in range(offsets[i], offsets[i + 1]):
            block, at = blocks[j // _LANES], j % _LANES
            counts = share >= 1e-9
            block[_IN_T + at] = share * block[_IN_T + at] if counts else 0.0
            block[_IN_XI + at] = share * block[_IN_XI + at] if counts else 0.0
    for j in range(offsets[-1], blocks.shape[0] * _LANES):
        blocks[-1, _IN_T + j % _LANES] = blocks[-1, _IN_XI + j % _LANES] = 0.0
    # sums of the derivatives in the position of the vertex, and in the direction
    gx, gy, gz, hx, hy, hz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for b in range(blocks.shape[0]):
        block = blocks[b]
        _lean(block, e, ice)
        for j in range(_LANES):
            gx += block[_GX + j]
            gy += block[_GY + j]
            gz += block[_GZ + j]
            hx += block[_HX + j]
            hy += block[_HY + j]
            hz += block[_HZ + j]
    theta, phi = math.pi - zenith, azimuth + math.pi
    gradient[0], gradient[1], gradient[2] = gx, gy, gz
    gradient[3] = math.cos(theta) * (math.cos(phi) * hx + math.sin(phi) * hy) - math.sin(theta) * hz
    gradient[4] = e[1] * hx - e[0] * hy
    return total - math.log(product)


@compiled(fastmath={"contract"})
def _look(block, vertex, time, e, ice, blunt):
    """Store the positions of the DOMs of a block with respect to the track, the time residuals, and the shapes xi."""
    _, scattering, p1, p00, p01, p02, _ = ice
    x0, y0, z0 = vertex
    ex, ey, ez = e
    per_length, per_c = 1.0 / scattering, 1.0 / C
    for j in range(_LANES):
        rx, ry, rz = block[_X + j] - x0, block[_Y + j] - y0, block[_Z + j] - z0
        along = rx * ex + ry * ey + rz * ez
        ax, ay, az = rx - along * ex, ry - along * ey, rz - along * ez
        closest = math.sqrt(ax * ax + ay * ay + az * az + blunt * blunt)
        cos = ez / N_PHASE + az * SIN / closest
        block[_RX + j], block[_RY + j], block[_RZ + j] = rx, ry, rz
        block[_ALONG + j], block[_CLOSEST + j], block[_COS + j] = along, closest, cos
        block[_T + j] = block[_TIME + j] - time - (along + closest * SLOW) * per_c
        block[_XI + j] = (p1 * closest + p00 + (p01 + p02 * cos) * cos) * per_length


@compiled(fastmath={"contract"})
def _lean(block, e, ice):
    """Store the derivatives for the DOMs of a block in the position of the vertex, and in the direction."""
    _, scattering, p1, _, p01, p02, _ = ice
    ex, ey, ez = e
    per_length, per_c = 1.0 / scattering, 1.0 / C
    for j in range(_LANES):
        closest, cos, along = block[_CLOSEST + j], block[_COS + j], block[_ALONG + j]
        rx, ry, rz = block[_RX + j], block[_RY + j], block[_RZ + j]
        in_t, in_xi = block[_IN_T + j] * per_c, block[_IN_XI + j] * per_length
        over = 1.0 / closest
        in_cos = in_xi * (p01 + 2.0 * p02 * cos)
        in_height = in_cos * SIN * over
        in_closest = in_xi * p1 - in_t * SLOW + in_cos * (ez / N_PHASE - cos) * over
        across = in_closest * over
        lean = -in_t - in_height * ez - across * along
        block[_GX + j] = lean * ex + across * rx
        block[_GY + j] = lean * ey + across * ry
        block[_GZ + j] = lean * ez + across * rz + in_height
        block[_HX + j] = lean * rx
        block[_HY + j] = lean * ry
        block[_HZ + j] = lean * rz - in_height * (along - closest / (SIN * N_PHASE))


@compiled(fastmath={"contract"})
def _shine(block, blur, table):
    """Store the density of the pulses of a block, and the derivatives of its logarithm in t and xi."""
    for j in range(_LANES):
        block[_P + j], block[_IN_T + j], block[_IN_XI + j] = slopes(
            block[_T + j], block[_XI + j], blur, table
        )


@compiled
def _of_sensor(form, begin, end, weights, blocks, blur):
    """Return the likelihood of the pulses of one DOM, and turn the slopes into those of its logarithm."""
    p = 1.0
    for j in range(begin, end):
        block, at, w = blocks[j // _LANES], j % _LANES, weights[j]
        q = block[_P + at]
        if form == SPEQ_ALL:
            q **= w
            block[_IN_T + at] *= w
            block[_IN_XI + at] *= w
        elif form >= MPE and w >= 2.0:
            t, xi = block[_T + at], block[_XI + at]
            left = 1.0 - arrived(form, t, xi, blur)
            if left <= 0.0:
                return 0.0
            # the derivative of the probability in time is the density, but for the steps of the fast integral
            block[_IN_T + at] -= (w - 1.0) * q / left
            h = 1e-3 * xi
            block[_IN_XI + at] -= (w - 1.0) * (arrived(form, t, xi + h, blur) + left - 1.0) / (h * left)
            q *= w * left ** (w - 1.0)
        p *= q
    return p
