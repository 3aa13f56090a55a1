"""A position in a blob, and what came before it: class headers, types and objects."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError
from icecol.i3.archive.containers import Versions
from icecol.i3.archive.types import TYPES, U32, U64, OpaqueError, slot_of, usual_of
from icecol.i3.classes import CLASSES


class Reader:
    """A position in a blob, with the class headers and objects encountered so far.

    A `quick` reader reads many values at once and does not remember them: an id that refers to one of them is refused.
    It may refuse a valid blob, which is then read again by a reader that is not quick.
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
        """Return n values as a new array; the caller has checked that they are there."""
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


Read: TypeAlias = Callable[[Reader], Any]
"""Reads a value at the position of the reader."""


def begin(r: Reader, slot: int) -> None:
    """Read the header and, if tracked, the object id of a container."""
    if (r.headers.get(slot) or r.enter(slot))[0] and r.track() is not None:
        msg = "a container refers to an earlier one"
        raise FormatError(msg)


def enter_base(r: Reader, name: str) -> int:
    """Read the header and, if tracked, the object id of a base class; return its version."""
    tracked, version = r.enter(slot_of(name))
    if version > CLASSES[name].version:
        raise OpaqueError
    if tracked and r.track() is not None:
        msg = "a base class refers to an earlier object"
        raise FormatError(msg)
    return version
