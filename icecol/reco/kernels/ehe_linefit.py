"""Improved LineFit for extremely bright events: pulses far in time from the brightest DOM are removed too.

IceTray's DelayCleaningEHE, before the steps of the improved LineFit.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.first_pulses import first_pulses
from icecol.reco.kernels.improved_linefit import cleaned_linefit, count_doms, delay_cleaning


@compiled
def ehe_linefit(
    time, charge, omkey, x, y, z,
    min_hits, delay_distance, delay_time_window, delay_time_interval, huber_distance, debias_distance, min_doms,
):  # fmt: skip
    """Fit a line to the pulses that survive all cleanings (distances in m, times in ns); see `linefit.solve`."""
    keep = interval_cleaning(
        time, charge, omkey, x, y, z, delay_distance, delay_time_window, delay_time_interval, min_doms
    )
    return cleaned_linefit(time, omkey, x, y, z, keep, min_hits, huber_distance, debias_distance, min_doms)


@compiled
def interval_cleaning(time, charge, omkey, x, y, z, distance, time_window, time_interval, min_doms):
    """Return which pulses `delay_cleaning` keeps, except in DOMs that a quiet time separates from the brightest one.

    Only the first pulse that each DOM keeps counts; the brightest DOM is that with the most charge (the earliest of
    several). From early to late, wherever more than time_interval passes without such a pulse before one at t: DOMs
    from t on are left out if the brightest is before t, and the search ends; those before t are if it is after t; none
    if it is at t, as in IceTray. All pulses are kept if fewer than min_doms DOMs would have any.
    """
    keep = delay_cleaning(time, omkey, x, y, z, distance, time_window, 0)
    first = first_pulses(omkey)
    n = first.size - 1
    begin = np.full(n, math.nan)
    most, brightest = -math.inf, math.nan
    for i in range(n):
        j = first[i]
        while j < first[i + 1] and not keep[j]:
            j += 1
        if j == first[i + 1]:
            continue
        begin[i] = time[j]
        if charge[j] > most or (charge[j] == most and time[j] < brightest):
            most, brightest = charge[j], time[j]
    earliest, latest = -math.inf, math.inf
    before = math.inf
    for t in np.sort(begin):
        if t - before > time_interval:
            if brightest < t:
                latest = t
                break
            if brightest > t:
                earliest = t
        before = t
    for i in range(n):
        if begin[i] < earliest or begin[i] >= latest:
            keep[first[i] : first[i + 1]] = False
    if count_doms(omkey, keep) < min_doms:
        keep[:] = True
    return keep
