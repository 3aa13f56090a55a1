"""Streams of frames are cut into segments of whole events, whatever pieces they come in."""

from __future__ import annotations

import errno
import io
import os
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecol.errors import FormatError
from icecol.filters import segments as module
from icecol.filters.segments import Arriving, segments
from icecol.i3.container.raw import encode_frame


def frame(stop: str, i: int = 0) -> bytes:
    return encode_frame(stop, [("Key", "type", bytes([i % 256]) * (i % 50 + 1))])


class Pieces:
    """A stream that comes in pieces of given sizes."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data, self._sizes = data, sizes

    def readinto(self, buffer: memoryview) -> int:
        n = min(self._sizes.pop(0) if self._sizes else 1 << 20, len(buffer), len(self._data))
        buffer[:n], self._data = self._data[:n], self._data[n:]
        return n


@given(st.text("QPI", max_size=60), st.integers(1, 9), st.lists(st.integers(1, 400), max_size=40))
def test_segments_are_the_stream_and_begin_with_an_event(stops, events, sizes):
    frames = [frame(stop, i) for i, stop in enumerate(stops)]
    found = list(segments(Pieces(b"".join(frames), sizes), events=events, seconds=60.0))
    assert b"".join(segment.data for segment in found) == b"".join(frames)
    assert b"".join(segment.stops for segment in found).decode() == stops
    assert [s.stops.count(b"Q") for s in found[:-1]] == [events] * (len(found) - 1)
    assert all(segment.stops.startswith(b"Q") for segment in found[1:])
    for segment in found:
        begins = [0, *segment.ends[:-1]]
        assert [segment.data[i : i + 4] for i in begins] == [b"[i3]"] * len(segment.stops)
        assert segment.part(begins[:1] * 2, segment.ends[:1] * 2) == segment.data[: segment.ends[0]]


@given(st.integers(0, 12))
def test_frames_of_the_beginning_are_left_out(skip):
    frames = [frame("Q", i) for i in range(10)]
    found = segments(Pieces(b"".join(frames), [70] * 30), events=4, seconds=60.0, skip=skip)
    assert b"".join(segment.data for segment in found) == b"".join(frames[skip:])


def test_what_is_damaged_stays_where_it_is():
    frames = [bytearray(frame("Q", i)) for i in range(6)]
    frames[2][8:30] = b"?" * 22
    found = list(segments(io.BytesIO(b"".join(frames)), events=2, seconds=60.0))
    assert b"".join(segment.data for segment in found) == b"".join(frames)
    assert b"".join(segment.stops for segment in found) == b"QQQQQ"


def test_a_stream_of_anything_else_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MAX_FRAME", 1000)
    with pytest.raises(FormatError, match="no stream of frames"):
        list(segments(io.BytesIO(b"x" * 5000), events=2, seconds=60.0))


def test_an_error_of_the_stream_is_raised_where_it_is_read():
    class Broken:
        def readinto(self, _buffer: memoryview) -> int:
            raise OSError(errno.EIO, "unplugged")

    with pytest.raises(OSError, match="unplugged"):
        list(segments(Broken(), events=2, seconds=60.0))


def test_a_slow_stream_gives_what_has_come_when_its_time_is_over():
    reading, writing = os.pipe()
    got: list[bytes] = []

    def send():
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            pipe.writelines(frame("Q", i) + frame("P", i) for i in range(4))
            while not got:
                time.sleep(0.01)
            pipe.write(frame("Q", 4))

    thread = threading.Thread(target=send)
    thread.start()
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        arriving = Arriving(pipe)
        got.extend(s.stops for s in segments(arriving, events=100, seconds=0.05))
        arriving.detach()
    thread.join()
    assert got[0] in {b"QP" * n for n in (1, 2, 3)}  # the last event may have more to come
    assert b"".join(got) == b"QP" * 4 + b"Q"
