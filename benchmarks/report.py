"""Put the tables of finished benchmarks into benchmarks/README.md, and the goals into docs/benchmarks.md.

Reads the JSON files that the benchmarks write (`--json benchmarks/results/conversion.json`). In a file, the text
between the lines `<!-- benchmarks -->` and `<!-- /benchmarks -->` is replaced.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import Goal, Table, goal_table

HERE = Path(__file__).parent
BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"


def markdown(table: Table) -> str:
    """Write a table in Markdown, the first column to the left and numbers to the right."""
    lines = [table.columns, [":--", *["--:"] * (len(table.columns) - 1)], *table.rows]
    text = "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
    return f"**{table.title}**\n\n{text}\n" + (f"\n{table.note}\n" if table.note else "")


def read(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Read results, and refuse those with wrong answers."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    for path, result in zip(paths, found, strict=True):
        if result["problems"] or not result["checks"]:
            msg = f"{path}: answers were wrong or not checked, so its figures mean nothing: {result['problems'][:1]}"
            raise SystemExit(msg)
    return found


def goals(result: dict[str, Any]) -> list[Goal]:
    return [Goal(**{k: v for k, v in g.items() if k != "met"}) for g in result["goals"]]


def full(results: Sequence[dict[str, Any]]) -> str:
    """Return all tables of all results."""
    parts = []
    for result in results:
        settings = ", ".join(f"{k} {v}" for k, v in result["settings"].items())
        versions = ", ".join(f"{k} {v}" for k, v in result["versions"].items())
        parts.append(f"### {result['benchmark']}\n")
        where = f"{result['machine']}, load {result['load']}"
        parts.append(f"{result['date']}; {where}; {settings}. {len(result['checks'])} answers agree.\n")
        parts += [markdown(Table(**table)) for table in result["tables"]]
        parts += [markdown(goal_table(goals(result)))] if result["goals"] else []
        parts.append(f"Versions: {versions}.\n")
    return "\n".join(parts)


def brief(results: Sequence[dict[str, Any]]) -> str:
    """Return the goals alone."""
    rows = [g.row() for r in results for g in goals(r)]
    where = "; ".join(dict.fromkeys(f"{r['date'][:10]}, {r['machine']}" for r in results))
    return markdown(Table(f"Measured {where}", ["", "measured", "goal", "met"], rows))


def put(path: Path, text: str) -> None:
    """Replace what is between the markers in a file."""
    old = path.read_text(encoding="utf-8")
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        msg = f"{path} has no lines {BEGIN} and {END}: add them where the figures belong"
        raise SystemExit(msg)
    path.write_text(f"{head}{BEGIN}\n\n{text}\n{END}{tail}", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", nargs="*", type=Path, help="JSON files (all in benchmarks/results)")
    parser.add_argument(
        "--into", type=Path, default=HERE / "README.md", help="file for all tables (%(default)s)"
    )
    parser.add_argument(
        "--brief", type=Path, metavar="FILE", help="file for the goals alone, such as docs/benchmarks.md"
    )
    args = parser.parse_args(argv)
    paths = args.results or sorted((HERE / "results").glob("*.json"))
    if not paths:
        msg = f"no results: run the benchmarks with --json {HERE / 'results'}/NAME.json first"
        raise SystemExit(msg)
    results = read(paths)
    put(args.into, full(results))
    if args.brief:
        put(args.brief, brief(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
