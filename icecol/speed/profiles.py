"""A profile of a plan: which kernel took how long, how many events reached it, and which columns it read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from icecol.dataset.events import Events, lazy_frame
from icecol.reco.watch import Call, watching
from icecol.speed.rounds import seconds

if TYPE_CHECKING:
    from rich.table import Table

_SCHEMA: Final[dict[str, Any]] = {
    "feature": pl.String,
    "kernel": pl.String,
    "calls": pl.Int64,
    "events": pl.Int64,
    "pulses": pl.Int64,
    "loop": pl.Float64,
    "around": pl.Float64,
    "share": pl.Float64,
    "columns": pl.List(pl.String),
}


@dataclass(frozen=True, slots=True)
class Profile:
    """What a plan did when it was collected.

    Attributes
    ----------
    kernels
        A row for each function that ran over events, in order of their time: the name of its feature, that of the
        function, how often it was called, events and pulses that reached it, processor time in s of its compiled `loop`
        and of what is `around` it (making arrays and columns), its share of the processor time of the plan, and the
        columns that it read.
    cpu, wall
        Processor time of the plan in s, and time on the clock.
    compiled
        Functions that were compiled on the way, with the seconds that each took; these are part of the times.
    result
        What the plan gave.
    """

    kernels: pl.DataFrame
    cpu: float
    wall: float
    compiled: tuple[tuple[str, float], ...]
    result: pl.DataFrame

    def table(self) -> Table:
        """Return the profile as a table for the terminal."""
        from icecol.terminal import table

        numbers = ("events", "pulses", "loop", "around", "share")
        shown = table("feature", "kernel", *numbers, "columns read", numbers=numbers)
        for row in self.kernels.iter_rows(named=True):
            shown.add_row(
                row["feature"],
                row["kernel"],
                *(f"{row[n]:,}" for n in ("events", "pulses")),
                *(seconds(row[n]) for n in ("loop", "around")),
                f"{row['share']:.1%}",
                ", ".join(row["columns"]),
            )
        rest = max(0.0, self.cpu - float((self.kernels["loop"] + self.kernels["around"]).sum()))
        share = f"{rest / self.cpu:.1%}" if self.cpu > 0 else ""
        shown.add_row("all else", "", "", "", "", seconds(rest), share, "")
        return shown

    def __str__(self) -> str:
        """Return the table and the whole time as text."""
        from rich.console import Console

        console = Console(width=120, color_system=None)
        with console.capture() as capture:
            console.print(self.table())
        compiled = f", {len(self.compiled)} functions compiled" if self.compiled else ""
        text = "\n".join(line.rstrip() for line in capture.get().splitlines())
        return f"{text}\n{seconds(self.cpu)} of processor time, {seconds(self.wall)} on the clock{compiled}"


def profile(events: Events, *, engine: Any = "auto") -> Profile:
    """Collect a plan, and tell which kernel took how long, how many events reached it, and what it read.

    A cut on a cheap feature spares the dear ones: their `events` show by how much.

    Parameters
    ----------
    events
        A lazy frame, as `with_features` and `Cuts.apply` return it, or a dataset.
    engine
        Engine of Polars, as in `LazyFrame.collect`.

    Examples
    --------
    >>> import icecol as ic
    >>> frame = pl.DataFrame(
    ...     {"P.time": [[0.0, 1.0], [3.0]], "P.charge": [[1.0, 2.5], [9.0]], "P.omkey": [[7, 8], [9]]}
    ... )
    >>> events = ic.with_features(frame, Q=ic.reco.charge(ic.Pulses("P")))
    >>> found = profile(events.filter(pl.col("Q.total") > 5).select("Q.n_hit_doms"))
    >>> found.kernels.select("feature", "kernel", "events", "pulses", "columns").row(0)
    ('Q', 'charge', 2, 3, ['P.time', 'P.charge', 'P.omkey'])
    """
    lazy = lazy_frame(events)
    known = _compiled()
    with watching() as calls:
        c, w = time.process_time(), time.perf_counter()
        result = lazy.collect(engine=engine)
        wall, cpu = time.perf_counter() - w, time.process_time() - c
    return Profile(_rows(calls, cpu), cpu, wall, tuple(_compiled()[len(known) :]), result)


def _compiled() -> list[tuple[str, float]]:
    from icecol.jit.cache import made

    return list(made)


def _rows(calls: Sequence[Call], cpu: float) -> pl.DataFrame:
    of: dict[int, list[Call]] = {}
    for call in calls:
        of.setdefault(id(call.site), []).append(call)
    rows = []
    for group in of.values():
        site = group[0].site
        loop, total = sum(c.loop for c in group), sum(c.total for c in group)
        columns = list(dict.fromkeys(name for c in group for name in c.columns))
        n, pulses = sum(c.events for c in group), sum(c.pulses for c in group)
        share = total / cpu if cpu > 0 else 0.0
        rows.append((str(site), site.function, len(group), n, pulses, loop, total - loop, share, columns))
    return pl.DataFrame(rows, _SCHEMA, orient="row").sort("share", descending=True)
