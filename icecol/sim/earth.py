"""The Earth that neutrinos cross: matter on the way to the detector, and how many of them it lets through.

Densities are those of the Preliminary Reference Earth Model (Dziewonski and Anderson, Phys. Earth Planet. Inter. 25
(1981) 297) with bedrock, ice and firn on top, as in IceCube's earthmodel-service. The detector's centre lies 1948 m
below the surface. Directions are those that a particle comes from.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol.sim import cross_sections

F64: TypeAlias = npt.NDArray[np.float64]

depth: Final = 1948.0
"""Depth of the detector's centre in m."""


class _Shell(NamedTuple):
    """A shell up to a radius in m, and the coefficients of its density (g/cm^3) in powers of r / 6371 km."""

    top: float
    density: tuple[float, ...]


shells: Final = (
    _Shell(1_221_500.0, (13.0885, 0.0, -8.8381)),
    _Shell(3_480_000.0, (12.5815, -1.2638, -3.6426, -5.5281)),
    _Shell(5_701_000.0, (7.9565, -6.4761, 5.5283, -3.0807)),
    _Shell(5_771_000.0, (5.3197, -1.4836)),
    _Shell(5_971_000.0, (11.2494, -8.0298)),
    _Shell(6_151_000.0, (7.1089, -3.8045)),
    _Shell(6_346_600.0, (2.691, 0.6924)),
    _Shell(6_356_000.0, (2.900,)),
    _Shell(6_371_324.0, (2.650,)),
    _Shell(6_373_934.0, (0.921585,)),
    _Shell(6_374_134.0, (0.762944,)),
)
tops: Final = np.array([shell.top for shell in shells])
surface: Final = shells[-1].top
centre: Final = surface - depth
"""Distance of the detector's centre from that of the Earth in m."""

_nodes, _node_weights = np.polynomial.legendre.leggauss(10)


def density(radius: npt.ArrayLike) -> F64:
    """Return the density in g/cm^3 at distances from the centre of the Earth in m; 0 above the surface.

    >>> density([0.0, centre, 7e6])
    array([13.0885  ,  0.921585,  0.      ])
    """
    r = np.asarray(radius, float)
    which = np.searchsorted(tops, r, side="right")
    x = r / 6.371e6
    of_shells = [np.polynomial.polynomial.polyval(x, shell.density) for shell in shells]
    return np.select([which == i for i in range(len(shells))], of_shells, 0.0)


def crossings(x: F64, y: F64, z: F64, zenith: F64, azimuth: F64) -> tuple[F64, F64]:
    """Return where rays from points towards (zenith, azimuth) cross the tops of shells, and where they leave the Earth.

    Distances in m; the first has shape (n, 2 * shells + 2) and rises from 0 to the second: what lies behind a point, or
    is not crossed, stands at one of the ends. Points above the surface leave at 0.
    """
    px, py, pz = x[:, None], y[:, None], z[:, None] + centre
    s, a = zenith[:, None], azimuth[:, None]
    along = px * np.sin(s) * np.cos(a) + py * np.sin(s) * np.sin(a) + pz * np.cos(s)
    r2 = px * px + py * py + pz * pz
    half = np.sqrt(np.maximum(tops**2 - (r2 - along * along), 0.0))
    leaves = np.where(r2[:, 0] < surface**2, (half - along)[:, -1], 0.0)
    every = np.concatenate([-along - half, half - along], axis=1)
    inside = np.clip(every, 0.0, leaves[:, None])
    ends = np.zeros((x.size, 1)), leaves[:, None]
    return np.sort(np.concatenate([inside, *ends], axis=1), axis=1), leaves


def column(x: F64, y: F64, z: F64, zenith: F64, azimuth: F64) -> F64:
    """Return the matter in g/cm^2 between points (m, detector coordinates) and the surface, towards (zenith, azimuth).

    >>> at, up = np.zeros(2), np.array([0.0, np.pi])
    >>> [f"{g:.4g}" for g in column(at, at, at, up, at)]
    ['1.764e+05', '1.095e+10']
    """
    edges, _ = crossings(x, y, z, zenith, azimuth)
    low, size = edges[:, :-1, None], np.diff(edges)[:, :, None]
    s = low + size * (_nodes + 1) / 2
    radius = _radius(x, y, z, zenith, azimuth, s)
    return np.asarray((density(radius) * size * _node_weights / 2).sum(axis=(1, 2)) * 100)


