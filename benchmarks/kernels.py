"""Features of events from their pulses: the compiled loop, its use in a lazy plan, and the usual other ways.

Events of about 100 pulses each, repeated from a smaller simulated sample. Every way gathers the positions of the
sensors by itself and gives the same numbers, which are compared. Ways that are much slower do the first events only,
and their times are scaled up.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from common import Goal, Report, Table, Timing, parser, race

import icecol as ic
from icecol.detector.geometry import Lookup
from icecol.reco.codegen import arguments, event_loop
from icecol.reco.jagged import frozen
from icecol.reco.kernels import charge, improved_linefit, linefit, tensor_of_inertia
from icecol.speed.rivals import (
    AGGREGATES,
    AWKWARD,
    COLUMNS,
    GROUPS,
    LISTS,
    PANDAS,
    PYTHON,
    REDUCEAT,
    Aggregates,
    Flat,
    flat,
    group_by,
    list_arithmetic,
    python_loop,
    reduceat,
    with_awkward,
    with_pandas,
)

Array = npt.NDArray[Any]
Sample = Flat
KEY = "InIcePulses"

LOOP, LAZY, STREAMING = "compiled loop", "lazy plan", "lazy plan, streaming engine"
FLOOR = "memory read once"


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature, its kernel, what that returns, and in `rate` the goal of its loop in M pulses/s."""

    name: str
    kernel: Any
    parameters: tuple[Any, ...]
    expr: Callable[[ic.Pulses], pl.Expr]
    returns: tuple[str, ...]
    rate: float = 0.0

    @property
    def aggregates(self) -> Aggregates:
        return AGGREGATES[self.name]


_LINE = (
    "x",
    "y",
    "z",
    "time",
    "zenith",
    "azimuth",
    "speed",
    "fit_status",
    "LFVel",
    "LFVelX",
    "LFVelY",
    "LFVelZ",
    "NHits",
)

FEATURES = (
    Feature(
        "charge",
        charge.charge,
        (),
        ic.reco.charge,
        (
            "total",
            "n_pulses",
            "n_hit_doms",
            "n_hit_strings",
            "n_hit_doms_one_pulse",
            "q_max_doms",
            "min_pulse_time",
            "max_pulse_time",
        ),
    ),
    Feature(
        "linefit",
        linefit.linefit,
        (2,),
        ic.reco.linefit,
        _LINE,
        rate=100,
    ),
    Feature(
        "tensor_of_inertia",
        tensor_of_inertia.tensor_of_inertia,
        (3, 1.0),
        ic.reco.tensor_of_inertia,
        ("x", "y", "z", "time", "zenith", "azimuth", "fit_status", "mineval", "evalratio", "eval2", "eval3"),
        rate=100,
    ),
    Feature(
        "improved_linefit",
        improved_linefit.improved_linefit,
        (2, 156.0, 778.0, 153.0, 116.0, 2),
        ic.reco.improved_linefit,
        _LINE,
        rate=10,  # 100,000 events/s
    ),
)


def simulate(n: int, pulses: int, distinct: int) -> Sample:
    """Return n events of about so many pulses, drawn from a sample of distinct ones."""
    bounds = (round(0.8 * pulses), round(1.2 * pulses))
    events = ic.sim.events(min(n, distinct), seed=1, noise=0, n_pulses=bounds)
    pick = np.random.default_rng(2).integers(0, len(events), n)
    return flat(events.to_polars()[pick].rechunk(), ic.Pulses(KEY, events.geometry))


# -- icecol -----------------------------------------------------------------------------------------------------------


def compiled_loop(feature: Feature, sample: Sample) -> Callable[[], Array]:
    """Return a run of the kernel over plain arrays."""
    g = sample.geometry
    members, columns, _ = arguments(feature.kernel.py_func)
    read = members if not columns or "omkey" in members else [*members, "omkey"]
    letters = {name: letter for letter, name in COLUMNS.items()}
    given: list[Any] = [sample.flat[letters[m]] for m in read]
    if columns:
        given.append(Lookup(g.lookup.base, *(frozen(a) for a in g.lookup[1:])))
        given += [frozen(getattr(g, c)) for c in columns]
    loop = event_loop(feature.kernel, n_fields=len(feature.returns))
    compared = [feature.returns.index(f) for f in feature.aggregates.fields]

    def run() -> Array:
        out = np.empty((len(feature.returns), len(sample)))
        loop(sample.offsets, *given, *feature.parameters, out)
        return out[compared]

    return run


def lazy_plan(feature: Feature, sample: Sample, engine: Any) -> pl.DataFrame:
    """Run the feature as users do, all of its fields."""
    lf = ic.with_features(sample.frame.lazy(), F=feature.expr(ic.Pulses(KEY, sample.geometry)))
    return lf.select(f"F.{f}" for f in feature.returns).collect(engine=engine)


