"""Self-veto of high-energy starting events: the event's first significant light, and what the edge saw before it.

Aartsen et al. (IceCube), Science 342 (2013) 1242856; IceTray's VHESelfVeto.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.numerics.ascending import ascending
from icecol.units import c

_BALLOON, _MARGIN = 0.9, 50.0


@compiled
def hese_veto(
    time,
    charge,
    omkey,
    x,
    y,
    z,
    time_window,
    vertex_threshold,
    veto_threshold,
    z_bottom,
    z_top,
    dust_bottom,
    dust_top,
    side_width,
    edge,
):
    """Return the veto of one event, its pulses sorted by omkey.

    The vertex is the first moment at which the last time_window ns hold more charge than vertex_threshold, without
    DOMs that have more than 0.9 of all charge; its position is the centre of that charge. Pulses from the start of that
    window until 50 ns after the vertex, and closer to it than c * time_window, count against the event if their DOM is
    in the dust layer, not between z_bottom and z_top, or nearer than side_width to a string of the edge.
    Returns vetoed, the vertex (x, y, z, time), charge in the window, and charge and number of the counted pulses; all
    NaN without a vertex.
    """
    usable = not_balloons(charge, omkey)
    in_time = ascending(time)
    nan = math.nan
    i = 0
    running = 0.0
    for j in range(in_time.size):
        if usable[in_time[j]]:
            running += charge[in_time[j]]
        while time[in_time[j]] - time[in_time[i]] > time_window:
            if usable[in_time[i]]:
                running -= charge[in_time[i]]
            i += 1
        if running <= vertex_threshold * (
            1 - 1e-6
        ):  # the running sum is not exact: it only says where to look
            continue
        q, vx, vy, vz = 0.0, 0.0, 0.0, 0.0
        for k in in_time[i : j + 1]:
            if usable[k]:
                qk = float(charge[k])
                q += qk
                vx += qk * x[k]
                vy += qk * y[k]
                vz += qk * z[k]
        if not q > vertex_threshold:
            continue
        vx, vy, vz, t = vx / q, vy / q, vz / q, time[in_time[j]]
        bad, n_bad = 0.0, 0
        for k in in_time[i:]:
            if time[k] - t > _MARGIN:
                break
            far = math.sqrt((vx - x[k]) ** 2 + (vy - y[k]) ** 2 + (vz - z[k]) ** 2) > c * time_window
            dusty = dust_bottom < z[k] < dust_top
            if not far and (dusty or not inside(x[k], y[k], z[k], z_bottom, z_top, side_width, edge)):
                bad += charge[k]
                n_bad += 1
        vetoed = 1.0 if bad > veto_threshold or n_bad >= veto_threshold else 0.0
        return vetoed, vx, vy, vz, t, q, bad, float(n_bad)
    return nan, nan, nan, nan, nan, nan, nan, nan


@compiled
def inside(x, y, z, z_bottom, z_top, side_width, edge):
    """Return whether a point is between the planes and no nearer than side_width to a string of the edge."""
    nearest = math.inf
    for k in range(edge.shape[0]):
        nearest = min(nearest, math.hypot(edge[k, 0] - x, edge[k, 1] - y))
    return z_bottom < z < z_top and nearest >= side_width


@compiled
def not_balloons(charge, omkey):
    """Return which pulses are in DOMs that have at most 0.9 of all charge."""
    total = 0.0
    for q in charge:
        total += q
    usable = np.ones(charge.size, np.bool_)
    a = 0
    while a < charge.size:
        b, q = a, 0.0
        while b < charge.size and omkey[b] == omkey[a]:
            q += charge[b]
            b += 1
        if q / total > _BALLOON:
            usable[a:b] = False
        a = b
    return usable
