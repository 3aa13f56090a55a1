"""Topological splitting: coincident particles in one event, separated by which pulses light could connect.

Pulses are added in order of time to clusters in which each is connected to enough DOMs; the part of a cluster that
reached the multiplicity within a time window is a sub-event, and sub-events that share pulses are one. The order of the
steps, on which clusters depend, is that of IceTray's I3TopologicalSplitter, as are times and places in single
precision.

Inside, a pulse is its rank in time. A cluster is a row of a table: its pulses that are within the time window of now, a
mask of those that already left it for a sub-event, and the last pulse with which it had the multiplicity (-1: none).
"""

from __future__ import annotations

import math

import numpy as np

from icecol.detector.sensors import ICECUBE
from icecol.jit.function import compiled
from icecol.reco.numerics.order import order
from icecol.units import c

"""I3OMGeo.OMType of the DOMs of IceCube in the ice."""


@compiled
def topological_split(
    time, omkey, x, y, z, om_type, multiplicity, time_window, xy_dist, z_dom_dist, time_cone
):
    """Return for every pulse the number of its sub-event, in order of time, and -1 for those in none.

    A sub-event has `multiplicity` DOMs within time_window ns. For what connects two pulses see `connected`. Pulses
    at NaN or infinity are in no sub-event. Of sub-events that begin at the same time only the one that is complete
    first is kept.
    """
    out = np.full(time.size, -1, np.int32)
    t = time.astype(np.float32)
    rank = order(t)
    rank = rank[np.isfinite(t[rank])]
    n = rank.size
    dom = np.zeros(time.size, np.int64)
    for j in range(1, time.size):
        dom[j] = dom[j - 1] + (omkey[j] != omkey[j - 1])
    dom = dom[rank]
    t = t[rank]
    place = (x[rank].astype(np.float32), y[rank].astype(np.float32), z[rank].astype(np.float32))
    pulse = (t, omkey[rank] >> 16, omkey[rank] >> 8 & 0xFF, place, om_type[rank] != ICECUBE)
    cut = (np.float32(xy_dist), z_dom_dist, np.float32(time_cone))
    window = np.float32(time_window)

    table = empty_table(4, n)
    event = np.full(n, -1)  # the sub-event of each pulse, numbered by a pulse of it
    clusters, fresh, free = empty_list(), empty_list(), [3, 2, 1, 0]
    partial, finished = empty_list(), empty_list()
    for h in range(n + 1):  # a last time without a pulse, in which all leave
        now = t[h] if h < n else np.float32(math.inf)
        if len(free) <= len(clusters):
            table = enlarged(table, n, free)
        hits, left, size, end = table
        alone = True
        k = 0
        while k < len(clusters):
            cluster = clusters[k]
            advance(cluster, now, window, table, t, clusters, event, partial, finished)
            if size[cluster] == 0:
                free.append(clusters.pop(k))
                continue
            k += 1
            n_connected, all_connected = count_connected(
                hits[cluster, : size[cluster]], h, pulse, dom, cut, multiplicity
            )
            alone = alone and n_connected == 0
            if n_connected + 1 >= multiplicity or all_connected:
                insert(cluster, h, table, dom, multiplicity)
            elif n_connected > 0:
                new = free.pop()
                size[new], end[new], left[new] = 0, -1, False
                for i in hits[cluster, : size[cluster]]:
                    if connected(i, h, pulse, cut):
                        insert(new, i, table, dom, multiplicity)
                insert(new, h, table, dom, multiplicity)
                offer(new, hits, size, fresh, free)
        while len(fresh) > 0:
            adopt(fresh.pop(0), h, hits, left, size, clusters, free)
        if alone and h < n:
            new = free.pop()
            size[new], end[new], left[new] = 0, -1, False
            insert(new, h, table, dom, multiplicity)
            clusters.append(new)
    while len(partial) > 0:
        finished.append(partial.pop(0))

    starts = np.full(n, np.float32(math.inf))  # no more sub-events than pulses
    for e in finished:
        first = 0
        while event[first] != e:
            first += 1
        if not within(t[first], starts):
            starts[e] = t[first]
    for r in range(n):
        if event[r] >= 0 and starts[event[r]] < math.inf:
            out[rank[r]] = 0
            for start in starts:
                out[rank[r]] += start < starts[event[r]]
    return out


@compiled
def empty_table(rows, n):
    """Return a table of clusters: their pulses, those that left, how many pulses, and the last that counts."""
    return (
        np.empty((rows, n), np.int64),
        np.empty((rows, n), np.bool_),
        np.empty(rows, np.int64),
        np.empty(rows, np.int64),
    )


