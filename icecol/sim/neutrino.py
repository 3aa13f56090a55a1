"""Neutrinos that interact in or near the detector, with the weight of neutrino-generator.

A neutrino is thrown along a line through an upright cylinder, evenly over the area that the cylinder shows to its
direction, and made to interact: anywhere on its way through the cylinder and, where its muon (or tau) could still come
to the cylinder, before it, evenly per matter. Or it is thrown evenly over the cylinder's volume. Either way

    TotalWeight = N_A sigma X exp(-N_A sigma X_E)

is the probability of an interaction in the matter X in which it was placed, after the matter X_E of the Earth before.
With the area A that the cylinder shows, OneWeight = TotalWeight A solid angle / density of the energy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol import units
from icecol.sim import brightness, cross_sections, earth, injection, interactions, primary, ranges, tree
from icecol.sim.interactions import CC, GR, LEPTON, NC
from icecol.sim.thrown import Thrown

F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]
Flavor: TypeAlias = Literal["nue", "numu", "nutau"]
Current: TypeAlias = Literal["CC", "NC", "GR"]

FLAVORS: Final = {"nue": 12, "numu": 14, "nutau": 16}
CHANNELS: Final = {"CC": CC, "NC": NC, "GR": GR}
TAU_LENGTHS: Final = 5.0
"""Mean lengths of a tau's track before the cylinder in which it is made: it comes from further in 7 of 1000 cases."""


@dataclass(frozen=True, slots=True)
class Neutrinos:
    """Generator of neutrinos; made by `icecol.sim.neutrinos`, which explains the members."""

    flavor: Flavor
    energy: tuple[float, float]
    index: float
    zenith: tuple[float, float]
    zenith_slope: float
    radius: float
    height: float
    volume: bool
    interactions: tuple[Current, ...]
    dim: tuple[float, float]

    key = "I3MCWeightDict"

    @property
    def settings(self) -> dict[str, Any]:
        """Name and arguments of the function that made it."""
        return {"generator": "neutrinos", **asdict(self)}

    def throw(self, rng: np.random.Generator, n: int) -> Thrown:
        """Throw `n` neutrinos and antineutrinos, in equal numbers on average."""
        energy, density = primary.power_law(rng, n, self.energy, self.index)
        zenith, azimuth, evenness = injection.directions(rng, n, self.zenith, self.zenith_slope)
        pdg = np.where(rng.random(n) < 0.5, 1, -1) * FLAVORS[self.flavor]
        sigmas, channel = self._channels(rng, energy, pdg)
        sigma = sigmas.sum(axis=0)
        total = cross_sections.total(energy, pdg)
        area = injection.projected(self.radius, self.height, zenith)
        e = primary.flight(zenith, azimuth)
        if self.volume:
            vertex = injection.inside(rng, n, self.radius, self.height)
            entry, before = vertex, np.zeros(n)
            matter = math.pi * self.radius**2 * self.height / area * ranges.ice * 100
            longest = np.zeros(n)
        else:
            entry, chord = injection.entries(rng, zenith, azimuth, self.radius, self.height)
            longest = self._reach(energy, channel) * 100
            longest = earth.along(*entry, zenith, azimuth, longest)[1]
            own = chord * ranges.ice * 100
            matter = own + longest
            place = rng.random(n) * matter  # from the end of the cylinder against the flight
            before = np.maximum(place - own, 0.0)
            back = earth.along(*entry, zenith, azimuth, before)[0]
            way = np.where(before > 0, -back, chord * (1 - np.minimum(place / own, 1)))
            vertex = (entry[0] + way * e[0], entry[1] + way * e[1], entry[2] + way * e[2])
        passed = np.maximum(earth.central_column(np.cos(zenith)) - before, 0.0)
        propagation = np.exp(-cross_sections.avogadro * total * passed)
        interaction = cross_sections.avogadro * sigma * matter
        direction = 1 / evenness

        time = _nearest(vertex, e) / units.c
        present, columns, y = interactions.interact(rng, pdg, energy, channel, vertex, -time, zenith, azimuth)
        muon = np.abs(columns["pdg_encoding"]) == 13
        columns["length"] = np.where(
            muon, ranges.muon_range(columns["energy"]) / ranges.ice, columns["length"]
        )
        made = tree.of_slots(present, columns)
        # a muon from before the cylinder enters it with what is left of its energy
        far = (before > 0) & muon[:, LEPTON]
        columns = dict(columns)
        for name, to in zip("xyz", entry, strict=True):
            columns[name] = _replaced(columns[name], far, to)
        left = ranges.muon_energy(columns["energy"][:, LEPTON], before / 100)
        columns["time"] = _replaced(columns["time"], far, -_nearest(entry, e) / units.c)
        columns["energy"] = _replaced(columns["energy"], far, left)
        columns["length"] = _replaced(columns["length"], far, ranges.muon_range(left) / ranges.ice)
        near = tree.of_slots(present, columns)

        keep, thinning = brightness.thinned(rng, near.particles(), *self.dim)
        weight = interaction * propagation * direction * thinning
        high, low = (math.cos(z) for z in self.zenith)
        everywhere = {
            "TypeWeight": 0.5,
            **injection.ranges_of(self.energy, self.index, self.zenith, self.radius, self.height),
        }
        weights: dict[str, F64] = {
            "PrimaryNeutrinoType": pdg.astype(float),
            "PrimaryNeutrinoEnergy": energy,
            "PrimaryNeutrinoZenith": zenith,
            "PrimaryNeutrinoAzimuth": azimuth,
            "InteractionType": channel.astype(float),
            "BjorkenY": y,
            "InteractionXsectionCGS": sigmas[channel - 1, np.arange(n)],
            "TotalXsectionCGS": total,
            "TotalColumnDepth": matter,
            "RangeInMeter": longest / 100,
            "InteractionProbabilityWeight": interaction,
            "PropagationWeight": propagation,
            "DirectionWeight": direction,
            "BiasWeight": thinning,
            "TotalWeight": weight,
            "OneWeight": weight * area * 1e4 * 2 * math.pi * (high - low) / density,
            **{name: np.full(n, value) for name, value in everywhere.items()},
        }
        return Thrown(made, near, weights, np.arange(n)).only(keep)

    def _channels(self, rng: np.random.Generator, energy: F64, pdg: I64) -> tuple[F64, I64]:
        """Return the cross sections of the interactions asked for, shape (3, n), and draw one for each neutrino."""
        functions = (cross_sections.charged_current, cross_sections.neutral_current, cross_sections.glashow)
        wanted = [CHANNELS[name] for name in self.interactions]
        sigmas = np.stack([f(energy, pdg) * (k in wanted) for k, f in enumerate(functions, start=1)])
        sums = np.cumsum(sigmas, axis=0)
        return sigmas, 1 + np.minimum((rng.random(energy.size) * sums[-1] >= sums).sum(axis=0), 2)

    def _reach(self, energy: F64, channel: I64) -> F64:
        """Return how far before the cylinder, in m of water, an interaction can be seen in it."""
        if self.flavor == "numu":
            return np.where(channel == CC, ranges.muon_range(energy), 0.0)
        if self.flavor == "nutau":
            return np.where(channel == CC, TAU_LENGTHS * energy * interactions.tau_length * ranges.ice, 0.0)
        return np.zeros(energy.size)


