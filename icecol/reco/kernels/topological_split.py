"""Topological splitting: what several particles left in one event, told apart by what light could connect.

Pulses are taken in order of time into clusters, in which each is connected to enough sensors; what of a cluster reached
the multiplicity within a time window is a sub-event, and sub-events that share pulses are one. The order of the steps,
on which clusters depend, is that of IceTray's I3TopologicalSplitter, as are times and places in single precision.

Inside, a pulse is its rank in time. A cluster is its pulses that are within the time window of now, a mask of those that
already left it for a sub-event, and the last pulse with which it had the multiplicity (-1 if none of them).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from icecol.units import c

ICETOP = 30


@njit(nogil=True, error_model="numpy")
def topological_split(
    time, omkey, x, y, z, om_type, multiplicity, time_window, xy_dist, z_dom_dist, time_cone
):
    """Return for every pulse the number of its sub-event, in order of time, and -1 for those in none.

    A sub-event has `multiplicity` sensors within time_window ns. For what connects two pulses see `connected`. Pulses
    at NaN are in no sub-event. Of sub-events that begin at the same time only the first to be complete is kept.
    """
    out = np.full(time.size, -1, np.int32)
    order = np.argsort(time.astype(np.float32), kind="mergesort")
    order = order[~np.isnan(time[order])]
    n = order.size
    dom = np.zeros(time.size, np.int64)
    for j in range(1, time.size):
        dom[j] = dom[j - 1] + (omkey[j] != omkey[j - 1])
    dom = dom[order]
    t = time[order].astype(np.float32)
    place = (x[order].astype(np.float32), y[order].astype(np.float32), z[order].astype(np.float32))
    pulse = (t, omkey[order] >> 16, omkey[order] >> 8 & 0xFF, place, om_type[order] == ICETOP)
    cut = (np.float32(xy_dist), z_dom_dist, np.float32(time_cone))
    window = np.float32(time_window)

    nothing = (np.empty(0, np.int64), np.zeros(0, np.bool_), -1)
    clusters = [nothing][:0]
    partial = [nothing[1]][:0]
    finished = [nothing[1]][:0]
    for h in range(n):
        fresh = [nothing][:0]
        added = False
        k = 0
        while k < len(clusters):
            advance(clusters, k, t[h], window, t, partial, finished)
            hits, complete, end = clusters[k]
            if hits.size == 0:
                clusters.pop(k)
                continue
            n_connected, all_connected = count_connected(hits, h, pulse, dom, cut, multiplicity)
            added = added or n_connected > 0
            if n_connected + 1 >= multiplicity or all_connected:
                hits, end = insert(hits, end, h, dom, multiplicity)
                clusters[k] = (hits, complete, end)
            elif n_connected > 0:
                few, end = nothing[0], -1
                for i in hits:
                    if connected(i, h, pulse, cut):
                        few, end = insert(few, end, i, dom, multiplicity)
                few, end = insert(few, end, h, dom, multiplicity)
                add_fresh(fresh, (few, np.zeros(n, np.bool_), end))
            k += 1
        for new in fresh:
            adopt(clusters, new, h)
        if not added:
            alone, end = insert(nothing[0], -1, h, dom, multiplicity)
            clusters.append((alone, np.zeros(n, np.bool_), end))
    for k in range(len(clusters)):
        advance(clusters, k, np.float32(math.inf), window, t, partial, finished)
    finished.extend(partial)

    starts = np.array([t[np.argmax(mask)] for mask in finished] + [np.float32(math.inf)])
    for s in range(len(finished)):
        if not (starts[:s] == starts[s]).any():
            number = np.unique(starts[starts < starts[s]]).size
            for r in np.flatnonzero(finished[s]):
                out[order[r]] = number
    return out


@njit(nogil=True, error_model="numpy")
def connected(i, j, pulse, cut):
    """Tell whether two pulses are connected.

    Their sensors are no more than xy_dist m apart horizontally, nor z_dom_dist sensors on one string, and their times
    differ by what light needs in vacuum, to within time_cone ns. All pulses of IceTop are connected, and none of them
    to a pulse in the ice.
    """
    t, string, om, (x, y, z), icetop = pulse
    xy_dist, z_dom_dist, time_cone = cut
    if icetop[i] or icetop[j]:
        return icetop[i] == icetop[j]
    if string[i] == string[j] and abs(om[i] - om[j]) > z_dom_dist:
        return False
    dx, dy, dz = x[i] - x[j], y[i] - y[j], z[i] - z[j]
    d2 = dx * dx + dy * dy
    if d2 > xy_dist * xy_dist:
        return False
    d2 += dz * dz
    return abs(float(abs(t[i] - t[j])) - math.sqrt(float(d2)) / c) < time_cone


@njit(nogil=True, error_model="numpy")
def count_connected(hits, h, pulse, dom, cut, multiplicity):
    """Count the sensors of a cluster that a pulse is connected to, latest first, until there are enough.

    Tells too whether it is connected to every pulse that was looked at.
    """
    found = np.empty(multiplicity, np.int64)
    n, every = 0, True
    for i in hits[::-1]:
        if not connected(i, h, pulse, cut):
            every = False
        elif not (found[:n] == dom[i]).any():
            found[n] = dom[i]
            n += 1
        if n + 1 >= multiplicity:
            break
    return n, every


@njit(nogil=True, error_model="numpy")
def insert(hits, end, h, dom, multiplicity):
    """Return a cluster's pulses with one more, and the last pulse with which it had the multiplicity."""
    hits = np.append(hits, h)
    return hits, h if np.unique(dom[hits]).size >= multiplicity else end


