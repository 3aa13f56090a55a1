"""LineFit: the straight line at constant speed closest to the pulses, in closed form.

Ahrens et al. (AMANDA), Nucl. Instrum. Meth. A 524 (2004) 169. The sums are taken as IceTray takes them, one pulse
after the other and with times as they are, so that results agree with stored fits to the last bit.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.fit_status import FAILED_TO_CONVERGE, GENERAL_FAILURE, INSUFFICIENT_HITS, OK
from icecol.reco.numerics.direction import direction


@compiled
def linefit(time, x, y, z, min_hits):
    """Fit a line to all pulses of one event, each with weight 1; see `solve` for the result."""
    n = 0
    t, tt, px, py, pz, xt, yt, zt = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(time.size):
        tj = float(time[j])
        if math.isnan(tj):
            continue
        xj, yj, zj = x[j], y[j], z[j]
        n += 1
        t += tj
        tt += tj * tj
        px += xj
        py += yj
        pz += zj
        xt += xj * tj
        yt += yj * tj
        zt += zj * tj
    return solve(n, float(n), t, tt, px, py, pz, xt, yt, zt, min_hits)


@compiled
def weighted_linefit(time, charge, omkey, x, y, z, min_hits, amp_weight_power, first_only):
    """Fit a line to the pulses of one event, sorted by omkey, or to the first of each DOM; see `solve`.

    The weight of a pulse is the charge of the *first* pulse of its DOM, to the power amp_weight_power.
    """
    n = 0
    weights, w = 0.0, 1.0
    t, tt, px, py, pz, xt, yt, zt = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(time.size):
        begins = j == 0 or omkey[j] != omkey[j - 1]
        if begins and amp_weight_power != 0.0:
            w = (
                np.float64(charge[j])
                if amp_weight_power == 1.0
                else np.float64(charge[j]) ** amp_weight_power
            )
        tj = float(time[j])
        if math.isnan(tj) or (first_only and not begins):
            continue
        n += 1
        weights += w
        t += w * tj
        tt += w * tj * tj
        px += w * x[j]
        py += w * y[j]
        pz += w * z[j]
        xt += w * x[j] * tj
        yt += w * y[j] * tj
        zt += w * z[j] * tj
    return solve(n, weights, t, tt, px, py, pz, xt, yt, zt, min_hits)


@compiled
def solve(n, weights, t, tt, px, py, pz, xt, yt, zt, min_hits):
    """Solve for v = (<r t> - <r><t>) / (<t^2> - <t>^2), with <a> the weighted mean of a.

    Returns x, y, z (m, the mean position), time (ns, the mean time), zenith, azimuth (rad, where it came from),
    speed (m/ns), fit_status, then LFVel, LFVelX, LFVelY, LFVelZ (m/ns) and NHits. Status 20: fewer than min_hits
    pulses; 30: all at one time; 10: no velocity. All but the status is then NaN.
    """
    status = OK
    if n < max(min_hits, 1):
        status = INSUFFICIENT_HITS
    mt, mtt = t / weights, tt / weights
    spread = mtt - mt * mt
    if status == OK and mtt == mt * mt:
        status = FAILED_TO_CONVERGE
    mx, my, mz = px / weights, py / weights, pz / weights
    vx = (xt / weights - mx * mt) / spread
    vy = (yt / weights - my * mt) / spread
    vz = (zt / weights - mz * mt) / spread
    vv = vx * vx + vy * vy + vz * vz
    if status == OK and vv <= 0.0:
        status = GENERAL_FAILURE
    if status != OK:
        nan = math.nan
        return nan, nan, nan, nan, nan, nan, nan, float(status), nan, nan, nan, nan, nan
    zenith, azimuth = direction(vx, vy, vz)
    v = math.sqrt(vv)
    return mx, my, mz, mt, zenith, azimuth, v, float(status), v, vx, vy, vz, float(n)
