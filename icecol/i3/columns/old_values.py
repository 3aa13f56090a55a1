"""Values whose meaning changed between class versions, brought to today's meaning.

Only columns are changed: a decoded object keeps what is stored, so that it can be written back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from icecol.i3.classes import CLASSES
from icecol.i3.columns.interpreter import Columns

_LOSSES: Final = (1001, 1002, 1003, 1004, 1005, 1006, 2100, 2101, 2201)

RDMC: Final[dict[int, int]] = {
    -100: 0, 1: 22, 2: -11, 3: 11, 4: -2000000004, 5: -13, 6: 13, 7: 111, 8: 211, 9: -211, 11: 321, 12: -321,
    14: 2212, 15: -2212, 33: -15, 34: 15, 41: -2000000041, 201: 12, 202: 14, 203: 16, 204: -12, 205: -14, 206: -16,
    **{code: -2000000000 - code for code in _LOSSES},
    **{
        3000 + z: 1_000_000_000 + 10_000 * z + 10 * a
        for z, a in zip(
            range(2, 27),
            (4, 7, 9, 11, 12, 14, 16, 19, 20, 23, 24, 27, 28, 31, 32, 35, 40, 39, 40, 45, 48, 51, 52, 55, 56),
            strict=True,
        )
    },
}  # fmt: skip
"""PDG codes of the particle codes in I3Particle versions 0 to 2."""

CORSIKA: Final[dict[int, int]] = {
    1: 22, 2: -11, 3: 11, 5: -13, 6: 13, 7: 111, 8: 211, 9: -211, 10: 130, 11: 321, 12: -321, 13: 2112, 14: 2212,
    15: -2212, 16: 310, 17: 221, 18: 3122, 19: 3222, 20: 3212, 21: 3112, 22: 3322, 23: 3312, 24: 3334, 25: -2112,
    26: -3122, 27: -3222, 28: -3212, 29: -3112, 30: -3322, 31: -3312, 32: -3334, 35: 411, 36: -411, 37: 421,
    38: -421, 39: 431, 40: -431, 41: 4122, 42: 24, 43: -24, 44: 23, 66: 12, 67: -12, 68: 14, 69: -14, 131: -15,
    132: 15, 133: 16, 134: -16,
    **{
        code: -2000000000 - abs(code)
        for code in (9900, -4, -41, *(-n for n in _LOSSES), -1111, -9131, -9132, -9500, -9501)
    },
}  # fmt: skip
"""PDG codes of the particle codes in I3Particle versions 3 and 4, nuclei (100 A + Z) left out."""


def pdg_encoding(codes: npt.NDArray[np.int32], version: int) -> npt.NDArray[np.int32]:
    """Translate particle codes as stored in an I3Particle of some version; codes that are not known become 0."""
    if version >= 5:
        return codes
    table = RDMC if version <= 2 else CORSIKA
    known, index = np.unique(codes, return_inverse=True)
    new = [table.get(code, _nucleus(code) if version > 2 else 0) for code in known.tolist()]
    return np.array(new, np.int32)[index].reshape(codes.shape)


def _nucleus(code: int) -> int:
    mass, charge = divmod(code, 100)
    return 1_000_000_000 + 10_000 * charge + 10 * mass if 200 <= code < 9900 and 0 < charge <= mass else 0


def modern(columns: Columns) -> Columns:
    """Bring the columns of old class versions to today's meaning: particle codes, units of time."""
    program = columns.program

    def version(name: str) -> int:
        return program.version if program.name == name else program.versions.get(name, CLASSES[name].version)

    changed: dict[int, npt.NDArray[Any]] = {}
    for i, leaf in enumerate(program.leaves):
        end = leaf.name.rpartition("_")[2]
        if leaf.name.endswith("pdg_encoding") and version("I3Particle") < 5:
            changed[i] = pdg_encoding(columns.values[i].view(np.int32), version("I3Particle"))
        elif program.name == "I3TriggerHierarchy" and end in {"time", "length"} and version("I3Trigger") < 1:
            changed[i] = columns.values[i].view(np.float64) * 0.1
        elif program.name == "I3MMCTrackList" and end in {"ti", "tf", "tc"} and version("I3MMCTrack") < 1:
            changed[i] = columns.values[i].view(np.float64) * 1e9
    if not changed:
        return columns
    return replace(columns, values=[changed.get(i, v) for i, v in enumerate(columns.values)])