@compiled
def enlarged(table, n, free):
    """Return a table with as many rows again, which are free."""
    rows = table[2].size
    more = empty_table(2 * rows, n)
    for k in range(rows):
        free.append(rows + k)
        more[2][k], more[3][k] = table[2][k], table[3][k]
        for h in range(n):  # element by element: numba compiles that in a fraction of the time
            more[0][k, h], more[1][k, h] = table[0][k, h], table[1][k, h]
    return more


@compiled
def empty_list():
    """Return an empty list of integers."""
    return [np.int64(0) for _ in range(0)]


@compiled
def connected(i, j, pulse, cut):
    """Return whether two pulses are connected.

    Their DOMs are no more than xy_dist m apart horizontally, nor z_dom_dist DOMs on one string, and their times
    differ by what light needs in vacuum, to within time_cone ns. All pulses of DOMs that are not IceCube's in the
    ice are connected, and none of them to a pulse of those.
    """
    t, string, om, (x, y, z), other = pulse
    xy_dist, z_dom_dist, time_cone = cut
    if other[i] or other[j]:
        return other[i] == other[j]
    if string[i] == string[j] and abs(om[i] - om[j]) > z_dom_dist:
        return False
    dx, dy, dz = x[i] - x[j], y[i] - y[j], z[i] - z[j]
    d2 = dx * dx + dy * dy
    if d2 > xy_dist * xy_dist:
        return False
    d2 += dz * dz
    return abs(float(abs(t[i] - t[j])) - math.sqrt(float(d2)) / c) < time_cone


@compiled
def count_connected(hits, h, pulse, dom, cut, multiplicity):
    """Count the DOMs of a cluster that a pulse is connected to, latest first, until there are enough.

    Returns too whether it is connected to every pulse that was looked at.
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


@compiled
def insert(k, h, table, dom, multiplicity):
    """Put a pulse at the end of a cluster, and note it if the cluster then has the multiplicity."""
    hits, _, size, end = table
    hits[k, size[k]] = h
    size[k] += 1
    found = np.empty(multiplicity, np.int64)
    n = 0
    for i in hits[k, : size[k]]:
        if n < multiplicity and not within(dom[i], found[:n]):
            found[n] = dom[i]
            n += 1
    if n >= multiplicity:
        end[k] = h


@compiled
def within(value, values):
    """Return whether an array has a value."""
    found = False
    for v in values:
        found = found or v == value
    return found


@compiled
def advance(k, now, window, table, t, clusters, event, partial, finished):
    """Let pulses leave a cluster that are more than the time window ago."""
    hits, left, size, end = table
    while size[k] > 0 and now > t[hits[k, 0]] + window:
        leaving = hits[k, 0]
        if end[k] >= 0:
            left[k, leaving] = True
            if end[k] == leaving:
                end[k] = -1
                merge(left[k], event, partial)
                left[k] = False
                finish(hits, left, size, t, clusters, event, partial, finished)
        size[k] -= 1
        for q in range(size[k]):
            hits[k, q] = hits[k, q + 1]


@compiled
def merge(new, event, partial):
    """Make a sub-event of the pulses in a mask and of the sub-events that share one with it.

    It is numbered by its first pulse, which no other has.
    """
    number = first_of(new)
    for r in range(event.size):
        if new[r]:
            for k in range(len(partial) - 1, -1, -1):
                if partial[k] == event[r]:
                    old = partial.pop(k)
                    for s in range(event.size):
                        event[s] = number if event[s] == old else event[s]
            event[r] = number
    partial.append(number)


@compiled
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
        last = t.size - 1
        while event[last] != partial[k]:
            last -= 1
        if t[last] < earliest:
            finished.append(partial.pop(k))
        else:
            k += 1


@compiled
def first_of(mask):
    """Return the first place where a mask is set, its size if there is none."""
    k = 0
    while k < mask.size and not mask[k]:
        k += 1
    return k


@compiled
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


@compiled
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
            for r in range(h):
                left[new, r] |= left[old, r]
            free.append(clusters.pop(k))
            continue
        k += 1
    clusters.append(new)


@compiled
def subset(a, b):
    """Return whether all of `a` is in `b`; both are sorted."""
    k = 0
    for v in a:
        while k < b.size and b[k] < v:
            k += 1
        if k == b.size or b[k] != v:
            return False
        k += 1
    return True
