"""Vetoes and triggers once more, slow and obvious; events and sensors as in `naive`."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from naive import NAN, by_dom, distance, div, flat, total
from naive_cleaning import close, part, place

from icecol.reco.numerics.ascending import ascending

C = 0.299792458
OF_IC40 = (
    21, 29, 30, 38, 39, 40, 49, 50, 59, 46, 47, 48, 56, 57, 58, 65, 66, 67, 72, 73, 74, 78, 44, 45, 52, 53, 54, 55, 60,
    61, 62, 63, 64, 68, 69, 70, 71, 75, 76, 77,
)  # fmt: skip
ADDED_IN_IC59 = (2, 3, 4, 5, 6, 10, 11, 12, 13, 17, 18, 19, 20, 26, 27, 28, 36, 37, 83)
ADDED_IN_IC79 = (8, 9, 15, 16, 23, 24, 25, 32, 33, 34, 35, 41, 42, 43, 51, 81, 82, 84, 85, 86)
OF_IC59 = OF_IC40 + ADDED_IN_IC59
OF_IC79 = OF_IC59 + ADDED_IN_IC79
CENTRE = (26, 27, 35, 36, 37, 45, 46)
WIDER = (25, 26, 27, 34, 35, 36, 37, 44, 45, 46, 47, 54)
WIDEST = WIDER + (16, 17, 18, 19, 24, 28, 33, 38, 43, 48, 53, 55, 56, 57, 62, 63)  # noqa: RUF005
DEEPCORE = {
    "IC59": (OF_IC59, (26, 27, 36, 37, 45, 46), 41),
    "IC79": (OF_IC79, CENTRE, 39),
    "IC86": (range(1, 87), CENTRE, 39),
    "IC86EDC": (range(1, 87), WIDER, 39),
    "IC86TwoLayVeto": (range(1, 87), WIDEST, 39),
}


def deepcore_sets(detector):
    """Return the sensors inside and around the DeepCore of a detector, as (string, om)."""
    strings, around, first = DEEPCORE[detector]
    inside, outside = set(), set()
    for string in strings:
        for om in range(1, 61):
            within = om >= 11 if string >= 79 else string in around and om >= first
            (inside if within else outside).add((string, om))
    return inside, outside


def in_time(times):
    """Return the order that std::sort leaves times in, which is tested by itself."""
    return ascending(np.array(times, float)).tolist()


def split(key):
    return key >> 16, key >> 8 & 255


def strings(sensors, counts):
    """Return {string: sensors, top first} of those that count."""
    found = {}
    for s in sensors.values():
        if counts(s):
            found.setdefault(s["string"], []).append(s)
    return {k: sorted(v, key=lambda s: -s["z"]) for k, v in sorted(found.items())}


def edge(ends):
    """Return the strings with fewer than six others within 160 m, given a sensor of each."""
    return {
        k
        for k, s in ends.items()
        if sum(math.hypot(s["x"] - o["x"], s["y"] - o["y"]) < 160 for o in ends.values()) - 1 < 6
    }


def calibrated(sensor):
    return sensor["calibrated"]


def hese_edge(sensors, counts=calibrated):
    """Return a function that tells whether light at a place counts against an event."""
    found = strings(sensors, counts)
    tops = sorted(max(0.0, v[0]["z"]) for v in found.values())
    top = min(t for t in tops if abs(t - tops[len(tops) // 2]) <= 90)
    bottom = min(s["z"] for v in found.values() for s in v)
    ends = {k: max(v, key=lambda s: s["omkey"]) for k, v in found.items()}
    walls = [ends[k] for k in edge(ends)]

    def bad(s):
        in_dust = -215 < s["z"] < -135
        outside = s["z"] <= bottom + 10 or s["z"] >= top - 90
        return in_dust or outside or any(math.hypot(w["x"] - s["x"], w["y"] - s["y"]) < 90 for w in walls)

    return bad


def hese_veto(event, sensors, bad):
    doms = by_dom(event, sensors)
    qtot = total(q for _, q, _ in flat(doms))
    balloons = {k for k, p in doms.items() if div(total(q for _, q in p), qtot) > 0.9}
    pulses = flat(doms)
    pulses = [pulses[i] for i in in_time([p[0] for p in pulses])]
    for j, (t, _, _) in enumerate(pulses):
        first = next(k for k in range(j + 1) if not t - pulses[k][0] > 3000)
        window = [p for p in pulses[first : j + 1] if p[2] not in balloons]
        charge = total(q for _, q, _ in window)
        if charge > 250:
            place = [total(q * sensors[k][c] for _, q, k in window) / charge for c in "xyz"]
            near = [
                (q, k)
                for u, q, k in pulses[first:]
                if u - t <= 50
                and distance(place, [sensors[k][c] for c in "xyz"]) <= C * 3000
                and bad(sensors[k])
            ]
            against = total(q for q, _ in near)
            return {
                "vetoed": against > 3 or len(near) >= 3,
                **dict(zip("xyz", place, strict=True)), "time": t, "charge": charge,
                "veto_charge": against, "n_veto_pulses": len(near),
            }  # fmt: skip
    return dict.fromkeys(("vetoed", "x", "y", "z", "time", "charge", "veto_charge", "n_veto_pulses"))


def mese_layers(sensors, counts=calibrated):
    of_string = strings(sensors, counts)
    top = min(v[0]["z"] for k, v in of_string.items() if k <= 78)
    outer_strings = edge({k: v[0] for k, v in of_string.items()})
    outer, dust = set(), set()
    for k, v in of_string.items():
        for s in v:
            if k in outer_strings or (k <= 78 and (s["z"] >= top - 90 or s is v[-1])):
                outer.add(s["omkey"])
            if -220 < s["z"] < -100:
                dust.add(s["omkey"])
    return outer, dust


def layer_veto(event, sensors, layers):
    doms = by_dom(event, sensors)
    charge = {k: total(q for _, q in p) for k, p in doms.items()}
    qtot = total(charge.values())
    stream = []
    for k in sorted(doms, key=lambda k: -charge[k]):
        if div(charge[k], qtot) > 0.9:
            qtot -= charge[k]
        else:
            stream += [(t, q, k, i) for i, (t, q) in enumerate(doms[k])]
    if not stream:
        return dict.fromkeys(("layer0", "layer1", "qtot", "time"), 0.0)
    stream.sort(key=lambda p: p[0])
    wanted = min(250.0, max(3.0, qtot / 24))
    window, q, place = [], 0.0, [0.0, 0.0, 0.0]
    for p in stream:
        window.append(p)
        q += p[1]
        place = [a + p[1] * sensors[p[2]][c] for a, c in zip(place, "xyz", strict=True)]
        while p[0] - window[0][0] > 3000:
            old = window.pop(0)
            q -= old[1]
            place = [a - old[1] * sensors[old[2]][c] for a, c in zip(place, "xyz", strict=True)]
        if q >= wanted:
            break
    place = [div(a, q) for a in place]
    near = [
        p
        for p in sorted(window, key=lambda p: (p[2], p[3]))
        if not distance(place, [sensors[p[2]][c] for c in "xyz"]) > C * 3000
    ]
    sums = [total(p[1] for p in near if p[2] in layer) for layer in layers]
    return {"layer0": sums[0], "layer1": sums[1], "qtot": qtot, "time": window[-1][0]}


def deepcore_veto(event, sensors, *, detector="IC86EDC", first_only=True, by_charge=False):
    fiducial, veto = deepcore_sets(detector)
    doms = by_dom(event, sensors).items()
    hits = [(k, t, q) for k, p in doms for t, q in (p[:1] if first_only else p)]
    inside = [h for h in hits if split(h[0]) in fiducial]
    n, mean, squares = 0, 0.0, 0.0
    for _, t, _ in inside:
        if math.isfinite(t):
            n += 1
            step = t - mean
            mean, squares = mean + step / n, squares + (n - 1) * step * step / n
    spread = math.sqrt(squares / (n - 1)) if n > 1 else 0.0
    left = [h for h in inside if not abs(h[1] - mean) > spread]
    if not left:
        return {
            "kept": False,
            "n_veto_hits": 0,
            "veto_charge": 0.0,
            **dict.fromkeys(("x", "y", "z", "time"), NAN),
        }
    weights = [q if by_charge else 1.0 for _, _, q in left]
    centre = [
        div(total(w * sensors[k][c] for w, (k, _, _) in zip(weights, left, strict=True)), total(weights))
        for c in "xyz"
    ]
    far = {k: distance(centre, [sensors[k][c] for c in "xyz"]) for k, _, _ in hits}
    time, n = 0.0, 0
    for k, t, _ in left:
        if math.isfinite(t):
            n += 1
            time += (abs(t - far[k] / (C / 1.35634)) - time) / n
    outside = [h for h in hits if split(h[0]) in veto]
    causal = [q for k, t, q in outside if 0.25 <= div(far[k], time - t) <= 0.4]
    return {
        "kept": len(causal) <= 1, "n_veto_hits": len(causal), "veto_charge": total(causal),
        **dict(zip("xyz", centre, strict=True)), "time": time,
    }  # fmt: skip


def i3_veto(event, sensors, layers):
    doms = {k: p for k, p in by_dom(event, sensors).items() if k >= 0}
    n = len(layers)
    if not doms:
        return {
            **dict.fromkeys(("earliestContainment", "maxDomChargeContainment")), "nUnhitTopLayers": 0, "nLayer": 0,
            **dict.fromkeys((
                "earliestLayer", "earliestOM", "latestLayer", "latestOM", "latestContainment", "mostOuterLayer",
            )),
            "depthHighestHit": NAN,
            **dict.fromkeys((
                "depthFirstHit", "maxDomChargeLayer", "maxDomChargeLayer_xy", "maxDomChargeLayer_z",
                "maxDomChargeString", "maxDomChargeOM",
            )),
            "nDomsBeforeMaxDOM": 0,
        }  # fmt: skip

    def where(k):
        string, om = split(k)
        xy = next((i for i, s in enumerate(layers) if string in s), -1)
        z = next((i for i in range(n) if 5 * (n - i - 1) <= om <= 60 - n + i + 1), -1)
        return xy, z, max(xy, z)

    pulses = flat(doms)
    early = min(pulses, key=lambda p: p[0])[2]
    late = max(pulses, key=lambda p: p[0])[2]
    charge = {k: total(q for _, q in p) for k, p in doms.items()}
    bright = max(charge, key=lambda k: charge[k])
    if charge[bright] == 0:
        bright = None
    keys = list(doms)
    order = [keys[i] for i in in_time([p[0][0] for p in doms.values()])]
    of = [(where(k)[0], split(k)[1]) for k in (early, late)]
    xy, z, layer = (None, None, None) if bright is None else where(bright)
    string, om = (None, None) if bright is None else split(bright)
    return {
        "earliestContainment": 100 * of[0][0] + of[0][1],
        "maxDomChargeContainment": None if bright is None else 100 * xy + om,
        "nUnhitTopLayers": 0,
        "nLayer": len({where(k)[2] for k in doms} - {-1}),
        "earliestLayer": of[0][0], "earliestOM": of[0][1],
        "latestLayer": of[1][0], "latestOM": of[1][1], "latestContainment": 100 * of[1][0] + of[1][1],
        "mostOuterLayer": max(where(k)[2] for k in doms),
        "depthHighestHit": NAN, "depthFirstHit": sensors[early]["z"],
        "maxDomChargeLayer": layer, "maxDomChargeLayer_xy": xy, "maxDomChargeLayer_z": z,
        "maxDomChargeString": string, "maxDomChargeOM": om,
        "nDomsBeforeMaxDOM": len(order) if bright is None else order.index(bright),
    }  # fmt: skip


def rt_veto(event, sensors, links, *, self_coincidence, string_36, dust):
    """Return the places of the pulses that the best seed selects; every pulse is tried, first to last."""
    there = sorted(
        (i for i, (t, _, k) in enumerate(event) if k in sensors and not math.isnan(t)),
        key=lambda i: event[i][2],
    )

    def linked(i, j):
        (t1, _, a), (t2, _, b) = event[i], event[j]
        if i == j or (a == b and not self_coincidence):
            return False
        parts = [part(k, string_36=string_36, pingu=None) for k in (a, b)]
        link = None if None in parts else links[frozenset(parts)]
        return close(place(sensors[a]), place(sensors[b]), t1 - t2, link, dust)

    best = set()
    for seed in in_time([event[i][0] for i in there]):
        chosen, more = set(), {there[seed]}
        while more != chosen:
            chosen = more
            more = chosen | {i for i in there if any(linked(i, j) for j in chosen)}
        if len(chosen) > len(best):
            best = chosen
    return best


def in_some_triangle(x, y, corners):
    """Tell whether a point is in a triangle of three of the points: then, and only then, it is in their hull."""
    d = np.array(corners) - [x, y]
    i, j, k = (a.ravel() for a in np.meshgrid(*[np.arange(len(d))] * 3, indexing="ij"))
    sides = [d[a, 0] * d[b, 1] - d[a, 1] * d[b, 0] for a, b in ((i, j), (j, k), (k, i))]
    area = sum(sides)
    return bool(((np.minimum.reduce(sides) >= 0) & (area > 0)).any())


def hlc_hits(event, members, dead_time):
    """Return (time, string, om) of the launches, from (time, flags, omkey), in order of time."""
    hits = []
    for key in sorted({k for _, _, k in event if split(k) in members}):
        last = -math.inf
        for t in sorted(t for t, f, k in event if k == key and f & 1 and not math.isnan(t)):
            if t >= last + dead_time:
                last = t
                hits.append((t, *split(key)))
    return sorted(hits)


def smt(hits, threshold, window):
    """Slide a window hit by hit, as the trigger does, and keep the hits of the trigger that is open."""
    times = [t for t, _, _ in hits]
    found, now, open_ = [], [0], None
    for j in range(1, len(times)):
        last = j == len(times) - 1
        if times[j] <= times[now[0]] + window:
            now.append(j)
            if open_:
                open_.append(j)
            if last and (open_ or len(now) >= threshold):
                found.append(open_ or now)
            continue
        if len(now) >= threshold and not open_:
            open_ = list(now)
        while now and times[j] > times[now[0]] + window:
            now.pop(0)
        now.append(j)
        if open_:
            overlap = bool(set(now) & set(open_))
            if last or (len(now) < threshold and not overlap) or len(now) == threshold == 1:
                found.append([*open_, j] if last and overlap else open_)
                open_ = None
            else:
                open_.append(j)
    return [(times[t[0]], times[t[-1]] - times[t[0]]) for t in found]


def queue_trigger(hits, window, test):
    """Slide a window over (time, ...); where the next does not fit in, ask `test` for the hits of a trigger."""
    found, queue = [], []
    for hit in hits:
        while queue and hit[0] - queue[0][0] > window:
            kept = test(queue)
            if kept:
                found.append(kept)
                queue = []
            else:
                queue = queue[1:]
        queue.append(hit)
    kept = test(queue)
    return [(t[0][0], t[-1][0] - t[0][0]) for t in [*found, *([kept] if kept else [])]]


def string_trigger(hits, threshold, window, coherence):
    up, down = (coherence - 1) // 2, coherence // 2

    def test(queue):
        count = Counter(
            (string, site)
            for _, string, om in queue
            for site in range(max(om - up, 1), min(om + down, 60) + 1)
        )
        sites = [site for site, n in count.items() if n >= threshold]
        return [
            hit
            for hit in queue
            if any(hit[1] == string and -up <= hit[2] - om <= down for string, om in sites)
        ]

    return queue_trigger(hits, window, test)


def volume_trigger(hits, place, multiplicity, simple_multiplicity, window, radius, height):
    def test(queue):
        if len(queue) < multiplicity:
            return []
        if len(queue) >= simple_multiplicity:
            return queue
        for middle in queue:
            x, y, z = place[middle[1:3]]
            inside = [middle]
            for hit in queue:
                a, b, c = place[hit[1:3]]
                near = math.sqrt((a - x) * (a - x) + (b - y) * (b - y)) < radius and abs(c - z) < height / 2
                if hit is not middle and near:
                    inside.append(hit)
            if len(inside) >= multiplicity:
                return sorted(inside, key=lambda hit: hit[0])
        return []

    return queue_trigger(hits, window, test)
