"""What a class becomes in Python, read off its layout: kind, members, enumerations."""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from typing import Any, Final

import numpy as np

from icecol.i3.archive.arrays import DTYPES
from icecol.i3.archive.keys import KEYS
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import Custom, Enum, Field, Map
from icecol.i3.classes.old_values import change_of
from icecol.i3.classes.own import per_class
from icecol.i3.classes.particle import PUBLIC


def is_base(field: Field) -> bool:
    """Return whether a field is a base class."""
    return not field.name and isinstance(field.type, str) and field.type in CLASSES


@per_class
def member_names(name: str) -> tuple[str, ...]:
    """List the members of a class and of its bases, over all versions, each once."""
    names: dict[str, None] = {}
    for field in CLASSES[name].fields:
        if is_base(field):
            names.update(dict.fromkeys(member_names(str(field.type))))
        else:
            names[field.name or "value"] = None
    return tuple(names)


@per_class
def kind(name: str) -> str:
    """Return what a class becomes in Python: a key, a map, a tree, a plain value or a record."""
    if name in KEYS:
        return "key"
    own = [f for f in CLASSES[name].fields if not is_base(f)]
    if own and all(not f.name for f in own):
        if isinstance(own[0].type, Map):
            return "map"
        if all(isinstance(f.type, Custom) and f.type.codec.startswith("tree") for f in own):
            return "tree"
        if len(own) == len(CLASSES[name].fields):
            return "value"
    return "record"


@per_class
def is_frame_object(name: str) -> bool:
    """Return whether objects of a class can be in a frame: they have the base I3FrameObject and are not abstract."""
    layout = CLASSES[name]
    return layout.tracked and not layout.abstract and _has_base(name) and name != "I3FrameObject"


def _has_base(name: str) -> bool:
    first = CLASSES[name].at(CLASSES[name].version)[:1]
    return name == "I3FrameObject" or any(is_base(f) and _has_base(str(f.type)) for f in first)


class Member(IntEnum):
    """A member of an enumeration."""

    def __reduce_ex__(self, _protocol: Any) -> Any:
        return _restore_member, (_ENUMS[type(self)], int(self))


_ENUMS: Final[dict[type[Member], Enum]] = {}


def _restore_member(of: Enum, value: int) -> IntEnum:
    return enumeration(of)(value)


@cache
def enumeration(of: Enum) -> type[IntEnum]:
    """Return the Python enumeration for one in a layout."""
    if of in PUBLIC:
        return PUBLIC[of]
    made: type[Member] = Member(of.name.rpartition(":")[2], dict(of.values))  # type: ignore[assignment, arg-type, call-arg]
    _ENUMS[made] = of
    return made


@cache
def members_of(of: Enum) -> dict[int, IntEnum]:
    """Map numbers to enumeration members; other numbers stay as they are."""
    return {int(member): member for member in enumeration(of)} if of.values else {}


@per_class
def plain(name: str, version: int) -> tuple[np.dtype[Any], int] | None:
    """Return the dtype of a class that consists of numbers, and the number of its empty bases; None for others."""
    if kind(name) != "record" or change_of(name, version) is not None:
        return None
    members: list[tuple[str, str]] = []
    bases = 0
    for field in CLASSES[name].at(version):
        if is_base(field):
            if field.type != "I3FrameObject" or members:
                return None
            bases += 1
        elif isinstance(field.type, Enum):
            members.append((field.name, "<i4"))
        elif isinstance(field.type, str) and field.type in DTYPES:
            members.append((field.name, DTYPES[field.type]))
        else:
            return None
    return (np.dtype(members), bases) if members else None
