"""Rivals timed in turn, and what they ran on."""

from __future__ import annotations

import gc
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = (
    "icecol",
    "numpy",
    "numba",
    "polars",
    "pyarrow",
    "zstandard",
    "boost-histogram",
    "hist",
    "awkward",
    "nt-summary-stats",
    "pandas",
)
"""Packages whose versions belong to a figure."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of each run, on the clock and on all cores together; of a rival run on a sample, scaled up to all."""

    wall: tuple[float, ...]
    cpu: tuple[float, ...]

    @property
    def best(self) -> float:
        """Shortest time on the clock."""
        return min(self.wall)

    @property
    def best_cpu(self) -> float:
        """Least processor time."""
        return min(self.cpu)

    @property
    def median(self) -> float:
        """Median of the times on the clock."""
        return statistics.median(self.wall)

    @property
    def median_cpu(self) -> float:
        """Median of the processor times."""
        return statistics.median(self.cpu)


def race(
    rivals: Mapping[str, Callable[[], Any]], repeat: int, *, scale: Mapping[str, float] | None = None
) -> tuple[dict[str, Timing], dict[str, Any]]:
    """Run each rival once to warm up, then all in turn, `repeat` times over (A B A B ...).

    Parameters
    ----------
    rivals
        Name to function; all do the same work.
    repeat
        Rounds after the one to warm up.
    scale
        For a rival that does only a part of the work: by how much its seconds are multiplied.

    Returns
    -------
    timings, answers
        The answers are those of the first round.
    """
    answers = {name: run() for name, run in rivals.items()}
    wall: dict[str, list[float]] = {name: [] for name in rivals}
    cpu: dict[str, list[float]] = {name: [] for name in rivals}
    gc.freeze()  # no rival pays for what is there already, when its garbage is collected
    try:
        for _ in range(repeat):
            for name, run in rivals.items():
                gc.collect()
                c, w = time.process_time(), time.perf_counter()
                run()
                factor = (scale or {}).get(name, 1.0)
                wall[name].append((time.perf_counter() - w) * factor)
                cpu[name].append((time.process_time() - c) * factor)
    finally:
        gc.unfreeze()
    return {name: Timing(tuple(wall[name]), tuple(cpu[name])) for name in rivals}, answers


def seconds(s: float) -> str:
    """Write a time with three digits.

    >>> seconds(0.01234), seconds(75.2), seconds(4.2e-8), seconds(0.0)
    ('12.3 ms', '75.2 s', '42.0 ns', '0.00 ns')
    """
    if math.isnan(s):
        return "-"
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)):
        if s * factor >= 1 or unit == "ns":
            value = s * factor
            digits = max(0, 2 - (math.floor(math.log10(value)) if value >= 1 else 0))
            return f"{value:.{digits}f} {unit}"
    return ""


def machine() -> str:
    """Say in words what this runs on."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}"


def versions() -> dict[str, str]:
    """Return the versions of the packages that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
