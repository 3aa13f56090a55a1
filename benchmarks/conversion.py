"""From an .i3 file to columns: what each step costs above decompression.

The load is (a) simulated bright events and (b) the Q and P frames of files, if some are given, repeated up to the
size asked for. Each repetition is a compressed stream of its own, so that repetition does not help the compressor.
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import zstandard
from common import Goal, Report, Table, in_fresh_process, parser, race

import icecol as ic
from icecol.convert.i3_reader import BATCH_BYTES
from icecol.errors import FormatError, MissingColumnError
from icecol.i3.container.mixing import mix, new_order
from icecol.i3.container.raw import encode_frame, raw_frames
from icecol.i3.container.scanner import Scanner
from icecol.i3.container.streams import open_stream
from icecol.i3.container.walk import Batch, scan
from icecol.i3.pulses.batch import PulseResolver

SERIES = ("SplitInIcePulses", "InIcePulses", "SRTInIcePulses")
"""Pulse series looked for, in this order, where none is named."""

STEPS = {
    "library": "decompression by the library alone",
    "floor": "decompression (floor)",
    "scan": "+ frames found, no checksums",
    "checked": "+ frames found and checked",
    "pulses": "+ pulses of one series as arrays",
    "one": "dataset of header and that series",
    "all": "dataset of every key",
    "naive": "frame by frame: that series",
    "naive all": "frame by frame: every object",
}
SAMPLE = 20
"""Events, or frames, that the loops over frames do: their times are scaled up to the whole load."""
Answer = tuple[int, float]
"""Number of pulses, and their summed charge."""


@dataclass(frozen=True, slots=True)
class Load:
    """A file of repeated frames, one repetition of them by itself, and the pulse series to look at."""

    name: str
    file: Path
    block: Path
    repeats: int
    raw: int
    events: int
    series: str
    real: bool

    @property
    def event_kB(self) -> float:
        return self.raw / self.events / 1e3


def make(
    name: str, block: bytes, folder: Path, megabytes: float, series: str | None, codec: str, *, real: bool
) -> Load:
    """Write the load made of one block of whole frames."""
    repeats = max(1, math.ceil(megabytes * 1e6 / len(block)))
    packed = zstandard.ZstdCompressor(level=3).compress(block) if codec == "zst" else gzip.compress(block, 6)
    paths = [folder / f"{name}{kind}.i3.{codec}" for kind in ("", "-block")]
    for path, n in zip(paths, (repeats, 1), strict=True):
        with path.open("wb") as file:
            for _ in range(n):
                file.write(packed)
    events = 0
    found = ""
    for frame in ic.open_i3(paths[1]):
        if frame.stop == "P":
            events += 1
            found = found or next((k for k in ([series] if series else SERIES) if k in frame), "")
    if not found:
        msg = f"{name}: no P frame has a pulse series {series or ' or '.join(SERIES)}; name one with --series"
        raise SystemExit(msg)
    return Load(name, paths[0], paths[1], repeats, len(block) * repeats, events * repeats, found, real)


def bright_block(n: int, pulses: int, folder: Path) -> bytes:
    """Return the frames of simulated muons with about this many pulses each."""
    path = folder / "bright-events.i3"
    ic.sim.write(path, ic.sim.bright(n, pulses=pulses, seed=1))
    return path.read_bytes()


def file_block(path: Path) -> bytes:
    """Return the Q and P frames of a file: no processing history, no detector."""
    return b"".join(encode_frame(f.stop, f.objects) for f in raw_frames(path) if f.stop in "QP")


# -- the steps --------------------------------------------------------------------------------------------------------


def drain(readinto: Callable[[memoryview], int], buffer: memoryview) -> int:
    total = 0
    while n := readinto(buffer):
        total += n
    return total


def decompress(load: Load, buffer: memoryview) -> int:
    stream, file, _ = open_stream(load.file)
    with file:
        return drain(stream.readinto, buffer)


def library(load: Load, buffer: memoryview) -> int:
    """Decompress without icecol, as fast as the Python binding can."""
    with load.file.open("rb") as file:
        if load.file.suffix == ".gz":
            from isal import igzip

            with igzip.IGzipFile(fileobj=file) as stream:
                return drain(stream.readinto, buffer)
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_size=1 << 17, read_across_frames=True)
        return drain(reader.readinto, buffer[: 1 << 17])


def batches(load: Load, *, verify: bool) -> Iterator[Batch]:
    stream, file, _ = open_stream(load.file)
    with file:
        yield from Scanner(stream, verify=verify, batch_bytes=BATCH_BYTES).batches()


def count_frames(found: Iterator[Batch]) -> int:
    return sum(batch.stop.size - batch.fresh for batch in found)


def decode(load: Load) -> Answer:
    order = new_order()
    n, charge = 0, 0.0
    for batch in batches(load, verify=True):
        series = PulseResolver(mix(batch, "P", order)).series(load.series)
        n += series.charge.size
        charge += float(series.charge.sum(dtype=np.float64))
    return n, charge


def convert(load: Load, folder: Path, *, every: bool) -> Path:
    """Convert the load and return the folder of the dataset."""
    out = folder / ("all.icecol" if every else "one.icecol")
    if every:
        ic.convert.i3(load.file, out, jobs=1, overwrite=True)
    else:
        ic.convert.i3(load.file, out, keys=[], pulses=[load.series], jobs=1, overwrite=True)
    return out


def in_dataset(path: Path, series: str) -> Answer:
    column = pl.col(f"{series}.charge")
    charge = column.explode(empty_as_null=False, keep_nulls=False).cast(pl.Float64)
    lf = ic.open_dataset(path).scan()
    n, q = lf.select(charge.len().alias("n"), charge.sum().alias("q")).collect().row(0)
    return int(n), float(q)


def frame_by_frame(load: Load, events: int | None = None) -> Answer:
    """Sum up the pulses of one repetition, or its first events, as a plain loop over frames does."""
    n, charge = 0, 0.0
    with ic.open_i3(load.block) as frames:
        left = load.events // load.repeats if events is None else events
        for frame in frames:
            if not left:
                break
            if frame.stop == "P":
                left -= 1
                try:
                    pulses = frame.pulses(load.series)
                except (MissingColumnError, FormatError):
                    continue
                n += pulses.charge.size
                charge += float(pulses.charge.sum(dtype=np.float64))
    return n, charge


def every_object(load: Load) -> int:
    """Decode every object of the first frames of one repetition; return how many frames that were."""
    n = 0
    with ic.open_i3(load.block) as frames:
        for frame in itertools.islice(frames, SAMPLE):
            n += 1
            for key in frame.own_keys():
                try:
                    frame[key]
                except FormatError:
                    continue
    return n


CONVERSION = """
import icecol as ic
ic.convert.i3
before = peak()
arguments = json.loads(sys.argv[3])
rows = ic.convert.i3(sys.argv[1], sys.argv[2], jobs=1, overwrite=True, **arguments).rows
print(json.dumps([before, peak(), rows]))
"""


def peak_memory(load: Load, folder: Path, *, every: bool) -> tuple[float, float, int]:
    """Convert in a fresh process; return its largest memory (MB) after the imports and at the end, and the rows."""
    arguments = {} if every else {"keys": [], "pulses": [load.series]}
    target = str(folder / "peak.icecol")
    before, after, rows = in_fresh_process(CONVERSION, str(load.file), target, json.dumps(arguments))
    return before, after, rows


# -- tables -----------------------------------------------------------------------------------------------------------


def ladder(report: Report, load: Load, folder: Path, repeat: int) -> None:
    """Time all steps on one load and check that they agree."""
    buffer = memoryview(bytearray(BATCH_BYTES))
    rivals: dict[str, Callable[[], Any]] = {
        "library": lambda: library(load, buffer),
        "floor": lambda: decompress(load, buffer),
        "scan": lambda: count_frames(batches(load, verify=False)),
        "checked": lambda: count_frames(batches(load, verify=True)),
        "pulses": lambda: decode(load),
        "one": lambda: convert(load, folder, every=False),
        "all": lambda: convert(load, folder, every=True),
        "naive": lambda: frame_by_frame(load, SAMPLE),
        "naive all": lambda: every_object(load),
    }
    n_frames = sum(1 for _ in raw_frames(load.block))
    scale = {
        "naive": load.events / min(SAMPLE, load.events // load.repeats),
        "naive all": n_frames * load.repeats / min(SAMPLE, n_frames),
    }
    timings, answers = race(rivals, repeat, scale=scale)

    n, charge = frame_by_frame(load)
    expected = (n * load.repeats, charge * load.repeats)
    answers["one"], answers["all"] = (
        in_dataset(answers["one"], load.series),
        in_dataset(answers["all"], load.series),
    )
    for step in ("pulses", "one", "all"):
        found = answers[step]
        report.check(f"{load.name}, {STEPS[step]}: number of pulses", found[0], expected[0])
        report.check(f"{load.name}, {STEPS[step]}: sum of charge", found[1], expected[1], rel=1e-9)
    for step in ("library", "floor"):
        report.check(f"{load.name}, {STEPS[step]}: bytes", answers[step], load.raw)
    for step in ("scan", "checked"):
        report.check(f"{load.name}, {STEPS[step]}: frames", answers[step], n_frames * load.repeats)

    kind = f"{load.event_kB:.0f} kB an event, {expected[0] / load.events:.0f} pulses of {load.series}"
    title = f"{load.name}: {load.raw / 1e6:.0f} MB in {load.events} events ({kind})"
    named = {STEPS[step]: t for step, t in timings.items()}
    report.race(title, named, STEPS["floor"], **{"MB/s": lambda t: f"{load.raw / t.best / 1e6:.0f}"})

    floor = timings["floor"].best
    per_pulse = (timings["pulses"].best - timings["checked"].best) / max(expected[0], 1) * 1e9
    one, every = timings["one"].best / floor, timings["all"].best / floor
    # the same again in time for a byte: some files unpack at several GB/s, and then a ratio tells little
    per_byte = {step: timings[step].best / load.raw * 1e9 for step in ("one", "all")}
    if load.event_kB >= 50:
        what = f"{load.name}: dataset of header and one series"
        report.goals += [
            Goal(what, one, 2.2, "x decompression"),
            Goal(what, per_byte["one"], 2.2, "ns a byte"),
        ]
    if load.real:
        what = f"{load.name}: dataset of every key"
        report.goals += [
            Goal(what, every, 8.0, "x decompression"),
            Goal(what, per_byte["all"], 8.0, "ns a byte"),
        ]
    if expected[0] >= 200 * load.events:
        report.goals.append(
            Goal(f"{load.name}: pulses beyond decompression and scan", per_pulse, 200.0, "ns a pulse")
        )


class Memory:
    """A byte stream from memory, in steps as a decompressor gives them."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    def readinto(self, buffer: memoryview, /) -> int:
        piece = self._data[self._at : self._at + min(len(buffer), 1 << 17)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def scan_in_memory(report: Report, load: Load, repeat: int) -> None:
    """Time the scan where nothing is to be decompressed."""
    stream, file, _ = open_stream(load.file)
    with file:
        data = bytearray(load.raw)
        at, view = 0, memoryview(data)
        while n := stream.readinto(view[at:]) if at < load.raw else 0:
            at += n
    held = bytes(data)
    buffer = memoryview(bytearray(BATCH_BYTES))

    def stream_frames() -> int:
        return count_frames(Scanner(Memory(held), batch_bytes=BATCH_BYTES).batches())

    rivals: dict[str, Callable[[], Any]] = {
        "bytes copied to a buffer": lambda: drain(Memory(held).readinto, buffer),
        "frames found in place": lambda: scan(data, tray=False).stop.size,
        "frames found and checked, as a stream": stream_frames,
    }
    timings, answers = race(rivals, repeat)
    report.check(
        f"{load.name}: scans agree",
        answers["frames found in place"],
        answers["frames found and checked, as a stream"],
    )
    speed = lambda t: f"{load.raw / t.best / 1e9:.2f}"  # noqa: E731
    report.race(f"{load.name}: scan in memory", timings, "bytes copied to a buffer", **{"GB/s": speed})
    scanned = load.raw / timings["frames found in place"].best / 1e9
    report.goals.append(
        Goal(f"{load.name}: frames found in memory, no checksums", scanned, 4.0, "GB/s", most=False)
    )


def memory(report: Report, loads: list[tuple[Load, Load]], folder: Path) -> None:
    """Tell the largest memory of a conversion, and that it does not grow with the file."""
    rows = []
    for small, large in loads:
        for load in (small, large):
            for every in (False, True):
                before, after, n = peak_memory(load, folder, every=every)
                report.check(f"{load.name}, {load.raw / 1e6:.0f} MB in a fresh process: rows", n, load.events)
                what = "every key" if every else f"header and {load.series}"
                rows.append(
                    [
                        f"{load.name}, {what}",
                        f"{load.raw / 1e6:.0f} MB",
                        f"{before:.0f} MB",
                        f"{after:.0f} MB",
                    ]
                )
                if load is large:
                    report.goals.append(Goal(f"{load.name}: largest memory, {what}", after, 400.0, "MB"))
    columns = ["", "decompressed", "after imports", "largest"]
    report.tables.append(Table("Largest memory of a conversion in a fresh process", columns, rows))


def main(argv: list[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=5)
    arguments.add_argument(
        "--files", nargs="*", type=Path, default=[], help="files whose Q and P frames are a load"
    )
    arguments.add_argument(
        "--mb", type=float, default=100, help="size of each load, decompressed (%(default)s)"
    )
    arguments.add_argument(
        "--events", type=int, default=500, help="simulated events in one block (%(default)s)"
    )
    arguments.add_argument("--pulses", type=int, nargs="*", default=[300], help="pulses in each of them")
    arguments.add_argument(
        "--series", help="pulse series to look at; by default the first found of these: " + ", ".join(SERIES)
    )
    arguments.add_argument("--codec", choices=("zst", "gz"), default="zst")
    arguments.add_argument("--no-memory", action="store_true", help="leave out the fresh processes")
    args = arguments.parse_args(argv)
    settings = {
        "files": [p.name for p in args.files],
        "mb": args.mb,
        "codec": args.codec,
        "repeat": args.repeat,
    }
    report = Report("conversion", settings)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        blocks = {f"bright-{n}": (bright_block(args.events, n, folder), False) for n in args.pulses}
        blocks |= {p.name.split(".")[0]: (file_block(p), True) for p in args.files}
        pairs = []
        larger = folder / "larger"
        larger.mkdir()
        for title, (block, real) in blocks.items():
            load = make(title, block, folder, args.mb, args.series, args.codec, real=real)
            ladder(report, load, folder, args.repeat)
            scan_in_memory(report, load, args.repeat)
            if not args.no_memory:
                four = make(title, block, larger, 4 * args.mb, args.series, args.codec, real=real)
                pairs.append((load, four))
        if pairs:
            memory(report, pairs, folder)
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
