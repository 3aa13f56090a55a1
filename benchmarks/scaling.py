"""Cost of an event and of a file, and memory, as datasets grow; two workers beside one; what a task costs.

Not a race. Datasets of up to ten million events are one simulated part, linked many times, with a manifest written by
icecol; each size is read in a fresh process. Files are copies of one. All counts are compared.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
from common import Goal, Report, Table, parser

import icecol as ic
from icecol.dataset import writer
from icecol.dataset.folder import EVENTS, GEOMETRY
from icecol.dataset.parts import PartWriter
from icecol.dataset.uniting import records_of

KEY = "InIcePulses"
KEYS = ["I3EventHeader", "MCPrimary", KEY]
SECTIONS = ("events", "files", "workers", "tasks")
STEPS = ("open", "scan", "features", "cutflow", "histogram")


def analyses(ds: ic.Dataset) -> dict[str, Callable[[], Any]]:
    """Return what is done with a dataset, each step with an answer that adds."""
    events = ic.with_features(ds, Q=ic.reco.charge(KEY), LineFit=ic.reco.linefit(KEY))
    cuts = ic.Cuts(bright=pl.col("Q.total") > 30, fitted=pl.col("LineFit.zenith") > 0)
    energy = ic.hist.log("MCPrimary.energy", 40, 1e0, 1e9)
    return {
        "scan": lambda: (
            ds.scan().select(pl.col(f"{KEY}.time").list.len().sum()).collect(engine="streaming").item()
        ),
        "features": lambda: (
            events.select(pl.col("LineFit.n_hits").sum()).collect(engine="streaming").item()
            if "LineFit.n_hits" in events.collect_schema()
            else events.select(pl.col("LineFit.zenith").count()).collect(engine="streaming").item()
        ),
        "cutflow": lambda: ic.cutflow(events, cuts)["n"].to_list()[-1],
        "histogram": lambda: int(ic.hist.fill(ds, energy).sum(flow=True)),
    }


def measure(path: Path) -> dict[str, Any]:
    """Do all steps in this process; return processor seconds, answers and the largest memory (MB)."""
    for _ in range(2):  # kernels and loops are loaded, and the allocator has what it keeps
        for step in analyses(ic.open_dataset(path.parent / "warm.icecol")).values():
            step()
    before = peak()
    begin = time.process_time()
    ds = ic.open_dataset(path)
    cpu, answers = {"open": time.process_time() - begin}, {"open": ds.rows}
    for name, step in analyses(ds).items():
        begin = time.process_time()
        answers[name] = step()
        cpu[name] = time.process_time() - begin
    return {"cpu": cpu, "answers": answers, "before": before, "memory": peak()}


def converted(pattern: Path, target: Path) -> dict[str, Any]:
    """Convert files in this process, which has converted one before; return processor seconds and memory (MB)."""
    ic.convert.i3(pattern.parent / "one.i3", target.with_suffix(".warm"), keys=KEYS, jobs=1)
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the files have the same content
        ds = ic.convert.i3(pattern / "*.i3", target, keys=KEYS, jobs=1)
    cpu = time.process_time() - begin
    return {"cpu": cpu, "parts": len(ds.manifest.parts), "memory": peak()}


def peak() -> float:
    """Return the largest memory of this process so far (MB); that of `resource` begins with its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def fresh(*arguments: str | Path) -> dict[str, Any]:
    """Measure in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def part_of(ds: ic.Dataset, events: int, folder: Path) -> Path:
    """Write one part of many events, by repeating those of a dataset."""
    table = pq.read_table(ds.path / ds.manifest.parts[0].path)
    folder.mkdir()
    with PartWriter(folder, "part-0") as parts:
        for _ in range(events // table.num_rows):
            parts.append(table)
    return folder / parts.parts[0].path


def linked(ds: ic.Dataset, part: Path, times: int, target: Path) -> Path:
    """Make a dataset of a part that is linked many times."""
    (target / EVENTS).mkdir(parents=True)
    (record,) = records_of(ds)
    rows = pq.read_metadata(part).num_rows
    records = []
    for i in range(times):
        name = f"{EVENTS}/part-{i:05d}.parquet"
        os.link(part, target / name)
        source = replace(record.sources[0], path=f"/data/{i:05d}.i3", events=rows)
        one = replace(
            record.parts[0],
            path=name,
            rows=rows,
            bytes=part.stat().st_size,
            checksum="",
            sources=(source.path,),
        )
        records.append(replace(record, sources=(source,), parts=(one,)))
    shutil.copy(ds.path / GEOMETRY, target / GEOMETRY)
    writer.complete(target, records, dict(ds.manifest.settings))
    return target


def by_events(report: Report, folder: Path, ds: ic.Dataset, small: Path, args: argparse.Namespace) -> None:
    """Measure datasets of more and more events."""
    sizes = [args.part * 10**k for k in range(10) if args.part * 10**k <= args.events]
    large = part_of(ds, args.part * 10, folder / "large") if len(sizes) > 1 else small
    found = {}
    for n in sizes:
        part, times = (small, 1) if n == args.part else (large, n // (args.part * 10))
        found[n] = fresh("--measure", linked(ds, part, times, folder / f"{n}.icecol"))
    one = found[args.part]["answers"]
    for n, this in found.items():
        for step in STEPS:
            report.check(f"{step} of {n:,} events", this["answers"][step], one[step] * (n // args.part))
    rows = [
        [f"{n:,}", *(f"{1e6 * this['cpu'][s] / n:.3g}" for s in STEPS), f"{this['memory']:.0f} MB"]
        for n, this in found.items()
    ]
    note = "processor time in us an event; memory with kernels loaded before"
    report.tables.append(Table("Cost of an event", ["events", *STEPS, "memory"], rows, note))
    if len(sizes) > 2:
        last, before = found[sizes[-1]], found[sizes[-2]]
        for step in ("scan", "features", "cutflow", "histogram"):
            each = [this["cpu"][step] / n for n, this in ((sizes[-1], last), (sizes[-2], before))]
            report.goals.append(
                Goal(
                    f"{step} of {sizes[-1]:,} events: an event",
                    each[0] / each[1],
                    1.1,
                    f"x that of {sizes[-2]:,}",
                )
            )
        report.goals.append(
            Goal(
                f"memory of {sizes[-1]:,} events",
                last["memory"] / before["memory"],
                1.2,
                f"x that of {sizes[-2]:,}",
            )
        )


def by_files(report: Report, folder: Path, args: argparse.Namespace) -> None:
    """Convert more and more files into a dataset, and measure it."""
    events = 10
    ic.sim.write(folder / "one.i3", ic.sim.events(events, seed=2))
    content = (folder / "one.i3").read_bytes()
    ic.convert.i3(folder / "one.i3", folder / "one.icecol", keys=KEYS, jobs=1)
    one = fresh("--measure", folder / "one.icecol")["answers"]["scan"]
    rows, each = [], {}
    n = 1
    while n <= args.files:
        place = folder / f"files{n}"
        place.mkdir()
        for i in range(n):
            (place / f"{i:05d}.i3").write_bytes(content)
        target = folder / f"f{n}.icecol"
        made = fresh("--convert", place, target)
        cpu, memory = made["cpu"], made["memory"]
        shutil.rmtree(place)
        found = fresh("--measure", target)
        report.check(f"events of {n:,} files", found["answers"]["open"], n * events)
        report.check(f"sum of {n:,} files", found["answers"]["scan"], n * one)
        each[n] = {"convert": cpu / n, **{s: found["cpu"][s] / n for s in STEPS}}
        size = (target / "manifest.json").stat().st_size
        rows.append(
            [
                f"{n:,}", f"{1e3 * cpu / n:.3g}", *(f"{1e3 * found['cpu'][s] / n:.3g}" for s in STEPS),
                f"{size / n / 1e3:.2g}", f"{made['parts']:,}", f"{memory:.0f} MB",
            ]
        )  # fmt: skip
        n *= 10
    note = f"processor time in ms a file of {events} events; one process"
    columns = ["files", "convert", *STEPS, "kB of manifest", "parts", "memory of convert"]
    report.tables.append(Table("Cost of a file", columns, rows, note))
    if args.files >= 1000:
        last, before = n // 10, n // 100
        for step in ("convert", "open"):
            ratio = each[last][step] / each[before][step]
            report.goals.append(Goal(f"{step} {last:,} files: a file", ratio, 1.1, f"x that of {before:,}"))


def work(ds: ic.Dataset, *, times: int) -> pl.DataFrame:
    """Compute features several times: a task that takes much longer than to start it. Return what it took."""
    begin, cpu = time.monotonic(), time.process_time()
    events = ic.with_features(ds, Fit=ic.reco.improved_linefit(KEY))
    fitted = sum(
        events.select(pl.col("Fit.zenith").count()).collect(engine="streaming").item() for _ in range(times)
    )
    taken = {"begin": begin, "end": time.monotonic(), "cpu": time.process_time() - cpu}
    return pl.DataFrame({"process": [os.getpid()], "fitted": [fitted], **{k: [v] for k, v in taken.items()}})


def two_workers(report: Report, path: Path, args: argparse.Namespace) -> None:
    """Run the same chunks by one worker and by two, in turn.

    Other programs run on the machine, so that the clock tells little. What two workers would take on CPUs of their own
    is the processor time of the one that has more of it: a worker has one thread, and its next chunk lies ready.
    """
    os.environ["POLARS_MAX_THREADS"] = "1"  # of the workers, which are fresh processes
    task = functools.partial(work, times=args.times)
    most: dict[int, list[float]] = {1: [], 2: []}
    cpu: dict[int, list[float]] = {1: [], 2: []}
    wall: dict[int, list[float]] = {1: [], 2: []}
    answers = set()
    for _ in range(args.repeat):
        for jobs in (1, 2):
            found = ic.batch.run(task, path, executor="processes", jobs=jobs, per_chunk=1)
            most[jobs].append(found.group_by("process").agg(pl.col("cpu").sum())["cpu"].max())
            cpu[jobs].append(found["cpu"].sum())
            wall[jobs].append(found["end"].max() - found["begin"].min())
            answers.add(found["fitted"].sum())
    report.check("one and two workers", len(answers), 1)
    ratio = statistics.median(most[1]) / statistics.median(most[2])
    rows = [
        [f"{jobs}", *(f"{statistics.median(t[jobs]):.2f} s" for t in (most, cpu, wall))] for jobs in (1, 2)
    ]
    columns = ["processes", "processor time of the busier", "of all", "on the clock"]
    report.tables.append(Table("Workers", columns, rows, "medians; other programs ran on the same CPUs"))
    what = "two workers, by the processor time of the busier"
    report.goals.append(Goal(what, ratio, 1.8, "x one", most=False))


def nothing(ds: ic.Dataset) -> int:
    """Return the number of events."""
    return ds.rows


def overhead(report: Report, path: Path, rows_of_part: int) -> None:
    """Measure what a task costs each executor: between the tenth part of the chunks of one run and the last."""
    ds = ic.open_dataset(path)
    n = len(ds.manifest.parts)
    rows = []

    def spent(name: str, executor: Any, **how: Any) -> None:
        times: list[tuple[int, float, float]] = []

        def note(done: int, _of: int) -> None:
            times.append((done, time.perf_counter(), time.process_time()))

        found = ic.batch.run(nothing, ds, executor=executor, per_chunk=1, progress=note, **how)
        report.check(f"{n} tasks: {name}", found, n * rows_of_part)
        done, wall, cpu = (last - first for first, last in zip(times[n // 10], times[-1], strict=True))
        rows.append([name, f"{1e3 * wall / done:.2f} ms", f"{1e3 * cpu / done:.2f} ms"])

    spent("local", "local")
    spent("processes", "processes", jobs=2)
    with ThreadPoolExecutor(2) as threads:
        spent("concurrent.futures (threads)", threads)
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        rows.append(["dask.distributed", "not installed", ""])
    else:
        with (
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            spent("dask.distributed", client)
    note = f"{n} tasks; two workers; processor time is that of the process that hands out the tasks"
    report.tables.append(Table("Overhead of a task", ["executor", "on the clock", "processor"], rows, note))


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=3)
    arguments.add_argument(
        "--part", type=int, default=1000, help="events of the smallest dataset (%(default)s)"
    )
    arguments.add_argument("--events", type=int, default=10**7, help="events of the largest (%(default)s)")
    arguments.add_argument("--files", type=int, default=10**4, help="most files (%(default)s)")
    arguments.add_argument("--tasks", type=int, default=200, help="tasks (%(default)s)")
    arguments.add_argument(
        "--times", type=int, default=20, help="features of each worker's task (%(default)s)"
    )
    arguments.add_argument(
        "--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="what is measured (all)"
    )
    arguments.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--convert", type=Path, nargs=2, help=argparse.SUPPRESS)
    args = arguments.parse_args(argv)
    if args.measure:
        print(json.dumps(measure(args.measure)))
        return 0
    if args.convert:
        print(json.dumps(converted(*args.convert)))
        return 0
    sizes = [what for what in ("events", "files", "tasks") if what in args.only]
    report = Report("scaling", {what: getattr(args, what) for what in sizes})
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            events = ic.sim.events(min(args.part, 1000), seed=1, n_pulses=(8, 40))
            ds = ic.sim.to_dataset(events, place / "base.icecol")
        report.settings["bytes an event"] = round(ds.manifest.bytes / ds.rows)
        pulses = ds.scan().select(pl.col(f"{KEY}.time").list.len().mean()).collect().item()
        report.settings["pulses an event"] = round(pulses, 1)
        small = part_of(ds, args.part, place / "small")
        linked(ds, small, 1, place / "warm.icecol")
        if "events" in args.only:
            by_events(report, place, ds, small, args)
        if "files" in args.only:
            by_files(report, place, args)
        if "workers" in args.only:
            two_workers(report, linked(ds, small, 16, place / "workers.icecol"), args)
        if "tasks" in args.only:
            overhead(report, linked(ds, small, args.tasks, place / "tasks.icecol"), args.part)
    return report.finish(args)


if __name__ == "__main__":
    raise SystemExit(main())
