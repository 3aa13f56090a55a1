"""Blobs to objects and back, for every class that has a layout in `icecol.i3.classes`.

A blob is one archive of its own. A class header (tracking flag and version) stands before the first instance of
each type in the blob, an object id before every instance of a tracked class, and pointers name their class by a
number that counts the types in the order met. All of that is followed here for any layout, so that
`encode(decode(blob)) == blob`; the versions that were read are kept with the object for that.

What an object is in Python: a layout with members becomes a record with those attributes, an I3Map a dict, a tree a
list with depths and parents, a vector of numbers an array, a vector of simple structs a record array, a key such as
OMKey a named tuple. A class without a layout keeps its bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from enum import IntEnum
from functools import cache
from itertools import repeat
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError
from icecol.i3.classes import CLASSES
from icecol.i3.objects import (
    CODES,
    DTYPES,
    KEYS,
    TRIGGERS,
    Alternative,
    FrameMap,
    FrameObject,
    ModuleKey,
    OMKey,
    Record,
    Tree,
    UnknownObject,
    Versions,
    default,
    enumeration,
    is_base,
    kind,
    members_of,
    new,
    pair_dtype,
    plain,
    record,
    table,
)
from icecol.i3.schema import (
    CArray,
    Custom,
    Enum,
    Map,
    Pair,
    Pointer,
    RawPairs,
    Type,
    Variant,
    Vector,
)
from icecol.i3.shapes import Header, Shape, fixed, inside, shape

__all__ = [
    "Alternative",
    "FrameMap", "FrameObject", "ModuleKey", "OMKey", "Reader", "Record", "Tree", "UnknownObject", "Writer",
    "class_name", "decode", "encode", "enumeration", "new", "record",
]  # fmt: skip

CHUNK: Final = 65535
"""Bits in a full chunk of a particle tree."""

_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")
_I32: Final = struct.Struct("<i")
_I16: Final = struct.Struct("<h")


# -- types and their numbers ----------------------------------------------------------------------------------------

_SLOTS: Final[dict[Any, int]] = {}
_TYPES: Final[list[Any]] = []


def _slot(of: Any) -> int:
    """Give a type a number, so that readers and writers look it up quickly."""
    if of not in _SLOTS:
        _SLOTS[of] = len(_TYPES)
        _TYPES.append(of)
    return _SLOTS[of]


@cache
def _usual(of: Any) -> tuple[int, int]:
    """Return tracking and version that are written for a type."""
    if isinstance(of, str) and of in CLASSES:
        return int(CLASSES[of].tracked), CLASSES[of].version
    return (0, 1) if isinstance(of, Pointer) and of.shared else (0, 0)


@cache
def _usual_of(slot: int) -> Header:
    return _usual(_TYPES[slot])


ROOT: Final = Pointer("I3FrameObject", derived=("I3FrameObject",))
_ROOT_SLOT: Final = _slot(ROOT)


class _OpaqueError(Exception):
    """Part of an object has no known layout."""


@cache
def _plan(name: str, version: int) -> tuple[tuple[Any, ...], ...]:
    """Cut the members of a class version into steps.

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


@cache
def _read_plan(name: str, version: int) -> tuple[tuple[Any, ...], ...]:
    """Return the steps of a class version with readers in the place of types."""
    return tuple(
        (code, names, of if code is not None or names is None else _reader(of))
        for code, names, of in _plan(name, version)
    )


# -- reading --------------------------------------------------------------------------------------------------------


class Reader:
    """A place in a blob, with the class headers and objects met so far.

    `quick` readers read some values at once, and do not remember these: an id that stands for one of them is refused.
    They may refuse what is in order, and then all is read anew without.
    """

    __slots__ = ("at", "data", "end", "headers", "objects", "quick", "shapes", "types")

    def __init__(self, data: bytes, *, quick: bool = False) -> None:
        self.data = data
        self.at = 0
        self.end = len(data)
        self.quick = quick
        self.shapes: dict[int, Read | None] = {}
        self.headers: dict[int, tuple[int, int]] = {}
        self.types: dict[int, int] = {}
        self.objects: list[tuple[int, Any] | None] = []

    def take(self, n: int) -> bytes:
        """Return the next n bytes."""
        if n > self.end - self.at:
            msg = f"{n} bytes wanted where {self.end - self.at} are left"
            raise FormatError(msg)
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, code: struct.Struct) -> Any:
        """Return one number."""
        value = code.unpack_from(self.data, self.at)[0]
        self.at += code.size
        return value

    def size(self, each: int = 1) -> int:
        """Return a length, after a check that so many elements of `each` bytes can follow."""
        n: int = _U32.unpack_from(self.data, self.at)[0]
        self.at += 4
        if n == 0xFFFFFFFF:
            n = self.number(_U64)
        if n * each > self.end - self.at:
            msg = f"a size of {n} where {self.end - self.at} bytes are left"
            raise FormatError(msg)
        return n

    def string(self) -> str:
        """Return a text; bytes that are not UTF-8 become lone surrogates."""
        begin = self.at + 4
        stop = begin + _U32.unpack_from(self.data, self.at)[0]
        if stop > self.end:  # too long, or a length of 64 bits
            n = self.size()
            begin, stop = self.at, self.at + n
        self.at = stop
        return self.data[begin:stop].decode("utf-8", "surrogateescape")

    def array(self, dtype: str | np.dtype[Any], n: int) -> npt.NDArray[Any]:
        """Return n values as an array of its own; the caller has checked that they are there."""
        values = np.frombuffer(self.data, dtype, n, self.at).copy()
        self.at += values.nbytes
        return values

    def enter(self, slot: int) -> tuple[int, int]:
        """Return tracking and version of a type, which stand before its first instance in the blob."""
        header = self.headers.get(slot)
        if header is None:
            self.types.setdefault(slot, len(self.types))
            tracked, version = self.take(2)
            if tracked > 1:
                msg = f"tracking flag {tracked} in a class header"
                raise FormatError(msg)
            if version == 255:
                version = self.number(_U64)
            header = self.headers[slot] = (tracked, version)
        return header

    def track(self) -> tuple[int, Any] | None:
        """Read an object id: return None for a new object, or type and value of the object that is meant."""
        number = _U32.unpack_from(self.data, self.at)[0]
        self.at += 4
        if number == len(self.objects):
            self.objects.append(None)
            return None
        if number > len(self.objects) or self.objects[number] is None:
            msg = f"object id {number} where {len(self.objects)} objects were met"
            raise FormatError(msg)
        return self.objects[number]

    def versions(self) -> Versions:
        """Return the headers that are not those of the newest version."""
        return {_TYPES[slot]: h for slot, h in self.headers.items() if h != _usual_of(slot)}


Read = Callable[[Reader], Any]