def _radius(x: F64, y: F64, z: F64, zenith: F64, azimuth: F64, s: F64) -> F64:
    """Return the distance from the centre of the Earth, `s` (n, ...) m from n points towards (zenith, azimuth)."""
    more = (slice(None), *[None] * (s.ndim - 1))
    px, py, pz, t, a = (v[more] for v in (x, y, z + centre, zenith, azimuth))
    ux, uy, uz = np.sin(t) * np.cos(a), np.sin(t) * np.sin(a), np.cos(t)
    return np.sqrt((px + s * ux) ** 2 + (py + s * uy) ** 2 + (pz + s * uz) ** 2)


@cache
def _central() -> tuple[F64, F64]:
    """Return sines of elevation, and the columns from there to the detector's centre."""
    # finer where the matter changes fast: at the horizon, and where the line of sight enters a shell
    turns = np.sqrt(1 - (np.minimum(tops, centre) / centre) ** 2)
    near = np.concatenate([-turns[:, None] + np.linspace(-1, 1, 81) ** 3 * 0.02, [np.zeros(81)]]).ravel()
    c = np.unique(
        np.clip(np.concatenate([np.linspace(-1, 1, 4001), np.linspace(-0.05, 0.05, 2001), near]), -1, 1)
    )
    zero = np.zeros(c.size)
    return c, column(zero, zero, zero, np.arccos(c), zero)


def transmission(energy: npt.ArrayLike, cos_zenith: npt.ArrayLike, pdg_encoding: npt.ArrayLike) -> F64:
    """Return the probability that a neutrino crosses the Earth to the detector's centre without an interaction.

    Every interaction counts as a loss: neutrinos that neutral currents, or decays of taus, give back at lower energies
    are left out.

    Parameters
    ----------
    energy
        Energies in GeV.
    cos_zenith
        Cosines of the zenith angle that it comes from.
    pdg_encoding
        PDG codes.

    Examples
    --------
    >>> transmission(1e5, [-1.0, -0.5, 0.5], 14).round(3)
    array([0.152, 0.644, 1.   ])
    """
    found = central_column(cos_zenith)
    return np.asarray(np.exp(-found * cross_sections.avogadro * cross_sections.total(energy, pdg_encoding)))


def central_column(cos_zenith: npt.ArrayLike) -> F64:
    """Return the matter in g/cm^2 between the surface and the detector's centre, interpolated within 0.03 %."""
    return np.asarray(np.interp(np.asarray(cos_zenith, float), *_central()))


def along(x: F64, y: F64, z: F64, zenith: F64, azimuth: F64, matter: F64) -> tuple[F64, F64]:
    """Go from points towards (zenith, azimuth) until there is that much matter (g/cm^2) between, or the surface.

    Returns the distance in m and the matter crossed, for ways that stay above the Earth's mantle: density is that of
    ice, firn, or bedrock, which is constant in each.
    """
    edges, _ = crossings(x, y, z, zenith, azimuth)
    size = np.diff(edges)
    middle = edges[:, :-1] + size / 2
    rho = density(_radius(x, y, z, zenith, azimuth, middle))
    part = rho * size * 100
    sums = np.concatenate([np.zeros((x.size, 1)), np.cumsum(part, axis=1)], axis=1)
    wanted = np.minimum(matter, sums[:, -1])
    k = np.clip((sums[:, 1:] < wanted[:, None]).sum(axis=1), 0, size.shape[1] - 1)
    at = np.arange(x.size)
    fraction = np.where(
        part[at, k] > 0, (wanted - sums[at, k]) / np.where(part[at, k] > 0, part[at, k], 1), 0.0
    )
    return edges[at, k] + fraction * size[at, k], wanted


def mass() -> float:
    """Return the mass of the Earth in g, as a check of the densities.

    >>> round(mass() / 1e27, 3)
    5.978
    """
    edges = np.concatenate([[0.0], tops])
    low, size = edges[:-1, None], np.diff(edges)[:, None]
    r = low + size * (_nodes + 1) / 2
    return float((density(r) * r * r * size * _node_weights / 2).sum() * 4 * math.pi * 1e6)
