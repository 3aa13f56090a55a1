"""The likelihood of a point source for many events and scrambled skies, compiled."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from icecol.jit.cache import kept
from icecol.stats import draws

Floats = npt.NDArray[np.float64]


@kept(error_model="numpy")
def spatial(ra: Floats, dec: Floats, sigma: Floats, source_ra: float, source_dec: float, out: Floats) -> None:
    """Fill the von Mises-Fisher density of each event around the source, per steradian; its κ is 1/sigma²."""
    for i in range(ra.size):
        kappa = 1.0 / (sigma[i] * sigma[i])
        up, across = 0.5 * (dec[i] - source_dec), 0.5 * (ra[i] - source_ra)
        # half of 1 - cos of the distance, by the haversine: exact for small distances
        near = math.sin(up) ** 2 + math.cos(dec[i]) * math.cos(source_dec) * math.sin(across) ** 2
        out[i] = kappa / (2.0 * math.pi * -math.expm1(-2.0 * kappa)) * math.exp(-2.0 * kappa * near)


@kept(error_model="numpy")
def signal_events(ratio: Floats) -> tuple[float, float]:
    """Return the number of signal events of largest likelihood, from 0 to all, and twice its ln L ratio to none.

    The slope Σ (r - 1)/(n + s (r - 1)) falls with s, so that its zero is bisected until Newton's method holds.
    """
    n = float(ratio.size)
    low, high, s = 0.0, n * (1.0 - 1e-12), 0.0
    for step in range(200):
        slope, curvature = 0.0, 0.0
        for i in range(ratio.size):
            excess = ratio[i] - 1.0
            term = excess / (n + s * excess)
            slope += term
            curvature += term * term
        if step == 0 and slope <= 0.0:
            return 0.0, 0.0
        if slope > 0.0:
            low = s
        else:
            high = s
        newton = s + slope / curvature
        following = newton if low < newton < high else 0.5 * (low + high)
        done = abs(following - s) < 1e-10 * n
        s = following
        if done:
            break
    log = 0.0
    for i in range(ratio.size):
        log += math.log1p(s / n * (ratio[i] - 1.0))
    return s, max(0.0, 2.0 * log)


@kept(error_model="numpy")
def best_index(space: Floats, background: Floats, energy: Floats) -> tuple[float, int, float]:
    """Return number of signal events, number of the index, and test statistic, the largest over all indices."""
    events, index, best = 0.0, 0, 0.0
    ratio = np.empty(space.size)
    for j in range(energy.shape[0]):
        for i in range(space.size):
            ratio[i] = space[i] / background[i] * energy[j, i]
        s, q = signal_events(ratio)
        if q > best:
            events, index, best = s, j, q
    return events, index, best


@kept(error_model="numpy")
def scrambled(
    seed: int,
    first: int,
    dec: Floats,
    sigma: Floats,
    background: Floats,
    energy: Floats,
    source_ra: float,
    source_dec: float,
    q: Floats,
    unused: Floats,  # noqa: ARG001
) -> None:
    """Fill the test statistics of skies whose events have random right ascensions."""
    stream, ra, space = np.empty(8, np.uint64), np.empty(dec.size), np.empty(dec.size)
    for t in range(q.size):
        draws.start(stream, seed, first + t)
        for i in range(dec.size):
            ra[i] = 2.0 * math.pi * draws.uniform(stream)
        spatial(ra, dec, sigma, source_ra, source_dec, space)
        q[t] = best_index(space, background, energy)[2]
