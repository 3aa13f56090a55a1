"""Charge sums, counts of pulses, sensors and strings, and the charge that is the same for all sensors."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def charge(time, charge, omkey):
    """Sum and count the pulses of one event, sorted by omkey.

    Names and rules are those of IceTray's I3HitStatisticsValues and I3HitMultiplicityValues (CommonVariables).
    Returns total (PE, NaN without pulses), n_pulses, n_hit_doms, n_hit_strings, n_hit_doms_one_pulse, q_max_doms
    (PE), min_pulse_time and max_pulse_time (ns, over pulses of finite charge).
    """
    total, largest, first, last = 0.0, math.nan, math.nan, math.nan
    n_doms, n_strings, n_single = 0, 0, 0
    n = time.size
    j = 0
    while j < n:
        dom = omkey[j]
        if j == 0 or omkey[j - 1] >> 16 != dom >> 16:
            n_strings += 1
        begin, in_dom = j, 0.0
        while j < n and omkey[j] == dom:
            q = float(charge[j])
            t = time[j]
            total += q
            in_dom += q
            if math.isfinite(q):
                if not first <= t:
                    first = t
                if not last >= t:
                    last = t
            j += 1
        n_doms += 1
        n_single += j - begin == 1
        if not largest >= in_dom:
            largest = in_dom
    return math.nan if n == 0 else total, n, n_doms, n_strings, n_single, largest, first, last


@njit(cache=True, nogil=True, error_model="numpy")
def homogenized_qtot(charge, omkey, calibrated, relative_efficiency):
    """Sum the charge of the standard sensors of one event, in PE, without those that have half of it or more.

    A sensor counts if it has a calibration, a relative efficiency of at most 1.1, and is not on string 79 or 80.
    The sum is then taken again over those sensors whose charge is less than half of the first sum (IceTray's
    HomogenizedQTot; used by the search of Aartsen et al., Science 342 (2013) 1242856).
    """
    return _qtot(charge, np.ones(charge.size, np.bool_), omkey, calibrated, relative_efficiency)


@njit(cache=True, nogil=True, error_model="numpy")
def causal_qtot(time, charge, omkey, calibrated, relative_efficiency, vertex_time, time_window):
    """Return `homogenized_qtot` of the pulses with vertex_time <= t < vertex_time + time_window (ns); NaN without."""
    if math.isnan(vertex_time):
        return math.nan
    inside = (time >= vertex_time) & (time < vertex_time + time_window)
    return _qtot(charge, inside, omkey, calibrated, relative_efficiency)


@njit(cache=True, nogil=True, error_model="numpy")
def _qtot(charge, inside, omkey, calibrated, relative_efficiency):
    limit = math.inf
    total = 0.0
    for _ in range(2):
        total = 0.0
        j = 0
        while j < charge.size:
            dom, q = j, 0.0
            while j < charge.size and omkey[j] == omkey[dom]:
                if inside[j]:
                    q += charge[j]
                j += 1
            string = omkey[dom] >> 16
            if not calibrated[dom] or relative_efficiency[dom] > 1.1 or string == 79 or string == 80:
                continue
            if limit == math.inf or q < limit:
                total += q
        limit = total / 2
    return total
