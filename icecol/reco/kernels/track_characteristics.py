"""How the hit sensors lie around and along a track.

The sums run in the order of IceTray's CommonVariables, so that results agree with stored ones to the last bit.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from icecol.reco.kernels.ascending import ascending
from icecol.reco.kernels.cherenkov import closest_approach_distance, distance_along_track, make_track
from icecol.reco.kernels.improved_linefit import first_pulses


@njit(nogil=True, error_model="numpy")
def track_characteristics(
    time, charge, omkey, x, y, z,
    track_x, track_y, track_z, track_time, track_zenith, track_azimuth, track_length, shape,
    cylinder_radius,
):  # fmt: skip
    """Describe the sensors of one event, pulses sorted by omkey, that are within cylinder_radius (m) of the track.

    Returns avg_dom_dist_q_tot_dom (m): their mean distance to the track, by charge; empty_hits_track_length (m): the
    longest part of the track between two of them; track_hits_separation_length (m): see `_separation`; and
    track_hits_distribution_smoothness: see `smoothness`.
    """
    track = make_track(
        track_x, track_y, track_z, track_time, track_zenith, track_azimuth, shape, track_length
    )
    first = first_pulses(omkey)
    near, places, charges = np.empty(first.size, np.int64), np.empty(first.size), np.empty(first.size)
    n, dq_sum, q_sum = 0, 0.0, 0.0
    for i in range(first.size - 1):
        a = first[i]
        distance = closest_approach_distance(track, x[a], y[a], z[a])
        if not distance <= cylinder_radius:
            continue
        q = 0.0
        for j in range(a, first[i + 1]):
            if math.isfinite(charge[j]):
                q += charge[j]
        near[n], places[n], charges[n] = a, distance_along_track(track, x[a], y[a], z[a]), q
        n += 1
        dq_sum += q * distance
        q_sum += q
    separation = _separation(track, near[:n], charges, time, x, y, z)
    places = places[ascending(places[:n])]
    gap = math.nan
    for i in range(1, n):
        between = places[i] - places[i - 1]
        gap = between if between > gap or i == 1 else gap
    return dq_sum / q_sum if q_sum > 0.0 else math.nan, gap, separation, smoothness(places)


@njit(nogil=True, error_model="numpy")
def smoothness(places):
    """Return the largest |s_i|, with its sign, of s_i = i / n - (l_i - l_0) / (l_n - l_0) for 0 < i < n = size - 1.

    The places l along the track rise. 0 is perfectly even, positive values crowd at the begin of the track, negative
    ones at its end; NaN for fewer than three.
    """
    n = places.size - 1
    if n < 2:
        return math.nan
    largest = 0.0
    for i in range(1, n):
        s = i / n - (places[i] - places[0]) / (places[n] - places[0])
        if abs(s) > abs(largest):
            largest = s
    return largest


@njit(nogil=True, error_model="numpy")
def _separation(track, near, charges, time, x, y, z):
    """Return how far along the track the charge moved from the first to the last quarter of sensors hit.

    The first quarter has times below that of sensor n // 4 in time, the last those from that of sensor n - n // 4 on;
    NaN for fewer than four sensors, or if equal times leave the first without any.
    """
    n = near.size
    if n < 4:
        return math.nan
    times = np.empty(n)
    for i in range(n):
        times[i] = time[near[i]]
    order = ascending(times)
    end, begin = times[order[n // 4]], times[order[n - n // 4]]
    q, cx, cy, cz = np.zeros(2), np.zeros(2), np.zeros(2), np.zeros(2)
    count = np.zeros(2, np.int64)
    for i in range(n):
        if times[i] < end:
            k = 0
        elif times[i] >= begin:
            k = 1
        else:
            continue
        a = near[i]
        count[k] += 1
        q[k] += charges[i]
        cx[k] += charges[i] * x[a]
        cy[k] += charges[i] * y[a]
        cz[k] += charges[i] * z[a]
    if count[0] == 0 or count[1] == 0:
        return math.nan
    for k in range(2):
        by = q[k] if q[k] != 0.0 else 1.0
        cx[k], cy[k], cz[k] = cx[k] / by, cy[k] / by, cz[k] / by
    return distance_along_track(track, cx[1], cy[1], cz[1]) - distance_along_track(track, cx[0], cy[0], cz[0])
