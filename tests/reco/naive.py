"""The kernels once more, slow and obvious: plain Python over dictionaries, written to be believed.

An event is a list of (time, charge, omkey); sensors are {omkey: row of the geometry as a dictionary}. Sums run in the
order of IceTray's map, sensor by sensor, so that results can be asked to be equal.
"""

from __future__ import annotations

import math

import numpy as np

NAN = math.nan
SPEED_OF_FIT = ("LFVel", "LFVelX", "LFVelY", "LFVelZ")


def by_dom(event, sensors=None):
    """Group into {omkey: [(time, charge), ...]}, in order of omkey, without unknown sensors."""
    doms = {}
    for time, charge, key in event:
        if sensors is None or key in sensors:
            doms.setdefault(key, []).append((time, charge))
    return dict(sorted(doms.items()))


def div(a, b):
    with np.errstate(all="ignore"):
        return float(np.float64(a) / np.float64(b))


def total(values):
    s = 0.0
    for v in values:
        s += v
    return s


def charge(event):
    doms = by_dom(event)
    qs = [total(q for _, q in pulses) for pulses in doms.values()]
    brightest = [q for q in qs if not math.isnan(q)]
    times = [t for pulses in doms.values() for t, q in pulses if math.isfinite(q) and not math.isnan(t)]
    return {
        "total": total(q for pulses in doms.values() for _, q in pulses),
        "n_pulses": len(event),
        "n_hit_doms": len(doms),
        "n_hit_strings": len({key >> 16 for key in doms}),
        "n_hit_doms_one_pulse": sum(len(p) == 1 for p in doms.values()),
        "q_max_doms": max(brightest) if brightest else NAN,
        "min_pulse_time": min(times) if times else NAN,
        "max_pulse_time": max(times) if times else NAN,
    }


def qtot(event, sensors, vertex_time=None):
    doms = {}
    for key, pulses in by_dom(event, sensors).items():
        s = sensors[key]
        if s["calibrated"] and not s["relative_efficiency"] > 1.1 and key >> 16 not in (79, 80):
            inside = [q for t, q in pulses if vertex_time is None or vertex_time <= t < vertex_time + 5000]
            doms[key] = total(inside)
    first = total(q for q in doms.values() if q < math.inf)
    return {"value": total(q for q in doms.values() if q < first / 2)}


def direction(v):
    size = math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    if math.isnan(size):
        return None
    zenith = math.pi - (math.acos(min(max(v[2] / size, -1.0), 1.0)) if size else 0.0)
    phi = math.atan2(v[1], v[0]) if v[0] or v[1] else 0.0
    azimuth = (phi + 2 * math.pi if phi < 0 else phi) + math.pi
    return zenith, azimuth - 2 * math.pi if azimuth >= 2 * math.pi else azimuth


def failed(status):
    nothing = dict.fromkeys(("x", "y", "z", "time", "zenith", "azimuth", "speed"), NAN)
    return {**nothing, "fit_status": status, **dict.fromkeys(SPEED_OF_FIT), "NHits": None}


def linefit(event, sensors, *, first_only=False, power=0.0, min_hits=2):
    hits = []
    for key, pulses in by_dom(event, sensors).items():
        weight = pulses[0][1] ** power if power else 1.0
        for t, _ in pulses[:1] if first_only else pulses:
            if not math.isnan(t):
                hits.append((weight, t, [sensors[key][c] for c in "xyz"]))
    if len(hits) < min_hits:
        return failed(20)
    w = total(h[0] for h in hits)
    t = div(total(a * t for a, t, _ in hits), w)
    tt = div(total(a * t * t for a, t, _ in hits), w)
    if tt == t * t:
        return failed(30)
    r = [div(total(a * p[c] for a, _, p in hits), w) for c in range(3)]
    rt = [div(total(a * p[c] * t for a, t, p in hits), w) for c in range(3)]
    v = [div(rt[c] - r[c] * t, tt - t * t) for c in range(3)]
    vv = v[0] * v[0] + v[1] * v[1] + v[2] * v[2]
    if vv <= 0:
        return failed(10)
    zenith, azimuth = direction(v) or (NAN, NAN)
    speed = math.sqrt(vv)
    fit = dict(zip("xyz", r, strict=True)) | {"time": t, "zenith": zenith, "azimuth": azimuth, "speed": speed}
    return fit | {"fit_status": 0} | dict(zip(SPEED_OF_FIT, (speed, *v), strict=True)) | {"NHits": len(hits)}


def flat(doms):
    return [(t, q, key) for key, pulses in doms.items() for t, q in pulses]


def improved_linefit(event, sensors, *, interval=None, min_doms=2):
    event = flat(by_dom(event, sensors))
    place = {key: [s[c] for c in "xyz"] for key, s in sensors.items()}
    if interval is None:
        event = delay_cleaning(event, place, min_doms)
    else:
        event = interval_cleaning(event, place, interval, min_doms)
    event = debiasing(event, place, huber_fit(event, place, min_doms), min_doms)
    return linefit(event, sensors)


def distance(a, b):
    return math.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2)


def unless_few_doms(cleaned, event, min_doms):
    return cleaned if len({key for _, _, key in cleaned}) >= min_doms else event


