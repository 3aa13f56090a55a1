"""Layouts that need code: reader and writer of each, by the name used in the layouts."""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError
from icecol.i3.archive.arrays import CODES, DTYPES, TRIGGERS, table
from icecol.i3.archive.containers import Tree
from icecol.i3.archive.masks import BITS_HEAD, SpareByte, read_bits
from icecol.i3.archive.reader import Read, Reader
from icecol.i3.archive.reading import reader_of
from icecol.i3.archive.types import CODECS, U32, OpaqueError
from icecol.i3.archive.writing import Write, Writer, writer_of
from icecol.i3.classes.layout import Custom

CHUNK: Final = 65535
"""Bits in a full chunk of a particle tree."""

Codec = tuple[Read, Write]


def _size_field(_: Custom) -> Codec:
    """Make the codec of a single size."""

    def read(r: Reader) -> int:
        n = r.size(0)
        if n >= 1 << 31:
            msg = f"invalid size {n}"
            raise FormatError(msg)
        return n

    return read, Writer.size


def _opaque(_: Custom) -> Codec:
    """Make the codec of an unknown layout, which can be neither read nor written."""

    def read(_: Reader) -> Any:
        raise OpaqueError

    def write(_: Writer, __: Any) -> None:
        msg = "a class without a known layout cannot be written"
        raise FormatError(msg)

    return read, write


def _rest(of: Custom) -> Codec:
    """Make the codec of words that extend to the end of the blob."""
    dtype = np.dtype(DTYPES[of.of])

    def read(r: Reader) -> Any:
        n, odd = divmod(r.end - r.at, dtype.itemsize)
        if odd:
            msg = f"{r.end - r.at} bytes are not a whole number of words"
            raise FormatError(msg)
        return r.array(dtype, n)

    return read, lambda w, value: w.put(np.ascontiguousarray(value, dtype).tobytes())


def _optional(of: Custom) -> Codec:
    """Make the codec of a flag, followed by a number if the flag is set."""
    code = struct.Struct("<" + CODES[of.of])

    def write(w: Writer, value: Any) -> None:
        w.put(b"\0" if value is None else b"\1" + code.pack(value))

    return lambda r: r.number(code) if r.take(1)[0] else None, write


def _vector16(of: Custom) -> Codec:
    """Make the codec of a vector with a size of 16 bits and no header."""
    code = struct.Struct("<H")

    def write(w: Writer, value: Any) -> None:
        w.put(code.pack(len(value)))
        for item in value:
            writer_of(of.of)(w, item)

    return lambda r: [reader_of(of.of)(r) for _ in range(r.number(code))], write


def _bits(_: Custom) -> Codec:
    """Make the codec of bits: number of bytes, number of unused bits in the last one, bytes (lowest bit first).

    An empty mask is either no byte at all or one byte with 8 unused bits; files have both.
    """

    def read(r: Reader) -> npt.NDArray[np.bool_]:
        return read_bits(r, 1)[0]

    def write(w: Writer, value: Any) -> None:
        bits = np.asarray(value, np.bool_)
        packed = (
            np.zeros(1, np.uint8) if isinstance(value, SpareByte) else np.packbits(bits, bitorder="little")
        )
        if packed.size > 0xFFFF:
            msg = f"mask of {bits.size} bits; the maximum is {8 * 0xFFFF}"
            raise FormatError(msg)
        w.put(BITS_HEAD.pack(packed.size, 8 * packed.size - bits.size))
        w.put(packed.tobytes())

    return read, write


def _size_codec(_: Custom) -> Codec:
    """Make the codec of a number: one byte below 247, otherwise 255 minus the number of bytes, then these bytes."""

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
    """Make the codec of words, preceded by their number, stored compactly."""
    dtype = np.dtype(DTYPES[of.of])

    def read(r: Reader) -> Any:
        n = reader_of("I3SuperDST::SizeCodec")(r)
        if n * dtype.itemsize > r.end - r.at:
            msg = f"{n} words of {dtype.itemsize} bytes, but only {r.end - r.at} bytes are left"
            raise FormatError(msg)
        return r.array(dtype, n)

    def write(w: Writer, value: Any) -> None:
        data = np.ascontiguousarray(value, dtype)
        writer_of("I3SuperDST::SizeCodec")(w, data.size)
        w.put(data.tobytes())

    return read, write


