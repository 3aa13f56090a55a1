"""Summary of the pulses of each hit sensor: the lazy plan, the package nt_summary_stats, and the usual other ways.

Events of about 100 pulses each, repeated from a smaller simulated sample. The package takes one event at a time, as
arrays that are ready for it; that is its compiled code, called once an event or once a sensor. Slow ways do the first
events only, and their times are scaled up.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from common import Goal, Report, Table, parser, race
from kernels import KEY, Array, Sample, simulate

import icecol as ic
from icecol.speed.rivals import GROUPS, PYTHON
from icecol.speed.sensor_rivals import EVENTS, FIELDS, group_by, python_loop, with_package

LAZY, STREAMING = "lazy plan", "lazy plan, streaming engine"


def lazy_plan(sample: Sample, engine: Any) -> Array:
    frame = ic.with_features(sample.frame.lazy(), D=ic.reco.dom_summary(ic.Pulses(KEY)))
    frame = frame.select(f"D.{f}" for f in FIELDS).collect(engine=engine)
    return np.array([frame[f"D.{f}"].explode(empty_as_null=False).to_numpy() for f in FIELDS])


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
