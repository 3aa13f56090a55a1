"""Frames in bytes: what is written is read, damage stays local.

`scanner`, `names`, `raw`, `checksums`, `old_versions`.
"""

from __future__ import annotations

import gzip
import io
import random
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol.errors import DamagedFileError, FormatError
from icecol.i3.container import scanner as container
from icecol.i3.container.checksums import CRC16, checksum, crc16
from icecol.i3.container.compression import Raw, decompress, sniff
from icecol.i3.container.raw import encode_frame, raw_frames
from icecol.i3.container.scanner import MAX_FRAME, TAG, Scanner

Frame = tuple[str, tuple[tuple[str, str, bytes], ...]]


def scan(
    data: bytes,
    *,
    batch_bytes: int = 1 << 20,
    verify: bool = True,
    tray: bool = True,
    codec: str | None = "raw",
) -> tuple[list[tuple[int, Frame]], list, list[bool]]:
    """Return (offset, frame) of all frames, the damages, and which frames are orphans."""
    file = io.BufferedReader(io.BytesIO(data))
    stream = Raw(file) if codec == "raw" else decompress(file, sniff(data[:6]))
    scanner = Scanner(stream, verify=verify, tray=tray, batch_bytes=batch_bytes)
    found = []
    orphans = []
    for batch in scanner.batches():
        pairs = batch.names.pairs()
        for i in range(batch.fresh, batch.stop.size):
            objects = tuple(
                (*pairs[batch.pair[j]], batch.buf[batch.at[j] : batch.at[j] + batch.size[j]].tobytes())
                for j in range(batch.first[i], batch.first[i + 1])
            )
            found.append((int(batch.offset[i]), (chr(batch.stop[i]), objects)))
            orphans.append(bool(batch.orphan[i]))
    return found, scanner.damages, orphans


def sample(n: int, seed: int = 1, *, size: int = 60) -> list[Frame]:
    """Make frames as a file has them: trays, then Q and P with objects whose keys repeat."""
    rng = random.Random(seed)
    frames: list[Frame] = []
    for i in range(n):
        stop = "I" if i % 7 == 0 else "QPP"[i % 3]
        keys = [k for k in ("Alpha", "Beta", "Gamma", "Delta", "I3EventHeader") if rng.random() < 0.8]
        objects = tuple((k, f"I3Class<{k}>", rng.randbytes(rng.randint(1, size))) for k in sorted(keys))
        frames.append((stop, objects))
    return frames


def encode(frames: list[Frame]) -> tuple[bytes, list[int]]:
    """Return the bytes, and where each frame begins (and the last ends)."""
    parts = [encode_frame(*f) for f in frames]
    return b"".join(parts), [0, *np.cumsum([len(p) for p in parts]).tolist()]


NAME = st.text(st.characters(codec="utf-8", exclude_characters=" \t\n"), min_size=1, max_size=12)
FRAMES = st.lists(
    st.tuples(
        st.sampled_from("IGCDSQPNXm"),
        st.dictionaries(
            NAME, st.tuples(st.text(max_size=12), st.binary(min_size=1, max_size=300)), max_size=6
        ),
    ),
    max_size=12,
)


# -- checksums and whole files ----------------------------------------------------------------------------------------


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


@settings(max_examples=60, deadline=None)
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


# -- old versions -----------------------------------------------------------------------------------------------------


def test_all_files_of_old_versions_are_read(shared_data: Path) -> None:
    versions = {}
    for path in sorted((shared_data / "i3" / "regression").rglob("*.i3")):
        frames = list(raw_frames(path))
        assert frames, path
        versions.setdefault(path.parent.name, set()).update(f.version for f in frames)
        assert all(f.objects for f in frames), path
    assert versions == {"r29378": {3}, "r51782": {5}}


@pytest.mark.parametrize("folder", ["r29378", "r51782"])
def test_old_files_one_after_another_are_read_in_batches_of_any_size(shared_data: Path, folder: str) -> None:
    paths = sorted((shared_data / "i3" / "regression" / folder).glob("*.i3"))
    data = b"".join(p.read_bytes() for p in paths)
    wanted = [(f.stop, tuple(tuple(s) for s in f.objects)) for p in paths for f in raw_frames(p)]
    for times, batch_bytes in ((1, 1), (1, 1 << 20), (400, 1 << 16)):
        found, damages, _ = scan(data * times, batch_bytes=batch_bytes)
        assert damages == []
        assert [f for _, f in found] == wanted * times


