"""Damage costs the frames that it touches and no other, and sizes that cannot be ask for no memory: `scanner`."""

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
from framing import Frame, check_damaged, encode, real_bytes, sample, scan

from icecol.errors import DamagedFileError, FormatError
from icecol.i3.container import scanner, walk
from icecol.i3.container.compression import Raw
from icecol.i3.container.raw import encode_frame, raw_frames
from icecol.i3.container.scanner import MAX_FRAME, TAG, Scanner


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


@pytest.mark.parametrize("batch_bytes", [1 << 20, 300])
@pytest.mark.slow
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
    for module in (scanner, walk):
        monkeypatch.setattr(module, "MAX_FRAME", 1 << 20)
    good = encode_frame("P", [("key", "type", b"blob")])
    data = b"[i3]junk" + make(6000) + b"sum." + good
    reader = Scanner(Raw(io.BufferedReader(io.BytesIO(data))))
    (batch,) = reader.batches()
    assert batch.offset.tolist() == [len(data) - len(good)]
    assert len(reader.damages) == 1
    assert reader._looked < (1 << 20) + (16 + 4096 / 20) * len(data)
    assert reader._looked > 1 << 20


def test_without_verification_only_what_breaks_the_walk_is_damage() -> None:
    good = encode_frame("P", [("key", "type", b"blob")])
    wrong = good[:-1] + bytes([good[-1] ^ 1])
    assert scan(good + wrong)[1] != []
    assert scan(good + wrong, verify=False)[1] == []


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
@pytest.mark.slow
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


@pytest.mark.slow
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
