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


def _usual(of: Any) -> tuple[int, int]:
    """Return tracking and version that are written for a type."""
    if isinstance(of, str) and of in CLASSES:
        return int(CLASSES[of].tracked), CLASSES[of].version
    return (0, 1) if isinstance(of, Pointer) and of.shared else (0, 0)


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


# -- reading --------------------------------------------------------------------------------------------------------


class Reader:
    """A place in a blob, with the class headers and objects met so far."""

    __slots__ = ("at", "data", "end", "headers", "objects", "types")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.end = len(data)
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
        n = self.size()
        self.at += n
        return self.data[self.at - n : self.at].decode("utf-8", "surrogateescape")

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
        return {_TYPES[slot]: h for slot, h in self.headers.items() if h != _usual(_TYPES[slot])}


Read = Callable[[Reader], Any]


@cache
def _reader(of: Type) -> Read:
    """Make the function that reads a value of a type."""
    if isinstance(of, str):
        if of in CODES:
            code = struct.Struct("<" + CODES[of])
            return lambda r: r.number(code)
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

    def read(r: Reader) -> Any:
        tracked, version = r.headers.get(slot) or r.enter(slot)
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


def _read_base(r: Reader, obj: Any, name: str) -> None:
    """Read the base class of an object into it."""
    tracked, version = r.enter(_slot(name))
    if version > CLASSES[name].version:
        raise _OpaqueError
    if tracked and r.track() is not None:
        msg = "a base class that stands for an earlier object"
        raise FormatError(msg)
    if obj is not None:
        _read_members(r, obj, name, version)


def _read_members(r: Reader, obj: Any, name: str, version: int) -> None:
    for code, names, of in _plan(name, version):
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
            setattr(obj, names, _reader(of)(r))


def _read_record(r: Reader, name: str, version: int) -> Any:
    cls = record(name)
    obj = cls.__new__(cls)
    _read_members(r, obj, name, version)
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
    _read_members(r, members, name, version)
    return KEYS[name](**vars(members))


def _read_only(r: Reader, name: str, version: int) -> Any:
    """Read the bases, which have no data, and then the one value of a class."""
    value = None
    for _, member, of in _plan(name, version):
        if member is None:
            _read_base(r, None, of)
        else:
            value = _reader(of)(r)
    return value


def _read_value(r: Reader, name: str, version: int) -> Any:
    return _read_only(r, name, version)


def _read_map(r: Reader, name: str, version: int) -> FrameMap:
    return FrameMap(name, _read_only(r, name, version))


def _read_tree(r: Reader, name: str, version: int) -> Tree:
    return Tree(name, *_read_only(r, name, version))


def _vector_reader(of: Vector) -> Read:
    if isinstance(of.of, str) and of.of in DTYPES:
        dtype = np.dtype(DTYPES[of.of])
        return lambda r: r.array(dtype, r.size(dtype.itemsize))
    slot = _slot(of)
    element = of.of
    simple = element if isinstance(element, str) and element in CLASSES else ""
    masks = bool(simple) and [field.type for field in CLASSES[simple].at(0)] == [Custom("bits")]

    def read(r: Reader) -> Any:
        _begin(r, slot)
        n = r.size()
        if simple and kind(simple) in {"record", "key"} and (not n or n > 1 or plain(simple, 0) is not None):
            values = _read_block(r, simple, n)
            if values is not None:
                return values
        if n and masks and r.headers.get(_slot(element)) == (0, 0):
            return _read_bits(r, n)
        each = _reader(element)
        return [each(r) for _ in range(n)]

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
    element = of.value.of if isinstance(of.value, Vector) and isinstance(of.value.of, str) else ""
    blocks = (
        isinstance(of.key, str)
        and of.key in KEYS
        and element in CLASSES
        and plain(element, 0) is not None
        and plain(element, CLASSES[element].version) is not None
    )
    key_name, element_slot = str(of.key), _slot(element) if blocks else -1

    def read(r: Reader) -> dict[Any, Any]:
        _begin(r, slot)
        key, value = _reader(of.key), _reader(of.value)
        out: dict[Any, Any] = {}
        n, tried = r.size(), not blocks
        for i in range(n):
            if not tried and i and element_slot in r.headers:
                tried = True  # all headers are behind: what is left has one form
                found = _read_map_of_blocks(r, of, key_name, element, n - i)
                if found is not None:
                    out.update(found)
                    break
            _begin(r, pair)
            k = key(r)
            out[k] = value(r)
        return out

    return read