@cache
def _reader(of: Type) -> Read:
    """Make the function that reads a value of a type."""
    if isinstance(of, str):
        if of in CODES:
            return _number_reader(CODES[of])
        return Reader.string if of == "str" else _class_reader(of)
    match of:
        case Enum():
            names = members_of(of)

            def read_enum(r: Reader) -> Any:
                value = r.number(_I32)
                return names.get(value, value)

            return read_enum
        case Vector():
            return _vector_reader(of)
        case RawPairs():
            return _raw_pairs_reader(of)
        case Map():
            return _map_reader(of)
        case Pair():
            return _pair_reader(of)
        case CArray():
            return _c_array_reader(of)
        case Pointer():
            return _pointer_reader(of)
        case Variant():
            return _variant_reader(of)
        case Custom():
            return _CODECS[of.codec](of)[0]
    msg = f"{of!r} is no type"
    raise TypeError(msg)


def _number_reader(code: str) -> Read:
    number = struct.Struct("<" + code)
    unpack, size = number.unpack_from, number.size

    def read(r: Reader) -> Any:
        (value,) = unpack(r.data, r.at)
        r.at += size
        return value

    return read


def _begin(r: Reader, slot: int) -> None:
    """Read header and, if due, object id of a container."""
    if (r.headers.get(slot) or r.enter(slot))[0] and r.track() is not None:
        msg = "a container that stands for an earlier one"
        raise FormatError(msg)


def _class_reader(name: str) -> Read:
    if name not in CLASSES:
        msg = f"no class {name!r} has a layout"
        raise KeyError(msg)
    slot = _slot(name)
    finish = {
        "key": _read_key,
        "map": _read_map,
        "tree": _read_tree,
        "value": _read_value,
        "record": _read_record,
    }
    build = finish[kind(name)]
    newest = CLASSES[name].version

    one_size = fixed(name)

    def read(r: Reader) -> Any:
        header = r.headers.get(slot)
        if header is not None and one_size and r.quick:
            if slot not in r.shapes:
                r.shapes[slot] = _at_once(name, r)
            at_once = r.shapes[slot]
            if at_once is not None:
                return at_once(r)
        tracked, version = header or r.enter(slot)
        if version > newest:
            raise _OpaqueError
        if not tracked:
            return build(r, name, version)
        number = len(r.objects)
        known = r.track()
        if known is not None:
            if known[0] != slot:
                msg = f"a {name} that stands for an earlier object of class {_TYPES[known[0]]}"
                raise FormatError(msg)
            return known[1]
        value = build(r, name, version)
        r.objects[number] = slot, value
        return value

    return read


def _at_once(name: str, r: Reader) -> Read | None:
    """Return how to read a further value of a fixed class; None if not all headers inside are known."""
    headers = tuple((inner, h) for inner in inside(name) if (h := r.headers.get(_slot(inner))) is not None)
    return _reader_of_shape(name, headers)


def _shape_at(name: str, r: Reader) -> Shape | None:
    """Return the shape of a fixed class; None if not all headers inside are known."""
    return _shape(
        name, tuple((inner, h) for inner in inside(name) if (h := r.headers.get(_slot(inner))) is not None)
    )


@cache
def _shape(name: str, headers: tuple[tuple[str, Header], ...]) -> Shape | None:
    made = shape(name, dict(headers), {inner for inner, _ in headers})
    return None if made is None or made.expected else made


@cache
def _reader_of_shape(name: str, headers: tuple[tuple[str, Header], ...]) -> Read | None:
    made = _shape(name, headers)
    if made is None:
        return None
    unknown: list[tuple[int, Any] | None] = [None] * made.ids
    unpack, size, n, numbering, numbers, build = (
        made.code.unpack_from, made.code.size, made.ids, made.numbering, made.numbers, made.build,
    )  # fmt: skip

    def read(r: Reader) -> Any:
        parts = unpack(r.data, r.at)
        r.at += size
        if n:
            first = len(r.objects)
            if numbering(parts) != tuple(range(first, first + n)):
                msg = f"a {name} with other object ids than usual"
                raise FormatError(msg)
            r.objects += unknown
        return build(numbers(parts))

    return read


def _read_base(r: Reader, obj: Any, name: str) -> None:
    """Read the base class of an object into it."""
    tracked, version = r.enter(_slot(name))
    if version > CLASSES[name].version:
        raise _OpaqueError
    if tracked and r.track() is not None:
        msg = "a base class that stands for an earlier object"
        raise FormatError(msg)
    if obj is not None:
        _read_members(r, obj, _read_plan(name, version))


def _read_members(r: Reader, obj: Any, plan: tuple[tuple[Any, ...], ...]) -> None:
    for code, names, of in plan:
        if code is not None:
            values = code.unpack_from(r.data, r.at)
            r.at += code.size
            if of is not None:
                values = [v if e is None else e.get(v, v) for v, e in zip(values, of, strict=True)]
            for member, value in zip(names, values, strict=True):
                setattr(obj, member, value)
        elif names is None:
            _read_base(r, obj, of)
        else:
            setattr(obj, names, of(r))


def _read_record(r: Reader, name: str, version: int) -> Any:
    cls = record(name)
    obj = cls.__new__(cls)
    _read_members(r, obj, _read_plan(name, version))
    return obj


class _Members:
    """Somewhere to put members."""


def _read_key(r: Reader, name: str, version: int) -> Any:
    plan = _plan(name, version)
    if len(plan) == 1 and plan[0][0] is not None and plan[0][2] is None:
        code = plan[0][0]
        r.at += code.size
        return KEYS[name](*code.unpack_from(r.data, r.at - code.size))
    members = _Members()
    _read_members(r, members, _read_plan(name, version))
    return KEYS[name](**vars(members))


def _read_only(r: Reader, name: str, version: int) -> Any:
    """Read the bases, which have no data, and then the one value of a class."""
    value = None
    for code, member, of in _read_plan(name, version):
        if code is not None:
            *_, value = code.unpack_from(r.data, r.at)
            r.at += code.size
        elif member is None:
            _read_base(r, None, of)
        else:
            value = of(r)
    return value


def _read_value(r: Reader, name: str, version: int) -> Any:
    return _read_only(r, name, version)


def _read_map(r: Reader, name: str, version: int) -> FrameMap:
    return FrameMap(name, _read_only(r, name, version))


def _read_tree(r: Reader, name: str, version: int) -> Tree:
    return Tree(name, *_read_only(r, name, version))


def _vector_reader(of: Vector) -> Read:
    if isinstance(of.of, str) and of.of in DTYPES:
        return _numbers_reader(np.dtype(DTYPES[of.of]))
    slot = _slot(of)
    element = of.of
    simple = element if isinstance(element, str) and element in CLASSES else ""
    masks = bool(simple) and [field.type for field in CLASSES[simple].at(0)] == [Custom("bits")]
    structs = bool(simple) and kind(simple) in {"record", "key"}
    first_plain = structs and plain(simple, 0) is not None
    keys = bool(simple) and kind(simple) == "key"
    each = _reader(element)

    def read(r: Reader) -> Any:
        if r.headers.get(slot) != (0, 0):
            _begin(r, slot)
        n = r.size()
        if structs and (not n or n > 1 or first_plain):
            values = _read_block(r, simple, n)
            if values is not None:
                return values
        if n and masks and r.headers.get(_slot(element)) == (0, 0):
            return _read_bits(r, n)
        if n > 2 and keys and r.quick:
            return [each(r), *_read_keys(r, simple, n - 1)]
        return [each(r) for _ in range(n)]

    return read


