"""How the hit DOMs are distributed around and along a track.

The sums run in the order of IceTray's CommonVariables, so that results agree with stored ones to the last bit.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.along_track import longest_gap, seen_from, smoothness
from icecol.reco.kernels.cherenkov import distance_along_track, make_track
from icecol.reco.kernels.sensors import charges_of, sensors
from icecol.reco.numerics.ascending import rising


@compiled
def track_characteristics(
    time, charge, omkey, x, y, z,
    track_x, track_y, track_z, track_time, track_zenith, track_azimuth, track_length, shape,
    cylinder_radius,
):  # fmt: skip
    """Describe the DOMs of one event, pulses sorted by omkey, that are within cylinder_radius (m) of the track.

    Returns avg_dom_dist_q_tot_dom (m): their charge-weighted mean distance to the track; empty_hits_track_length (m):
    the longest part of the track between two of them; track_hits_separation_length (m): see `separate`; and
    track_hits_distribution_smoothness: see `smoothness`.
    """
    track = make_track(
        track_x, track_y, track_z, track_time, track_zenith, track_azimuth, shape, track_length
    )
    doms = sensors(time, omkey, x, y, z)
    place, distance, _ = seen_from(track, doms)
    hit, charges = np.empty(place.size, np.int64), charges_of(doms, omkey, charge)
    mean = close(distance, charges, cylinder_radius, hit)
    separation = separate(track, doms, hit, charges, rising(doms.time, hit))
    place = rising(place, hit)
    return mean, longest_gap(place), separation, smoothness(place)


@compiled
def close(distance, charges, cylinder_radius, hit):
    """Return the charge-weighted mean distance of the DOMs close to a track, and which they are."""
    dq_sum, q_sum = 0.0, 0.0
    for i in range(distance.size):
        near = distance[i] <= cylinder_radius
        hit[i] = near
        dq_sum += charges[i] * distance[i] if near else 0.0
        q_sum += charges[i] if near else 0.0
    return dq_sum / q_sum if q_sum > 0.0 else math.nan


@compiled
def separate(track, doms, hit, charges, rising):
    """Return how far along the track the charge moves from the first to the last quarter of the hit DOMs.

    The first quarter has times below that of DOM n // 4 in time, the last those from that of DOM n - n // 4 on;
    NaN for fewer than four DOMs, or if equal times leave the first without any. `rising` are the times of the
    hit DOMs, sorted.
    """
    n = rising.size
    if n < 4:
        return math.nan
    end, begin = rising[n // 4], rising[n - n // 4]
    begin = begin if not begin < end else end
    chosen = np.empty((2, hit.size + 1), np.int64)
    early, late = 0, 0
    for i in range(hit.size):
        t = doms.time[i]
        chosen[0, early] = chosen[1, late] = i
        early += (hit[i] != 0) & (t < end)
        late += (hit[i] != 0) & (t >= begin)
    x, y, z = _centre(doms, charges, chosen[0, :early])
    before = distance_along_track(track, x, y, z)
    x, y, z = _centre(doms, charges, chosen[1, :late])
    return distance_along_track(track, x, y, z) - before


@compiled
def _centre(doms, charges, chosen):
    """Return the centre of charge of the chosen DOMs; NaN without any."""
    q, x, y, z = 0.0, 0.0, 0.0, 0.0
    for i in chosen:
        w = charges[i]
        q += w
        x += w * doms.x[i]
        y += w * doms.y[i]
        z += w * doms.z[i]
    by = q if q != 0.0 else 1.0
    return (x / by, y / by, z / by) if chosen.size else (math.nan, math.nan, math.nan)
