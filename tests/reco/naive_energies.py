"""Energies of muons once more, slow and obvious (see `naive`)."""

from __future__ import annotations

import math

import numpy as np
from naive import NAN, by_dom

N_PHASE = 1.3195
SIN = math.sqrt(1 - 1 / N_PHASE**2)
PHOTONS = 2 * math.pi / 137.036 * SIN**2 * (1 / 300e-9 - 1 / 600e-9)
GEV = 4.9


def bare(d, upward, *, area=2e-3, scattering=33.29, absorption=98.0):
    """Photo-electrons of a bare track at a sensor that looks down, for light that flies with z component upward."""
    propagation = math.sqrt(scattering * absorption / 3)
    free = scattering / 3 * math.exp(scattering / absorption)
    crossover = (free / SIN * math.sqrt(2 / (math.pi * propagation))) ** 2
    path, d = d / SIN, max(d, 1.0)
    shape = math.exp(-d / propagation) / (math.sqrt(crossover * d) * math.tanh(math.sqrt(d / crossover)))
    return PHOTONS * area / (2 * math.pi * SIN) * shape * (1 + 0.7 * upward * math.exp(-path / scattering))


def along(event, sensors, track):
    """[(charge, expected of a bare track, distance, place)] of every sensor of the ice."""
    zenith, azimuth = track["zenith"], track["azimuth"]
    e = np.array(
        [-math.sin(zenith) * math.cos(azimuth), -math.sin(zenith) * math.sin(azimuth), -math.cos(zenith)]
    )
    vertex = np.array([track[c] for c in "xyz"])
    doms = by_dom(event, sensors)
    rows = []
    for key, s in sensors.items():
        if s["om"] > 60 or s["bad"]:
            continue
        r = np.array([s[c] for c in "xyz"]) - vertex
        place = float(r @ e)
        d = float(np.linalg.norm(r - place * e))
        emitted = place - d * math.sqrt(1 - SIN**2) / SIN
        light = r - emitted * e
        upward = light[2] / np.linalg.norm(light) if d > 0 else 0.0
        efficiency = s["relative_efficiency"] if not math.isnan(s["relative_efficiency"]) else 1.0
        q = sum(q for _, q in doms.get(key, []) if q > 0 and math.isfinite(q))
        rows.append((q, efficiency * bare(d, -s["dir_z"] * upward), d, place))
    return rows


def truncated(event, sensors, track):
    """Energy losses of the five ways, number of bins and of hit sensors."""
    rows = [(q, GEV * k, d, s) for q, k, d, s in along(event, sensors, track)]
    found = dict.fromkeys(("ORIG", "BINS", "AllBINS", "DOMS", "AllDOMS"), NAN)
    total = sum(r[0] for r in rows)
    if total > 0:
        found["ORIG"] = total / sum(r[1] for r in rows)
    hit = [s for q, _, d, s in rows if q > 0 and 10 <= d <= 80]
    inside = [r for r in rows if hit and min(hit) <= r[3] <= max(hit)]
    bins = {}
    for q, k, d, s in inside:
        if 10 <= d <= 80:
            b = bins.setdefault(int((s - min(hit)) / 120), [0.0, 0.0, 0.0])
            b[0] += q
            b[1] += k if q > 0 else 0
            b[2] += k
    lit = sum(b[0] > 0 for b in bins.values())
    if lit >= 3:

        def kept(which):
            ratio = {i: b[0] / b[which] if b[which] > 0 else 0.0 for i, b in bins.items()}
            return [i for i in bins if sum(r >= ratio[i] for r in ratio.values()) > 0.4 * lit]

        charge = sum(bins[i][0] for i in kept(1))
        found["BINS"] = charge / sum(bins[i][1] for i in kept(1))
        found["AllBINS"] = charge / sum(bins[i][2] for i in kept(2))
    close = [(q, k) for q, k, d, _ in inside if d <= 60]
    ratios = sorted(q / k for q, k in close if q > 0)
    if len(ratios) >= 8:
        keep = math.ceil(len(ratios) / 2)
        found["DOMS"] = sum(ratios[:keep]) / keep
        found["AllDOMS"] = sum(ratios[:keep]) / (len(close) - len(ratios) + keep)
    return found, lit, len(ratios)


def poisson(q, mu):
    return mu - q + (q * math.log(q / mu) if q > 0 else 0.0)


def skewed(q, mu):
    """-ln L of a sensor by trying all mean charges."""
    y0, step = 0.3, 1.0
    while step > 1e-12:  # 2 y = 10 exp(-10 y) at the least of y^2 + exp(-10 y)
        y0, step = (y0 - step if 2 * y0 > 10 * math.exp(-10 * y0) else y0 + step), step / 2
    y = np.linspace(-6, 20, 260_001)
    spread, least = y * y + np.exp(-10 * y), y0 * y0 + math.exp(-10 * y0)
    x = mu * np.exp(y - y0)
    worse = x - q + (q * np.log(q / x) if q > 0 else 0.0) + np.log(spread / least)
    least = worse.min()
    return 10 + (least - 10) / math.sqrt(1 + ((least - 10) / 10) ** 2) if least > 10 else least
