"""The light in one DOM in ten numbers, as often given to networks and fast cuts."""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.locate import rises
from icecol.reco.numerics.order import order

NEAR, FAR = 100.0, 500.0
"""The charge is summed up to this long (ns) after the first pulse, ends included."""
EARLY, HALF = 0.2, 0.5
"""Fractions of the charge whose times are given."""


@compiled
def dom_summary(time, charge, begin, end):
    """Summarise the pulses of one DOM, begin <= j < end; those whose time or charge is not finite are left out.

    With the pulses in order of time, their charges q_i and the sums c_i up to each of them, returns the charge Q, that
    up to 100 and up to 500 ns after the first pulse (PE), the first and the last time, the times of the first pulses
    with c_i > 0.2 Q and c_i > 0.5 Q, the charge-weighted mean of the times and its spread, sqrt(sum q (t - mean)^2 / Q)
    (ns). All are NaN without a pulse, the last four without a positive charge.
    """
    fine = True
    for j in range(begin, end):
        fine = fine and math.isfinite(time[j]) and math.isfinite(charge[j])
        fine = fine and (j == begin or time[j] >= time[j - 1])
    if fine:
        return _rising(time, charge, begin, end)
    kept = np.empty(end - begin, np.int64)
    n = 0
    for j in order(time[begin:end]):
        if math.isfinite(time[begin + j]) and math.isfinite(charge[begin + j]):
            kept[n] = begin + j
            n += 1
    return _rising(time[kept[:n]], charge[kept[:n]], 0, n)


@compiled
def _rising(time, charge, begin, end):
    nan = math.nan
    if begin == end:
        return 0.0, 0.0, 0.0, nan, nan, nan, nan, nan, nan
    first, last = time[begin], time[end - 1]
    total, near, far, moment = 0.0, 0.0, 0.0, 0.0
    for j in range(begin, end):
        q = np.float64(charge[j])
        total += q
        near = total if time[j] <= first + NEAR else near
        far = total if time[j] <= first + FAR else far
        moment += q * (time[j] - first)
    if not total > 0.0:
        return total, near, far, first, last, nan, nan, nan, nan
    mean = moment / total
    early, half, seen, spread = end - 1, end - 1, 0.0, 0.0
    for j in range(begin, end):
        q = np.float64(charge[j])
        seen += q
        early = min(early, j) if seen > EARLY * total else early
        half = min(half, j) if seen > HALF * total else half
        spread += q * (time[j] - first - mean) ** 2
    spread = math.sqrt(max(spread / total, 0.0))
    return total, near, far, first, last, time[early], time[half], first + mean, spread


@compiled
def by_sensor(omkey):
    """Return the order of the pulses of an event by DOM."""
    return order(omkey.astype(np.float64))  # exact, stable, and far quicker to compile than numpy's


def count_sensors(offsets, omkey, sensors):
    """Fill in the offsets of the hit DOMs of each event; `icecol.reco.summaries` compiles it."""
    n = 0
    sensors[0] = 0
    for i in range(offsets.size - 1):
        k = omkey[offsets[i] : offsets[i + 1]]
        if not rises(k):
            k = k[by_sensor(k)]
        for j in range(k.size):
            n += j == 0 or k[j] != k[j - 1]
        sensors[i + 1] = n


def dom_summaries(offsets, time, charge, omkey, sensors, keys, counts, out):
    """Fill in the omkey, the number of pulses and the summary of each hit DOM of each event, in order of omkey.

    `sensors` has the offsets of the DOMs of each event. (`icecol.reco.summaries` compiles it.)
    """
    for i in range(offsets.size - 1):
        a, b, n = offsets[i], offsets[i + 1], sensors[i]
        t, q, k = time[a:b], charge[a:b], omkey[a:b]
        if not rises(k):
            rank = by_sensor(k)
            t, q, k = t[rank], q[rank], k[rank]
        begin = 0
        for end in range(1, b - a + 1):
            if end == b - a or k[end] != k[begin]:
                keys[n], counts[n] = k[begin], end - begin
                row = dom_summary(t, q, begin, end)
                for m in range(len(row)):
                    out[m, n] = row[m]
                n += 1
                begin = end
