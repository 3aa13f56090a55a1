"""Cleaning once more, slow and obvious: every pair of pulses, every generation, every window is looked at.

An event is a list of pulses (time, charge, flags, omkey) in order of omkey; sensors are {omkey: row of the geometry}.
Each function returns the set of the places of the pulses that are kept.
"""

from __future__ import annotations

import math

import numpy as np

C = 0.299792458
C_ICE = C / 1.35634


def place(sensor):
    return sensor["x"], sensor["y"], sensor["z"]


def part(key, *, string_36, pingu):
    string, om = key >> 16, key >> 8 & 0xFF
    if pingu and pingu[0] <= string <= pingu[1]:
        return "PINGU"
    if om > 60:
        return None
    if string == 36 and string_36:
        return "DC" if om in (*range(20, 25), *range(40, 61)) else "IC"
    return "IC" if 1 <= string <= 78 else "DC" if 79 <= string <= 86 else None


def thickness(z1, z2, dust):
    if dust is None:
        return 0.0
    inside = min(max(z1, z2), dust[1]) - max(min(z1, z2), dust[0])
    return max(inside, 0.0)


def close(r1, r2, dt, link, dust):
    if link is None:
        link = (0.0, 0.0)
    extra = thickness(r1[2], r2[2], dust)
    dx, dy, dz = (a - b for a, b in zip(r1, r2, strict=True))
    if len(link) == 3:
        near = dx * dx + dy * dy <= link[0] ** 2 and abs(dz) <= link[2] + extra
    else:
        near = dx * dx + dy * dy + dz * dz <= (link[0] + extra) ** 2
    return near and abs(dt) < link[1] + extra / C_ICE


def seeded_rt(
    event,
    sensors,
    procedure,
    *,
    threshold,
    allow_none,
    iterations,
    links,
    self_coincidence,
    keys,
    string_36,
    pingu,
    dust,
):
    there = [i for i, p in enumerate(event) if p[3] in sensors and not math.isnan(p[0])]

    def rule(a, b):
        parts = [part(k, string_36=string_36, pingu=pingu) for k in (a, b)]
        return None if None in parts else links[frozenset(parts)]

    def linked(i, j):
        (t1, _, _, a), (t2, _, _, b) = event[i], event[j]
        if i == j or (a == b and not self_coincidence):
            return False
        return close(place(sensors[a]), place(sensors[b]), t1 - t2, rule(a, b), dust)

    hlc = {i for i in there if event[i][2] & 1}
    if procedure == "AllHLCHits":
        chosen = hlc
    elif procedure in ("HLCCoreHits", "AllCoreHits"):
        asked = hlc if procedure == "HLCCoreHits" else set(there)
        chosen = {i for i in asked if len({event[j][3] for j in asked if linked(i, j)}) >= threshold}
        if not chosen and not allow_none:
            chosen = asked
    elif procedure == "HLCCOGSTHits":
        chosen = set()
        if hlc:
            in_time = sorted(hlc, key=lambda i: event[i][0])
            sums = [0.0] * 4
            for i in in_time:
                sums = [s + v for s, v in zip(sums, (event[i][0], *place(sensors[event[i][3]])), strict=True)]
            t, *cog = (s / len(hlc) for s in sums)
            nearest = min(
                sensors, key=lambda k: sum((a - b) ** 2 for a, b in zip(cog, place(sensors[k]), strict=True))
            )
            chosen = {
                i
                for i in there
                if close(place(sensors[event[i][3]]), cog, event[i][0] - t, rule(event[i][3], nearest), dust)
            }
            if not chosen and not allow_none:
                chosen = hlc
    else:
        first = {i for i in there if i == 0 or event[i - 1][3] != event[i][3]}
        chosen = {i for i in (there if procedure == "OMKeyHits" else first) if event[i][3] in keys}
    while iterations:
        more = chosen | {i for i in there if any(linked(i, j) for j in chosen)}
        if more == chosen:
            break
        chosen = more
        iterations -= 1
    return chosen


def classic_rt(event, sensors, radius, time, multiplicity, width):
    there = [i for i, p in enumerate(event) if p[3] in sensors]

    def near(i, j):
        (t1, _, _, a), (t2, _, _, b) = event[i], event[j]
        d2 = sum((p - q) ** 2 for p, q in zip(place(sensors[a]), place(sensors[b]), strict=True))
        overlap = t1 <= t2 <= t1 + width or t2 <= t1 <= t2 + width
        soon = (t1 < t2 and t2 - (t1 + width) < time) or (t2 < t1 and t1 - (t2 + width) < time)
        return d2 <= radius**2 and (overlap or soon)

    return {i for i in there if sum(near(i, j) for j in there) > multiplicity}


