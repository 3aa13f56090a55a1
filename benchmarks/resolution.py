"""Resolution of reconstructions on simulated events: angles and energies of muons, vertices of cascades.

Not a race: it shows what each further step of the chain LineFit, improved LineFit, SPE, SPE with further directions,
MPE buys, and each way to the energy. The ice of the simulation is homogeneous, as the fits believe it to be, so that
real resolutions are worse. The angles are compared with each other for muons that shine evenly, as the fits take them
to do; MPE uses that the first of many photo-electrons is early: it can help only where sensors see several of them, so
it is compared with SPE for events of at least BRIGHT PE. The energies are of muons that shine in single losses. With
more tables, cascades and plots: `icecol study`.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import polars as pl
from common import Goal, Report, Table, parser

import icecol as ic
from icecol import study

BRIGHT = 100.0
ENERGETIC = 1e4
FITS = study.TRACK_FITS


CASCADES = tuple(study.CASCADE_FITS)


def rows(
    frame: pl.DataFrame, column: str, edges: list[float], unit: str, fits: tuple[str, ...] = FITS
) -> list[list[str]]:
    """Make a line for each range of a column: events, then median and 16 and 84 % quantiles of each fit."""
    made = []
    for low, high in itertools.pairwise(edges):
        part = frame.filter(pl.col(column).is_between(low, high, closed="left"))
        cells = [
            f"{part[fit].median():.2f} ({part[fit].quantile(0.16):.2f} to {part[fit].quantile(0.84):.2f})"
            if part[fit].count()
            else "-"
            for fit in fits
        ]
        made.append([f"{low:g} to {high:g} {unit}", str(part.height), *cells])
    return made


def cascade_tables(report: Report, frame: pl.DataFrame) -> None:
    """Add the tables and goals of cascade fits to a report."""
    note = "{} of fit and true vertex: median, and 16 to 84 % of the events."
    edges = [0.0, 30.0, 100.0, 300.0, np.inf]
    columns = ["", "events", *CASCADES]
    for what, column in (("Distance in m", "distance"), ("Difference in ns, either sign,", "delay")):
        part = frame.select("charge", **{name: pl.col(f"{column}_{name}").abs() for name in CASCADES})
        lines = rows(part, "charge", [0.0, np.inf], "PE", CASCADES)
        lines += rows(part, "charge", edges, "PE", CASCADES)
        title = f"Cascades: {what.split()[0].lower()} by charge"
        report.tables.append(Table(title, columns, lines, note.format(what)))
    ratio = frame["distance_SPE"].median() / frame["distance_CLast"].median()
    report.goals.append(Goal("cascade fit: median distance", ratio, 1.0, "x CLast"))


def energy_rows(table: pl.DataFrame) -> list[list[str]]:
    """Make a line for each range of the true energy: events, then bias and spread of each way."""
    made = []
    for (low, high), part in table.group_by("low", "high", maintain_order=True):
        cells = [
            f"{r['bias']:+.2f}, {r['spread']:.2f}" if r["answers"] else "-"
            for r in part.iter_rows(named=True)
        ]
        made.append([f"{low:g} to {high:g} GeV", str(part["events"][0]), *cells])
    return made


def main(argv: list[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=1)
    arguments.add_argument(
        "--events", type=int, default=1000, help="simulated events of each kind (%(default)s)"
    )
    arguments.add_argument("--png", type=Path, metavar="FILE", help="draw the distributions of the angles")
    arguments.add_argument(
        "--energy-png", type=Path, metavar="FILE", help="draw energies over the true energy"
    )
    args = arguments.parse_args(argv)
    report = Report("resolution", {"events": args.events})
    frame = study.muons(args.events, seed=1, energy=(3e2, 1e5), index=2.0, losses=False)
    lossy = study.muons(args.events, seed=2, losses=True)
    report.check("every event is in the table", frame.height, args.events)
    report.check("every muon with losses is in the table", lossy.height, args.events)
    columns = ["", "events", *FITS]
    zenith = rows(frame, "zenith", [0, 60, 90, 120, 180.1], "deg")
    charge = rows(frame, "charge", [0, 30, 100, 300, np.inf], "PE")
    note = "Opening angle to the true direction in degrees: median, and 16 to 84 % of the events."
    everything = [
        [name, *rows(f, "zenith", [0, 180.1], "deg")[0][1:]]
        for name, f in (("even", frame), ("single losses", lossy))
    ]
    report.tables.append(Table("All muons", columns, everything, note))
    report.tables.append(Table("By true zenith, even muons", columns, zenith, note))
    report.tables.append(Table("By charge, even muons", columns, charge, note))
    by_charge = rows(lossy, "charge", [0, 30, 100, 300, np.inf], "PE")
    report.tables.append(Table("By charge, muons with single losses", columns, by_charge, note))
    lost = [[fit, f"{frame[fit].null_count() / frame.height:.1%}"] for fit in FITS]
    report.tables.append(Table("Without an answer", ["", "events"], lost))
    found = {name: f"energy_{name}" for name in study.MUON_ENERGIES}
    edges = [*study.ENERGY[:-1], float(np.nextafter(study.ENERGY[-1], np.inf))]
    by_energy = energy_rows(study.energies(lossy, found, edges))
    note = "log10 of energy over true energy: median, and half of what is between its 16 and 84 % quantiles."
    report.tables.append(
        Table("Energy, muons with single losses, MPE fit", ["", "events", *found], by_energy, note)
    )
    medians = {fit: float(frame[fit].median()) for fit in FITS}
    bright = frame.filter(pl.col("charge") >= BRIGHT)
    high = study.energies(lossy, found, [ENERGETIC, edges[-1]])
    spread = dict(zip(high["name"], high["spread"], strict=True))
    bias = dict(zip(high["name"], high["bias"], strict=True))
    from_ = f"from {ENERGETIC / 1e3:g} TeV on"
    report.goals += [
        Goal("improved LineFit: median angle", medians["Improved"] / medians["LineFit"], 1.0, "x LineFit"),
        Goal("SPE fit: median angle", medians["SPE"] / medians["Improved"], 1.0, "x improved LineFit"),
        Goal("SPE fit by BFGS: median angle", medians["SPE BFGS"] / medians["SPE"], 1.0, "x by the simplex"),
        Goal(
            "MPE fit by BFGS: median angle", medians["MPE BFGS"] / medians["SPE"], 1.0, "x SPE by the simplex"
        ),
        Goal(
            f"MPE fit: median angle from {BRIGHT:g} PE on",
            float(bright["MPE"].median()) / float(bright["SPE2"].median()),
            1.0,
            "x SPE fit",
        ),
        Goal(
            f"energy without the largest losses: spread {from_}",
            spread["AllDOMS"] / spread["ORIG"],
            0.85,
            "x with them",
        ),
        Goal(
            f"energy by likelihood: spread {from_}",
            spread["likelihood"] / spread["ORIG"],
            1.0,
            "x with all light",
        ),
        Goal(f"largest bias of an energy {from_}", max(map(abs, bias.values())), 0.15, "in log10"),
    ]
    cascade_tables(report, study.cascades(args.events, seed=2, energy=(3e2, 1e5), index=2.0))
    if args.png is not None:
        drawn = {fit: frame[fit].drop_nulls().to_numpy() for fit in FITS}
        ic.plot.save(ic.plot.resolution(drawn, unit="deg", stop=10.0), args.png)
    if args.energy_png is not None:
        ic.plot.save(study.energy_plot(lossy, found), args.energy_png)
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
