"""Frame objects in Python: records, maps, trees and keys, made from the layouts in `icecol.i3.classes`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError, did_you_mean
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
from icecol.i3.classes.old_values import change_of
from icecol.i3.classes.own import per_class
from icecol.i3.classes.particle import PUBLIC

CODES: Final = {
    "bool": "?", "u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q",
    "f32": "f", "f64": "d",
}  # fmt: skip
"""struct format of each arithmetic type."""
DTYPES: Final = {
    "bool": "?", "u8": "u1", "i8": "i1", "u16": "<u2", "i16": "<i2", "u32": "<u4", "i32": "<i4", "u64": "<u8",
    "i64": "<i8", "f32": "<f4", "f64": "<f8",
}  # fmt: skip
"""numpy dtype of each arithmetic type."""

Versions = dict[Type, tuple[int, int]]
"""Tracking flag and version of types whose headers are not those of the newest version."""

TRIGGERS: Final = np.dtype([("index", "u1"), ("length", "<u8"), ("time", "<u8")])
"""A trigger of an I3SuperDSTTriggerSeries: index of its configuration in the detector status, length [ns] and time
since the previous trigger [ns]."""

# -- keys -----------------------------------------------------------------------------------------------------------


class OMKey(NamedTuple):
    """A PMT: string, module on the string, PMT in the module."""

    string: int = 0
    om: int = 0
    pmt: int = 0


class ModuleKey(NamedTuple):
    """A module: string and module on the string."""

    string: int = 0
    om: int = 0


class TankKey(NamedTuple):
    """An IceTop tank: station and tank (0 is A, 1 is B)."""

    string: int = 0
    tank: int = 0


class ScintKey(NamedTuple):
    """A scintillator panel: station and panel."""

    station: int = 0
    panel: int = 0


class AntennaKey(NamedTuple):
    """A radio antenna: station and antenna."""

    station: int = 0
    antenna: int = 0


class IceActKey(NamedTuple):
    """An IceAct telescope: station and telescope."""

    station: int = 0
    telescope: int = 0


class I3ParticleID(NamedTuple):
    """Identity of a particle: ID of the process that made it, and a running number."""

    majorID: int = 0  # noqa: N815
    minorID: int = 0  # noqa: N815


class TriggerKey(NamedTuple):
    """A trigger: part of the detector, condition, its variant, number of the configuration or None."""

    source: int = 80  # unknown, as IceTray has it
    type: int = 180
    subtype: int = 0
    config_id: int | None = None


KEYS: Final[dict[str, Any]] = {
    key.__name__: key
    for key in (OMKey, ModuleKey, TankKey, ScintKey, AntennaKey, IceActKey, I3ParticleID, TriggerKey)
}
"""Named tuples for the classes used as map keys."""


# -- objects --------------------------------------------------------------------------------------------------------


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


class Row(np.record):  # type: ignore[misc]
    """One struct of a `Table`: its members are attributes."""

    @property
    def flags(self) -> Any:
        """The member of this name, which numpy would otherwise hide."""
        return self["flags"]


class Table(np.ndarray[Any, np.dtype[Any]]):
    """Structs of numbers as one array: `pulses.time` is the array of times, `pulses[0].time` one of them."""

    def __getattr__(self, name: str) -> Any:
        if name in (self.dtype.names or ()):
            return self[name]
        msg = f"these structs have no member {name!r}; they have {', '.join(self.dtype.names or ())}"
        raise AttributeError(msg)

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return found.view(np.ndarray) if isinstance(found, Table) and found.dtype.names is None else found

    @property
    def flags(self) -> Any:
        """The member of this name, which numpy would otherwise hide; numpy's own flags if there is none."""
        return self["flags"] if "flags" in (self.dtype.names or ()) else np.ndarray.flags.__get__(self)


def table(values: npt.NDArray[Any]) -> Table:
    """Give a structured array its members as attributes."""
    return values.view(_rows(values.dtype)).view(Table)


