"""Track fits that follow the gradient of the likelihood: `track_fit` by the quasi-Newton method."""

from __future__ import annotations

import numpy as np
from numba import njit

from icecol.reco.kernels.bfgs import quasi_newton
from icecol.reco.kernels.track_fit import STEPS, fitter
from icecol.reco.kernels.track_likelihood import track_slope


@njit(nogil=True, error_model="numpy", inline="always")
def objective_slope(parameters, data, gradient):
    """Return -ln L at x, y, z, zenith, azimuth, and set its gradient."""
    event, form, time, response, noise, ice, table = data
    vertex = (parameters[0], parameters[1], parameters[2])
    zenith, azimuth = parameters[3], parameters[4]
    return track_slope(event, form, vertex, time, zenith, azimuth, response, noise, ice, table, gradient)


_bfgs = quasi_newton(objective_slope)


@njit(nogil=True, error_model="numpy", inline="always")
def by_gradient(data, start, tolerance, max_calls):
    """Minimise -ln L over x, y, z, zenith and azimuth: the result, its value, number of calls, and convergence."""
    return _bfgs(data, start, np.array(STEPS), tolerance, max_calls)


_fit = fitter(by_gradient)


@njit(nogil=True, error_model="numpy")
def gradient_track_fit(
    time,
    charge,
    omkey,
    x,
    y,
    z,
    seed_x,
    seed_y,
    seed_z,
    seed_time,
    seed_zenith,
    seed_azimuth,
    seed_status,
    form,
    response,
    noise,
    ice,
    shift,
    max_mean_residual,
    iterations,
    tolerance,
    max_calls,
    table,
):
    """Fit a track to the pulses of one event, sorted by omkey, from a seed and `iterations` other directions.

    Needs a table. Returns what `track_fit` returns.
    """
    return _fit(
        time,
        charge,
        omkey,
        x,
        y,
        z,
        seed_x,
        seed_y,
        seed_z,
        seed_time,
        seed_zenith,
        seed_azimuth,
        seed_status,
        form,
        response,
        noise,
        ice,
        shift,
        max_mean_residual,
        iterations,
        tolerance,
        max_calls,
        table,
    )
