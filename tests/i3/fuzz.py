"""Objects, files and pulses damaged at random: `python tests/i3/fuzz.py objects 100000 [seed]`, or another target."""

from __future__ import annotations

import re
import resource
import shutil
import struct
import sys
import tarfile
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import cycle, zip_longest
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from framing import frame_of_version_3, frame_of_version_4
from generated import VERSIONS, generate
from naive_resolver import flat, resolve
from test_batch import compare, events_of, random_file
from test_compression import PACK

from icecol import convert
from icecol.errors import DamagedFileError, FormatError, IcecolError, SchemaError
from icecol.i3.archive import FrameMap, OMKey, Record, Tree, blobs, decode, encode, new, record
from icecol.i3.classes import type_name
from icecol.i3.columns import batch as columns
from icecol.i3.container.checksums import CRC16, checksum, crc16
from icecol.i3.container.names import Names
from icecol.i3.container.old_versions import TAG
from icecol.i3.container.raw import encode_frame, raw_frames
from icecol.i3.container.scanner import Damage, Scanner
from icecol.i3.container.streams import open_stream
from icecol.i3.frames.files import open_i3
from icecol.i3.frames.frame import Frame
from icecol.i3.frames.survey import survey
from icecol.i3.pulses.series import PULSE

Inputs = Iterator[tuple[bytes, Callable[[Counter[str]], None]]]

SIZES = (0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
KINDS = [(name, version) for name, version in VERSIONS if name != "I3StationHitMap"]
"""All but the one whose elements have no layout."""
SLOW = 2.0
"""Seconds that no single input may take."""
SPARE, TIMES = 16 << 20, 64
"""Bytes by which an input may raise the peak of the memory in use: some, and so many of each of its own."""
WARM = 300
"""Inputs that are not held to time and memory: something is compiled and loaded meanwhile."""
ROWS = 20
"""Damaged frames in one batch of pulses."""
PATH = Path(tempfile.mkdtemp()) / "damaged.i3"
ROOM = 4 << 30
"""Bytes of address space of a long run: what asks for more is told."""


def damaged(rng: Random, blob: bytes) -> bytes:
    """Change, cut, repeat or put in some bytes."""
    data = bytearray(blob)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(data)) if data else 0
        match rng.randrange(5):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                data[at : at + 4] = rng.choice(SIZES).to_bytes(4, "little")
            case 2:
                del data[at:]
            case 3:
                del data[at : at + rng.randint(1, 16)]
            case _:
                data[at:at] = data[at : at + rng.randint(1, 64)]
    return bytes(data)


@contextmanager
def watched(*about: object, n_bytes: int) -> Iterator[None]:
    """Hold an input to its time and to its memory; whatever else it raises is told with the input itself."""
    began, peak = time.perf_counter(), _peak()
    try:
        yield
    except Exception as err:
        err.add_note(f"input: {about}")
        raise
    took, grown = time.perf_counter() - began, _peak() - peak
    assert took < SLOW, (f"{took:.1f} s", *about)
    assert grown < SPARE + TIMES * n_bytes, (f"{grown >> 20} MiB", *about)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def run(n: int, seed: int = 0, target: str = "objects") -> Counter[str]:
    """Read `n` damaged inputs: each is taken or refused with an error of icecol's own, in bounded time and memory."""
    rng = Random(seed)
    told: Counter[str] = Counter()
    for i, (data, read) in zip(range(n), TARGETS[target](rng), strict=False):
        with watched(target, data.hex(), n_bytes=len(data)) if i >= WARM else nullcontext():
            read(told)
        if i % 1000 == 999:
            sys.stdout.write(f"{target} {i + 1} {dict(told)}\n")
            sys.stdout.flush()
    return told


# -- objects ----------------------------------------------------------------------------------------------------------


def outcome(ask: Callable[[], Any]) -> Any:
    """Return what comes out, or the words of a refusal."""
    try:
        return ask()
    except FormatError as err:
        return str(err)


