"""Reading a blob value by value: one function per type, made once from its layout."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError
from icecol.i3.archive.fixed_size import Header, Shape, fixed, inside, shape
from icecol.i3.archive.objects import (
    CODES,
    DTYPES,
    KEYS,
    Alternative,
    FrameMap,
    Tree,
    Versions,
    is_base,
    kind,
    members_of,
    pair_dtype,
    plain,
    record,
    table,
)
from icecol.i3.archive.old_values import to_today
from icecol.i3.archive.types import (
    CODECS,
    I16,
    I32,
    ROOT,
    TYPES,
    U32,
    U64,
    OpaqueError,
    block_of,
    pair_slot,
    slot_of,
    steps_of,
    usual_of,
)
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import CArray, Custom, Enum, Map, Pair, Pointer, RawPairs, Type, Variant, Vector
from icecol.i3.classes.old_values import change_of
from icecol.i3.classes.own import per_class


class Reader:
    """A position in a blob, with the class headers and objects encountered so far.

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
            msg = f"expected {n} bytes, but only {self.end - self.at} bytes are left"
            raise FormatError(msg)
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, code: struct.Struct) -> Any:
        """Return one number."""
        value = code.unpack_from(self.data, self.at)[0]
        self.at += code.size
        return value

    def size(self, each: int = 1) -> int:
        """Return a size, after checking that this many elements of `each` bytes can follow."""
        n: int = U32.unpack_from(self.data, self.at)[0]
        self.at += 4
        if n == 0xFFFFFFFF:
            n = self.number(U64)
        if n * each > self.end - self.at:
            msg = f"size {n}, but only {self.end - self.at} bytes are left"
            raise FormatError(msg)
        return n

    def string(self) -> str:
        """Return a string; bytes that are not UTF-8 become lone surrogates."""
        begin = self.at + 4
        stop = begin + U32.unpack_from(self.data, self.at)[0]
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
        """Return tracking flag and version of a type, which precede its first instance in the blob."""
        header = self.headers.get(slot)
        if header is None:
            self.types.setdefault(slot, len(self.types))
            tracked, version = self.take(2)
            if tracked > 1:
                msg = f"invalid tracking flag {tracked} in a class header"
                raise FormatError(msg)
            if version == 255:
                version = self.number(U64)
            header = self.headers[slot] = (tracked, version)
        return header

    def track(self) -> tuple[int, Any] | None:
        """Read an object id: return None for a new object, else type and value of the object it refers to."""
        number = U32.unpack_from(self.data, self.at)[0]
        self.at += 4
        if number == len(self.objects):
            self.objects.append(None)
            return None
        if number > len(self.objects) or self.objects[number] is None:
            msg = f"object id {number} after {len(self.objects)} objects"
            raise FormatError(msg)
        return self.objects[number]

    def versions(self) -> Versions:
        """Return the headers that differ from those of the newest version."""
        return {TYPES[slot]: h for slot, h in self.headers.items() if h != usual_of(slot)}


Read = Callable[[Reader], Any]


@per_class
def read_steps(name: str, version: int) -> tuple[tuple[Any, ...], ...]:
    """Return the steps of a class version with readers in the place of types.

    A last step (None, "", function) brings the object up to date where members mean something else today.
    """
    steps: list[tuple[Any, ...]] = [
        (code, names, of if code is not None or names is None else reader_of(of))
        for code, names, of in steps_of(name, version)
    ]
    if change_of(name, version) is not None:
        steps.append((None, "", partial(to_today, name, version)))
    return tuple(steps)


@per_class
def reader_of(of: Type) -> Read:
    """Make the function that reads a value of a type."""
    if isinstance(of, str):
        if of in CODES:
            return _number_reader(CODES[of])
        return Reader.string if of == "str" else _class_reader(of)
    match of:
        case Enum():
            names = members_of(of)

            def read_enum(r: Reader) -> Any:
                value = r.number(I32)
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
            return CODECS[of.codec](of)[0]
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
        msg = "a container refers to an earlier one"
        raise FormatError(msg)


def _class_reader(name: str) -> Read:
    if name not in CLASSES:
        msg = f"no layout is known for class {name!r}"
        raise KeyError(msg)
    slot = slot_of(name)
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
            raise OpaqueError
        if not tracked:
            return build(r, name, version)
        number = len(r.objects)
        known = r.track()
        if known is not None:
            if known[0] != slot:
                msg = f"{name} refers to an earlier object of class {TYPES[known[0]]}"
                raise FormatError(msg)
            return known[1]
        value = build(r, name, version)
        r.objects[number] = slot, value
        return value

    return read


