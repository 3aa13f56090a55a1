"""Radius-time veto: the largest cluster of pulses that are linked to each other in space and time."""

from __future__ import annotations

import numpy as np

from icecol.detector.medium import c_ice
from icecol.jit.function import compiled
from icecol.reco.kernels.seeded_rt import linked, part_of
from icecol.reco.numerics.ascending import ascending


@compiled
def rt_veto(time, omkey, x, y, z, allow_self_coincidence, parts, links, dust):
    """Return which pulses of one event, sorted by omkey, are in its largest cluster (the first of equal ones).

    A cluster is all that is linked to a pulse by any number of steps; its time is that of its first pulse. `parts`,
    `links` and `dust` are those of `seeded_rt`. Times of NaN are never selected.
    """
    timed = np.flatnonzero(~np.isnan(time))
    rank = timed[
        ascending(time[timed])
    ]  # of pulses at the same time, the first is the one that std::sort puts first
    n = rank.size
    part = np.empty(time.size, np.int64)
    for i in range(time.size):
        part[i] = part_of(omkey[i], parts)
    reach = links[:, :, 1].max() + max(dust[0] - dust[1], 0.0) / c_ice
    pulse = (time, omkey, x, y, z, part)

    queue = np.empty(n, np.int64)  # places in time of the pulses of all clusters, one cluster after the other
    taken = np.zeros(n, np.bool_)
    tail, begin, most = 0, 0, 0
    for first in range(n):
        if taken[first]:
            continue
        taken[first], queue[tail] = True, first
        head = start = tail
        tail += 1
        while head < tail:
            k = queue[head]
            head += 1
            for step in (-1, 1):
                m = k + step
                while 0 <= m < n and abs(time[rank[m]] - time[rank[k]]) <= reach:
                    if not taken[m] and linked(rank[k], rank[m], pulse, allow_self_coincidence, links, dust):
                        taken[m], queue[tail] = True, m
                        tail += 1
                    m += step
        if tail - start > most:
            begin, most = start, tail - start
    keep = np.zeros(time.size, np.bool_)
    keep[rank[queue[begin : begin + most]]] = True
    return keep
