"""How the particles of simulated events were thrown, in the names that IceCube's neutrino generator uses.

A neutrino has `I3MCWeightDict`, which simweights and `icecol.weight` read as one of neutrino-generator. A muon has
`MuonWeightDict` with the same names (`PrimaryType` for `PrimaryNeutrinoType`, ...), as it is no neutrino and its
surface is a disk. In both, a flux (GeV^-1 cm^-2 s^-1 sr^-1) times `OneWeight` divided by `NEvents` is a rate in Hz.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from icecol.sim import particles, primary

if TYPE_CHECKING:
    from icecol.sim.columns import F64, Truth

KEYS: Final = {particles.MUON: "MuonWeightDict", particles.CASCADE: "I3MCWeightDict"}
"""Frame key of the weights of each kind of event."""


def weights(truth: Truth, settings: Mapping[str, Any]) -> dict[int, dict[str, F64]]:
    """Return the columns of the weights of each kind of event, with a value for every event, whatever its kind."""
    t, s = truth, settings
    low, high = s["energy"]
    upper = math.pi if s["zenith"] == "isotropic" else math.pi / 2
    everywhere = {
        "PowerLawIndex": s["index"],
        "MinEnergyLog": math.log10(low),
        "MaxEnergyLog": math.log10(high),
        "MinZenith": 0.0,
        "MaxZenith": upper,
        "MinAzimuth": 0.0,
        "MaxAzimuth": 2 * math.pi,
        "TypeWeight": 1.0,
    }
    per_area = t.one_weight * primary.energy_density(t.energy, s["energy"], s["index"])
    per_area = per_area / (2 * math.pi * (1 - math.cos(upper)))
    r, h = primary.cylinder_radius, primary.cylinder_height
    disk = math.pi * s["radius"] ** 2
    cylinder = math.pi * r**2 * np.abs(np.cos(t.zenith)) + 2 * r * h * np.sin(t.zenith)
    shapes: dict[int, tuple[str, F64 | float, dict[str, float]]] = {
        particles.MUON: ("Primary", disk, {"InjectionSurfaceR": s["radius"]}),
        particles.CASCADE: ("PrimaryNeutrino", cylinder, {"CylinderRadius": r, "CylinderHeight": h}),
    }
    return {
        kind: {
            "OneWeight": t.one_weight,
            "NEvents": t.n_events,
            "TotalWeight": per_area / (area * 1e4),
            f"{name}Energy": t.energy,
            f"{name}Zenith": t.zenith,
            f"{name}Azimuth": t.azimuth,
            f"{name}Type": t.pdg_encoding.astype(float),
            **{k: np.full(t.kind.size, float(v)) for k, v in (everywhere | shape).items()},
        }
        for kind, (name, area, shape) in shapes.items()
    }
