"""A stream of frames filtered online: events for each second, by the clock and of all cores, and memory as it goes on.

Not a race. The stream is a folder of files, all links to a few simulated ones; features, filters with prescales, a
budget and a histogram. What is kept, and the counts by filter, are compared with one plan over all events of a file.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from common import Goal, Report, Table, parser

import icecol as ic
from icecol.dataset.pulses import Pulses

KEY = "InIcePulses"
RATE = 3000.0
"""Events for each second at the South Pole, of which a tenth is kept."""


def menu(geometry: ic.Geometry) -> dict[str, Any]:
    """Return what is computed of each event, and which are kept."""
    pulses = Pulses(KEY, geometry)
    return {
        "features": {
            "Q": ic.reco.charge(pulses),
            "LineFit": ic.reco.linefit(pulses),
            "ToI": ic.reco.tensor_of_inertia(pulses),
            "Hits": ic.reco.hit_statistics(pulses),
        },
        "filters": {
            "bright": pl.col("Q.total") > 250,
            "upgoing": (pl.col("LineFit.zenith") > 2.7) & (pl.col("Q.n_hit_doms") > 15),
            "minbias": pl.lit(value=True),
        },
        "prescales": {"minbias": 100.0},
    }


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=1)
    arguments.add_argument("--events", type=int, default=3000, help="events of a file (%(default)s)")
    arguments.add_argument("--files", type=int, default=300, help="files of the stream (%(default)s)")
    args = arguments.parse_args(argv)
    n = args.events * args.files
    report = Report("online", {"events": n, "events of a file": args.events})
    simulated = ic.sim.events(args.events, seed=1)
    how = menu(simulated.geometry)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        ic.sim.write(place / "daq.i3.zst", simulated)
        pulses = sum(len(f.pulses(KEY)) for f in ic.open_i3(place / "daq.i3.zst") if f.stop == "P")
        features = ic.with_features(ic.scan_i3(place / "daq.i3.zst", stop="Q", pulses=KEY), **how["features"])
        masked = ic.filters.apply(features, how["filters"], mask="Online", prescales=how["prescales"])
        counts = masked.select(pl.col("^Online.*prescale_passed$").sum()).collect().row(0)
        incoming = place / "in"
        incoming.mkdir()
        for i in range(args.files):
            os.link(place / "daq.i3.zst", incoming / f"{i:06d}.i3.zst")
        memory: list[float] = []

        def note(_state: ic.filters.State) -> None:
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)

        ic.filters.run(place / "daq.i3.zst", place / "warm", mask="Online", **how)
        wall, cpu = time.perf_counter(), time.process_time()
        ic.filters.run(
            incoming, place / "out", mask="Online", acknowledge=note, bytes_per_day=1e12,
            histograms={"charge": ic.hist.log("Q.total", 40, 1, 1e5)}, **how,
        )  # fmt: skip
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        seen = (
            ic.filters.monitoring(place / "out")
            .group_by("filter", maintain_order=True)
            .agg(pl.col("n").sum())
        )
        found = dict(seen.iter_rows())
        kept = sum(1 for f in ic.open_i3(sorted((place / "out").glob("*/*.i3.zst"))) if f.stop == "Q")
        report.check("events", found["all"], n)
        report.check(
            "events by filter", [found[name] for name in how["filters"]], [c * args.files for c in counts]
        )
        report.check("frames kept", kept, found["any"])
        size = (place / "daq.i3.zst").stat().st_size / args.events
    quarter = memory[len(memory) // 4]
    report.tables.append(
        Table(
            "A stream, filtered", ["", ""],
            [
                ["events, pulses each", f"{n:,}, {pulses / args.events:.0f}"],
                ["bytes each, compressed", f"{size:,.0f}"],
                ["kept", f"{found['any'] / n:.1%}"],
                ["events a second", f"{n / wall:,.0f}"],
                ["events a second of a core", f"{n / cpu:,.0f}"],
                ["largest memory at a quarter, at the end", f"{quarter:.0f} MB, {memory[-1]:.0f} MB"],
            ],
        )
    )  # fmt: skip
    report.goals.append(Goal("online filter: events a second", n / wall, RATE, "events/s", most=False))
    report.goals.append(
        Goal(
            "online filter: memory at the end beside a quarter of the stream", memory[-1] / quarter, 1.1, "x"
        )
    )
    return report.finish(args)


if __name__ == "__main__":
    raise SystemExit(main())
