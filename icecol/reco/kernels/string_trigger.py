"""String trigger: enough hits close together on one string within a sliding time window."""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.smt import launches
from icecol.reco.numerics.order import order

_OM_PER_STRING = 60


@compiled
def string_trigger(time, flags, omkey, threshold, time_window, coherence, dead_time, doms):
    """Find the triggers among the HLC hits of one event, sorted by omkey.

    A window slides over the hits of all strings. When the next hit does not fit in, the window triggers if some DOM
    has threshold hits among the `coherence` DOMs around it; the hits near such DOMs, of whichever string, make up
    the trigger, and the window begins anew. Returns the number of triggers, and the start and length (ns) of the
    first, NaN if there is none. (The cluster trigger of IceTray's trigger-sim.)
    """
    hits, of = launches(time, flags, omkey, dead_time, doms)
    start, end = clusters(hits, omkey[of], threshold, time_window, coherence)
    if start.size == 0:
        return 0, math.nan, math.nan
    return start.size, start[0], end[0] - start[0]


@compiled
def clusters(hits, omkey, threshold, time_window, coherence):
    """Return start and end (ns) of all triggers among hits, which are sorted by omkey."""
    om, row = np.empty(hits.size, np.int64), np.empty(hits.size, np.int64)
    rows = 0
    for k in range(hits.size):
        rows += k == 0 or omkey[k] >> 16 != omkey[k - 1] >> 16
        om[k], row[k] = (omkey[k] >> 8) & 0xFF, rows - 1
    in_time = order(hits)
    hits, om, row = hits[in_time], om[in_time], row[in_time]
    up, down = (coherence - 1) // 2, coherence // 2

    # hits of the window around each DOM of a hit string, and how many DOMs have threshold of them or more
    around = np.zeros((rows, _OM_PER_STRING + 1), np.int64)
    enough = 0
    start, stop, triggers = np.empty(hits.size), np.empty(hits.size), 0
    first = 0
    for j in range(hits.size + 1):
        if enough and (j == hits.size or hits[j] - hits[first] > time_window):
            begin, end = _near(om[first:j], row[first:j], around, threshold, up, down)
            start[triggers], stop[triggers] = hits[first + begin], hits[first + end]
            triggers += 1
            first, enough = j, 0
            around[:] = 0
        if j == hits.size:
            break
        while first < j and hits[j] - hits[first] > time_window:
            for site in range(max(om[first] - up, 1), min(om[first] + down, _OM_PER_STRING) + 1):
                around[row[first], site] -= 1
            first += 1
        for site in range(max(om[j] - up, 1), min(om[j] + down, _OM_PER_STRING) + 1):
            around[row[j], site] += 1
            enough += around[row[j], site] == threshold
    return start[:triggers], stop[:triggers]


@compiled
def _near(om, row, around, threshold, up, down):
    """Return the first and the last of the hits near a DOM that has threshold hits around it."""
    begin, end = -1, -1
    for k in range(om.size):
        for site in range(max(om[k] - down, 1), min(om[k] + up, _OM_PER_STRING) + 1):
            if around[row[k], site] >= threshold:
                begin, end = k if begin < 0 else begin, k
    return begin, end