def frame_of_version_3(stop: str, objects: list[tuple[str, str, bytes]], history: int = 2) -> bytes:
    text = lambda s: struct.pack("<I", len(s)) + s  # noqa: E731
    out = struct.pack("<IBBI", 3, 0, 0, history)
    for i in range(history):
        out += b"\x01\x00" if i == 0 else b""
        out += struct.pack("<I", i) + text(b"module") + b"P" + text(b"key") + text(b"type") + text(b"")
    out += b"\x01\x00" + struct.pack("<I", history) + stop.encode() + struct.pack("<I", len(objects))
    for key, name, blob in objects:
        out += text(key.encode()) + text(name.encode()) + text(blob)
    return out + bytes(12)


def frame_of_version_4(stop: str, objects: list[tuple[str, str, bytes]]) -> bytes:
    text = lambda s: struct.pack("<I", len(s)) + s  # noqa: E731
    body = b"\x01\x00" + bytes(4) + stop.encode() + b"\x00\x00" + bytes(4) + struct.pack("<I", len(objects))
    for key, name, blob in objects:
        body += text(key.encode()) + text(name.encode()) + text(blob)
    return TAG + struct.pack("<IQI", 4, len(body), 0) + body


@pytest.mark.parametrize("make", [frame_of_version_3, frame_of_version_4])
@pytest.mark.parametrize("batch_bytes", [1000, 1 << 20])
def test_old_frames_are_read_in_any_number_and_carried_as_new_ones_are(make, batch_bytes: int) -> None:
    frames: list[Frame] = [("G", (("geo", "t", b"g"),))]
    for i in range(700):
        frames.append(("Q", tuple((f"key{k}", "t", bytes([i & 255]) * 40) for k in range(60))))
        frames.append(("P", (("phys", "t", bytes([i & 255])),)))
    data = b"".join(make(s, list(o)) for s, o in frames)
    assert len(data) > 2 << 20
    scanner = Scanner(Raw(io.BufferedReader(io.BytesIO(data))), batch_bytes=batch_bytes)
    found = []
    for batch in scanner.batches():
        pairs = batch.names.pairs()
        stops = bytes(batch.stop).decode()
        for i in range(batch.fresh, len(stops)):
            objects = tuple(
                (*pairs[batch.pair[j]], batch.buf[batch.at[j] : batch.at[j] + batch.size[j]].tobytes())
                for j in range(batch.first[i], batch.first[i + 1])
            )
            found.append((stops[i], objects))
            if stops[i] == "P":
                q = stops.rindex("Q", 0, i)
                assert batch.buf[batch.at[batch.first[q]]] == objects[0][2][0]
                assert "G" in stops[:i]
    assert scanner.damages == []
    assert found == frames


def test_old_frames_with_more_objects_than_the_first_table_holds_are_read() -> None:
    frames: list[Frame] = [("P", tuple((f"key{k}", "t", b"v") for k in range(500)))] * 300
    data = b"".join(frame_of_version_3(s, list(o), 0) for s, o in frames)
    found, damages, _ = scan(data, batch_bytes=1 << 24)
    assert damages == []
    assert [f for _, f in found] == frames


@pytest.mark.parametrize(
    ("name", "n"),
    [
        # one frame of a hundred numbers; the checksums of these versions are not known, so that of a corrupt file
        # only what breaks the walk is seen
        ("truncated_hundred_doubles-v3", 0), ("corrupt_hundred_doubles-v3", 1),
        ("truncated_hundred_doubles-v4", 1), ("corrupt_hundred_doubles-v4", 0),
    ],
)  # fmt: skip
def test_icetrays_damaged_files_give_their_frame_or_a_damage(shared_data: Path, name: str, n: int) -> None:
    path = shared_data / "i3" / "damaged" / f"{name}.i3.gz"
    damages: list = []
    assert [len(f.objects) for f in raw_frames(path, damages=damages)] == [100] * n
    assert len(damages) == 1 - n
    if damages:
        with pytest.raises(DamagedFileError, match="frame 0 at byte 0"):
            list(raw_frames(path))


