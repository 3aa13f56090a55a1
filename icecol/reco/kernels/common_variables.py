"""All of IceTray's CommonVariables of one event at once: one look-up, one sort in time, one sort along the track."""

from __future__ import annotations

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.along_track import longest_gap, seen_from, smoothness, spread
from icecol.reco.kernels.cherenkov import make_track
from icecol.reco.kernels.direct_hits import AT_ONCE, count, residuals
from icecol.reco.kernels.hit_multiplicity import hit_multiplicity
from icecol.reco.kernels.hit_statistics import statistics
from icecol.reco.kernels.locate import rises
from icecol.reco.kernels.sensors import charges_of, sensors
from icecol.reco.kernels.time_characteristics import follow
from icecol.reco.kernels.track_characteristics import close, separate
from icecol.reco.numerics.ascending import ascending, rising, rising_of

N_PULSES, N_DIRECT, N_ALONG = 4 + 13 + 4, 14, 4
"""Number of values for the pulses alone, for each window of direct hits, and for the hits along the track."""


@compiled
def common_variables(
    time, charge, omkey, x, y, z,
    track_x, track_y, track_z, track_time, track_zenith, track_azimuth, track_length, shape,
    begins, ends, cylinder_radius,
):  # fmt: skip
    """Return the numbers of the kernels of each group, to the last bit, for the pulses of one event, sorted by omkey.

    They are those of hit_multiplicity, hit_statistics, time_characteristics, direct_hits for each window from
    begins[k] to ends[k] (ns), and track_characteristics.
    """
    out = np.empty(N_PULSES + N_DIRECT * begins.size + N_ALONG)
    doms = sensors(time, omkey, x, y, z)
    charges = charges_of(doms, omkey, charge)
    order = ascending(doms.time)
    put(out, 0, hit_multiplicity(omkey))
    put(out, 4, statistics(doms, order, charges, time, charge, x, y, z))
    put(out, 17, follow(doms, order))

    track = make_track(
        track_x, track_y, track_z, track_time, track_zenith, track_azimuth, shape, track_length
    )
    place, distance, arrival = seen_from(track, doms)
    along = ascending(place)
    residual = residuals(track, arrival, time, omkey)
    hit, space, counts = np.empty(place.size, np.int64), np.empty(place.size + 1), np.empty((AT_ONCE, 12))
    at = N_PULSES
    for k in range(0, begins.size, AT_ONCE):
        count(omkey, charge, residual, begins[k : k + AT_ONCE], ends[k : k + AT_ONCE], hit, counts)
        for w in range(min(AT_ONCE, begins.size - k)):
            for m in range(12):
                out[at + m] = counts[w, m]
            put(out, at + 12, spread(rising_of(place, along, hit, 8 * w, space)))
            at += N_DIRECT
    mean = close(distance, charges, cylinder_radius, hit)
    early = rising_of(doms.time, order, hit, 0, space)
    if not rises(early):  # with NaN, the order of a subset need not be that of the whole
        early = rising(doms.time, hit)
    separation = separate(track, doms, hit, charges, early)
    place = rising_of(place, along, hit, 0, space)
    put(out, at, (mean, longest_gap(place), separation, smoothness(place)))
    return out


@compiled
def put(out, at, values):
    """Put numbers into an array, from place `at` on."""
    for k in range(len(values)):
        out[at + k] = values[k]
