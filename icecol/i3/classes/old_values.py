"""Members whose meaning changed between class versions, and how stored values become today's.

IceTray brings them up to date as it reads: particle codes become PDG codes, times get today's unit. icecol does the
same, for objects (`icecol.i3.archive`) and columns (`icecol.i3.columns`) alike, by the table here. Sources: the `load`
and `serialize` functions of the classes in IceTray.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Values: TypeAlias = Mapping[str, npt.NDArray[Any]]
"""Values of members by name; a member that a version does not have is missing."""
Translate: TypeAlias = Callable[[int, Values], Values]
"""From the values in one class version to the same members in another meaning."""


@dataclass(frozen=True, slots=True)
class Change:
    """Members that meant something else before a class version, with the way there and back."""

    before: int
    members: tuple[str, ...]
    today: Translate
    stored: Translate


def _each(
    today: Callable[[int, npt.NDArray[Any]], npt.NDArray[Any]],
    stored: Callable[[int, npt.NDArray[Any]], npt.NDArray[Any]],
    before: int,
    *members: str,
) -> Change:
    """Describe members that change independently of each other."""
    return Change(
        before,
        members,
        lambda version, values: {m: today(version, v) for m, v in values.items()},
        lambda version, values: {m: stored(version, v) for m, v in values.items()},
    )


def _scaled(factor: float, before: int, *members: str) -> Change:
    """Describe members that were stored in another unit."""
    return _each(lambda _, v: v * factor, lambda _, v: v / factor, before, *members)


def _coded(codes: Mapping[int, int], other: int, other_code: int, before: int, *members: str) -> Change:
    """Describe members with other codes; those that are not in the table are `other`, which is `other_code` there."""
    back = {new: old for old, new in codes.items()}
    return _each(
        lambda _, v: _by_value(v, lambda code: codes.get(code, other)),
        lambda _, v: _by_value(v, lambda code: back.get(code, other_code)),
        before,
        *members,
    )


def _by_value(values: npt.NDArray[Any], function: Callable[[int], int]) -> npt.NDArray[Any]:
    """Apply a function to each distinct value."""
    known, index = np.unique(values, return_inverse=True)
    return np.array([function(v) for v in known.tolist()], values.dtype)[index].reshape(values.shape)


# -- particles ------------------------------------------------------------------------------------------------------

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
    132: 15, 133: 16, 134: -16, 9900: 2000009900,
    **{
        code: -2000000000 - abs(code)
        for code in (-4, -41, *(-n for n in _LOSSES), -1111, -9131, -9132, -9500, -9501)
    },
}  # fmt: skip
"""PDG codes of the particle codes in I3Particle versions 3 and 4, nuclei (100 A + Z) left out."""

_PDG: Final = {2: {pdg: code for code, pdg in RDMC.items()}, 4: {pdg: code for code, pdg in CORSIKA.items()}}


def _pdg_encoding(version: int, values: Values) -> Values:
    def pdg(code: int) -> int:
        return RDMC.get(code, 0) if version <= 2 else CORSIKA.get(code, _nucleus(code))

    return {member: _by_value(codes, pdg) for member, codes in values.items()}


def _nucleus(code: int) -> int:
    mass, charge = divmod(code, 100)
    return 1_000_000_000 + 10_000 * charge + 10 * mass if 200 <= code < 9900 and 0 < charge <= mass else 0


def _old_code(version: int, values: Values) -> Values:
    def old(pdg: int) -> int:
        if version <= 2:
            return _PDG[2].get(pdg, -100)
        z, a = pdg // 10_000 % 1000, pdg // 10 % 1000
        return _PDG[4].get(pdg, 100 * a + z if 1_000_000_000 < pdg < 1_100_000_000 else 0)

    return {member: _by_value(codes, old) for member, codes in values.items()}


# -- settings of DOMs -------------------------------------------------------------------------------------------------

_VOLT: Final = 1e-9
_AMPLIFIED: Final = 9.6 * (1 + 2200 / 249)
_GAIN: Final = {"spe_threshold": 1.0, "mpe_threshold": 10.0}


def _settings(_: int, values: Values) -> Values:
    """Turn voltages back into the settings (DAC) that they were computed from."""
    with np.errstate(all="ignore"):
        pedestal = values["fe_pedestal"] / _VOLT
        thresholds = {
            m: 1024 / 5 * (v / _VOLT / _GAIN[m] * _AMPLIFIED + pedestal)
            for m, v in values.items()
            if m in _GAIN
        }
        return {**thresholds, "fe_pedestal": 4096 * pedestal / 5}


def _voltages(_: int, values: Values) -> Values:
    with np.errstate(all="ignore"):
        pedestal = values["fe_pedestal"] * 5 / 4096
        thresholds = {
            m: (v * 5 / 1024 - pedestal) / _AMPLIFIED * _GAIN[m] * _VOLT
            for m, v in values.items()
            if m in _GAIN
        }
        return {**thresholds, "fe_pedestal": pedestal * _VOLT}


CHANGES: Final[Mapping[str, Change]] = {
    "I3Particle": Change(5, ("pdg_encoding",), _pdg_encoding, _old_code),
    "I3Trigger": _scaled(0.1, 1, "time", "length"),
    "I3MMCTrack": _scaled(1e9, 1, "ti", "tf", "tc"),
    "I3TopRecoPlaneFitParams": _scaled(1e9, 1, "DeltaT"),
    "I3DOMStatus": Change(5, ("spe_threshold", "mpe_threshold", "fe_pedestal"), _settings, _voltages),
    "I3Waveform": _each(lambda _, v: v // 10 & 7, lambda _, v: (v & 7) * 10, 3, "source"),
    "I3Waveform::StatusCompound": _coded({0: 0, 10: 2, 20: 4}, 4, 20, 3, "status"),
}
"""By class: what changed."""


def change_of(name: str, version: int) -> Change | None:
    """Return what changed since a class version; None if nothing did."""
    change = CHANGES.get(name)
    return change if change is not None and version < change.before else None
