"""Bit masks, one or several in a row."""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError
from icecol.i3.archive.reader import Reader


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
