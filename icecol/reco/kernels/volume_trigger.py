"""Volume trigger: enough hits in a cylinder around one of them within a sliding time window."""

from __future__ import annotations

import math

from icecol.jit.function import compiled
from icecol.reco.kernels.smt import launches
from icecol.reco.numerics.ascending import ascending


@compiled
def volume_trigger(
    time,
    flags,
    omkey,
    x,
    y,
    z,
    multiplicity,
    simple_multiplicity,
    time_window,
    radius,
    height,
    dead_time,
    doms,
):
    """Find the triggers among the HLC hits of one event, sorted by omkey.

    A window slides over the hits. When the next hit does not fit in, the window triggers if it has multiplicity hits
    or more, and simple_multiplicity or more, which all are the trigger, or else multiplicity in the cylinder around
    one of them, which alone are the trigger; the window then begins anew. Returns the number of triggers, and the
    start and length (ns) of the first, NaN if there is none. (The cylinder trigger of IceTray's trigger-sim.)
    """
    hits, of = launches(time, flags, omkey, dead_time, doms)
    in_time = ascending(
        hits
    )  # among hits at one time, the cylinder around the one that std::sort puts first is tried first
    hits, of = hits[in_time], of[in_time]
    triggers, start, length = 0, math.nan, math.nan
    first = 0
    for j in range(1, hits.size + 1):
        if j < hits.size and not hits[j] - hits[first] > time_window:
            continue
        if j - first >= multiplicity:
            begin, end = first, j - 1
            if j - first < simple_multiplicity:
                begin, end = _in_cylinder(of, x, y, z, first, j, multiplicity, radius, height)
            if end >= 0:
                if triggers == 0:
                    start, length = hits[begin], hits[end] - hits[begin]
                triggers += 1
                first = j
        while first < j < hits.size and hits[j] - hits[first] > time_window:
            first += 1
    return triggers, start, length


@compiled
def _in_cylinder(of, x, y, z, first, stop, multiplicity, radius, height):
    """Return the first and the last hit in the first cylinder that holds multiplicity hits, -1 if none does."""
    for i in range(first, stop):
        a = of[i]
        begin, end, n = i, i, 1
        for k in range(first, stop):
            b = of[k]
            far = math.sqrt((x[b] - x[a]) * (x[b] - x[a]) + (y[b] - y[a]) * (y[b] - y[a]))
            if k != i and far < radius and abs(z[b] - z[a]) < 0.5 * height:
                begin, end, n = min(begin, k), max(end, k), n + 1
        if n >= multiplicity:
            return begin, end
    return -1, -1
