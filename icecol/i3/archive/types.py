"""What reading and writing of blobs share: numbers for types, usual headers, the steps of a class."""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final

import numpy as np

from icecol.i3.archive.arrays import CODES
from icecol.i3.archive.fixed_size import Header
from icecol.i3.archive.kinds import is_base, members_of, plain
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import Custom, Enum, Map, Pointer
from icecol.i3.classes.own import per_class

U32: Final = struct.Struct("<I")
U64: Final = struct.Struct("<Q")
I32: Final = struct.Struct("<i")
I16: Final = struct.Struct("<h")

SLOTS: Final[dict[Any, int]] = {}
TYPES: Final[list[Any]] = []


def slot_of(of: Any) -> int:
    """Give a type a number, so that readers and writers look it up quickly."""
    if of not in SLOTS:
        SLOTS[of] = len(TYPES)
        TYPES.append(of)
    return SLOTS[of]


@per_class
def usual(of: Any) -> tuple[int, int]:
    """Return tracking and version that are written for a type."""
    if isinstance(of, str) and of in CLASSES:
        return int(CLASSES[of].tracked), CLASSES[of].version
    return (0, 1) if isinstance(of, Pointer) and of.shared else (0, 0)


@per_class
def usual_of(slot: int) -> Header:
    """Return tracking and version that are written for a type, by its number."""
    return usual(TYPES[slot])


ROOT: Final = Pointer("I3FrameObject", derived=("I3FrameObject",))
ROOT_SLOT: Final = slot_of(ROOT)


class OpaqueError(Exception):
    """The layout of a part of an object is unknown."""


@per_class
def steps_of(name: str, version: int) -> tuple[tuple[Any, ...], ...]:
    """Divide the members of a class version into steps.

    A step is (struct, names, enumerations) for a run of numbers, or (None, name, type), with the name None for a
    base.
    """
    steps: list[tuple[Any, ...]] = []
    run: list[tuple[str, str, dict[int, IntEnum] | None]] = []

    def close() -> None:
        if run:
            codes, names, enums = zip(*run, strict=True)
            steps.append((struct.Struct("<" + "".join(codes)), names, enums if any(enums) else None))
            run.clear()

    for field in CLASSES[name].at(version):
        if isinstance(field.type, Enum):
            run.append(("i", field.name or "value", members_of(field.type)))
        elif isinstance(field.type, str) and field.type in CODES:
            run.append((CODES[field.type], field.name or "value", None))
        else:
            close()
            steps.append((None, None if is_base(field) else field.name or "value", field.type))
    close()
    return tuple(steps)


@per_class
def block_of(name: str, version: int, tracked: int) -> tuple[np.dtype[Any], np.dtype[Any], int] | None:
    """Return dtype with and without object ids of a class of numbers, and the ids of each instance."""
    found = plain(name, version)
    if found is None:
        return None
    dtype, bases = found
    ids = [(f"#{i}", "<u4") for i in range(tracked + bases)]
    return np.dtype([*ids, *((m, dtype[m]) for m in dtype.names or ())]), dtype, len(ids)


def pair_slot(of: Map) -> int:
    """Return the number of the pairs of a map."""
    return slot_of(("const", of.key, of.value))


CODECS: Final[dict[str, Callable[[Custom], tuple[Any, Any]]]] = {}
"""Reader and writer of each layout that needs code, by its name; `codecs` fills it."""
