"""Many values at once: structs of numbers as an array, values of one size by one `struct`, maps of arrays as one array.

They read what `icecol.i3.archive.reading` reads value by value. Where the bytes are unusual these functions return
None, leave it to the given reader, or raise a FormatError, and everything is read again without them.
"""

from __future__ import annotations

import struct
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError
from icecol.i3.archive.arrays import DTYPES, table
from icecol.i3.archive.fixed_size import Header, Shape, inside, shape
from icecol.i3.archive.keys import KEYS
from icecol.i3.archive.kinds import is_base, kind, plain
from icecol.i3.archive.objects import record
from icecol.i3.archive.reader import Read, Reader, begin, enter_base
from icecol.i3.archive.types import U32, OpaqueError, block_of, pair_slot, slot_of
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import Map, Type, Vector
from icecol.i3.classes.own import per_class


def at_once(name: str, r: Reader) -> Read | None:
    """Return how to read a further value of a fixed class; None if not all headers inside are known."""
    headers = tuple((inner, h) for inner in inside(name) if (h := r.headers.get(slot_of(inner))) is not None)
    return _reader_of_shape(name, headers)


def shape_at(name: str, r: Reader) -> Shape | None:
    """Return the shape of a fixed class; None if not all headers inside are known."""
    return _shape(
        name, tuple((inner, h) for inner in inside(name) if (h := r.headers.get(slot_of(inner))) is not None)
    )


@per_class
def _shape(name: str, headers: tuple[tuple[str, Header], ...]) -> Shape | None:
    made = shape(name, dict(headers), {inner for inner, _ in headers})
    return None if made is None or made.expected else made


@per_class
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
                msg = f"unexpected object ids in {name}"
                raise FormatError(msg)
            r.objects += unknown
        return build(numbers(parts))

    return read


def read_keys(r: Reader, name: str, n: int, each: Read) -> list[Any]:
    """Read n keys of a kind whose headers are known."""
    made = shape_at(name, r)
    cls = KEYS[name]
    if made is None or made.ids > 1 or len(made.code.format) - 1 != made.ids + len(cls._fields):
        return [each(r) for _ in range(n)]
    end = r.at + n * made.code.size
    if end > r.end:
        msg = f"{n} {name} of {made.code.size} bytes, but only {r.end - r.at} bytes are left"
        raise FormatError(msg)
    rows = list(made.code.iter_unpack(r.data[r.at : end]))
    keys = list(map(tuple.__new__, repeat(cls), map(made.numbers, rows)))
    if made.ids:
        first = len(r.objects)
        if [row[0] for row in rows] != list(range(first, first + n)):
            msg = f"unexpected object ids in {name}"
            raise FormatError(msg)
        r.objects += [None] * n
    r.at = end
    return keys


def read_block(r: Reader, name: str, n: int) -> Any:
    """Read n structs of numbers at once; None if they are something else, or not in the usual order."""
    slot = slot_of(name)
    header = r.headers.get(slot)
    if n == 0:
        found = plain(name, header[1] if header else CLASSES[name].version)
        return None if found is None else table(np.zeros(0, found[0]))
    if plain(name, CLASSES[name].version) is None:
        return None
    tracked, version = header or r.enter(slot)
    if version > CLASSES[name].version:
        raise OpaqueError
    block = block_of(name, version, tracked)
    base = r.headers.get(slot_of("I3FrameObject"))
    if block is None or (block[2] > tracked and base != (1, 0)):
        return None
    stored, dtype, ids = block
    if n * stored.itemsize > r.end - r.at:
        msg = f"{n} {name} of {stored.itemsize} bytes, but only {r.end - r.at} bytes are left"
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


def read_shapes_by_name(r: Reader, name: str, made: Shape, n: int, out: dict[str, Any]) -> None:
    """Read n names, each with a value of fixed size, into a dict."""
    data, at, end, objects = r.data, r.at, r.end, r.objects
    length, value, width, ids = U32.unpack_from, made.code.unpack_from, made.code.size, made.ids
    numbering, numbers, build = made.numbering, made.numbers, made.build
    first = len(objects)
    for _ in range(n):
        stop = at + 4 + length(data, at)[0]
        if stop > end:
            msg = "a string extends beyond the object"
            raise FormatError(msg)
        parts = value(data, stop)
        if ids and numbering(parts) != tuple(range(first, first + ids)):
            msg = f"unexpected object ids in {name}"
            raise FormatError(msg)
        out[data[at + 4 : stop].decode("utf-8", "surrogateescape")] = build(numbers(parts))
        first += ids
        at = stop + width
    objects += [None] * (n * ids)
    r.at = at