def _read_map_of_blocks(r: Reader, of: Map, key_name: str, name: str, n: int) -> dict[Any, Any] | None:
    """Read n keys, each with structs of numbers, at once; None, and nothing read, if any is not in the usual form.

    All headers are known. The arrays of the keys are parts of one.
    """
    slot = _slot(key_name)
    tracked, version = r.headers.get(slot, (0, 0))
    plan = _plan(key_name, version) if version <= CLASSES[key_name].version else ()
    struct_tracked, struct_version = r.headers[_slot(name)]
    block = _block(name, struct_version, struct_tracked)
    if not (
        tracked == 1
        and block is not None
        and (block[2] <= struct_tracked or r.headers.get(_slot("I3FrameObject")) == (1, 0))
        and r.headers.get(_pair_slot(of), (1, 0))[0] == r.headers.get(_slot(of.value), (1, 0))[0] == 0
        and len(plan) == 1
        and plan[0][0] is not None
        and plan[0][2] is None
    ):
        return None
    stored, dtype, ids = block
    head = struct.Struct(f"<I{plan[0][0].format[1:]}I")
    make, unpack, data, size, end = KEYS[key_name]._make, head.unpack_from, r.data, head.size, r.end
    at, first, stride = r.at, len(r.objects), stored.itemsize
    number = first
    keys, begins, counts = [], [], []
    for _ in range(n):
        if at + size > end:
            return None
        found = unpack(data, at)
        count = found[-1]
        at += size
        if found[0] != number or count * stride > end - at:
            return None
        keys.append(make(found[1:-1]))
        begins.append(at)
        counts.append(count)
        at += count * stride
        number += 1 + count * ids
    many = np.array(counts)
    stops = np.cumsum(many)
    inside = np.arange(int(stops[-1])) - np.repeat(stops - many, many)  # which of its key each struct is
    places = np.repeat(np.array(begins), many) + inside * stride
    rows = (
        np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), stride)[places]
        if places.size
        else (np.empty((0, stride), np.uint8))
    )
    values = rows.view(stored)[:, 0]
    before = first + 1 + np.arange(n) + (stops - many) * ids  # objects before the structs of each key
    for i in range(ids):
        if not (values[f"#{i}"] == np.repeat(before, many) + inside * ids + i).all():
            return None
    out = np.empty(values.size, dtype)
    for member in dtype.names or ():
        out[member] = values[member]
    whole = table(out)
    r.at = at
    for key, count in zip(keys, counts, strict=True):
        r.objects.append((slot, key))
        r.objects += [None] * (count * ids)
    part = np.ndarray.__getitem__
    return {
        key: part(whole, slice(stop - count, stop))
        for key, count, stop in zip(keys, counts, stops.tolist(), strict=True)
    }


def _pair_reader(of: Pair) -> Read:
    slot = _slot(of)

    def read(r: Reader) -> tuple[Any, Any]:
        _begin(r, slot)
        return _reader(of.first)(r), _reader(of.second)(r)

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

    def read(r: Reader) -> Any:
        _begin(r, slot)
        which = r.number(_I32)
        if not 0 <= which < len(of.of):
            msg = f"alternative {which} of {len(of.of)}"
            raise FormatError(msg)
        return Alternative(which, _reader(of.of[which])(r))

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
    begin, spans = r.at, []
    for _ in range(n):
        size, padding = _BITS_HEAD.unpack(r.take(3))
        if padding > 8 or padding > 8 * size:
            msg = f"{padding} unused bits in a mask of {size} bytes"
            raise FormatError(msg)
        first = 8 * (r.at - begin)
        r.take(size)
        spans.append((first, first + 8 * size - padding, padding))
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
    name = class_name(blob)
    version = blob[9 + len(name.encode("utf-8", "surrogateescape"))]
    if name not in CLASSES:
        return UnknownObject(name, version, bytes(blob))
    reader = Reader(bytes(blob))
    try:
        obj = _reader(ROOT)(reader)
    except _OpaqueError:
        return UnknownObject(name, version, bytes(blob))
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
    return obj


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
