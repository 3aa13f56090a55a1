"""Mixing over a batch gives each event the objects that frame by frame mixing gives it."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest

from icecol.i3.container.compression import Raw
from icecol.i3.container.mixing import mix, new_order, pieces
from icecol.i3.container.raw import encode_frame
from icecol.i3.container.scanner import Scanner
from icecol.i3.frames.frame import Frame, Mixer


def stream(seed: int, n: int, *, size: int = 3) -> bytes:
    """Make frames of many stops whose objects say which frame they are of."""
    rng = random.Random(seed)
    parts = []
    for i in range(n):
        stop = rng.choice("GCDSQQQPPPPPIXm")
        keys = [k for k in "abcdefgh" if rng.random() < 0.4]
        parts.append(encode_frame(stop, [(k, f"type{rng.randrange(3)}", b"%d," % i * size) for k in keys]))
    return b"".join(parts)


def plain(data: bytes, stop: str) -> list[dict[str, bytes]]:
    mixer = Mixer()
    out = []
    for batch in Scanner(Raw(io.BufferedReader(io.BytesIO(data)))).batches():
        pairs = batch.names.pairs()
        for i in range(batch.stop.size):
            span = range(batch.first[i], batch.first[i + 1])
            blobs = (batch.buf[batch.at[j] : batch.at[j] + batch.size[j]].tobytes() for j in span)
            frame = Frame(
                chr(batch.stop[i]), [(*pairs[batch.pair[j]], b) for j, b in zip(span, blobs, strict=True)]
            )
            mixer.mix(frame)
            if frame.stop == stop:
                out.append({k: frame.raw(k) for k in frame})
    return out


def compiled(data: bytes, stop: str, batch_bytes: int) -> list[dict[str, bytes]]:
    order = new_order()
    out = []
    for batch in Scanner(Raw(io.BufferedReader(io.BytesIO(data))), batch_bytes=batch_bytes).batches():
        events = mix(batch, stop, order)
        for row in range(events.n):
            objects = {k: int(events.objects(k)[row]) for k in events.keys}
            out.append(
                {
                    k: batch.buf[batch.at[j] : batch.at[j] + batch.size[j]].tobytes()
                    for k, j in objects.items()
                    if j >= 0
                }
            )
    return out


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("stop", ["P", "Q", "X", "S"])
def test_events_have_the_objects_that_frame_by_frame_mixing_gives(seed: int, stop: str) -> None:
    data = stream(seed, 200)
    assert compiled(data, stop, 1 << 24) == plain(data, stop)


def test_events_of_many_batches_do_not_differ() -> None:
    data = stream(9, 400, size=5000)
    assert len(data) > 8 << 20
    for stop in "PQX":
        wanted = plain(data, stop)
        assert compiled(data, stop, 1) == wanted
        assert compiled(data, stop, 3 << 20) == wanted


def test_a_key_that_no_event_has_is_absent() -> None:
    (batch,) = Scanner(Raw(io.BufferedReader(io.BytesIO(stream(1, 50))))).batches()
    events = mix(batch, "P", new_order())
    assert events.objects("nothing").tolist() == [-1] * events.n


def test_events_can_be_chosen() -> None:
    (batch,) = Scanner(Raw(io.BufferedReader(io.BytesIO(stream(1, 100))))).batches()
    events = mix(batch, "P", new_order())
    keep = np.arange(events.n) % 3 == 0
    some = events.select(keep)
    assert some.n == keep.sum()
    for key in events.keys:
        assert some.objects(key).tolist() == events.objects(key)[keep].tolist()


def test_orphans_get_nothing_of_a_daq_frame() -> None:
    frames = [
        encode_frame("Q", [("q", "t", b"%d" % i)]) + encode_frame("P", [("p", "t", b"%d" % i)])
        for i in range(9)
    ]
    data = bytearray(b"".join(frames))
    data[len(frames[0]) * 4 + 30] ^= 1
    (batch,) = Scanner(Raw(io.BufferedReader(io.BytesIO(bytes(data))))).batches()
    events = mix(batch, "P", new_order())
    objects = [events.objects(key) for key in "qp"]
    found = [
        tuple(int(batch.buf[batch.at[o[row]]]) - 48 if o[row] >= 0 else None for o in objects)
        for row in range(9)
    ]
    assert found == [(None if i == 4 else i, i) for i in range(9)]


@pytest.mark.parametrize("times", [0.0, 0.1, 1.0, 4.0])
@pytest.mark.parametrize("seed", range(3))
def test_parts_are_all_rows_in_order_and_have_no_more_than_they_may(seed: int, times: float) -> None:
    data = stream(seed, 300, size=30)
    for batch in Scanner(Raw(io.BufferedReader(io.BytesIO(data)))).batches():
        events = mix(batch, "P", new_order())
        cut = list(pieces(events, times))
        assert np.concatenate([part.frames for part in cut]).tolist() == events.frames.tolist()
        assert np.array_equal(np.concatenate([part.table for part in cut]), events.table)
        stop_of = np.repeat(batch.stop, np.diff(batch.first))
        for part in cut:
            objects = part.table[part.table >= 0]
            objects = objects[~np.isin(stop_of[objects], list(b"IGCDS"))]
            assert part.n == 1 or batch.size[objects].sum() <= times * len(data)
        if times >= 4:
            assert len(cut) < 10


def test_there_are_no_parts_of_no_events() -> None:
    (batch,) = Scanner(Raw(io.BufferedReader(io.BytesIO(encode_frame("Q", []))))).batches()
    assert list(pieces(mix(batch, "P", new_order()))) == []
