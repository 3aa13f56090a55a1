"""Summary of the pulses of each hit sensor: the lazy plan, the package nt_summary_stats, and the usual other ways.

Events of about 100 pulses each, repeated from a smaller simulated sample. The package takes one event at a time, as
arrays that are ready for it; that is its compiled code, called once an event or once a sensor. Slow ways do the first
events only, and their times are scaled up.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import polars as pl
from common import Goal, Report, Table, parser, race
from kernels import KEY, Array, Sample, simulate

import icecol as ic
from icecol.detector.geometry import split_omkey

FIELDS = (
    "total_charge",
    "charge_100ns",
    "charge_500ns",
    "first_pulse_time",
    "last_pulse_time",
    "charge_20_percent_time",
    "charge_50_percent_time",
    "charge_weighted_mean_time",
    "charge_weighted_std_time",
)
LAZY, STREAMING = "lazy plan", "lazy plan, streaming engine"
EVENTS, SENSORS = "nt_summary_stats, event by event", "nt_summary_stats, sensor by sensor"
GROUPS, PYTHON = "Polars explode and group_by", "Python loop of numpy"


def lazy_plan(sample: Sample, engine: Any) -> Array:
    frame = ic.with_features(sample.frame.lazy(), D=ic.reco.dom_summary(ic.Pulses(KEY)))
    frame = frame.select(f"D.{f}" for f in FIELDS).collect(engine=engine)
    return np.array([frame[f"D.{f}"].explode(empty_as_null=False).to_numpy() for f in FIELDS])


def group_by(sample: Sample) -> Array:
    """Take sums over sensors, with sums in order of time for what is asked of the charge."""
    q, t = pl.col("charge"), pl.col("time")
    lf = sample.frame.lazy().rename(lambda c: c.removeprefix(f"{KEY}.")).with_row_index("event")
    lf = lf.explode("time", "charge", "omkey", empty_as_null=False).sort("event", "omkey", "time")
    lf = lf.with_columns(q.cast(pl.Float64))
    mean = (q * t).sum() / q.sum()
    aggregates = [
        q.sum(),
        q.filter(t <= t.first() + 100).sum().alias("100"),
        q.filter(t <= t.first() + 500).sum().alias("500"),
        t.first().alias("first"),
        t.last().alias("last"),
        t.filter(q.cum_sum() > 0.2 * q.sum()).first().alias("20"),
        t.filter(q.cum_sum() > 0.5 * q.sum()).first().alias("50"),
        mean.alias("mean"),
        (q * (t - mean) ** 2).sum().truediv(q.sum()).sqrt().alias("std"),
    ]
    found = lf.group_by("event", "omkey", maintain_order=True).agg(aggregates)
    return found.drop("event", "omkey").collect().to_numpy().T


def python_loop(sample: Sample) -> Array:
    """Do one sensor after the other with numpy."""
    rows = []
    for _, _, _, t, q in sensors(sample):
        c = np.cumsum(q)
        early, half = (min(np.searchsorted(c, s * c[-1], side="right"), t.size - 1) for s in (0.2, 0.5))
        near, far = (np.searchsorted(t, t[0] + w, side="right") for w in (100.0, 500.0))
        mean = (q * t).sum() / c[-1]
        spread = np.sqrt((q * (t - mean) ** 2).sum() / c[-1])
        rows.append([c[-1], c[near - 1], c[far - 1], t[0], t[-1], t[early], t[half], mean, spread])
    return np.array(rows).T


def sensors(sample: Sample) -> list[tuple[int, int, int, Array, Array]]:
    """Return event, string, sensor, times and charges of each hit sensor; pulses are sorted by sensor."""
    t, q, k = sample.flat["t"], sample.flat["q"].astype(np.float64), sample.flat["k"]
    event = np.repeat(np.arange(len(sample)), np.diff(sample.offsets))
    ends = np.flatnonzero((np.diff(k) != 0) | (np.diff(event) != 0)) + 1
    bounds = np.concatenate([[0], ends, [k.size]])
    string, om, _ = split_omkey(k)
    return [
        (int(event[a]), int(string[a]), int(om[a]), t[a:b], q[a:b]) for a, b in itertools.pairwise(bounds)
    ]


def with_package(sample: Sample) -> dict[str, Callable[[], Array]]:
    """Return the two ways to call the package, with its input made beforehand."""
    from nt_summary_stats import compute_summary_stats, process_event

    string, om, _ = split_omkey(sample.flat["k"])
    rows = sample.geometry.rows(sample.flat["k"])
    columns = {
        "t": sample.flat["t"],
        "charge": sample.flat["q"].astype(np.float64),
        "string_id": string.astype(np.int32),
        "sensor_id": om.astype(np.int32),
        **{f"sensor_pos_{c}": getattr(sample.geometry, c)[rows] for c in "xyz"},
    }
    bounds = list(zip(sample.offsets[:-1], sample.offsets[1:], strict=True))
    events = [{"photons": {name: v[a:b] for name, v in columns.items()}} for a, b in bounds]
    each = [(t, q) for *_, t, q in sensors(sample)]
    return {
        EVENTS: lambda: np.concatenate([process_event(e)[1] for e in events]).T,
        SENSORS: lambda: np.array([compute_summary_stats(t, q) for t, q in each]).T,
    }


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=5)
    arguments.add_argument("--events", type=int, default=20_000, help="events (%(default)s)")
    arguments.add_argument("--pulses", type=int, default=100, help="pulses of each, about (%(default)s)")
    arguments.add_argument(
        "--distinct", type=int, default=1000, help="different events among them (%(default)s)"
    )
    arguments.add_argument("--sample", type=int, default=200, help="events that slow ways do (%(default)s)")
    args = arguments.parse_args(argv)
    settings = {k: getattr(args, k) for k in ("events", "pulses", "distinct", "sample", "repeat")}
    report = Report("summaries", settings)
    sample = simulate(args.events, args.pulses, args.distinct)
    few = sample.head(min(args.sample, args.events))
    ways: dict[str, Callable[[], Array]] = {
        LAZY: lambda: lazy_plan(sample, "in-memory"),
        STREAMING: lambda: lazy_plan(sample, "streaming"),
        GROUPS: lambda: group_by(sample),
    }
    installed = find_spec("nt_summary_stats") is not None
    ways |= with_package(sample) if installed else {}
    ways[PYTHON] = lambda: python_loop(few)
    timings, answers = race(ways, args.repeat, scale={PYTHON: len(sample) / len(few)})
    n_sensors = answers[LAZY].shape[1]
    for name, answer in answers.items():
        expected = answers[LAZY][:, : answer.shape[1]]
        report.check(f"{name}: sensors", answer.shape[1], n_sensors if name != PYTHON else answer.shape[1])
        report.check(f"{name}: all but the spread", answer[:8], expected[:8], rel=1e-12)
        # the package subtracts squares of times of 1e4 ns: 1e-16 of 1e8 ns^2, and what sums of them lose
        report.check(f"{name}: spread squared, to 1e-5 ns^2", round_off(answer[8], expected[8]), True)
    speed = {"M sensors/s": lambda t: f"{n_sensors / t.best / 1e6:.3g}"}
    title = f"{len(sample)} events, {n_sensors / 1e6:.3g} M sensors, {sample.offsets[-1] / 1e6:.3g} M pulses"
    report.race(title, timings, LAZY, **speed)
    if installed:
        ratio = timings[LAZY].best / timings[EVENTS].best
        report.goals.append(Goal("summary of sensors", ratio, 1.0, "x nt_summary_stats"))
    else:
        note = "not installed: nt_summary_stats (pip install -e '.[bench]')"
        report.tables.append(Table("Left out", [""], [[note]]))
    return report.finish(args)


def round_off(found: Array, expected: Array) -> bool:
    return bool((np.abs(found**2 - expected**2) <= 1e-9 * expected**2 + 1e-5).all())


if __name__ == "__main__":
    sys.exit(main())