def first_pulsifier(event, *, keep_only_first_charge):
    """Return {place: charge} of the earliest pulse of each sensor."""
    found = {}
    for key in {p[3] for p in event}:
        of = [i for i, p in enumerate(event) if p[3] == key]
        best = of[0]
        for i in of:
            best = i if event[i][0] < event[best][0] else best
        charge = np.float32(0)
        for i in of:
            charge += np.float32(event[i][1])
        found[best] = np.float32(event[best][1]) if keep_only_first_charge else charge
    return found


def dynamic_time_window(event, window, *, use_charge):
    in_time = sorted((i for i, p in enumerate(event) if math.isfinite(p[0])), key=lambda i: event[i][0])
    best, kept = 0.0, set()
    # the first window to be looked at is that which begins with the first pulse
    begin = max(1, sum(event[i][0] <= event[in_time[0]][0] + window for i in in_time))
    for stop in range(begin, len(in_time) + 1):
        t = event[in_time[stop - 1]][0]
        inside = [i for i in in_time[:stop] if t - event[i][0] <= window]
        weight = sum(event[i][1] for i in inside) if use_charge else len(inside)
        if weight > best:
            best, kept = weight, set(inside)
    return kept


def topological_split(event, sensors, multiplicity=4, window=4000.0, xy=500.0, doms=30, cone=1000.0):
    """Return the sub-events as sets of places, in order of time: clusters as Python lists, sub-events as sets."""
    f = np.float32
    time = {i: f(p[0]) for i, p in enumerate(event) if p[3] in sensors and np.isfinite(f(p[0]))}
    dom = {i: event[i][3] for i in time}

    def joined(i, j):
        a, b = sensors[dom[i]], sensors[dom[j]]
        ice = [s["om_type"] == 20 for s in (a, b)]
        if not all(ice):
            return not any(ice)
        if a["string"] == b["string"] and abs(a["om"] - b["om"]) > doms:
            return False
        dx, dy, dz = (f(a[c]) - f(b[c]) for c in "xyz")
        if dx * dx + dy * dy > f(xy) * f(xy):
            return False
        way = math.sqrt(dx * dx + dy * dy + dz * dz) / C
        return abs(float(abs(time[i] - time[j])) - way) < cone

    class Cluster:
        def __init__(self, hits=()):
            self.hits, self.left, self.end = [], set(), None
            for h in hits:
                self.add(h)

        def add(self, h):
            self.hits.append(h)
            if len({dom[i] for i in self.hits}) >= multiplicity:
                self.end = h

    clusters, open_, closed = [], [], []

    def advance(cluster, now):
        while cluster.hits and now > time[cluster.hits[0]] + f(window):
            h = cluster.hits[0]
            if cluster.end is not None:
                cluster.left.add(h)
                if h == cluster.end:
                    made, cluster.left, cluster.end = cluster.left, set(), None
                    for other in [o for o in open_ if o & made]:
                        made |= other
                        open_.remove(other)
                    open_.append(made)
                    waiting = [time[i] for c in clusters for i in (*c.hits, *c.left)]
                    for done in [o for o in open_ if waiting and max(time[i] for i in o) < min(waiting)]:
                        open_.remove(done)
                        closed.append(done)
            cluster.hits.pop(0)

    for h in sorted(time, key=lambda i: (time[i], i)):
        fresh, alone = [], True
        for cluster in list(clusters):
            advance(cluster, time[h])
            if not cluster.hits:
                clusters.remove(cluster)
                continue
            to, every = set(), True
            for i in reversed(cluster.hits):
                if joined(i, h):
                    to.add(dom[i])
                else:
                    every = False
                if len(to) + 1 >= multiplicity:
                    break
            alone = alone and not to
            if len(to) + 1 >= multiplicity or every:
                cluster.add(h)
            elif to:
                new = Cluster([*(i for i in cluster.hits if joined(i, h)), h])
                for other in list(fresh):
                    if set(other.hits) <= set(new.hits):
                        fresh.remove(other)
                    elif set(new.hits) <= set(other.hits):
                        break
                else:
                    fresh.append(new)
        for new in fresh:
            for cluster in list(clusters):
                if cluster.hits[-1] == h:
                    if set(new.hits) <= set(cluster.hits):
                        break
                elif set(cluster.hits) <= set(new.hits):
                    new.left |= cluster.left
                    clusters.remove(cluster)
            else:
                clusters.append(new)
        if alone:
            clusters.append(Cluster([h]))
    for cluster in clusters:
        advance(cluster, f(math.inf))
    starts = {}
    for done in closed + open_:
        starts.setdefault(min(time[i] for i in done), done)
    return [starts[s] for s in sorted(starts)]
