"""DeepCore veto: hits outside of DeepCore that are causally connected with those inside.

Abbasi et al. (IceCube), Astropart. Phys. 35 (2012) 615; IceTray's I3DeepCoreVeto.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.detector.medium import c_ice
from icecol.jit.function import compiled
from icecol.reco.kernels.dom_set import member

SLOWEST, FASTEST = 0.25, 0.40
"""Speeds in m/ns at which a hit counts as causal, ends included."""


@compiled
def deepcore_veto(
    time, charge, omkey, x, y, z, min_hits_to_veto, fiducial, veto, first_hit_only, charge_weight_cog
):
    """Return the verdict on one event, its pulses sorted by omkey: the first of each DOM, or all of them.

    Hits in the fiducial DOMs farther than one standard deviation from their mean time are dropped; the rest has a
    centre, and a mean time |t - d / c_ice| there. Returns whether the event is kept (at most
    min_hits_to_veto hits in the veto DOMs with 0.25 <= distance / (centre's time - t) <= 0.40 m/ns), the number
    and charge of those hits, and x, y, z, time of the centre, NaN if no hit is left: then the event is not kept.
    """
    hits = np.empty(time.size, np.int64)
    n = 0
    for j in range(time.size):
        if not first_hit_only or j == 0 or omkey[j] != omkey[j - 1]:
            hits[n] = j
            n += 1
    n_timed, mean, squares = 0, 0.0, 0.0
    for j in hits[:n]:
        if member(omkey[j], fiducial) and math.isfinite(time[j]):
            n_timed += 1
            step = time[j] - mean
            mean += step / n_timed
            squares += (n_timed - 1) * step * step / n_timed
    spread = math.sqrt(squares / (n_timed - 1)) if n_timed > 1 else 0.0
    left, weight, cx, cy, cz = 0, 0.0, 0.0, 0.0, 0.0
    for j in hits[:n]:
        if member(omkey[j], fiducial) and not abs(time[j] - mean) > spread:  # a hit at NaN stays
            w = charge[j] if charge_weight_cog else 1.0
            left += 1
            weight += w
            cx += w * x[j]
            cy += w * y[j]
            cz += w * z[j]
    if left == 0:
        nan = math.nan
        return 0.0, 0.0, 0.0, nan, nan, nan, nan
    cx, cy, cz = cx / weight, cy / weight, cz / weight
    n_timed, t = 0, 0.0
    for j in hits[:n]:
        if member(omkey[j], fiducial) and math.isfinite(time[j]) and not abs(time[j] - mean) > spread:
            n_timed += 1
            t += (abs(time[j] - _distance(cx, cy, cz, x[j], y[j], z[j]) / c_ice) - t) / n_timed
    causal, q = 0, 0.0
    for j in hits[:n]:
        if member(omkey[j], veto):
            speed = _distance(cx, cy, cz, x[j], y[j], z[j]) / (t - time[j])
            if SLOWEST <= speed <= FASTEST:
                causal += 1
                q += charge[j]
    return 1.0 if causal <= min_hits_to_veto else 0.0, float(causal), q, cx, cy, cz, t


@compiled
def _distance(ax, ay, az, bx, by, bz):
    return math.sqrt((ax - bx) ** 2 + (ay - by) ** 2 + (az - bz) ** 2)
