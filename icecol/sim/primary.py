"""Primary particles: muons and cascades, with the weight that turns a sample of them into a flux.

All arrays of `Primaries` have one value per event, in m, rad and GeV; zenith and azimuth say where the
particle comes from, as IceTray's I3Direction does.
"""

from __future__ import annotations

import math
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

F64: TypeAlias = npt.NDArray[np.float64]
Zenith: TypeAlias = Literal["isotropic", "atmospheric"]

cylinder_radius: Final = 600.0
cylinder_height: Final = 1100.0
"""Cylinder around the detector's centre in which cascades start, in m."""

nucleons: Final = 0.917 * 6.02214076e23
"""Nucleons in a cm^3 of ice."""

# Gandhi, Quigg, Reno and Sarcevic, Phys. Rev. D 58 (1998) 093009, charged current, neutrino on nucleon, in cm^2
_log_energy: Final = np.arange(1.0, 9.0)
_log_cross_section: Final = np.log10(
    [0.777e-37, 0.697e-36, 0.625e-35, 0.454e-34, 0.196e-33, 0.611e-33, 0.176e-32, 0.478e-32]
)


class Primaries(NamedTuple):
    """The particles that were generated, as columns."""

    x: F64
    y: F64
    z: F64
    zenith: F64
    azimuth: F64
    energy: F64
    one_weight: F64
    """In GeV cm^2 sr: a flux per GeV cm^2 s sr times this, divided by the number generated, is a rate in Hz."""


def cross_section(energy: npt.ArrayLike) -> F64:
    """Return the charged-current cross section of neutrinos on nucleons in cm^2 at energies in GeV.

    It is interpolated in the logarithms of the table of Gandhi et al. (1998) from 10 to 10^8 GeV, and constant beyond.
    """
    return np.asarray(10 ** np.interp(np.log10(energy), _log_energy, _log_cross_section))


def power_law(rng: np.random.Generator, n: int, energy: tuple[float, float], index: float) -> tuple[F64, F64]:
    """Draw energies from E^-index within (low, high) GeV; return them and their density in 1/GeV."""
    low, high = energy
    u = rng.random(n)
    k = 1 - index
    e = low * (high / low) ** u if k == 0 else (low**k + u * (high**k - low**k)) ** (1 / k)
    return e, energy_density(e, energy, index)


def energy_density(e: F64, energy: tuple[float, float], index: float) -> F64:
    """Return the density (1/GeV) of energies drawn from E^-index within (low, high) GeV."""
    low, high = energy
    k = 1 - index
    if k == 0:
        return 1 / (e * math.log(high / low))
    return k * e**-index / (high**k - low**k)


def directions(rng: np.random.Generator, n: int, zenith: Zenith) -> tuple[F64, F64, F64]:
    """Draw zenith and azimuth in rad; return them and their density in 1/sr.

    `isotropic` is uniform over the sphere; `atmospheric` is proportional to cos(zenith)^2 above the horizon, 0 below.
    """
    u = rng.random(n)
    azimuth = rng.random(n) * 2 * math.pi
    if zenith == "isotropic":
        return np.arccos(2 * u - 1), azimuth, np.full(n, 1 / (4 * math.pi))
    if zenith == "atmospheric":
        cosine = np.cbrt(1 - u)
        return np.arccos(cosine), azimuth, 3 * cosine**2 / (2 * math.pi)
    msg = f"`zenith` must be 'isotropic' or 'atmospheric'; found {zenith!r}"
    raise ValueError(msg)


def flight(zenith: F64, azimuth: F64) -> tuple[F64, F64, F64]:
    """Return the direction of flight, as a unit vector, of a particle from (zenith, azimuth)."""
    return -np.sin(zenith) * np.cos(azimuth), -np.sin(zenith) * np.sin(azimuth), -np.cos(zenith)


def muons(
    rng: np.random.Generator, n: int, energy: tuple[float, float], index: float, zenith: Zenith, radius: float
) -> Primaries:
    """Generate muons through a disk of `radius` m around the detector's centre, perpendicular to their direction.

    The position is where the muon crosses the disk: the point of its track that is closest to the centre.
    """
    e, density = power_law(rng, n, energy, index)
    zen, azi, solid = directions(rng, n, zenith)
    r, phi = radius * np.sqrt(rng.random(n)), rng.random(n) * 2 * math.pi
    u, v = r * np.cos(phi), r * np.sin(phi)
    # along increasing zenith and along increasing azimuth
    x = u * np.cos(zen) * np.cos(azi) - v * np.sin(azi)
    y = u * np.cos(zen) * np.sin(azi) + v * np.cos(azi)
    z = -u * np.sin(zen)
    disk = math.pi * radius**2 * 1e4
    return Primaries(x, y, z, zen, azi, e, disk / (density * solid))


def cascades(
    rng: np.random.Generator, n: int, energy: tuple[float, float], index: float, zenith: Zenith
) -> Primaries:
    """Generate charged-current interactions of electron neutrinos in a cylinder, with all energy in one cascade.

    The weight includes the interaction probability: number of nucleons in the cylinder times cross section.
    """
    e, density = power_law(rng, n, energy, index)
    zen, azi, solid = directions(rng, n, zenith)
    r, phi = cylinder_radius * np.sqrt(rng.random(n)), rng.random(n) * 2 * math.pi
    z = (rng.random(n) - 0.5) * cylinder_height
    volume = math.pi * cylinder_radius**2 * cylinder_height * 1e6
    weight = volume * nucleons * cross_section(e) / (density * solid)
    return Primaries(r * np.cos(phi), r * np.sin(phi), z, zen, azi, e, weight)