def wrapped(of: Type) -> Vector | None:
    """Return the vector that a type is, bare or as the only member of a class."""
    if isinstance(of, str) and of in CLASSES and kind(of) == "record" and len(CLASSES[of].fields) == 2:
        base, only = CLASSES[of].fields
        if base.type == "I3FrameObject" and is_base(base) and only.name == "value":
            of = only.type
    return of if isinstance(of, Vector) and isinstance(of.of, str) else None


def read_numbers_by_name(r: Reader, number: struct.Struct, n: int, out: dict[str, Any]) -> None:
    """Read n names, each with a number, into a dict."""
    data, at, end = r.data, r.at, r.end
    length, value, width = U32.unpack_from, number.unpack_from, number.size
    for _ in range(n):
        stop = at + 4 + length(data, at)[0]
        if stop > end:
            msg = "a string extends beyond the object"
            raise FormatError(msg)
        out[data[at + 4 : stop].decode("utf-8", "surrogateescape")] = value(data, stop)[0]
        at = stop + width
    r.at = at


def read_map_of_arrays(r: Reader, of: Map, name: str, n: int, key: Read) -> dict[Any, Any]:
    """Read n keys, each with numbers or structs of numbers, whose arrays are parts of one."""
    key_name, vector = str(of.key), wrapped(of.value)
    value_slot = slot_of(vector)
    whole_class = of.value if isinstance(of.value, str) else ""
    whole_slot = slot_of(whole_class)
    out: dict[Any, Any] = {}
    stored: np.dtype[Any]
    dtype: np.dtype[Any]
    stored = dtype = np.dtype(DTYPES.get(name, "u1"))
    ids = count = of_value = 0
    first_key: Any = None
    while n:  # until all headers have been read
        begin(r, pair_slot(of))
        first_key = key(r)
        if whole_class:
            of_value = len(r.objects)
            tracked, version = r.headers.get(whole_slot) or r.enter(whole_slot)
            if version > CLASSES[whole_class].version or (tracked and r.track() is not None):
                raise OpaqueError
            enter_base(r, "I3FrameObject")
            of_value = len(r.objects) - of_value
        if name not in DTYPES:
            begin(r, value_slot)
        count = r.size()
        n -= 1
        if name in DTYPES:
            break
        if count:
            tracked, version = r.headers.get(slot_of(name)) or r.enter(slot_of(name))
            block = block_of(name, version, tracked) if version <= CLASSES[name].version else None
            if block is None or (block[2] > tracked and r.headers.get(slot_of("I3FrameObject")) != (1, 0)):
                msg = f"{name} version {version} is not read at once"
                raise FormatError(msg)
            stored, dtype, ids = block
            break
        if whole_class:
            msg = f"a {whole_class} without elements before all others is not read at once"
            raise FormatError(msg)
        out[first_key] = read_block(r, name, 0)
    if not count and not n and first_key in out:
        return out
    made = shape_at(key_name, r)
    headers = r.headers
    if (
        made is None
        or made.ids > 1
        or len(made.code.format) - 1 != made.ids + len(KEYS[key_name]._fields)
        or headers[pair_slot(of)] != (0, 0)
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
                msg = f"unexpected object id in {key_name}"
                raise FormatError(msg)
            gaps.append(number - first)
            number += 1
        for i in range(of_value):
            if found[last + i] != number:
                msg = f"unexpected object id in {whole_class}"
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
        msg = f"{count} {name}, but only {end - at} bytes are left"
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
                msg = f"unexpected object ids in {name}"
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
    part, start = np.ndarray.__getitem__, 0
    make: Any = record(whole_class) if whole_class else None
    for k, size in zip(keys, counts, strict=True):
        out[k] = array = part(whole, slice(start, start + size))
        if make is not None:
            out[k] = obj = make.__new__(make)
            obj.value = array
        start += size
    return out