def _read_keys(r: Reader, name: str, n: int) -> list[Any]:
    """Read n keys of a kind whose headers are known."""
    each = _reader(name)
    made = _shape_at(name, r)
    cls = KEYS[name]
    if made is None or made.ids > 1 or len(made.code.format) - 1 != made.ids + len(cls._fields):
        return [each(r) for _ in range(n)]
    end = r.at + n * made.code.size
    if end > r.end:
        msg = f"{n} {name} of {made.code.size} bytes where {r.end - r.at} are left"
        raise FormatError(msg)
    rows = list(made.code.iter_unpack(r.data[r.at : end]))
    keys = list(map(tuple.__new__, repeat(cls), map(made.numbers, rows)))
    if made.ids:
        first = len(r.objects)
        if [row[0] for row in rows] != list(range(first, first + n)):
            msg = f"{name} with other object ids than usual"
            raise FormatError(msg)
        r.objects += [None] * n
    r.at = end
    return keys


def _numbers_reader(dtype: np.dtype[Any]) -> Read:
    width = dtype.itemsize

    def read(r: Reader) -> Any:
        n = r.size(width)
        if n == 0:  # as most are
            return np.empty(0, dtype)
        values = np.frombuffer(r.data, dtype, n, r.at).copy()
        r.at += n * width
        return values

    return read


@cache
def _block(name: str, version: int, tracked: int) -> tuple[np.dtype[Any], np.dtype[Any], int] | None:
    """Return dtype with and without object ids of a class of numbers, and the ids of each instance."""
    found = plain(name, version)
    if found is None:
        return None
    dtype, bases = found
    ids = [(f"#{i}", "<u4") for i in range(tracked + bases)]
    return np.dtype([*ids, *((m, dtype[m]) for m in dtype.names or ())]), dtype, len(ids)


def _read_block(r: Reader, name: str, n: int) -> Any:
    """Read n structs of numbers at once; None if they are not such, or not in the usual order."""
    slot = _slot(name)
    header = r.headers.get(slot)
    if n == 0:
        found = plain(name, header[1] if header else CLASSES[name].version)
        return None if found is None else table(np.zeros(0, found[0]))
    if plain(name, CLASSES[name].version) is None:
        return None
    tracked, version = header or r.enter(slot)
    if version > CLASSES[name].version:
        raise _OpaqueError
    block = _block(name, version, tracked)
    base = r.headers.get(_slot("I3FrameObject"))
    if block is None or (block[2] > tracked and base != (1, 0)):
        return None
    stored, dtype, ids = block
    if n * stored.itemsize > r.end - r.at:
        msg = f"{n} {name} of {stored.itemsize} bytes where {r.end - r.at} are left"
        raise FormatError(msg)
    values = np.frombuffer(r.data, stored, n, r.at)
    if ids:
        first = len(r.objects)
        for i in range(ids):
            if not np.array_equal(
                values[f"#{i}"], np.arange(first + i, first + i + n * ids, ids, dtype=np.uint32)
            ):
                return None
        r.objects += [None] * (n * ids)
    r.at += values.nbytes
    out = np.empty(n, dtype)
    for member in dtype.names or ():
        out[member] = values[member]
    return table(out)


def _raw_pairs_reader(of: RawPairs) -> Read:
    slot = _slot(of)
    dtype = pair_dtype(of)

    def read(r: Reader) -> Any:
        _begin(r, slot)
        return r.array(dtype, r.size(dtype.itemsize))

    return read


def _pair_slot(of: Map) -> int:
    return _slot(("const", of.key, of.value))


def _map_reader(of: Map) -> Read:
    slot, pair = _slot(of), _pair_slot(of)
    key, value = _reader(of.key), _reader(of.value)
    number = struct.Struct("<" + CODES[of.value]) if isinstance(of.value, str) and of.value in CODES else None
    shaped = of.key == "str" and isinstance(of.value, str) and of.value in CLASSES and fixed(of.value)
    wrap = _wrapped(of.value)
    inner = str(wrap.of) if wrap is not None else ""
    arrays = (
        isinstance(of.key, str)
        and of.key in KEYS
        and (
            inner in DTYPES
            or (
                inner in CLASSES
                and plain(inner, 0) is not None
                and plain(inner, CLASSES[inner].version) is not None
            )
        )
    )

    def read(r: Reader) -> dict[Any, Any]:
        _begin(r, slot)
        n = r.size()
        out: dict[Any, Any] = {}
        if r.quick and arrays and n:
            return _read_map_of_arrays(r, of, inner, n)
        for i in range(n):
            if i == 1 and r.quick and r.headers[pair] == (0, 0):
                break
            _begin(r, pair)
            k = key(r)
            out[k] = value(r)
        else:
            return out
        if of.key == "str" and number is not None:
            _read_numbers_by_name(r, number, n - 1, out)
            return out
        if shaped and (made := _shape_at(str(of.value), r)) is not None:
            _read_shapes_by_name(r, str(of.value), made, n - 1, out)
            return out
        for _ in range(n - 1):
            k = key(r)
            out[k] = value(r)
        return out

    return read


def _read_shapes_by_name(r: Reader, name: str, made: Shape, n: int, out: dict[str, Any]) -> None:
    """Read n names, each with a value of one size, into a dict."""
    data, at, end, objects = r.data, r.at, r.end, r.objects
    length, value, width, ids = _U32.unpack_from, made.code.unpack_from, made.code.size, made.ids
    numbering, numbers, build = made.numbering, made.numbers, made.build
    first = len(objects)
    for _ in range(n):
        stop = at + 4 + length(data, at)[0]
        if stop > end:
            msg = "a text that reaches beyond the object"
            raise FormatError(msg)
        parts = value(data, stop)
        if ids and numbering(parts) != tuple(range(first, first + ids)):
            msg = f"a {name} with other object ids than usual"
            raise FormatError(msg)
        out[data[at + 4 : stop].decode("utf-8", "surrogateescape")] = build(numbers(parts))
        first += ids
        at = stop + width
    objects += [None] * (n * ids)
    r.at = at


def _wrapped(of: Type) -> Vector | None:
    """Return the vector that a type is, bare or as a class that is nothing else."""
    if isinstance(of, str) and of in CLASSES and kind(of) == "record" and len(CLASSES[of].fields) == 2:
        base, only = CLASSES[of].fields
        if base.type == "I3FrameObject" and is_base(base) and only.name == "value":
            of = only.type
    return of if isinstance(of, Vector) and isinstance(of.of, str) else None


