"""Seeded radius-time cleaning: from seeds to all pulses linked to them in space and time, step by step.

The pulses of an event are sorted by omkey. What counts as a link depends on the part of the detector that each end is
in: `links` has the radius (m), the time (ns) and, for a cylinder, the height (m, NaN for a sphere) of each pair of
parts.
"""

from __future__ import annotations

import math

import numpy as np

from icecol.detector.medium import c_ice
from icecol.jit.function import compiled
from icecol.reco.numerics.order import order

ALL_HLC, HLC_CORE, ALL_CORE, HLC_COG, OMKEYS, FIRST_OMKEYS = range(6)
ICECUBE, DEEPCORE, PINGU, NOWHERE = range(4)


@compiled
def seeded_rt(
    time,
    flags,
    omkey,
    x,
    y,
    z,
    seed_procedure,
    n_hits_threshold,
    allow_no_seed_hits,
    max_n_iterations,
    allow_self_coincidence,
    seed_omkeys,
    parts,
    links,
    dust,
    sensors,
):
    """Return which pulses are linked to a seed by at most max_n_iterations steps (-1: by any number).

    `parts` says how to tell the parts of the detector (see `part_of`), `dust` has the upper and lower end of the dust
    layer, whose thickness between two DOMs is added to the radius and, at the speed of light, to the time of a link
    (upper end below lower end: none). `sensors` are omkey, x, y and z of the whole detector. Times of NaN are never
    selected.
    """
    n = time.size
    keep = np.zeros(n, np.bool_)
    if n == 0:
        return keep
    rank = order(time)
    while n > 0 and math.isnan(time[rank[n - 1]]):
        n -= 1
    rank = rank[:n]
    part = np.empty(time.size, np.int64)
    for i in range(time.size):
        part[i] = part_of(omkey[i], parts)
    reach = links[:, :, 1].max() + max(dust[0] - dust[1], 0.0) / c_ice
    pulse = (time, omkey, x, y, z, part)

    if seed_procedure in (ALL_HLC, HLC_CORE, ALL_CORE):
        for i in rank:
            keep[i] = seed_procedure == ALL_CORE or flags[i] & 1 != 0
        if seed_procedure != ALL_HLC:
            core = cores(keep, n_hits_threshold, rank, pulse, allow_self_coincidence, links, dust, reach)
            if core.any() or allow_no_seed_hits:
                keep = core
    elif seed_procedure == HLC_COG:
        keep = around_cog(rank, flags, pulse, parts, links, dust, sensors)
        if not (keep.any() or allow_no_seed_hits):
            for i in rank:
                keep[i] = flags[i] & 1 != 0
    else:
        for i in rank:
            first = i == 0 or omkey[i - 1] != omkey[i]
            at = np.searchsorted(seed_omkeys, omkey[i])
            found = at < seed_omkeys.size and seed_omkeys[at] == omkey[i]
            keep[i] = found and (first or seed_procedure == OMKEYS)

    # breadth first: each pulse selects others once, in the step after it was selected. Those that are selected already
    # are passed over: `later` and `earlier` (by one further) lead to the next that is not, so that bright events, of
    # which most pulses are seeds, take time in proportion to their pulses
    queue = np.empty(n, np.int64)
    later, earlier = np.arange(n + 1), np.arange(n + 1)
    tail = 0
    for k in range(n):
        if keep[rank[k]]:
            queue[tail] = k
            tail += 1
            later[k], earlier[k + 1] = k + 1, k
    head, iteration = 0, 0
    while head < tail and iteration != max_n_iterations:
        iteration += 1
        for q in range(head, tail):
            k = queue[q]
            i = rank[k]
            for step in (-1, 1):
                m = open_one(later, k + 1) if step > 0 else open_one(earlier, k) - 1
                while 0 <= m < n and abs(time[rank[m]] - time[i]) <= reach:
                    j = rank[m]
                    if linked(i, j, pulse, allow_self_coincidence, links, dust):
                        keep[j] = True
                        queue[tail] = m
                        tail += 1
                        later[m], earlier[m + 1] = m + 1, m
                    m = open_one(later, m + 1) if step > 0 else open_one(earlier, m) - 1
            head += 1
    return keep


