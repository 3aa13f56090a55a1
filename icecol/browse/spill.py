"""Decompressed bytes of a stream, kept in a temporary file so that any part of them can be read again.

A compressed file cannot be read from its middle. Decompressed bytes are therefore stored in chunks, each lightly
compressed on its own: the temporary file becomes about as large as the compressed file, and a jump back costs only the
chunks that it touches. The file has no name and disappears with the process; `TMPDIR` sets its folder.
"""

from __future__ import annotations

import os
import tempfile
import threading
from functools import lru_cache
from typing import Final

import zstandard

CHUNK: Final = 1 << 20
"""Decompressed bytes in a chunk."""
CACHED: Final = 16
"""Number of chunks that are kept in memory."""


class Spill:
    """Bytes that one thread appends and others read anywhere.

    Examples
    --------
    >>> spill = Spill()
    >>> spill.write(b"frames " * 1000)
    >>> spill.read(7, 6), len(spill)
    (b'frames', 7000)
    >>> spill.close()
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="icecol-")  # noqa: SIM115
        self._starts = [0]  # of each chunk in the file, and the end of the last
        self._pending = bytearray()
        self._lock = threading.Lock()
        self._compressor = zstandard.ZstdCompressor(level=1)
        self._chunk = lru_cache(CACHED)(self._read_chunk)

    def __len__(self) -> int:
        with self._lock:
            return (len(self._starts) - 1) * CHUNK + len(self._pending)

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes.

        Raises
        ------
        OSError
            The temporary folder, which the message names, is full.
        """
        with self._lock:
            self._pending += data
        while len(self._pending) >= CHUNK:
            packed = self._compressor.compress(bytes(self._pending[:CHUNK]))
            try:
                os.pwrite(self._file.fileno(), packed, self._starts[-1])
            except OSError as err:
                msg = f"{tempfile.gettempdir()} has no room for the decompressed data (set TMPDIR): {err.strerror}"
                raise OSError(msg) from err
            with self._lock:
                self._starts.append(self._starts[-1] + len(packed))
                del self._pending[:CHUNK]

    def read(self, offset: int, n: int) -> bytes:
        """Return up to n bytes from a position on; fewer at the end."""
        parts = []
        while n > 0:
            number, begin = divmod(offset, CHUNK)
            with self._lock:
                packed = len(self._starts) - 1
                after = offset - packed * CHUNK
                part = bytes(self._pending[after : after + n]) if after >= 0 else b""
            if number < packed:
                part = self._chunk(number)[begin : begin + n]
            if not part:
                break
            parts.append(part)
            offset += len(part)
            n -= len(part)
        return b"".join(parts)

    def _read_chunk(self, number: int) -> bytes:
        begin, end = self._starts[number : number + 2]
        packed = os.pread(self._file.fileno(), end - begin, begin)
        return zstandard.ZstdDecompressor().decompress(packed)

    def close(self) -> None:
        """Delete the temporary file."""
        self._file.close()
