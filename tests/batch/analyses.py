"""A dataset of text files, and an analysis of it, as the tests of batch need them."""

from __future__ import annotations

import os
import signal

import polars as pl
from lines_reader import Lines

import icecol as ic

CUTS = ic.Cuts(high=pl.col("Fit.energy") > 2.0, many=pl.col("Hits.time").list.len() > 5)


def lines(path, run, n):
    path.write_text("".join(f"{run} {i} {i / 3} {','.join(map(str, range(i)))}\n" for i in range(n)))
    return path


def dataset(folder, n=5):
    """A dataset of n files, each in a part of its own; run k has 5 + k events."""
    for k in range(n):
        lines(folder / f"{k}.txt", k, 5 + k)
    made = ic.convert.from_source(Lines(1.1), str(folder / "0.txt"), folder / "d.icecol", jobs=1)
    for k in range(1, n):
        made = ic.convert.append(made.path, folder / f"{k}.txt", reader=Lines(1.1), jobs=1)
    return made


def analyze(ds):
    """Everything that adds, once."""
    events = ds.scan()
    energy = ic.hist.regular("Fit.energy", 8, 0, 4)
    return {
        "events": events.select(pl.len()).collect().item(),
        "sum": events.select(pl.col("Fit.energy").sum()).collect().item(),
        "flow": ic.cutflow(events, CUTS, "Fit.energy"),
        "energy": ic.hist.fill(events, energy, weight="Fit.energy"),
        "rows": CUTS.only("high").apply(events).select("I3EventHeader.run_id", "Fit.energy"),
    }


def same(a, b):
    """Two results of `analyze` are the same to the last bit."""
    tables = [x["rows"].lazy().collect() for x in (a, b)]
    return (
        (a["events"], a["sum"]) == (b["events"], b["sum"])
        and a["flow"].equals(b["flow"])
        and a["energy"] == b["energy"]
        and tables[0].equals(tables[1])
    )


def killed_once(ds):
    """Kill the worker that comes first."""
    mark = ds.path.parent / "killed"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return analyze(ds)


def killed_always(ds):
    os.kill(os.getpid(), signal.SIGKILL)


def broken(ds):
    msg = "no such thing"
    raise KeyError(msg)
