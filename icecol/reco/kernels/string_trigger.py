"""String trigger: enough hits close together on one string within a sliding time window."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from icecol.reco.kernels.order import order
from icecol.reco.kernels.smt import launches

_OM_PER_STRING = 60


@njit(nogil=True, error_model="numpy")
def string_trigger(time, flags, omkey, threshold, time_window, coherence, dead_time, doms):
    """Find the triggers among the HLC hits of one event, sorted by omkey, string by string.

    A window slides over the hits of a string. When the next hit does not fit in, the window triggers if some sensor
    has threshold hits among the `coherence` sensors around it; the hits near such sensors make up the trigger.
    Returns the number of triggers, and the start and length (ns) of the earliest, NaN if there is none. (The cluster
    trigger of IceTray's trigger-sim.)
    """
    triggers, start, length = 0, math.nan, math.nan
    a = 0
    while a < time.size:
        b = a + 1
        while b < time.size and omkey[b] >> 16 == omkey[a] >> 16:
            b += 1
        hits, om = _of_string(time[a:b], flags[a:b], omkey[a:b], dead_time, doms)
        queue = np.empty(hits.size, np.int64)
        first, end = 0, 0
        for j in range(hits.size + 1):
            while first < end and (j == hits.size or hits[j] - hits[queue[first]] > time_window):
                n = _coherent(om, queue[first:end], threshold, coherence)
                if n:
                    t, stop = hits[queue[first]], hits[queue[first + n - 1]]
                    if triggers == 0 or t < start:
                        start, length = t, stop - t
                    triggers += 1
                    end = first
                elif j == hits.size:
                    end = first
                else:
                    first += 1
            if j < hits.size:
                if first == end:
                    first, end = 0, 0
                queue[end] = j
                end += 1
        a = b
    return triggers, start, length


@njit(nogil=True, error_model="numpy")
def _of_string(time, flags, omkey, dead_time, doms):
    """Return the times of the hits of one string, rising, and their sensor numbers."""
    hits, om = np.empty(time.size), np.empty(time.size, np.int64)
    n, a = 0, 0
    while a < time.size:
        b = a + 1
        while b < time.size and omkey[b] == omkey[a]:
            b += 1
        for t in launches(time[a:b], flags[a:b], omkey[a:b], dead_time, doms):
            hits[n], om[n] = t, (omkey[a] >> 8) & 0xFF
            n += 1
        a = b
    in_time = order(hits[:n])
    return hits[in_time], om[in_time]


@njit(nogil=True, error_model="numpy")
def _coherent(om, queue, threshold, coherence):
    """Move the hits near a sensor with threshold hits around it to the front of the queue; return their number."""
    up, down = (coherence - 1) // 2, coherence // 2
    around = np.zeros(_OM_PER_STRING + 1, np.int64)
    for j in queue:
        around[max(om[j] - up, 1) : min(om[j] + down, _OM_PER_STRING) + 1] += 1
    n = 0
    for j in queue:
        near = around[max(om[j] - down, 1) : min(om[j] + up, _OM_PER_STRING) + 1]
        if near.size and near.max() >= threshold:
            queue[n] = j
            n += 1
    return n
