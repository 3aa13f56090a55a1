"""Dipole fit: the mean direction from early to late DOMs, paired half an event apart.

As IceTray's dipolefit has it.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.fit_status import FAILED_TO_CONVERGE, INSUFFICIENT_HITS, OK
from icecol.reco.numerics.ascending import ascending
from icecol.reco.numerics.direction import direction


@compiled
def dipole_fit(time, charge, omkey, x, y, z, min_hits, dipole_step, amp_weight_power):
    """Fit the first pulses of the DOMs of one event, sorted by omkey.

    With the pulses in order of time, each makes a pair with the one `dipole_step` later (0: half of all); V is the sum
    of the unit vectors of the pairs, R that of their middles, both with weights w. Returns x, y, z (m, R / W), time
    (ns), zenith, azimuth (rad, of V), fit_status, Magnet = |V| / W, MagnetX, MagnetY, MagnetZ, AmpSum = W, NHits,
    NPairs, MaxAmp (largest weight, of pairs of one place too). Status 20: too few DOMs; 30: no pair at two positions.
    All but the status is then NaN.
    """
    first = np.empty(time.size, np.int64)
    n = 0
    for j in range(time.size):
        if (j == 0 or omkey[j] != omkey[j - 1]) and not math.isnan(time[j]):
            first[n] = j
            n += 1
    step = dipole_step if dipole_step > 0 else n // 2
    if n < min_hits or n < step:
        return _failed(INSUFFICIENT_HITS)
    in_time = first[:n][ascending(time[first[:n]])]
    vx, vy, vz, px, py, pz, t, weights, largest = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    pairs = 0
    for i in range(n - step):
        a, b = in_time[i], in_time[i + step]
        w = 1.0
        if amp_weight_power > 0.0:
            w = ((np.float64(charge[a]) + np.float64(charge[b])) / 2) ** amp_weight_power
        largest = max(largest, w)
        t += w * (time[a] + time[b]) / 2  # also for pairs that are left out below, as in IceTray
        dx, dy, dz = x[b] - x[a], y[b] - y[a], z[b] - z[a]
        size = math.sqrt(dx * dx + dy * dy + dz * dz)
        if size == 0.0:
            continue
        vx += w * dx / size
        vy += w * dy / size
        vz += w * dz / size
        px += w * (x[a] + x[b]) / 2
        py += w * (y[a] + y[b]) / 2
        pz += w * (z[a] + z[b]) / 2
        weights += w
        pairs += 1
    v = math.sqrt(vx * vx + vy * vy + vz * vz)
    if v <= 0.0 or weights <= 0.0:  # not for NaN, which IceTray gives as a result
        return _failed(FAILED_TO_CONVERGE)
    zenith, _ = direction(vx, vy, vz)
    azimuth = -math.atan2(vy, -vx)
    if azimuth < 0.0:
        azimuth += 2 * math.pi
    return (
        px / weights, py / weights, pz / weights, t / weights, zenith, azimuth, float(OK),
        v / weights, vx / weights, vy / weights, vz / weights, weights, float(n), float(pairs), largest,
    )  # fmt: skip


@compiled
def _failed(status):
    nan = math.nan
    return nan, nan, nan, nan, nan, nan, float(status), nan, nan, nan, nan, nan, nan, nan, nan
