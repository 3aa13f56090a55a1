"""What IceTray takes for the same features, where it was measured: IceTray cannot run beside icecol everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SOURCE: Final = (
    "IceTray 1.18 with the physics modules of 2020, 500 simulated muons of 60 pulses, one core, 2026-11-30; "
    "not run here"
)
MICROSECONDS: Final[Mapping[str, tuple[float, str]]] = {
    "linefit": (4.9, "bare"),
    "improved_linefit": (36.0, "bare"),
    "common_variables": (24.0, "bare calculators"),
    "tensor_of_inertia": (44.0, "module"),
    "clast": (190.0, "module"),
    "dipole_fit": (45.0, "module"),
    "hese_veto": (224.0, "module"),
    "seeded_rt": (5010.0, "module"),
    "classic_rt": (940.0, "module"),
    "cramer_rao": (95.0, "module"),
    "fill_ratio": (2180.0, "module"),
    "spe_fit": (1570.0, "simplex"),
    "spe_fit, BFGS": (1570.0, "simplex"),
    "spe_fit, 2 more directions": (6400.0, "simplex"),
    "mpe_fit": (4100.0, "simplex"),
    "mpe_fit, BFGS": (4100.0, "simplex"),
    "paraboloid": (13300.0, "module"),
    "cascade_fit": (1310.0, "simplex"),
    "cascade_fit, UPandel, Powell": (1030.0, "cscd-llh, Powell"),
}
"""Processor time of an event, and what of IceTray it is."""
