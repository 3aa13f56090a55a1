"""Simulated events for each second of a core, by kind, energy and ice; raw data; scaling over processes, and memory.

Not a race: rates are those of processor time. Events are generated as `ic.sim.generate` does it, in one process, with
pulses and triggers in memory; files and datasets add to that.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from common import Goal, Report, Table, parser

import icecol as ic
from icecol.sim.thrown import Generator

ENERGIES = ((1e3, 1e4), (1e4, 1e5), (1e5, 1e6))
TYPICAL = "muons, 1-10 TeV, bulk"


def kinds() -> dict[str, Generator]:
    """Return a generator for each row of the table."""
    found: dict[str, Generator] = {"bundles, as they come": ic.sim.bundles()}
    for low, high in ENERGIES:
        span = f"{low / 1e3:g}-{high / 1e3:g} TeV"
        found[f"muons, {span}"] = ic.sim.muons(energy=(low, high), index=1.0)
        for flavor in ("nue", "numu", "nutau"):
            found[f"{flavor}, {span}"] = ic.sim.neutrinos(flavor, energy=(low, high), index=1.0)
    return found


def measured(generator: Generator, n: int, ice: Any) -> tuple[float, float, float]:
    """Return thrown and triggered events and pulses for each second of a core."""
    ic.sim.generate(generator, 2, seed=1, ice=ice)
    begin = time.process_time()
    events = ic.sim.generate(generator, n, seed=1, ice=ice)
    spent = time.process_time() - begin
    return n / spent, len(events) / spent, events.pulses.time.size / spent


def scaling(report: Report, n: int, workers: Sequence[int]) -> Table:
    """Return a table of the time of one dataset by one and more processes, whose events are compared."""
    rows, first = [], None
    for jobs in workers:
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            ds = ic.sim.simulate(
                ic.sim.bundles(), Path(folder, "a"), dataset=1, n_files=2 * max(workers), n=n, jobs=jobs
            )
            wall = time.perf_counter() - begin
            table = ds.scan().sort("I3EventHeader.event_id").collect()
        first = first or (wall, table)
        same = table.equals(first[1], null_equal=True)
        report.check(f"events of {jobs} processes are those of {workers[0]}", same, True)
        rows.append([str(jobs), f"{wall:.2f} s", f"{first[0] / wall:.2f}"])
    return Table("Processes, each with its start", ["processes", "wall", "faster by"], rows)


def memory(n: int) -> list[float]:
    """Return the largest memory (MB) of fresh processes that throw n bundles, and four times as many."""
    code = (
        "import sys, resource, icecol as ic; ic.sim.generate(ic.sim.bundles(), int(sys.argv[1]), seed=1);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)"
    )
    sizes = (str(n), str(4 * n))
    return [
        float(subprocess.run([sys.executable, "-c", code, size], check=True, capture_output=True).stdout)
        for size in sizes
    ]


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=1)
    arguments.add_argument(
        "--events", type=int, default=2000, help="events thrown of each kind (%(default)s)"
    )
    arguments.add_argument("--seconds", type=float, default=0.2, help="seconds of raw data (%(default)s)")
    arguments.add_argument("--processes", type=int, default=2, help="most processes (%(default)s)")
    args = arguments.parse_args(argv)
    report = Report("simulation", {"events": args.events, "seconds": args.seconds})
    rows, rates = [], {}
    for name, generator in kinds().items():
        for ice in ("bulk", "layers"):
            thrown, triggered, pulses = measured(generator, args.events, ice)
            rates[f"{name}, {ice}"] = triggered
            rows.append([name, ice, f"{thrown:,.0f}", f"{triggered:,.0f}", f"{pulses / 1e3:,.0f} k"])
    columns = ["", "ice", "thrown/s", "triggered/s", "pulses/s"]
    report.tables.append(Table("Events for each second of a core", columns, rows))

    ic.sim.raw(0.001, seed=1)
    begin = time.process_time()
    stream = ic.sim.raw(args.seconds, seed=1)
    events = stream.events()
    spent = time.process_time() - begin
    per_second = f"{spent / args.seconds:.2f} s"
    report.tables.append(
        Table(
            "Raw data", ["simulated", "core time a second", "pulses", "events"],
            [[f"{args.seconds:g} s", per_second, f"{len(stream):,}", f"{len(events):,}"]],
        )
    )  # fmt: skip
    inside = events.to_polars().select(pl.col("InIcePulses.time").list.len().sum()).item()
    report.check("pulses of events are pulses of the stream", inside <= len(stream), True)

    report.tables.append(scaling(report, args.events, range(1, args.processes + 1)))
    small, large = memory(args.events)
    title = f"Largest memory, {args.events:,} and {4 * args.events:,} bundles"
    report.tables.append(
        Table(title, ["", "MB"], [["the first", f"{small:.0f}"], ["the second", f"{large:.0f}"]])
    )
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    report.settings["largest memory of this process / MB"] = round(own)
    report.goals.append(Goal(TYPICAL, rates[TYPICAL], 1000.0, "events/s a core", most=False))
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
