"""Containment of a cascade from its first, last and brightest hits (IceTray's I3VetoModule)."""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.dom_set import member
from icecol.reco.numerics.ascending import ascending


@compiled
def i3_veto(time, charge, omkey, z, n_layers, layer_of):
    """Return the members of I3Veto of one event, its pulses sorted by omkey, in the order of the class.

    A layer is 0 in the middle of the detector and n_layers - 1 at its edge; `layer_of[string, om]` is the horizontal
    one plus 1 of a string, 0 for none (-1 in the result). Strings below 0 (AMANDA) are left out. Without pulses nLayer
    and nDomsBeforeMaxDOM are 0 and the rest NaN. depthHighestHit is always NaN and nUnhitTopLayers always 0: IceTray
    never sets them.
    """
    nan = math.nan
    n = time.size
    seen = np.zeros(n_layers, np.bool_)
    starts, keys = np.empty(n), np.empty(n, np.int64)
    outer = nan
    early, late, largest = math.inf, -math.inf, -1.0
    early_layer, early_om, early_z, late_layer, late_om = nan, nan, nan, nan, nan
    string, om_max, layer_max, xy_max, z_max = nan, nan, nan, nan, nan
    doms, brightest, a = 0, -1, 0
    while a < n and omkey[a] < 0:
        a += 1
    while a < n:
        om = (omkey[a] >> 8) & 0xFF
        xy = member(omkey[a], layer_of) - 1
        depth = layer_z(om, n_layers)
        layer = max(xy, depth)
        outer = float(layer) if doms == 0 or layer > outer else outer
        if layer >= 0:
            seen[layer] = True
        starts[doms], keys[doms] = time[a], omkey[a] >> 8
        q, b = 0.0, a
        while b < n and omkey[b] == omkey[a]:
            q += charge[b]
            if time[b] < early:
                early, early_layer, early_om, early_z = time[b], float(xy), float(om), z[b]
            if time[b] > late:
                late, late_layer, late_om = time[b], float(xy), float(om)
            b += 1
        if q > largest and q != 0.0:
            largest, brightest = q, doms
            string, om_max = float(omkey[a] >> 16), float(om)
            layer_max, xy_max, z_max = float(layer), float(xy), float(depth)
        doms += 1
        a = b
    before = 0
    for d in ascending(starts[:doms]):
        if brightest >= 0 and keys[d] == keys[brightest]:
            break
        before += 1
    return (
        100 * early_layer + early_om,
        100 * xy_max + om_max,
        0.0,
        float(seen.sum()),
        early_layer,
        early_om,
        late_layer,
        late_om,
        100 * late_layer + late_om,
        outer,
        nan,
        early_z,
        layer_max,
        xy_max,
        z_max,
        string,
        om_max,
        float(before),
    )


@compiled
def layer_z(om, n_layers):
    """Return the vertical layer: five DOMs thick from the top, one from the bottom; -1 for none."""
    for i in range(n_layers):
        if 5 * (n_layers - 1 - i) <= om <= 60 - n_layers + i + 1:
            return i
    return -1
