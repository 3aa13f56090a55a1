"""Groups of strings: the edge of IC86, the corners of each stage of the detector, and layers around its centre."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

EDGE: Final = (
    1, 2, 3, 4, 5, 6, 7, 13, 14, 21, 22, 30, 31, 40, 41, 50, 51, 59, 60, 67, 68, 72, 73, 74, 75, 76, 77, 78,
)  # fmt: skip
"""Outermost strings of IC86: those with fewer than six neighbours within 160 m, as VHESelfVeto counts them, and the
last layer of I3VetoModule. (String 72 has five: 64, 65, 71, 73 and 78.)"""

LOW_UP_EDGE: Final = tuple(string for string in EDGE if string != 72)
"""Outer strings of the online filter LowUp_13, whose table (I3LowUpFilter_13::Configure in filterscripts) leaves
out string 72: only for that filter, which has run with it since 2013."""

CORNERS: Final[Mapping[str, tuple[int, ...]]] = {
    "IC9": (21, 50, 59, 39, 38),
    "IC22": (21, 50, 74, 73, 78, 65, 46, 38),
    "IC40": (21, 50, 74, 73, 78, 75, 60, 52, 53, 44, 46, 38),
    "IC59": (6, 50, 74, 73, 78, 75, 60, 52, 53, 44, 36, 17, 3),
    "IC79": (2, 6, 50, 74, 73, 78, 75, 41),
    "IC80": (1, 6, 50, 80, 75, 31),
    "IC86": (1, 6, 50, 74, 73, 78, 75, 31),
}
"""Corner strings of the detector as it grew, in order around it, as I3ScaleCalculator::GetOuterStrings has them."""

LAYERS: Final[Mapping[int, tuple[tuple[int, ...], ...]]] = MappingProxyType(
    {
        40: (
            (63,),
            (39, 48, 49, 54, 55, 56, 57, 58, 61, 62, 64, 65, 66, 69, 70, 71),
            (21, 29, 30, 38, 40, 44, 45, 46, 47, 50, 52, 53, 59, 60, 67, 68, 72, 73, 74, 75, 76, 77, 78),
        ),
        59: (
            (19, 28, 37, 38, 47, 48, 56, 57, 63),
            (11, 12, 18, 20, 27, 29, 39, 46, 49, 54, 55, 58, 61, 62, 64, 65, 66, 69, 70, 71, 83),
            (2, 3, 4, 5, 6, 10, 13, 17, 21, 26, 30, 36, 40, 44, 45, 50, 52, 53, 59, 60, 67, 68, 72, 73, 74, 75, 76, 77,
             78),
        ),
        79: (
            (36,),
            (81, 82, 83, 84, 85, 86),
            (26, 27, 35, 37, 44, 45, 46, 47, 54),
            (17, 18, 19, 25, 28, 34, 38, 43, 48, 53, 55, 56, 57, 62, 63),
            (9, 10, 11, 12, 16, 20, 24, 29, 33, 39, 42, 49, 52, 58, 61, 64, 65, 66, 69, 70, 71),
            (2, 3, 4, 5, 6, 8, 13, 15, 21, 23, 30, 32, 40, 41, 50, 51, 59, 60, 67, 68, 72, 73, 74, 75, 76, 77, 78),
        ),
        86: (
            (36,),
            (79, 80, 81, 82, 83, 84, 85, 86),
            (25, 26, 27, 34, 35, 37, 44, 45, 46, 47, 54),
            (16, 17, 18, 19, 24, 28, 33, 38, 43, 48, 53, 55, 56, 57, 62, 63),
            (8, 9, 10, 11, 12, 15, 20, 23, 29, 32, 39, 42, 49, 52, 58, 61, 64, 65, 66, 69, 70, 71),
            (1, 2, 3, 4, 5, 6, 7, 13, 14, 21, 22, 30, 31, 40, 41, 50, 51, 59, 60, 67, 68, 72, 73, 74, 75, 76, 77, 78),
        ),
    }
)  # fmt: skip
"""Strings of each detector from the centre (layer 0) to the edge, as CascadeVariables' I3VetoModule counts them."""