# -- hostile sizes ----------------------------------------------------------------------------------------------------


def lengths_of(data: bytes) -> dict[str, int]:
    """Return where the count and the first object's lengths stand in a frame of one object."""
    n_key = struct.unpack_from("<I", data, 15)[0]
    n_type = struct.unpack_from("<I", data, 19 + n_key)[0]
    return {"count": 11, "key": 15, "type": 19 + n_key, "blob": 23 + n_key + n_type}


@pytest.mark.parametrize("what", ["count", "key", "type", "blob"])
@pytest.mark.parametrize(
    "size",
    [0, 2, 1000, 1 << 16, 1 << 20, MAX_FRAME - 1, MAX_FRAME, MAX_FRAME + 1, (1 << 31) + 5, (1 << 32) - 2, -1],
)
def test_a_size_that_cannot_be_is_damage_and_asks_for_no_memory(what: str, size: int) -> None:
    before, one, after = (encode_frame(s, [("key", "type", b"blob" * 5)]) for s in "QPQ")
    bad = bytearray(one)
    struct.pack_into("<I", bad, lengths_of(one)[what], size & 0xFFFFFFFF)
    data = before + bytes(bad) + after
    tracemalloc.start()
    try:
        found, damages, _ = scan(data, batch_bytes=1 << 16)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [(at, f[0]) for at, f in found] == [(0, "Q"), (len(before) + len(one), "Q")]
    assert [d.offset for d in damages] == [len(before)]
    assert peak < 64 << 20


@pytest.mark.parametrize("size", [0, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 30])
def test_a_size_of_eight_bytes_that_cannot_be_is_damage(size: int) -> None:
    good = encode_frame("P", [("key", "type", b"blob")])
    at = lengths_of(good)["blob"]
    bad = good[:at] + struct.pack("<IQ", 0xFFFFFFFF, size) + good[at + 4 :]
    found, damages, _ = scan(good + bad + good)
    assert [o for o, _ in found] == [0, len(good) + len(bad)]
    assert [d.offset for d in damages] == [len(good)]


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4, 5, 7, 255, 1 << 31])
def test_a_frame_of_another_version_than_it_says_is_damage(version: int) -> None:
    good = encode_frame("P", [("key", "type", b"blob" * 30)])
    bad = good[:4] + struct.pack("<I", version) + good[8:]
    found, damages, _ = scan(good + bad + good)
    assert [o for o, _ in found] == [0, len(good) + len(bad)]
    assert [d.offset for d in damages] == [len(good)]


def test_a_file_full_of_tags_ends_soon() -> None:
    found, damages, _ = scan(TAG * 200_000)
    assert found == []
    assert len(damages) == 1


def test_damage_of_any_length_takes_no_memory() -> None:
    good = encode_frame("P", [("key", "type", b"blob")])
    data = good + b"[i3" * 10_000_000 + good
    tracemalloc.start()
    try:
        found, damages, _ = scan(data, batch_bytes=1 << 16)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [at for at, _ in found] == [0, len(data) - len(good)]
    assert len(damages) == 1
    assert peak < 12 << 20


def test_noise_is_one_damage() -> None:
    noise = random.Random(5).randbytes(3_000_000)
    found, damages, _ = scan(noise, batch_bytes=1 << 16)
    assert found == []
    assert len(damages) == 1
    good = encode_frame("P", [("key", "type", b"blob")])
    found, damages, _ = scan(noise + good + noise + good, batch_bytes=1 << 16)
    assert [at for at, _ in found] == [len(noise), 2 * len(noise) + len(good)]
    assert len(damages) == 2


# -- damage -----------------------------------------------------------------------------------------------------------


def check_damaged(
    data: bytes, at: int, found: list, damages: list, starts: list[int], frames: list[Frame]
) -> None:
    """Assert that the byte `at` cost its own frame only."""
    k = int(np.searchsorted(starts, at, side="right")) - 1
    wanted = [(s, f) for i, (s, f) in enumerate(zip(starts[:-1], frames, strict=True)) if i != k]
    assert found == wanted, f"byte {at} of frame {k} at {starts[k]}"
    assert [(d.offset, d.frame) for d in damages] == [(starts[k], k)], f"byte {at} of frame {k}"


