"""Damaged objects, files and pulses (`i3`, by `fuzz`) are refused with a reason, or read; nothing else happens."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections import Counter

import fuzz
import naive_resolver as plain
import numpy as np
import pytest
from test_batch import compare, events_of

from icecol.errors import FormatError, UnsupportedError
from icecol.i3.archive import OMKey, encode, new
from icecol.i3.columns import batch as columns
from icecol.i3.container.names import Names
from icecol.i3.container.raw import encode_frame, raw_frames
from icecol.i3.frames.frame import Frame
from icecol.i3.pulses import batch as compiled
from icecol.i3.pulses.series import DEEPEST, PULSE


def test_damaged_objects_of_every_class_are_refused_or_decoded() -> None:
    told = fuzz.run(len(fuzz.KINDS))
    assert told["refused"] + told["decoded"] == len(fuzz.KINDS)
    assert told["refused"] > told["decoded"] > 0


@pytest.mark.parametrize("target", ["files", "compressed"])
def test_all_ways_of_reading_a_damaged_file_agree(target: str) -> None:
    told = fuzz.run(100, target=target)
    assert told["frames"] > 40
    assert told["damages"] > 40


@pytest.mark.slow
def test_damaged_pulses_are_those_of_the_plain_resolver_or_refused() -> None:
    told = fuzz.run(4, target="pulses")
    assert told["series"] > told["refused"] > 0


@pytest.mark.slow
def test_conversion_of_damaged_files_gives_what_their_frames_have() -> None:
    told = fuzz.run(40, target="conversions")
    assert told["values"] > 1000
    assert told["null"] > 100
    assert told["stricter"] < 40


# -- what was found ---------------------------------------------------------------------------------------------------


def archive(size: bytes, *, kind: bytes = tarfile.REGTYPE, pax: bytes = b"") -> bytes:
    """Make a tar archive whose member has a size field that can be any bytes, with the right checksum."""
    header = bytearray(tarfile.TarInfo("a.i3").tobuf(tarfile.GNU_FORMAT))
    header[124:136], header[156:157] = size, kind
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return (
        bytes(header)
        + pax
        + bytes(-len(pax) % 512)
        + encode_frame("P", [("key", "t", b"blob")])
        + bytes(2048)
    )


@pytest.mark.parametrize(
    "kind", [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME]
)
@pytest.mark.parametrize("size", [b"\xff" * 12, b"\xff" * 11 + b"\0"], ids=["-1", "-256"])
def test_a_member_of_negative_size_is_damage(size: bytes, kind: bytes) -> None:
    told: Counter[str] = Counter()
    fuzz.one_file(archive(size, kind=kind), told)
    assert told == {"damages": 1, "frames": 0}


def test_a_size_of_thousands_of_digits_is_damage() -> None:
    record = b"5020 size=" + b"9" * 5009 + b"\n"
    told: Counter[str] = Counter()
    fuzz.one_file(
        archive(b"%011o\0" % len(record), kind=tarfile.XHDTYPE, pax=record) + archive(b"0" * 12), told
    )
    assert told["damages"] == 1


def test_a_stream_that_asks_for_more_memory_than_any_file_needs_is_refused(tmp_path) -> None:
    path = tmp_path / "a.i3.xz"
    packed = bytearray(lzma.compress(b"[i3]", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]))
    packed[16] = (
        40  # a dictionary of 4 GiB; of the block header it is the last byte but for padding and checksum
    )
    packed[20:24] = zlib.crc32(packed[12:20]).to_bytes(4, "little")
    path.write_bytes(packed)
    with pytest.raises(UnsupportedError, match=r"needs more than \d GiB of memory"):
        list(raw_frames(path, damages=[]))


def pulse_map(*times: float) -> bytes:
    series = np.array([(t, i, 1, 7) for i, t in enumerate(times)], PULSE)
    return encode(new("I3RecoPulseSeriesMap", {OMKey(1, 1): series}))


def union(*sources: str) -> bytes:
    return encode(new("I3RecoPulseSeriesMapUnion", sources=list(sources)))


def resolved(*frames: dict[str, bytes], keys: list[str]) -> dict[str, int]:
    data = b"".join(encode_frame("P", [(key, "t", blob) for key, blob in one.items()]) for one in frames)
    total: Counter[str] = Counter()
    for resolver, mixed in events_of(data):
        total.update(compare(resolver, mixed, keys))
    return total


@pytest.mark.parametrize("n", [5, 40])
def test_pulses_without_a_time_come_last(n: int) -> None:
    times = [float(n - i // 2) if i % 3 else np.nan for i in range(n)]
    assert resolved({"A": pulse_map(*times), "U": union("A")}, keys=["U"])["series"] == 1


@pytest.mark.parametrize("first", ["cut", "renamed", "hits"])
def test_the_first_object_of_a_key_does_not_tell_the_class_of_its_neighbours(first: str) -> None:
    good = pulse_map(3.0, 1.0)
    hits = np.zeros(1, [("time", "<f8"), ("id", "<i4"), ("source_index", "<i4")])
    bad = {
        "cut": good[:10],
        "renamed": good.replace(b"Pulse", b"Pulze", 1),
        "hits": encode(new("I3RecoHitSeriesMap", {OMKey(1, 1): hits})),
    }[first]
    data = b"".join(encode_frame("P", [("A", "t", blob)]) for blob in (bad, good, good))
    for resolver, frames in events_of(data):
        assert compare(resolver, frames, ["A"], strict=False)["stricter"] == 0
        assert resolver.series("A").status.tolist()[1:] == [0, 0]


@pytest.mark.parametrize("strings", [(2, 1), (1, 1)])
def test_sensors_out_of_order_are_refused(strings: tuple[int, int]) -> None:
    good = encode(new("I3RecoPulseSeriesMap", {OMKey(s, 1): np.zeros(1, PULSE) for s in (1, 2)}))
    at = [good.index(s.to_bytes(4, "little") + (1).to_bytes(4, "little")) for s in (1, 2)]
    bad = bytearray(good)
    for place, string in zip(at, strings, strict=True):
        bad[place : place + 4] = string.to_bytes(4, "little")
    for blob, told in [(good, "series"), (bytes(bad), "refused")]:
        assert resolved({"A": blob}, keys=["A"])[told] == 1


def test_long_chains_of_series_are_refused() -> None:
    frame = {"S0": pulse_map(1.0)} | {f"S{i + 1}": union(f"S{i}") for i in range(2000)}
    assert resolved(frame, keys=[f"S{DEEPEST + 500}"]) == Counter(refused=1)


def test_unions_of_unions_take_no_memory(monkeypatch) -> None:
    for module in (plain, compiled):
        monkeypatch.setattr(module, "MOST_PULSES", 1000)
    frame = {"S0": pulse_map(1.0, 2.0)} | {f"S{i + 1}": union(f"S{i}", f"S{i}") for i in range(60)}
    frame |= {"E0": encode(new("I3RecoPulseSeriesMap", {}))}
    frame |= {f"E{i + 1}": union(f"E{i}", f"E{i}") for i in range(60)}
    assert resolved(frame, keys=["S60", "E60", "S3"]) == Counter(refused=1, series=2, pulses=16)
    with pytest.raises(FormatError, match="more than"):
        Frame("P", [(key, "t", blob) for key, blob in frame.items()]).pulses("S60")


def test_rows_that_share_a_large_series_do_not_multiply_it(tmp_path, monkeypatch) -> None:
    """They are refused where a batch is resolved at once, and resolved frame by frame."""
    from icecol.i3.frames.files import open_i3

    monkeypatch.setattr(compiled, "MOST_PULSES", 1000)
    many = pulse_map(*map(float, range(300)))
    data = encode_frame("Q", [("A", "t", many), ("U", "t", union("A", "A"))])
    data += b"".join(encode_frame("P", [("B", "t", pulse_map(1.0))]) for _ in range(100))
    for resolver, frames in events_of(data):
        assert compare(resolver, frames, ["A", "B", "U"], strict=False)["lenient"] == 0
        for key in "AU":
            status = resolver.series(key).status
            assert 5 < np.count_nonzero(status == 0) < 90
            assert set(status.tolist()) <= {0, compiled.MANY, compiled.PARENT}
            assert resolver.series(key).time.size <= len(data) * 2
        assert not resolver.series("B").status.any()
    (tmp_path / "a.i3").write_bytes(data)
    for frame in open_i3(tmp_path / "a.i3"):
        assert len(frame.pulses("A")) == 300
        assert len(frame.pulses("U")) == 600


def test_a_class_inside_of_a_newer_version_is_refused_and_its_neighbours_are_not() -> None:
    """Its members were read as those of the newest known version."""
    good = encode(new("I3Particle", energy=2.0))
    at = good.index(b"\x01\x00" + (2).to_bytes(4, "little"), 40)  # header and id of the position
    newer = good[: at + 1] + b"\x09" + good[at + 2 :]
    for blobs in ([newer, good, good], [good, newer, good]):
        *results, last = columns.decode(*blobs_in_one(blobs), Names())
        assert [i for i, why in last.failed if "newer" in why] == [blobs.index(newer)]
        assert sum(found.good.size for found in (*results, last)) == 2


@pytest.mark.parametrize("n", range(0, 36, 5))
def test_an_object_that_is_cut_does_not_take_those_that_begin_like_it_with_it(n: int) -> None:
    blobs = [encode(new("I3Double", value=float(i))) for i in range(3)]
    (found,) = columns.decode(*blobs_in_one([blobs[0][:n], *blobs[1:], blobs[0][:n]]), Names())
    assert found.good.tolist() == [1, 2]
    assert sorted(i for i, _ in found.failed) == [0, 3]
    assert found.values[0].tolist() == [1.0, 2.0]


def blobs_in_one(blobs: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sizes = np.array([len(blob) for blob in blobs])
    return np.frombuffer(bytearray(b"".join(blobs)), np.uint8), np.cumsum(sizes) - sizes, sizes