def _read_numbers_by_name(r: Reader, number: struct.Struct, n: int, out: dict[str, Any]) -> None:
    """Read n names, each with a number, into a dict."""
    data, at, end = r.data, r.at, r.end
    length, value, width = _U32.unpack_from, number.unpack_from, number.size
    for _ in range(n):
        stop = at + 4 + length(data, at)[0]
        if stop > end:
            msg = "a text that reaches beyond the object"
            raise FormatError(msg)
        out[data[at + 4 : stop].decode("utf-8", "surrogateescape")] = value(data, stop)[0]
        at = stop + width
    r.at = at


def _read_map_of_arrays(r: Reader, of: Map, name: str, n: int) -> dict[Any, Any]:
    """Read n keys, each with numbers or structs of numbers, whose arrays are parts of one."""
    key_name, vector = str(of.key), _wrapped(of.value)
    key, value_slot = _reader(of.key), _slot(vector)
    whole_class = of.value if isinstance(of.value, str) else ""
    whole_slot = _slot(whole_class)
    out: dict[Any, Any] = {}
    stored: np.dtype[Any]
    dtype: np.dtype[Any]
    stored = dtype = np.dtype(DTYPES.get(name, "u1"))
    ids = count = of_value = 0
    first_key: Any = None
    while n:  # until all headers are behind
        _begin(r, _pair_slot(of))
        first_key = key(r)
        if whole_class:
            of_value = len(r.objects)
            tracked, version = r.headers.get(whole_slot) or r.enter(whole_slot)
            if version > CLASSES[whole_class].version or (tracked and r.track() is not None):
                raise _OpaqueError
            _read_base(r, None, "I3FrameObject")
            of_value = len(r.objects) - of_value
        if name not in DTYPES:
            _begin(r, value_slot)
        count = r.size()
        n -= 1
        if name in DTYPES:
            break
        if count:
            tracked, version = r.headers.get(_slot(name)) or r.enter(_slot(name))
            block = _block(name, version, tracked) if version <= CLASSES[name].version else None
            if block is None or (block[2] > tracked and r.headers.get(_slot("I3FrameObject")) != (1, 0)):
                msg = f"{name} version {version} is not read at once"
                raise FormatError(msg)
            stored, dtype, ids = block
            break
        if whole_class:
            msg = f"a {whole_class} without elements before all others is not read at once"
            raise FormatError(msg)
        out[first_key] = _read_block(r, name, 0)
    if not count and not n and first_key in out:
        return out
    made = _shape_at(key_name, r)
    headers = r.headers
    if (
        made is None
        or made.ids > 1
        or len(made.code.format) - 1 != made.ids + len(KEYS[key_name]._fields)
        or headers[_pair_slot(of)] != (0, 0)
        or headers.get(value_slot, (0, 0)) != (0, 0)
        or headers.get(whole_slot, (0, 0))[0]
    ):
        msg = f"{key_name} in a form that is not read at once"
        raise FormatError(msg)
    head = struct.Struct(f"{made.code.format}{'I' * of_value}I")
    cls, of_key, last = KEYS[key_name], made.ids, -1 - of_value
    new, unpack, width, data, end, stride = (
        tuple.__new__, head.unpack_from, head.size, r.data, r.end, stored.itemsize,
    )  # fmt: skip
    number = first = len(r.objects)
    keys, counts, pieces, gaps = [first_key], [count], [], []
    at = r.at
    for _ in range(n):
        stop = at + count * stride
        pieces.append(data[at:stop])
        found = unpack(data, stop)
        number += count * ids
        if of_key:
            if found[0] != number:
                msg = f"a {key_name} with another object id than usual"
                raise FormatError(msg)
            gaps.append(number - first)
            number += 1
        for i in range(of_value):
            if found[last + i] != number:
                msg = f"a {whole_class} with another object id than usual"
                raise FormatError(msg)
            gaps.append(number - first)
            number += 1
        count = found[-1]
        keys.append(new(cls, found[of_key:last]))
        counts.append(count)
        at = stop + width
    stop = at + count * stride
    number += count * ids
    if stop > end:
        msg = f"{count} {name} where {end - at} bytes are left"
        raise FormatError(msg)
    pieces.append(data[at:stop])
    r.at = stop
    values = np.frombuffer(b"".join(pieces), stored)
    if ids:
        expected = np.arange(first, number, dtype=np.uint32)
        if gaps:
            expected = np.delete(expected, gaps)
        for i in range(ids):
            if not np.array_equal(values[f"#{i}"], expected[i::ids]):
                msg = f"{name} with other object ids than usual"
                raise FormatError(msg)
    whole: npt.NDArray[Any]
    if dtype.names is None:
        whole = values.copy()
    else:
        copied = np.empty(values.size, dtype)
        for member in dtype.names:
            copied[member] = values[member]
        whole = table(copied)
    r.objects += [None] * (number - first)
    part, begin = np.ndarray.__getitem__, 0
    make: Any = record(whole_class) if whole_class else None
    for k, size in zip(keys, counts, strict=True):
        out[k] = array = part(whole, slice(begin, begin + size))
        if make is not None:
            out[k] = obj = make.__new__(make)
            obj.value = array
        begin += size
    return out


def _pair_reader(of: Pair) -> Read:
    slot = _slot(of)
    first, second = _reader(of.first), _reader(of.second)

    def read(r: Reader) -> tuple[Any, Any]:
        _begin(r, slot)
        return first(r), second(r)

    return read


def _c_array_reader(of: CArray) -> Read:
    def read(r: Reader) -> Any:
        n = r.size()
        if n != of.n:
            msg = f"{n} elements in an array of {of.n}"
            raise FormatError(msg)
        if isinstance(of.of, str) and of.of in DTYPES:
            dtype = np.dtype(DTYPES[of.of])
            r.at -= 4
            return r.array(dtype, r.size(dtype.itemsize))
        each = _reader(of.of)
        rows = [each(r) for _ in range(n)]
        return np.array(rows) if isinstance(rows[0], np.ndarray) else rows

    return read


def _pointer_reader(of: Pointer) -> Read:
    slot, target = _slot(of), _slot(of.to)

    def read(r: Reader) -> Any:
        _begin(r, slot)
        if not of.abstract:
            r.types.setdefault(target, len(r.types))
        number = r.number(_I16)
        if number == -1:
            return None
        if number == len(r.types) and of.derived:
            name = r.string()
            if name not in CLASSES:
                raise _OpaqueError
            if of is not ROOT and name not in of.derived:
                msg = f"a pointer to {name!r}, which is no {of.to}"
                raise FormatError(msg)
            r.types.setdefault(_slot(name), number)
        else:
            found = next((_TYPES[s] for s, i in r.types.items() if i == number), None)
            name = found if isinstance(found, str) else ""
            if name not in CLASSES or (name != of.to and name not in of.derived):
                msg = f"a pointer to type {number} of {len(r.types)}, which is no {of.to}"
                raise FormatError(msg)
        return _reader(name)(r)

    return read


