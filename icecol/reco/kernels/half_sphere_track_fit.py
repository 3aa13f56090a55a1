"""Track fits whose direction stays within 90 degrees of the seed's: `track_fit` in the plane tangent to the sphere.

IceTray's I3HalfSphereParametrization: the direction is that of the seed plus two components perpendicular to it.
Unlike two angles, these are good coordinates near the zenith, too.
"""

from __future__ import annotations

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.track_fit import fitter
from icecol.reco.kernels.track_likelihood import track_likelihood
from icecol.reco.numerics.direction import across, direction, towards
from icecol.reco.numerics.simplex import minimiser

_STEPS = (0.3, 0.3, 30.0, 30.0, 30.0)


@compiled
def aside(a, b, e, one, two):
    """Return the direction (zenith, azimuth) of a flight along e + a one + b two."""
    return direction(
        e[0] + a * one[0] + b * two[0], e[1] + a * one[1] + b * two[1], e[2] + a * one[2] + b * two[2]
    )


@compiled(inline="always")
def _objective(parameters, data):
    """Return -ln L at two lengths across the direction of the seed, x, y and z."""
    (event, form, time, response, noise, ice, table), e, one, two = data
    zenith, azimuth = aside(parameters[0], parameters[1], e, one, two)
    vertex = (parameters[2], parameters[3], parameters[4])
    return track_likelihood(event, form, vertex, time, zenith, azimuth, response, noise, ice, table)


_simplex = minimiser(_objective)


@compiled(inline="always")
def by_half_sphere(data, start, tolerance, max_calls):
    """Minimise -ln L over x, y, z, zenith and azimuth: the result, its value, number of calls, and convergence."""
    e = towards(start[3], start[4])
    one, two = across(e)
    free = np.zeros(5)
    inner = np.array([0.0, 0.0, start[0], start[1], start[2]])
    p, y, calls, converged = _simplex(
        (data, e, one, two), inner, np.array(_STEPS), free, free, tolerance, max_calls
    )
    zenith, azimuth = aside(p[0], p[1], e, one, two)
    return np.array([p[2], p[3], p[4], zenith, azimuth]), y, calls + 1, converged


half_sphere_track_fit = fitter(by_half_sphere, "half_sphere_track_fit")
