"""What all benchmarks do: run rivals in turn, check their answers, print the figures and keep them."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable

from icecol.speed.rounds import Timing, machine, race, seconds, versions

__all__ = [
    "Goal", "Report", "Table", "Timing", "goal_table", "in_fresh_process", "parser", "race", "seconds",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and its bound; `most` tells whether it should stay below (or else above) it."""

    what: str
    measured: float
    bound: float
    unit: str
    most: bool = True

    @property
    def met(self) -> bool:
        return self.measured <= self.bound if self.most else self.measured >= self.bound

    def row(self) -> list[str]:
        sign = "<=" if self.most else ">="
        return [
            self.what,
            f"{self.measured:.3g} {self.unit}",
            f"{sign} {self.bound:g} {self.unit}",
            "yes" if self.met else "no",
        ]


@dataclass(slots=True)
class Report:
    """Figures of one benchmark: tables, goals, and answers that were compared."""

    benchmark: str
    settings: dict[str, Any]
    tables: list[Table] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)

    def check(self, what: str, found: Any, expected: Any, *, rel: float = 0.0) -> None:
        """Note whether two answers (numbers or arrays) agree to `rel` of the largest expected value."""
        a, b = (np.asarray(v, np.float64) for v in (found, expected))
        if a.shape != b.shape:
            self.problems.append(f"{what}: shape {a.shape}, expected {b.shape}")
            return
        axes = (-1,) if b.ndim > 1 else None
        finite = np.where(np.isfinite(b), np.abs(b), 0.0)
        room = rel * finite.max(axis=axes, keepdims=b.ndim > 1, initial=0.0)
        right = (np.abs(a - b) <= room) | (a == b) | (np.isnan(a) & np.isnan(b))
        if right.all():
            self.checks.append(what)
            return
        where = np.unravel_index(int(np.argmin(right)), b.shape)
        self.problems.append(
            f"{what}: {int((~right).sum())} of {b.size} values differ, first at {tuple(map(int, where))}: "
            f"{a[where]!r}, expected {b[where]!r}"
        )

    def race(
        self, title: str, timings: Mapping[str, Timing], one: str, **extra: Callable[[Timing], str]
    ) -> None:
        """Add a table of timings: each a row, with its ratio to the one named, in the same run."""
        base = timings[one]
        columns = [
            "",
            "wall min",
            "wall median",
            "cpu min",
            "cpu median",
            "wall ratio",
            "cpu ratio",
            *extra,
        ]
        rows = [
            [
                name,
                *(seconds(s) for s in (t.best, t.median, t.best_cpu, t.median_cpu)),
                f"{t.best / base.best:.2f}",
                f"{t.best_cpu / max(base.best_cpu, 1e-9):.2f}",
                *(show(t) for show in extra.values()),
            ]
            for name, t in timings.items()
        ]
        self.tables.append(Table(title, columns, rows))
        self.seconds[title] = {n: {"wall": list(t.wall), "cpu": list(t.cpu)} for n, t in timings.items()}

    def finish(self, arguments: argparse.Namespace) -> int:
        """Print all, write the JSON file if asked, and return the exit code: 1 if an answer was wrong."""
        console = Console(width=None if os.isatty(1) else 150, highlight=False)
        tables = [*self.tables, *([goal_table(self.goals)] if self.goals else [])]
        for table in tables:
            shown = RichTable(title=table.title, title_justify="left", caption=table.note or None)
            for i, name in enumerate(table.columns):
                shown.add_column(name, justify="left" if i == 0 else "right")
            for row in table.rows:
                shown.add_row(*row)
            console.print(shown, markup=False)
        for problem in self.problems:
            console.print(f"WRONG ANSWER: {problem}", markup=False, style="bold red")
        console.print(f"{len(self.checks)} answers agree, {len(self.problems)} do not", markup=False)
        if arguments.json:
            found = {
                "benchmark": self.benchmark,
                "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
                "machine": arguments.machine or machine(),
                "load": round(os.getloadavg()[0], 1),
                "versions": versions(),
                "settings": self.settings,
                "tables": [asdict(t) for t in self.tables],
                "goals": [{**asdict(g), "met": g.met} for g in self.goals],
                "checks": self.checks,
                "problems": self.problems,
                "seconds": self.seconds,
            }
            arguments.json.parent.mkdir(parents=True, exist_ok=True)
            arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return 1 if self.problems or not self.checks else 0


PEAK = """
import json, sys
def peak():
    try:
        with open("/proc/self/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) / 1024
    except OSError:
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
"""
"""Code that defines `peak`, the largest memory of its process so far (MB)."""


def in_fresh_process(code: str, *arguments: str) -> Any:
    """Run code that prints JSON, and may call `peak`, in a process of its own."""
    command = [sys.executable, "-c", PEAK + code, *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def goal_table(goals: Sequence[Goal]) -> Table:
    return Table("Goals", ["", "measured", "goal", "met"], [g.row() for g in goals])


def parser(doc: str | None, *, repeat: int) -> argparse.ArgumentParser:
    """Return a parser with the arguments that all benchmarks have."""
    made = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    made.add_argument(
        "--repeat", type=int, default=repeat, help="rounds after the one to warm up (%(default)s)"
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="keep all figures here, for report.py")
    made.add_argument("--machine", help="the machine in words, for the JSON file (by default found out)")
    return made
