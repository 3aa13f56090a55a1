"""Simple majority trigger: enough hits within a sliding time window."""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.dom_set import member

HLC = 1
"""Flag bit of a pulse in local coincidence with a neighbouring DOM."""


@compiled
def smt(time, flags, omkey, threshold, time_window, dead_time, doms):
    """Find the triggers among the HLC hits of one event, sorted by omkey; DOMs that are 0 in `doms` do not count.

    A trigger begins with the first hit that has threshold hits, itself included, in the time_window that starts with
    it, and goes on until the next hit is more than time_window late. A trigger of one hit (threshold 1) is noticed when
    the next hit comes: the last hit makes none. Returns their number, and the first one's start and length (ns),
    NaN if there is none. (IceTray's trigger-sim.)
    """
    hits, _ = launches(time, flags, omkey, dead_time, doms)
    triggers, start, end = majority(np.sort(hits), threshold, time_window)
    return triggers, start, end - start


@compiled
def majority(hits, threshold, time_window):
    """Return the number of triggers among times that rise, and start and end (ns) of the first; NaN if there is none.

    Examples
    --------
    >>> majority(np.array([0.0, 50.0, 100.0, 180.0, 900.0, 950.0]), 3, 100.0)
    (1, 0.0, 180.0)
    """
    start, end = majorities(hits, threshold, time_window)
    if start.size == 0:
        return 0, math.nan, math.nan
    return start.size, start[0], end[0]


@compiled
def majorities(hits, threshold, time_window):
    """Return start and end (ns) of all triggers among times that rise."""
    start, end = np.empty(hits.size), np.empty(hits.size)
    n, i = 0, 0
    while i < hits.size:
        j = i + 1
        while j < hits.size and hits[j] <= hits[j - 1] + time_window:
            j += 1
        k = i
        while k + threshold <= j and hits[k + threshold - 1] > hits[k] + time_window:
            k += 1
        if k + threshold <= j and (j - i > 1 or j < hits.size):
            start[n], end[n] = hits[k], hits[j - 1]
            n += 1
        i = j
    return start[:n], end[:n]


@compiled
def launches(time, flags, omkey, dead_time, doms):
    """Return the times of HLC hits, DOM by DOM, and the index of the first pulse of each one's DOM.

    A hit within dead_time (ns) after a hit of the same DOM is part of that.
    """
    hits, of = np.empty(time.size), np.empty(time.size, np.int64)
    n, a = 0, 0
    while a < time.size:
        b = a + 1
        while b < time.size and omkey[b] == omkey[a]:
            b += 1
        if member(omkey[a], doms):
            last = -math.inf
            for t in np.sort(time[a:b][(flags[a:b] & HLC) != 0]):
                if t >= last + dead_time:
                    hits[n], of[n], last = t, a, t
                    n += 1
        a = b
    return hits[:n], of[:n]
