"""Where particles are thrown: lines through an upright cylinder around the detector, points inside it, directions."""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol.sim import cross_sections
from icecol.sim.primary import flight

F64: TypeAlias = npt.NDArray[np.float64]

HIGHEST: Final = 1700.0
"""Highest cylinder in m that is in ice alone."""


def projected(radius: float, height: float, zenith: F64) -> F64:
    """Return the area (m^2) that an upright cylinder shows to a direction."""
    return np.asarray(math.pi * radius**2 * np.abs(np.cos(zenith)) + 2 * radius * height * np.sin(zenith))


def directions(
    rng: np.random.Generator, n: int, zenith: tuple[float, float], slope: float
) -> tuple[F64, F64, F64]:
    """Draw zenith and azimuth in rad, within bounds of the zenith angle.

    The density in c = cos(zenith) is proportional to 1 + slope t, where t goes from -1 to 1 between the bounds. Also
    returns its ratio to the even one.
    """
    high, low = (math.cos(z) for z in zenith)
    u = rng.random(n)
    t = 2 * u - 1 if abs(slope) < 1e-9 else (np.sqrt((1 - slope) ** 2 + 4 * slope * u) - 1) / slope
    cosine = np.clip(low + (t + 1) / 2 * (high - low), -1, 1)
    return np.arccos(cosine), rng.random(n) * 2 * math.pi, 1 + slope * t


def entries(
    rng: np.random.Generator, zenith: F64, azimuth: F64, radius: float, height: float
) -> tuple[tuple[F64, F64, F64], F64]:
    """Draw lines that cross a cylinder, evenly over the area it shows to their direction.

    Returns the points where they enter it, and the length of the way through it, in m.
    """
    n = zenith.size
    ex, ey, ez = flight(zenith, azimuth)
    cap = math.pi * radius**2 * np.abs(ez)
    on_cap = rng.random(n) * projected(radius, height, zenith) < cap
    r, phi = radius * np.sqrt(rng.random(n)), 2 * math.pi * rng.random(n)
    # on the side: as seen from there, evenly across and along it
    across, along = radius * (2 * rng.random(n) - 1), height * (rng.random(n) - 0.5)
    depth = np.sqrt(np.maximum(radius**2 - across**2, 0.0))
    cos_a, sin_a = np.cos(azimuth), np.sin(azimuth)
    x = np.where(on_cap, r * np.cos(phi), depth * cos_a - across * sin_a)
    y = np.where(on_cap, r * np.sin(phi), depth * sin_a + across * cos_a)
    z = np.where(on_cap, -np.sign(ez) * height / 2, along)
    return (x, y, z), _way_out(x, y, z, ex, ey, ez, radius, height)


def _way_out(x: F64, y: F64, z: F64, ex: F64, ey: F64, ez: F64, radius: float, height: float) -> F64:
    with np.errstate(divide="ignore", invalid="ignore"):
        b, a, c = x * ex + y * ey, ex * ex + ey * ey, x * x + y * y - radius**2
        side = np.where(a > 0, (-b + np.sqrt(np.maximum(b * b - a * c, 0.0))) / a, np.inf)
        cap = np.where(ez != 0, (np.sign(ez) * height / 2 - z) / ez, np.inf)
    return np.maximum(np.minimum(side, cap), 0.0)


def inside(rng: np.random.Generator, n: int, radius: float, height: float) -> tuple[F64, F64, F64]:
    """Draw points evenly in a cylinder."""
    r, phi = radius * np.sqrt(rng.random(n)), 2 * math.pi * rng.random(n)
    return r * np.cos(phi), r * np.sin(phi), (rng.random(n) - 0.5) * height


def check(
    *,
    energy: tuple[float, float],
    zenith: tuple[float, float],
    zenith_slope: float = 0.0,
    radius: float,
    height: float,
) -> None:
    """Refuse ranges that are empty or that the models do not cover."""
    low, high = energy
    if not cross_sections.lowest <= low < high <= cross_sections.highest:
        msg = f"`energy` must be (low, high) in GeV with 10 <= low < high <= 1e9; found {energy}"
        raise ValueError(msg)
    if not 0 <= zenith[0] < zenith[1] <= math.pi:
        msg = f"`zenith` must be (low, high) in rad with 0 <= low < high <= pi; found {zenith}"
        raise ValueError(msg)
    if not abs(zenith_slope) <= 1:
        msg = f"`zenith_slope` must be from -1 to 1; found {zenith_slope}"
        raise ValueError(msg)
    if not (radius > 0 and 0 < height <= HIGHEST):
        msg = f"`radius` must be positive and `height` at most {HIGHEST:.0f} m; found {radius} and {height}"
        raise ValueError(msg)


def ranges_of(
    energy: tuple[float, float], index: float, zenith: tuple[float, float], radius: float, height: float
) -> dict[str, float]:
    """Return the entries of an object of weights that say where particles were thrown."""
    return {
        "PowerLawIndex": index,
        "MinEnergyLog": math.log10(energy[0]),
        "MaxEnergyLog": math.log10(energy[1]),
        "MinZenith": zenith[0],
        "MaxZenith": zenith[1],
        "MinAzimuth": 0.0,
        "MaxAzimuth": 2 * math.pi,
        "CylinderRadius": radius,
        "CylinderHeight": height,
    }
