"""Maximum-likelihood track fits from one or several directions, minimised as in IceTray's Gulliver.

The time of the vertex stays that of the seed: moving a vertex along its track does not change the light.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.fit_status import FAILED_TO_CONVERGE, OK
from icecol.reco.kernels.track_likelihood import hits, track_likelihood
from icecol.reco.kernels.track_seed import T_CHARGE_FRACTION, T_FIRST, directions, seen, tweak
from icecol.reco.numerics.direction import folded
from icecol.reco.numerics.simplex import minimiser

MISSING_SEED = 40
"""I3Particle.FitStatus, beside those of `linefit`."""

STEPS = (20.0, 20.0, 20.0, 0.1, 0.2)
LIMIT = 2000.0


def fitter(minimise, name):
    """Return the kernel `name`: a fit by minimise(data, start, tolerance, max_calls).

    It fits a track to the pulses of one event, sorted by omkey, from a seed, the seed turned to `alternatives`, and
    `iterations` other directions each, and returns x, y, z (m), time (ns), zenith, azimuth (rad), fit_status, logl,
    rlogl, ndof, nmini: -ln L at the minimum, logl / ndof, number of hit DOMs minus 5, and number of likelihood
    evaluations of the best fit.
    Each minimiser has a kernel of its own, so that only the one in use is compiled.
    """

    def fit(
        time, charge, omkey, x, y, z,
        seed_x, seed_y, seed_z, seed_time, seed_zenith, seed_azimuth, seed_status,
        form, response, noise, ice, moves, alternatives, iterations, cos_zenith_range, tolerance, max_calls, table,
    ):  # fmt: skip
        nan = math.nan
        if seed_status != OK or not math.isfinite(
            seed_x + seed_y + seed_z + seed_time + seed_zenith + seed_azimuth
        ):
            return nan, nan, nan, nan, nan, nan, float(MISSING_SEED), nan, nan, -1.0, -1.0
        event = hits(time, charge, omkey, x, y, z, form)
        ndof = event[0].shape[1] - 5.0
        if ndof <= 0.0 and iterations:
            return nan, nan, nan, nan, nan, nan, float(MISSING_SEED), nan, nan, -1.0, -1.0
        cog = centre(charge, x, y, z)
        later = (T_FIRST, moves[1], moves[2])  # of the turned seeds
        firsts = seen(time, charge, omkey, x, y, z, T_FIRST)
        pulses = seen(time, charge, omkey, x, y, z, moves[0]) if moves[0] == T_CHARGE_FRACTION else firsts
        seed, seed_t = tweak(
            pulses, cog, (seed_x, seed_y, seed_z), seed_time, seed_zenith, seed_azimuth, moves
        )
        best, best_t, logl, nmini = np.empty(5), seed_t, math.inf, 0
        turned = directions(seed_zenith, seed_azimuth, alternatives)
        for k in range(turned.shape[0] if ndof > 0.0 else 0):
            vertex, t, zenith, azimuth = seed, seed_t, turned[k, 0], turned[k, 1]
            if k > 0:
                vertex, t = tweak(firsts, cog, vertex, t, zenith, azimuth, later)
            first, first_t = np.array([vertex[0], vertex[1], vertex[2], zenith, azimuth]), t
            origin = (zenith, azimuth)
            for j in range(iterations + 1):
                if j > 0:  # the first result, reversed
                    a, b = sobol(j - 1)
                    vertex, zenith, azimuth = (first[0], first[1], first[2]), first[3], first[4]
                    vertex, t = tweak(firsts, cog, vertex, first_t, zenith, azimuth, later)
                    zenith, azimuth = offset(origin, a, b, cos_zenith_range)
                    vertex, t = tweak(firsts, cog, vertex, t, zenith, azimuth, later)
                elif not cos_zenith_range[0] <= math.cos(zenith) <= cos_zenith_range[1]:
                    continue
                start = np.array([vertex[0], vertex[1], vertex[2], zenith, azimuth])
                data = (event, form, t, response, noise, ice, table)
                p, y, calls, converged = minimise(data, start, tolerance, max_calls)
                if j == 0:  # where it continues; a failure has turned IceTray's seed, too
                    origin = folded(p[3], p[4])
                    if converged:
                        first = p
                if converged and y < logl:
                    best, best_t, logl, nmini = p, t, y, calls
        if not logl < math.inf:
            status = float(FAILED_TO_CONVERGE)
            if iterations:
                return nan, nan, nan, nan, nan, nan, status, nan, nan, -1.0, -1.0
            return (
                seed[0], seed[1], seed[2], seed_t, seed_zenith, seed_azimuth, status, nan, nan, -1.0, -1.0,
            )  # fmt: skip
        if table.shape[0] > 0:
            logl = objective(best, (event, form, best_t, response, noise, ice, table[:0]))
            nmini += 1
        zenith, azimuth = folded(best[3], best[4])
        return (
            best[0], best[1], best[2], best_t, zenith, azimuth, float(OK), logl, logl / ndof, ndof, float(nmini),
        )  # fmt: skip

    fit.__name__ = name
    return compiled(fit)


@compiled
def event_likelihood(
    time, charge, omkey, x, y, z,
    track_x, track_y, track_z, track_time, track_zenith, track_azimuth,
    form, response, noise, ice, n_free_parameters, table,
):  # fmt: skip
    """Return logl, rlogl and ndof of a track for the pulses of one event, sorted by omkey."""
    event = hits(time, charge, omkey, x, y, z, form)
    vertex = (track_x, track_y, track_z)
    ndof = float(event[0].shape[1] - n_free_parameters)
    if math.isnan(track_x + track_y + track_z + track_time + track_zenith + track_azimuth):
        return math.nan, math.nan, ndof
    logl = track_likelihood(
        event, form, vertex, track_time, track_zenith, track_azimuth, response, noise, ice, table
    )
    return logl, logl / ndof if ndof > 0.0 else math.nan, ndof


@compiled
def centre(charge, x, y, z):
    """Return the mean position of the pulses of one event, weighted with charge."""
    cx, cy, cz, total = 0.0, 0.0, 0.0, 0.0
    for j in range(charge.size):
        q = float(charge[j])
        if math.isfinite(q):
            cx += q * x[j]
            cy += q * y[j]
            cz += q * z[j]
            total += q
    total = total if total != 0.0 else 1.0
    return cx / total, cy / total, cz / total


@compiled(inline="always")
def objective(parameters, data):
    """Return -ln L at x, y, z, zenith, azimuth."""
    event, form, time, response, noise, ice, table = data
    vertex = (parameters[0], parameters[1], parameters[2])
    return track_likelihood(
        event, form, vertex, time, parameters[3], parameters[4], response, noise, ice, table
    )


_simplex = minimiser(objective)


@compiled(inline="always")
def by_simplex(data, start, tolerance, max_calls):
    """Minimise -ln L over x, y, z, zenith and azimuth: the result, its value, number of calls, and convergence."""
    high = np.array([LIMIT, LIMIT, LIMIT, 0.0, 0.0])
    p, y, calls, converged = _simplex(data, start, np.array(STEPS), -high, high, tolerance, max_calls)
    return p, y, calls + 1, converged  # IceTray evaluates the likelihood once more at the end


track_fit = fitter(by_simplex, "track_fit")


@compiled
def sobol(j):
    """Return point j of Sobol's sequence in two dimensions, in Gray code order, without the origin."""
    n, gray = j + 1, (j + 1) ^ ((j + 1) >> 1)
    a, b, scale, direction = 0.0, 0, 0.5, 1 << 29
    while n > 0:
        if gray & 1:
            a += scale
            b ^= direction
        gray >>= 1
        n >>= 1
        scale *= 0.5
        direction ^= direction >> 1
    return a, b / float(1 << 30)


@compiled
def offset(origin, a, b, cos_zenith_range):
    """Return the direction of a point (a, b) of the unit square, which begins at that of the origin and is cyclic.

    One side is the cosine of the zenith angle in its range, the other the azimuth.
    """
    low, high = cos_zenith_range
    u = ((math.cos(origin[0]) - low) / (high - low) % 1.0 + a) % 1.0
    v = (0.5 * origin[1] / math.pi % 1.0 + b) % 1.0
    return math.acos(low * (1.0 - u) + high * u), 2.0 * math.pi * v