def assert_alike(a: Any, b: Any) -> None:
    """Hold two values to each other, with the types of all that is in them."""
    assert type(a) is type(b), (a, b)
    if isinstance(a, np.ndarray):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_alike(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_alike(one, other)
    elif isinstance(a, Record):
        for name in a.names:
            assert_alike(getattr(a, name), getattr(b, name))
    elif isinstance(a, float):
        assert struct.pack("<d", a) == struct.pack("<d", b)
    else:
        assert a == b
    if isinstance(a, Tree):
        assert (a.depth, a.parent) == (b.depth, b.parent)
    if isinstance(a, Record | FrameMap | Tree):
        assert (a.i3class, a.versions) == (b.i3class, b.versions)


def objects(rng: Random) -> Inputs:
    """Yield damaged objects of every class in every version."""
    for name, version in cycle(KINDS):
        blob = damaged(rng, encode(generate(name, version, rng.randrange(1 << 30))))
        yield blob, partial(one_object, blob)


def one_object(blob: bytes, told: Counter[str]) -> None:
    """Decode one object in both ways, write it again, and read it as a column."""
    assert_alike(outcome(lambda: decode(blob)), outcome(lambda: blobs._decode(blob)))
    try:
        obj = decode(blob)
    except FormatError:
        told["refused"] += 1
    else:
        told["decoded"] += 1
        try:
            encode(obj)
        except FormatError:
            told["not written"] += 1
    buf = np.frombuffer(bytearray(blob), np.uint8)  # writable, as of a file
    columns.decode(buf, np.zeros(1, np.int64), np.array([len(blob)]), Names())


# -- files ------------------------------------------------------------------------------------------------------------


def small_file(rng: Random) -> bytes:
    """Make a few frames of the container versions 1 to 6, mostly of one version and of the newest."""
    data = b""
    version = rng.choice((6, 6, 6, 5, 4, 3, 2, 1))
    for stop in "IGQPPQP"[rng.randrange(3) :]:
        names = rng.sample(KINDS, rng.randint(0, 3))
        blobs = [
            (f"Key{i}", n, encode(generate(n, v, rng.randrange(1 << 30)))) for i, (n, v) in enumerate(names)
        ]
        data += FRAMES[rng.choice((version,) * 5 + (6,))](stop, blobs)
    return data


def frame_of_version_5(stop: str, blobs: list[tuple[str, str, bytes]]) -> bytes:
    body = encode_frame(stop, blobs)[10:-4]
    check = crc16(np.frombuffer(body, np.uint8), 0, len(body), CRC16)
    return TAG + struct.pack("<IBB", 5, 0, 0) + body + struct.pack("<I", check)


def frame_of_version_2(stop: str, blobs: list[tuple[str, str, bytes]]) -> bytes:
    return struct.pack("<I", 2) + frame_of_version_3(stop, blobs)[4:-12]


def frame_of_version_1(stop: str, blobs: list[tuple[str, str, bytes]]) -> bytes:
    return struct.pack("<I", 1) + frame_of_version_3(stop, blobs, 0)[10:-12]


FRAMES = {
    1: frame_of_version_1,
    2: frame_of_version_2,
    3: frame_of_version_3,
    4: frame_of_version_4,
    5: frame_of_version_5,
    6: encode_frame,
}


def damaged_file(rng: Random, data: bytes) -> bytes:
    """Damage bytes, or the sizes of a frame, with the frame's checksum made right again or not."""
    if rng.random() < 0.6:
        return damaged(rng, data)
    out = bytearray(data)
    starts = [m.start() for m in re.finditer(re.escape(TAG), data)] or [0]
    for _ in range(rng.choice((1, 2))):
        begin = rng.choice(starts)
        match rng.randrange(4):
            case 0:
                out[begin + 4 : begin + 8] = struct.pack("<I", rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 1 << 31)))
            case 1:
                at = rng.randrange(begin, len(out) + 1)
                out[at : at + 4] = struct.pack(
                    "<IQ", 0xFFFFFFFF, rng.choice((0, 5, 1 << 40, 1 << 63, (1 << 64) - 9))
                )
            case 2:
                at = rng.randrange(begin, len(out) + 1)
                out[at : at + 4] = struct.pack("<I", rng.choice(SIZES))
            case _:
                end = next((s for s in starts if s > begin), len(out))
                out[begin + 10 : begin + 10] = out[begin:end]
    if rng.random() < 0.5:
        begin = rng.choice(starts)
        end = next((s for s in starts if s > begin), len(out))
        if end - begin > 14:
            out[end - 4 : end] = struct.pack("<I", checksum(bytes(out[begin + 10 : end - 4])))
    return bytes(out)


