"""Effective areas of the trigger and of the selection of high-energy starting events, beside those published in 2013.

Not a race: neutrinos are thrown over a volume, their light is simulated in the ice of the South Pole, and those of more
than 6000 PE with the self-veto open are counted, for a spectrum of E^-2 in half decades. `--published` is a table of
the areas (m^2) of Science 342 (2013) 1242856 with columns energy_min, energy_max (GeV), nue, numu and nutau.
"""

from __future__ import annotations

import itertools
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from common import Goal, Report, Table, parser

import icecol as ic

FLAVORS = ("nue", "numu", "nutau")
EDGES = 10 ** np.linspace(5, 6.5, 4)
NORM = 1e-18
"""Flux of each type of particle at 100 TeV, in 1 / (GeV cm^2 s sr); the spectrum is E^-2."""


def selected(ds: ic.Dataset) -> pl.DataFrame:
    """Return energy, weight (Hz) and the selection of all triggered events."""
    pulses = ic.Pulses("InIcePulses", ds.geometry)
    hlc = ic.Pulses("HLC", ds.geometry)
    made = ic.with_features(
        ds.scan(),
        HLC=ic.reco.hlc_pulses(pulses),
        Veto=ic.reco.hese_veto(hlc),
        Q=ic.reco.causal_qtot(pulses, vertex="Veto"),
    )
    return made.select(
        energy="I3MCWeightDict.PrimaryNeutrinoEnergy",
        weight=ic.weight.nugen(ds, ic.weight.power_law(NORM, 2.0)),
        passed=((pl.col("Q.value") > 6000) & ~pl.col("Veto.vetoed")).fill_null(value=False),
    ).collect()


def areas(frame: pl.DataFrame) -> list[tuple[float, float, float]]:
    """Return (trigger, selection, its error) in m^2 for each half decade."""
    found = []
    for low, high in itertools.pairwise(EDGES):
        part = frame.filter(pl.col("energy").is_between(low, high))
        exposure = 2 * 4 * math.pi * NORM * 1e10 * (1 / low - 1 / high) * 1e4  # 1 / (m^2 s), of both types
        passed = part.filter("passed")["weight"].to_numpy()
        found.append(
            tuple(
                float(v) / exposure
                for v in (part["weight"].sum(), passed.sum(), math.sqrt((passed**2).sum()))
            )
        )
    return found


def published(path: Path, flavor: str) -> list[float]:
    """Return the published areas, averaged as those of `areas`."""
    table = pl.read_csv(path, comment_prefix="#")
    low, high, area = (table[c].to_numpy() for c in ("energy_min", "energy_max", flavor))
    found = []
    for a, b in itertools.pairwise(EDGES):
        share = np.maximum(1 / np.clip(low, a, b) - 1 / np.clip(high, a, b), 0.0)
        found.append(float((share * area).sum() / share.sum()))
    return found


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=1)
    arguments.add_argument("--events", type=int, default=1200, help="thrown of each flavor (%(default)s)")
    arguments.add_argument("--published", type=Path, help="table of published areas")
    arguments.add_argument("--ice", default="layers", help="bulk or layers (%(default)s)")
    args = arguments.parse_args(argv)
    report = Report("effective_areas", {"events": args.events, "ice": args.ice})
    rows, worst = [], 1.0
    for number, flavor in enumerate(FLAVORS):
        thrown: Any = ic.sim.neutrinos(
            flavor, energy=(EDGES[0], EDGES[-1]), index=1.3, volume=True, radius=650.0, height=1200.0
        )
        with tempfile.TemporaryDirectory() as folder:
            ds = ic.sim.simulate(
                thrown, Path(folder, "a"), dataset=31001 + number, n_files=4, n=args.events // 4, ice=args.ice
            )
            frame = selected(ds)
        report.check(f"{flavor}: events pass", bool(frame["passed"].any()), True)
        known = published(args.published, flavor) if args.published else [0.0] * (EDGES.size - 1)
        for k, ((trigger, area, error), there) in enumerate(zip(areas(frame), known, strict=True)):
            span = f"{EDGES[k] / 1e3:.0f}-{EDGES[k + 1] / 1e3:.0f} TeV"
            ratio = area / there if there else math.nan
            if there and area > 0:
                worst = max(worst, float(ratio), 1 / float(ratio))
            beside = [f"{there:.2f}", f"{ratio:.2f}"] if there else ["", ""]
            rows.append([f"{flavor}, {span}", f"{trigger:.1f}", f"{area:.2f} ± {error:.2f}", *beside])
    title = (
        "Effective areas in m^2, over the sky, of neutrinos and antineutrinos that interact in the cylinder"
    )
    report.tables.append(Table(title, ["", "trigger", "starting, > 6000 PE", "published", "ratio"], rows))
    if args.published:
        report.goals.append(Goal("starting events: furthest from published", worst, 2.0, "x"))
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
