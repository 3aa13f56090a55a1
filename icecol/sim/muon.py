"""Single muons through an upright cylinder, with weights for any flux of muons at the detector."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol import units
from icecol.sim import brightness, injection, primary, ranges, tree
from icecol.sim.thrown import Thrown

F64: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Muons:
    """Generator of single muons; made by `icecol.sim.muons`, which explains the members."""

    energy: tuple[float, float]
    index: float
    zenith: tuple[float, float]
    zenith_slope: float
    radius: float
    height: float
    dim: tuple[float, float]

    key = "MuonWeightDict"

    @property
    def settings(self) -> dict[str, Any]:
        """Name and arguments of the function that made it."""
        return {"generator": "muons", **asdict(self)}

    def throw(self, rng: np.random.Generator, n: int) -> Thrown:
        """Throw `n` muons."""
        energy, density = primary.power_law(rng, n, self.energy, self.index)
        zenith, azimuth, evenness = injection.directions(rng, n, self.zenith, self.zenith_slope)
        (x, y, z), _ = injection.entries(rng, zenith, azimuth, self.radius, self.height)
        e = primary.flight(zenith, azimuth)
        ones = np.ones(n, np.int64)
        made = tree.Tree(
            np.arange(n + 1),
            parent=-ones,
            pdg_encoding=13 * ones,
            shape=tree.INFINITE_TRACK * ones,
            x=x,
            y=y,
            z=z,
            time=(x * e[0] + y * e[1] + z * e[2]) / units.c,
            zenith=zenith,
            azimuth=azimuth,
            energy=energy,
            length=ranges.muon_range(energy) / ranges.ice,
        )
        keep, thinning = brightness.thinned(rng, made.particles(), *self.dim)
        high, low = (math.cos(angle) for angle in self.zenith)
        area = injection.projected(self.radius, self.height, zenith)
        weight = thinning / evenness
        weights: dict[str, F64] = {
            "PrimaryType": np.full(n, 13.0),
            "PrimaryEnergy": energy,
            "PrimaryZenith": zenith,
            "PrimaryAzimuth": azimuth,
            "DirectionWeight": 1 / evenness,
            "BiasWeight": thinning,
            "TotalWeight": weight,
            "OneWeight": weight * area * 1e4 * 2 * math.pi * (high - low) / density,
            **{
                name: np.full(n, value)
                for name, value in {
                    "TypeWeight": 1.0,
                    **injection.ranges_of(self.energy, self.index, self.zenith, self.radius, self.height),
                }.items()
            },
        }
        return Thrown(made, made, weights, np.arange(n)).only(keep)


def muons(
    *,
    energy: tuple[float, float] = (1e2, 1e6),
    index: float = 2.0,
    zenith: tuple[float, float] = (0.0, math.pi),
    zenith_slope: float = 0.0,
    radius: float = 700.0,
    height: float = 1300.0,
    dim: tuple[float, float] = (0.0, 1.0),
) -> Muons:
    """Describe how single muons are thrown; `generate` and `simulate` do it.

    `MuonWeightDict` has the names of neutrino-generator's weights, with `Primary` for `PrimaryNeutrino`:
    `icecol.weight.generation` weights them for any flux of muons at the cylinder.

    Parameters
    ----------
    energy, index
        Range of the energy in GeV where a muon enters the cylinder, and spectral index of the power law E^-index.
    zenith, zenith_slope, dim
        As for `neutrinos`.
    radius, height
        Upright cylinder around the detector's centre in m, evenly over whose projected area they are thrown.

    Returns
    -------
    Muons
        A generator.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> import icecol as ic
    >>> made = ic.sim.generate(ic.sim.muons(energy=(1e3, 1e5)), 20, seed=1)
    >>> set(made.truth.pdg_encoding.tolist())
    {13}
    """
    injection.check(energy=energy, zenith=zenith, zenith_slope=zenith_slope, radius=radius, height=height)
    brightness.check_thinning(dim)
    return Muons(
        (float(energy[0]), float(energy[1])), float(index), (float(zenith[0]), float(zenith[1])),
        float(zenith_slope), float(radius), float(height), (float(dim[0]), float(dim[1])),
    )  # fmt: skip