def _variant_reader(of: Variant) -> Read:
    slot = _slot(of)
    readers = [_reader(alternative) for alternative in of.of]

    def read(r: Reader) -> Any:
        if r.headers.get(slot) != (0, 0):
            _begin(r, slot)
        which = _I32.unpack_from(r.data, r.at)[0]
        r.at += 4
        if not 0 <= which < len(readers):
            msg = f"alternative {which} of {len(readers)}"
            raise FormatError(msg)
        return Alternative(which, readers[which](r))

    return read


# -- writing --------------------------------------------------------------------------------------------------------


class Writer:
    """Bytes of a blob so far, with the class headers and objects written."""

    __slots__ = ("headers", "n_objects", "parts", "pointed", "types", "versions")

    def __init__(self, versions: Versions) -> None:
        self.parts: list[bytes] = []
        self.headers: dict[int, tuple[int, int]] = {}
        self.types: dict[int, int] = {}
        self.versions = {_slot(of): header for of, header in versions.items()}
        self.n_objects = 0
        self.pointed: dict[tuple[str, int], int] = {}

    def put(self, data: bytes) -> None:
        """Append bytes."""
        self.parts.append(data)

    def size(self, n: int) -> None:
        """Append a length."""
        self.parts.append(_U32.pack(n) if n < 0xFFFFFFFF else _U32.pack(0xFFFFFFFF) + _U64.pack(n))

    def string(self, text: str) -> None:
        """Append a text."""
        data = text.encode("utf-8", "surrogateescape")
        self.size(len(data))
        self.parts.append(data)

    def enter(self, slot: int) -> tuple[int, int]:
        """Append the class header if it is due."""
        header = self.headers.get(slot)
        if header is None:
            self.types.setdefault(slot, len(self.types))
            header = self.headers[slot] = self.versions.get(slot) or _usual(_TYPES[slot])
            tracked, version = header
            self.put(
                bytes((tracked, version)) if version < 255 else bytes((tracked, 255)) + _U64.pack(version)
            )
        return header

    def track(self) -> None:
        """Append the next object id."""
        self.put(_U32.pack(self.n_objects))
        self.n_objects += 1


Write = Callable[[Writer, Any], None]


def _open(w: Writer, slot: int) -> None:
    """Write header and, if due, object id of a container."""
    if (w.headers.get(slot) or w.enter(slot))[0]:
        w.track()


@cache
def _writer(of: Type) -> Write:
    """Make the function that writes a value of a type."""
    if isinstance(of, str):
        if of in CODES:
            code = struct.Struct("<" + CODES[of])
            return lambda w, value: w.put(code.pack(value))
        return Writer.string if of == "str" else _class_writer(of)
    match of:
        case Enum():
            return lambda w, value: w.put(_I32.pack(value))
        case Vector():
            return _vector_writer(of)
        case RawPairs():
            return _raw_pairs_writer(of)
        case Map():
            return _map_writer(of)
        case Pair():
            return _pair_writer(of)
        case CArray():
            return _c_array_writer(of)
        case Pointer():
            return _pointer_writer(of)
        case Variant():
            return _variant_writer(of)
        case Custom():
            return _CODECS[of.codec](of)[1]
    msg = f"{of!r} is no type"
    raise TypeError(msg)


def _class_writer(name: str) -> Write:
    slot = _slot(name)
    whole = kind(name) in {"record", "key"}

    def write(w: Writer, value: Any) -> None:
        tracked, version = w.headers.get(slot) or w.enter(slot)
        if tracked:
            w.track()
        if whole:
            _write_members(w, value, name, version)
        else:
            _write_only(w, value, name, version)

    return write


def _write_only(w: Writer, value: Any, name: str, version: int) -> None:
    for _, member, of in _plan(name, version):
        if member is None:
            _open(w, _slot(of))
        else:
            _writer(of)(w, value)


def _write_members(w: Writer, value: Any, name: str, version: int) -> None:
    for code, names, of in _plan(name, version):
        if code is not None:
            values = [getattr(value, member) for member in names]
            if None in values:
                unset = [math.nan if c in "fd" else 0 for c in code.format[1:]]
                values = [u if v is None else v for v, u in zip(values, unset, strict=True)]
            try:
                w.put(code.pack(*values))
            except struct.error as err:
                shown = ", ".join(f"{m}={v!r}" for m, v in zip(names, values, strict=True))
                msg = f"{name} version {version} cannot hold {shown}: {err}"
                raise FormatError(msg) from None
        elif names is None:
            tracked, base_version = w.headers.get(_slot(of)) or w.enter(_slot(of))
            if tracked:
                w.track()
            _write_members(w, value, of, base_version)
        else:
            found = getattr(value, names)
            if found is None and not isinstance(of, Pointer) and of != OPTIONAL:
                found = default(of)()
            _writer(of)(w, found)


OPTIONAL: Final = Custom("optional", "i32")


def _vector_writer(of: Vector) -> Write:
    if isinstance(of.of, str) and of.of in DTYPES:
        dtype = np.dtype(DTYPES[of.of])

        def write_numbers(w: Writer, value: Any) -> None:
            data = np.ascontiguousarray(value, dtype)
            w.size(data.size)
            w.put(data.tobytes())

        return write_numbers
    slot = _slot(of)
    element = of.of
    simple = element if isinstance(element, str) and element in CLASSES else ""

    def write(w: Writer, value: Any) -> None:
        _open(w, slot)
        w.size(len(value))
        if simple and isinstance(value, np.ndarray):
            if len(value):
                _write_block(w, simple, value)
            return
        each = _writer(element)
        for item in value:
            each(w, item)

    return write


def _write_block(w: Writer, name: str, value: npt.NDArray[Any]) -> None:
    """Write structs of numbers from an array."""
    tracked, version = w.headers.get(_slot(name)) or w.enter(_slot(name))
    block = _block(name, version, tracked)
    if block is None:
        msg = f"{name} version {version} cannot be written from an array"
        raise FormatError(msg)
    stored, dtype, ids = block
    missing = set(dtype.names or ()) - set(value.dtype.names or ())
    if missing:
        msg = f"an array of {name} version {version} lacks {', '.join(sorted(missing))}"
        raise FormatError(msg)
    out = np.empty(len(value), stored)
    for i in range(ids):
        out[f"#{i}"] = np.arange(w.n_objects + i, w.n_objects + i + len(value) * ids, ids)
    w.n_objects += len(value) * ids
    for member in dtype.names or ():
        out[member] = value[member]
    data = out.tobytes()
    if ids > tracked and _slot("I3FrameObject") not in w.headers:
        w.put(data[: 4 * tracked])
        w.enter(_slot("I3FrameObject"))
        data = data[4 * tracked :]
    w.put(data)


