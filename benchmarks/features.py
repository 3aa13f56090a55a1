"""What each feature, cleaning, veto and fit costs an event, on one core, as a lazy plan.

Not a race of rivals (kernels.py, reconstruction.py and summaries.py are): the price list. Each is computed once more
for single events, in frames of their own, and must give the same; ten of them together, too, as each by itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from common import Report, Table, parser, race, seconds

import icecol as ic
from icecol.ahead import features, fits

KEY, CLEANED = "InIcePulses", "SRTInIcePulses"
"""Pulses that features are computed of, and those that tracks and cascades are fitted to."""
TEN = (
    "charge", "linefit", "improved_linefit", "tensor_of_inertia", "clast", "dipole_fit", "hit_multiplicity",
    "hit_statistics", "time_characteristics", "fill_ratio",
)  # fmt: skip
"""Features of one pulse series that are computed together and one by one."""
ICETRAY = {
    "linefit": "100 us (91 sensors, 354 pulses)",
    "improved_linefit": "450 us (91 sensors, 354 pulses)",
    "common_variables": "206 us (45 sensors)",
    "spe_fit": "3.7 ms (45 sensors)",
    "spe_fit, BFGS": "3.7 ms (45 sensors), by its simplex",
    "spe_fit, 2 more directions": "12 ms (45 sensors)",
}
"""What IceTray's own modules take, as published; not run here."""


def simulate(n: int, pulses: int, distinct: int) -> tuple[pl.DataFrame, ic.Geometry]:
    """Return n events, drawn from a sample of distinct ones, with first guesses of track and cascade."""
    bounds = (round(0.8 * pulses), round(1.2 * pulses))
    events = ic.sim.events(min(n, distinct), seed=1, noise=0, n_pulses=bounds)
    p = ic.Pulses(CLEANED, events.geometry)
    guesses = {"LineFit": ic.reco.improved_linefit(p), "CLast": ic.reco.clast(p)}
    frame = ic.with_features(events.to_polars(), **guesses).collect()
    pick = np.random.default_rng(2).integers(0, len(events), n)
    wanted = [c for c in frame.columns if c.split(".")[0] in (KEY, CLEANED, "LineFit", "CLast")]
    return frame.select(wanted)[pick].rechunk(), events.geometry


def collect(frame: pl.DataFrame, feature: pl.Expr) -> pl.DataFrame:
    """Compute a feature as users do it, all of its fields."""
    plan = ic.with_features(frame.lazy(), Feature=feature)
    return plan.select(pl.col("^Feature.*$")).collect()


def same(a: pl.DataFrame, b: pl.DataFrame) -> bool:
    """Compare answers; NaN is NaN."""
    return bool(a.equals(b))


def price(
    report: Report,
    what: str,
    wanted: dict[str, pl.Expr],
    frame: pl.DataFrame,
    key: str,
    args: argparse.Namespace,
) -> None:
    """Time features on all events, and compare some events with what they give by themselves."""
    ways: dict[str, Callable[[], Any]] = {}
    for name, feature in wanted.items():
        ways[name] = lambda feature=feature: collect(frame, feature)
        whole = ways[name]().head(args.sample)
        single = pl.concat([collect(frame[i], feature) for i in range(whole.height)])
        report.check(f"{name}: one by one", same(whole, single), expected=True)
    timings, _ = race(ways, args.repeat)
    sensors = frame[f"{key}.omkey"].list
    title = f"Price of {what}: events of {sensors.len().mean():.0f} pulses on {sensors.n_unique().mean():.0f} sensors"
    rows = []
    for name, t in timings.items():
        one = t.best_cpu / frame.height
        rows.append([name, seconds(one), f"{1 / one:,.0f}", ICETRAY.get(name, "")])
    note = "Time of one core. IceTray's figures are published ones for its own C++ modules, reading subtracted; they "
    note += "were not run here."
    report.tables.append(Table(title, ["", "an event", "events/s", "IceTray"], rows, note))
    report.seconds[title] = {n: {"wall": list(t.wall), "cpu": list(t.cpu)} for n, t in timings.items()}


def together(report: Report, frame: pl.DataFrame, wanted: dict[str, pl.Expr], repeat: int) -> None:
    """Race features of one pulse series in one plan against a plan for each."""
    names = {name: f"F{i}" for i, name in enumerate(wanted)}
    alike = dict(zip(names.values(), wanted.values(), strict=True))

    def run(features: dict[str, pl.Expr]) -> pl.DataFrame:
        plan = ic.with_features(frame.lazy(), **features)
        return plan.select(pl.col(r"^F\d\..*$")).collect()

    one, each = "in one plan", "a plan for each"
    ways: dict[str, Callable[[], Any]] = {
        one: lambda: run(alike),
        each: lambda: [run({name: feature}) for name, feature in alike.items()],
    }
    timings, answers = race(ways, repeat)
    for name, alias in names.items():
        own = answers[one].select(pl.col(rf"^{alias}\..*$"))
        report.check(
            f"{name}: with others", same(own, answers[each][list(wanted).index(name)]), expected=True
        )
    title = f"{len(wanted)} features of one series: {frame.height} events"
    report.race(title, timings, one, **{"us/event": lambda t: f"{t.best_cpu / frame.height * 1e6:.3g}"})


def main(argv: list[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=5)
    arguments.add_argument("--events", type=int, default=10_000, help="events of most features (%(default)s)")
    arguments.add_argument("--fits", type=int, default=300, help="events that are fitted (%(default)s)")
    arguments.add_argument("--pulses", type=int, default=100, help="pulses of an event (%(default)s)")
    arguments.add_argument(
        "--distinct", type=int, default=1000, help="different ones among them (%(default)s)"
    )
    arguments.add_argument(
        "--sample", type=int, default=10, help="events that are checked one by one (%(default)s)"
    )
    args = arguments.parse_args(argv)
    report = Report(
        "features", {k: getattr(args, k) for k in ("events", "fits", "pulses", "distinct", "repeat")}
    )
    frame, geometry = simulate(args.events, args.pulses, args.distinct)
    known = features(ic.Pulses(KEY, geometry))
    price(report, "features", known, frame, KEY, args)
    together(report, frame, {name: known[name] for name in TEN}, args.repeat)
    few = frame.head(args.fits)
    price(report, "fits", fits(ic.Pulses(CLEANED, geometry)), few, CLEANED, args)
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