def delay_cleaning(event, place, min_doms=2):
    doms = by_dom(event)
    kept = []
    for key, pulses in doms.items():
        light = [p[0][0] for other, p in doms.items() if distance(place[key], place[other]) < 156.0]
        earliest = min((t for t in light if not math.isnan(t)), default=math.inf)
        kept += [(t, q, key) for t, q in pulses if t <= earliest + 778.0]
    return unless_few_doms(kept, event, min_doms)


def interval_cleaning(event, place, interval, min_doms):
    doms = by_dom(delay_cleaning(event, place, 0))
    begins = sorted((p[0] for p in doms.values()), key=lambda pulse: pulse[0])
    bright = max((q for _, q in begins if not math.isnan(q)), default=NAN)
    middle = next((t for t, q in begins if q == bright), NAN)
    for k in range(1, len(begins)):
        t = begins[k][0]
        if t - begins[k - 1][0] > interval:
            if middle < t:
                doms = {key: p for key, p in doms.items() if p[0][0] < t}
                break
            if middle > t:
                doms = {key: p for key, p in doms.items() if p[0][0] >= t}
    return unless_few_doms(flat(doms), event, min_doms)


def huber_fit(event, place, min_doms=2):
    if len({key for _, _, key in event}) < min_doms:
        return None
    n = len(event)
    times = [t for t, _, _ in event if not math.isnan(t)]
    t0 = min(times) if times else math.inf
    dt = [t - t0 for t, _, _ in event]
    r = [place[key] for _, _, key in event]
    z = [list(p) for p in r]
    d = [[0.0, 0.0, 0.0] for _ in r]
    m1, m2 = total(dt) / n, total(t * t for t in dt) / n
    var = m2 - m1 * m1
    for _ in range(300):
        s = [total(z[i][c] + d[i][c] for i in range(n)) / n for c in range(3)]
        q = [total(dt[i] * (z[i][c] + d[i][c]) for i in range(n)) / n for c in range(3)]
        r0 = [div(m2 * s[c] - m1 * q[c], var) for c in range(3)]
        v = [div(q[c] - m1 * s[c], var) for c in range(3)]
        off = 0.0
        for i in range(n):
            line = [r0[c] + v[c] * dt[i] for c in range(3)]
            delta = [1.5 * line[c] + (1 - 1.5) * z[i][c] - d[i][c] - r[i][c] for c in range(3)]
            size = math.sqrt(total(x * x for x in delta))
            f = 0.5 if size <= 2 * 153.0 else 1 - 153.0 / size
            new = [r[i][c] + f * delta[c] for c in range(3)]
            for c in range(3):
                d[i][c] += (1 - 1.5) * (new[c] - z[i][c]) - (line[c] - new[c])
            z[i] = new
            gap = math.sqrt(total((line[c] - new[c]) ** 2 for c in range(3)))
            off = max(off, gap)
        if off <= 0.1:
            break
    return r0, t0, v


def debiasing(event, place, seed, min_doms=2):
    if seed is None or direction(seed[2]) is None:
        return event
    r0, t0, v = seed
    zenith, azimuth = direction(v)
    speed = math.sqrt(v[0] ** 2 + v[1] ** 2 + v[2] ** 2)
    u = (-math.sin(zenith) * math.cos(azimuth), -math.sin(zenith) * math.sin(azimuth), -math.cos(zenith))
    kept = []
    for t, q, key in event:
        there = [r0[c] + u[c] * speed * (t - t0) for c in range(3)]
        if distance(there, place[key]) <= 116.0:
            kept.append((t, q, key))
    return unless_few_doms(kept, event, min_doms)


def tensor_of_inertia(event, sensors, *, min_hits=3, power=1.0, small_as_one=False):
    doms = by_dom(event, sensors)
    if len(doms) < min_hits:
        nothing = dict.fromkeys(("x", "y", "z", "time", "zenith", "azimuth"), NAN)
        return {**nothing, "fit_status": 20, **dict.fromkeys(("mineval", "evalratio", "eval2", "eval3"))}
    event = flat(doms)
    t = np.array([p[0] for p in event])
    q = np.array([p[1] for p in event])
    r = np.array([[sensors[p[2]][c] for c in "xyz"] for p in event])
    finite = np.where(np.isfinite(q), q, 0.0)
    seen = np.where(finite >= 2.0, finite, 1.0) if small_as_one else finite
    with np.errstate(all="ignore"):
        mass = (seen if small_as_one else q) ** power
    by = finite.sum() or 1.0
    centre = (finite[:, None] * r).sum(0) / by
    time = div((finite * t).sum(), finite.sum()) if np.isfinite(q).all() else NAN
    d = r - centre
    w = np.where(np.isfinite(mass), mass, 0.0)
    tensor = sum(
        (w[i] * (d[i] @ d[i] * np.eye(3) - np.outer(d[i], d[i])) for i in range(len(d))), np.zeros((3, 3))
    ) / (seen.sum() or 1.0)
    values, vectors = np.linalg.eigh(tensor)
    axis = vectors[:, 0]
    p, u = d @ axis, mass**2
    slope = (u.sum() or 1.0) * (u * t * p).sum() - (u * p).sum() * (u * t).sum()
    if slope < 0:
        axis = -axis
    zenith, azimuth = direction(axis) or (NAN, NAN)
    return {
        **dict(zip("xyz", centre, strict=True)), "time": time, "zenith": zenith, "azimuth": azimuth, "fit_status": 0,
        "mineval": values[0], "evalratio": values[0] / values.sum() if values.sum() else 0.0,
        "eval2": values[1], "eval3": values[2],
    }  # fmt: skip
