"""How the hit DOMs follow each other along a track, in the arithmetic of IceTray's CommonVariables."""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.cherenkov import (
    INFINITE_TRACK,
    cherenkov,
    closest_approach_distance,
    distance_along_track,
    endless,
)


@compiled
def seen_from(track, doms):
    """Return the positions of the DOMs along the track (m), their distances (m), and the arrival times of light (ns).

    Without a branch for an infinite track, so that several DOMs are computed at once.
    """
    n = doms.time.size
    seen = np.empty((3, n))
    place, distance, arrival = seen[0], seen[1], seen[2]
    if track.shape == INFINITE_TRACK:
        for i in range(n):
            x, y, z = doms.x[i], doms.y[i], doms.z[i]
            place[i] = distance_along_track(track, x, y, z)
            distance[i], _, _, arrival[i] = endless(track, x, y, z)
    else:
        for i in range(n):
            x, y, z = doms.x[i], doms.y[i], doms.z[i]
            place[i] = distance_along_track(track, x, y, z)
            distance[i] = closest_approach_distance(track, x, y, z)
            _, _, arrival[i] = cherenkov(track, x, y, z)
    return place, distance, arrival


@compiled
def longest_gap(places):
    """Return the largest gap between sorted positions; NaN for fewer than two."""
    if places.size < 2:
        return math.nan
    gap = places[1] - places[0]
    for i in range(2, places.size):
        between = places[i] - places[i - 1]
        gap = max(gap, between)
    return gap


@compiled
def smoothness(places):
    """Return the largest |s_i|, with its sign, of s_i = i / n - (l_i - l_0) / (l_n - l_0) for 0 < i < n = size - 1.

    The positions l along the track are sorted. 0 is perfectly even; positive values mean hits crowded at the start of
    the track, negative ones at its end; NaN for fewer than three.
    """
    n = places.size - 1
    if n < 2:
        return math.nan
    uneven, begin, length = np.empty(n), places[0], places[n] - places[0]
    for i in range(n):  # in a loop of its own: several divisions at once
        uneven[i] = i / n - (places[i] - begin) / length
    highest, lowest = 0.0, 0.0
    for i in range(1, n):
        s = uneven[i]
        highest = max(highest, s)
        lowest = min(lowest, s)
    if highest == -lowest > 0.0:  # the first of them
        for i in range(1, n):
            if abs(uneven[i]) == highest:
                return uneven[i]
    return highest if highest > -lowest else lowest


@compiled
def spread(places):
    """Return length and smoothness of sorted positions along a track; NaN for fewer than two and three of them."""
    if places.size < 2:
        return math.nan, math.nan
    return places[-1] - places[0], smoothness(places)
