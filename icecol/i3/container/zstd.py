"""Zstandard streams: all bytes before damage, and an error where a stream was cut."""

from __future__ import annotations

import sys
from typing import Any, BinaryIO, Final

from icecol.errors import FormatError, UnsupportedError

_READ: Final = 1 << 17
_ZSTD_WINDOW: Final = 1 << 31 if sys.maxsize > 1 << 32 else 1 << 30
"""The largest window that the library makes and reads: one beyond it is damage."""


# `backports.zstd` (1.8; it is Python 3.14's `compression.zstd`) would fit into `Members`, but takes a quarter more time
# for each byte (320 against 403 MB/s), as it cannot fill a buffer, and gives nothing of the blocks before damage.
class Zstd:
    """Concatenated Zstandard frames, decompressed straight into the caller's buffer."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._given = file, 0
        self._begin = file.tell() if file.seekable() else -1  # what cannot go back is salvaged from the start
        self._open(stepwise=self._begin < 0)

    def _open(self, *, stepwise: bool) -> None:
        import zstandard

        self._stepwise = stepwise
        self._source = _ZstdSource(self._file, stepwise=stepwise)
        source: Any = self._source
        self._reader = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(
            source, read_size=_READ, read_across_frames=True
        )
        self._error: type[Exception] = zstandard.ZstdError

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer and return how many bytes were put there."""
        try:
            n = int((self._reader.readinto1 if self._stepwise else self._reader.readinto)(buffer[:_READ]))
        except self._error as err:
            if not self._given and "ictionary" in str(err):
                msg = "zstd stream that needs a dictionary: compress it without one"
                raise UnsupportedError(msg) from None
            if self._stepwise:
                msg = f"damaged zstd stream: {err}"
                raise FormatError(msg) from None
            return self._salvage(buffer)
        if n == 0 and not self._source.whole:
            msg = "zstd stream ends in the middle: the file was cut"
            raise FormatError(msg)
        self._given += n
        return n

    def _salvage(self, buffer: memoryview) -> int:
        """Begin anew, one block at a time.

        The library gives nothing of a request in which it meets damage: so all blocks before the damage are given.
        """
        self._file.seek(self._begin)
        self._open(stepwise=True)
        left = self._given
        while left:
            left -= int(self._reader.readinto1(buffer[: min(left, len(buffer))]))
        return self.readinto(buffer)


class _ZstdSource:
    """Pass on a file's bytes and follow the block headers, to know at the end whether a frame was cut.

    The library ends a cut stream as if it were whole. Layout: RFC 8878, section 3.1. `stepwise` passes on no more
    than one block at a time.
    """

    def __init__(self, file: BinaryIO, *, stepwise: bool) -> None:
        self._file, self._stepwise = file, stepwise
        self._steps = self._follow()
        self._want = next(self._steps)
        self._head = b""
        self._rest = b""

    @property
    def whole(self) -> bool:
        """Whether all bytes so far end with a frame (True as well for what is no frame: the library tells)."""
        return self._want == (4, True) and not self._head and not self._rest

    def read(self, n: int) -> bytes:
        data = self._rest or self._file.read(n)
        at = 0
        while at < len(data):
            need, keep = self._want
            take = min(need - len(self._head) if keep else need, len(data) - at)
            if keep:
                self._head += data[at : at + take]
            at += take
            if (keep and len(self._head) < need) or (not keep and take < need):
                if not keep:
                    self._want = (need - take, False)
                break
            head, self._head = self._head, b""
            self._want = self._steps.send(head)
            while self._want[0] == 0:
                self._want = self._steps.send(b"")
            if self._stepwise and not keep:
                break
        self._rest = data[at:]
        return data[:at]

    @staticmethod
    def _follow() -> Any:
        while True:
            magic = int.from_bytes((yield (4, True)), "little")
            if magic >> 4 == 0x184D2A5:  # skippable
                size = int.from_bytes((yield (4, True)), "little")
                yield (size, False)
                continue
            descriptor = (yield (1, True))[0]
            single = descriptor >> 5 & 1
            size_bytes = (single, 2, 4, 8)[descriptor >> 6]
            yield ((0 if single else 1) + (0, 1, 2, 4)[descriptor & 3] + size_bytes, False)
            last = 0
            while not last:
                header = int.from_bytes((yield (3, True)), "little")
                last = header & 1
                yield (1 if header >> 1 & 3 == 1 else header >> 3, False)
            if descriptor >> 2 & 1:
                yield (4, False)
