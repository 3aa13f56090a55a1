"""Layer veto: charge in the outer layers before the event has reached a given fraction of its charge.

IceTray's LayerVeto, of the search of Aartsen et al. (IceCube), Phys. Rev. D 91 (2015) 022001.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.dom_set import member
from icecol.reco.numerics.order import order
from icecol.units import c

_BALLOON = 0.9


@compiled
def layer_veto(time, charge, omkey, x, y, z, q_min, q_max, q_scale, time_window, layers):
    """Return layer0, layer1, qtot (PE) and vertex_time (ns) of one event, its pulses sorted by omkey.

    A window of at most time_window ns slides over the pulses until it holds min(q_max, max(q_min, qtot / q_scale)); the
    pulses in it that are closer than c * time_window to their centre of charge add to the layers of their DOM (bit 1
    and bit 2 of `layers[string, om]`). DOMs with more than 0.9 of the charge of all that are not brighter (balloon
    DOMs) are left out. All are 0 without pulses.
    """
    order, total = _stream(time, charge, omkey)
    n = order.size
    if n == 0:
        return 0.0, 0.0, 0.0, 0.0
    wanted = total / q_scale
    if not wanted > q_min:
        wanted = q_min
    if not wanted < q_max:
        wanted = q_max
    k = order[0]
    q = float(charge[k])
    vx, vy, vz, t = q * x[k], q * y[k], q * z[k], time[k]
    start, stop = 0, 1
    while q < wanted and stop < n:
        k = order[stop]
        qk = float(charge[k])
        q += qk
        vx += qk * x[k]
        vy += qk * y[k]
        vz += qk * z[k]
        t = time[k]
        while start < n and t - time[order[start]] > time_window:
            k = order[start]
            qk = float(charge[k])
            q -= qk
            vx -= qk * x[k]
            vy -= qk * y[k]
            vz -= qk * z[k]
            start += 1
        stop += 1
    vx, vy, vz = vx / q, vy / q, vz / q
    # summed DOM by DOM, as IceTray sums its map of veto pulses
    window = np.sort(order[start:stop])
    outer, inner = 0.0, 0.0
    for k in window:
        if math.sqrt((x[k] - vx) ** 2 + (y[k] - vy) ** 2 + (z[k] - vz) ** 2) > time_window * c:
            continue
        layer = member(omkey[k], layers)
        if layer & 1:
            outer += charge[k]
        if layer & 2:
            inner += charge[k]
    return outer, inner, total, t


@compiled
def _stream(time, charge, omkey):
    """Return the pulses in order of time without those of balloon DOMs, and the charge that is left.

    Balloon DOMs are sought from the brightest DOM on, each compared with the charge that is left; at equal times the
    pulse of the brighter DOM comes first.
    """
    first, n = np.empty(omkey.size + 1, np.int64), 0
    for j in range(omkey.size):
        if j == 0 or omkey[j] != omkey[j - 1]:
            first[n] = j
            n += 1
    first[n] = omkey.size
    of_dom, total = np.zeros(n), 0.0
    for d in range(n):
        for j in range(first[d], first[d + 1]):
            of_dom[d] += charge[j]
        total += of_dom[d]
    pulses, m = np.empty(omkey.size, np.int64), 0
    for d in order(-of_dom):
        if of_dom[d] / total > _BALLOON:
            total -= of_dom[d]
            continue
        for j in range(first[d], first[d + 1]):
            pulses[m] = j
            m += 1
    pulses = pulses[:m]
    return pulses[order(time[pulses])], total
