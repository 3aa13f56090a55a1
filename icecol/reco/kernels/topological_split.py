"""Topological splitting: what several particles left in one event, told apart by what light could connect.

Pulses are taken in order of time into clusters, in which each is connected to enough sensors; what of a cluster reached
the multiplicity within a time window is a sub-event, and sub-events that share pulses are one. The order of the steps,
on which clusters depend, is that of IceTray's I3TopologicalSplitter, as are times and places in single precision.

Inside, a pulse is its rank in time. A cluster is a row of a table: its pulses that are within the time window of now, a
mask of those that already left it for a sub-event, and the last pulse with which it had the multiplicity (-1: none).
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

    hits, left, size, end = np.empty((4, n), np.int64), np.zeros((4, n), np.bool_), np.zeros(4, np.int64), np.full(4, -1)
    event = np.full(n, -1)  # the sub-event of each pulse, numbered as they come about
    clusters, free = empty_list(), [3, 2, 1, 0]
    partial, finished = empty_list(), empty_list()
    n_events = 0
    for h in range(n):
        while len(free) <= len(clusters):
            rows = size.size
            hits, left = np.concatenate((hits, hits)), np.concatenate((left, left))
            size, end = np.concatenate((size, size)), np.concatenate((end, end))
            free.extend(range(rows, 2 * rows))
        fresh = empty_list()
        added = False
        k = 0
        while k < len(clusters):
            c_ = clusters[k]
            n_events = advance(c_, t[h], window, hits, left, size, end, t, clusters, event, partial, finished, n_events)
            if size[c_] == 0:
                free.append(clusters.pop(k))
                continue
            n_connected, all_connected = count_connected(hits[c_, : size[c_]], h, pulse, dom, cut, multiplicity)
            added = added or n_connected > 0
            if n_connected + 1 >= multiplicity or all_connected:
                insert(c_, h, hits, size, end, dom, multiplicity)
            elif n_connected > 0:
                new = free.pop()
                size[new], end[new], left[new] = 0, -1, False
                for i in hits[c_, : size[c_]]:
                    if connected(i, h, pulse, cut):
                        insert(new, i, hits, size, end, dom, multiplicity)
                insert(new, h, hits, size, end, dom, multiplicity)
                offer(new, hits, size, fresh, free)
            k += 1
        for new in fresh:
            adopt(new, h, hits, left, size, clusters, free)
        if not added:
            new = free.pop()
            size[new], end[new], left[new] = 0, -1, False
            insert(new, h, hits, size, end, dom, multiplicity)
            clusters.append(new)
    for c_ in clusters:
        n_events = advance(
            c_, np.float32(math.inf), window, hits, left, size, end, t, clusters, event, partial, finished, n_events
        )
    finished.extend(partial)

    starts = np.full(n_events, np.float32(math.inf))
    for e in finished:
        start = t[first_of(event == e)]
        if not (starts == start).any():
            starts[e] = start
    for r in range(n):
        if event[r] >= 0 and starts[event[r]] < math.inf:
            out[order[r]] = np.sum(starts < starts[event[r]])
    return out


@njit(nogil=True, error_model="numpy")
def empty_list():
    """Return an empty list of integers."""
    return [np.int64(0) for _ in range(0)]


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
def insert(k, h, hits, size, end, dom, multiplicity):
    """Put a pulse at the end of a cluster, and note it if the cluster then has the multiplicity."""
    hits[k, size[k]] = h
    size[k] += 1
    found = np.empty(multiplicity, np.int64)
    n = 0
    for i in hits[k, : size[k]]:
        if n < multiplicity and not (found[:n] == dom[i]).any():
            found[n] = dom[i]
            n += 1
    if n >= multiplicity:
        end[k] = h


@njit(nogil=True, error_model="numpy")
def advance(k, now, window, hits, left, size, end, t, clusters, event, partial, finished, n_events):
    """Let pulses leave a cluster that are more than the time window ago; return the number of sub-events so far."""
    gone = 0
    while gone < size[k] and now > t[hits[k, gone]] + window:
        leaving = hits[k, gone]
        if end[k] >= 0:
            left[k, leaving] = True
            if end[k] == leaving:
                end[k] = -1
                new = left[k].copy()
                left[k] = False
                hits[k, : size[k] - gone] = hits[k, gone : size[k]].copy()
                size[k] -= gone
                gone = 0
                merge(new, n_events, event, partial)
                n_events += 1
                finish(hits, left, size, t, clusters, event, partial, finished)
        gone += 1
    hits[k, : size[k] - gone] = hits[k, gone : size[k]].copy()
    size[k] -= gone
    return n_events


@njit(nogil=True, error_model="numpy")
def merge(new, number, event, partial):
    """Make a sub-event of the pulses in a mask and of those that share one with it."""
    for r in range(event.size):
        if new[r]:
            old = event[r]
            event[r] = number
            if old >= 0 and old != number:
                partial.remove(old)
                for s in range(event.size):
                    if event[s] == old:
                        event[s] = number
    partial.append(number)


@njit(nogil=True, error_model="numpy")
def finish(hits, left, size, t, clusters, event, partial, finished):
    """Put aside the sub-events that no cluster can add to any more: they end before the first pulse of all clusters."""
    earliest = np.float32(math.inf)
    for k in clusters:
        if size[k] > 0:
            earliest = min(earliest, t[hits[k, 0]])
        first = first_of(left[k])
        if first < t.size:
            earliest = min(earliest, t[first])
    if earliest == math.inf:
        return
    k = 0
    while k < len(partial):
        last = t.size - 1 - first_of((event == partial[k])[::-1])
        if t[last] < earliest:
            finished.append(partial.pop(k))
        else:
            k += 1


@njit(nogil=True, error_model="numpy")
def first_of(mask):
    """Return the first place where a mask is set, its size if there is none."""
    k = 0
    while k < mask.size and not mask[k]:
        k += 1
    return k


@njit(nogil=True, error_model="numpy")
def offer(new, hits, size, fresh, free):
    """Add a cluster to those that a pulse brings about, unless it is part of one, and without those that it covers."""
    mine = hits[new, : size[new]]
    k = 0
    while k < len(fresh):
        other = hits[fresh[k], : size[fresh[k]]]
        if subset(other, mine):
            free.append(fresh.pop(k))
            continue
        if subset(mine, other):
            free.append(new)
            return
        k += 1
    fresh.append(new)


@njit(nogil=True, error_model="numpy")
def adopt(new, h, hits, left, size, clusters, free):
    """Add a cluster that ends with pulse h, unless it is part of one, taking over what left those that it covers."""
    mine = hits[new, : size[new]]
    k = 0
    while k < len(clusters):
        old = clusters[k]
        other = hits[old, : size[old]]
        if other[-1] == h:
            if subset(mine, other):
                free.append(new)
                return
        elif subset(other, mine):
            left[new] |= left[old]
            free.append(clusters.pop(k))
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
