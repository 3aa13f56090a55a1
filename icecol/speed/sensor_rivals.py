"""Other ways to summarise the pulses of each hit sensor: the package nt_summary_stats, Polars, and a loop in Python."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Final

import numpy as np
import polars as pl

from icecol.detector.geometry import split_omkey
from icecol.speed.rivals import GROUPS, PYTHON, Array, Flat

EVENTS, SENSORS = "nt_summary_stats, event by event", "nt_summary_stats, sensor by sensor"
FIELDS: Final = (
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


def group_by(sample: Flat) -> Array:
    """Take sums over sensors, with sums in order of time for what is asked of the charge."""
    q, t = pl.col("charge"), pl.col("time")
    lf = sample.frame.lazy().rename(lambda c: c.removeprefix(f"{sample.key}.")).with_row_index("event")
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


def python_loop(sample: Flat) -> Array:
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


def sensors(sample: Flat) -> list[tuple[int, int, int, Array, Array]]:
    """Return event, string, sensor, times and charges of each hit sensor; pulses are sorted by sensor."""
    t, q, k = sample.flat["t"], sample.flat["q"].astype(np.float64), sample.flat["k"]
    event = np.repeat(np.arange(len(sample)), np.diff(sample.offsets))
    ends = np.flatnonzero((np.diff(k) != 0) | (np.diff(event) != 0)) + 1
    bounds = np.concatenate([[0], ends, [k.size]])
    string, om, _ = split_omkey(k)
    return [
        (int(event[a]), int(string[a]), int(om[a]), t[a:b], q[a:b]) for a, b in itertools.pairwise(bounds)
    ]


def with_package(sample: Flat) -> dict[str, Callable[[], Array]]:
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


def rivals(events: Flat, few: Flat) -> Iterator[tuple[str, Callable[[], pl.DataFrame], int, float]]:
    """Yield other ways: name, run, number of events that it does, and the tolerance of its answers.

    The package subtracts squares of times, which loses half of the digits of a spread.
    """
    ways: dict[str, tuple[Callable[[], Array], Flat, float]] = {
        GROUPS: ((lambda: group_by(events)), events, 1e-6)
    }
    if find_spec("nt_summary_stats"):
        ways |= {name: (run, events, 1e-3) for name, run in with_package(events).items()}
    ways[PYTHON] = (lambda: python_loop(few)), few, 1e-6
    for name, (run, done, tolerance) in ways.items():
        yield name, _as_lists(run, done), len(done), tolerance


def _as_lists(run: Callable[[], Array], events: Flat) -> Callable[[], pl.DataFrame]:
    """Return a run that gives lists, one an event."""
    event = np.array([e for e, *_ in sensors(events)])

    def lists() -> pl.DataFrame:
        flat = pl.DataFrame(dict(zip(FIELDS, run(), strict=True))).with_columns(event=event)
        return flat.group_by("event", maintain_order=True).agg(pl.all()).drop("event")

    return lists
