"""Frames of the container versions 1 to 4, and the limits that hold for every frame."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError

Bytes = npt.NDArray[np.uint8]

TAG: Final = b"[i3]"
MAX_FRAME: Final = 1 << 30
"""No frame may claim more bytes than this: a length beyond it is damage, not a reason to ask for memory."""
MAX_NAME: Final = 1 << 16
"""No key or type name is longer."""


class ShortError(Exception):
    """More bytes are needed."""


class _Cursor:
    """A place in bytes, for the Python parser of old frames; running over the end asks for more."""

    def __init__(self, data: Bytes) -> None:
        self.data, self.at = data, 0

    def number(self, n: int) -> int:
        return int.from_bytes(self.take(n), "little")

    def take(self, n: int) -> bytes:
        if n > MAX_FRAME:
            msg = f"a length of {n} bytes is not possible"
            raise FormatError(msg)
        if self.at + n > self.data.size:
            raise ShortError
        self.at += n
        return self.data[self.at - n : self.at].tobytes()

    def string(self) -> bytes:
        n = self.number(4)
        if n > MAX_NAME:
            msg = f"a name of {n} bytes is not possible"
            raise FormatError(msg)
        return self.take(n)


def parse_old(data: Bytes) -> tuple[int, int, list[tuple[bytes, bytes, int, int]], int]:
    """Parse one frame of container version 1 to 4 at the start of `data`.

    Returns
    -------
    stop, version, objects, end
        Objects are (key, type name, offset of the blob, its size). Checksums of these versions are not known.
    """
    cursor = _Cursor(data)
    tagged = data[:4].tobytes() == TAG
    if tagged:
        cursor.take(4)
    version = cursor.number(4)
    if version not in ({4} if tagged else {1, 2, 3}):
        msg = f"container version {version} is not known"
        raise FormatError(msg)
    body_end = None
    if version == 4:
        size = cursor.number(8)
        cursor.take(4)
        body_end = cursor.at + size
        _stream_header(cursor)
        stop = cursor.take(1)[0]
        _history(cursor)
    else:
        if version > 1:
            _history(cursor)
        _stream_header(cursor)
        stop = cursor.take(1)[0]
    objects = []
    for _ in range(cursor.number(4)):
        key, type_name = cursor.string(), cursor.string()
        n = cursor.number(4)
        n = cursor.number(8) if n == 0xFFFFFFFF else n
        at = cursor.at
        cursor.take(n)
        objects.append((key, type_name, at, n))
    if version == 3:
        cursor.take(12)
    if body_end is not None and cursor.at != body_end:
        msg = f"frame body ends at byte {cursor.at}, its header says {body_end}"
        raise FormatError(msg)
    return stop, version, objects, cursor.at


def _stream_header(cursor: _Cursor) -> None:
    tracking = cursor.number(1)
    cursor.take(1)
    if tracking:
        cursor.take(4)


def _history(cursor: _Cursor) -> None:
    cursor.take(2)
    tracked = 0
    for i in range(cursor.number(4)):
        if i == 0:
            tracked = cursor.number(1)
            cursor.take(1)
        if tracked:
            cursor.take(4)
        cursor.string()
        cursor.take(1)
        for _ in range(3):
            cursor.string()
