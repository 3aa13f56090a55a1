"""How objects and lists begin: the opening of a frame object, the size of a list."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError
from icecol.i3.container.bits import load_i64, load_u32
from icecol.i3.container.names import text
from icecol.jit.cache import kept

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@lru_cache(maxsize=1024)
def opening(name: str, version: int) -> Bytes:
    """Return the bytes that every blob of a frame object's class begins with."""
    raw = name.encode()
    head = b"\x00\x01\x02\x00" + len(raw).to_bytes(4, "little") + raw + b"\x01" + bytes([version]) + bytes(4)
    return np.frombuffer(head, np.uint8)


def class_of(buf: Bytes, at: int, size: int) -> tuple[str, int]:
    """Return export name and class version of one blob.

    Raises
    ------
    FormatError
        The blob does not begin as a frame object does.
    """
    head = buf[at : at + min(size, 300)].tobytes()
    n = int.from_bytes(head[4:8], "little")
    if len(head) < 10 or head[:4] != b"\x00\x01\x02\x00" or n > 256 or len(head) < n + 14 or head[8 + n] != 1:
        msg = f"object of {size} bytes does not begin as a frame object does: {head[:12].hex(' ')}"
        raise FormatError(msg)
    return text(head[8 : 8 + n]), head[9 + n]


def opens_alike(buf: Bytes, at: Ints, size: Ints) -> npt.NDArray[np.bool_]:
    """Return which blobs have the same faulty opening as the first: of its class, or as short."""
    head = buf[at[0] : at[0] + min(int(size[0]), 300)].tobytes()
    n = int.from_bytes(head[4:8], "little")
    if len(head) >= 10 and head[:4] != b"\x00\x01\x02\x00":
        least, shown = 10, head[:4]
    elif len(head) >= 10 and n > 256:
        least, shown = 10, head[:8]
    elif len(head) >= n + 14:
        least, shown = n + 14, head[: n + 10]
    else:  # cut; whole ones begin in the same way, too
        return (size == size[0]) & np.array([buf[i : i + len(head)].tobytes() == head for i in at])
    return (size >= least) & np.array([buf[i : i + len(shown)].tobytes() == shown for i in at])


@kept
def read_size(buf: Bytes, pos: int, end: int) -> tuple[int, int]:
    """Read a size; (-1, pos) if it is cut or exceeds the bytes that are left."""
    if pos + 4 > end:
        return -1, pos
    n = np.int64(load_u32(buf, pos))
    pos += 4
    if n == 0xFFFFFFFF:
        if pos + 8 > end:
            return -1, pos
        n = load_i64(buf, pos)
        pos += 8
    if n < 0 or n > end - pos:
        return -1, pos
    return n, pos


@kept
def read_short_size(buf: Bytes, pos: int, end: int) -> tuple[int, int]:
    """Read a compact number: below 247 itself, else followed by 255 - tag bytes; (-1, pos) if it is cut."""
    if pos >= end:
        return -1, pos
    tag = np.int64(buf[pos])
    pos += 1
    if tag < 247:
        return tag, pos
    n = 255 - tag
    if pos + n > end:
        return -1, pos
    value = np.int64(0)
    for k in range(n):
        value |= np.int64(buf[pos + k]) << np.int64(8 * k)
    if value < 0:
        return -1, pos
    return value, pos + n
