"""A stream of frames in pieces of some events or seconds: whole frames, a DAQ frame with its physics frames."""

from __future__ import annotations

import io
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from icecol.errors import FormatError
from icecol.i3.container.compression import ByteStream
from icecol.i3.container.names import Names
from icecol.i3.container.old_versions import MAX_FRAME, TAG
from icecol.i3.container.walk import BAD, OLD, walk

_CHUNK: Final = 1 << 20
_TRAY_INFO: Final = False
"""Whether to note objects of TrayInfo frames, which nobody asks for here."""
_AHEAD: Final = 16
"""Chunks that are read ahead while a segment is worked on."""


class Segment(NamedTuple):
    """A piece of a stream.

    Attributes
    ----------
    data
        Bytes of whole frames, and of what is damaged between them.
    stops
        Stop letters of the frames.
    ends
        Where each frame ends in `data`.
    """

    data: bytearray
    stops: bytes
    ends: list[int]

    def part(self, begins: Iterable[int], ends: Iterable[int]) -> bytes:
        """Return the bytes of some places, each once."""
        return b"".join(self.data[i:k] for i, k in dict.fromkeys(zip(begins, ends, strict=True)))


class Arriving(io.BufferedReader):
    """A pipe from which one gets what has arrived: others wait until all that they ask for is there."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return what is there, at most `size` bytes."""
        return self.read1(-1 if size is None else size)

    def readinto(self, buffer: Any, /) -> int:
        """Put what is there into the buffer and return how much it is."""
        return self.readinto1(buffer)


def segments(
    stream: ByteStream, *, events: int, seconds: float, stop: str = "Q", skip: int = 0
) -> Iterator[Segment]:
    """Yield the frames of a stream in segments, each as soon as it is full or its time is over.

    Parameters
    ----------
    stream
        Decompressed bytes; a thread reads them ahead.
    events
        A segment with this many frames of `stop` is full.
    seconds
        Wait no longer than this for a segment to fill, once it has an event.
    stop
        Stop letter of the frames that are events.
    skip
        Frames of the beginning that are left out.

    Raises
    ------
    FormatError
        There is no frame in as many bytes as a frame can have; or the stream cannot be decompressed any further, after
        the frames before that.

    Examples
    --------
    >>> import io
    >>> from icecol.i3.container.raw import encode_frame
    >>> stream = io.BytesIO(encode_frame("Q", [("Key", "type", b"blob")]) * 5)
    >>> [segment.stops for segment in segments(stream, events=2, seconds=1.0)]
    [b'QQ', b'QQ', b'Q']
    """
    buffer, at, stops = bytearray(), 0, bytearray()
    ends: list[int] = []
    names, letter = Names(), ord(stop)
    deadline: float | None = None
    failed: FormatError | None = None
    for chunk in _chunks(stream, lambda: deadline):  # noqa: B023
        if isinstance(chunk, FormatError):
            failed = chunk
            break
        if chunk is not None:
            buffer += chunk
            at = _walk(buffer, at, names, stops, ends)
            if at == 0 and len(buffer) > MAX_FRAME:
                msg = f"no frame in {len(buffer)} bytes: this is no stream of frames of version 5 or 6"
                raise FormatError(msg)
        if skip:
            n = min(skip, len(stops))
            if n:
                begin = ends[n - 1]
                del buffer[:begin], stops[:n]
                ends, at, skip = [end - begin for end in ends[n:]], at - begin, skip - n
        while (n := _full(stops, letter, events, late=chunk is None)) > 0:
            yield Segment(buffer[: ends[n - 1]], bytes(stops[:n]), ends[:n])
            begin = ends[n - 1]
            del buffer[:begin], stops[:n]
            ends, at, deadline = [end - begin for end in ends[n:]], at - begin, None
            if chunk is None:
                break
        if (deadline is None or chunk is None) and letter in stops:
            deadline = time.monotonic() + seconds
    if buffer and (failed is None or ends):
        yield Segment(buffer, bytes(stops), ends)
    if failed is not None:
        raise failed


def _full(stops: bytearray, letter: int, events: int, *, late: bool) -> int:
    """Return how many frames make a segment, 0 if more are needed: the last event may have more frames to come."""
    at = [i for i, s in enumerate(stops) if s == letter] if late or stops.count(letter) > events else []
    if len(at) > events:
        return at[events]
    return at[-1] if late and len(at) > 1 else 0


def _walk(buffer: bytearray, at: int, names: Names, stops: bytearray, ends: list[int]) -> int:
    """Note the whole frames from `at` on, and return where the next one begins; what is damaged is passed over."""
    buf = np.frombuffer(buffer, np.uint8)
    try:
        while True:
            frames, count = np.zeros((4096, 7), np.int64), np.zeros(2, np.int64)
            objects = np.zeros((1 << 12, 3), np.int64)
            frames, _, (why, at, bad) = walk(
                buf, names, _TRAY_INFO, at, buf.size, frames, objects, count, 1 << 60
            )
            n = int(count[0])
            stops += frames[:n, 1].astype(np.uint8).tobytes()
            ends += frames[:n, 6].tolist()
            if why not in {BAD, OLD}:
                return at
            following = buffer.find(TAG, max(at + 1, bad - len(TAG)))
            if following < 0:
                return at
            at = following
    finally:
        del buf  # a bytearray that an array looks into cannot grow


def _chunks(stream: ByteStream, deadline: Callable[[], float | None]) -> Iterator[bytes | FormatError | None]:
    """Yield what a stream has as it comes, and None whenever the deadline has passed; last, why it cannot be read."""
    waiting: queue.Queue[bytes | BaseException] = queue.Queue(_AHEAD)
    over = threading.Event()

    def read() -> None:
        block = bytearray(_CHUNK)
        try:
            while n := stream.readinto(memoryview(block)):
                while not over.is_set():
                    try:
                        waiting.put(bytes(block[:n]), timeout=0.1)
                        break
                    except queue.Full:
                        continue
                if over.is_set():
                    return
            waiting.put(b"")
        except BaseException as err:  # noqa: BLE001
            waiting.put(err)

    threading.Thread(target=read, daemon=True, name="icecol-stream").start()
    try:
        while True:
            until = deadline()
            try:
                got = waiting.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
            except queue.Empty:
                yield None
                continue
            if isinstance(got, FormatError):
                yield got
                return
            if isinstance(got, BaseException):
                raise got
            if not got:
                return
            yield got
    finally:
        over.set()


__all__ = ["Arriving", "Segment", "segments"]
