"""Atmospheric muons at depth: bundles of parallel muons, with their natural rate.

The parametrization is that of Becherini et al., Astropart. Phys. 25 (2006) 1 (hep-ph/0507228): the flux of bundles of
m muons, the distance of muons from the axis, and their energies, as functions of depth and zenith angle. It holds from
1.5 to 5 km of water and up to 85 degrees; the top of the detector, at 1.3 km of water, lies a little above. All muons
of a bundle are parallel and simultaneous, at most 1000, and at most 250 m from the axis.

Bundles are thrown through the surface of an upright cylinder as they come: a number n stands for n / rate seconds. Two
biases make rare ones more frequent, each with its exact weight. The multiplicity may be drawn from m^-(nu - bias). Of
half of the bundles, one muon may have its energy from a flatter power law,

    p(E) = (1 - s) prod f(E_j) + s / m sum_k q(E_k) prod_(j != k) f(E_j),

so that the weight is 1 / (1 - s + s mean(q(E_j) / f(E_j))), at most 1 / (1 - s), with s = 1/2.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol import units
from icecol.sim import brightness, earth, injection, primary, ranges, tree
from icecol.sim.thrown import Thrown

F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]

most_muons: Final = 1000
widest: Final = 250.0
"""Largest number of muons, and their largest distance (m) from the axis."""
steepest: Final = math.radians(85)
"""Largest zenith angle."""
share: Final = 0.5
"""Part of the bundles of which one muon has its energy from the flatter law, if energies are biased."""


def depth_of(z: F64) -> F64:
    """Return the depth in km of water at a height above the detector's centre in m: 200 m of firn, and ice.

    >>> depth_of(np.array([earth.depth - 1500.0])).round(4)
    array([1.3585])
    """
    return np.asarray(0.2 * 0.832 + ((earth.depth - z) / 1e3 - 0.2) * 0.917)


def slope(h: F64, cosine: F64) -> F64:
    """Return nu of the multiplicity, m^-nu."""
    return np.asarray((0.01041 * h**2 + 0.09912 * h + 2.712) * np.exp(0.01615 * np.exp(0.6010 * h) / cosine))


def single_flux(h: F64, cosine: F64) -> F64:
    """Return the flux of bundles of one muon in m^-2 s^-1 sr^-1."""
    return np.asarray(7.2e-3 * h**-1.927 * cosine * np.exp((-0.581 * h + 0.034) / cosine))


@cache
def _sums() -> tuple[F64, F64]:
    """Return exponents nu and the sums of m^-nu over all numbers of muons."""
    nu = np.linspace(1.0, 25.0, 24_001)
    m = np.arange(1, most_muons + 1)
    return nu, np.concatenate([(m ** -part[:, None]).sum(axis=1) for part in np.array_split(nu, 100)])


def sum_of_powers(nu: F64) -> F64:
    """Return the sum of m^-nu for m from 1 to 1000."""
    return np.interp(nu, *_sums())


def flux(h: F64, cosine: F64) -> F64:
    """Return the flux of bundles of any number of muons in m^-2 s^-1 sr^-1.

    >>> f"{flux(np.array([1.8170]), np.array([1.0]))[0]:.4e}"
    '9.7474e-04'
    """
    return np.asarray(single_flux(h, cosine) * sum_of_powers(slope(h, cosine)))


def radial(h: F64, zenith: F64, muons: I64) -> tuple[F64, F64]:
    """Return (R0 in m, alpha) of the distance from the axis, p(r) ~ r / (r + R0)^alpha."""
    m = np.minimum(muons, 4)
    alpha = (-0.448 * m + 4.969) * np.exp((0.0194 * m + 0.276) * h)
    mean = (-1.786 * m + 28.26) * h**-1.06 / (1 + np.exp(10.4 * (zenith - 1.3)))
    return mean * (alpha - 3) / 2, alpha


def spectrum(h: F64, zenith: F64, muons: I64, r: F64) -> tuple[F64, F64]:
    """Return (e0 in TeV, g) of the energy of a muon at the detector, (E + e0)^-g, `r` m from the axis of its bundle."""
    c = np.cos(zenith)
    m, far = np.minimum(muons, 4), np.maximum(r, 0.01)
    way = 1 - np.exp(-0.42 * h / c)
    eps_one = 0.0304 * np.exp(0.359 * h) / c - 0.0077 * h + 0.659
    g_one = -0.232 * np.log(h) + 3.961
    b = (0.0407 * m + 0.0283) * h - 0.312 * m + 6.124
    g_many = (0.0033 * h + 0.0079) * far + b * (1 - 0.5 * np.exp((0.0543 * h - 0.365) * far))
    eps_many = (-0.069 * h + 0.488) * np.exp(-0.117 * far) * zenith
    eps_many = eps_many + (-0.398 * h + 3.955) * far ** (0.012 * h - 0.35)
    one = muons == 1
    return np.where(one, eps_one, eps_many) * way, np.where(one, g_one, g_many)


def _power(u: F64, e0: F64, g: F64, low: float, high: float) -> F64:
    """Draw (E + e0)^-g between two energies, all in TeV."""
    a, b = (low + e0) ** (1 - g), (high + e0) ** (1 - g)
    return np.asarray(np.clip((a + u * (b - a)) ** (1 / (1 - g)) - e0, low, high))


def _density(e: F64, e0: F64, g: F64, low: float, high: float) -> F64:
    return np.asarray((g - 1) * (e + e0) ** -g / ((low + e0) ** (1 - g) - (high + e0) ** (1 - g)))


@cache
def _zeniths(radius: float, height: float) -> tuple[F64, F64, F64]:
    """Return edges in cos(zenith), the rate (Hz) below each, and the part of it that enters by the cap, at middles."""
    edges = np.linspace(math.cos(steepest), 1.0, 4001)
    c = (edges[1:] + edges[:-1]) / 2
    z, w = np.polynomial.legendre.leggauss(24)
    h = depth_of(z * height / 2)
    cap = math.pi * radius**2 * c * flux(depth_of(np.full(c.size, height / 2)), c)
    side = (flux(h[:, None], c[None]) * w[:, None]).sum(axis=0) / 2 * height
    side = side * 2 * radius * np.sqrt(1 - c * c)
    part = 2 * math.pi * (cap + side) * np.diff(edges)
    return edges, np.concatenate([[0.0], np.cumsum(part)]), cap / (cap + side)


def rate(radius: float, height: float) -> float:
    """Return how many bundles enter an upright cylinder around the detector's centre, in Hz.

    >>> round(rate(500.0, 1000.0))
    4392
    """
    return float(_zeniths(radius, height)[1][-1])


@dataclass(frozen=True, slots=True)
class Bundles:
    """Generator of atmospheric muons; made by `icecol.sim.bundles`, which explains the members."""

    energy: tuple[float, float]
    radius: float
    height: float
    multiplicity_bias: float
    energy_bias: float
    dim: tuple[float, float]

    key = "MuonBundleWeightDict"

    @property
    def settings(self) -> dict[str, Any]:
        """Name and arguments of the function that made it."""
        return {"generator": "bundles", **asdict(self)}

    def throw(self, rng: np.random.Generator, n: int) -> Thrown:
        """Throw `n` bundles."""
        (x, y, z), zenith, azimuth = self._axes(rng, n)
        h, c = depth_of(z), np.cos(zenith)
        muons, rarity = self._muons(rng, slope(h, c))
        bundle = np.repeat(np.arange(n), muons)
        h, zen, azi, m = h[bundle], zenith[bundle], azimuth[bundle], muons[bundle]
        r = np.where(m == 1, 0.0, _distances(rng, *radial(h, zen, m)))
        energy, faintness = self._energies(rng, *spectrum(h, zen, m, r), muons, bundle)

        phi = rng.random(r.size) * 2 * math.pi
        u, v = r * np.cos(phi), r * np.sin(phi)
        at = (
            x[bundle] + u * np.cos(zen) * np.cos(azi) - v * np.sin(azi),
            y[bundle] + u * np.cos(zen) * np.sin(azi) + v * np.cos(azi),
            z[bundle] - u * np.sin(zen),
        )
        e = primary.flight(zenith, azimuth)
        time = (x * e[0] + y * e[1] + z * e[2]) / units.c
        total = np.bincount(bundle, energy, minlength=n).astype(float)
        made = _tree(muons, bundle, (x, y, z), at, time, zenith, azimuth, energy, total)
        keep, thinning = brightness.thinned(rng, made.particles(), *self.dim)
        whole = rate(self.radius, self.height)
        weights = {
            "PrimaryZenith": zenith,
            "PrimaryAzimuth": azimuth,
            "PrimaryEnergy": total,
            "Multiplicity": muons.astype(float),
            "MultiplicityWeight": rarity,
            "EnergyWeight": faintness,
            "BiasWeight": thinning,
            "Weight": whole * rarity * faintness * thinning,
            **{
                name: np.full(n, value)
                for name, value in {
                    "TotalRate": whole,
                    "MultiplicityBias": self.multiplicity_bias,
                    "EnergyBias": self.energy_bias,
                    "MinEnergy": self.energy[0],
                    "MaxEnergy": self.energy[1],
                    "CylinderRadius": self.radius,
                    "CylinderHeight": self.height,
                }.items()
            },
        }
        return Thrown(made, made, weights, np.arange(n)).only(keep)

    def _axes(self, rng: np.random.Generator, n: int) -> tuple[tuple[F64, F64, F64], F64, F64]:
        """Draw where axes enter the cylinder, and from where they come, as often as they do."""
        edges, sums, by_cap = _zeniths(self.radius, self.height)
        place = np.interp(rng.random(n) * sums[-1], sums, np.arange(sums.size))
        cosine = np.interp(place, np.arange(edges.size), edges)
        zenith, azimuth = np.arccos(np.minimum(cosine, 1.0)), rng.random(n) * 2 * math.pi
        on_cap = rng.random(n) < by_cap[np.minimum(place.astype(np.int64), by_cap.size - 1)]
        r, phi = self.radius * np.sqrt(rng.random(n)), 2 * math.pi * rng.random(n)
        across, side = self.radius * (2 * rng.random(n) - 1), self._sides(rng, cosine)
        deep = np.sqrt(np.maximum(self.radius**2 - across**2, 0.0))
        cos_a, sin_a = np.cos(azimuth), np.sin(azimuth)
        x = np.where(on_cap, r * np.cos(phi), deep * cos_a - across * sin_a)
        y = np.where(on_cap, r * np.sin(phi), deep * sin_a + across * cos_a)
        return (x, y, np.where(on_cap, self.height / 2, side)), zenith, azimuth

    def _sides(self, rng: np.random.Generator, cosine: F64) -> F64:
        """Draw heights at which axes enter by the side, in proportion to the flux there, which falls with depth."""
        top = flux(depth_of(np.full(cosine.size, self.height / 2)), cosine)
        z = np.empty(cosine.size)
        left = np.arange(cosine.size)
        while left.size:
            tried = (rng.random(left.size) - 0.5) * self.height
            good = rng.random(left.size) * top[left] < flux(depth_of(tried), cosine[left])
            z[left[good]] = tried[good]
            left = left[~good]
        return z

    def _muons(self, rng: np.random.Generator, nu: F64) -> tuple[I64, F64]:
        """Draw numbers of muons, and return what each counts for the bias."""
        biased = nu - self.multiplicity_bias
        m = np.empty(nu.size, np.int64)
        left = np.arange(nu.size)
        while left.size:
            tried = rng.zipf(biased[left])
            good = (tried > 0) & (tried <= most_muons)
            m[left[good]] = tried[good]
            left = left[~good]
        if self.multiplicity_bias == 0:
            return m, np.ones(nu.size)
        return m, m**-self.multiplicity_bias * sum_of_powers(biased) / sum_of_powers(nu)

    def _energies(
        self, rng: np.random.Generator, e0: F64, g: F64, muons: I64, bundle: I64
    ) -> tuple[F64, F64]:
        """Draw the energies of muons in GeV, and return what each bundle counts for the bias."""
        low, high = (e / 1e3 for e in self.energy)
        u = rng.random(g.size)
        n = muons.size
        if self.energy_bias == 0:
            return _power(u, e0, g, low, high) * 1e3, np.ones(n)
        flat = np.maximum(g - self.energy_bias, 1.1)
        first = np.cumsum(muons) - muons
        chosen = first + np.minimum((rng.random(n) * muons).astype(np.int64), muons - 1)
        leading = np.zeros(g.size, np.bool_)
        leading[chosen[rng.random(n) < share]] = True
        energy = _power(u, e0, np.where(leading, flat, g), low, high)
        ratio = _density(energy, e0, flat, low, high) / _density(energy, e0, g, low, high)
        mean = np.bincount(bundle, ratio, minlength=n) / muons
        return energy * 1e3, 1 / (1 - share + share * mean)


def _distances(rng: np.random.Generator, r0: F64, alpha: F64) -> F64:
    """Draw distances from the axis: r / R0 is the ratio of two gamma variables."""
    r = np.empty(r0.size)
    left = np.arange(r0.size)
    while left.size:
        tried = r0[left] * rng.standard_gamma(2.0, left.size) / rng.standard_gamma(alpha[left] - 2)
        good = tried <= widest
        r[left[good]] = tried[good]
        left = left[~good]
    return r


def _tree(
    muons: I64, bundle: I64, axis: tuple[F64, F64, F64], at: tuple[F64, F64, F64], time: F64, zenith: F64, azimuth: F64,
    energy: F64, total: F64,
) -> tree.Tree:  # fmt: skip
    """Return a particle without a code for the bundle as a whole, and its muons."""
    n = muons.size
    offsets = np.concatenate([[0], np.cumsum(muons + 1)])
    head = offsets[:-1]
    rows = np.arange(energy.size) + bundle + 1
    size = energy.size + n

    def column(of_bundle: Any, of_muon: Any, kind: type = float) -> Any:
        out: npt.NDArray[Any] = np.empty(size, kind)
        out[head], out[rows] = of_bundle, of_muon
        return out

    return tree.Tree(
        offsets,
        parent=column(-1, 0, int),
        pdg_encoding=column(tree.UNKNOWN, 13, int),
        shape=column(tree.PRIMARY, tree.INFINITE_TRACK, int),
        x=column(axis[0], at[0]),
        y=column(axis[1], at[1]),
        z=column(axis[2], at[2]),
        time=column(time, time[bundle]),
        zenith=column(zenith, zenith[bundle]),
        azimuth=column(azimuth, azimuth[bundle]),
        energy=column(total, energy),
        length=column(np.nan, ranges.muon_range(energy) / ranges.ice),
    )


def bundles(
    *,
    energy: tuple[float, float] = (1.0, 1e6),
    radius: float = 700.0,
    height: float = 1300.0,
    multiplicity_bias: float = 0.0,
    energy_bias: float = 0.0,
    dim: tuple[float, float] = (0.0, 1.0),
) -> Bundles:
    """Describe how bundles of atmospheric muons are thrown; `generate` and `simulate` do it.

    Without biases they come as they do: n of them are those of n / rate seconds. `MuonBundleWeightDict` has `Weight`,
    the rate in Hz that an event stands for, times `NEvents`; `icecol.weight.bundles` is its expression.

    Parameters
    ----------
    energy
        Range of the energy of a muon at the cylinder in GeV. The number of bundles does not depend on it.
    radius, height
        Upright cylinder around the detector's centre in m, through whose surface they are thrown.
    multiplicity_bias
        Draw the number of muons from m^-(nu - bias), 0 to 1.5, for more of many.
    energy_bias
        Draw the energy of one muon, in half of the bundles, from a power law that is flatter by this much, 0 to 3.
    dim
        As for `neutrinos`.

    Returns
    -------
    Bundles
        A generator.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> import icecol as ic
    >>> made = ic.sim.generate(ic.sim.bundles(), 200, seed=1)
    >>> int(made.tree.energy.size) > 2 * len(made)
    True
    """
    if not 0 < energy[0] < energy[1]:
        msg = f"`energy` must be (low, high) in GeV with 0 < low < high; found {energy}"
        raise ValueError(msg)
    for name, value, most in (
        ("multiplicity_bias", multiplicity_bias, 1.5),
        ("energy_bias", energy_bias, 3.0),
    ):
        if not 0 <= value <= most:
            msg = f"`{name}` must be from 0 to {most}; found {value}"
            raise ValueError(msg)
    injection.check(energy=(1e2, 1e3), zenith=(0.0, 1.0), radius=radius, height=height)
    brightness.check_thinning(dim)
    return Bundles(
        (float(energy[0]), float(energy[1])), float(radius), float(height), float(multiplicity_bias),
        float(energy_bias), (float(dim[0]), float(dim[1])),
    )  # fmt: skip