@njit(nogil=True, error_model="numpy")
def advance(clusters, k, now, window, t, partial, finished):
    """Let pulses leave a cluster that are more than the time window ago."""
    while True:
        hits, complete, end = clusters[k]
        if hits.size == 0 or not now > t[hits[0]] + window:
            break
        if end >= 0:
            complete[hits[0]] = True
            if end == hits[0]:
                clusters[k] = (hits, np.zeros(t.size, np.bool_), -1)
                add_subevent(complete, clusters, t, partial, finished)
        hits, complete, end = clusters[k]
        clusters[k] = (hits[1:].copy(), complete, end)


@njit(nogil=True, error_model="numpy")
def add_subevent(mask, clusters, t, partial, finished):
    """Merge a sub-event with those that share a pulse, and put aside those that no cluster can add to any more."""
    k = 0
    while k < len(partial):
        if (partial[k] & mask).any():
            mask |= partial.pop(k)
        else:
            k += 1
    partial.append(mask)
    earliest = np.float32(math.inf)
    for hits, complete, _ in clusters:
        if hits.size:
            earliest = min(earliest, t[hits[0]])
        if complete.any():
            earliest = min(earliest, t[np.argmax(complete)])
    k = 0
    while k < len(partial):
        if earliest < math.inf and t[np.flatnonzero(partial[k])[-1]] < earliest:
            finished.append(partial.pop(k))
        else:
            k += 1


@njit(nogil=True, error_model="numpy")
def add_fresh(fresh, new):
    """Add a cluster to those that a pulse brings about, unless it is part of one, and without those that it covers."""
    k = 0
    while k < len(fresh):
        if subset(fresh[k][0], new[0]):
            fresh.pop(k)
            continue
        if subset(new[0], fresh[k][0]):
            return
        k += 1
    fresh.append(new)


@njit(nogil=True, error_model="numpy")
def adopt(clusters, new, h):
    """Add a cluster that ends with pulse h, unless it is part of one, taking over what those that it covers had."""
    k = 0
    while k < len(clusters):
        hits, complete, _ = clusters[k]
        if hits[-1] == h:
            if subset(new[0], hits):
                return
        elif subset(hits, new[0]):
            new[1][:] |= complete
            clusters.pop(k)
            continue
        k += 1
    clusters.append(new)


@njit(nogil=True, error_model="numpy")
def subset(a, b):
    """Tell whether all of `a` is in `b`; both rise."""
    k = 0
    for v in a:
        while k < b.size and b[k] < v:
            k += 1
        if k == b.size or b[k] != v:
            return False
        k += 1
    return True
