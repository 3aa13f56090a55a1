"""Weights of neutrino-generator's events: expressions in a lazy plan, simweights on the same dataset, and numpy.

Each computes the weight (Hz) of every event for a power law and sums them up, from a dataset on disk. simweights takes
whole tables into memory.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from common import Goal, Report, parser, race

import icecol as ic
from icecol.convert import Found, Reader

KEY = "I3MCWeightDict"
NORM, INDEX = 1e-18, 2.3
PLAN, THEIRS, NUMPY = "lazy plan", "simweights", "numpy on collected columns"


@dataclass(frozen=True)
class Neutrinos(Reader):
    """Makes the weight objects of neutrino-generator: as many events as the file says."""

    n_events: int = 1000
    """Events thrown per file."""

    def settings(self) -> dict[str, Any]:
        return {"form": "neutrinos", "n_events": self.n_events}

    def read(self, path: Path, file: BinaryIO, found: Found) -> Iterator[pa.Table]:  # noqa: ARG002
        n = int(file.read())
        rng = np.random.default_rng(7)
        columns = {
            "PrimaryNeutrinoType": rng.choice([14.0, -14.0], n),
            "PrimaryNeutrinoEnergy": 10 ** rng.uniform(2, 6, n),
            "PrimaryNeutrinoZenith": np.arccos(rng.uniform(-1, 1, n)),
            "TotalWeight": 10 ** rng.uniform(-8, -3, n),
        }
        same = {
            "NEvents": self.n_events,
            "MinZenith": 0.0,
            "MaxZenith": np.pi,
            "MinEnergyLog": 2.0,
            "MaxEnergyLog": 6.0,
            "PowerLawIndex": 1.0,
            "CylinderRadius": 700.0,
            "CylinderHeight": 1400.0,
        }
        columns |= {name: np.full(n, float(value)) for name, value in same.items()}
        found.frames = n
        yield pa.table(
            {"I3EventHeader.run_id": np.ones(n, np.uint32)} | {f"{KEY}.{k}": v for k, v in columns.items()}
        )


def in_plan(ds: ic.Dataset) -> tuple[float, float]:
    weight = ic.weight.nugen(ds, ic.weight.power_law(NORM, INDEX), nfiles=1)
    found = ic.weight.totals(ds, weight)
    return found.sumw, found.sumw2


def in_numpy(ds: ic.Dataset) -> tuple[float, float]:
    """Write the same out by hand."""
    names = ["PrimaryNeutrinoEnergy", "PrimaryNeutrinoZenith", "TotalWeight"]
    energy, zenith, factor = ds.scan().select(f"{KEY}.{n}" for n in names).collect().to_numpy().T
    radius, height = 700e2, 1400e2
    area = np.pi * radius**2 * np.abs(np.cos(zenith)) + 2 * radius * height * np.sin(zenith)
    # directions are thrown evenly over the sphere, then places over the cylinder as it is seen from there
    density = 500 / (4 * np.pi * area * np.log(1e4) * energy)  # per GeV cm^2 sr, of each of two types
    weight = NORM * (energy / 1e5) ** -INDEX * factor / density
    return float(weight.sum()), float((weight**2).sum())


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=5)
    arguments.add_argument("--events", type=int, default=1_000_000, help="events (%(default)s)")
    args = arguments.parse_args(argv)
    report = Report("weights", {"events": args.events, "repeat": args.repeat})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "neutrinos.txt")
        path.write_text(str(args.events))
        ds = ic.convert.from_source(Neutrinos(), path, Path(folder, "neutrinos.icecol"), jobs=1)
        ways: dict[str, Callable[[], tuple[float, float]]] = {
            PLAN: lambda: in_plan(ds),
            NUMPY: lambda: in_numpy(ds),
        }
        try:
            import simweights
        except ImportError:
            pass
        else:

            def theirs() -> tuple[float, float]:
                weighter = simweights.NuGenWeighter(ds.tables, nfiles=1)
                weights = weighter.get_weights(lambda energy: NORM * (energy / 1e5) ** -INDEX)
                return float(weights.sum()), float((weights**2).sum())

            ways[THEIRS] = theirs
        timings, answers = race(ways, args.repeat)
    for name, answer in answers.items():
        for what, found, expected in zip(("weights", "their squares"), answer, answers[PLAN], strict=True):
            report.check(f"{name}: sum of {what}", found, expected, rel=1e-9)
    title = f"{args.events:,} events of neutrino-generator"
    report.race(title, timings, PLAN, **{"M events/s": lambda t: f"{args.events / t.best / 1e6:.3g}"})
    if THEIRS in timings:
        ratio = timings[PLAN].best / timings[THEIRS].best
        report.goals.append(Goal("weights by expressions", ratio, 1.0, "x simweights"))
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