def _replaced(values: F64, where: npt.NDArray[np.bool_], by: F64) -> F64:
    """Return columns with those of leptons replaced in some events."""
    out = values.copy()
    out[where, LEPTON] = by[where]
    return out


def _nearest(at: tuple[F64, F64, F64], e: tuple[F64, F64, F64]) -> F64:
    """Return how far it is (m) from points along directions to the place closest to the detector's centre."""
    return np.asarray(-sum(p * v for p, v in zip(at, e, strict=True)))


def neutrinos(
    flavor: Flavor,
    *,
    energy: tuple[float, float] = (1e2, 1e7),
    index: float = 2.0,
    zenith: tuple[float, float] = (0.0, math.pi),
    zenith_slope: float = 0.0,
    radius: float = 750.0,
    height: float = 1500.0,
    volume: bool = False,
    interactions: Sequence[Current] = ("CC", "NC", "GR"),
    dim: tuple[float, float] = (0.0, 1.0),
) -> Neutrinos:
    """Describe how neutrinos and antineutrinos of a flavor are thrown; `generate` and `simulate` do it.

    Weights have the names and meaning of those of neutrino-generator, `I3MCWeightDict`; they include the absorption in
    the Earth. A muon neutrino's muon may come from outside the cylinder, from as far as it goes.

    Parameters
    ----------
    flavor
        `nue`, `numu` or `nutau`.
    energy, index
        Energy range in GeV, within 10 and 10^9, and spectral index of the power law E^-index.
    zenith
        Range of the zenith angle in rad, within 0 (from above) and pi.
    zenith_slope
        Throw more from above (up to 1) or below (down to -1): the density in the cosine of the zenith angle is linear.
    radius, height
        Upright cylinder around the detector's centre in m, at most 1700 m high. Only what enters it, or starts in it,
        is generated: at least 150 m should lie between its surface and the strings.
    volume
        Throw interactions evenly over the cylinder, instead of along lines through it: none then starts outside.
    interactions
        Some of `CC`, `NC` and `GR`; the last is the W resonance of electron antineutrinos.
    dim
        (brightness in GeV, least share): events that will leave less energy in the detector than the first are kept
        only in part, in proportion to that energy, and at least a share. Weights make up for it.

    Returns
    -------
    Neutrinos
        A generator.

    Raises
    ------
    ValueError
        If a name is unknown or a number out of its range.

    Examples
    --------
    >>> import icecol as ic
    >>> made = ic.sim.generate(ic.sim.neutrinos("nue", energy=(1e4, 1e6)), 30, seed=1)
    >>> sorted(set(made.truth.pdg_encoding.tolist()))
    [-12, 12]
    """
    if flavor not in FLAVORS:
        msg = f"`flavor` must be one of {', '.join(map(repr, FLAVORS))}; found {flavor!r}"
        raise ValueError(msg)
    unknown = [name for name in interactions if name not in CHANNELS]
    if unknown or not interactions or (flavor != "nue" and set(interactions) == {"GR"}):
        known = ", ".join(map(repr, CHANNELS))
        msg = f"`interactions` must be some of {known}, GR for 'nue' only; found {interactions!r}"
        raise ValueError(msg)
    injection.check(energy=energy, zenith=zenith, zenith_slope=zenith_slope, radius=radius, height=height)
    brightness.check_thinning(dim)
    return Neutrinos(
        flavor, (float(energy[0]), float(energy[1])), float(index), (float(zenith[0]), float(zenith[1])),
        float(zenith_slope), float(radius), float(height), bool(volume), tuple(interactions),
        (float(dim[0]), float(dim[1])),
    )  # fmt: skip
