"""CommonVariables, I3Calculator and I3Cuts once more, slow and obvious; events and sensors as in `naive`.

A track is a dictionary of x, y, z, time, zenith, azimuth, length and shape (the name of an I3Particle shape).
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from naive import NAN, by_dom, distance, div, flat, total

C, N_PHASE, N_GROUP = 0.299792458, 1.3195, 1.35634
ANGLE = math.acos(1 / N_PHASE)


def insertion_sort(items, key):
    """Sort up to 16 items as std::sort does: the smallest so far goes to the front, any other back to its place."""
    done = []
    for item in items:
        at = len(done)
        if done and key(item) < key(done[0]):
            at = 0
        while at > 0 and key(item) < key(done[at - 1]):
            at -= 1
        done.insert(at, item)
    return done


def sigma(values, weights):
    if len(values) < 2:
        return NAN
    w, ww = total(weights), total(a * a for a in weights)
    m1 = total(a * v for a, v in zip(weights, values, strict=True))
    m2 = total(a * v * v for a, v in zip(weights, values, strict=True))
    n = div(w * w, ww)
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.float64(div(n, n - 1) * (div(m2, w) - div(div(m1, w) * m1, w)))))


def hit_multiplicity(event):
    doms = by_dom(event)
    return {
        "n_hit_strings": len({key >> 16 for key in doms}),
        "n_hit_doms": len(doms),
        "n_hit_doms_one_pulse": sum(len(p) == 1 for p in doms.values()),
        "n_pulses": len(event),
    }


def centre(hits):
    """Mean of places weighted with charge, from [(charge, place), ...]."""
    if not hits:
        return [NAN] * 3
    q = total(q for q, _ in hits) or 1.0
    return [div(total(a * place[c] for a, place in hits), q) for c in range(3)]


def hit_statistics(event, sensors):
    doms = by_dom(event, sensors)
    hits = [(t, q, key) for t, q, key in flat(doms) if math.isfinite(q)]
    times = [t for t, _, _ in hits if not math.isnan(t)]
    z = [sensors[key]["z"] for key in doms]
    cog = centre([(q, place(sensors[key])) for _, q, key in hits])
    in_dom = [total(q for _, q in pulses if math.isfinite(q)) for pulses in doms.values()]
    travel = NAN
    if len(doms) >= 4:
        first = insertion_sort(
            [(pulses[0][0], sensors[key]["z"]) for key, pulses in doms.items()], key=by_time
        )
        k = len(first) // 4
        start = total(z for _, z in first[:k]) / k
        travel = total(z - start for _, z in first) / len(first)
    return {
        "cog_x": cog[0],
        "cog_y": cog[1],
        "cog_z": cog[2],
        "cog_z_sigma": sigma([sensors[key]["z"] for _, _, key in hits], [q for _, q, _ in hits]),
        "min_pulse_time": min(times) if times else NAN,
        "max_pulse_time": max(times) if times else NAN,
        "q_max_doms": max(in_dom) if in_dom else NAN,
        "q_tot_pulses": total(q for _, q, _ in hits),
        "z_min": min(z) if z else NAN,
        "z_max": max(z) if z else NAN,
        "z_mean": total(z) / len(z) if z else NAN,
        "z_sigma": sigma(z, [1.0] * len(z)),
        "z_travel": travel,
    }


def by_time(hit):
    return hit[0]


def place(sensor):
    return [sensor[c] for c in "xyz"]


def as_int(t):
    return int(t) if -(2**31) - 1 < t < 2**31 else -(2**31)


def time_characteristics(event, sensors):
    first = [(pulses[0][0], sensors[key]["z"]) for key, pulses in by_dom(event, sensors).items()]
    if not first:
        return {"timelength_fwhm": -1.0, "timelength_last_first": -1, "timelength_maxgap": -1, "zpattern": 0}
    t = [t for t, _ in first]
    n, mean = len(t), 1.0 / len(t)
    with np.errstate(all="ignore"):
        spread = np.sqrt(np.float64(mean * (total(a * a for a in t) - mean * (total(t) * total(t)))))
    first = insertion_sort(first, key=by_time)
    whole, z = [as_int(t) for t, _ in first], [0.0, *(z for _, z in first)]
    gap = 0
    for a, b in itertools.pairwise(whole):
        gap = as_int(b - a) if b - a > gap else gap
    return {
        "timelength_fwhm": float(2.0 * math.sqrt(2.0 * math.log(2.0)) * spread),
        "timelength_last_first": as_int(first[n - 1][0] - first[0][0]),
        "timelength_maxgap": gap,
        "zpattern": sum((b > a) - (b < a) for a, b in itertools.pairwise(z)),
    }


def light(track, sensor):
    """Closest approach, distance along the track, arrival time, path, and place of emission of straight light."""
    vertex, there = place(track), place(sensor)
    sin_zenith = math.sin(track["zenith"])
    e = [
        -sin_zenith * math.cos(track["azimuth"]),
        -sin_zenith * math.sin(track["azimuth"]),
        -math.cos(track["zenith"]),
    ]
    if track["shape"] == "Cascade":
        d = distance(vertex, there)
        return d, NAN, d * N_GROUP / C, d, vertex
    along = total(e[c] * (there[c] - vertex[c]) for c in range(3))
    d = distance(there, [vertex[c] + along * e[c] for c in range(3)])
    begin = 0.0 if track["shape"] in ("StartingTrack", "ContainedTrack") else -math.inf
    end = {"StoppingTrack": 0.0, "ContainedTrack": track["length"]}.get(track["shape"], math.inf)
    nearest = min(max(along, begin), end)
    approach = distance(there, [vertex[c] + nearest * e[c] for c in range(3)])
    a = along - d / math.tan(ANGLE)
    if not begin <= a <= end:
        return approach, along, NAN, NAN, [NAN] * 3
    arrival = (along + d * (N_PHASE * N_GROUP - 1) / math.sqrt(N_PHASE**2 - 1)) / C
    return approach, along, arrival, d / math.sin(ANGLE), [vertex[c] + a * e[c] for c in range(3)]


def cherenkov(event, sensors, track):
    fields = {name: [] for name in CHERENKOV}
    for t, _, key in event:
        approach, along, arrival, path, origin = (
            light(track, sensors[key]) if key in sensors else (NAN, NAN, NAN, NAN, [NAN] * 3)
        )
        values = (t - track["time"] - arrival, approach, along, arrival, path, *origin)
        for name, value in zip(CHERENKOV, values, strict=True):
            fields[name].append(value)
    return fields


CHERENKOV = (
    "time_residual", "closest_approach_distance", "distance_along_track", "cherenkov_time", "cherenkov_distance",
    "cherenkov_x", "cherenkov_y", "cherenkov_z",
)  # fmt: skip


def smoothness(along):
    along = sorted(along, key=lambda a: (math.isnan(a), a))
    n = len(along) - 1
    if n < 2:
        return NAN
    s = [i / n - div(along[i] - along[0], along[n] - along[0]) for i in range(1, n)]
    return max([0.0, *(v for v in s if not math.isnan(v))], key=abs)


def direct_hits(event, sensors, track, window):
    groups = {"dir": [], "early": [], "late": []}
    along = {}
    for key, pulses in by_dom(event, sensors).items():
        _, along[key], arrival, _, _ = light(track, sensors[key])
        for t, q in pulses:
            r = t - track["time"] - arrival
            if not math.isnan(r):
                groups["early" if r < window[0] else "dir" if r <= window[1] else "late"].append((q, key))
    found = {}
    for name, hits in groups.items():
        doms = {key for _, key in hits}
        found |= {
            f"n_{name}_strings": len({key >> 16 for key in doms}),
            f"n_{name}_doms": len(doms),
            f"n_{name}_pulses": len(hits),
            f"q_{name}_pulses": total(q for q, _ in hits),
        }
    places = [along[key] for key in {key for _, key in groups["dir"]}]
    found["dir_track_length"] = max(places) - min(places) if len(places) > 1 else NAN
    found["dir_track_hit_distribution_smoothness"] = smoothness(places)
    return found


def track_characteristics(event, sensors, track, radius):
    hits = []
    for key, pulses in by_dom(event, sensors).items():
        approach, along, *_ = light(track, sensors[key])
        if approach <= radius:
            q = total(q for _, q in pulses if math.isfinite(q))
            hits.append((pulses[0][0], q, approach, along, place(sensors[key])))
    n, q = len(hits), total(h[1] for h in hits)
    along = sorted(h[3] for h in hits)
    separation = NAN
    if n >= 4:
        times = [t for (t,) in insertion_sort([(h[0],) for h in hits], key=by_time)]
        end, begin = times[n // 4], times[n - n // 4]
        first = [(h[1], h[4]) for h in hits if h[0] < end]
        last = [(h[1], h[4]) for h in hits if not h[0] < end and h[0] >= begin]
        ends = [light(track, dict(zip("xyz", centre(group), strict=True)))[1] for group in (first, last)]
        separation = ends[1] - ends[0]
    return {
        "avg_dom_dist_q_tot_dom": total(h[1] * h[2] for h in hits) / q if q > 0 else NAN,
        "empty_hits_track_length": max(b - a for a, b in itertools.pairwise(along)) if n > 1 else NAN,
        "track_hits_separation_length": separation,
        "track_hits_distribution_smoothness": smoothness(along),
    }


def i3cuts(event, sensors, track, window):
    doms = by_dom(event, sensors)
    residuals, along = [], []
    for key, pulses in doms.items():
        _, place_, arrival, _, _ = light(track, sensors[key])
        residuals += [t - track["time"] - arrival for t, _ in pulses]
        along += [place_ for _ in pulses]
    direct = [a for a, r in zip(along, residuals, strict=True) if window[0] < r < window[1]]
    return {
        "Nchan": len(doms),
        "Nhit": len(along),
        "N_1hit": sum(len(p) == 1 for p in doms.values()),
        "Nstring": len({key >> 16 for key in doms}),
        "Nearly": sum(r < window[0] for r in residuals),
        "Ndir": len(direct),
        "Nlate": sum(r > window[1] for r in residuals),
        "Ldir": max(direct) - min(direct) if direct else NAN,
        "Sdir": smoothness(direct),
        "Sall": smoothness(along),
        **{f"cog_{c}": v for c, v in zip("xyz", charge_centre(doms, sensors), strict=True)},
    }


def charge_centre(doms, sensors):
    weights = [(sensors[k], sum(q for _, q in p if math.isfinite(q))) for k, p in doms.items()]
    total = sum(q for _, q in weights) or 1.0
    return [sum(q * s[c] for s, q in weights) / total for c in "xyz"]
