"""Frame after frame of an .i3 file in Python: walked, with one pulse series, with every object, and written.

The load is that of conversion.py: (a) simulated bright events and (b) the Q and P frames of files, if some are given,
repeated up to the size asked for, each repetition a compressed stream of its own.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from common import Goal, Report, Table, parser, race
from conversion import (
    Answer,
    Load,
    batches,
    bright_block,
    count_frames,
    decompress,
    file_block,
    make,
)

import icecol as ic
from icecol.convert.i3_reader import BATCH_BYTES
from icecol.errors import FormatError, MissingColumnError
from icecol.i3.container.raw import encode_frame, raw_frames
from icecol.i3.container.streams import open_stream
from icecol.i3.frames.frame import Frame, Mixer

sys.path.append(str(Path(__file__).parents[1] / "tests" / "i3" / "pulses"))
from naive_resolver import flat, resolve

STEPS = {
    "floor": "decompression (floor)",
    "checked": "+ frames found and checked",
    "walk": "frames walked",
    "series": "+ one pulse series of each P frame",
    "all": "every object decoded",
    "raw": "frames written, raw",
    "zst": "frames written, zst level 3",
    "plain walk": "every object copied and put into a dict first",
    "plain series": "+ one pulse series, masks resolved in Python",
}
SAMPLE = 20
"""Frames that the slow ways do: their times are scaled up to the whole load."""
DECODED = 500
"""Frames of which every object is decoded, so many at least: opening a file must not count for much."""

ICETRAY = (
    "For orientation, IceTray's own reading in Python, on another machine: frames walked with one pulse series "
    "as arrays, about 1900 events/s of 100 kB and 7800 events/s of 35 kB."
)


def walk(load: Load) -> int:
    with ic.open_i3(load.file) as frames:
        return sum(1 for _ in frames)


def plain_frames(load: Load) -> Iterator[Frame]:
    """Yield the frames of one repetition with nothing put off and nothing shared."""
    mixer = Mixer()
    for raw in raw_frames(load.block):
        yield mixer.mix(Frame(raw.stop, raw.objects))


def summed(frames: Iterator[Frame], load: Load, pulses: Callable[[Frame, str], Any]) -> Answer:
    n, charge = 0, 0.0
    for frame in frames:
        if frame.stop == "P":
            try:
                series = pulses(frame, load.series)
            except (MissingColumnError, FormatError):
                continue
            n += series.charge.size
            charge += float(series.charge.sum(dtype=np.float64))
    return n, charge


def series(load: Load) -> Answer:
    with ic.open_i3(load.file) as frames:
        return summed(frames, load, Frame.pulses)


def plain_series(load: Load, n: int | None = None) -> Answer:
    frames = itertools.islice(plain_frames(load), n)
    return summed(frames, load, lambda frame, key: flat(resolve(frame, key)))


def every_object(load: Load, n: int) -> int:
    """Decode every own object of the first frames; return how many there are."""
    objects = 0
    with ic.open_i3(load.file) as frames:
        for frame in itertools.islice(frames, n):
            for key in frame.own_keys():
                objects += 1
                try:
                    frame[key]
                except FormatError:
                    continue
    return objects


def written(load: Load, path: Path) -> Path:
    with ic.open_i3(load.file) as frames:
        ic.write_i3(path, frames, level=3 if path.suffix == ".zst" else None)
    return path


def same_bytes(load: Load, path: Path) -> bool:
    """Tell whether a written file holds the bytes of the load."""
    block = b"".join(encode_frame(raw.stop, raw.objects) for raw in raw_frames(load.block))
    found = bytearray(load.raw + 1)
    stream, file, _ = open_stream(path)
    at, view = 0, memoryview(found)
    with file:
        while n := stream.readinto(view[at:]):
            at += n
    return found[:at] == block * load.repeats


def frames_of(report: Report, load: Load, folder: Path, repeat: int) -> None:
    """Time all ways on one load and check that they agree."""
    buffer = memoryview(bytearray(BATCH_BYTES))
    n_frames = sum(1 for _ in raw_frames(load.block))
    sample = min(SAMPLE, n_frames)
    blocks = min(load.repeats, -(-DECODED // n_frames))
    rivals: dict[str, Callable[[], Any]] = {
        "floor": lambda: decompress(load, buffer),
        "checked": lambda: count_frames(batches(load, verify=True)),
        "walk": lambda: walk(load),
        "series": lambda: series(load),
        "all": lambda: every_object(load, blocks * n_frames),
        "raw": lambda: written(load, folder / "written.i3"),
        "zst": lambda: written(load, folder / "written.i3.zst"),
        "plain walk": lambda: sum(1 for _ in itertools.islice(plain_frames(load), n_frames)),
        "plain series": lambda: plain_series(load, sample),
    }
    part = n_frames * load.repeats / sample
    scale = {"all": load.repeats / blocks, "plain walk": load.repeats, "plain series": part}
    timings, answers = race(rivals, repeat, scale=scale)

    n, charge = plain_series(load)
    report.check(f"{load.name}: bytes", answers["floor"], load.raw)
    for step in ("checked", "walk"):
        report.check(f"{load.name}, {STEPS[step]}: frames", answers[step], n_frames * load.repeats)
    report.check(f"{load.name}: number of pulses", answers["series"][0], n * load.repeats)
    report.check(f"{load.name}: sum of charge", answers["series"][1], charge * load.repeats, rel=1e-9)
    objects = [len(raw.objects) for raw in raw_frames(load.block)]
    report.check(f"{load.name}: number of objects", answers["all"], sum(objects) * blocks)
    for step in ("raw", "zst"):
        report.check(f"{load.name}, {STEPS[step]}: bytes", same_bytes(load, answers[step]), True)

    frames = n_frames * load.repeats
    report.race(
        f"{load.name}: {load.raw / 1e6:.0f} MB in {load.events} events of {load.event_kB:.0f} kB, {frames} frames",
        {STEPS[step]: t for step, t in timings.items()},
        STEPS["floor"],
        **{
            "frames/s": lambda t: f"{frames / t.best:.0f}",
            "events/s": lambda t: f"{load.events / t.best:.0f}",
            "MB/s": lambda t: f"{load.raw / t.best / 1e6:.0f}",
        },
    )
    last: Table = report.tables.pop()
    note = f"{n / max(load.events / load.repeats, 1):.0f} pulses of {load.series} an event. {ICETRAY}"
    report.tables.append(Table(last.title, last.columns, last.rows, note))
    if load.event_kB >= 20:
        goal = 2.5 * (1900 if load.event_kB >= 70 else 7800 * 35 / load.event_kB)
        report.goals.append(
            Goal(
                f"{load.name}: events with one pulse series, by processor time",
                load.events
                / timings["series"].best_cpu,  # one thread, as IceTray: others on the machine count less
                goal,
                "/s",
                most=False,
            )
        )


def main(argv: list[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=5)
    arguments.add_argument(
        "--files", nargs="*", type=Path, default=[], help="files whose Q and P frames are a load"
    )
    arguments.add_argument(
        "--mb", type=float, default=100, help="size of each load, decompressed (%(default)s)"
    )
    arguments.add_argument(
        "--events", type=int, default=200, help="simulated events in one block (%(default)s)"
    )
    arguments.add_argument(
        "--pulses", type=int, nargs="*", default=[300, 1000, 3000], help="pulses in each of them"
    )
    arguments.add_argument("--series", help="pulse series to look at")
    args = arguments.parse_args(argv)
    settings = {"files": [p.name for p in args.files], "mb": args.mb, "repeat": args.repeat}
    report = Report("frames", settings)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        blocks = {f"bright-{n}": (bright_block(args.events, n, folder), False) for n in args.pulses}
        blocks |= {p.name.split(".")[0]: (file_block(p), True) for p in args.files}
        for title, (block, real) in blocks.items():
            load = make(title, block, folder, args.mb, args.series, "zst", real=real)
            frames_of(report, load, folder, args.repeat)
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
