"""Cascade fits with direction and energy: from the arrival times and the amount of light in each DOM."""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.cascade_fit import LIMIT
from icecol.reco.kernels.cascade_likelihood import cascade_likelihood, light_likelihood
from icecol.reco.kernels.first_pulses import first_pulses
from icecol.reco.kernels.fit_status import FAILED_TO_CONVERGE, INSUFFICIENT_HITS, OK
from icecol.reco.kernels.track_fit import MISSING_SEED, offset, sobol
from icecol.reco.kernels.track_likelihood import hits, usable
from icecol.reco.kernels.track_seed import cascade_residuals, seen, time_shift
from icecol.reco.numerics.direction import folded
from icecol.reco.numerics.simplex import minimiser

_STEPS = (20.0, 20.0, 20.0, 20.0, 0.3, 0.3, 0.3)
_GAIN = 0.01


@compiled
def charges_of(time, charge, omkey, bad, form):
    """Return the charge of each hit DOM, NaN for one that is known to be bad."""
    good = usable(time, charge, form)
    charge, omkey, bad = charge[good], omkey[good], bad[good]
    first = first_pulses(omkey)
    charges = np.zeros(first.size - 1)
    for i in range(charges.size):
        if bad[first[i]]:
            charges[i] = math.nan
        for j in range(first[i], first[i + 1]):
            charges[i] += charge[j]
    return charges


@compiled(inline="always")
def _objective(parameters, data):
    """Return -ln L at time, x, y, z, zenith, azimuth, and the logarithm of the energy to base 10."""
    event, charges, sensors, form, response, noise, light, by_charge, table = data
    vertex = (parameters[1], parameters[2], parameters[3])
    energy = 10.0 ** parameters[6]
    return cascade_likelihood(
        event, form, vertex, parameters[0], energy, response, noise, table
    ) + light_likelihood(
        event[0], charges, sensors, vertex, parameters[4], parameters[5], energy, light, by_charge
    )


_simplex = minimiser(_objective)


@compiled
def _minimum(data, start, tolerance, max_calls):
    """Minimise by the simplex, restarted where it stopped as long as that helps: in seven dimensions it stops early.

    Returns the parameters, the minimum, the number of calls, and whether the last simplex converged.
    """
    high = np.array([0.0, LIMIT, LIMIT, LIMIT, 0.0, 0.0, 0.0])
    p, y, calls, converged = start, math.inf, 0, False
    while calls < max_calls:
        q, value, used, converged = _simplex(
            data, p, np.array(_STEPS), -high, high, tolerance, max_calls - calls
        )
        calls += used
        gain = y - value
        if gain > 0.0:
            p, y = q, value
        if not gain > _GAIN:
            break
    return p, y, calls, converged


@compiled
def directional_cascade_fit(
    time, charge, omkey, x, y, z, bad,
    seed_x, seed_y, seed_z, seed_time, seed_zenith, seed_azimuth, seed_energy, seed_status,
    form, response, noise, moves, min_hits, tolerance, max_calls, table,
    sensors, light, by_charge, iterations,
):  # fmt: skip
    """Fit vertex, time, direction and energy of a cascade to the pulses of one event, sorted by omkey.

    It starts from the direction of the seed and `iterations` others; the best is kept. Returns what
    `cascade_fit.cascade_fit` returns, with ndof the number of hit DOMs minus 7.
    """
    nan = math.nan
    if (
        seed_status != OK
        or not math.isfinite(seed_x + seed_y + seed_z + seed_time + seed_zenith + seed_azimuth)
        or not 0.0 < seed_energy < math.inf
    ):
        return nan, nan, nan, nan, nan, nan, nan, float(MISSING_SEED), nan, nan, -1.0, -1.0
    event = hits(time, charge, omkey, x, y, z, form)
    pulses = seen(time, charge, omkey, x, y, z, moves[0])
    late = cascade_residuals(pulses, (seed_x, seed_y, seed_z), seed_time)
    t = seed_time + time_shift(late, pulses[2], moves)
    ndof = event[0].shape[1] - 7.0
    charges = charges_of(time, charge, omkey, bad, form)
    data = (event, charges, sensors, form, response, noise, light, by_charge, table)
    best = np.array([t, seed_x, seed_y, seed_z, seed_zenith, seed_azimuth, math.log10(seed_energy)])
    start, logl, nmini = best.copy(), math.inf, 0.0
    for j in range(iterations + 1 if ndof > 0.0 and event[0].shape[1] >= min_hits else 0):
        if j > 0:
            a, b = sobol(j - 1)
            start[4], start[5] = offset((seed_zenith, seed_azimuth), a, b, (-1.0, 1.0))
        p, value, calls, converged = _minimum(data, start, tolerance, max_calls)
        if converged and value < logl:
            best, logl, nmini = p, value, calls + 1.0
    if not logl < math.inf:
        few = event[0].shape[1] < min_hits
        status = float(INSUFFICIENT_HITS if few else FAILED_TO_CONVERGE)
        return (
            seed_x, seed_y, seed_z, t, seed_zenith, seed_azimuth, seed_energy, status, nan, nan, -1.0, -1.0,
        )  # fmt: skip
    zenith, azimuth = folded(best[4], best[5])
    energy = 10.0 ** best[6]
    if table.shape[0] > 0:
        logl = _objective(best, (event, charges, sensors, form, response, noise, light, by_charge, table[:0]))
        nmini += 1.0
    return (
        best[1], best[2], best[3], best[0], zenith, azimuth, energy, float(OK), logl, logl / ndof, ndof, nmini,
    )  # fmt: skip
