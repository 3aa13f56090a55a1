"""Ways to compute a feature: as a lazy plan, in threads, in batches, frame by frame; and the floor of its reading."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

import icecol as ic
from icecol.missing import columns_read
from icecol.reco.watch import watching
from icecol.speed.rounds import Timing
from icecol.speed.sample import Sample
from icecol.speed.subject import NAME

FRAMES: Final = 48
"""Events that are computed frame by frame."""
_MOST: Final = 2_000_000
"""Pulses of all events that are computed at once."""


def plan(sample: Sample, feature: pl.Expr, engine: Any = "in-memory") -> pl.DataFrame:
    """Compute all fields of a feature as users do, for all events."""
    lazy = ic.with_features(sample.frame, replace=True, **{NAME: feature})
    fields = [c for c in lazy.collect_schema().names() if c == NAME or c.startswith(f"{NAME}.")]
    made = lazy.select(fields).collect(engine=engine)
    return made.rename({c: c.removeprefix(f"{NAME}.") for c in fields})


def timed(
    sample: Sample, feature: pl.Expr, repeat: int, engine: Any = "in-memory"
) -> tuple[Timing, Timing | None]:
    """Time a plan, and the compiled loops in it; None where it has no loop."""
    plan(sample, feature, engine)
    wall, cpu, loops = [], [], []
    for _ in range(repeat):
        with watching() as calls:
            c, w = time.process_time(), time.perf_counter()
            plan(sample, feature, engine)
            wall.append(time.perf_counter() - w)
            cpu.append(time.process_time() - c)
        loops.append(sum(call.loop for call in calls))
    whole = Timing(tuple(wall), tuple(cpu))
    return whole, Timing(tuple(loops), tuple(loops)) if max(loops) > 0 else None


def enough(sample: Sample, feature: pl.Expr, seconds: float) -> Sample:
    """Repeat events until a plan of them takes about so long; fewer of them if they take longer."""
    height = sample.frame.height
    most = max(int(_MOST * height / max(sample.n_pulses, 1)), 4)
    n = min(height, 4)
    plan(sample.take(n), feature)  # compiles
    while True:
        tried = sample.take(n)
        begin = time.process_time()
        plan(tried, feature)
        taken = time.process_time() - begin
        long = taken > seconds / 2 and n >= height  # of a few events, most of it is the plan itself
        if long or taken > 10 * seconds or n == most:
            return tried
        n = min(4 * n, most)


def threads(sample: Sample, feature: pl.Expr, n: int) -> Callable[[], list[pl.DataFrame]]:
    """Return a run of the same plan in n threads, each over its part of the events."""
    height = sample.frame.height
    parts = [
        Sample(sample.frame[k * height // n : (k + 1) * height // n], sample.pulses, sample.source)
        for k in range(n)
    ]

    def run() -> list[pl.DataFrame]:
        with ThreadPoolExecutor(n) as pool:
            return list(pool.map(lambda part: plan(part, feature), parts))

    return run


def batches(sample: Sample, feature: pl.Expr, n: int) -> Callable[[], pl.DataFrame]:
    """Return a run of the expression over n events at a time."""
    frame = sample.frame
    parts = [frame[i : i + n] for i in range(0, frame.height, n)]
    return lambda: pl.concat([part.select(feature.alias(NAME)) for part in parts])


def read_once(sample: Sample, feature: pl.Expr) -> tuple[Callable[[], float], int]:
    """Return a sum over all numbers that a feature reads, and their bytes: the least that a pass over them can take."""
    frame = sample.frame
    flat = []
    for name in columns_read(feature):
        if name in frame.columns:
            s = frame[name].explode() if frame[name].dtype == pl.List else frame[name]
            if s.dtype.is_numeric():
                flat.append(s.drop_nulls().to_numpy())
    return lambda: float(sum(v.sum() for v in flat)), sum(v.nbytes for v in flat)


def bandwidth(megabytes: int = 128) -> float:
    """Measure how many bytes a second one core reads from memory: sums of an array larger than the caches."""
    values = np.ones(megabytes << 17)
    best = np.inf
    for _ in range(4):
        begin = time.perf_counter()
        values.sum()
        best = min(best, time.perf_counter() - begin)
    return float(values.nbytes / best)


@contextmanager
def files(sample: Sample) -> Iterator[Path]:
    """Write simulated events to a file of frames."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.i3"
        ic.sim.write(path, sample.events)
        yield path


def frame_by_frame(
    path: Path, sample: Sample, feature: pl.Expr, n: int
) -> tuple[float, list[dict[str, Any]]]:
    """Compute a feature as a module in a tray does; return seconds of processor time, and the fields of each frame.

    Reading the frames, and making the first guesses that a feature reads, takes no part of it.
    """
    from icecol.tray.features import evaluation
    from icecol.tray.features import feature as module

    geometry, key = sample.pulses.geometry, sample.pulses.key
    guesses: dict[str, Any] = {"LineFit": ic.reco.improved_linefit, "CLast": ic.reco.clast}
    read = {c.partition(".")[0] for c in columns_read(feature)}
    before = [
        module(f(sample.pulses), output=k, gcd=geometry, compiled=True)
        for k, f in guesses.items()
        if k in read
    ]
    put = module(feature, output=NAME, gcd=geometry, compiled=True)
    answer = evaluation(feature, pulses=None, gcd=geometry, compiled=True, parameters={})
    taken, answers = 0.0, []
    for frame in ic.open_i3(path):
        if key not in frame:
            continue
        for guess in before:
            guess(frame)
        begin = time.process_time()
        put(frame)
        taken += time.process_time() - begin
        found = answer(frame)
        answers.append({} if found is None else found[0])
        if len(answers) == n:
            break
    return taken, answers


def rows_of(answers: Sequence[dict[str, Any]], like: pl.DataFrame) -> pl.DataFrame:
    """Make a table of the fields of frames, with the columns of another one."""
    return pl.DataFrame(
        {c: [a.get(c) for a in answers] for c in like.columns}, schema=like.schema, strict=False
    )
