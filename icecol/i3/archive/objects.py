"""Frame objects in Python: records, maps, trees and keys, made from the layouts in `icecol.i3.classes`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, cast

import numpy as np

from icecol.errors import FormatError, did_you_mean
from icecol.i3.archive.arrays import CODES, DTYPES, TRIGGERS, pair_dtype, table
from icecol.i3.archive.containers import Alternative, FrameMap, Tree, UnknownObject, Versions, equal
from icecol.i3.archive.keys import KEYS
from icecol.i3.archive.kinds import is_base, is_frame_object, kind, member_names, members_of, plain
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import (
    CArray,
    Class,
    Custom,
    Enum,
    Field,
    Map,
    Pair,
    RawPairs,
    Type,
    Variant,
    Vector,
)
from icecol.i3.classes.own import per_class


class Record:
    """An object with members: one subclass per layout, made by `record`.

    Members that the class version in the file did not have are None. `versions` holds, for an object read from a
    frame, what differs from the newest known versions; it is written back with these. `stored` holds, for each member
    whose meaning has changed since that version, its value as read (in today's meaning) and as stored.
    """

    __slots__ = ("stored", "versions")
    i3class: str = ""
    names: tuple[str, ...] = ()
    versions: Versions
    stored: dict[str, tuple[Any, Any]]

    def __init__(self, **values: Any) -> None:
        for name, default in defaults(self.i3class).items():
            setattr(self, name, values.pop(name) if name in values else default())
        for name in values:
            raise self._lacks(name)

    def __getattr__(self, name: str) -> Any:
        if name in {"versions", "stored"}:
            return {}
        if name in self.names:
            return None
        raise self._lacks(name)

    def _lacks(self, name: str) -> AttributeError:
        msg = f"{self.i3class} has no member {name!r}; {did_you_mean(name, self.names, 'members')}"
        return AttributeError(msg)

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.names if self._has(name))
        return f"{self.i3class}({inner})"

    def _has(self, name: str) -> bool:
        return getattr(self, name) is not None

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Record)
            and self.i3class == other.i3class
            and all(equal(getattr(self, name), getattr(other, name)) for name in self.names)
        )

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        return _restore, (
            self.i3class,
            [getattr(self, name) for name in self.names],
            self.versions,
            self.stored,
        )

    # A class with the one member `value`, an I3Vector, behaves like it.

    def __len__(self) -> int:
        return len(self._sequence())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._sequence())

    def __getitem__(self, index: Any) -> Any:
        return self._sequence()[index]

    def __bool__(self) -> bool:
        return True

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:  # noqa: FBT001
        return np.array(self._sequence(), dtype)

    def _sequence(self) -> Any:
        if self.names != ("value",) or isinstance(self.value, int | float):
            msg = f"{self.i3class} is not a sequence; it has the members {', '.join(self.names)}"
            raise TypeError(msg)
        return self.value


FrameObject = Record | FrameMap | Tree | UnknownObject


@per_class
def record(name: str) -> type[Record]:
    """Return the Python class of a layout, for making objects: members are arguments, with defaults.

    Defaults are those of IceTray's constructors: NaN for most floating-point numbers, 0 for most integers, empty for
    texts and containers.

    Raises
    ------
    FormatError
        No layout has this name, or it is a map, a tree or a key.

    Examples
    --------
    >>> particle = record("I3Particle")(energy=100.0, shape=40)
    >>> particle.dir.zenith = 1.5
    >>> particle.energy, particle.dir.zenith
    (100.0, 1.5)
    """
    if name not in CLASSES:
        msg = f"unknown class {name!r}; {did_you_mean(name, CLASSES, 'classes')}"
        raise FormatError(msg)
    if kind(name) != "record":
        msg = f"{name} is a {kind(name)}, not a record"
        raise FormatError(msg)
    return _record(CLASSES[name], member_names(name))


@cache
def _record(layout: Class, names: tuple[str, ...]) -> type[Record]:
    """Make the Python class of a layout, the same one as long as the layout is unchanged."""
    body = {"__slots__": names, "i3class": layout.name, "names": names, "__doc__": layout.doc}
    return type(layout.name, (Record,), body)


def _restore(name: str, values: list[Any], versions: Versions, stored: dict[str, tuple[Any, Any]]) -> Record:
    """Rebuild a record from its pickled state."""
    obj = record(name).__new__(record(name))
    for member, value in zip(obj.names, values, strict=True):
        if value is not None:
            setattr(obj, member, value)
    if versions:
        obj.versions = versions
    if stored:
        obj.stored = stored
    return obj


def new(name: str, *args: Any, **values: Any) -> Any:
    """Make an object of any class by name: a record from members, a map from items, a tree from nodes and depths.

    Members that are not given have the values that IceTray's constructors set; a new I3Particle has its own identity.

    Parameters
    ----------
    name
        Export name of the class, such as "I3Particle".
    args
        For a map its items, for a tree its nodes and their depths; the value of a class that has nothing else.
    values
        For a record its members.

    Raises
    ------
    FormatError
        No layout has this name, or it is only a base of other classes.
    AttributeError
        A record has no such member.
    TypeError
        Members of a record that are not named.

    Examples
    --------
    >>> new("I3MapStringDouble", {"weight": 2.0})
    {'weight': 2.0}
    >>> new("I3Double", 3.0), new("I3Double", value=3.0)
    (I3Double(value=3.0), I3Double(value=3.0))
    """
    if name in CLASSES and CLASSES[name].abstract:
        derived = [c for c in CLASSES if any(is_base(f) and f.type == name for f in CLASSES[c].fields)]
        msg = f"{name} is only a base of other classes" + (f": {', '.join(derived)}" if derived else "")
        raise FormatError(msg)
    what = kind(name) if name in CLASSES else "record"
    if what in {"map", "tree"}:
        if values:
            msg = f"{name} has no members, but {'items: give a dict' if what == 'map' else 'nodes: give a list'}"
            raise TypeError(msg)
        return FrameMap(name, *args) if what == "map" else Tree(name, *args)
    if name in KEYS:
        return KEYS[name](*args, **values)
    made = record(name)
    if not args:
        return made(**values)
    if len(args) > 1 or values or made.names != ("value",):
        members = ", ".join(f"{member}=..." for member in made.names[:3])
        msg = f"{name} takes its members by name, as in ic.new({name!r}, {members}); found {args!r:.60}"
        raise TypeError(msg)
    return made(value=args[0])


def checked(obj: FrameObject) -> FrameObject:
    """Return an object if IceTray can read it from a frame.

    Raises
    ------
    TypeError
        Its class only occurs inside others.
    ValueError
        It is an I3MCTree in which two particles share an identity.
    """
    name = obj.i3class
    if name not in CLASSES or isinstance(obj, UnknownObject):
        return obj
    require_frame_object(name)
    if isinstance(obj, Tree) and name == "I3MCTree":
        identities = Counter((particle.major_id, particle.minor_id) for particle in obj)
        twice = next((identity for identity, n in identities.items() if n > 1), None)
        if twice is not None:
            msg = (
                f"two particles of this I3MCTree have the identity (major_id, minor_id) = {twice}, which IceTray "
                "refuses to read; make each with `ic.new`, or set `minor_id`"
            )
            raise ValueError(msg)
    return obj


def require_frame_object(name: str) -> None:
    """Raise TypeError if objects of a class stand only inside others."""
    if not is_frame_object(name):
        inside = [
            c for c in CLASSES if is_frame_object(c) and any(_holds(f.type, name) for f in CLASSES[c].fields)
        ]
        where = f": it occurs inside others, such as {', '.join(inside[:3])}" if inside else ""
        msg = f"{name} is not a frame object{where}"
        raise TypeError(msg)


def _holds(of: Type, name: str) -> bool:
    match of:
        case Vector(of=inner) | CArray(of=inner) | Map(value=inner) | Custom(of=inner):
            return _holds(inner, name)
    return of == name


@per_class
def defaults(name: str) -> dict[str, Callable[[], Any]]:
    """Return how to make each member of the newest version when it is not given."""
    made: dict[str, Callable[[], Any]] = {}
    layout = CLASSES[name]
    for field in layout.at(layout.version):
        if is_base(field):
            made.update(defaults(str(field.type)))
        else:
            made[field.name or "value"] = default(field.type) if field.default is None else _given(field)
    return made


def _given(field: Field) -> Callable[[], Any]:
    """Return how to make the value that a layout gives as the default of a member."""
    value, of = field.default, field.type
    if callable(value):
        return value
    if isinstance(of, Enum):
        return lambda: members_of(of)[int(cast("float", value))]
    if isinstance(of, Custom):
        return lambda: np.array(value, DTYPES[of.of])
    if isinstance(of, Vector) and isinstance(value, tuple):
        return lambda: [default(of.of)() for _ in value]
    return lambda: value


def default(of: Type) -> Callable[[], Any]:
    """Return how to make a value of a type when none is given."""
    if isinstance(of, str):
        if of in CODES:
            value = float("nan") if of in {"f32", "f64"} else of == "" if of == "bool" else 0
            return lambda: value
        return str if of == "str" else lambda: _default_class(of)
    match of:
        case Enum():
            return lambda: members_of(of).get(0, 0)
        case Vector(of=str(element)) if element in DTYPES:
            return lambda: np.zeros(0, DTYPES[element])
        case RawPairs():
            return lambda: np.zeros(0, pair_dtype(of))
        case Vector(of=str(element)) if element in CLASSES and plain(element, CLASSES[element].version):
            return lambda: table(np.zeros(0, (plain(element, CLASSES[element].version) or ("",))[0]))
        case Vector():
            return list
        case Map():
            return dict
        case Pair():
            first, second = default(of.first), default(of.second)
            return lambda: (first(), second())
        case CArray(of=inner, n=n):
            return lambda: _default_array(inner, n)
        case Custom(codec="compact" | "rest", of=element):
            return lambda: np.zeros(0, DTYPES[element])
        case Custom(codec="bits"):
            return lambda: np.zeros(0, np.bool_)
        case Custom(codec="size" | "size_codec"):
            return int
        case Custom(codec="superdst_triggers"):
            return lambda: table(np.zeros(0, TRIGGERS))
        case Custom(codec="vector16"):
            return list
        case Custom(codec="tree_bits" | "tree_counts"):
            return list
        case Variant():
            first = default(of.of[0])
            return lambda: Alternative(0, first())
    return lambda: None


def _default_array(of: Type, n: int) -> Any:
    rows = [default(of)() for _ in range(n)]
    return rows if rows and isinstance(rows[0], Record) else np.array(rows)


def _default_class(name: str) -> Any:
    match kind(name):
        case "key":
            return KEYS[name]()
        case "map":
            return FrameMap(name)
        case "tree":
            return Tree(name)
        case "value":
            return default(CLASSES[name].at(CLASSES[name].version)[-1].type)()
    return record(name)()
