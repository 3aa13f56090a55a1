"""Optical constants of the ice: refractive indices, speed of light, Cherenkov angle (IceTray's I3Constants)."""

from __future__ import annotations

import math
from typing import Final

from icecol.units import c

n_ice_phase: Final = 1.3195
n_ice_group: Final = 1.35634
c_ice: Final = c / n_ice_group
"""Group velocity of light in ice, in m/ns."""
theta_cherenkov: Final = math.acos(1 / n_ice_phase)
"""Cherenkov angle in ice, in rad (40.7 degrees)."""
