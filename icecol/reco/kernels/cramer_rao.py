"""Cramér-Rao bound of a track: the best resolution of direction and position that its hit DOMs allow, without a fit.

IceTray's cramer-rao. The information of one photon at distance d from the track is T(d), the mean curvature of
-ln p of Pandel's arrival time in d; the inverse of the sum over all DOMs of T(d) times the slopes of d in the
track's parameters bounds their covariance from below. (Lünemann, thesis, Mainz 2013, ch. 4.4.)
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.first_pulses import first_pulses
from icecol.reco.numerics.inverse import inverse
from icecol.reco.numerics.special import trigamma

OK, MISSING_INPUT, SINGULAR_MATRIX, INSUFFICIENT_HITS, ONE_STRING_EVENT = 0.0, 10.0, 20.0, 30.0, 40.0
"""CramerRaoParams.CramerRaoStatus."""

_SCATTERING = (
    162, 173, 89, 101, 78, 69, 75, 72, 70, 71, 49, 55, 60, 50, 47, 43, 40, 35, 35, 42, 49, 62, 74, 69, 63,
    63, 56, 55, 54, 57, 54, 57, 40, 33, 32, 32, 37, 45, 53, 63, 67, 62, 61, 54, 48, 46, 41, 37, 36, 65, 38,
    41, 49, 54, 56, 50, 43, 36, 32, 33, 34, 37, 46, 54, 55, 63, 74, 105, 102, 163, 175, 157, 179, 163, 106,
    69, 42, 31, 32, 42, 30, 33, 37, 35, 34, 45, 39, 59, 38, 28, 30, 45, 37, 30, 29, 27, 26, 25, 40, 33, 35,
    36, 34, 32, 31, 29, 28, 28, 28, 27, 27, 26, 27, 26, 27, 28, 30, 34, 36, 35, 34, 33,
)  # fmt: skip
"""Scattering in 1/km every 10 m of depth from 1345 m on."""
_SURFACE, _TOP = 1948.07, 1345.0
_MEAN = 1.0 / 33.3

_BLURRED, _TABLED = 40.0, 400
_FAR = 0.033

_SHARE = (
    3.121672, 7.252053, 1.096938, 0.437068, 0.043493, 0.083777, 0.05152, 0.019182, 0.000307, -0.002391,
    -0.001133, -0.000185,
)  # fmt: skip
_MIDDLE, _HALF, _EDGE = 0.8829696376157378, 0.5485994851275268, 4.2


@compiled
def information(d, scattering):
    """Return T in 1/m^2 at d m, scattering in 1/m: up to 40 m blurred by the jitter of the DOM.

    With x = d scattering it is scattering^2 trigamma(x) share(x) + 0.948 scattering / d. This form was found in the
    table of IceTray's module, and the share of the information that the jitter leaves was fitted to it, as a Chebyshev
    series of its logit in x^(1/4). It gives the values of the table to 2.4e-5, most to the six digits that it has.
    """
    x = d * scattering
    value = 0.948 * scattering / d
    if d > _BLURRED or x >= _EDGE:
        return value + scattering * scattering * trigamma(x)
    place = (math.sqrt(math.sqrt(x)) - _MIDDLE) / _HALF
    a, b = 0.0, 0.0
    for k in range(11, 0, -1):
        a, b = 2.0 * place * a - b + _SHARE[k], a
    logit = place * a - b + _SHARE[0]
    return value + scattering * scattering * trigamma(x) / (1.0 + math.exp(-logit))


@compiled
def tabled(i, z, by_depth):
    """Return T at (i + 1) / 2 m for a DOM at height z: blurred and by depth, or for plain Pandel."""
    d = 0.5 * (i + 1)
    if not by_depth:
        return _MEAN * _MEAN * trigamma(d * _MEAN)
    layer = math.floor((_SURFACE - _TOP - z) / 10.0 + 0.5)
    return information(d, 1e-3 * _SCATTERING[int(min(max(layer, 0.0), 121.0))])


@compiled
def interpolated(d, z, by_depth):
    """Return T as IceTray's module takes it from its table.

    Between two entries it takes half of the number of the upper one, rounded down, for a distance: from there it
    extrapolates by up to 0.5 m.
    """
    i = int(2.0 * d - 0.5)
    if i >= _TABLED:
        return _FAR / d
    i = max(i, 1)
    here = tabled(i, z, by_depth)
    return here + (i // 2 - d) * (tabled(i - 1, z, by_depth) - here) / 0.5


@compiled
def cramer_rao(
    charge, omkey, x, y, z, track_x, track_y, track_z, track_zenith, track_azimuth, all_hits, by_depth
):
    """Return the bound for the pulses of one event, sorted by omkey.

    Returns cramer_rao_theta, cramer_rao_phi (rad), variance_theta, variance_phi (rad^2), variance_x, variance_y (m^2),
    covariance_theta_phi, _theta_x, _theta_y, _phi_x, _phi_y, _x_y, and status.
    """
    first = first_pulses(omkey)
    n = first.size - 1
    nan = math.nan
    if n <= 5:
        return nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, INSUFFICIENT_HITS
    if math.isnan(track_x + track_y + track_z + track_zenith + track_azimuth):
        return nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, MISSING_INPUT
    ct, st = math.cos(track_zenith), math.sin(track_zenith)
    cp, sp = math.cos(track_azimuth), math.sin(track_azimuth)
    total, slope = np.zeros((4, 4)), np.empty(4)
    one_string = True
    for i in range(n):
        a = first[i]
        one_string &= omkey[a] >> 16 == omkey[0] >> 16
        rx, ry, rz = x[a] - track_x, y[a] - track_y, z[a] - track_z
        along = st * cp * rx + st * sp * ry + ct * rz
        dd = (
            (rx * sp * st - ry * cp * st) ** 2 + (ry * ct - rz * sp * st) ** 2 + (rz * cp * st - rx * ct) ** 2
        )
        d = math.sqrt(dd)
        slope[0] = -along * (ct * cp * rx + ct * sp * ry - st * rz)
        slope[1] = -along * st * (cp * ry - sp * rx)
        slope[2] = along * st * cp - rx
        slope[3] = along * st * sp - ry
        weight = interpolated(d, z[a], by_depth) / dd
        if all_hits:
            q = 0.0
            for j in range(a, first[i + 1]):
                q += charge[j]
            weight *= q
        for m in range(4):
            for k in range(4):
                total[m, k] += weight * slope[m] * slope[k]
    bound, there = inverse(total)
    if not there:
        status = ONE_STRING_EVENT if one_string else SINGULAR_MATRIX
        return nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, status
    return (
        math.sqrt(bound[0, 0]), math.sqrt(bound[1, 1]), bound[0, 0], bound[1, 1], bound[2, 2], bound[3, 3],
        bound[0, 1], bound[0, 2], bound[0, 3], bound[1, 2], bound[1, 3], bound[2, 3],
        ONE_STRING_EVENT if one_string else OK,
    )  # fmt: skip
