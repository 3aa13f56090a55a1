"""CLast: a first guess of a cascade from the centre and shape of its light, the first light, and the charge.

As IceTray's clast has it: centre and axis are those of the tensor of inertia.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.detector.medium import c_ice
from icecol.jit.function import compiled
from icecol.reco.kernels.fit_status import OK
from icecol.reco.kernels.tensor_of_inertia import inertia


@compiled
def clast(
    time, charge, omkey, x, y, z, min_hits, amplitude_weight, small_as_one, direct_hit_radius, direct_hit_window,
    direct_hit_threshold, energy_0, energy_1, energy_2, energy_3, energy_4, energy_5,
):  # fmt: skip
    """Return the fit to the pulses of one event, sorted by omkey.

    log10 E is a polynomial of degree five in the log10 of the finite charge. For `small_as_one` see `inertia`. Returns
    x, y, z (m), time (ns, of the vertex), zenith, azimuth (rad), energy (GeV), fit_status, mineval, evalratio, eval2,
    eval3 (m^2); all but the status is NaN where the tensor of inertia has no answer.
    """
    found, _, _, _ = inertia(time, charge, omkey, x, y, z, min_hits, amplitude_weight, small_as_one)
    cx, cy, cz, _, zenith, azimuth, status, mineval, ratio, eval2, eval3 = found
    nan = math.nan
    if status != OK:
        return nan, nan, nan, nan, nan, nan, nan, status, nan, nan, nan, nan
    vertex_time = first_light(
        time, omkey, x, y, z, cx, cy, cz, direct_hit_radius, direct_hit_window, direct_hit_threshold
    )
    total = 0.0
    for q in charge:
        if math.isfinite(q):
            total += q
    size = math.log10(total) if total > 0.0 else nan
    power = energy_5
    for term in (energy_4, energy_3, energy_2, energy_1, energy_0):
        power = power * size + term
    return cx, cy, cz, vertex_time, zenith, azimuth, 10.0**power, status, mineval, ratio, eval2, eval3


@compiled
def first_light(time, omkey, x, y, z, cx, cy, cz, radius, window, threshold):
    """Return the time (ns) at which light left the centre, from the first pulses of the DOMs around it.

    The first pulse of each DOM within `radius` gives a trial time; DOMs whose first pulse is then at most `window` late
    count for it. The earliest trial with at least `threshold` of them wins, failing that the first of those with most,
    and without a DOM within `radius` the earliest of all. As in IceTray the count carries on from one DOM to the next,
    in order of omkey, and thus depends on that order.
    """
    n = time.size
    distance, trial = np.empty(n), np.empty(n)
    doms = 0
    earliest = math.inf
    for j in range(n):
        if j == 0 or omkey[j] != omkey[j - 1]:
            dx, dy, dz = x[j] - cx, y[j] - cy, z[j] - cz
            distance[doms] = math.sqrt(dx * dx + dy * dy + dz * dz)
            trial[doms] = time[j] - distance[doms] / c_ice
            earliest = min(earliest, trial[doms])
            doms += 1
    n_direct, best = 0, -1
    of_best, of_threshold = math.inf, math.inf
    for i in range(doms):
        if distance[i] > radius:
            continue
        for k in range(doms):
            if k != i and distance[k] <= radius and 0.0 <= trial[k] - trial[i] < window:
                n_direct += 1
        if n_direct > best:
            best, of_best = n_direct, trial[i]
        if n_direct >= threshold:
            of_threshold = min(of_threshold, trial[i])
    if of_threshold != math.inf:
        return of_threshold
    return of_best if of_best != math.inf else earliest
