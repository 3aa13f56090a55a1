"""Where a track starts and stops in the detector, by the first and last hit sensor along it.

IceTray's I3StartStopPoint with I3FiniteCuts (finiteReco).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from icecol.reco.kernels.cherenkov import closest_approach_distance, distance_along_track, make_track
from icecol.reco.kernels.improved_linefit import first_pulses
from icecol.reco.kernels.linefit import INSUFFICIENT_HITS, OK
from icecol.units import c

MISSING_SEED = 40
"""I3Particle.FitStatus."""


@njit(nogil=True, error_model="numpy")
def finite_reco(
    omkey, x, y, z,
    track_x, track_y, track_z, track_time, track_zenith, track_azimuth, track_length, shape,
    cylinder_radius, sensor_x, sensor_y, sensor_z,
):  # fmt: skip
    """Cut the track to what lies between the outermost hit sensors within cylinder_radius (m) of it.

    With the places l of those sensors along the track, and of all of `sensor_x`, `_y`, `_z` within the cylinder from a
    to b. Returns x, y, z (m), time (ns), zenith, azimuth (rad), length (m) of the part, fit_status, Length (m, again),
    endFraction = (b - max l) / (b - a), startFraction = (min l - a) / (b - a), Sdet = the largest |j / n - (l_j - a) /
    (b - a)|, with its sign, finiteCut = the sum of (l - middle) / half of the detector over the number of all hit
    sensors, DetectorLength = b - a (m). Status 40: the track is NaN; 20: no hit sensor is in the cylinder. All but the
    status is then NaN.
    """
    track = make_track(
        track_x, track_y, track_z, track_time, track_zenith, track_azimuth, shape, track_length
    )
    nan = math.nan
    first = first_pulses(omkey)
    places = np.empty(first.size)
    n = 0
    for i in range(first.size - 1):
        a = first[i]
        if closest_approach_distance(track, x[a], y[a], z[a]) < cylinder_radius:
            places[n] = distance_along_track(track, x[a], y[a], z[a])
            n += 1
    status = OK
    if not math.isfinite(track_x + track_y + track_z + track_zenith + track_azimuth):
        status = MISSING_SEED
    elif n == 0:
        status = INSUFFICIENT_HITS
    if status != OK:
        return nan, nan, nan, nan, nan, nan, nan, float(status), nan, nan, nan, nan, nan, nan
    places = np.sort(places[:n])
    begin, end = math.inf, -math.inf
    for k in range(sensor_x.size):
        if closest_approach_distance(track, sensor_x[k], sensor_y[k], sensor_z[k]) < cylinder_radius:
            place = distance_along_track(track, sensor_x[k], sensor_y[k], sensor_z[k])
            begin, end = min(begin, place), max(end, place)
    detector = end - begin
    middle, half = (begin + end) / 2, detector / 2
    depth, unevenness = 0.0, 0.0 if n > 2 else nan
    for j in range(n):
        depth += (places[j] - middle) / half
        s = j / n - (places[j] - begin) / detector
        if abs(s) > abs(unevenness):
            unevenness = s
    start, length = places[0], places[n - 1] - places[0]
    return (
        track.x + start * track.ex, track.y + start * track.ey, track.z + start * track.ez,
        track_time + start / c, track_zenith, track_azimuth, length, float(OK),
        length, (end - places[n - 1]) / detector, (start - begin) / detector, unevenness,
        depth / (first.size - 1), detector,
    )  # fmt: skip