def _at_once(name: str, r: Reader) -> Read | None:
    """Return how to read a further value of a fixed class; None if not all headers inside are known."""
    headers = tuple((inner, h) for inner in inside(name) if (h := r.headers.get(slot_of(inner))) is not None)
    return _reader_of_shape(name, headers)


def _shape_at(name: str, r: Reader) -> Shape | None:
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


def _read_base(r: Reader, obj: Any, name: str) -> None:
    """Read the base class of an object into it."""
    tracked, version = r.enter(slot_of(name))
    if version > CLASSES[name].version:
        raise OpaqueError
    if tracked and r.track() is not None:
        msg = "a base class refers to an earlier object"
        raise FormatError(msg)
    if obj is not None:
        read_members(r, obj, read_steps(name, version))


def read_members(r: Reader, obj: Any, plan: tuple[tuple[Any, ...], ...]) -> None:
    """Read the members of an object into it, by the steps of its class."""
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
        elif names:
            setattr(obj, names, of(r))
        else:
            of(obj)


def _read_record(r: Reader, name: str, version: int) -> Any:
    cls = record(name)
    obj = cls.__new__(cls)
    read_members(r, obj, read_steps(name, version))
    return obj


class _Members:
    """Somewhere to put members."""


def _read_key(r: Reader, name: str, version: int) -> Any:
    plan = steps_of(name, version)
    if len(plan) == 1 and plan[0][0] is not None and plan[0][2] is None:
        code = plan[0][0]
        r.at += code.size
        return KEYS[name](*code.unpack_from(r.data, r.at - code.size))
    members = _Members()
    read_members(r, members, read_steps(name, version))
    return KEYS[name](**vars(members))


def _read_only(r: Reader, name: str, version: int) -> Any:
    """Read the bases, which have no data, and then the one value of a class."""
    value = None
    for code, member, of in read_steps(name, version):
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
    slot = slot_of(of)
    element = of.of
    simple = element if isinstance(element, str) and element in CLASSES else ""
    masks = bool(simple) and [field.type for field in CLASSES[simple].at(0)] == [Custom("bits")]
    structs = bool(simple) and kind(simple) in {"record", "key"}
    first_plain = structs and plain(simple, 0) is not None
    keys = bool(simple) and kind(simple) == "key"
    each = reader_of(element)

    def read(r: Reader) -> Any:
        if r.headers.get(slot) != (0, 0):
            _begin(r, slot)
        n = r.size()
        if structs and (not n or n > 1 or first_plain):
            values = _read_block(r, simple, n)
            if values is not None:
                return values
        if n and masks and r.headers.get(slot_of(element)) == (0, 0):
            return read_bits(r, n)
        if n > 2 and keys and r.quick:
            return [each(r), *_read_keys(r, simple, n - 1)]
        return [each(r) for _ in range(n)]

    return read


def _read_keys(r: Reader, name: str, n: int) -> list[Any]:
    """Read n keys of a kind whose headers are known."""
    each = reader_of(name)
    made = _shape_at(name, r)
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


def _read_block(r: Reader, name: str, n: int) -> Any:
    """Read n structs of numbers at once; None if they are not such, or not in the usual order."""
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


def _raw_pairs_reader(of: RawPairs) -> Read:
    slot = slot_of(of)
    dtype = pair_dtype(of)

    def read(r: Reader) -> Any:
        _begin(r, slot)
        return r.array(dtype, r.size(dtype.itemsize))

    return read


