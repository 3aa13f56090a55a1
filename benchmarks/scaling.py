"""Cost of an event and of a file, and memory, as datasets grow; two workers beside one; what a task costs.

Not a race. Datasets of up to ten million events are one simulated part, linked many times, with a manifest written by
icecol; each size is read in a fresh process. Files are copies of one. All counts are compared.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import shutil
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
    for step in analyses(warmed := ic.open_dataset(path.parent / "warm.icecol")).values():
        step()  # kernels are loaded
    del warmed
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    begin = time.process_time()
    ds = ic.open_dataset(path)
    cpu, answers = {"open": time.process_time() - begin}, {"open": ds.rows}
    for name, step in analyses(ds).items():
        begin = time.process_time()
        answers[name] = step()
        cpu[name] = time.process_time() - begin
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {"cpu": cpu, "answers": answers, "before": before, "memory": memory}


def fresh(path: Path) -> dict[str, Any]:
    """Measure in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure", path], check=True, capture_output=True, text=True
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


def by_events(report: Report, folder: Path, ds: ic.Dataset, args: argparse.Namespace) -> None:
    """Measure datasets of more and more events."""
    sizes = [args.part * 10**k for k in range(10) if args.part * 10**k <= args.events]
    small = part_of(ds, args.part, folder / "small")
    large = part_of(ds, args.part * 10, folder / "large") if len(sizes) > 1 else small
    linked(ds, small, 1, folder / "warm.icecol")
    found = {}
    for n in sizes:
        part, times = (small, 1) if n == args.part else (large, n // (args.part * 10))
        found[n] = fresh(linked(ds, part, times, folder / f"{n}.icecol"))
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
    rows, each = [], {}
    n = 1
    while n <= args.files:
        place = folder / f"files{n}"
        place.mkdir()
        for i in range(n):
            (place / f"{i:05d}.i3").write_bytes(content)
        wall, cpu = time.perf_counter(), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the files have the same content
            ds = ic.convert.i3(
                place / "*.i3", folder / f"f{n}.icecol", keys=["I3EventHeader", "MCPrimary", KEY], jobs=1
            )
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        shutil.rmtree(place)
        found = fresh(ds.path)
        report.check(f"events of {n:,} files", found["answers"]["open"], n * events)
        each[n] = {"convert": cpu / n, **{s: found["cpu"][s] / n for s in STEPS}}
        size = (ds.path / "manifest.json").stat().st_size
        rows.append(
            [
                f"{n:,}", f"{1e3 * cpu / n:.3g}", *(f"{1e3 * found['cpu'][s] / n:.3g}" for s in STEPS),
                f"{size / n / 1e3:.2g}", f"{len(ds.manifest.parts):,}",
            ]
        )  # fmt: skip
        n *= 10
    note = f"processor time in ms a file of {events} events; one process"
    columns = ["files", "convert", *STEPS, "kB of manifest", "parts"]
    report.tables.append(Table("Cost of a file", columns, rows, note))
    if args.files >= 1000:
        last, before = n // 10, n // 100
        for step in ("convert", "open"):
            ratio = each[last][step] / each[before][step]
            report.goals.append(Goal(f"{step} {last:,} files: a file", ratio, 1.1, f"x that of {before:,}"))


def work(ds: ic.Dataset, *, times: int) -> int:
    """Compute features several times: a task that takes much longer than to start it."""
    events = ic.with_features(ds, Fit=ic.reco.improved_linefit(KEY))
    return sum(
        events.select(pl.col("Fit.zenith").count()).collect(engine="streaming").item() for _ in range(times)
    )


def two_workers(report: Report, path: Path, args: argparse.Namespace) -> None:
    """Run the same chunks by one worker and by two, in turn."""
    load = os.getloadavg()[0]
    task = functools.partial(work, times=args.times)
    wall: dict[int, list[float]] = {1: [], 2: []}
    answers = set()
    for _ in range(args.repeat):
        for jobs, pool in ((1, "1"), (2, "2")):
            del pool
            os.environ["POLARS_MAX_THREADS"] = "1"
            begin = time.perf_counter()
            # two tasks for each worker at least, and a process each: one alone would compute in this one
            answers.add(ic.batch.run(task, path, executor="processes", jobs=jobs, per_chunk=1))
            wall[jobs].append(time.perf_counter() - begin)
    report.check("one and two workers", len(answers), 1)
    ratio = min(wall[1]) / min(wall[2])
    rows = [[f"{jobs}", f"{min(times):.2f} s"] for jobs, times in wall.items()]
    note = f"{ratio:.2f} times as fast; load of the machine before: {load:.1f}"
    report.tables.append(Table("Workers", ["processes", "wall"], rows, note))
    report.goals.append(Goal("two workers", ratio, 1.8, "x one", most=False))


def nothing(ds: ic.Dataset) -> int:
    """Return the number of events."""
    return ds.rows


def overhead(report: Report, path: Path, rows_of_part: int) -> None:
    """Measure what a task costs each executor, by runs of few and of many."""
    ds = ic.open_dataset(path)
    n = len(ds.manifest.parts)
    rows = []

    def spent(executor: Any, **how: Any) -> float:
        times = {}
        for some in (n // 10, n):
            begin = time.perf_counter()
            chosen = ic.Dataset(ds.path, replace(ds.manifest, parts=ds.manifest.parts[:some]))
            found = ic.batch.run(nothing, chosen, executor=executor, per_chunk=1, **how)
            times[some] = time.perf_counter() - begin
            report.check(f"{some} tasks of {executor!r:.30}", found, some * rows_of_part)
        return (times[n] - times[n // 10]) / (n - n // 10)

    rows.append(["local", f"{1e3 * spent('local'):.2f} ms"])
    rows.append(["processes", f"{1e3 * spent('processes', jobs=2):.2f} ms"])
    with ThreadPoolExecutor(2) as threads:
        rows.append(["concurrent.futures (threads)", f"{1e3 * spent(threads):.2f} ms"])
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        rows.append(["dask.distributed", "not installed"])
    else:
        with (
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            rows.append(["dask.distributed", f"{1e3 * spent(client):.2f} ms"])
    report.tables.append(Table("Overhead of a task", ["executor", "each"], rows, f"{n} tasks less {n // 10}"))


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=2)
    arguments.add_argument(
        "--part", type=int, default=1000, help="events of the smallest dataset (%(default)s)"
    )
    arguments.add_argument("--events", type=int, default=10**7, help="events of the largest (%(default)s)")
    arguments.add_argument("--files", type=int, default=10**4, help="most files (%(default)s)")
    arguments.add_argument("--tasks", type=int, default=200, help="tasks (%(default)s)")
    arguments.add_argument(
        "--times", type=int, default=20, help="features of each worker's task (%(default)s)"
    )
    arguments.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    args = arguments.parse_args(argv)
    if args.measure:
        print(json.dumps(measure(args.measure)))
        return 0
    report = Report("scaling", {"events": args.events, "files": args.files})
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds = ic.sim.to_dataset(ic.sim.events(min(args.part, 1000), seed=1), place / "base.icecol")
        report.settings["bytes an event"] = ds.manifest.bytes / ds.rows
        pulses = ds.scan().select(pl.col(f"{KEY}.time").list.len().mean()).collect().item()
        report.settings["pulses an event"] = round(pulses, 1)
        by_events(report, place, ds, args)
        by_files(report, place, args)
        small = part_of(ds, args.part, place / "again")
        two_workers(report, linked(ds, small, 8, place / "workers.icecol"), args)
        overhead(report, linked(ds, small, args.tasks, place / "tasks.icecol"), args.part)
    return report.finish(args)


if __name__ == "__main__":
    raise SystemExit(main())