@cache
def _rows(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype((Row, dtype))


def pair_dtype(of: RawPairs) -> np.dtype[Any]:
    """Return the dtype of pairs of numbers."""
    return np.dtype([("first", DTYPES[of.first]), ("second", DTYPES[of.second])], align=True)


class FrameMap(dict[Any, Any]):
    """An I3Map: a dict with the name of its class."""

    __slots__ = ("i3class", "versions")

    def __init__(self, i3class: str, items: Any = (), /, versions: Versions | None = None) -> None:
        super().__init__(items)
        self.i3class = i3class
        self.versions: Versions = versions or {}

    def __reduce__(self) -> Any:
        return FrameMap, (self.i3class, dict(self), self.versions)


class Tree(list[Any]):
    """A tree of particles or triggers: its nodes in pre-order, with the depth and the parent of each.

    Attributes
    ----------
    depth : list of int
        0 for a root.
    parent : list of int
        Index of the parent in the list, -1 for a root.
    """

    __slots__ = ("depth", "i3class", "parent", "versions")

    def __init__(
        self,
        i3class: str,
        nodes: Iterable[Any] = (),
        depth: Iterable[int] = (),
        /,
        versions: Versions | None = None,
    ) -> None:
        super().__init__(nodes)
        self.i3class = i3class
        self.depth = list(depth) or [0] * len(self)
        self.versions: Versions = versions or {}
        self.parent: list[int] = []
        if len(self.depth) != len(self):
            msg = f"{i3class} of {len(self)} nodes with {len(self.depth)} depths"
            raise ValueError(msg)
        path: list[int] = []
        for i, d in enumerate(self.depth):
            if not 0 <= d <= len(path):
                msg = f"node {i} of {i3class} has depth {d} after a node of depth {len(path) - 1}"
                raise ValueError(msg)
            del path[d:]
            self.parent.append(path[-1] if path else -1)
            path.append(i)

    def children(self, node: int) -> list[int]:
        """Return the indices of a node's children; for -1, those of the roots."""
        return [i for i, parent in enumerate(self.parent) if parent == node]

    def add(self, item: Any, parent: int = -1) -> int:
        """Insert a node as the last child of another (-1: as the last root) and return its index."""
        place = len(self)
        if parent >= 0:
            after = range(parent + 1, len(self))
            place = next((i for i in after if self.depth[i] <= self.depth[parent]), place)
        self.parent = [p + (p >= place) for p in self.parent]
        self.insert(place, item)
        self.depth.insert(place, self.depth[parent] + 1 if parent >= 0 else 0)
        self.parent.insert(place, parent)
        return place

    def __reduce__(self) -> Any:
        return Tree, (self.i3class, list(self), self.depth, self.versions)


class Alternative(NamedTuple):
    """A value of one of several types: the index of the type, and the value."""

    which: int
    value: Any


@dataclass(frozen=True, slots=True)
class UnknownObject:
    """An object with an unknown layout or version: its bytes, which are written back unchanged."""

    i3class: str
    version: int
    blob: bytes

    def __repr__(self) -> str:
        return f"UnknownObject({self.i3class!r}, version {self.version}, {len(self.blob)} bytes)"


FrameObject = Record | FrameMap | Tree | UnknownObject


def equal(a: Any, b: Any) -> bool:
    """Compare values; NaN equals NaN."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return bool(a == b or (a != a and b != b))  # noqa: PLR0124


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

    Members that are not given have the values that IceTray's constructors set; a new I3Particle has an identity of its
    own.

    Parameters
    ----------
    name
        Export name of the class, such as "I3Particle".
    args
        Of a map its items, of a tree its nodes and their depths.
    values
        Of a record its members.

    Raises
    ------
    FormatError
        No layout has this name, or it is only a base of other classes.

    Examples
    --------
    >>> new("I3MapStringDouble", {"weight": 2.0})
    {'weight': 2.0}
    >>> new("I3Double", value=3.0)
    I3Double(value=3.0)
    """
    if name in CLASSES and CLASSES[name].abstract:
        derived = [c for c in CLASSES if any(is_base(f) and f.type == name for f in CLASSES[c].fields)]
        msg = f"{name} is only a base of other classes" + (f": {', '.join(derived)}" if derived else "")
        raise FormatError(msg)
    if name in CLASSES and kind(name) == "map":
        return FrameMap(name, *args, **values)
    if name in CLASSES and kind(name) == "tree":
        return Tree(name, *args)
    if name in KEYS:
        return KEYS[name](*args, **values)
    return record(name)(**values)


@per_class
def is_frame_object(name: str) -> bool:
    """Return whether objects of a class can be in a frame: they have the base I3FrameObject and are not abstract."""
    layout = CLASSES[name]
    return layout.tracked and not layout.abstract and _has_base(name)


def _has_base(name: str) -> bool:
    first = CLASSES[name].at(CLASSES[name].version)[:1]
    return name == "I3FrameObject" or any(is_base(f) and _has_base(str(f.type)) for f in first)


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
    if not is_frame_object(name):
        inside = [
            c for c in CLASSES if is_frame_object(c) and any(_holds(f.type, name) for f in CLASSES[c].fields)
        ]
        where = f": it stands inside others, such as {', '.join(inside[:3])}" if inside else ""
        msg = f"{name} is not a frame object{where}"
        raise TypeError(msg)
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


def _holds(of: Type, name: str) -> bool:
    match of:
        case Vector(of=inner) | CArray(of=inner) | Map(value=inner) | Custom(of=inner):
            return _holds(inner, name)
    return of == name


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