def _map_reader(of: Map) -> Read:
    slot, pair = slot_of(of), pair_slot(of)
    key, value = reader_of(of.key), reader_of(of.value)
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
    length, value, width, ids = U32.unpack_from, made.code.unpack_from, made.code.size, made.ids
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
    length, value, width = U32.unpack_from, number.unpack_from, number.size
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
    key, value_slot = reader_of(of.key), slot_of(vector)
    whole_class = of.value if isinstance(of.value, str) else ""
    whole_slot = slot_of(whole_class)
    out: dict[Any, Any] = {}
    stored: np.dtype[Any]
    dtype: np.dtype[Any]
    stored = dtype = np.dtype(DTYPES.get(name, "u1"))
    ids = count = of_value = 0
    first_key: Any = None
    while n:  # until all headers are behind
        _begin(r, pair_slot(of))
        first_key = key(r)
        if whole_class:
            of_value = len(r.objects)
            tracked, version = r.headers.get(whole_slot) or r.enter(whole_slot)
            if version > CLASSES[whole_class].version or (tracked and r.track() is not None):
                raise OpaqueError
            _read_base(r, None, "I3FrameObject")
            of_value = len(r.objects) - of_value
        if name not in DTYPES:
            _begin(r, value_slot)
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
        out[first_key] = _read_block(r, name, 0)
    if not count and not n and first_key in out:
        return out
    made = _shape_at(key_name, r)
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
    slot = slot_of(of)
    first, second = reader_of(of.first), reader_of(of.second)

    def read(r: Reader) -> tuple[Any, Any]:
        _begin(r, slot)
        return first(r), second(r)

    return read


def _c_array_reader(of: CArray) -> Read:
    def read(r: Reader) -> Any:
        n = r.size()
        if n != of.n:
            msg = f"{n} elements for an array of {of.n}"
            raise FormatError(msg)
        if isinstance(of.of, str) and of.of in DTYPES:
            dtype = np.dtype(DTYPES[of.of])
            r.at -= 4
            return r.array(dtype, r.size(dtype.itemsize))
        each = reader_of(of.of)
        rows = [each(r) for _ in range(n)]
        return np.array(rows) if isinstance(rows[0], np.ndarray) else rows

    return read


def _pointer_reader(of: Pointer) -> Read:
    slot, target = slot_of(of), slot_of(of.to)

    def read(r: Reader) -> Any:
        _begin(r, slot)
        if not of.abstract:
            r.types.setdefault(target, len(r.types))
        number = r.number(I16)
        if number == -1:
            return None
        if number == len(r.types) and of.derived:
            name = r.string()
            if name not in CLASSES:
                raise OpaqueError
            if of is not ROOT and name not in of.derived:
                msg = f"pointer to {name!r}, which is not a {of.to}"
                raise FormatError(msg)
            r.types.setdefault(slot_of(name), number)
        else:
            found = next((TYPES[s] for s, i in r.types.items() if i == number), None)
            name = found if isinstance(found, str) else ""
            if name not in CLASSES or (name != of.to and name not in of.derived):
                msg = f"pointer to type {number} of {len(r.types)}, which is not a {of.to}"
                raise FormatError(msg)
        return reader_of(name)(r)

    return read


def _variant_reader(of: Variant) -> Read:
    slot = slot_of(of)
    readers = [reader_of(alternative) for alternative in of.of]

    def read(r: Reader) -> Any:
        if r.headers.get(slot) != (0, 0):
            _begin(r, slot)
        which = I32.unpack_from(r.data, r.at)[0]
        r.at += 4
        if not 0 <= which < len(readers):
            msg = f"alternative {which} of {len(readers)}"
            raise FormatError(msg)
        return Alternative(which, readers[which](r))

    return read


class SpareByte(np.ndarray[Any, Any]):
    """A mask without bits, stored as one unused byte."""


BITS_HEAD: Final = struct.Struct("<HB")


def read_bits(r: Reader, n: int) -> list[npt.NDArray[np.bool_]]:
    """Read n consecutive masks, as parts of one array."""
    begin = at = r.at
    data, end, head, spans = r.data, r.end, BITS_HEAD.unpack_from, []
    for _ in range(n):
        size, padding = head(data, at)
        if padding > 8 or padding > 8 * size:
            r.at = at
            msg = f"{padding} padding bits in a mask of {size} bytes"
            raise FormatError(msg)
        first = 8 * (at + 3 - begin)
        at += 3 + size
        spans.append((first, first + 8 * size - padding, padding))
    if at > end:
        msg = f"masks of {at - begin} bytes, but only {end - begin} bytes are left"
        raise FormatError(msg)
    r.at = at
    packed = np.frombuffer(r.data, np.uint8, r.at - begin, begin)
    bits = np.unpackbits(packed, bitorder="little").view(np.bool_)
    return [bits[a:b] if padding < 8 else bits[a:b].view(SpareByte) for a, b, padding in spans]
