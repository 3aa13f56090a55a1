"""Values of fixed size, read in one go: records whose members are numbers, or again such records.

Where all class headers are known, the bytes of such a value follow from its layout: object ids and numbers, and in a
value that is the first of its kind in a blob the headers themselves. One `struct` reads them all; if anything but
the numbers is not as expected, the value is read member by member like everything else.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from icecol.i3.archive.arrays import CODES
from icecol.i3.archive.keys import KEYS
from icecol.i3.archive.kinds import is_base, kind, members_of
from icecol.i3.archive.objects import record
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import Enum, Type
from icecol.i3.classes.old_values import change_of
from icecol.i3.classes.own import per_class

Header = tuple[int, int]
Build = Callable[[tuple[Any, ...]], Any]

_ID: Final = "id"
_NUMBER: Final = "number"
_BYTES: Final = "bytes"


@per_class
def fixed(of: Type) -> bool:
    """Return whether values of a type have a fixed size, at least in some version."""
    if isinstance(of, Enum):
        return True
    if not isinstance(of, str):
        return False
    if of in CODES:
        return True
    if of not in CLASSES or kind(of) in {"map", "tree"}:
        return False
    return any(all(fixed(f.type) for f in CLASSES[of].at(v)) for v in range(CLASSES[of].version + 1))


@per_class
def inside(name: str) -> tuple[str, ...]:
    """List a fixed class and all classes that may be inside it."""
    found = {name: None}
    for member in CLASSES[name].fields:
        if isinstance(member.type, str) and member.type in CLASSES and fixed(member.type):
            found |= dict.fromkeys(inside(member.type))
    return tuple(found)


@dataclass(slots=True)
class _Walk:
    """The parts of a value in file order, and the headers found so far."""

    headers: Mapping[str, Header]
    entered: set[str]
    items: list[tuple[str, Any]] = field(default_factory=list)
    n: int = 0

    def number(self, code: str) -> int:
        self.items.append((_NUMBER, code))
        self.n += 1
        return self.n - 1

    def enter(self, name: str) -> int:
        """Note header and object id; return the version."""
        tracked, version = self.headers[name]
        if version > CLASSES[name].version or version > 254 or change_of(name, version) is not None:
            raise _NotFixedError
        if name not in self.entered:
            self.entered.add(name)
            self.items.append((_BYTES, bytes((tracked, version))))
        if tracked:
            self.items.append((_ID, None))
        return version


class _NotFixedError(Exception):
    """A version has members without a fixed size, or whose meaning has changed."""


@dataclass(slots=True)
class _Members:
    """The numbers that are members, as they are or as names of an enumeration, and members made of several."""

    numbers: dict[str, int] = field(default_factory=dict)
    named: dict[str, tuple[int, dict[int, Any]]] = field(default_factory=dict)
    nested: dict[str, Build] = field(default_factory=dict)

    def put(self, name: str, value: int | tuple[int, dict[int, Any]] | Build) -> None:
        for kept in (self.numbers, self.named, self.nested):
            if name in kept:
                raise _NotFixedError  # twice in one version, which no layout has
        if isinstance(value, int):
            self.numbers[name] = value
        elif isinstance(value, tuple):
            self.named[name] = value
        else:
            self.nested[name] = value


def _value(walk: _Walk, of: Type) -> int | tuple[int, dict[int, Any]] | Build:
    if isinstance(of, Enum):
        return walk.number("i"), members_of(of)
    if isinstance(of, str) and of in CODES:
        return walk.number(CODES[of])
    if isinstance(of, str) and fixed(of):
        return _class(walk, of)
    raise _NotFixedError


def _class(walk: _Walk, name: str) -> Build:
    members = _Members()
    version = walk.enter(name)
    _fields(walk, name, version, members)
    if kind(name) == "record":
        return _make_record(name, members)
    if members.named or members.nested:
        raise _NotFixedError
    if kind(name) == "key":
        return _make_key(name, members.numbers)
    ((_, place),) = members.numbers.items() if len(members.numbers) == 1 else ((None, -1),)
    if place < 0:
        raise _NotFixedError
    return itemgetter(place)


def _fields(walk: _Walk, name: str, version: int, members: _Members) -> None:
    for member in CLASSES[name].at(version):
        if is_base(member):
            base = str(member.type)
            _fields(walk, base, walk.enter(base), members)
        else:
            members.put(member.name or "value", _value(walk, member.type))


def _make_key(name: str, places: dict[str, int]) -> Build:
    cls = KEYS[name]
    if tuple(places) != cls._fields[: len(places)] or not places:
        raise _NotFixedError
    first = next(iter(places.values()))
    if tuple(places.values()) != tuple(range(first, first + len(places))):
        raise _NotFixedError
    end = first + len(places)
    if len(places) == len(cls._fields):
        make = cls._make
        return lambda numbers: make(numbers[first:end])
    return lambda numbers: cls(*numbers[first:end])


def _make_record(name: str, members: _Members) -> Build:
    cls = record(name)
    new = cls.__new__
    names, places = tuple(members.numbers), tuple(members.numbers.values())
    named = tuple((m, i, values.get) for m, (i, values) in members.named.items())
    nested = tuple(members.nested.items())

    def make(numbers: tuple[Any, ...]) -> Any:
        obj = new(cls)
        for member, i in zip(names, places, strict=True):
            setattr(obj, member, numbers[i])
        for member, i, get in named:
            value = numbers[i]
            setattr(obj, member, get(value, value))
        for member, build in nested:
            setattr(obj, member, build(numbers))
        return obj

    return make


@dataclass(frozen=True, slots=True)
class Shape:
    """How to read a value of fixed size.

    Attributes
    ----------
    code : struct.Struct
        Gives the parts in file order.
    ids : int
        Object ids among them.
    known : function of the parts
        The headers and, in a whole blob, the ids.
    expected : tuple of bytes
        What these must be.
    numbering : function of the parts
        The ids.
    numbers : function of the parts
        The numbers.
    build : function of the numbers
        Makes the value.
    """

    code: struct.Struct
    ids: int
    known: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    expected: tuple[Any, ...]
    numbering: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    numbers: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    build: Build

    def read(self, blob: bytes) -> Any:
        """Decode a value from bytes; None if they are something else."""
        if self.code.size != len(blob):
            return None
        parts = self.code.unpack(blob)
        return self.build(self.numbers(parts)) if self.known(parts) == self.expected else None


def _pick(places: list[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    if not places:
        return lambda _: ()
    first, end = places[0], places[-1] + 1
    if places == list(range(first, end)):
        return itemgetter(slice(first, end))
    return itemgetter(*places)


def shape(
    name: str, headers: Mapping[str, Header], entered: set[str], *, opening: bytes = b"", first: int = -1
) -> Shape | None:
    """Make the shape of a class; None if a version has members without a fixed size.

    Parameters
    ----------
    name : str
    headers : mapping
        Tracking flag and version of the class and all classes inside.
    entered : set of str
        Classes whose headers stand before the value.
    opening : bytes
        Bytes before the members that are part of the shape; they enter the class itself and its first base.
    first : int
        Number of the first object id, where it is known.
    """
    walk = _Walk(headers, set(entered))
    try:
        build = _class(walk, name)
    except (_NotFixedError, KeyError):
        return None
    items = walk.items
    if opening:  # id of the object, and of its base, are in there
        if [kind for kind, _ in items[:2]] != [_ID, _ID]:
            return None
        items = [(_BYTES, opening), *items[2:]]
    parts: list[tuple[str, Any]] = []
    for what, value in items:
        literal = value if what == _BYTES else b""
        if what == _ID and first >= 0:
            literal = struct.pack("<I", first)
            first += 1
        if not literal:
            parts.append((what, value))
        elif parts and parts[-1][0] == _BYTES:
            parts[-1] = _BYTES, parts[-1][1] + literal
        else:
            parts.append((_BYTES, literal))
    codes = [value if what == _NUMBER else "I" if what == _ID else f"{len(value)}s" for what, value in parts]
    places = {
        kind: [i for i, (what, _) in enumerate(parts) if what == kind] for kind in (_ID, _NUMBER, _BYTES)
    }
    return Shape(
        struct.Struct("<" + "".join(codes)),
        len(places[_ID]),
        _pick(places[_BYTES]),
        tuple(value for what, value in parts if what == _BYTES),
        _pick(places[_ID]),
        _pick(places[_NUMBER]),
        build,
    )
