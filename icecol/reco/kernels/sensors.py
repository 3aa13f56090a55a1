"""The hit DOMs of one event: what several kernels need of their pulses, sorted by omkey.

Written with selections, not branches: whether the next pulse is of the same DOM is a coin toss.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.first_pulses import first_pulses


class Sensors(NamedTuple):
    """Index of the first pulse of each DOM (and the number of pulses at the end), its time, and the position."""

    first: Any
    time: Any
    x: Any
    y: Any
    z: Any


@compiled
def sensors(time, omkey, x, y, z):
    """Return the DOMs of the pulses of one event, sorted by omkey."""
    first = first_pulses(omkey)
    n = first.size - 1
    columns = np.empty((4, n))
    t, px, py, pz = columns[0], columns[1], columns[2], columns[3]
    for i in range(n):
        a = np.uint64(first[i])
        t[i], px[i], py[i], pz[i] = time[a], x[a], y[a], z[a]
    return Sensors(first, t, px, py, pz)


@compiled
def charges_of(doms, omkey, charge):
    """Return the charge (PE) of each DOM, without pulses whose charge is not finite."""
    charges = np.empty(doms.time.size)
    dom, total, before = -1, 0.0, ~omkey[0] if omkey.size else 0
    for j in range(omkey.size):
        q, begins = np.float64(charge[j]), omkey[j] != before
        dom += begins
        total = (0.0 if begins else total) + (q if math.isfinite(q) else 0.0)
        charges[np.uint64(dom)] = (
            total  # unsigned, or the compiler allows for indices that count from the end
        )
        before = omkey[j]
    return charges


@compiled
def exact(charge):
    """Return whether all sums of these charges are exact: float32 numbers of similar size, summed as float64.

    Their bits reach from the last of the smallest to the carry of the largest: 24, the difference of the exponents,
    and those of their number.
    """
    if charge.itemsize != 4:
        return False
    largest, smallest = 0, 255
    for bits in charge.view(np.int32):
        exponent = bits >> 23 & 0xFF
        largest = max(largest, exponent)
        smallest = min(smallest, exponent if bits & 0x7FFFFFFF else 0xFF)
    return largest < 0xFF and charge.size << min(max(largest - smallest, 0), 30) <= 1 << 29