@pytest.mark.parametrize("batch_bytes", [1 << 20, 300])
def test_any_flipped_byte_costs_its_own_frame_only(batch_bytes: int) -> None:
    frames = sample(24, size=30)
    data, starts = encode(frames)
    rng = random.Random(2)
    for at in range(0, len(data), 1 if batch_bytes > 300 else 5):
        damaged = bytearray(data)
        damaged[at] ^= rng.choice([1, 2, 4, 8, 0x20, 0x80, 0xFF, rng.randint(1, 255)])
        found, damages, _ = scan(bytes(damaged), batch_bytes=batch_bytes)
        # Two header bytes before the stop letter are in no checksum: some of their values are legal
        inside = at - starts[int(np.searchsorted(starts, at, side="right")) - 1]
        if 8 <= inside < 10 and not damages:
            assert found == list(zip(starts[:-1], frames, strict=True))
            continue
        check_damaged(data, at, found, damages, starts, frames)


def test_a_file_cut_at_any_byte_gives_all_whole_frames() -> None:
    frames = sample(24, size=30)
    data, starts = encode(frames)
    for cut in range(len(data)):
        found, damages, _ = scan(data[:cut])
        whole = sum(e <= cut for e in starts[1:])
        assert [f for _, f in found] == frames[:whole], cut
        assert [d.offset for d in damages] == ([] if cut in starts else [starts[whole]]), cut


def test_bytes_taken_out_or_put_in_cost_the_frames_they_touch() -> None:
    frames = sample(30, size=40)
    data, starts = encode(frames)
    rng = random.Random(4)
    for _ in range(300):
        a = rng.randrange(len(data))
        n = rng.randint(1, 200)
        put = rng.randbytes(rng.choice([0, 0, 1, 50]))
        damaged = data[:a] + put + data[a + n :]
        if damaged == data:
            continue
        found, damages, _ = scan(damaged)
        first = int(np.searchsorted(starts, a, side="right")) - 1
        last = int(np.searchsorted(starts, min(a + n, len(data)), side="left"))
        good = [f for _, f in found]
        if starts[first] == a and not put and a + n in starts:
            continue  # whole frames are gone: nobody can know
        # frames before and behind the wound are given
        assert good[:first] == frames[:first]
        tail = frames[last:]
        assert (good[len(good) - len(tail) :] if tail else []) == tail
        assert first <= len(good) - len(tail) <= last
        assert len(damages) <= 1


