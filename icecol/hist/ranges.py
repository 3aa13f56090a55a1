"""Ranges of axes that are taken from the data, and bins that hold whole numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import polars as pl

from icecol.hist.axis import Axis, boost_axis

MOST_BINS: Final = 1 << 28
"""Bins of a histogram, under- and overflow included: 4 GiB."""


def with_ranges(
    lf: pl.LazyFrame, axes: Sequence[Axis], columns: Sequence[str], dtypes: Sequence[Any]
) -> list[Axis]:
    """Find the ranges that are not given, in one pass for all axes together.

    Parameters
    ----------
    lf
        The values: a column for each axis.
    axes
        Axes, of which some have no start or stop.
    columns, dtypes
        The column of each axis, and its type.
    """
    asked: dict[str, pl.Expr] = {}
    for axis, column, dtype in zip(axes, columns, dtypes, strict=True):
        if _is_open(axis):
            values = (pl.col(column).explode() if isinstance(dtype, pl.List) else pl.col(column)).cast(
                pl.Float64
            )
            values = values.filter(values.is_finite() & ((values > 0) if axis.kind == "log" else True))
            asked |= {f"{axis.kind} {column} min": values.min(), f"{axis.kind} {column} max": values.max()}
    if not asked:
        return list(axes)
    found = lf.select(**asked).collect(engine="streaming").row(0, named=True)
    return [
        _with_range(
            axis, found[f"{axis.kind} {c} min"], found[f"{axis.kind} {c} max"], whole=holds_integers(dtype)
        )
        if _is_open(axis)
        else axis
        for axis, c, dtype in zip(axes, columns, dtypes, strict=True)
    ]


def holds_integers(dtype: Any) -> bool:
    """Return whether values of this type, or the elements of its lists, are integers."""
    return bool((dtype.inner if isinstance(dtype, pl.List) else dtype).is_integer())


def integer_shift(axis: Axis) -> float:
    """Return what to add to integers so that none lies on an edge of the bins of a regular axis.

    boost-histogram computes the bin as (x - start) / (stop - start) * bins, which rounds: of 49 bins from 0 to 49,
    the one from 1 to 2 would miss the 1. Where the edges are integers, or equal fractions of them, half a bin (at most
    0.5) moves an integer inside its own bin.

    >>> from icecol.hist import regular
    >>> integer_shift(regular("n", 49, 0, 49)), integer_shift(regular("n", 7, 0, 10))
    (0.5, 0.0)
    """
    if axis.kind == "integer":
        return 0.5
    if axis.kind != "regular" or axis.start is None or axis.stop is None or axis.start != int(axis.start):
        return 0.0
    width = (axis.stop - axis.start) / axis.bins
    steps = width if width >= 1 else 1 / width
    return 0.5 * min(width, 1.0) if abs(steps - round(steps)) < 1e-9 * steps else 0.0


def require_size(what: str, axes: Sequence[Axis]) -> None:
    """Refuse a histogram of more bins than memory can hold, before any data are read.

    Raises
    ------
    ValueError
        If there are more than 2^28 bins.
    """
    sizes = [_size(axis) for axis in axes]
    if math.prod(sizes) > MOST_BINS:
        parts = " x ".join(f"{size}" for size in sizes)
        msg = (
            f"{what} would have {parts} bins, with under- and overflow; more than {MOST_BINS} do not fit into memory: "
            "use fewer bins or a smaller range"
        )
        raise ValueError(msg)


def _size(axis: Axis) -> int:
    if axis.kind == "variable":
        return len(axis.edges) + 1
    return axis.bins + 2 if axis.kind != "category" else len(axis.categories or ()) + 1


def _is_open(axis: Axis) -> bool:
    return axis.kind in ("regular", "log") and None in (axis.start, axis.stop)


def _with_range(axis: Axis, low: float | None, high: float | None, *, whole: bool) -> Axis:
    if low is None or high is None:
        msg = f"axis {axis.name!r} has no finite value to derive its range from; give start and stop"
        raise ValueError(msg)
    start, stop = axis.start, axis.stop
    logarithmic = axis.kind == "log"
    alike = math.log(low) == math.log(high) if logarithmic else low == high
    if alike and start is None and stop is None and not (whole and not logarithmic):
        start, stop = _around(low, logarithmic=logarithmic)
    start = low if start is None else start
    if stop is None and start <= high and whole and not logarithmic and start == int(start):
        even = _integer_stop(start, high, axis.bins)
        stop = even if even > high else None  # beyond 2^53 it may be rounded to the largest value itself
    if not start < (high if stop is None else stop):
        msg = (
            f"axis {axis.name!r} would go from {start:.6g} to {high if stop is None else stop:.6g}, but its values go "
            f"from {low:.6g} to {high:.6g}; give both start and stop"
        )
        raise ValueError(msg)
    if not np.isfinite((high if stop is None else stop) - start):
        msg = f"axis {axis.name!r} would go from {start:.6g} to {high:.6g}, too wide for a float; give start and stop"
        raise ValueError(msg)
    return (
        replace(axis, start=start, stop=stop)
        if stop is not None
        else _just_above(replace(axis, start=start), high)
    )


def _around(value: float, *, logarithmic: bool) -> tuple[float, float]:
    """Return a range with one value in the middle that does not reach across zero."""
    if logarithmic:
        return value * math.exp(-0.5), value * math.exp(0.5)
    half = abs(value) / 2
    if half > 1e-300:
        return value - half, value + half
    return (0.0, 1.0) if value >= 0 else (-1.0, 1.0)


def _integer_stop(start: float, high: float, bins: int) -> float:
    """Return the stop for bins that hold equally many integers each, or for equally many bins for each integer."""
    span = math.floor(high - start) + 1
    return start + bins * math.ceil(span / bins) if span > bins else start + bins / (bins // span)


def _just_above(axis: Axis, high: float) -> Axis:
    """End an axis as little above its largest value as the value needs to be in the last bin."""
    start = axis.start or 0.0
    margin = 1e-9 * (high - start)
    while True:
        closed = replace(axis, stop=max(high + margin, float(np.nextafter(high, np.inf))))
        if boost_axis(closed).index(high) < axis.bins:
            return closed
        margin = max(8 * margin, float(np.spacing(high)))