def _raw_pairs_writer(of: RawPairs) -> Write:
    slot = _slot(of)
    dtype = pair_dtype(of)

    def write(w: Writer, value: Any) -> None:
        data = value if isinstance(value, np.ndarray) else np.array([tuple(v) for v in value], dtype)
        _open(w, slot)
        w.size(len(data))
        w.put(data.astype(dtype, copy=False).tobytes())

    return write


def _order(of: Type) -> Callable[[Any], Any]:
    """Return the key by which a C++ map sorts its keys."""
    if of == "str":
        return lambda text: text.encode("utf-8", "surrogateescape")
    if of == "TriggerKey":
        return lambda k: (k.source, k.type, k.subtype, k.config_id is not None, k.config_id or 0)
    return lambda key: key


def _map_writer(of: Map) -> Write:
    slot, pair, order = _slot(of), _pair_slot(of), _order(of.key)

    def write(w: Writer, value: Any) -> None:
        _open(w, slot)
        w.size(len(value))
        key, item = _writer(of.key), _writer(of.value)
        for k in sorted(value, key=order):
            _open(w, pair)
            key(w, k)
            item(w, value[k])

    return write


def _pair_writer(of: Pair) -> Write:
    slot = _slot(of)

    def write(w: Writer, value: Any) -> None:
        _open(w, slot)
        _writer(of.first)(w, value[0])
        _writer(of.second)(w, value[1])

    return write


def _c_array_writer(of: CArray) -> Write:
    def write(w: Writer, value: Any) -> None:
        if len(value) != of.n:
            msg = f"{len(value)} elements for an array of {of.n}"
            raise FormatError(msg)
        w.size(of.n)
        if isinstance(of.of, str) and of.of in DTYPES:
            w.put(np.ascontiguousarray(value, DTYPES[of.of]).tobytes())
            return
        each = _writer(of.of)
        for item in value:
            each(w, item)

    return write


def _pointer_writer(of: Pointer) -> Write:
    slot, target = _slot(of), _slot(of.to)

    def write(w: Writer, value: Any) -> None:
        _open(w, slot)
        if not of.abstract:
            w.types.setdefault(target, len(w.types))
        if value is None:
            w.put(_I16.pack(-1))
            return
        name = value.i3class if of.derived else of.to
        number = w.types.get(_slot(name))
        if number is None:
            number = w.types[_slot(name)] = len(w.types)
            w.put(_I16.pack(number))
            w.string(name)
        else:
            w.put(_I16.pack(number))
        known = w.pointed.get((name, id(value)))
        if known is not None:
            w.put(_U32.pack(known))
            return
        if (w.headers.get(_slot(name)) or _usual(name))[0]:
            w.pointed[name, id(value)] = w.n_objects
        _writer(name)(w, value)

    return write


def _variant_writer(of: Variant) -> Write:
    slot = _slot(of)

    def write(w: Writer, value: Any) -> None:
        _open(w, slot)
        which, inner = value
        w.put(_I32.pack(which))
        _writer(of.of[which])(w, inner)

    return write


# -- layouts that need code -----------------------------------------------------------------------------------------

Codec = tuple[Read, Write]


def _size_field(_: Custom) -> Codec:
    """Make the codec of a length by itself."""

    def read(r: Reader) -> int:
        n = r.size(0)
        if n >= 1 << 31:
            msg = f"a size of {n}"
            raise FormatError(msg)
        return n

    return read, Writer.size


def _opaque(_: Custom) -> Codec:
    """Make the codec of something whose layout is not known."""

    def read(_: Reader) -> Any:
        raise _OpaqueError

    def write(_: Writer, __: Any) -> None:
        msg = "a class without a known layout cannot be written"
        raise FormatError(msg)

    return read, write


def _rest(of: Custom) -> Codec:
    """Make the codec of words to the end of the blob."""
    dtype = np.dtype(DTYPES[of.of])

    def read(r: Reader) -> Any:
        n, odd = divmod(r.end - r.at, dtype.itemsize)
        if odd:
            msg = f"{r.end - r.at} bytes are no whole number of words"
            raise FormatError(msg)
        return r.array(dtype, n)

    return read, lambda w, value: w.put(np.ascontiguousarray(value, dtype).tobytes())


def _optional(of: Custom) -> Codec:
    """Make the codec of a flag, and a number only if it is set."""
    code = struct.Struct("<" + CODES[of.of])

    def write(w: Writer, value: Any) -> None:
        w.put(b"\0" if value is None else b"\1" + code.pack(value))

    return lambda r: r.number(code) if r.take(1)[0] else None, write


def _vector16(of: Custom) -> Codec:
    """Make the codec of a vector whose size is 16 bits, without a header."""
    code = struct.Struct("<H")

    def write(w: Writer, value: Any) -> None:
        w.put(code.pack(len(value)))
        for item in value:
            _writer(of.of)(w, item)

    return lambda r: [_reader(of.of)(r) for _ in range(r.number(code))], write


class _SpareByte(np.ndarray[Any, Any]):
    """A mask without bits that is stored as one unused byte."""


_BITS_HEAD: Final = struct.Struct("<HB")


def _read_bits(r: Reader, n: int) -> list[npt.NDArray[np.bool_]]:
    """Read n masks after each other; they are parts of one array."""
    begin = at = r.at
    data, end, head, spans = r.data, r.end, _BITS_HEAD.unpack_from, []
    for _ in range(n):
        size, padding = head(data, at)
        if padding > 8 or padding > 8 * size:
            r.at = at
            msg = f"{padding} unused bits in a mask of {size} bytes"
            raise FormatError(msg)
        first = 8 * (at + 3 - begin)
        at += 3 + size
        spans.append((first, first + 8 * size - padding, padding))
    if at > end:
        msg = f"masks of {at - begin} bytes where {end - begin} are left"
        raise FormatError(msg)
    r.at = at
    packed = np.frombuffer(r.data, np.uint8, r.at - begin, begin)
    bits = np.unpackbits(packed, bitorder="little").view(np.bool_)
    return [bits[a:b] if padding < 8 else bits[a:b].view(_SpareByte) for a, b, padding in spans]


def _bits(_: Custom) -> Codec:
    """Make the codec of bits: number of bytes, number of unused bits in the last, the bytes (lowest bit first).

    No bits at all are either no bytes, or one byte with 8 unused bits: both are found in files.
    """

    def read(r: Reader) -> npt.NDArray[np.bool_]:
        return _read_bits(r, 1)[0]

    def write(w: Writer, value: Any) -> None:
        bits = np.asarray(value, np.bool_)
        packed = (
            np.zeros(1, np.uint8) if isinstance(value, _SpareByte) else np.packbits(bits, bitorder="little")
        )
        if packed.size > 0xFFFF:
            msg = f"a mask of {bits.size} bits; at most {8 * 0xFFFF} are possible"
            raise FormatError(msg)
        w.put(_BITS_HEAD.pack(packed.size, 8 * packed.size - bits.size))
        w.put(packed.tobytes())

    return read, write