def one_file(data: bytes, told: Counter[str]) -> None:
    """Read a file in all ways, which must agree, and decode all that its frames have."""
    PATH.write_bytes(data)
    damages: list[Damage] = []
    raw = [
        (f.index, f.stop, f.orphan, [tuple(s) for s in f.objects]) for f in raw_frames(PATH, damages=damages)
    ]
    told["frames"] += len(raw)
    told["damages"] += len(damages)
    with open_i3(PATH, skip_damaged=True) as frames:
        for (index, stop, orphan, spans), frame in zip_longest(raw, frames):
            assert (index, stop, orphan) == (frames.index, frame.stop, frames.orphan)
            assert {k: (t, b) for k, t, b in spans} == {
                k: (frame.type_name(k), frame.raw(k)) for k in frame.own_keys()
            }
            for key in frame:
                try:
                    frame[key]
                except FormatError:
                    told["objects refused"] += 1
                else:
                    told["objects decoded"] += 1
            repr(frame)
            try:
                frame.encoded()
            except FormatError:
                told["frames not written"] += 1
    assert [d for _, d in frames.damages] == damages
    stream, file, _ = open_stream(PATH)
    with file:
        scanner = Scanner(stream, tray=True, batch_bytes=1000)
        small = [
            (int(b.index[i]), chr(b.stop[i]), bool(b.orphan[i]), int(b.first[i + 1] - b.first[i]))
            for b in scanner.batches()
            for i in range(b.fresh, b.stop.size)
        ]
    if not any(" stream: " in d.message for d in damages + scanner.damages):  # what is given before differs
        assert small == [(i, stop, orphan, len(spans)) for i, stop, orphan, spans in raw]
        assert scanner.damages == damages
    survey(PATH)
    try:
        n = len(list(open_i3(PATH)))
        assert not damages
        assert n == len(raw)
    except DamagedFileError:
        assert damages


def files(rng: Random) -> Inputs:
    """Yield damaged files of a few frames."""
    while True:
        whole = small_file(rng)
        for _ in range(20):
            data = damaged_file(rng, whole)
            yield data, partial(one_file, data)


def compressed(rng: Random) -> Inputs:
    """Yield damaged compressed files and tar archives."""
    while True:
        whole = small_file(rng)
        packed = [pack(whole[:900]) + pack(whole[900:]) for pack in PACK.values()]
        archive = tar(rng, whole, hostile=False)
        packed += [archive, PACK["gzip"](archive)]
        for _ in range(20):
            data = damaged(rng, rng.choice(packed)) if rng.random() < 0.7 else tar(rng, whole, hostile=True)
            yield data, partial(one_file, data)


def tar(rng: Random, data: bytes, *, hostile: bool) -> bytes:
    """Make a tar archive, with sizes that cannot be if it is to be hostile (the checksums of the headers are right)."""
    parts = []
    for begin, name in ((0, "a.i3"), (500, "read.me"), (1000, "b.i3")):
        info = tarfile.TarInfo(name if rng.random() < 0.7 else "long" * 40 + name)
        member = data[begin : begin + 500]
        info.size = len(member)
        if rng.random() < 0.3:
            info.pax_headers = {"path": f"x/{name}", "size": str(len(member))}
        blob = bytearray(info.tobuf(rng.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))))
        if hostile and rng.random() < 0.7:
            at = rng.randrange(0, len(blob), tarfile.BLOCKSIZE)
            blob[at + 124 : at + 136] = rng.choice(
                (
                    b"\xff" * 12,
                    b"\xff" * 11 + b"\x00",
                    b"\x80" + b"\x7f" * 11,
                    b"77777777777\0",
                    b"\0" * 12,
                    b"-1".ljust(12),
                )
            )
            if rng.random() < 0.3:
                blob[at + 156 : at + 157] = rng.choice((b"0", b"5", b"L", b"x", b"g", b"S", b"?"))
            blob[at + 148 : at + 156] = b" " * 8
            blob[at + 148 : at + 156] = b"%06o\0 " % sum(blob[at : at + 512])
        if hostile and rng.random() < 0.3:
            blob = blob.replace(
                b"size=", rng.choice((b"size=9999999999", b"path=" + b"9" * 300 + b"\n", b"size=-"))
            )
        parts.append(bytes(blob) + member + bytes(-len(member) % tarfile.BLOCKSIZE))
    out = b"".join(parts) + bytes(2 * tarfile.BLOCKSIZE)
    return damaged(rng, out) if hostile and rng.random() < 0.3 else out


