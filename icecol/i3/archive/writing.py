"""Writing a blob value by value: one function per type, made once from its layout."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError
from icecol.i3.archive.arrays import CODES, DTYPES, pair_dtype
from icecol.i3.archive.containers import Versions
from icecol.i3.archive.kinds import kind
from icecol.i3.archive.objects import default
from icecol.i3.archive.old_values import as_stored
from icecol.i3.archive.types import (
    CODECS,
    I16,
    I32,
    TYPES,
    U32,
    U64,
    block_of,
    pair_slot,
    slot_of,
    steps_of,
    usual,
)
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import CArray, Custom, Enum, Map, Pair, Pointer, RawPairs, Type, Variant, Vector
from icecol.i3.classes.own import per_class


class Writer:
    """The bytes of a blob so far, and the class headers and objects written."""

    __slots__ = ("headers", "n_objects", "parts", "pointed", "types", "versions")

    def __init__(self, versions: Versions) -> None:
        self.parts: list[bytes] = []
        self.headers: dict[int, tuple[int, int]] = {}
        self.types: dict[int, int] = {}
        self.versions = {slot_of(of): header for of, header in versions.items()}
        self.n_objects = 0
        self.pointed: dict[tuple[str, int], int] = {}

    def put(self, data: bytes) -> None:
        """Append bytes."""
        self.parts.append(data)

    def size(self, n: int) -> None:
        """Append a size."""
        self.parts.append(U32.pack(n) if n < 0xFFFFFFFF else U32.pack(0xFFFFFFFF) + U64.pack(n))

    def string(self, text: str) -> None:
        """Append a string."""
        data = text.encode("utf-8", "surrogateescape")
        self.size(len(data))
        self.parts.append(data)

    def enter(self, slot: int) -> tuple[int, int]:
        """Append the class header, before the first instance of a type."""
        header = self.headers.get(slot)
        if header is None:
            self.types.setdefault(slot, len(self.types))
            header = self.headers[slot] = self.versions.get(slot) or usual(TYPES[slot])
            tracked, version = header
            self.put(
                bytes((tracked, version)) if version < 255 else bytes((tracked, 255)) + U64.pack(version)
            )
        return header

    def track(self) -> None:
        """Append the next object id."""
        self.put(U32.pack(self.n_objects))
        self.n_objects += 1


Write = Callable[[Writer, Any], None]


def _open(w: Writer, slot: int) -> None:
    """Write the header and, if tracked, the object id of a container."""
    if (w.headers.get(slot) or w.enter(slot))[0]:
        w.track()


@per_class
def writer_of(of: Type) -> Write:
    """Return the function that writes a value of a type."""
    if isinstance(of, str):
        if of in CODES:
            code = struct.Struct("<" + CODES[of])
            return lambda w, value: w.put(code.pack(value))
        return Writer.string if of == "str" else _class_writer(of)
    match of:
        case Enum():
            return lambda w, value: w.put(I32.pack(value))
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
            return CODECS[of.codec](of)[1]
    msg = f"{of!r} is not a type"
    raise TypeError(msg)


def _class_writer(name: str) -> Write:
    slot = slot_of(name)
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
    for _, member, of in steps_of(name, version):
        if member is None:
            _open(w, slot_of(of))
        else:
            writer_of(of)(w, value)


def _write_members(w: Writer, value: Any, name: str, version: int) -> None:
    value = as_stored(name, version, value)
    for code, names, of in steps_of(name, version):
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
            tracked, base_version = w.headers.get(slot_of(of)) or w.enter(slot_of(of))
            if tracked:
                w.track()
            _write_members(w, value, of, base_version)
        else:
            found = getattr(value, names)
            if found is None and not isinstance(of, Pointer) and of != OPTIONAL:
                found = default(of)()
            writer_of(of)(w, found)


OPTIONAL: Final = Custom("optional", "i32")


def _vector_writer(of: Vector) -> Write:
    if isinstance(of.of, str) and of.of in DTYPES:
        dtype = np.dtype(DTYPES[of.of])

        def write_numbers(w: Writer, value: Any) -> None:
            data = np.ascontiguousarray(value, dtype)
            w.size(data.size)
            w.put(data.tobytes())

        return write_numbers
    slot = slot_of(of)
    element = of.of
    simple = element if isinstance(element, str) and element in CLASSES else ""

    def write(w: Writer, value: Any) -> None:
        _open(w, slot)
        w.size(len(value))
        if simple and isinstance(value, np.ndarray):
            if len(value):
                _write_block(w, simple, value)
            return
        each = writer_of(element)
        for item in value:
            each(w, item)

    return write


def _write_block(w: Writer, name: str, value: npt.NDArray[Any]) -> None:
    """Write structs of numbers from an array."""
    tracked, version = w.headers.get(slot_of(name)) or w.enter(slot_of(name))
    block = block_of(name, version, tracked)
    if block is None:
        msg = f"{name} version {version} cannot be written from an array"
        raise FormatError(msg)
    stored, dtype, ids = block
    missing = set(dtype.names or ()) - set(value.dtype.names or ())
    if missing:
        msg = f"array for {name} version {version} lacks the members {', '.join(sorted(missing))}"
        raise FormatError(msg)
    out = np.empty(len(value), stored)
    for i in range(ids):
        out[f"#{i}"] = np.arange(w.n_objects + i, w.n_objects + i + len(value) * ids, ids)
    w.n_objects += len(value) * ids
    for member in dtype.names or ():
        out[member] = value[member]
    data = out.tobytes()
    if ids > tracked and slot_of("I3FrameObject") not in w.headers:
        w.put(data[: 4 * tracked])
        w.enter(slot_of("I3FrameObject"))
        data = data[4 * tracked :]
    w.put(data)


def _raw_pairs_writer(of: RawPairs) -> Write:
    slot = slot_of(of)
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
    slot, pair, order = slot_of(of), pair_slot(of), _order(of.key)

    def write(w: Writer, value: Any) -> None:
        _open(w, slot)
        w.size(len(value))
        key, item = writer_of(of.key), writer_of(of.value)
        for k in sorted(value, key=order):
            _open(w, pair)
            key(w, k)
            item(w, value[k])

    return write


def _pair_writer(of: Pair) -> Write:
    slot = slot_of(of)

    def write(w: Writer, value: Any) -> None:
        _open(w, slot)
        writer_of(of.first)(w, value[0])
        writer_of(of.second)(w, value[1])

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
        each = writer_of(of.of)
        for item in value:
            each(w, item)

    return write


def _pointer_writer(of: Pointer) -> Write:
    slot, target = slot_of(of), slot_of(of.to)

    def write(w: Writer, value: Any) -> None:
        _open(w, slot)
        if not of.abstract:
            w.types.setdefault(target, len(w.types))
        if value is None:
            w.put(I16.pack(-1))
            return
        name = value.i3class if of.derived else of.to
        number = w.types.get(slot_of(name))
        if number is None:
            number = w.types[slot_of(name)] = len(w.types)
            w.put(I16.pack(number))
            w.string(name)
        else:
            w.put(I16.pack(number))
        known = w.pointed.get((name, id(value)))
        if known is not None:
            w.put(U32.pack(known))
            return
        if (w.headers.get(slot_of(name)) or usual(name))[0]:
            w.pointed[name, id(value)] = w.n_objects
        writer_of(name)(w, value)

    return write


def _variant_writer(of: Variant) -> Write:
    slot = slot_of(of)

    def write(w: Writer, value: Any) -> None:
        _open(w, slot)
        which, inner = value
        w.put(I32.pack(which))
        writer_of(of.of[which])(w, inner)

    return write
