"""From the omkeys of one event to the rows of its DOMs in the geometry."""

from __future__ import annotations

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.numerics.order import order


@compiled
def row_of(omkey, lookup):
    """Return the row of an omkey in the geometry, -1 if it is not there."""
    # unsigned, or the compiler allows for indices that count from the end
    s = np.uint64((omkey >> 16) - lookup.base)
    if s >= np.uint64(lookup.first.size):
        return np.int32(-1)
    om, pmt, n_pmt = np.uint64(omkey >> 8 & 0xFF), np.uint64(omkey & 0xFF), np.uint64(lookup.n_pmt[s])
    if om >= np.uint64(lookup.n_om[s]) or pmt >= n_pmt:
        return np.int32(-1)
    return lookup.row[np.uint64(lookup.first[s]) + om * n_pmt + pmt]


@compiled
def locate(omkey, lookup, rows):
    """Fill in the row of every pulse; False if one is not in the geometry or the pulses are not sorted by omkey."""
    fine = True
    last = omkey[0] if omkey.size else 0
    for j in range(omkey.size):
        key = omkey[j]
        row = row_of(key, lookup)
        fine &= (row >= 0) & (key >= last)
        rows[j] = row
        last = key
    return fine


@compiled
def rises(omkey):
    """Return whether the pulses are sorted by omkey."""
    fine = True
    for j in range(1, omkey.size):
        fine = fine and omkey[j] >= omkey[j - 1]
    return fine


@compiled
def arrange(omkey, lookup, rows):
    """Return the stable order by omkey of the pulses that are in the geometry, and fill in their rows."""
    found = order(omkey)
    n = 0
    for j in found:
        row = row_of(omkey[j], lookup)
        if row >= 0:
            found[n] = j
            rows[n] = row
            n += 1
    return found[:n]


@compiled
def longest(offsets):
    """Return the largest number of pulses in one event."""
    n = 0
    for i in range(offsets.size - 1):
        n = max(n, offsets[i + 1] - offsets[i])
    return n
