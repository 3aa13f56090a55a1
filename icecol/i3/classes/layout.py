"""The language in which class layouts are written down, as data.

A layout is a `Class`: a name, the version that is written, and its fields in the order of serialisation, each
with a type and the class versions that have it. Decoding, encoding, flattening into columns and the coverage
table are all read off these tables (see `icecol.i3.classes`).

A type is a string or one of the small classes below. The strings are the arithmetic types
`bool u8 i8 u16 i16 u32 i32 u64 i64 f32 f64`, `str`, and the name of any `Class`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

ARITHMETIC: Final = {
    "bool": 1, "u8": 1, "i8": 1, "u16": 2, "i16": 2, "u32": 4, "i32": 4, "u64": 8, "i64": 8, "f32": 4, "f64": 8,
}  # fmt: skip
"""Size in bytes of each arithmetic type."""


@dataclass(frozen=True, slots=True)
class Enum:
    """An enumeration: an i32 in the file, whatever C++ declared."""

    name: str
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Vector:
    """std::vector, list or set: a size and the elements (a header first, unless they are arithmetic)."""

    of: Type


@dataclass(frozen=True, slots=True)
class RawPairs:
    """std::vector of pairs of two arithmetic types: a header, a size and one raw block."""

    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Map:
    """std::map: a header, a size and pairs (each kind of pair has a header of its own) in key order."""

    key: Type
    value: Type


@dataclass(frozen=True, slots=True)
class Pair:
    """std::pair: a header and the two values."""

    first: Type
    second: Type


@dataclass(frozen=True, slots=True)
class CArray:
    """A C array: its length as a size at every nesting level, no header."""

    of: Type
    n: int


@dataclass(frozen=True, slots=True)
class Pointer:
    """boost::shared_ptr or scoped_ptr to `to`; `derived` names the classes a polymorphic one may point to."""

    to: str
    shared: bool = True
    derived: tuple[str, ...] = ()
    abstract: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """boost::variant: a header, an i32 telling which, and that alternative."""

    of: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Custom:
    """A layout that needs code: `codec` names it in `icecol.i3.archive`."""

    codec: str
    of: str = ""


Type: TypeAlias = str | Enum | Vector | RawPairs | Map | Pair | CArray | Pointer | Variant | Custom


@dataclass(frozen=True, slots=True)
class Field:
    """One member: `since` is the first class version that has it, `until` the first that no longer has it.

    The name is IceTray's own. An empty name is a base class, or the value itself of a container that is the
    whole object. `flat` is what goes in front of the member names of a nested class when it becomes columns:
    by default the field's name and an underscore. `default` is the value of a new object where IceTray's constructor
    sets another than zero, NaN, nothing or the first member of an enumeration: a number, a text, a tuple for a list, or
    a function that gives a value to each object.
    """

    name: str
    type: Type
    unit: str = ""
    doc: str = ""
    since: int = 0
    until: int = 1 << 30
    flat: str | None = None
    default: float | str | tuple[Any, ...] | Callable[[], Any] | None = None


@dataclass(frozen=True, slots=True)
class Class:
    """The layout of one class. `tracked` objects carry an object id; `version` is the newest, which is written.

    An `abstract` class is only the base of others: IceTray has no objects of it.
    """

    name: str
    version: int
    fields: tuple[Field, ...]
    tracked: bool = True
    doc: str = ""
    abstract: bool = False

    def at(self, version: int) -> tuple[Field, ...]:
        """Return the fields of one class version."""
        return tuple(f for f in self.fields if f.since <= version < f.until)


BASE: Final = Field("", "I3FrameObject")
"""The base that most classes serialise first: no data, an object id."""


def frame_object(name: str, version: int, *fields: Field, doc: str = "", abstract: bool = False) -> Class:
    """Make the layout of a class whose first member is its base I3FrameObject."""
    return Class(name, version, (BASE, *fields), doc=doc, abstract=abstract)