def _size_codec(_: Custom) -> Codec:
    """Make the codec of a number below 247 in one byte; or 255 less the number of bytes, and these bytes."""

    def read(r: Reader) -> int:
        tag = r.take(1)[0]
        return tag if tag < 247 else int.from_bytes(r.take(255 - tag), "little")

    def write(w: Writer, value: Any) -> None:
        n = int(value)
        if n < 247:
            w.put(bytes((n,)))
            return
        size = (n.bit_length() + 7) // 8
        w.put(bytes((255 - size,)) + n.to_bytes(size, "little"))

    return read, write


def _compact(of: Custom) -> Codec:
    """Make the codec of a number of words in few bytes, and the words."""
    dtype = np.dtype(DTYPES[of.of])

    def read(r: Reader) -> Any:
        n = _reader("I3SuperDST::SizeCodec")(r)
        if n * dtype.itemsize > r.end - r.at:
            msg = f"{n} words of {dtype.itemsize} bytes where {r.end - r.at} bytes are left"
            raise FormatError(msg)
        return r.array(dtype, n)

    def write(w: Writer, value: Any) -> None:
        data = np.ascontiguousarray(value, dtype)
        _writer("I3SuperDST::SizeCodec")(w, data.size)
        w.put(data.tobytes())

    return read, write


def _superdst_v0(_: Custom) -> Codec:
    """Make the codec of a number of stamps, the stamps, and a header for each stamp with the stop bit."""
    code = struct.Struct("<H")

    def read(r: Reader) -> tuple[Any, Any]:
        stamps = np.frombuffer(r.take(2 * r.number(code)), "<u2").copy()
        headers = np.frombuffer(r.take(2 * int(np.count_nonzero(stamps >> 15))), "<u2").copy()
        return stamps, headers

    def write(w: Writer, value: Any) -> None:
        stamps, headers = (np.ascontiguousarray(v, "<u2") for v in value)
        w.put(code.pack(stamps.size) + stamps.tobytes() + headers.tobytes())

    return read, write


def _superdst_triggers(_: Custom) -> Codec:
    """Make the codec of triggers: a number, and of each index and low bits of its length, further bits, time."""

    def read(r: Reader) -> Any:
        number = _reader("I3SuperDST::SizeCodec")
        n = number(r)
        if 3 * n > r.end - r.at:
            msg = f"{n} triggers where {r.end - r.at} bytes are left"
            raise FormatError(msg)
        rows = []
        for _ in range(n):
            tag = r.take(1)[0]
            length, time = number(r) << 4 | tag >> 4, number(r)
            if max(length, time) >= 1 << 64:
                msg = f"a trigger of {length} ns after {time} ns"
                raise FormatError(msg)
            rows.append((tag & 15, length, time))
        return table(np.array(rows, TRIGGERS))

    def write(w: Writer, value: Any) -> None:
        number = _writer("I3SuperDST::SizeCodec")
        number(w, len(value))
        for index, length, time in np.asarray(value, TRIGGERS).tolist():
            w.put(bytes((index & 15 | (length & 15) << 4,)))
            number(w, length >> 4)
            number(w, time)

    return read, write


def _tree_counts(of: Custom) -> Codec:
    """Make the codec of a number of roots, and in pre-order each node with its number of children."""

    def read(r: Reader) -> tuple[list[Any], list[int]]:
        each = _reader(of.of)
        nodes: list[Any] = []
        depth: list[int] = []
        open_ = [r.size()]  # children still to come, at each level
        while open_:
            if open_[-1] == 0:
                open_.pop()
                continue
            open_[-1] -= 1
            nodes.append(each(r))
            depth.append(len(open_) - 1)
            open_.append(r.size())
        return nodes, depth

    def write(w: Writer, value: Tree) -> None:
        children = [0] * len(value)
        for parent in value.parent:
            if parent >= 0:
                children[parent] += 1
        w.size(value.depth.count(0))
        each = _writer(of.of)
        for node, n in zip(value, children, strict=True):
            each(w, node)
            w.size(n)

    return read, write


