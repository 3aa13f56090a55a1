"""Frames in bytes: what is written is read, damage stays local.

`scanner`, `names`, `raw`, `checksums`.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from framing import FRAMES, REAL, Frame, encode, real_bytes, sample, scan
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol.errors import FormatError
from icecol.i3.container.checksums import CRC16, checksum, crc16
from icecol.i3.container.compression import Raw
from icecol.i3.container.raw import encode_frame
from icecol.i3.container.scanner import TAG, Scanner


def test_checksums_have_their_known_values() -> None:
    assert checksum(b"123456789") == 0x58E3FA20
    assert crc16(np.frombuffer(b"x123456789", np.uint8), 1, 10, CRC16) == 0x29B1
    assert checksum(b"") == 0
    assert crc16(np.zeros(0, np.uint8), 0, 0, CRC16) == 0xFFFF
    assert checksum(np.frombuffer(b"123456789", np.uint8)) == 0x58E3FA20


def test_a_frame_is_the_bytes_that_the_format_says() -> None:
    body = b"P" + struct.pack("<I", 1) + b"\x01\x00\x00\x00k" + b"\x02\x00\x00\x00ty" + b"\x03\x00\x00\x00abc"
    assert encode_frame("P", [("k", "ty", b"abc")]) == (
        b"[i3]\x06\x00\x00\x00\x00\x00" + body + struct.pack("<I", checksum(body))
    )


@settings(max_examples=25, deadline=None)
@given(FRAMES, st.integers(1, 3000))
def test_what_is_written_is_read_whatever_the_keys_sizes_and_batches(frames, batch_bytes: int) -> None:
    made = [(stop, tuple((k, t, b) for k, (t, b) in objects.items())) for stop, objects in frames]
    data, starts = encode(made)
    found, damages, orphans = scan(data, batch_bytes=batch_bytes)
    assert damages == []
    assert not any(orphans)
    wanted = [(s, tuple(sorted(o, key=lambda x: x[0].encode()))) for s, o in made]
    assert found == list(zip(starts[:-1], wanted, strict=True))


def test_bytes_that_are_no_text_survive_in_names() -> None:
    name = b"\xff\xfekey".decode("utf-8", "surrogateescape")
    ((_, frame),), _, _ = scan(encode_frame("Q", [(name, name, b"x")]))
    assert frame == ("Q", ((name, name, b"x"),))


def test_the_order_given_is_kept_if_asked_for() -> None:
    objects = [("b", "t", b"1"), ("a", "t", b"2")]
    ((_, kept),), _, _ = scan(encode_frame("Q", objects, sort=False))
    assert [k for k, _, _ in kept[1]] == ["b", "a"]


@pytest.mark.parametrize("key", ["", "a b", "a\tb", "a\n"])
def test_keys_that_no_frame_may_have_are_refused(key: str) -> None:
    with pytest.raises(FormatError, match="frame key"):
        encode_frame("P", [(key, "t", b"1")])


def test_an_object_without_bytes_is_refused() -> None:
    with pytest.raises(FormatError, match="no bytes"):
        encode_frame("P", [("k", "t", b"")])


def test_an_empty_file_has_no_frame_and_no_damage() -> None:
    assert scan(b"") == ([], [], [])


@pytest.mark.parametrize("batch_bytes", [1, 100, 5000, 1 << 20])
def test_batches_of_any_size_give_the_same_frames(batch_bytes: int) -> None:
    frames = sample(300)
    data, starts = encode(frames)
    found, damages, _ = scan(data, batch_bytes=batch_bytes)
    assert damages == []
    assert found == list(zip(starts[:-1], frames, strict=True))


def test_a_frame_far_larger_than_a_batch_is_read() -> None:
    frames: list[Frame] = [("Q", (("k", "t", bytes(5_000_000)),)), ("P", (("k", "t", b"x"),))]
    data, _ = encode(frames)
    found, damages, _ = scan(data, batch_bytes=1000)
    assert [f for _, f in found] == frames
    assert damages == []


def test_more_names_and_objects_than_the_first_tables_hold_are_read() -> None:
    frames: list[Frame] = [
        ("P", tuple((f"key{i:05d}_{'x' * 40}", "t", b"v") for i in range(k, k + 9000)))
        for k in range(0, 90_000, 9000)
    ]
    data, _ = encode(frames)
    found, damages, _ = scan(data, batch_bytes=1 << 24)
    assert damages == []
    assert [f for _, f in found] == frames


def test_trays_are_passed_over_unless_asked_for() -> None:
    frames = sample(30)
    data, _ = encode(frames)
    found, _, _ = scan(data, tray=False)
    assert [f for _, f in found] == [(s, () if s == "I" else o) for s, o in frames]


def test_a_size_of_eight_bytes_is_understood() -> None:
    blob = b"blob"
    body = b"P" + struct.pack("<I", 1) + b"\x01\x00\x00\x00k" + b"\x01\x00\x00\x00t"
    tail = struct.pack("<IQ", 0xFFFFFFFF, len(blob)) + blob
    # the checksum counts the size as four bytes; here it is not verified
    data = TAG + struct.pack("<IBB", 6, 0, 0) + body + tail + bytes(4)
    found, damages, _ = scan(data, verify=False)
    assert damages == []
    assert found == [(0, ("P", (("k", "t", blob),)))]


def test_frames_in_force_are_carried_into_later_batches() -> None:
    frames: list[Frame] = [("G", (("geo", "t", b"g"),)), ("Q", (("daq", "t", b"q" * 50),))]
    frames += [("P", (("phys", "t", bytes([i])),)) for i in range(50)]
    data, _ = encode(frames)
    scanner = Scanner(Raw(io.BufferedReader(io.BytesIO(data))), batch_bytes=100)
    batches = 0
    stream_keys = []
    for batch in scanner.batches():
        batches += 1
        pairs = batch.names.pairs()
        stops = [chr(s) for s in batch.stop]
        seen = {s: [pairs[batch.pair[j]][0] for j in range(batch.first[i], batch.first[i + 1])]
                for i, s in enumerate(stops)}  # fmt: skip
        assert list(batch.offset[: batch.fresh]) == [-1] * batch.fresh
        if "P" in stops:
            assert seen["G"] == ["geo"]
            assert seen["Q"] == ["daq"]
            assert stops.index("G") < stops.index("Q") < stops.index("P")
        stream_keys.append(stops)
    assert batches >= 1


def test_batches_end_where_they_should_and_carry_by_stop() -> None:
    # steps of 1 MiB are read at once: only a larger file is cut into batches
    frames: list[Frame] = [("G", (("geo", "t", b"g"),))]
    for i in range(60):
        frames.append(("Q", (("daq", "t", bytes([i]) * 100_000),)))
        frames += [("P", (("phys", "t", bytes([i])),))] * 2
    data, _ = encode(frames)
    scanner = Scanner(Raw(io.BufferedReader(io.BytesIO(data))), batch_bytes=1 << 20)
    n = 0
    for k, batch in enumerate(scanner.batches()):
        stops = bytes(batch.stop).decode()
        assert stops[: batch.fresh] == ("GQ" if k else "")
        for i in range(batch.fresh, len(stops)):
            if stops[i] == "P":
                q = stops.rindex("Q", 0, i)
                assert batch.buf[batch.at[batch.first[q]]] == batch.buf[batch.at[batch.first[i]]]
        n += 1
    assert n >= 5


@pytest.mark.parametrize("name", REAL)
def test_real_files_are_read_and_written_back_byte_for_byte(shared_data: Path, name: str) -> None:
    data = real_bytes(shared_data, name)
    found, damages, _ = scan(data)
    assert damages == []
    assert b"".join(encode_frame(*f) for _, f in found) == data
    again, _, _ = scan(data, batch_bytes=1)
    assert again == found
