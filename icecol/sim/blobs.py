"""Pulse series and masks as the bytes of their frame objects, straight from arrays.

The bytes are those that the generic encoder of `icecol.i3` makes of the same pulses; here they are made by one compiled
loop, so that thousands of events are written in a second.
"""

from __future__ import annotations

import struct
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from icecol.jit.cache import kept

Bytes: TypeAlias = npt.NDArray[np.uint8]
I64: TypeAlias = npt.NDArray[np.int64]


def opening(name: str, version: int) -> bytes:
    """Return the bytes that a frame object of a class begins with: pointer, export name, version, object ids."""
    text = name.encode()
    return b"\0\1\2\0" + struct.pack("<I", len(text)) + text + struct.pack("<BBIBBI", 1, version, 0, 1, 0, 1)


@kept(error_model="numpy")
def _put(out: Bytes, at: int, value: int, size: int) -> int:
    """Write an integer in little-endian order and return the place after it."""
    for k in range(size):
        out[at + k] = (value >> (8 * k)) & 0xFF
    return at + size


@kept(error_model="numpy")
def _copy(out: Bytes, at: int, source: Bytes, index: int, size: int) -> int:
    """Copy item `index` of an array of items of `size` bytes and return the place after it."""
    for k in range(size):
        out[at + k] = source[index * size + k]
    return at + size


@kept(error_model="numpy")
def _pulse_map(
    omkey: npt.NDArray[np.int32], time: Bytes, charge: Bytes, width: Bytes, flags: Bytes, n_keys: int
) -> Bytes:
    """Write the map of an I3RecoPulseSeriesMap: class headers at the first use only, an object id with each item."""
    n = omkey.size
    out = np.empty(6 + (8 if n else 0) + 17 * n_keys + 21 * n, np.uint8)
    at = _put(out, 0, 0, 2)
    at = _put(out, at, n_keys, 4)
    object_id = 2
    start = 0
    while start < n:
        stop = start + 1
        while stop < n and omkey[stop] == omkey[start]:
            stop += 1
        if start == 0:
            at = _put(out, at, 0x02_01_00_00, 4)  # headers of pair and OMKey
        at = _put(out, at, object_id, 4)
        at = _put(out, at, omkey[start] >> 16, 4)
        at = _put(out, at, (omkey[start] >> 8) & 0xFF, 4)
        at = _put(out, at, omkey[start] & 0xFF, 1)
        if start == 0:
            at = _put(out, at, 0, 2)  # header of the vector
        at = _put(out, at, stop - start, 4)
        object_id += 1
        for i in range(start, stop):
            if i == 0:
                at = _put(out, at, 0x03_01, 2)  # header of I3RecoPulse
            at = _put(out, at, object_id, 4)
            at = _copy(out, at, time, i, 8)
            at = _copy(out, at, charge, i, 4)
            at = _copy(out, at, width, i, 4)
            at = _copy(out, at, flags, i, 1)
            object_id += 1
        start = stop
    return out


def pulse_map(
    omkey: npt.NDArray[np.int32],
    time: npt.NDArray[np.float64],
    charge: npt.NDArray[np.float32],
    width: npt.NDArray[np.float32],
    flags: npt.NDArray[np.uint8],
) -> bytes:
    """Return the bytes of an I3RecoPulseSeriesMap of the pulses of one event, which are sorted by omkey.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1)
    >>> len(pulse_map(np.array([65792]), one, one, one, one))
    92
    """
    key = np.ascontiguousarray(omkey, np.int32)
    n_keys = int((key[1:] != key[:-1]).sum()) + 1 if key.size else 0
    members = (
        np.ascontiguousarray(a, t).view(np.uint8)
        for a, t in ((time, "<f8"), (charge, "<f4"), (width, "<f4"), (flags, "u1"))
    )
    return opening("I3RecoPulseSeriesMap", 0) + _pulse_map(key, *members, n_keys).tobytes()


@kept(error_model="numpy")
def _bits(out: Bytes, at: int, keep: npt.NDArray[np.bool_]) -> int:
    """Write a bit mask: number of bytes, number of unused bits in the last, the bytes from the lowest bit up."""
    n_bytes = (keep.size + 7) // 8
    at = _put(out, at, n_bytes, 2)
    at = _put(out, at, 8 * n_bytes - keep.size, 1)
    for k in range(n_bytes):
        value = 0
        for bit in range(min(8, keep.size - 8 * k)):
            value |= int(keep[8 * k + bit]) << bit
        out[at + k] = value
    return at + n_bytes


@kept(error_model="numpy")
def _masks(omkey: npt.NDArray[np.int32], keep: npt.NDArray[np.bool_]) -> Bytes:
    """Write the mask over the keys and that over the pulses of each key of which one is kept."""
    n = omkey.size
    bounds = np.empty(n + 1, np.int64)
    kept = np.zeros(n, np.bool_)
    n_keys = n_kept = room = 0
    for i in range(n):
        if i == 0 or omkey[i] != omkey[i - 1]:
            bounds[n_keys] = i
            n_keys += 1
        kept[n_keys - 1] |= keep[i]
    bounds[n_keys] = n
    for k in range(n_keys):
        n_kept += kept[k]
        room += 3 + (bounds[k + 1] - bounds[k] + 7) // 8
    out = np.empty(2 + 3 + (n_keys + 7) // 8 + 2 + 4 + room, np.uint8)
    at = _put(out, 0, 0, 2)  # header of the bit mask
    at = _bits(out, at, kept[:n_keys])
    at = _put(out, at, 0, 2)  # header of the vector
    at = _put(out, at, n_kept, 4)
    for k in range(n_keys):
        if kept[k]:
            at = _bits(out, at, keep[bounds[k] : bounds[k + 1]])
    return out[:at]


def pulse_mask(source: str, omkey: npt.NDArray[np.int32], keep: npt.NDArray[np.bool_]) -> bytes:
    """Return the bytes of an I3RecoPulseSeriesMapMask that keeps some of the pulses under the key `source`.

    `omkey` holds the keys of the pulses of the source, in its order, and `keep` tells which of them are kept.
    """
    text = source.encode()
    masks = _masks(np.ascontiguousarray(omkey, np.int32), np.ascontiguousarray(keep, np.bool_))
    return opening("I3RecoPulseSeriesMapMask", 2) + struct.pack("<I", len(text)) + text + masks.tobytes()
