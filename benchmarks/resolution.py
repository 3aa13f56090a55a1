"""Angular resolution of the track fits on simulated through-going muons, and of the vertices of cascade fits.

Not a race: it shows what each further step of the chain LineFit, improved LineFit, SPE, SPE with further directions,
MPE buys. The ice of the simulation is homogeneous, as the fits believe it to be, so that real resolutions are worse.
MPE uses that the first of many photo-electrons is early: it can help only where sensors see several of them, so it is
held against SPE for events of at least BRIGHT PE.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import polars as pl
from common import Goal, Report, Table, parser

import icecol as ic

BRIGHT = 100.0
FITS = ("LineFit", "Improved", "SPE", "SPE2", "MPE")
CASCADES = ("CLast", "SPE", "MPE", "UPandel")


def reconstruct(n: int, seed: int) -> pl.DataFrame:
    """Return angles (deg) between fits and truth, zenith (deg) and charge (PE) of n simulated muons."""
    truth = ic.sim.events(n, seed=seed, muons=1.0, cascades=0.0, noise=0.0)
    pulses = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    fitted = ic.with_features(
        truth.to_polars(),
        Q=ic.reco.charge(pulses),
        LineFit=ic.reco.linefit(pulses),
        Improved=ic.reco.improved_linefit(pulses),
        SPE=ic.reco.spe_fit(pulses, seed="Improved"),
        SPE2=ic.reco.spe_fit(pulses, seed="SPE", iterations=2),
        MPE=ic.reco.mpe_fit(pulses, seed="SPE2"),
    )
    angles = {name: ic.reco.opening_angle(name, "MCPrimary").degrees().fill_nan(None) for name in FITS}
    return fitted.select(**angles, zenith=pl.col("MCPrimary.zenith").degrees(), charge="Q.total").collect()


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


def vertices(n: int, seed: int) -> pl.DataFrame:
    """Return how far (m, ns) first guess and fits are from the vertices of n simulated cascades, and charges (PE)."""
    truth = ic.sim.events(n, seed=seed, muons=0.0, cascades=1.0, noise=0.0)
    pulses = ic.Pulses("SRTInIcePulses", ic.Geometry.nominal())
    fitted = ic.with_features(
        truth.to_polars(),
        Q=ic.reco.charge(pulses),
        CLast=ic.reco.clast(pulses),
        SPE=ic.reco.cascade_fit(pulses),
        MPE=ic.reco.cascade_fit(pulses, form="MPE", jitter=4.0),
        UPandel=ic.reco.cascade_fit(pulses, form="UPandel"),
    )
    columns = {"charge": pl.col("Q.total")}
    for name in CASCADES:
        away = [(pl.col(f"{name}.{m}") - pl.col(f"MCPrimary.{m}")) ** 2 for m in ("x", "y", "z")]
        late = pl.col(f"{name}.time") - pl.col("MCPrimary.time")
        good = pl.col(f"{name}.fit_status") == 0
        columns[name] = pl.when(good).then(sum(away, pl.lit(0.0)).sqrt())
        columns[f"{name}.time"] = pl.when(good).then(late.abs())
    return fitted.select(**columns).collect()


def cascade_tables(report: Report, frame: pl.DataFrame) -> None:
    """Add the tables and goals of cascade fits to a report."""
    note = "{} of fit and true vertex: median, and 16 to 84 % of the events."
    edges = [0.0, 30.0, 100.0, 300.0, np.inf]
    columns = ["", "events", *CASCADES]
    for what, suffix in (("Distance in m", ""), ("Difference in ns, either sign,", ".time")):
        part = frame.select("charge", **{name: pl.col(f"{name}{suffix}") for name in CASCADES})
        lines = rows(part, "charge", [0.0, np.inf], "PE", CASCADES) + rows(
            part, "charge", edges, "PE", CASCADES
        )
        report.tables.append(
            Table(f"Cascades: {what.split()[0].lower()} by charge", columns, lines, note.format(what))
        )
    median = {name: float(frame[name].median()) for name in CASCADES}
    report.goals.append(Goal("cascade fit: median distance", median["SPE"] / median["CLast"], 1.0, "x CLast"))


def main(argv: list[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=1)
    arguments.add_argument("--events", type=int, default=1000, help="simulated muons (%(default)s)")
    arguments.add_argument("--png", type=Path, metavar="FILE", help="draw the distributions of the angles")
    args = arguments.parse_args(argv)
    report = Report("resolution", {"events": args.events})
    frame = reconstruct(args.events, seed=1)
    report.check("every event is in the table", frame.height, args.events)
    columns = ["", "events", *FITS]
    zenith = rows(frame, "zenith", [0, 60, 90, 120, 180.1], "deg")
    charge = rows(frame, "charge", [0, 30, 100, 300, np.inf], "PE")
    note = "Opening angle to the true direction in degrees: median, and 16 to 84 % of the events."
    everything = rows(frame, "zenith", [0, 180.1], "deg")
    report.tables.append(Table("All events", columns, [["all", *everything[0][1:]]], note))
    report.tables.append(Table("By true zenith", columns, zenith, note))
    report.tables.append(Table("By charge", columns, charge, note))
    lost = [[fit, f"{frame[fit].null_count() / frame.height:.1%}"] for fit in FITS]
    report.tables.append(Table("Without an answer", ["", "events"], lost))
    medians = {fit: float(frame[fit].median()) for fit in FITS}
    bright = frame.filter(pl.col("charge") >= BRIGHT)
    report.goals += [
        Goal("improved LineFit: median angle", medians["Improved"] / medians["LineFit"], 1.0, "x LineFit"),
        Goal("SPE fit: median angle", medians["SPE"] / medians["Improved"], 1.0, "x improved LineFit"),
        Goal(
            f"MPE fit: median angle from {BRIGHT:g} PE on",
            float(bright["MPE"].median()) / float(bright["SPE2"].median()),
            1.0,
            "x SPE fit",
        ),
    ]
    cascade_tables(report, vertices(args.events, seed=2))
    if args.png is not None:
        drawn = {fit: frame[fit].drop_nulls().to_numpy() for fit in FITS}
        ic.plot.save(ic.plot.resolution(drawn, stop=10.0), args.png)
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
