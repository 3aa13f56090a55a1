"""CLast, dipole fit, finite reco and fill ratio once more, slow and obvious (see `naive`)."""

from __future__ import annotations

import math

import numpy as np
from naive import NAN, by_dom, direction, tensor_of_inertia

from icecol.i3.pulses.std_sort import std_sort

C_ICE = 0.299792458 / 1.35634


def places(sensors, keys):
    return np.array([[sensors[k][c] for c in "xyz"] for k in keys]).reshape(-1, 3)


def clast(event, sensors, energy=(1.069, 1.842, -0.492, 0.075, 0.0, 0.0), *, option=1, power=1.0):
    fit = tensor_of_inertia(event, sensors, power=power, small_as_one=option == 0)
    if fit["fit_status"]:
        return {**fit, "energy": NAN}
    doms = by_dom(event, sensors)
    distance = np.linalg.norm(places(sensors, doms) - [fit[c] for c in "xyz"], axis=1)
    trial = np.array([p[0][0] for p in doms.values()]) - distance / C_ICE
    count, counts = 0, []
    near = np.flatnonzero(distance <= 300)
    for i in near:
        count += sum(0 <= trial[k] - trial[i] < 200 for k in near if k != i)
        counts.append(count)
    good = [t for t, n in zip(trial[near], counts, strict=True) if n >= 3]
    most = trial[near[int(np.argmax(counts))]] if counts else min(trial)
    time = min(good, default=most)
    q = sum(q for p in doms.values() for _, q in p if math.isfinite(q))
    power = sum(e * math.log10(q) ** i for i, e in enumerate(energy)) if q > 0 else NAN
    return {**fit, "time": time, "energy": 10**power}


def dipole_fit(event, sensors, *, min_hits=5, step=0, power=0.0):
    hits = [(p[0][0], p[0][1], k) for k, p in by_dom(event, sensors).items() if not math.isnan(p[0][0])]
    in_time = np.arange(len(hits))
    std_sort(in_time, np.array([hit[0] for hit in hits]), 0, len(hits))
    hits = [hits[i] for i in in_time]
    n = len(hits)
    step = step or n // 2
    failed = {"Magnet": None, "NPairs": None, "MaxAmp": None, "NHits": None}
    if n < (min_hits if min_hits >= 1 else 2) or n < step:
        return {"fit_status": 20, **failed}
    v, r, w_sum, t_sum, largest, pairs = np.zeros(3), np.zeros(3), 0.0, 0.0, 0.0, 0
    for (ta, qa, a), (tb, qb, b) in zip(hits[: n - step], hits[step:], strict=True):
        w = ((qa + qb) / 2) ** power if power > 0 else 1.0
        pa, pb = places(sensors, [a, b])
        t_sum += w * (ta + tb) / 2
        largest = max(largest, w)
        if a != b and np.linalg.norm(pb - pa):
            v += w * (pb - pa) / np.linalg.norm(pb - pa)
            r += w * (pa + pb) / 2
            w_sum += w
            pairs += 1
    if np.linalg.norm(v) <= 0 or w_sum <= 0:
        return {"fit_status": 30, **failed}
    zenith, azimuth = (NAN, NAN) if np.isnan(v).any() else direction(v) or (NAN, NAN)
    return {
        **dict(zip("xyz", r / w_sum, strict=True)), "time": t_sum / w_sum, "zenith": zenith, "azimuth": azimuth,
        "fit_status": 0, "Magnet": np.linalg.norm(v) / w_sum, "AmpSum": w_sum, "NHits": n, "NPairs": pairs,
        "MaxAmp": largest,
    }  # fmt: skip


def along(track, where):
    z, a = track["zenith"], track["azimuth"]
    e = -np.array([math.sin(z) * math.cos(a), math.sin(z) * math.sin(a), math.cos(z)])
    d = where - [track[c] for c in "xyz"]
    s = d @ e
    return e, s, np.linalg.norm(d - s[:, None] * e, axis=1)


