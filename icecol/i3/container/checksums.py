"""Checksums of frames: CRC-32C since version 6, CRC-16 in version 5."""

from __future__ import annotations

from typing import Final

import google_crc32c
import numpy as np
import numpy.typing as npt

from icecol.jit.cache import kept

Bytes = npt.NDArray[np.uint8]


def checksum(data: bytes | Bytes) -> int:
    """CRC-32C of version 6 frames: start value 0 and no final inversion."""
    return int(google_crc32c.extend(0xFFFFFFFF, data)) ^ 0xFFFFFFFF


def _crc16_table() -> npt.NDArray[np.uint16]:
    table = np.zeros(256, np.uint16)
    for i in range(256):
        c = i << 8
        for _ in range(8):
            c = (c << 1 ^ 0x1021) if c & 0x8000 else c << 1
        table[i] = c & 0xFFFF
    return table


CRC16: Final = _crc16_table()
"""What each byte adds to a CRC-16."""


@kept
def crc16(buf: Bytes, begin: int, end: int, table: npt.NDArray[np.uint16]) -> int:
    """Return the CRC-16-CCITT of version 5 frames (polynomial 0x1021, start value 0xffff); `table` is `CRC16`."""
    crc = 0xFFFF
    for i in range(begin, end):
        crc = (crc << 8 & 0xFFFF) ^ np.int64(table[(crc >> 8 ^ np.int64(buf[i])) & 0xFF])
    return crc
