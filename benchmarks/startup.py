"""How long it takes until something happens: imports, the command line, and a first conversion, in fresh processes."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import Goal, Report, Table, Timing, parser, seconds

import icecol as ic

HEAVY = ("numba", "matplotlib", "pyarrow", "polars", "pandas")
"""Modules that `import icecol` must not load."""

COMMANDS = {
    "python": "pass",
    "import polars": "import polars",
    "import icecol": "import icecol",
    "icecol --help": "import sys; sys.argv[1:] = ['--help']; from icecol.cli import main; main()",
    "ready to read datasets": "import icecol; icecol.open_dataset",
    "ready to reconstruct": "import icecol; icecol.reco.linefit",
    "ready to convert": "import icecol; icecol.convert.i3",
    "first conversion": "import icecol, sys; print(icecol.convert.i3(*sys.argv[1:], jobs=1, overwrite=True).rows)",
}


@dataclass(frozen=True, slots=True)
class Run:
    wall: float
    cpu: float
    stdout: str
    stderr: str


def run(code: str, *arguments: str, options: Sequence[str] = ()) -> Run:
    """Run Python code in a fresh process and return its time, processor time and output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *options, "-c", code, *arguments], check=True, capture_output=True, text=True
    )
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Run(wall, cpu, done.stdout, done.stderr)


def import_times(code: str, most: int) -> list[list[str]]:
    """Return the top-level packages whose modules take longest to import: own time, summed up."""
    own: dict[str, float] = {}
    for line in run(code, options=["-X", "importtime"]).stderr.splitlines():
        head, _, rest = line.partition("import time:")
        time_, _, name = rest.partition("|")
        if not head and time_.strip().isdigit():
            package = name.rpartition("|")[2].strip().partition(".")[0]
            own[package] = own.get(package, 0.0) + int(time_) / 1e6
    ranked = sorted(own.items(), key=lambda item: -item[1])
    return [[name, seconds(s)] for name, s in ranked[:most]]


def loaded(code: str) -> list[str]:
    """Return which heavy modules a piece of code has loaded."""
    found: list[str] = json.loads(
        run(f"{code}; import json, sys; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))").stdout
    )
    return found


def time_commands(
    report: Report, arguments: Mapping[str, Sequence[str]], repeat: int
) -> dict[str, tuple[Timing, str]]:
    """Run all commands in turn, once to warm caches and then `repeat` times."""
    runs: dict[str, list[Run]] = {name: [] for name in COMMANDS}
    for _ in range(repeat + 1):
        for name, code in COMMANDS.items():
            runs[name].append(run(code, *arguments.get(name, ())))
    timings = {
        name: Timing(tuple(r.wall for r in found[1:]), tuple(r.cpu for r in found[1:]))
        for name, found in runs.items()
    }
    report.race("Fresh processes", timings, "python")
    return {name: (timings[name], runs[name][-1].stdout) for name in COMMANDS}


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=7)
    arguments.add_argument(
        "--events", type=int, default=20, help="events of the file that is converted (%(default)s)"
    )
    args = arguments.parse_args(argv)
    report = Report("startup", {"events": args.events, "repeat": args.repeat})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "muons.i3.zst"
        ic.sim.write(file, ic.sim.events(args.events, seed=1))
        given = {"first conversion": (str(file), str(Path(folder) / "muons.icecol"))}
        found = time_commands(report, given, args.repeat)
        report.check("first conversion: rows", float(found["first conversion"][1]), args.events)
    report.check("icecol --help: names its commands", float("convert" in found["icecol --help"][1]), 1.0)
    heavy = loaded(COMMANDS["import icecol"])
    report.check(f"import icecol loads none of {', '.join(HEAVY)}", len(heavy), 0)
    report.goals.append(Goal("import icecol", found["import icecol"][0].best, 0.35, "s"))
    for name in ("ready to read datasets", "ready to convert"):
        rows = import_times(COMMANDS[name], 8)
        report.tables.append(Table(f"What takes longest to import: {name}", ["package", "own time"], rows))
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
