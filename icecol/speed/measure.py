"""`ic.bench`: how fast a feature is, beside its floor, its rivals, and another feature."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.errors import IcecolError
from icecol.speed import answers, fresh, icetray, rivals, sensor_rivals, ways
from icecol.speed.result import SCHEMA, Bench
from icecol.speed.rounds import Timing, machine, race, versions
from icecol.speed.sample import Sample, by_size, given, of_size, simulated, with_seeds
from icecol.speed.subject import NAME, Subject, subject_of

SIZES: Final = (10, 30, 100, 300, 1000, 3000, 10_000)
BATCHES: Final = (1, 10, 100, 1000)
LOOP, PLAN, STREAMING, FRAMES = (
    "compiled loop",
    "lazy plan",
    "lazy plan, streaming engine",
    "frame by frame, in a tray",
)
READ: Final = "floor: bytes read once"
PLAIN: Final = "kernel in plain Python"
_FEW: Final = 200
"""Events that slow rivals do at most."""


def bench(
    feature: Any,
    *,
    against: Any = None,
    events: Any = None,
    pulses: str | None = None,
    gcd: Any = None,
    size: int = 60,
    sizes: Sequence[int] = SIZES,
    tolerance: float = 1e-9,
    repeat: int = 3,
    seconds: float = 0.05,
    rivals: bool = True,
    fresh: bool = True,
) -> Bench:
    """Measure how fast a feature is, and compare its answers with those of every other way to compute it.

    Times are processor time, the shortest of several runs: of the compiled loop alone, of a lazy plan, of a plan in the
    streaming engine, and of a module that computes it frame by frame; for events of several sizes, in several threads,
    and with few or many events in a call; and of the first answer in a fresh process, with and without machine code on
    disk. Floors are measured in the same run: the bandwidth of memory, and one pass over the bytes that are read.

    Parameters
    ----------
    feature
        Name of a feature, such as "linefit", "spe_fit(minimizer='BFGS')" or "kernels.py:early_late"; a kernel, an
        expression, or a function of a pulse series that returns one. A seed that it reads is named LineFit (a track) or
        CLast (a cascade), unless the events have others.
    against
        Another one, which is run in turn with the first, and whose answers are compared.
    events
        A dataset, a table, or the path of a dataset or of .i3 files; by default, simulated muons.
    pulses
        Key of the pulse series, where there are several.
    gcd
        GCD file or geometry for events that have none.
    size
        Pulses of a simulated event, about.
    sizes
        Numbers of pulses at which events are simulated; events that are given are grouped by theirs.
    tolerance
        Relative difference up to which answers agree.
    repeat
        Runs of each way after one to warm up.
    seconds
        Time that one run of the plan should take: it decides how many events there are.
    rivals
        Whether other libraries and plain Python are timed, where they can compute the same.
    fresh
        Whether fresh processes are started, for compile time and memory.

    Returns
    -------
    Bench
        `print` it; `.rows` is the table of all figures, `.plot()` and `.save("bench.json")` show and keep it. Answers
        that differ are told, and are no error.

    Raises
    ------
    ValueError
        There is no such feature, or the pulse series is not clear.
    MissingColumnError
        The events lack a column that the feature reads.

    Examples
    --------
    >>> found = bench("charge", sizes=[10], seconds=0.001, repeat=1, rivals=False, fresh=False)
    >>> found.agree, found.rows.filter(pl.col("way") == "lazy plan")["measure"].unique().sort().to_list()
    (True, ['batch', 'event', 'pulses', 'threads'])
    """
    subject = subject_of(feature)
    other = None if against is None else subject_of(against)
    asked = pulses or subject.key
    sample = simulated(size) if events is None else given(events, asked, gcd, 20_000)
    run = _Run(subject, tolerance, repeat, seconds)
    sample = run.ready(sample, other)
    base = run.event(sample)
    if rivals:
        run.rivals(base)
    if events is None:
        run.frames(sample, base)
        groups = {n: of_size(n) for n in sizes}
    else:
        groups = by_size(sample, 20)
    for n, group in groups.items():
        run.pulses(n, run.ready(group))
    run.threads(base)
    run.batches(base)
    if fresh:
        run.fresh(base)
    pairs = () if other is None else run.against(base, other)
    about = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(),
        "load": round(os.getloadavg()[0], 1),
        "versions": versions(),
        "events": sample.source,
        "repeat": repeat,
        "tolerance": tolerance,
        "against": None if other is None else other.name,
    }
    rows = pl.DataFrame(run.rows, SCHEMA, orient="row")
    compared = pl.DataFrame(run.compared, {"way": pl.String, **answers.SCHEMA}, orient="row")
    return Bench(subject.name, rows, run.facts, compared, pairs, tuple(run.notes), about)


@dataclass(slots=True)
class _Run:
    """Figures as they come."""

    subject: Subject
    tolerance: float
    repeat: int
    seconds: float
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)
    compared: list[tuple[Any, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    expected: pl.DataFrame = field(default_factory=pl.DataFrame)

    def ready(self, sample: Sample, other: Subject | None = None) -> Sample:
        """Return events with the seeds that the features read."""
        for subject in filter(None, (self.subject, other)):
            sample = with_seeds(sample, subject.make)
        return sample

    def feature(self, pulses: Pulses) -> pl.Expr:
        return self.subject.make(pulses)

    def row(
        self,
        measure: str,
        way: str,
        at: int | None,
        sample: Sample,
        taken: float,
        n: int | None = None,
        base: float | None = None,
    ) -> None:
        """Add the time that a way took for n events, by default all of them."""
        whole = sample.frame.height
        n = whole if n is None else n
        size = sample.n_pulses / max(whole, 1)
        one = taken / max(n, 1)
        ratio = None if base is None else one / base
        self.rows.append(
            (measure, way, at, n, size, one, one / size if size else None, 1 / max(one, 1e-12), ratio)
        )

    def check(
        self, way: str, found: pl.DataFrame, expected: pl.DataFrame, tolerance: float | None = None
    ) -> None:
        """Compare answers with those of the plan."""
        given = self.tolerance if tolerance is None else tolerance
        made = answers.differences(found, expected, given)
        if made.is_empty():
            self.notes.append(f"{way}: no field in common, so nothing is compared")
        self.compared += [(way, *row) for row in made.iter_rows()]

    def ways(self, measure: str, at: int | None, sample: Sample) -> None:
        """Time the loop, the plan and one pass over the bytes."""
        feature = self.feature(sample.pulses)
        whole, loop = ways.timed(sample, feature, self.repeat)
        base = (loop or whole).best_cpu / max(sample.frame.height, 1)
        if loop is not None:
            self.row(measure, LOOP, at, sample, loop.best_cpu, base=base)
        self.row(measure, PLAN, at, sample, whole.best_cpu, base=base)
        read, size = ways.read_once(sample, feature)
        passes, _ = race({READ: read}, self.repeat)
        self.row(measure, READ, at, sample, passes[READ].best_cpu, base=base)
        if measure == "event":
            self.facts |= {
                "bandwidth": ways.bandwidth(),
                "read_bytes": size / max(sample.frame.height, 1),
                "read": passes[READ].best_cpu / max(sample.frame.height, 1),
            }

    def event(self, sample: Sample) -> Sample:
        """Time an event of the usual size in each way of icecol."""
        feature = self.feature(sample.pulses)
        sample = ways.enough(sample, feature, self.seconds)
        self.ways("event", None, sample)
        self.expected = ways.plan(sample, feature)
        streaming, _ = ways.timed(sample, feature, self.repeat, "streaming")
        self.row("event", STREAMING, None, sample, streaming.best_cpu, base=self.base())
        self.check(STREAMING, ways.plan(sample, feature, "streaming"), self.expected, 0.0)
        few = min(sample.frame.height, 10)
        single = [ways.plan(sample.take(i + 1).tail(1), feature) for i in range(few)]
        self.check("one by one", pl.concat(single), self.expected[:few], 0.0)
        return sample

    def base(self) -> float:
        """Return the seconds of an event in the loop, or in the plan where there is none."""
        return float(self.rows[0][5])

    def frames(self, sample: Sample, base: Sample) -> None:
        """Time an event frame by frame."""
        feature, n = self.feature(sample.pulses), min(ways.FRAMES, sample.frame.height, base.frame.height)
        try:
            with ways.files(sample) as path:
                taken, found = min(
                    (ways.frame_by_frame(path, sample, feature, n) for _ in range(2)), key=lambda r: r[0]
                )
        except (IcecolError, TypeError, ValueError, pl.exceptions.PolarsError) as err:
            self.notes.append(f"{FRAMES}: left out ({type(err).__name__}: {err})")
            return
        self.row("event", FRAMES, None, sample, taken, len(found), base=self.base())
        # frames keep times in double precision, and a seed as it was computed
        self.check(
            FRAMES, ways.rows_of(found, self.expected), self.expected[: len(found)], max(self.tolerance, 1e-6)
        )

    def rivals(self, sample: Sample) -> None:
        """Time other libraries, and the kernel in plain Python."""
        for name, run, n, same in self.others(sample):
            timings, found = race({name: run}, 1 if n < sample.frame.height else self.repeat)
            self.row("event", name, None, sample, timings[name].best_cpu, n, base=self.base())
            self.check(name, found[name], self.expected[: found[name].height], same)
        if self.subject.standard in icetray.MICROSECONDS:
            microseconds, what = icetray.MICROSECONDS[str(self.subject.standard)]
            self.row(
                "event",
                f"IceTray, {what} (60 pulses)",
                None,
                sample.take(1),
                microseconds * 1e-6,
                1,
                self.base(),
            )
            self.notes.append(f"IceTray's figure: {icetray.SOURCE}")

    def others(self, sample: Sample) -> Iterator[tuple[str, Any, int, float]]:
        """Yield other ways: name, run, number of events that it does, and the tolerance of its answers."""
        few = min(_FEW, sample.frame.height)
        standard = self.subject.standard
        if standard in rivals.AGGREGATES or standard == "dom_summary":
            events = rivals.flat(sample.frame, sample.pulses)
            if standard == "dom_summary":
                yield from sensor_rivals.rivals(events, events.head(few))
            else:
                wanted = rivals.AGGREGATES[str(standard)]
                for name, (run, n) in rivals.rivals(wanted, events, events.head(few)).items():
                    yield name, _as_table(run, wanted.fields), n, max(self.tolerance, 1e-9)
            self.notes += [f"not installed: {p}, a rival (pip install {p})" for p in rivals.absent(standard)]
        kernel = self.subject.kernel
        if kernel is not None and not (kernel.series or kernel.events or kernel.lists()):
            yield PLAIN, _as_events(kernel, sample.take(few)), few, max(self.tolerance, 1e-9)

    def pulses(self, at: int, sample: Sample) -> None:
        """Time events of some size."""
        self.ways("pulses", at, ways.enough(sample, self.feature(sample.pulses), self.seconds / 2))

    def threads(self, sample: Sample) -> None:
        """Time the plan in several threads at once, on the clock."""
        feature, n = self.feature(sample.pulses), 1
        first: Timing | None = None
        while n <= (os.cpu_count() or 1):
            timings, found = race({"threads": ways.threads(sample, feature, n)}, self.repeat)
            first = first or timings["threads"]
            base = first.best / max(sample.frame.height, 1)
            self.row("threads", PLAN, n, sample, timings["threads"].best, base=base)
            self.check(f"{n} threads", pl.concat(found["threads"]), self.expected, 0.0)
            n *= 2

    def batches(self, sample: Sample) -> None:
        """Time calls of few and of many events."""
        feature = self.feature(sample.pulses)
        for n in BATCHES:
            if n > sample.frame.height:
                break
            part = sample.take(min(sample.frame.height, 50 * n))
            timings, found = race({PLAN: ways.batches(part, feature, n)}, self.repeat)
            self.row("batch", PLAN, n, part, timings[PLAN].best_cpu, base=self.base())
            got = found[PLAN]
            got = got.unnest(NAME) if isinstance(got.schema[NAME], pl.Struct) else got
            self.check(f"{n} events a call", got.fill_nan(None), self.expected[: got.height], 0.0)

    def fresh(self, sample: Sample) -> None:
        """Time the first answer of processes, cold and warm."""
        try:
            cold, warm = fresh.cold_and_warm(sample, self.feature(sample.pulses))
        except ValueError as err:
            self.notes.append(f"fresh processes: left out: {err}")
            return
        n = sample.frame.height
        self.facts |= {
            "cold": cold.first,
            "warm": warm.first,
            "start": warm.start,
            "compiled": float(cold.compiled),
            "memory": warm.memory / max(n, 1),
            "input": sample.frame.estimated_size() / max(n, 1),
            "whole_memory": float(warm.whole),
        }

    def against(self, sample: Sample, other: Subject) -> tuple[float, ...]:
        """Run another feature in turn with this one; return the ratios of the times of each pair."""
        one, two = (s.make(sample.pulses) for s in (self.subject, other))
        name = f"against {other.name}"
        pairs = {"": lambda: ways.plan(sample, one), name: lambda: ways.plan(sample, two)}
        timings, found = race(pairs, max(self.repeat, 3))
        self.row("event", name, None, sample, timings[name].best_cpu, base=self.base())
        self.check(name, found[name], found[""])
        return tuple(a / max(b, 1e-12) for a, b in zip(timings[""].cpu, timings[name].cpu, strict=True))


def _as_table(run: Any, fields: Sequence[str]) -> Any:
    return lambda: pl.DataFrame(dict(zip(fields, run(), strict=True)))


def _as_events(kernel: Any, sample: Sample) -> Any:
    """Return a run of a kernel's Python function, event by event."""
    from icecol.reco.codegen import arguments

    members, columns, _ = arguments(kernel.function)
    geometry, key = sample.pulses.geometry, sample.pulses.key
    lists = {m: sample.frame[f"{key}.{m}"].cast(pl.List(pl.Float64)) for m in members if m != "omkey"}
    omkeys = sample.frame[f"{key}.omkey"]

    def run() -> pl.DataFrame:
        rows = []
        for i in range(sample.frame.height):
            omkey = omkeys[i].to_numpy()
            arrays = {m: v[i].to_numpy() for m, v in lists.items()}
            arrays |= {"omkey": omkey} if "omkey" in members else {}
            if columns and geometry is not None:
                at = geometry.rows(omkey)
                arrays |= {c: getattr(geometry, c)[at] for c in columns}
            found = kernel.on(**arrays)
            rows.append(found if isinstance(found, tuple) else (found,))
        made = pl.DataFrame(rows, list(kernel.fields), orient="row", strict=False)
        return made.with_columns(pl.col(pl.Float64).fill_nan(None))

    return run
