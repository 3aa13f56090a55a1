"""How bright an event will be, roughly and at once: what decides which events are worth the simulation of their light.

Any measure would do, as an event that is kept with a probability p counts 1/p times. This one is the energy that
particles leave in and around the detector: each place counts by exp(-d / 40 m), d being its distance from the
instrumented cylinder.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol.sim import ranges
from icecol.sim.particles import CASCADE, HADRONS, MUON, Particles

F64: TypeAlias = npt.NDArray[np.float64]

radius: Final = 560.0
half_height: Final = 520.0
"""Instrumented cylinder in m."""
fading: Final = 40.0
"""Length in m over which light from outside is lost by a factor e."""
step: Final = 60.0
reach: Final = 1500.0
"""Tracks count by places that are `step` m apart, up to `reach` m from the place closest to the centre."""

dark: Final = 0.5
"""Brightness in GeV below which an event cannot trigger; its light is not simulated."""


def brightness(particles: Particles) -> F64:
    """Return the brightness of each event in GeV.

    >>> from icecol.sim.particles import one_each
    >>> at, far = np.zeros(1), np.full(1, 600.0)
    >>> brightness(one_each(CASCADE, (far, at, at), (at, at, at - 1), at + 100)).round(1)
    array([36.8])
    """
    p, n = particles, particles.offsets.size - 1
    shower = (p.kind == CASCADE) | (p.kind == HADRONS)
    found = np.where(shower, p.energy * np.exp(-_outside(p.x, p.y, p.z) / fading), 0.0)
    track = np.flatnonzero(~shower)
    x, y, z, ex, ey, ez, e, start, stop = (
        v[track, None] for v in (p.x, p.y, p.z, p.ex, p.ey, p.ez, p.energy, p.start, p.stop)
    )
    s = np.arange(-reach, reach + step / 2, step) - (x * ex + y * ey + z * ez)
    low, high = np.clip(s - step / 2, start, stop), np.clip(s + step / 2, start, stop)
    energy = np.where(p.kind[track, None] == MUON, ranges.muon_energy(e, s * ranges.ice), 0.0)
    per_length = (ranges.ionization + ranges.radiation * energy) * ranges.ice
    seen = np.exp(-_outside(x + s * ex, y + s * ey, z + s * ez) / fading)
    found[track] = (per_length * (high - low) * seen).sum(axis=1)
    event = np.repeat(np.arange(n), np.diff(p.offsets))
    return np.bincount(event, found, minlength=n).astype(float)


def _outside(x: F64, y: F64, z: F64) -> F64:
    across = np.maximum(np.hypot(x, y) - radius, 0.0)
    return np.hypot(across, np.maximum(np.abs(z) - half_height, 0.0))


def thinned(
    rng: np.random.Generator, particles: Particles, threshold: float, least: float
) -> tuple[npt.NDArray[np.bool_], F64]:
    """Keep bright events, and of dim ones a part: tell which, and how often each then counts.

    An event of brightness b is kept with the probability b / threshold, at least `least` and at most 1.
    """
    n = particles.offsets.size - 1
    u = rng.random(n)
    if least >= 1 or threshold <= 0:
        return np.ones(n, np.bool_), np.ones(n)
    p = np.clip(brightness(particles) / threshold, least, 1.0)
    return u < p, 1 / p


def check_thinning(dim: tuple[float, float]) -> None:
    """Refuse a threshold or a share that cannot be."""
    threshold, least = dim
    if not (threshold >= 0 and 0 < least <= 1 and math.isfinite(threshold)):
        msg = f"`dim` is (brightness in GeV, share in (0, 1] of dim events kept at least); found {dim}"
        raise ValueError(msg)