# -- pulses -----------------------------------------------------------------------------------------------------------


def pulses(rng: Random) -> Inputs:
    """Yield batches of frames whose objects that stand for pulses are damaged, or stand under another key."""
    while True:
        whole, keys = random_file(rng.randrange(1 << 30), 2)
        for _, frames in events_of(whole, "Q"):
            frame = frames[0]
            blobs = {key: frame.raw(key) for key in frame}
            sound = encode_frame("Q", [(key, "t", blob) for key, blob in blobs.items()])
            names = [key for key in blobs if key != "I3Calibration"]
            for _ in range(10):
                data = sound
                for _ in range(ROWS):
                    bad = {key: damaged(rng, blobs[key]) for key in rng.sample(names, rng.choice((1, 1, 2)))}
                    if rng.random() < 0.2:
                        bad[rng.choice(names)] = blobs[rng.choice(names)]
                    data += encode_frame("P", [(key, "t", blob) for key, blob in bad.items() if blob])
                yield data, partial(one_batch, data, keys)


def one_batch(data: bytes, keys: list[str], told: Counter[str]) -> None:
    """Resolve all series in both ways; the compiled one may refuse more, not less."""
    for resolver, frames in events_of(data):
        told["rows"] += len(frames)
        told.update(compare(resolver, frames, keys, strict=False))
    assert told["lenient"] == 0


# -- conversion -------------------------------------------------------------------------------------------------------


