"""Likelihood of a track with its gradient, for the smooth density of `pandel.slopes`.

The pulses are in blocks: whatever needs no branch is computed for a whole block at once.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.pandel import slopes, timing
from icecol.reco.kernels.pandel_table import (
    LEAST_ETA,
    LEAST_XI,
    MOST_ETA,
    MOST_XI,
    PER_ETA,
    PER_XI,
    cells,
    of_cell,
)
from icecol.reco.kernels.track_likelihood import MPE, N_PHASE, SIN, SLOW, SPEQ_ALL, C, arrived

_LANES = 8
(
    _X, _Y, _Z, _TIME, _RX, _RY, _RZ, _ALONG, _CLOSEST, _COS, _T, _XI, _ROOT, _A, _B, _VALUE, _P, _IN_T, _IN_XI,
    _GX, _GY, _GZ, _HX, _HY, _HZ,
) = range(0, 25 * _LANES, _LANES)  # fmt: skip
_BLOCK = 25 * _LANES
"""Where the values of each kind begin in a block, and how many values it has."""
_MOST_LATE_XI = 5.0
"""Largest xi of which two terms of the series for late times are enough."""
_E3, _E4, _E5, _E6, _E7 = (1.0 / math.factorial(k) for k in range(3, 8))


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
    _, offsets, times, weights = hits
    sin_zenith, cos_zenith, sin_azimuth, cos_azimuth = (
        math.sin(zenith),
        math.cos(zenith),
        math.sin(azimuth),
        math.cos(azimuth),
    )
    e = (-sin_zenith * cos_azimuth, -sin_zenith * sin_azimuth, -cos_zenith)
    blur = timing(ice[0], response[0])
    single = offsets.size == times.size + 1  # one pulse a DOM
    total, product = 0.0, 1.0
    for b in range(blocks.shape[0]):
        block = blocks[b]
        _look(block, vertex, time, e, ice, blunt)
        _shine(block, blur, table)
        if single:
            used = min(times.size - b * _LANES, _LANES)
            if form >= MPE:
                _of_earliest(block, used, form, weights[b * _LANES :], blur)
            for j in range(used):
                product *= noise + block[_P + j]
                if not product > 1e-200:  # one logarithm for many DOMs
                    total -= math.log(product)
                    product = 1.0
            _share(block, noise)
            for j in range(used, _LANES):
                block[_IN_T + j] = block[_IN_XI + j] = 0.0
    if not single:
        total = _of_all(hits, blocks, form, noise)
    # sums of the derivatives in the position of the vertex, and in the direction
    for b in range(blocks.shape[0]):
        _lean(blocks[b], e, ice)
        if b > 0:
            for j in range(_GX, _BLOCK):
                blocks[b, j] += blocks[b - 1, j]
    sums = blocks[-1]
    gx, gy, gz, hx, hy, hz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(_LANES):
        gx += sums[_GX + j]
        gy += sums[_GY + j]
        gz += sums[_GZ + j]
        hx += sums[_HX + j]
        hy += sums[_HY + j]
        hz += sums[_HZ + j]
    gradient[0], gradient[1], gradient[2] = gx, gy, gz
    gradient[3] = cos_zenith * (cos_azimuth * hx + sin_azimuth * hy) - sin_zenith * hz
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
    """Store the density of the pulses of a block, and the derivatives of its logarithm in t and xi, as of `slopes`.

    Steps without a branch are loops of their own: they are done for several pulses at once.
    """
    rho, sigma, log_rs, log_norm = blur
    per_sigma = 1.0 / sigma
    for j in range(_LANES):
        # comparisons that become minima and maxima; NaN ends in the first cell
        xi, eta = block[_XI + j], rho * sigma - block[_T + j] * per_sigma
        xi = max(LEAST_XI, xi)
        xi = min(MOST_XI, xi)
        eta = max(LEAST_ETA, eta)
        eta = min(MOST_ETA, eta)
        root = math.sqrt(math.sqrt(xi))
        block[_ROOT + j] = root
        block[_A + j], block[_B + j] = cells(root, eta)
    for j in range(_LANES):
        block[_VALUE + j], block[_IN_XI + j], block[_IN_T + j] = of_cell(block[_A + j], block[_B + j], table)
    for j in range(_LANES):
        xi, eta = block[_XI + j], rho * sigma - block[_T + j] * per_sigma
        if eta < LEAST_ETA and LEAST_XI <= xi <= _MOST_LATE_XI:
            _later(block, j, xi, eta)
    for j in range(_LANES):
        u, root = block[_T + j] * per_sigma, block[_ROOT + j]
        block[_P + j] = _exp(block[_XI + j] * log_rs - 0.5 * u * u + block[_VALUE + j] - log_norm)
        block[_IN_T + j] = -(block[_IN_T + j] * PER_ETA + u) * per_sigma
        block[_IN_XI + j] = log_rs + block[_IN_XI + j] * PER_XI / (root * root * root)
    for j in range(_LANES):
        xi, eta = block[_XI + j], rho * sigma - block[_T + j] * per_sigma
        late = eta < LEAST_ETA and xi <= _MOST_LATE_XI
        if not (LEAST_XI <= xi < MOST_XI and eta < MOST_ETA and (late or eta >= LEAST_ETA)):
            block[_P + j], block[_IN_T + j], block[_IN_XI + j] = slopes(block[_T + j], xi, blur, table)


@compiled
def _later(block, j, xi, eta):
    """Take what the table has for its latest time to a later one: by the ratio of the series for late times at both.

    The Gamma function in it cancels. The slopes are in the units of `of_cell`.
    """
    bend, in_xi, in_eta = _bend(xi, 1.0 / (eta * eta))
    edge, in_xi_edge, _ = _bend(xi, 1.0 / (LEAST_ETA * LEAST_ETA))
    log, root = math.log(eta / LEAST_ETA), block[_ROOT + j]
    z = (bend - edge) / (bend + edge)  # of the logarithm of the ratio: not above 0.01
    block[_VALUE + j] += (
        0.5 * (eta * eta - LEAST_ETA * LEAST_ETA) + (xi - 1.0) * log + 2.0 * z * (1.0 + z * z / 3.0)
    )
    block[_IN_XI + j] += (log + in_xi / bend - in_xi_edge / edge) * root * root * root / PER_XI
    block[_IN_T + j] = (eta + (xi - 1.0 - in_eta / bend) / eta) / PER_ETA


@compiled(inline="always")
def _bend(xi, h):
    """Return the series for late times at eta = -1 / sqrt(h), its slope in xi, and that in -log(-eta)."""
    a, b = 1.0 - xi, 2.0 - xi
    first = 0.5 * a * b * h
    second = 0.25 * first * (3.0 - xi) * (4.0 - xi) * h
    d_first = -0.5 * (a + b) * h
    d_second = 0.25 * h * (d_first * (3.0 - xi) * (4.0 - xi) - first * (7.0 - 2.0 * xi))
    return 1.0 + first + second, d_first + d_second, 2.0 * first + 4.0 * second


@compiled(inline="always")
def _exp(x):
    """Return exp(x) to 1e-12 for -60 < x < 60, and more roughly elsewhere: without a branch, for several at once."""
    y = max(x, -690.0) * (1.0 / 1024.0)
    y = 1.0 + y * (1.0 + y * (0.5 + y * (_E3 + y * (_E4 + y * (_E5 + y * (_E6 + y * _E7))))))
    for _ in range(10):
        y *= y
    return y


@compiled(fastmath={"contract"})
def _share(block, noise):
    """Turn the derivatives of the logarithm of the likelihood without noise into those with noise."""
    for j in range(_LANES):
        p = block[_P + j]
        share = p / (noise + p)
        share = share if share >= 1e-9 else 0.0
        in_t, in_xi = block[_IN_T + j], block[_IN_XI + j]
        block[_IN_T + j] = share * in_t if share > 0.0 else 0.0
        block[_IN_XI + j] = share * in_xi if share > 0.0 else 0.0


@compiled
def _of_earliest(block, used, form, weights, blur):
    """Turn the likelihood of one photon in each DOM into that of the first of many, where there were many."""
    for j in range(used):
        w = weights[j]
        if w < 2.0:
            continue
        t, xi = block[_T + j], block[_XI + j]
        left = 1.0 - arrived(form, t, xi, blur)
        if left <= 0.0:
            block[_P + j] = 0.0
            continue
        # the derivative of the probability in time is the density, but for the steps of the fast integral
        block[_IN_T + j] -= (w - 1.0) * block[_P + j] / left
        h = 1e-3 * xi
        block[_IN_XI + j] -= (w - 1.0) * (arrived(form, t, xi + h, blur) + left - 1.0) / (h * left)
        block[_P + j] *= w * left ** (w - 1.0)


@compiled
def _of_all(hits, blocks, form, noise):
    """Return -ln L where a DOM may have several pulses, and turn the slopes into those of its logarithm."""
    _, offsets, _, weights = hits
    total = 0.0
    for i in range(offsets.size - 1):
        p = 1.0
        for j in range(offsets[i], offsets[i + 1]):
            block, at, w = blocks[j // _LANES], j % _LANES, weights[j]
            q = block[_P + at]
            if form == SPEQ_ALL:
                q **= w
                block[_IN_T + at] *= w
                block[_IN_XI + at] *= w
            p *= q
        total -= math.log(noise + p)
        share = p / (noise + p)
        for j in range(offsets[i], offsets[i + 1]):
            block, at = blocks[j // _LANES], j % _LANES
            counts = share >= 1e-9
            block[_IN_T + at] = share * block[_IN_T + at] if counts else 0.0
            block[_IN_XI + at] = share * block[_IN_XI + at] if counts else 0.0
    for j in range(offsets[-1], blocks.shape[0] * _LANES):
        blocks[-1, _IN_T + j % _LANES] = blocks[-1, _IN_XI + j % _LANES] = 0.0
    return total
