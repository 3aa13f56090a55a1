"""Frames in memory are found in place, and anything else is refused."""

from __future__ import annotations

import pytest

from icecol.errors import FormatError
from icecol.i3.container import walk
from icecol.i3.container.names import Names
from icecol.i3.container.raw import encode_frame


def test_frames_in_memory_are_found_in_place_and_anything_else_is_refused():
    frames = [
        ("Q", [("A", "t", b"1234"), ("B", "t", b"5")]),
        ("P", [("A", "t", b"9" * 100)]),
        ("I", [("C", "t", b"0")]),
    ]
    data = b"".join(encode_frame(*frame) for frame in frames) * 200
    for held in (data, bytearray(data), memoryview(data)):
        batch = walk.scan(held)
        assert batch.stop.tobytes() == b"QPI" * 200
        pairs = batch.names.pairs()
        found = [
            [
                (*pairs[batch.pair[j]], data[batch.at[j] :][: batch.size[j]])
                for j in range(batch.first[i], batch.first[i + 1])
            ]
            for i in range(3)
        ]
        assert found == [objects for _, objects in frames]
    assert walk.scan(data, tray=False).pair.size == 600
    assert walk.scan(b"").stop.size == 0
    for bad in (data[:-1], data + b"[i3]", b"x" + data):
        with pytest.raises(FormatError, match="no whole frame at byte"):
            walk.scan(bad)


def test_scans_can_share_their_names():
    names = Names()
    first, second = (
        walk.scan(encode_frame("Q", [(key, "type", b"blob")]), names=names) for key in ("A", "B")
    )
    assert first.names is second.names is names
    assert second.pair.tolist() == [1]
    assert names.pairs() == [("A", "type"), ("B", "type")]