@compiled
def open_one(links, k):
    """Follow links from k to the place that links to itself; what is passed is linked further on."""
    while links[k] != k:
        links[k] = links[links[k]]
        k = links[k]
    return k


@compiled
def part_of(omkey, parts):
    """Return which part of the detector a DOM is in: `parts` are (string 36 has DeepCore DOMs, PINGU strings)."""
    string, om = omkey >> 16, omkey >> 8 & 0xFF
    string_36, first, last = parts
    if first <= string <= last:
        return PINGU
    if not 1 <= om <= 60:
        return NOWHERE
    if string == 36 and string_36:
        return DEEPCORE if 20 <= om <= 24 or om >= 40 else ICECUBE
    if 1 <= string <= 78:
        return ICECUBE
    return DEEPCORE if 79 <= string <= 86 else NOWHERE


@compiled
def linked(i, j, pulse, allow_self_coincidence, links, dust):
    """Return whether two pulses are linked."""
    time, omkey, x, y, z, part = pulse
    if not allow_self_coincidence and omkey[i] >> 8 == omkey[j] >> 8:
        return False
    apart = (x[i] - x[j], y[i] - y[j], z[i] - z[j])
    return close(apart, z[i], z[j], time[i] - time[j], links[part[i], part[j]], dust)


@compiled
def close(apart, z1, z2, dt, link, dust):
    """Return whether two points and times are close enough for a link."""
    upper, lower = max(z1, z2), min(z1, z2)
    length = 0.0
    if dust[0] >= dust[1] and lower <= dust[0] and upper >= dust[1]:
        length = min(upper, dust[0]) - max(lower, dust[1])
    radius, window, height = link[0], link[1], link[2]
    dx, dy, dz = apart
    if math.isnan(height):
        near = dx * dx + dy * dy + dz * dz <= (radius + length) * (radius + length)
    else:
        near = dx * dx + dy * dy <= radius * radius and abs(dz) <= height + length
    return near and abs(dt) < window + length / c_ice


@compiled
def cores(chosen, threshold, rank, pulse, allow_self_coincidence, links, dust, reach):
    """Return which chosen pulses are linked to chosen pulses of at least `threshold` DOMs."""
    time, omkey = pulse[0], pulse[1]
    core = np.zeros(chosen.size, np.bool_)
    partners = np.empty(max(threshold, 1), np.int64)
    for k in range(rank.size):
        i = rank[k]
        if not chosen[i]:
            continue
        found = 0
        for step in (-1, 1):
            m = k + step
            while found < threshold and 0 <= m < rank.size and abs(time[rank[m]] - time[i]) <= reach:
                j = rank[m]
                if chosen[j] and linked(i, j, pulse, allow_self_coincidence, links, dust):
                    sensor = omkey[j] >> 8
                    if not (partners[:found] == sensor).any():
                        partners[found] = sensor
                        found += 1
                m += step
        core[i] = found >= threshold
    return core


@compiled
def around_cog(rank, flags, pulse, parts, links, dust, sensors):
    """Return which pulses are linked to the mean place and time of the HLC pulses.

    The kind of link is that to the DOM closest to the mean place.
    """
    time, _, x, y, z, part = pulse
    keep = np.zeros(time.size, np.bool_)
    n = 0
    t0, x0, y0, z0 = 0.0, 0.0, 0.0, 0.0
    for i in rank:
        if flags[i] & 1:
            t0, x0, y0, z0 = t0 + time[i], x0 + x[i], y0 + y[i], z0 + z[i]
            n += 1
    if n == 0:
        return keep
    t0, x0, y0, z0 = t0 / n, x0 / n, y0 / n, z0 / n
    closest, least = 0, math.inf
    for s in range(sensors[0].size):
        dx, dy, dz = x0 - sensors[1][s], y0 - sensors[2][s], z0 - sensors[3][s]
        d2 = dx * dx + dy * dy + dz * dz
        if d2 < least:
            closest, least = s, d2
    there = part_of(sensors[0][closest], parts)
    for i in rank:
        apart = (x[i] - x0, y[i] - y0, z[i] - z0)
        keep[i] = close(apart, z[i], z0, time[i] - t0, links[part[i], there], dust)
    return keep
