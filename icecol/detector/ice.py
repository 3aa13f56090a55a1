"""The South Pole's ice: scattering and absorption by depth, and what a DOM in its refrozen hole sees of each direction.

The layers are those of SPICE Lea at 400 nm, in means over 20 m: IceCube's fit to its flashers (arXiv:1301.5361, in the
version of 2014). The layers are taken as horizontal, and the ice as the same in all directions.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol.detector.medium import surface

F64: TypeAlias = npt.NDArray[np.float64]

TOP: Final = 1293.47
"""Depth in m at which the first layer begins."""
HEIGHT: Final = 20.0
"""Height of a layer in m."""

# effective scattering length and absorption length, in m
_LENGTHS: Final = (
    (7.5, 32), (6.1, 26), (6.7, 28), (13.7, 56), (12.9, 51), (14.1, 52), (18.8, 63), (15.5, 62),
    (20.1, 66), (28.9, 112), (35.3, 141), (19.4, 74), (14.9, 47), (15.2, 59), (18.0, 55), (25.6, 89),
    (17.8, 70), (30.9, 116), (40.7, 171), (36.2, 168), (27.3, 86), (19.4, 74), (20.5, 77), (27.5, 103),
    (33.8, 124), (40.3, 139), (37.5, 111), (25.7, 113), (22.7, 76), (30.8, 109), (42.2, 143), (43.8, 177),
    (25.5, 117), (21.7, 75), (11.0, 38), (10.7, 39), (9.4, 36), (6.6, 26), (8.5, 30), (19.5, 55),
    (48.4, 194), (31.2, 124), (51.1, 157), (37.0, 103), (30.0, 105), (33.8, 95), (44.0, 166), (52.0, 156),
    (61.8, 182), (68.6, 236), (72.1, 271), (66.0, 211), (35.8, 118), (29.6, 105), (36.3, 138), (55.4, 189),
    (58.9, 192), (62.8, 199), (74.1, 255), (74.9, 254), (51.7, 181), (39.7, 161), (26.5, 85), (24.7, 92),
    (27.5, 136), (45.6, 149),
)  # fmt: skip

ACCEPTANCE: Final = (
    0.32813, 0.63899, 0.20049, -1.2250, -0.14470, 4.1695, 0.76898, -5.8690, -2.0939, 2.3834, 1.0435,
)  # fmt: skip
"""Sensitivity, relative to light head-on in clear ice, as a polynomial in the cosine between the light and the axis.

1 is light that comes head-on. IceCube's model of a refrozen hole with an effective scattering length of 50 cm.
"""


class Layers(NamedTuple):
    """Layers of ice, one below the other; what lies above and below is as the first and the last."""

    top: float
    """z of the upper end, in m."""
    height: float
    """Height of each, in m."""
    scattering: F64
    absorption: F64
    """Effective scattering and absorption coefficients in 1/m."""


def south_pole() -> Layers:
    """Return the layers of the ice at the South Pole.

    Examples
    --------
    >>> ice = south_pole()
    >>> dust = (
    ...     ice.scattering.argmax() if ice.scattering[10:].max() < 0.1 else 10 + ice.scattering[10:].argmax()
    ... )
    >>> round(surface - ice.top + (dust + 0.5) * ice.height), round(1 / float(ice.scattering[dust]), 1)
    (2043, 6.6)
    """
    scattering, absorption = 1 / np.array(_LENGTHS, float).T
    return Layers(surface - TOP, HEIGHT, np.ascontiguousarray(scattering), np.ascontiguousarray(absorption))


def acceptance_moments(degree: int = 5) -> F64:
    """Return the first Legendre coefficients of `ACCEPTANCE`; the first is its mean over all directions.

    Examples
    --------
    >>> float(acceptance_moments()[0].round(4))
    0.3381
    """
    return np.asarray(np.polynomial.legendre.poly2leg(ACCEPTANCE)[: degree + 1], float)
