"""Charge sums, numbers of pulses, DOMs and strings, and the homogenised charge."""

from __future__ import annotations

import math

import numpy as np

from icecol.jit.function import compiled


@compiled
def charge(time, charge, omkey):
    """Sum and count the pulses of one event, sorted by omkey.

    Names and rules are those of IceTray's I3HitStatisticsValues and I3HitMultiplicityValues (CommonVariables).
    Returns total (PE), n_pulses, n_hit_doms, n_hit_strings, n_hit_doms_one_pulse, q_max_doms
    (PE), min_pulse_time and max_pulse_time (ns, over pulses of finite charge).
    """
    total, in_dom, largest, first, last = 0.0, -math.inf, -math.inf, math.inf, -math.inf
    n_doms, n_strings, n_single, n_timed = 0, 0, 0, 0
    n = time.size
    before = ~omkey[0] if n else 0
    for j in range(n):  # selections, not branches: a branch on "next DOM" is a coin toss
        dom, q, t = omkey[j], float(charge[j]), time[j]
        begins = dom != before
        ends = j + 1 == n or omkey[j + 1] != dom
        total += q
        in_dom = q if begins else in_dom + q
        largest = in_dom if ends and in_dom > largest else largest
        n_doms += begins
        n_single += begins and ends
        n_strings += dom >> 16 != before >> 16
        timed = math.isfinite(q) and not math.isnan(t)
        n_timed += timed
        first = t if timed and t < first else first
        last = t if timed and t > last else last
        before = dom
    nan = math.nan
    if n_timed == 0:
        first, last = nan, nan
    return (
        total,
        n,
        n_doms,
        n_strings,
        n_single,
        nan if largest == -math.inf else largest,
        first,
        last,
    )


@compiled
def homogenized_qtot(charge, omkey, calibrated, relative_efficiency):
    """Return the total charge (PE) of the standard DOMs of one event, without those that have half of it or more.

    A DOM counts if it is calibrated, has a relative efficiency of at most 1.1, is not on string 79 or 80, and has a
    finite charge. The sum is then repeated over the DOMs that have less than half of the first sum (IceTray's
    HomogenizedQTot; used by the search of Aartsen et al., Science 342 (2013) 1242856).
    """
    return _qtot(charge, np.ones(charge.size, np.bool_), omkey, calibrated, relative_efficiency)


@compiled
def causal_qtot(time, charge, omkey, calibrated, relative_efficiency, vertex_time, no_vertex, time_window):
    """Return `homogenized_qtot` of the pulses with vertex_time <= t < vertex_time + time_window (ns).

    All pulses count if no_vertex is not 0; the result is 0 if vertex_time is NaN.
    """
    if no_vertex:
        return homogenized_qtot(charge, omkey, calibrated, relative_efficiency)
    inside = (time >= vertex_time) & (time < vertex_time + time_window)
    return _qtot(charge, inside, omkey, calibrated, relative_efficiency)


@compiled
def _qtot(charge, inside, omkey, calibrated, relative_efficiency):
    limit, total = math.inf, 0.0
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
            if q < limit:
                total += q
        limit = total / 2
    return total