def finite_reco(event, sensors, track, radius, shape="ContainedTrack"):
    doms = by_dom(event, sensors)
    status = track.get("fit_status") or 0
    places_of = [track[m] for m in ("x", "y", "z", "zenith", "azimuth")]
    if status or any(math.isnan(v) for v in places_of):
        return {"fit_status": status or 40, "Length": NAN, "zenith": NAN, "finiteCut": NAN, "length": NAN}
    types = any(s["om_type"] for s in sensors.values())
    ice = [k for k, s in sensors.items() if (s["om_type"] == 20 if types else s["om"] <= 60)]
    _, s, d = along(track, places(sensors, ice))
    near = s[d < radius]
    begin, end = (near.min(), near.max()) if near.size else (NAN, NAN)
    size = end - begin
    length = track.get("length", NAN)
    kept = {
        "zenith": track["zenith"],
        "azimuth": track["azimuth"],
        "length": NAN if length is None else length,
    }
    e, s, d = along(track, places(sensors, doms))
    hit = np.sort(s[d < radius])
    n = hit.size
    if not n:
        kept |= {"length": NAN} if shape == "ContainedTrack" else {}
        kept |= {"fit_status": 20, "DetectorLength": size, "finiteCut": 0.0 if doms else NAN}
        return kept | dict.fromkeys(
            ("x", "y", "z", "time", "Length", "endFraction", "startFraction", "Sdet"), NAN
        )
    if shape == "ContainedTrack":
        kept["length"] = hit[-1] - hit[0]
    at = hit[-1] if shape == "StoppingTrack" else hit[0]
    uneven = [j / n - (hit[j] - begin) / size for j in range(n)]
    return {
        **dict(zip("xyz", [track[c] for c in "xyz"] + at * e, strict=True)),
        "time": track["time"] + at / 0.299792458, "fit_status": 0, **kept, "Length": hit[-1] - hit[0],
        "endFraction": (end - hit[-1]) / size, "startFraction": (hit[0] - begin) / size,
        "Sdet": NAN if n < 3 else 0.0 if math.isnan(size) else max(uneven, key=abs),
        "finiteCut": ((hit - (begin + end) / 2) / (size / 2)).sum() / len(doms), "DetectorLength": size,
    }  # fmt: skip


def fill_ratio(event, sensors, vertex, energy, energy_scale=1.3):
    doms = {k: sum(q for _, q in p) for k, p in by_dom(event, sensors).items()}
    lit = [k for k, q in doms.items() if q]
    if not sum(doms.values()) > 0 or not lit:
        return {"mean_distance": NAN, "hit_count": None}
    distance = lambda keys: np.linalg.norm(places(sensors, keys) - vertex, axis=1)  # noqa: E731
    mean, rms = distance(lit).mean(), distance(lit).std()
    reach = lambda log: max(-0.6441 + 36.9 * log, 40.0)  # noqa: E731
    radius = {
        "fill_ratio_from_rms": 3.0 * rms,
        "fill_ratio_from_mean": 2.0 * mean,
        "fill_ratio_from_mean_plus_rms": 1.3 * (mean + rms),
        "fillratio_from_nch": 1.3 * reach(0.084 + 1.83 * math.log10(len(doms))),
        "fill_ratio_from_energy": energy_scale * reach(math.log10(energy)),
    }
    good = [k for k, s in sensors.items() if not s["bad"]]
    found = {"mean_distance": mean, "rms_distance": rms, "hit_count": len(doms)}
    for name, r in radius.items():
        inside = [k for k, d in zip(good, distance(good), strict=True) if d <= r]
        found[name] = sum(k in doms for k in inside) / len(inside) if inside else NAN
        found["edge"] = found.get("edge", False) or bool(np.isclose(distance(good), r, rtol=1e-9).any())
    # as in IceTray the radius that is told has another scale than the sphere
    found["fill_radius_from_energy"] = radius["fill_ratio_from_energy"] / energy_scale * 1.3
    return found


def fill_ratio_lite(event, sensors, vertex, scale, power):
    """Return the value, and how far the sensor or the string closest to an edge is from it."""
    doms = {k: sum(q for _, q in p) for k, p in by_dom(event, sensors).items()}
    good = [k for k, s in sensors.items() if not s["bad"]]
    lit = [k for k in good if doms.get(k, 0.0) > 0]
    if not lit:
        return NAN, math.inf
    away = dict(zip(good, np.linalg.norm(places(sensors, good) - vertex, axis=1), strict=True))
    across = dict(zip(good, np.linalg.norm((places(sensors, good) - vertex)[:, :2], axis=1), strict=True))
    weights = [doms[k] ** power for k in lit]
    radius = scale * sum(w * away[k] for w, k in zip(weights, lit, strict=True)) / sum(weights)
    head = {}
    for k in sorted(good):
        head.setdefault(k >> 16, k)
    inside = [k for k in good if across[head[k >> 16]] <= radius and away[k] <= radius]
    edge = min(abs(d - radius) for d in (*away.values(), *across.values()))
    return sum(k in doms for k in inside) / len(inside) if inside else NAN, edge