def event(rng: Random, i: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Make the frames of one event: a readout with pulses, and one or two physics frames with a bit of everything."""
    pulses = {
        OMKey(s, om): np.array([(rng.uniform(0, 1e4), rng.random(), 2.0, 7) for _ in range(n)], PULSE)
        for s, om, n in [(1, 1, rng.randrange(4)), (1, 2, 0), (2, 60, rng.randrange(9))]
    }
    header = new(
        "I3EventHeader", run_id=1, event_id=i, start_time=record("I3Time")(utc_year=2020, utc_daq_time=i)
    )
    yield "Q", {"I3EventHeader": header, "Pulses": new("I3RecoPulseSeriesMap", pulses), "Shared": number(rng)}
    for sub in range(rng.randint(1, 2)):
        masks = [np.array([rng.random() < 0.5 for _ in v], bool) for v in pulses.values()]
        mask = new(
            "I3RecoPulseSeriesMapMask", source="Pulses", key_mask=np.ones(3, bool), element_masks=masks
        )
        own = {
            "Number": number(rng), "Count": new("I3Int", value=rng.randint(-9, 9)), "Mask": mask,
            "Passed": new("I3Bool", value=rng.random() < 0.5), "Text": new("I3String", value=rng.choice("abc")),
            "Weights": new("I3MapStringDouble", {n: rng.random() for n in rng.sample(["a", "bb", "ccc"], 2)}),
            "List": new("I3VectorDouble", value=np.array([rng.random() for _ in range(rng.randrange(4))])),
            "Track": new("I3Particle", energy=rng.random(), time=1.0, minor_id=sub),
        }  # fmt: skip
        chosen = {key: obj for key, obj in own.items() if rng.random() < 0.8}
        header = new("I3EventHeader", run_id=1, event_id=i, sub_event_id=sub, sub_event_stream="InIceSplit")
        yield "P", {"I3EventHeader": header, **chosen}


def number(rng: Random) -> Any:
    return new("I3Double", value=rng.choice((0.0, -1.5, 1e300, float("nan"), float("inf"))))


SCALARS = {
    "Number": "value",
    "Shared": "value",
    "Count": "value",
    "Passed": "value",
    "Text": "value",
    "List": "value",
}
PARTS = ("energy", "time", "minor_id")


def expected(frame: Frame) -> dict[str, Any]:
    """Return what the row of a frame has at least; of what the plain reader refuses, that it is null."""
    row: dict[str, Any] = {}
    for key, member in SCALARS.items():
        obj = outcome(lambda key=key: frame[key]) if key in frame else None  # type: ignore[misc]
        row[f"{key}.{member}"] = None if obj is None or isinstance(obj, str) else getattr(obj, member, None)
    track = outcome(lambda: frame["Track"]) if "Track" in frame else None
    for part in PARTS:
        row[f"Track.{part}"] = getattr(track, part, None) if isinstance(track, Record) else None
    weights = outcome(lambda: frame["Weights"]) if "Weights" in frame else None
    for name in ("a", "bb", "ccc"):
        row[f"Weights.{name}"] = weights.get(name) if isinstance(weights, dict) else None
    for key in ("Pulses", "Mask"):
        try:
            series = flat(resolve(frame, key))
        except IcecolError:
            row |= {f"{key}.{m}": None for m in ("time", "charge", "omkey")}
        else:
            row |= {f"{key}.{m}": getattr(series, m) for m in ("time", "charge", "omkey")}
    return row


def same_value(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, np.ndarray):
        if not isinstance(found, list):
            return False
        values = np.array(found, wanted.dtype)
        nan = wanted != wanted  # Python makes a quiet NaN of every NaN
        return bool(
            values.shape == wanted.shape
            and (values[nan] != values[nan]).all()
            and values[~nan].tobytes() == wanted[~nan].tobytes()
        )
    if isinstance(wanted, float) and isinstance(found, float):
        return struct.pack("<d", found) == struct.pack("<d", wanted)
    return type(found) is type(wanted) and bool(found == wanted)


def conversions(rng: Random) -> Inputs:
    """Yield damaged files of events; some of them have objects that are damaged in sound frames."""
    while True:
        events = [e for i in range(rng.randint(1, 5)) for e in event(rng, i)]
        sound = {encode(obj) for _, objects in events for obj in objects.values()}
        for _ in range(4):
            frames = []
            for stop, objects in events:
                blobs = {key: encode(obj) for key, obj in objects.items()}
                if rng.random() < 0.2:
                    key = rng.choice(list(blobs))
                    blobs[key] = damaged(rng, blobs[key]) or b"x"
                frames.append(
                    encode_frame(
                        stop, [(key, type_name(objects[key].i3class), b) for key, b in blobs.items()]
                    )
                )
            data = b"".join(frames)
            if rng.random() < 0.5:
                data = damaged_file(rng, data)
            if rng.random() < 0.3:
                data = PACK[rng.choice(list(PACK))](data)
            yield data, partial(one_conversion, data, sound)


def one_conversion(data: bytes, sound: set[bytes], told: Counter[str]) -> None:
    """Convert a file with all keys: the rows are the plain frames, with all values of sound objects.

    Of objects that are damaged columns may lack values that the plain reader finds, and have no others.
    """
    PATH.write_bytes(data)
    out = PATH.with_suffix(".icecol")
    shutil.rmtree(out, ignore_errors=True)
    with open_i3(PATH, skip_damaged=True) as found:
        plain = [f for f in found if f.stop == "P"]
        frames = [expected(f) for f in plain]
    refused: list[type] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # tells what is damaged
            table = convert.i3(PATH, out, jobs=1, skip_damaged=True).scan().collect()
    except IcecolError as err:
        refused.append(type(err))
    if refused:
        told[refused[0].__name__] += 1
        assert not frames or refused[0] is SchemaError
        return
    assert table.height == len(frames)
    told["rows"] += len(frames)
    for name in frames[0] if frames else ():
        values = table[name].to_list() if name in table.columns else [None] * len(frames)
        for value, row, frame in zip(values, frames, plain, strict=True):
            wanted = row[name]
            if value is None:
                told["stricter" if wanted is not None else "null"] += 1
                key = name.partition(".")[0]
                read = [key, "Pulses"] if key == "Mask" else [key]
                assert wanted is None or not {frame.raw(k) for k in read} <= sound, (name, wanted)
            else:
                assert same_value(value, wanted), (name, value, wanted)
                told["values"] += 1


TARGETS: dict[str, Callable[[Random], Inputs]] = {
    "objects": objects,
    "files": files,
    "compressed": compressed,
    "pulses": pulses,
    "conversions": conversions,
}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    kind, how_many, *seeds = sys.argv[1:]
    sys.stdout.write(f"{dict(run(int(how_many), int((seeds or ['0'])[0]), kind))}\n")