def test_several_damaged_places_are_several_damages() -> None:
    frames = sample(60)
    data, starts = encode(frames)
    damaged = bytearray(data)
    hurt = [3, 10, 11, 40, 59]
    for k in hurt:
        damaged[(starts[k] + starts[k + 1]) // 2] ^= 0x10
    found, damages, _ = scan(bytes(damaged))
    assert [f for _, f in found] == [f for i, f in enumerate(frames) if i not in hurt]
    # neighbours are one place or two, each frame is named once
    assert {d.offset for d in damages} <= {starts[k] for k in hurt}
    assert {starts[k] for k in hurt} - {d.offset for d in damages} <= {starts[11]}
    index = [d.frame for d in damages]
    assert index == sorted(set(index))


@pytest.mark.parametrize("batch_bytes", [1 << 20, 3000])
def test_any_frames_with_wrong_checksums_are_left_out_and_nothing_else(batch_bytes: int) -> None:
    frames = sample(400, seed=3)
    data, starts = encode(frames)
    damaged = bytearray(data)
    rng = random.Random(4)
    hurt = {k for k in range(400) if rng.random() < 0.4}
    for k in hurt:
        damaged[starts[k + 1] - 1] ^= 1
    found, damages, orphans = scan(bytes(damaged), batch_bytes=batch_bytes)
    assert found == [(starts[k], f) for k, f in enumerate(frames) if k not in hurt]
    assert [(d.frame, d.offset) for d in damages] == [(k, starts[k]) for k in sorted(hurt)]
    lost, wanted = False, []
    for k, (stop, _) in enumerate(frames):
        lost = k in hurt or (lost and stop != "Q")
        wanted += [lost and stop == "P"] if k not in hurt else []
    assert orphans == wanted


def test_many_frames_with_wrong_checksums_take_as_long_as_right_ones() -> None:
    """Each of them made all behind it be walked again: minutes for half a megabyte."""
    wrong = bytearray(encode_frame("P", [("key", "type", b"blob")]))
    wrong[-1] ^= 1
    found, damages, _ = scan(bytes(wrong) * 20_000)
    assert (len(found), len(damages)) == (0, 20_000)


def fake(rest: int, n: int = 1) -> bytes:
    """Make the begin of a frame of n objects, the first of them as large as `rest`."""
    head = TAG + struct.pack("<IBBcI", 6, 0, 0, b"P", n)
    return head + b"".join(struct.pack("<I", 1) + name for name in (b"k", b"t")) + struct.pack("<I", rest)


def nested(n: int) -> bytes:
    """Frames that all end with the file."""
    size = len(fake(0))
    return b"".join(fake((n - 1 - i) * size) for i in range(n))


def chained(n: int) -> bytes:
    """Frames that are objects of those before them, and have as many objects themselves."""
    inner = TAG + struct.pack("<IBBcI", 6, 0, 0, b"P", 1 << 30)
    return (inner + fake(len(inner))[-14:]) * n


@pytest.mark.parametrize("make", [nested, chained])
def test_what_looks_like_frames_in_frames_is_looked_at_a_bounded_number_of_times(make, monkeypatch) -> None:
    monkeypatch.setattr(container, "MAX_FRAME", 1 << 20)
    good = encode_frame("P", [("key", "type", b"blob")])
    data = b"[i3]junk" + make(6000) + b"sum." + good
    scanner = Scanner(Raw(io.BufferedReader(io.BytesIO(data))))
    (batch,) = scanner.batches()
    assert batch.offset.tolist() == [len(data) - len(good)]
    assert len(scanner.damages) == 1
    assert scanner._looked < (1 << 20) + (16 + 4096 / 20) * len(data)
    assert scanner._looked > 1 << 20


def test_without_verification_only_what_breaks_the_walk_is_damage() -> None:
    good = encode_frame("P", [("key", "type", b"blob")])
    wrong = good[:-1] + bytes([good[-1] ^ 1])
    assert scan(good + wrong)[1] != []
    assert scan(good + wrong, verify=False)[1] == []


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_a_flipped_byte_of_a_compressed_file_costs_no_frame_before_it(codec: str) -> None:
    frames = sample(400, size=100)
    data, _ = encode(frames)
    parts = [data[i : i + 4000] for i in range(0, len(data), 4000)]
    pack = (lambda b: gzip.compress(b, 1)) if codec == "gzip" else zstandard.ZstdCompressor(level=1).compress
    packed = [pack(p) for p in parts]
    whole = b"".join(packed)
    rng = random.Random(6)
    starts = encode(frames)[1]
    for at in rng.sample(range(8, len(whole)), 150):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << rng.randrange(8)
        found, damages, _ = scan(bytes(damaged), codec=None)
        got = [f for _, f in found]
        if not damages:
            assert got == frames
            continue
        member = int(np.searchsorted(np.cumsum([len(p) for p in packed]), at, side="right"))
        sound = sum(e <= 4000 * member for e in starts[1:])
        assert got[:sound] == frames[:sound], at
        assert all(f in frames for f in got)


# -- orphans ----------------------------------------------------------------------------------------------------------


def test_physics_frames_whose_daq_frame_is_damaged_are_orphans_until_the_next() -> None:
    frames: list[Frame] = []
    for i in range(6):
        frames.append(("Q", (("daq", "t", bytes([i]) * 20),)))
        frames += [("P", (("phys", "t", bytes([i, k])),)) for k in range(3)]
    data, starts = encode(frames)
    for batch_bytes in (1 << 20, 60):
        damaged = bytearray(data)
        damaged[starts[8] + 40] ^= 1
        found, damages, orphans = scan(bytes(damaged), batch_bytes=batch_bytes)
        assert len(damages) == 1
        assert [f[1][0][2][0] for (_, f), o in zip(found, orphans, strict=True) if o] == [2, 2, 2]


# -- raw_frames -------------------------------------------------------------------------------------------------------


def test_the_first_damage_ends_a_reading_that_did_not_ask_for_damages(tmp_path) -> None:
    frames = sample(30)
    data, starts = encode(frames)
    damaged = bytearray(data)
    damaged[starts[20] + 15] ^= 1
    path = tmp_path / "a.i3"
    path.write_bytes(damaged)
    got = []
    with pytest.raises(DamagedFileError, match=rf"a\.i3: frame 20 at byte {starts[20]}: ") as info:
        got += [f.index for f in raw_frames(path)]
    assert isinstance(info.value, FormatError)
    reading = raw_frames(path)
    got = [next(reading).index for _ in range(20)]
    assert got == list(range(20))
    damages: list = []
    assert [f.index for f in raw_frames(path, damages=damages)] == [*range(20), *range(21, 30)]
    assert [(d.frame, d.offset) for d in damages] == [(20, starts[20])]


# -- real files -------------------------------------------------------------------------------------------------------

REAL = [
    "upgrade_genie_step4_140028_000998", "oscNext_genie_level3_v02", "oscNext_noise_level3_v02",
    "oscNext_genie_level7_v02",
]  # fmt: skip


def real_bytes(shared_data: Path, name: str) -> bytes:
    return gzip.decompress((shared_data / "i3" / "real" / f"{name}_first_5_frames.i3.gz").read_bytes())


@pytest.mark.parametrize("name", REAL)
def test_real_files_are_read_and_written_back_byte_for_byte(shared_data: Path, name: str) -> None:
    data = real_bytes(shared_data, name)
    found, damages, _ = scan(data)
    assert damages == []
    assert b"".join(encode_frame(*f) for _, f in found) == data
    again, _, _ = scan(data, batch_bytes=1)
    assert again == found


def events_of(shared_data: Path, name: str) -> tuple[bytes, list[Frame], list[int]]:
    """Return the part of a real file that is Q, P and S frames."""
    frames = [f for _, f in scan(real_bytes(shared_data, name))[0] if f[0] != "I"]
    data, starts = encode(frames)
    return data, frames, starts


def test_a_real_file_cut_anywhere_gives_all_whole_frames(shared_data: Path) -> None:
    data, frames, starts = events_of(shared_data, "oscNext_noise_level3_v02")
    near = {c for s in starts for c in range(max(s - 20, 0), min(s + 21, len(data)))}
    for cut in sorted(near | set(range(0, len(data), 211))):
        found, damages, _ = scan(data[:cut])
        whole = sum(e <= cut for e in starts[1:])
        assert len(found) == whole, cut
        assert [d.offset for d in damages] == ([] if cut in starts else [starts[whole]]), cut
    assert [f for _, f in scan(data[:cut])[0]] == frames[:whole]


def test_flipped_bytes_of_a_real_file_cost_their_own_frame_only(shared_data: Path) -> None:
    data, frames, starts = events_of(shared_data, "oscNext_noise_level3_v02")
    rng = random.Random(11)
    for _ in range(1000):
        at = rng.randrange(len(data))
        damaged = bytearray(data)
        damaged[at] ^= rng.randint(1, 255)
        found, damages, _ = scan(bytes(damaged))
        inside = at - starts[int(np.searchsorted(starts, at, side="right")) - 1]
        if 8 <= inside < 10 and not damages:
            continue
        check_damaged(data, at, found, damages, starts, frames)


def test_frames_in_memory_are_found_in_place_and_anything_else_is_refused():
    frames = [
        ("Q", [("A", "t", b"1234"), ("B", "t", b"5")]),
        ("P", [("A", "t", b"9" * 100)]),
        ("I", [("C", "t", b"0")]),
    ]
    data = b"".join(encode_frame(*frame) for frame in frames) * 200
    for held in (data, bytearray(data), memoryview(data)):
        batch = container.scan(held)
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
    assert container.scan(data, tray=False).pair.size == 600
    assert container.scan(b"").stop.size == 0
    for bad in (data[:-1], data + b"[i3]", b"x" + data):
        with pytest.raises(FormatError, match="no whole frame at byte"):
            container.scan(bad)


def test_scans_can_share_their_names():
    names = container.Names()
    first, second = (
        container.scan(encode_frame("Q", [(key, "type", b"blob")]), names=names) for key in ("A", "B")
    )
    assert first.names is second.names is names
    assert second.pair.tolist() == [1]
    assert names.pairs() == [("A", "type"), ("B", "type")]