def _superdst_v0(_: Custom) -> Codec:
    """Make the codec of the stamps, preceded by their number, and a header for each stamp with the stop bit."""
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
    """Make the codec of triggers: their number; of each the index with low bits of its length, further bits, time."""

    def read(r: Reader) -> Any:
        number = reader_of("I3SuperDST::SizeCodec")
        n = number(r)
        if 3 * n > r.end - r.at:
            msg = f"{n} triggers, but only {r.end - r.at} bytes are left"
            raise FormatError(msg)
        rows = []
        for _ in range(n):
            tag = r.take(1)[0]
            length, time = number(r) << 4 | tag >> 4, number(r)
            if max(length, time) >= 1 << 64:
                msg = f"trigger of {length} ns, {time} ns after the previous one"
                raise FormatError(msg)
            rows.append((tag & 15, length, time))
        return table(np.array(rows, TRIGGERS))

    def write(w: Writer, value: Any) -> None:
        number = writer_of("I3SuperDST::SizeCodec")
        number(w, len(value))
        for index, length, time in np.asarray(value, TRIGGERS).tolist():
            w.put(bytes((index & 15 | (length & 15) << 4,)))
            number(w, length >> 4)
            number(w, time)

    return read, write


def _tree_counts(of: Custom) -> Codec:
    """Make the codec of a tree as the number of roots and, in pre-order, each node and its number of children."""

    def read(r: Reader) -> tuple[list[Any], list[int]]:
        each = reader_of(of.of)
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
        each = writer_of(of.of)
        for node, n in zip(value, children, strict=True):
            each(w, node)
            w.size(n)

    return read, write


def _tree_bits(of: Custom) -> Codec:
    """Make the codec of a tree as chunks of bits, with a node for each bit that is set.

    A node is a 1, followed by its children; a 0 ends a list of siblings.
    """

    def read(r: Reader) -> tuple[list[Any], list[int]]:
        each = reader_of(of.of)
        nodes: list[Any] = []
        depth: list[int] = []
        level = 0  # depth of the open list of siblings
        done = False
        n = CHUNK
        first = True
        while n == CHUNK:
            n = r.number(U32)
            if n > CHUNK:
                msg = f"tree chunk of {n} bits"
                raise FormatError(msg)
            if n == 0 and first:
                return nodes, depth
            words = r.size(8)
            if words != -(-n // 64):
                msg = f"{words} words for {n} bits of a tree structure"
                raise FormatError(msg)
            packed = np.frombuffer(r.take(8 * words), np.uint8)
            for bit in np.unpackbits(packed, count=n, bitorder="little").tolist():
                if done:
                    msg = "tree structure continues after its end"
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
            msg = "unexpected end of the tree structure"
            raise FormatError(msg)
        return nodes, depth

    def write(w: Writer, value: Tree) -> None:
        if not value:
            w.put(U32.pack(0))
            return
        each = writer_of(of.of)
        bits = np.zeros(2 * len(value) + 1, np.bool_)
        ones = np.arange(len(value)) * 2 - np.array(value.depth)
        bits[ones] = True
        node = 0
        for begin in range(0, bits.size + 1, CHUNK):
            chunk = bits[begin : begin + CHUNK]
            padded = np.zeros(-(-chunk.size // 64) * 64, np.bool_)
            padded[: chunk.size] = chunk
            w.put(U32.pack(chunk.size))
            w.size(padded.size // 64)
            w.put(np.packbits(padded, bitorder="little").tobytes())
            for _ in range(int(np.count_nonzero(chunk))):
                each(w, value[node])
                node += 1

    return read, write


CODECS.update(
    {
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
)