def _tree_bits(of: Custom) -> Codec:
    """Make the codec of a tree in chunks of bits, with a node for each bit set.

    A node is 1 and then its children; a list of siblings ends with 0.
    """

    def read(r: Reader) -> tuple[list[Any], list[int]]:
        each = _reader(of.of)
        nodes: list[Any] = []
        depth: list[int] = []
        level = 0  # depth of the list of siblings that is open
        done = False
        n = CHUNK
        first = True
        while n == CHUNK:
            n = r.number(_U32)
            if n > CHUNK:
                msg = f"a chunk of {n} bits in a tree"
                raise FormatError(msg)
            if n == 0 and first:
                return nodes, depth
            words = r.size(8)
            if words != -(-n // 64):
                msg = f"{words} words for {n} bits of a tree"
                raise FormatError(msg)
            packed = np.frombuffer(r.take(8 * words), np.uint8)
            for bit in np.unpackbits(packed, count=n, bitorder="little").tolist():
                if done:
                    msg = "bits of a tree go on after its end"
                    raise FormatError(msg)
                if bit:
                    nodes.append(each(r))
                    depth.append(level)
                    level += 1
                else:
                    level -= 1
                    done = level < 0
            first = False
        if not done:
            msg = "bits of a tree end in the middle"
            raise FormatError(msg)
        return nodes, depth

    def write(w: Writer, value: Tree) -> None:
        if not value:
            w.put(_U32.pack(0))
            return
        each = _writer(of.of)
        bits = np.zeros(2 * len(value) + 1, np.bool_)
        ones = np.arange(len(value)) * 2 - np.array(value.depth)
        bits[ones] = True
        node = 0
        for begin in range(0, bits.size + 1, CHUNK):
            chunk = bits[begin : begin + CHUNK]
            padded = np.zeros(-(-chunk.size // 64) * 64, np.bool_)
            padded[: chunk.size] = chunk
            w.put(_U32.pack(chunk.size))
            w.size(padded.size // 64)
            w.put(np.packbits(padded, bitorder="little").tobytes())
            for _ in range(int(np.count_nonzero(chunk))):
                each(w, value[node])
                node += 1

    return read, write


_CODECS: Final[dict[str, Callable[[Custom], Codec]]] = {
    "size": _size_field,
    "opaque": _opaque,
    "rest": _rest,
    "optional": _optional,
    "vector16": _vector16,
    "bits": _bits,
    "size_codec": _size_codec,
    "compact": _compact,
    "superdst_v0": _superdst_v0,
    "superdst_triggers": _superdst_triggers,
    "tree_counts": _tree_counts,
    "tree_bits": _tree_bits,
}


# -- blobs ----------------------------------------------------------------------------------------------------------


def class_name(blob: bytes) -> str:
    """Return the export name of the class that a blob holds, which stands at byte 4.

    Examples
    --------
    >>> class_name(encode(new("I3Double", value=1.0)))
    'I3Double'
    """
    if len(blob) < 8 or blob[:4] != b"\x00\x01\x02\x00":
        msg = f"a blob begins with {blob[:4].hex(' ') or 'nothing'}, not with 00 01 02 00"
        raise FormatError(msg)
    n = _U32.unpack_from(blob, 4)[0]
    if n > len(blob) - 10:
        msg = f"a class name of {n} bytes in a blob of {len(blob)}"
        raise FormatError(msg)
    return blob[8 : 8 + n].decode("utf-8", "surrogateescape")


def decode(blob: bytes) -> FrameObject:
    """Make the object that a blob holds.

    Returns
    -------
    Record, FrameMap, Tree or UnknownObject
        Unknown is what has no layout here, or a newer version than is known.

    Raises
    ------
    FormatError
        The bytes are not what the layout says, or bytes are left over.

    Examples
    --------
    >>> decode(encode(new("I3MapStringInt", {"a": 1})))
    {'a': 1}
    """
    blob = bytes(blob)
    known = _OPENINGS.get(blob[: 20 + blob[4]] if len(blob) > 4 else b"")
    if known is not None:
        obj = known.read(blob)
        if obj is not None:
            return obj
    return _decode(blob)


def _decode(blob: bytes) -> FrameObject:
    """Make the object that a blob holds, one value after another."""
    name = class_name(blob)
    version = blob[9 + len(name.encode("utf-8", "surrogateescape"))]
    if name not in CLASSES:
        return UnknownObject(name, version, blob)
    reader = Reader(blob)
    try:
        obj = _reader(ROOT)(reader)
    except _OpaqueError:
        return UnknownObject(name, version, blob)
    except (FormatError, struct.error, RecursionError) as err:
        what = str(err) if isinstance(err, FormatError) else "its bytes end in the middle"
        what = "it is nested too deeply" if isinstance(err, RecursionError) else what
        msg = f"{name} version {version}: at byte {reader.at} of {reader.end}: {what}"
        raise FormatError(msg) from None
    if reader.at != reader.end:
        msg = f"{name} version {version}: {reader.end - reader.at} bytes are left over at byte {reader.at}"
        raise FormatError(msg)
    if not isinstance(obj, Record | FrameMap | Tree):
        msg = f"{name} version {version} cannot be in a frame by itself"
        raise FormatError(msg)
    obj.versions = reader.versions()
    _learn(name, reader)
    return obj


MOST_OPENINGS: Final = 1000
"""How many ways in which blobs begin are remembered."""
MOST_SHAPES: Final = 4
"""How many forms of one class are remembered where its objects have one size."""


class _Opening:
    """How blobs go on that begin with the same class, version and base.

    Attributes
    ----------
    at : int
        Where the members begin.
    headers, types
        What is known there.
    """

    __slots__ = ("at", "headers", "read_rest", "shapes", "types")

    def __init__(self, name: str, version: int, base: Header) -> None:
        slot, base_slot = _slot(name), _slot("I3FrameObject")
        self.at = 20 + len(name)
        self.headers = {_ROOT_SLOT: (0, 1), slot: (1, version), base_slot: base}
        self.types = {_ROOT_SLOT: 0, base_slot: 1, slot: 2}
        self.shapes: list[tuple[Shape, Versions]] = []
        plan = _read_plan(name, version)[1:]
        self.read_rest: Read
        if kind(name) == "record":
            cls = record(name)

            def read_record(r: Reader) -> Any:
                obj = cls.__new__(cls)
                _read_members(r, obj, plan)
                return obj

            self.read_rest = read_record
        else:
            ((_, _, only),) = plan
            self.read_rest = (
                (lambda r: FrameMap(name, only(r)))
                if kind(name) == "map"
                else (lambda r: Tree(name, *only(r)))
            )

    def read(self, blob: bytes) -> FrameObject | None:
        """Make the object of such a blob; None where it is not as usual, or damaged."""
        obj: Any
        for made, versions in self.shapes:
            obj = made.read(blob)
            if obj is not None:
                obj.versions = dict(versions)
                return obj
        r = Reader(blob, quick=True)
        r.at = self.at
        r.headers, r.types = self.headers.copy(), self.types.copy()
        r.objects = [None, None]
        try:
            obj = self.read_rest(r)
        except (FormatError, struct.error, RecursionError, _OpaqueError):
            return None
        if r.at != r.end:
            return None
        obj.versions = r.versions()
        return obj


_OPENINGS: Final[dict[bytes, _Opening]] = {}


def _learn(name: str, r: Reader) -> None:
    """Remember how a blob begins that was read to its end."""
    slot, base_slot = _slot(name), _slot("I3FrameObject")
    (tracked, version), base = r.headers[slot], r.headers.get(base_slot, (0, 0))
    at = 20 + len(name.encode("utf-8", "surrogateescape"))
    opening = (
        b"\0\1\2\0" + _U32.pack(at - 20) + r.data[8 : at - 12]
        + bytes((tracked, min(version, 255))) + _U32.pack(0) + bytes((base[0], min(base[1], 255))) + _U32.pack(1)
    )  # fmt: skip
    plan = _plan(name, version)
    if (
        (tracked, base) != (1, (1, 0))
        or not r.data.startswith(opening)
        or at > 275
        or plan[0] != (None, None, "I3FrameObject")
        or (kind(name) != "record" and len(plan) != 2)
    ):
        return
    known = _OPENINGS.get(opening)
    if known is None:
        if len(_OPENINGS) >= MOST_OPENINGS:
            _OPENINGS.clear()
        known = _OPENINGS[opening] = _Opening(name, version, base)
    if fixed(name) and kind(name) == "record" and all(made.read(r.data) is None for made, _ in known.shapes):
        headers = {of: h for s, h in r.headers.items() if isinstance(of := _TYPES[s], str)}
        found = shape(name, headers, {name, "I3FrameObject"}, opening=opening, first=2)
        if found is not None and found.read(r.data) is not None:
            if len(known.shapes) >= MOST_SHAPES:
                known.shapes.clear()
            known.shapes.append((found, r.versions()))


def encode(obj: FrameObject) -> bytes:
    """Make the blob of an object: the versions it was read with, else the newest.

    Raises
    ------
    FormatError
        A member has a value that its type cannot hold.
    """
    if isinstance(obj, UnknownObject):
        return obj.blob
    if not isinstance(obj, Record | FrameMap | Tree):
        msg = f"{type(obj).__name__} is no frame object; make one with `new`"
        raise TypeError(msg)
    writer = Writer(obj.versions)
    try:
        _writer(ROOT)(writer, obj)
    except (struct.error, AttributeError, TypeError, ValueError, RecursionError) as err:
        if isinstance(err, FormatError):
            raise
        msg = f"{obj.i3class} cannot be written: {err}"
        raise FormatError(msg) from err
    return b"".join(writer.parts)
