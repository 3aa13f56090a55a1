"""The time window with the most light."""

from __future__ import annotations

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.numerics.order import order


@compiled
def dynamic_time_window(time, charge, window, use_charge):
    """Return which pulses are in the first window of `window` ns with the most pulses, or with the most charge.

    A window ends at a pulse and begins with the first pulse that is at most `window` earlier. The first window
    considered begins with the first pulse. Pulses at infinity or NaN are in none, and no pulse is
    kept if no window has a positive charge.
    """
    keep = np.zeros(time.size, np.bool_)
    rank = order(time)
    rank = rank[np.isfinite(time[rank])]
    if rank.size == 0:
        return keep
    weight = charge[rank].astype(np.float64) if use_charge else np.ones(rank.size)
    end = 0
    while end + 1 < rank.size and time[rank[end + 1]] <= time[rank[0]] + window:
        end += 1
    inside = 0.0
    for k in range(end):
        inside += weight[k]
    start, best_start, best_stop, best = 0, 0, 0, 0.0
    while end < rank.size:
        inside += weight[end]
        while time[rank[end]] - time[rank[start]] > window:
            inside -= weight[start]
            start += 1
        if inside > best:
            best_start, best_stop, best = start, end + 1, inside
        end += 1
    for k in range(best_start, best_stop):
        keep[rank[k]] = True
    return keep
