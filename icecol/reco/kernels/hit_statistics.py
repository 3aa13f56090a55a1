"""Position and amount of the light, and how its depth changes with time.

The sums run in the order of IceTray's CommonVariables, so that results agree with stored ones to the last bit; its
variances are differences of large numbers, and their last digits are noise.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled
from icecol.reco.kernels.sensors import charges_of, sensors
from icecol.reco.numerics.ascending import ascending


@compiled
def hit_statistics(time, charge, omkey, x, y, z):
    """Return the statistics of the pulses of one event, sorted by omkey.

    Returns cog x, y, z (m), cog_z_sigma (m), min_pulse_time, max_pulse_time (ns), q_max_doms, q_tot_pulses (PE),
    z_min, z_max, z_mean, z_sigma, z_travel (m). Pulses whose charge is not finite count only for the z of the DOMs.
    """
    doms = sensors(time, omkey, x, y, z)
    return statistics(doms, ascending(doms.time), charges_of(doms, omkey, charge), time, charge, x, y, z)


@compiled
def statistics(doms, order, charges, time, charge, x, y, z):
    """Return the numbers of `hit_statistics`; `charges` of the DOMs, whose first pulses rise in that order."""
    nan = math.nan
    n = order.size
    if n == 0:
        return nan, nan, nan, nan, nan, nan, nan, 0.0, nan, nan, nan, nan, nan
    lowest, highest, z_sum, zz_sum, brightest = math.inf, -math.inf, 0.0, 0.0, -math.inf
    for i in range(n):
        zi = doms.z[i]
        lowest = min(lowest, zi)
        highest = max(highest, zi)
        z_sum += zi
        zz_sum += zi * zi
        brightest = max(brightest, charges[i])
    n_charged, n_timed, q_sum, qq, cx, cy, cz, czz = 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    earliest, latest = math.inf, -math.inf
    for j in range(time.size):  # selections, not branches
        told, t = np.float64(charge[j]), time[j]  # numba's float() of a float32 is a float32
        finite = math.isfinite(told)
        timed = finite and not math.isnan(t)
        n_charged += finite
        n_timed += timed
        earliest = t if timed and t < earliest else earliest
        latest = t if timed and t > latest else latest
        q = told if finite else 0.0
        q_sum += q
        qq += q * q
        cx += q * x[j]
        cy += q * y[j]
        cz += q * z[j]
        czz += q * z[j] * z[j]
    if n_timed == 0:
        earliest, latest = nan, nan
    by = nan if n_charged == 0 else (q_sum if q_sum != 0.0 else 1.0)
    return (
        cx / by,
        cy / by,
        cz / by,
        _sigma(n_charged, q_sum, qq, cz, czz),
        earliest,
        latest,
        brightest,
        q_sum,
        lowest,
        highest,
        z_sum / n,
        _sigma(n, float(n), float(n), z_sum, zz_sum),
        _z_travel(doms, order),
    )


@compiled
def _sigma(n, w, ww, wz, wzz):
    """Return the standard deviation from sums of weights and values, with w^2 / ww for the number of values."""
    if n < 2:
        return math.nan
    return math.sqrt(w * w / ww / (w * w / ww - 1.0) * (wzz / w - wz / w * wz / w))


@compiled
def _z_travel(doms, order):
    """Return the mean z of all hit DOMs minus that of the quarter hit first; NaN for fewer than four."""
    n = order.size
    if n < 4:
        return math.nan
    start, travel = 0.0, 0.0
    for i in range(n // 4):
        start += doms.z[order[i]]
    start /= n // 4
    for i in range(n):
        travel += doms.z[order[i]] - start
    return travel / n