def rows(feature: Feature, answer: Any) -> Array:
    """Return an answer as rows of the fields that are compared."""
    if isinstance(answer, pl.DataFrame):
        return (
            answer.select(pl.col(f"F.{f}").cast(pl.Float64) for f in feature.aggregates.fields).to_numpy().T
        )
    return np.asarray(answer)


def read_once(sample: Sample, letters: str) -> float:
    return float(sum(sample.flat[c].sum() for c in letters if c in sample.flat))


def rivals(
    feature: Feature, sample: Sample, few: Sample
) -> tuple[dict[str, Callable[[], Any]], dict[str, float]]:
    """Return all ways to compute a feature, and by how much the times of those on few events are scaled."""
    every: dict[str, Callable[[], Any]] = {
        FLOOR: lambda: read_once(sample, feature.aggregates.letters + "k"),
        LOOP: compiled_loop(feature, sample),
        LAZY: lambda: lazy_plan(feature, sample, "in-memory"),
        STREAMING: lambda: lazy_plan(feature, sample, "streaming"),
    }
    some: dict[str, Callable[[], Any]] = {}
    if feature.aggregates.totals:
        every[REDUCEAT] = lambda: reduceat(feature.aggregates, sample)
        if "x" in feature.aggregates.letters:
            some[LISTS] = lambda: list_arithmetic(feature.aggregates, few)
        else:
            every[LISTS] = lambda: list_arithmetic(feature.aggregates, sample)
        every[GROUPS] = lambda: group_by(feature.aggregates, sample)
        if find_spec("awkward"):
            every[AWKWARD] = with_awkward(feature.aggregates, sample)
        if find_spec("pandas"):
            every[PANDAS] = with_pandas(feature.aggregates, sample)
    some[PYTHON] = lambda: python_loop(feature.aggregates, few)
    factor = len(sample) / len(few)
    return every | some, dict.fromkeys(some, factor)


def main(argv: Sequence[str] | None = None) -> int:
    arguments_ = parser(__doc__, repeat=5)
    arguments_.add_argument("--events", type=int, default=50_000, help="events (%(default)s)")
    arguments_.add_argument("--pulses", type=int, default=100, help="pulses of each, about (%(default)s)")
    arguments_.add_argument(
        "--distinct", type=int, default=1000, help="different events among them (%(default)s)"
    )
    arguments_.add_argument("--sample", type=int, default=500, help="events that slow ways do (%(default)s)")
    arguments_.add_argument("--kernels", nargs="*", default=[f.name for f in FEATURES], metavar="NAME")
    args = arguments_.parse_args(argv)
    settings = {k: getattr(args, k) for k in ("events", "pulses", "distinct", "sample", "repeat")}
    report = Report("kernels", settings)
    sample = simulate(args.events, args.pulses, args.distinct)
    few = sample.head(min(args.sample, args.events))
    n_pulses = int(sample.offsets[-1])
    for feature in FEATURES:
        if feature.name not in args.kernels:
            continue
        ways, scale = rivals(feature, sample, few)
        timings, answers = race(ways, args.repeat, scale=scale)
        expected = answers[LOOP]
        for name in ways:
            if name not in (FLOOR, LOOP):
                n = len(few) if name in scale else len(sample)
                report.check(
                    f"{feature.name}: {name}", rows(feature, answers[name]), expected[:, :n], rel=1e-9
                )
        compare(report, feature, timings, len(sample), n_pulses)
    skipped = [name for name in ("awkward", "pandas") if not find_spec(name)]
    if skipped:
        note = f"not installed: {', '.join(skipped)} (pip install -e '.[bench]')"
        report.tables.append(Table("Left out", [""], [[note]]))
    return report.finish(args)


def compare(report: Report, feature: Feature, timings: dict[str, Timing], n: int, n_pulses: int) -> None:
    speed = {"M pulses/s": lambda t: f"{n_pulses / t.best / 1e6:.3g}"}
    report.race(f"{feature.name}: {n} events, {n_pulses / 1e6:.3g} M pulses", timings, LOOP, **speed)
    ratio = timings[LAZY].best / timings[LOOP].best
    report.goals.append(Goal(f"{feature.name}: lazy plan", ratio, 1.3, "x the compiled loop"))
    if feature.rate:
        rate = n_pulses / timings[LOOP].best / 1e6
        report.goals.append(
            Goal(f"{feature.name}: compiled loop", rate, feature.rate, "M pulses/s", most=False)
        )


if __name__ == "__main__":
    sys.exit(main())
