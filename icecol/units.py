"""Units: a number without a unit is in ns, m, GeV, rad or PE, as in IceTray."""

from __future__ import annotations

import math
from typing import Final

__all__ = [
    "GeV",
    "PeV",
    "TeV",
    "c",
    "deg",
    "km",
    "m",
    "ns",
    "rad",
    "s",
    "us",
]


def __dir__() -> list[str]:
    return __all__


ns: Final = 1.0
us: Final = 1e3
s: Final = 1e9
m: Final = 1.0
km: Final = 1e3
GeV: Final = 1.0
TeV: Final = 1e3
PeV: Final = 1e6
rad: Final = 1.0
deg: Final = math.pi / 180

c: Final = 0.299792458
"""Speed of light in m/ns."""
