"""Cascade fits: the maximum-likelihood vertex and time, minimised as in IceTray's Gulliver."""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.cascade_likelihood import cascade_likelihood
from icecol.reco.kernels.fit_status import FAILED_TO_CONVERGE, INSUFFICIENT_HITS, OK
from icecol.reco.kernels.track_fit import MISSING_SEED
from icecol.reco.kernels.track_likelihood import hits
from icecol.reco.kernels.track_seed import cascade_residuals, seen, time_shift
from icecol.reco.numerics.powell import direction_set
from icecol.reco.numerics.simplex import minimiser

_STEPS = (20.0, 20.0, 20.0, 20.0)
LIMIT = 1000.0


@compiled(inline="always")
def _objective(parameters, data):
    """Return -ln L at time, x, y, z."""
    event, form, energy, response, noise, table = data
    vertex = (parameters[1], parameters[2], parameters[3])
    return cascade_likelihood(event, form, vertex, parameters[0], energy, response, noise, table)


def fitter(minimise, name):
    """Return the kernel `name`: a fit by minimise(data, start, tolerance, max_calls).

    It fits vertex and time of a cascade to the pulses of one event, sorted by omkey. Returns x, y, z (m), time (ns),
    zenith, azimuth (rad), energy (GeV): those of the seed; fit_status, logl, rlogl, ndof, nmini: -ln L at the minimum,
    logl / ndof, number of hit DOMs minus 4, and number of likelihood evaluations.
    """

    def fit(
        time, charge, omkey, x, y, z,
        seed_x, seed_y, seed_z, seed_time, seed_zenith, seed_azimuth, seed_energy, seed_status,
        form, response, noise, moves, min_hits, tolerance, max_calls, table,
    ):  # fmt: skip
        nan = math.nan
        if seed_status != OK or not math.isfinite(seed_x + seed_y + seed_z + seed_time):
            return nan, nan, nan, nan, nan, nan, nan, float(MISSING_SEED), nan, nan, -1.0, -1.0
        event = hits(time, charge, omkey, x, y, z, form)
        pulses = seen(time, charge, omkey, x, y, z, moves[0])
        late = cascade_residuals(pulses, (seed_x, seed_y, seed_z), seed_time)
        t = seed_time + time_shift(late, pulses[2], moves)
        ndof = event[0].shape[1] - 4.0
        energy = seed_energy if math.isfinite(seed_energy) else response[2]
        data = (event, form, energy, response, noise, table)
        p, logl, nmini, converged = np.empty(4), nan, -1, False
        if ndof > 0.0 and event[0].shape[1] >= min_hits:
            start = np.array([t, seed_x, seed_y, seed_z])
            p, logl, nmini, converged = minimise(data, start, tolerance, max_calls)
        if not converged:
            few = event[0].shape[1] < min_hits
            status = float(INSUFFICIENT_HITS if few else FAILED_TO_CONVERGE)
            return (
                seed_x, seed_y, seed_z, t, seed_zenith, seed_azimuth, seed_energy, status, nan, nan, -1.0, -1.0,
            )  # fmt: skip
        if table.shape[0] > 0:
            logl = _objective(p, (event, form, energy, response, noise, table[:0]))
            nmini += 1
        return (
            p[1], p[2], p[3], p[0], seed_zenith, seed_azimuth, seed_energy,
            float(OK), logl, logl / ndof, ndof, float(nmini),
        )  # fmt: skip

    fit.__name__ = name
    return compiled(fit)


_simplex = minimiser(_objective)
_powell = direction_set(_objective)


@compiled(inline="always")
def by_simplex(data, start, tolerance, max_calls):
    """Minimise -ln L over time, x, y and z: the result, its value, number of calls, and convergence."""
    high = np.array([0.0, LIMIT, LIMIT, LIMIT])
    p, y, calls, converged = _simplex(data, start, np.array(_STEPS), -high, high, tolerance, max_calls)
    return p, y, calls + 1, converged  # IceTray evaluates the likelihood once more at the end


cascade_fit = fitter(by_simplex, "cascade_fit")
powell_cascade_fit = fitter(_powell, "powell_cascade_fit")


@compiled
def vertex_likelihood(
    time, charge, omkey, x, y, z, vertex_x, vertex_y, vertex_z, vertex_time, vertex_energy,
    form, response, noise, table,
):  # fmt: skip
    """Return logl, rlogl and ndof of a cascade for the pulses of one event, sorted by omkey."""
    event = hits(time, charge, omkey, x, y, z, form)
    ndof = event[0].shape[1] - 4.0
    if math.isnan(vertex_x + vertex_y + vertex_z + vertex_time):
        return math.nan, math.nan, ndof
    vertex = (vertex_x, vertex_y, vertex_z)
    energy = vertex_energy if math.isfinite(vertex_energy) else response[2]
    logl = cascade_likelihood(event, form, vertex, vertex_time, energy, response, noise, table)
    return logl, logl / ndof if ndof > 0.0 else math.nan, ndof
