"""Where a track starts and stops in the detector, from the first and last hit DOM along it.

IceTray's I3StartStopPoint with I3FiniteCuts (finiteReco).
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.cherenkov import closest_approach_distance, distance_along_track, make_track
from icecol.reco.kernels.first_pulses import first_pulses
from icecol.reco.kernels.fit_status import INSUFFICIENT_HITS, OK
from icecol.units import c

MISSING_SEED = 40
"""I3Particle.FitStatus."""
STOPPING, CONTAINED = 60, 70
"""I3Particle.ParticleShape."""


@compiled
def finite_reco(
    omkey, x, y, z,
    track_x, track_y, track_z, track_time, track_zenith, track_azimuth, track_length, track_status, own_length,
    shape, expected_shape, cylinder_radius, sensor_x, sensor_y, sensor_z,
):  # fmt: skip
    """Cut the track to the part between the outermost hit DOMs within cylinder_radius (m) of it.

    Let l be the positions of those DOMs along the track, and a to b the range of all DOMs (`sensor_x`, `_y`, `_z`)
    within the cylinder. Returns x, y, z (m), time (ns) of the first of them, for an expected_shape of 60 of the last;
    zenith, azimuth (rad), length (m; that of the part for a shape of 70, else own_length), fit_status, Length (m, of
    the part), endFraction = (b - max l) / (b - a), startFraction = (min l - a) / (b - a), Sdet = the largest |j / n -
    (l_j - a) / (b - a)|, with its sign, finiteCut = the sum of (l - middle) / half of the detector over the number of
    all hit DOMs, DetectorLength = b - a (m). A track_status that is not 0 is the status, as is 40 where the track is
    NaN; all else is then NaN. Status 20: no hit DOM is in the cylinder.
    """
    nan = math.nan
    status = track_status
    if status == OK and not math.isfinite(track_x + track_y + track_z + track_zenith + track_azimuth):
        status = MISSING_SEED
    if status != OK:
        return nan, nan, nan, nan, nan, nan, nan, status, nan, nan, nan, nan, nan, nan
    track = make_track(
        track_x, track_y, track_z, track_time, track_zenith, track_azimuth, shape, track_length
    )
    begin, end = math.inf, -math.inf
    for k in range(sensor_x.size):
        if closest_approach_distance(track, sensor_x[k], sensor_y[k], sensor_z[k]) < cylinder_radius:
            place = distance_along_track(track, sensor_x[k], sensor_y[k], sensor_z[k])
            begin, end = min(begin, place), max(end, place)
    if begin > end:
        begin, end = nan, nan
    detector = end - begin
    middle, half = (begin + end) / 2, detector / 2
    first = first_pulses(omkey)
    doms = first.size - 1
    places = np.empty(doms)
    n, depth = 0, 0.0
    for i in range(doms):
        a = first[i]
        if closest_approach_distance(track, x[a], y[a], z[a]) < cylinder_radius:
            places[n] = distance_along_track(track, x[a], y[a], z[a])
            depth += (places[n] - middle) / half
            n += 1
    if n == 0:
        length = nan if expected_shape == CONTAINED else own_length
        return (
            nan, nan, nan, nan, track_zenith, track_azimuth, length, float(INSUFFICIENT_HITS),
            nan, nan, nan, nan, depth / doms, detector,
        )  # fmt: skip
    places = np.sort(places[:n])
    unevenness = 0.0 if n > 2 else nan
    for j in range(n):
        s = j / n - (places[j] - begin) / detector
        if abs(s) > abs(unevenness):
            unevenness = s
    start, stop = places[0], places[n - 1]
    at, size = stop if expected_shape == STOPPING else start, stop - start
    return (
        track.x + at * track.ex, track.y + at * track.ey, track.z + at * track.ez, track_time + at / c,
        track_zenith, track_azimuth, size if expected_shape == CONTAINED else own_length, float(OK),
        size, (end - stop) / detector, (start - begin) / detector, unevenness, depth / doms, detector,
    )  # fmt: skip
