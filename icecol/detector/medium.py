"""The ice: refractive indices, speed of light, Cherenkov angle (IceTray's I3Constants), surface and dust layer."""

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
surface: Final = 1948.07
"""Height of the ice's surface, in m: z = surface - depth (I3Constants::zIceTop)."""
dust_layer: Final = (surface - 2100.0, surface - 2000.0)
"""Lowest and highest z of the main dust layer, in m: 2000 to 2100 m deep (NIM A 711 (2013) 73, arXiv:1301.5361)."""
