"""What a benchmark found: a table of figures, facts beside it, answers that were compared; as text, plot and JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from icecol import files
from icecol.errors import IcecolError
from icecol.speed.rounds import seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.table import Table

SCHEMA: Final = {
    "measure": pl.String,
    "way": pl.String,
    "at": pl.Int64,
    "events": pl.Int64,
    "pulses": pl.Float64,
    "event": pl.Float64,
    "pulse": pl.Float64,
    "rate": pl.Float64,
    "ratio": pl.Float64,
}
TITLES: Final[Mapping[str, str]] = {
    "event": "One event",
    "pulses": "Against pulses an event",
    "threads": "Against threads (time on the clock)",
    "batch": "Against events a call",
}
_SLOWER: Final = 1.15
"""Ratio to an older figure from which one is called slower."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a benchmark of a feature found.

    Attributes
    ----------
    feature
        Name of what was timed.
    rows
        A row for each figure: what was measured (`event`, `pulses`, `threads`, `batch`), the way, at which number of
        pulses, threads or events a call, the number of events and the mean of pulses, seconds per `event` and per
        `pulse`, events per second, and the ratio to the first row of that measure and number.
    facts
        Single figures: memory bandwidth, bytes read, compile time, memory.
    answers
        Every comparison with the lazy plan: `way`, `field`, values `compared`, those that `differ`, those that
        `one_missing`, the `largest` relative difference, the `first` row that differs.
    against
        Ratios of this feature's time to the other's, of each pair of runs; empty without another.
    notes
        What was left out, and why.
    about
        Date, machine, versions, and the settings.
    """

    feature: str
    rows: pl.DataFrame
    facts: Mapping[str, float]
    answers: pl.DataFrame
    against: tuple[float, ...]
    notes: tuple[str, ...]
    about: Mapping[str, Any]

    @property
    def agree(self) -> bool:
        """Whether all answers agree to the tolerance."""
        return self.answers["compared"].sum() > 0 and self.answers["differ"].sum() == 0

    def tables(self) -> list[Table]:
        """Return the figures as tables for the terminal."""
        from icecol.terminal import table

        made = []
        for measure, title in TITLES.items():
            part = self.rows.filter(pl.col("measure") == measure)
            if part.is_empty():
                continue
            at = [] if measure == "event" else [{"batch": "events a call"}.get(measure, measure)]
            numbers = [*at, "events", "an event", "a pulse", "events/s", "ratio"]
            shown = table(*at, "way", *numbers[len(at) :], title=f"{title}: {self.feature}", numbers=numbers)
            for row in part.iter_rows(named=True):
                shown.add_row(
                    *([f"{row['at']:,}"] if at else []),
                    row["way"],
                    f"{row['events']:,}",
                    seconds(row["event"]),
                    "" if row["pulse"] is None else seconds(row["pulse"]),
                    f"{row['rate']:,.0f}",
                    "" if row["ratio"] is None else _ratio(row["ratio"]),
                )
            made.append(shown)
        return made

    def disagreements(self) -> list[str]:
        """Return a line for each field in which two ways differ."""
        lines = []
        for r in self.answers.filter(pl.col("differ") > 0).iter_rows(named=True):
            largest = "" if r["largest"] is None else f", relative difference up to {r['largest']:.2g}"
            lacking = f" ({r['one_missing']} are missing in one)" if r["one_missing"] else ""
            lines.append(
                f"{r['way']}: {r['field']} differs in {r['differ']} of {r['compared']} values{lacking}{largest}, first "
                f"in event {r['first']}"
            )
        return lines

    def lines(self) -> list[str]:
        """Return the facts, comparisons and notes as lines of text."""
        about = self.about
        where = f"{about['events']}; {about['machine']}, load {about['load']}"
        lines = [f"{where}; processor time, the shortest of {about['repeat']}"]
        f = self.facts
        if "read_bytes" in f:
            lines.append(
                f"floor: {f['read_bytes']:.0f} bytes an event read once in {seconds(f['read'])}; memory gives "
                f"{f['bandwidth'] / 1e9:.1f} GB/s to one core"
            )
        if "cold" in f:
            lines.append(
                f"fresh process: first answer {seconds(f['cold'])} of processor time where nothing is compiled "
                f"({f['compiled']:.0f} functions), {seconds(f['warm'])} after that, beside {seconds(f['start'])} to "
                "start"
            )
            more = f"{f['memory'] / 1e3:.1f} kB" if f["memory"] else "too little to be seen"
            lines.append(
                f"memory: {more} an event beyond the events themselves, which are {f['input'] / 1e3:.1f} kB"
            )
        if self.against:
            ordered = sorted(self.against)
            middle = ordered[len(ordered) // 2]
            lines.append(
                f"{self.feature} takes {middle:.3g} of the time of {about['against']} "
                f"(pairs: {ordered[0]:.3g} to {ordered[-1]:.3g})"
            )
        compared = self.answers["way"].n_unique()
        if self.agree:
            lines.append(
                f"answers of {compared} ways agree to {about['tolerance']:g} "
                f"({self.answers['compared'].sum():,} values)"
            )
        return [*lines, *self.disagreements(), *self.notes]

    def __str__(self) -> str:
        """Return the tables and lines as text."""
        from rich.console import Console

        console = Console(width=120, color_system=None)
        with console.capture() as capture:
            for shown in self.tables():
                console.print(shown)
                console.print()
        text = "\n".join(line.rstrip() for line in capture.get().splitlines())
        return "\n".join([text, *self.lines()])

    def plot(self) -> Axes:
        """Plot the time of a pulse against the number of pulses, for each way.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        from icecol.plot.figure import new_axes, plain_numbers

        ax = new_axes()
        part = self.rows.filter(pl.col("measure") == "pulses").sort("at")
        for way in part["way"].unique(maintain_order=True):
            line = part.filter(pl.col("way") == way)
            style = ":" if way.startswith("floor") else "-"
            ax.plot(line["at"], line["pulse"] * 1e9, style, marker="o", ms=3, label=way)
        ax.set(xscale="log", yscale="log", xlabel="pulses an event", ylabel="processor time a pulse / ns")
        plain_numbers(ax)
        ax.set_title(self.feature, loc="left")
        ax.legend(frameon=False)
        return ax

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write everything as JSON; `load` reads it."""
        found = {
            "format": "icecol bench 1",
            "feature": self.feature,
            "about": dict(self.about),
            "facts": dict(self.facts),
            "against": list(self.against),
            "notes": list(self.notes),
            "rows": self.rows.to_dicts(),
            "answers": self.answers.to_dicts(),
        }
        files.write(path, (json.dumps(found, indent=1) + "\n").encode())
        return Path(path)

    def compare(self, old: Bench) -> pl.DataFrame:
        """Return the figures that an older benchmark has too, with the ratio of the new time to the old one.

        Parameters
        ----------
        old
            Another benchmark of the same feature, such as `load` returns.

        Raises
        ------
        IcecolError
            It is of another feature.
        """
        if old.feature != self.feature:
            msg = f"the benchmarks are of two features, {self.feature!r} and {old.feature!r}: compare two of the same"
            raise IcecolError(msg)
        keys = ["measure", "way", "at"]
        joined = self.rows.join(old.rows.select(*keys, old="event"), on=keys, how="inner", nulls_equal=True)
        ratio = pl.col("event") / pl.col("old")
        return joined.select(*keys, "old", new="event", ratio=ratio, slower=ratio > _SLOWER)


def load(path: str | os.PathLike[str]) -> Bench:
    """Read what `Bench.save` wrote.

    Raises
    ------
    IcecolError
        The file is something else.
    """
    from icecol.speed.answers import SCHEMA as ANSWERS

    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        if found["format"] != "icecol bench 1":
            raise KeyError(found["format"])  # noqa: TRY301
        rows = pl.DataFrame(found["rows"], SCHEMA)
        answers = pl.DataFrame(found["answers"], {"way": pl.String, **ANSWERS})
        notes, pairs = tuple(found["notes"]), tuple(found["against"])
        return Bench(found["feature"], rows, found["facts"], answers, pairs, notes, found["about"])
    except (ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as err:
        msg = f"{path} is not the JSON file of a benchmark, as `icecol bench --json` writes it ({err})"
        raise IcecolError(msg) from err


def comparison(new: Bench, old: Bench) -> Table:
    """Return a table for the terminal of new and old times, those that are slower marked."""
    from icecol.terminal import table

    numbers = ("at", "before", "now", "ratio")
    shown = table("measure", "way", *numbers, "", title=f"Since {old.about['date']}", numbers=numbers)
    for row in new.compare(old).iter_rows(named=True):
        at = "" if row["at"] is None else f"{row['at']:,}"
        times = seconds(row["old"]), seconds(row["new"])
        shown.add_row(
            row["measure"], row["way"], at, *times, f"{row['ratio']:.2f}", "slower" if row["slower"] else ""
        )
    return shown


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
