"""Paraboloid: the error of a track's direction from the likelihood around it, as IceTray's paraboloid has it.

The likelihood is computed for directions on ellipses around that of the track, each with its own best vertex, and a
paraboloid is fitted to the result. Its curvature is the inverse of the covariance.

Neunhöffer, Astropart. Phys. 25 (2006) 220. Angles fail as coordinates near the poles: the grid lies around the x
axis and is rotated to the track.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.fit_status import GENERAL_FAILURE, INSUFFICIENT_HITS, OK
from icecol.reco.kernels.track_fit import MISSING_SEED, centre
from icecol.reco.kernels.track_likelihood import hits, track_likelihood
from icecol.reco.kernels.track_seed import seen, tweak
from icecol.reco.numerics.direction import direction, towards
from icecol.reco.numerics.inverse import inverse
from icecol.reco.numerics.simplex import minimiser

NO_SEED, INCOMPLETE_GRID, FAILED_PARABOLOID_FIT, SINGULAR_CURVATURE_MATRIX = -100.0, -80.0, -50.0, -20.0
SUCCESS, NON_POSITIVE_ERRS, NON_POSITIVE_ERR_1, NON_POSITIVE_ERR_2, TOO_SMALL_ERRS = (
    0.0,
    20.0,
    21.0,
    22.0,
    30.0,
)
"""I3ParaboloidFitParams.ParaboloidFitStatus."""

_SMALLEST = 1e-5


@compiled(inline="always")
def _objective(parameters, data):
    """Return -ln L at x, y, z of a track whose direction is fixed."""
    event, form, time, zenith, azimuth, response, noise, ice, table = data
    vertex = (parameters[0], parameters[1], parameters[2])
    return track_likelihood(event, form, vertex, time, zenith, azimuth, response, noise, ice, table)


_simplex = minimiser(_objective)


@compiled
def best_vertex(data, vertex, step, tolerance, max_calls):
    """Return the best vertex of a direction, -ln L, the number of calls, and convergence; with step 0 it is given."""
    start = np.array([vertex[0], vertex[1], vertex[2]])
    if not step > 0.0:
        return vertex, _objective(start, data), 0, True
    free = np.zeros(3)
    p, y, calls, converged = _simplex(data, start, np.full(3, step), free, free, tolerance, max_calls)
    return (p[0], p[1], p[2]), y, calls + 1, converged


@compiled
def turned(zenith_offset, azimuth_offset, zenith, azimuth):
    """Return the direction (zenith, azimuth) of an offset in the frame in which the track lies on the equator."""
    ex, ey, ez = towards(0.5 * math.pi + zenith_offset, math.pi + azimuth_offset)
    up, around = 0.5 * math.pi - zenith, azimuth - math.pi
    ex, ez = math.cos(up) * ex + math.sin(up) * ez, math.cos(up) * ez - math.sin(up) * ex
    return direction(
        math.cos(around) * ex - math.sin(around) * ey, math.sin(around) * ex + math.cos(around) * ey, ez
    )


@compiled
def offset(true_zenith, true_azimuth, zenith, azimuth):
    """Return the offset (zenith, azimuth) of a direction in the frame in which the track lies on the equator."""
    ex, ey, ez = towards(true_zenith, true_azimuth)
    up, around = 0.5 * math.pi - zenith, azimuth - math.pi
    ex, ey = math.cos(around) * ex + math.sin(around) * ey, math.cos(around) * ey - math.sin(around) * ex
    zen, azi = direction(math.cos(up) * ex - math.sin(up) * ez, ey, math.cos(up) * ez + math.sin(up) * ex)
    return zen - 0.5 * math.pi, azi - math.pi


@compiled
def parabola(zen, azi, y):
    """Fit y = alpha + beta x + x gamma x / 2 to points that lie symmetrically around 0, x = (zen, azi).

    Returns alpha, beta (2), gamma (11, 12, 22), the sum of the squared residuals, and whether the fit succeeded.
    """
    s_zz, s_aa, s_zzzz, s_zzaa, s_aaaa = 0.0, 0.0, 0.0, 0.0, 0.0
    y0, y_z, y_a, y_zz, y_za, y_aa = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(y.size):
        zz, aa = zen[i] * zen[i], azi[i] * azi[i]
        s_zz += zz
        s_aa += aa
        s_zzzz += zz * zz
        s_zzaa += zz * aa
        s_aaaa += aa * aa
        y0 += y[i]
        y_z += y[i] * zen[i]
        y_a += y[i] * azi[i]
        y_zz += y[i] * zz
        y_za += y[i] * zen[i] * azi[i]
        y_aa += y[i] * aa
    matrix = np.array(
        [
            [float(y.size), 0.5 * s_zz, 0.5 * s_aa],
            [s_zz, 0.5 * s_zzzz, 0.5 * s_zzaa],
            [s_aa, 0.5 * s_zzaa, 0.5 * s_aaaa],
        ]
    )
    solve, there = inverse(matrix)
    alpha = solve[0, 0] * y0 + solve[0, 1] * y_zz + solve[0, 2] * y_aa
    g11 = solve[1, 0] * y0 + solve[1, 1] * y_zz + solve[1, 2] * y_aa
    g22 = solve[2, 0] * y0 + solve[2, 1] * y_zz + solve[2, 2] * y_aa
    b1, b2, g12 = y_z / s_zz, y_a / s_aa, y_za / s_zzaa
    left = 0.0
    for i in range(y.size):
        fit = alpha + b1 * zen[i] + b2 * azi[i]
        fit += 0.5 * (g11 * zen[i] * zen[i] + g22 * azi[i] * azi[i]) + g12 * zen[i] * azi[i]
        left += (fit - y[i]) ** 2
    return alpha, b1, b2, g11, g12, g22, left, there


@compiled
def signed_root(value):
    """Return the square root of |value|, with the sign of the value."""
    return math.copysign(math.sqrt(abs(value)), value)


@compiled
def ellipse(c11, c12, c22):
    """Return both eigenvalues of a covariance, the larger first, and the angle of the axis of the first, in [0, pi].

    For a diagonal one IceTray takes the eigenvalues as they come, and an angle of 0.
    """
    if c12 == 0.0:
        return c11, c22, 0.0
    p = 0.5 * (c11 + c22)
    root = math.sqrt(p * p - (c11 * c22 - c12 * c12))
    large = p + root
    return large, p - root, math.acos(c12 / math.sqrt(c12 * c12 + (large - c11) ** 2))


@compiled
def paraboloid(
    time, charge, omkey, x, y, z,
    seed_x, seed_y, seed_z, seed_time, seed_zenith, seed_azimuth, seed_status, true_zenith, true_azimuth,
    form, response, noise, ice, moves,
    vertex_step, zenith_reach, azimuth_reach, steps, points, max_missing, correct,
    tolerance, max_calls, table,
):  # fmt: skip
    """Return the error of the direction of a track for the pulses of one event, sorted by omkey.

    Returns x, y, z (m), time (ns), zenith, azimuth (rad), fit_status, then I3ParaboloidFitParams: logl, rlogl, ndof,
    nmini, pbfZen, pbfAzi, pbfErr1, pbfErr2, pbfRotAng, pbfCenterLlh, pbfLlh, pbfZenOff, pbfAziOff, pbfCurv11,
    pbfCurv12, pbfCurv22, pbfChi2, pbfDetCurvM, pbfSigmaZen, pbfSigmaAzi, pbfCovar, pbfTrOffZen, pbfTrOffAzi,
    pbfTrZen, pbfTrAzi, pbfStatus.
    """
    nan = math.nan
    out = np.full(33, nan)
    out[9], out[10] = -1.0, -1.0
    out[30], out[31] = true_zenith, true_azimuth
    if seed_status != OK or math.isnan(seed_x + seed_y + seed_z + seed_time + seed_zenith + seed_azimuth):
        out[6], out[32] = MISSING_SEED, NO_SEED
        return out
    out[28], out[29] = offset(true_zenith, true_azimuth, seed_zenith, seed_azimuth)
    event = hits(time, charge, omkey, x, y, z, form)
    pulses = seen(time, charge, omkey, x, y, z, moves[0])
    cog = centre(charge, x, y, z)
    vertex, t = tweak(pulses, cog, (seed_x, seed_y, seed_z), seed_time, seed_zenith, seed_azimuth, moves)
    place(out, vertex, t, seed_zenith, seed_azimuth)
    n = event[0].shape[1]
    if n <= 5:
        out[6], out[32] = INSUFFICIENT_HITS, FAILED_PARABOLOID_FIT
        return out
    zen, azi, llh = np.zeros(steps * points + 1), np.zeros(steps * points + 1), np.empty(steps * points + 1)
    data = (event, form, t, seed_zenith, seed_azimuth, response, noise, ice, table)
    middle, llh[0], _, good = best_vertex(data, vertex, vertex_step, tolerance, max_calls)
    missing = 0 if good else max_missing + 1
    for i in range(steps * points):
        if missing > max_missing:
            break
        stretch = (i // points + 1) / steps
        azi[i + 1] = math.cos((i % points) * 2.0 * math.pi / points) * 0.5 * azimuth_reach * stretch
        zen[i + 1] = math.sin((i % points) * 2.0 * math.pi / points) * 0.5 * zenith_reach * stretch
        zenith, azimuth = turned(zen[i + 1], azi[i + 1], seed_zenith, seed_azimuth)
        start, t_start = middle, t
        if correct:
            start, t_start = tweak(pulses, cog, middle, t, zenith, azimuth, moves)
        data = (event, form, t_start, zenith, azimuth, response, noise, ice, table)
        _, llh[i + 1], _, good = best_vertex(data, start, vertex_step, tolerance, max_calls)
        if not good:  # the better of the two starting points
            missing += 1
            data_before = (event, form, t, zenith, azimuth, response, noise, ice, table)
            _, before, _, _ = best_vertex(data_before, middle, 0.0, tolerance, max_calls)
            _, after, _, _ = best_vertex(data, start, 0.0, tolerance, max_calls)
            llh[i + 1] = min(before, after)
    out[6] = GENERAL_FAILURE
    if missing > max_missing:
        out[32] = INCOMPLETE_GRID
        return out
    alpha, b1, b2, g11, g12, g22, left, there = parabola(zen, azi, llh)
    if not there:
        out[32] = FAILED_PARABOLOID_FIT
        return out
    det = g11 * g22 - g12 * g12
    if det == 0.0 or math.isnan(det):
        out[24], out[32] = 0.0, SINGULAR_CURVATURE_MATRIX
        return out
    c11, c12, c22 = g22 / det, -g12 / det, g11 / det
    zen_off, azi_off = -(c11 * b1 + c12 * b2), -(c12 * b1 + c22 * b2)
    large, small, angle = ellipse(c11, c12, c22)
    out[11], out[12] = turned(zen_off, azi_off, seed_zenith, seed_azimuth)
    out[13], out[14], out[15] = signed_root(large), signed_root(small), angle
    out[16], out[17] = llh[0], alpha + 0.5 * (b1 * zen_off + b2 * azi_off)
    out[18], out[19], out[20], out[21], out[22] = zen_off, azi_off, g11, g12, g22
    out[23], out[24] = left, det
    out[25], out[26], out[27] = signed_root(c11), signed_root(c22), c12
    out[32] = verdict(out[13], out[14])
    if out[32] != SUCCESS:
        return out
    out[6] = OK
    zenith, azimuth, start, t_start = out[11], out[12], vertex, t
    if correct:
        start, t_start = tweak(pulses, cog, vertex, t, zenith, azimuth, moves)
    if not vertex_step > 0.0:  # nothing is fitted, and the particle stays as it is
        data = (event, form, t, seed_zenith, seed_azimuth, response, noise, ice, table)
        _, out[7], _, _ = best_vertex(data, vertex, 0.0, tolerance, max_calls)
        out[8], out[9], out[10] = out[7] / (n - 5.0), n - 5.0, 0.0
        return out
    data = (event, form, t_start, zenith, azimuth, response, noise, ice, table)
    found, out[7], calls, good = best_vertex(data, start, vertex_step, tolerance, max_calls)
    out[9], out[10] = n - 3.0, calls
    if good:
        place(out, found, t_start, zenith, azimuth)
        out[8] = out[7] / (n - 3.0)
        return out
    place(out, vertex, t, zenith, azimuth)
    data = (event, form, t, zenith, azimuth, response, noise, ice, table)
    _, out[7], _, _ = best_vertex(data, vertex, 0.0, tolerance, max_calls)
    out[8] = out[7] / (n - 5.0)
    return out


@compiled
def place(out, vertex, time, zenith, azimuth):
    """Set the particle of a result."""
    out[0], out[1], out[2], out[3], out[4], out[5] = vertex[0], vertex[1], vertex[2], time, zenith, azimuth


@compiled
def verdict(err1, err2):
    """Return the status that IceTray gives for the two errors."""
    if err1 <= 0.0 and err2 <= 0.0:
        return NON_POSITIVE_ERRS
    if err1 <= 0.0:
        return NON_POSITIVE_ERR_1
    if err2 <= 0.0:
        return NON_POSITIVE_ERR_2
    if err1 < _SMALLEST or err2 < _SMALLEST:
        return TOO_SMALL_ERRS
    return SUCCESS
