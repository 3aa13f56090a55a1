"""Where the light is, how much there is, and how its depth moves with time.

The sums run in the order of IceTray's CommonVariables, so that results agree with stored ones to the last bit; its
variances are differences of large numbers, and their last digits are noise.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from icecol.reco.kernels.ascending import ascending
from icecol.reco.kernels.improved_linefit import first_pulses


@njit(nogil=True, error_model="numpy")
def hit_statistics(time, charge, omkey, x, y, z):
    """Return the statistics of the pulses of one event, sorted by omkey.

    Returns cog x, y, z (m), cog_z_sigma (m), min_pulse_time, max_pulse_time (ns), q_max_doms, q_tot_pulses (PE),
    z_min, z_max, z_mean, z_sigma, z_travel (m). Pulses whose charge is not finite count for the sensors' z only.
    """
    nan = math.nan
    first = first_pulses(omkey)
    n = first.size - 1
    if n == 0:
        return nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan
    n_charged, q_sum, qq, cx, cy, cz, czz = 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    brightest, earliest, latest = -math.inf, nan, nan
    lowest, highest, z_sum, zz_sum = math.inf, -math.inf, 0.0, 0.0
    for i in range(n):
        a, b = first[i], first[i + 1]
        xi, yi, zi, in_dom = x[a], y[a], z[a], 0.0
        lowest = min(lowest, zi)
        highest = max(highest, zi)
        z_sum += zi
        zz_sum += zi * zi
        for j in range(a, b):
            q = np.float64(charge[j])  # numba's float() keeps a float32
            if not math.isfinite(q):
                continue
            t = time[j]
            earliest = t if t < earliest or math.isnan(earliest) else earliest
            latest = t if t > latest or math.isnan(latest) else latest
            n_charged += 1
            in_dom += q
            q_sum += q
            qq += q * q
            cx += q * xi
            cy += q * yi
            cz += q * zi
            czz += q * zi * zi
        brightest = max(brightest, in_dom)
    by = nan if n_charged == 0 else (q_sum if q_sum != 0.0 else 1.0)
    return (
        cx / by,
        cy / by,
        cz / by,
        _sigma(n_charged, q_sum, qq, cz, czz),
        earliest,
        latest,
        brightest,
        q_sum if n_charged else nan,
        lowest,
        highest,
        z_sum / n,
        _sigma(n, float(n), float(n), z_sum, zz_sum),
        _z_travel(first, time, z),
    )


@njit(nogil=True, error_model="numpy")
def _sigma(n, w, ww, wz, wzz):
    """Return the standard deviation from sums of weights and values, with w^2 / ww for the number of values."""
    if n < 2:
        return math.nan
    return math.sqrt(w * w / ww / (w * w / ww - 1.0) * (wzz / w - wz / w * wz / w))


@njit(nogil=True, error_model="numpy")
def _z_travel(first, time, z):
    """Return the mean z of all sensors above that of the quarter that was hit first; NaN for fewer than four."""
    n = first.size - 1
    if n < 4:
        return math.nan
    times = np.empty(n)
    for i in range(n):
        times[i] = time[first[i]]
    order = ascending(times)
    start, travel = 0.0, 0.0
    for i in range(n // 4):
        start += z[first[order[i]]]
    start /= n // 4
    for i in range(n):
        travel += z[first[order[i]]] - start
    return travel / n
