"""Reading a blob value by value: one function per type, made once from its layout."""

from __future__ import annotations

import struct
from functools import partial
from typing import Any

import numpy as np

from icecol.errors import FormatError
from icecol.i3.archive.arrays import CODES, DTYPES, pair_dtype
from icecol.i3.archive.at_once import (
    at_once,
    read_block,
    read_keys,
    read_map_of_arrays,
    read_numbers_by_name,
    read_shapes_by_name,
    shape_at,
    wrapped,
)
from icecol.i3.archive.containers import Alternative, FrameMap, Tree
from icecol.i3.archive.fixed_size import fixed
from icecol.i3.archive.keys import KEYS
from icecol.i3.archive.kinds import kind, members_of, plain
from icecol.i3.archive.masks import read_bits
from icecol.i3.archive.objects import record
from icecol.i3.archive.old_values import to_today
from icecol.i3.archive.reader import Read, Reader, begin, enter_base
from icecol.i3.archive.types import (
    CODECS,
    I16,
    I32,
    ROOT,
    TYPES,
    OpaqueError,
    pair_slot,
    slot_of,
    steps_of,
)
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import CArray, Custom, Enum, Map, Pair, Pointer, RawPairs, Type, Variant, Vector
from icecol.i3.classes.old_values import change_of
from icecol.i3.classes.own import per_class


@per_class
def read_steps(name: str, version: int) -> tuple[tuple[Any, ...], ...]:
    """Return the steps of a class version, with readers in place of types.

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
    """Return the function that reads a value of a type."""
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
    msg = f"{of!r} is not a type"
    raise TypeError(msg)


def _number_reader(code: str) -> Read:
    number = struct.Struct("<" + code)
    unpack, size = number.unpack_from, number.size

    def read(r: Reader) -> Any:
        (value,) = unpack(r.data, r.at)
        r.at += size
        return value

    return read


def _class_reader(name: str) -> Read:
    if name not in CLASSES:
        msg = f"unknown class {name!r}"
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
                r.shapes[slot] = at_once(name, r)
            quickly = r.shapes[slot]
            if quickly is not None:
                return quickly(r)
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


def _read_base(r: Reader, obj: Any, name: str) -> None:
    """Read the base class of an object into it; None for an object without members."""
    version = enter_base(r, name)
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
            begin(r, slot)
        n = r.size()
        if structs and (not n or n > 1 or first_plain):
            values = read_block(r, simple, n)
            if values is not None:
                return values
        if n and masks and r.headers.get(slot_of(element)) == (0, 0):
            return read_bits(r, n)
        if n > 2 and keys and r.quick:
            return [each(r), *read_keys(r, simple, n - 1, each)]
        return [each(r) for _ in range(n)]

    return read


def _numbers_reader(dtype: np.dtype[Any]) -> Read:
    width = dtype.itemsize

    def read(r: Reader) -> Any:
        n = r.size(width)
        if n == 0:  # which is the usual case
            return np.empty(0, dtype)
        values = np.frombuffer(r.data, dtype, n, r.at).copy()
        r.at += n * width
        return values

    return read


def _raw_pairs_reader(of: RawPairs) -> Read:
    slot = slot_of(of)
    dtype = pair_dtype(of)

    def read(r: Reader) -> Any:
        begin(r, slot)
        return r.array(dtype, r.size(dtype.itemsize))

    return read


def _map_reader(of: Map) -> Read:
    slot, pair = slot_of(of), pair_slot(of)
    key, value = reader_of(of.key), reader_of(of.value)
    number = struct.Struct("<" + CODES[of.value]) if isinstance(of.value, str) and of.value in CODES else None
    shaped = of.key == "str" and isinstance(of.value, str) and of.value in CLASSES and fixed(of.value)
    wrap = wrapped(of.value)
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
        begin(r, slot)
        n = r.size()
        out: dict[Any, Any] = {}
        if r.quick and arrays and n:
            return read_map_of_arrays(r, of, inner, n, key)
        for i in range(n):
            if i == 1 and r.quick and r.headers[pair] == (0, 0):
                break
            begin(r, pair)
            k = key(r)
            out[k] = value(r)
        else:
            return out
        if of.key == "str" and number is not None:
            read_numbers_by_name(r, number, n - 1, out)
            return out
        if shaped and (made := shape_at(str(of.value), r)) is not None:
            read_shapes_by_name(r, str(of.value), made, n - 1, out)
            return out
        for _ in range(n - 1):
            k = key(r)
            out[k] = value(r)
        return out

    return read


def _pair_reader(of: Pair) -> Read:
    slot = slot_of(of)
    first, second = reader_of(of.first), reader_of(of.second)

    def read(r: Reader) -> tuple[Any, Any]:
        begin(r, slot)
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
        begin(r, slot)
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
            begin(r, slot)
        which = I32.unpack_from(r.data, r.at)[0]
        r.at += 4
        if not 0 <= which < len(readers):
            msg = f"alternative {which} of {len(readers)}"
            raise FormatError(msg)
        return Alternative(which, readers[which](r))

    return read
