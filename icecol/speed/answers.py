"""Answers of two ways to compute a feature, compared field by field."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

SCHEMA: Final = {
    "field": pl.String,
    "compared": pl.Int64,
    "differ": pl.Int64,
    "one_missing": pl.Int64,
    "largest": pl.Float64,
    "first": pl.Int64,
}


def differences(found: pl.DataFrame, expected: pl.DataFrame, tolerance: float) -> pl.DataFrame:
    """Compare the columns that two tables of the same events have in common.

    Parameters
    ----------
    found, expected
        Numbers, or lists of numbers; null is a missing answer.
    tolerance
        Difference that is allowed, relative to the larger of the two.

    Returns
    -------
    pl.DataFrame
        For each column the number of values compared, of those that differ, of those that one of the two lacks (they
        differ, too), the largest relative difference, and the row of the first that differs.

    Examples
    --------
    >>> a, b = pl.DataFrame({"x": [1.0, 2.0, None]}), pl.DataFrame({"x": [1.0, 2.2, 3.0]})
    >>> differences(a, b, 1e-9).select("field", "compared", "differ", "one_missing", "first").row(0)
    ('x', 3, 2, 1, 1)
    """
    rows: list[tuple[Any, ...]] = []
    for name in found.columns:
        if name not in expected.columns:
            continue
        a, b = found[name], expected[name]
        if a.dtype != pl.List and not a.dtype.is_numeric() and a.dtype != pl.Boolean:
            continue
        event = np.arange(len(a))
        if a.dtype == pl.List:
            lengths = a.list.len().fill_null(-1).to_numpy(), b.list.len().fill_null(-1).to_numpy()
            same = lengths[0] == lengths[1]
            if not same.all():
                row = int(np.argmin(same))
                rows.append((name, len(a), int((~same).sum()), int((~same).sum()), None, row))
                continue
            event = np.repeat(event, np.maximum(lengths[0], 0))
            a, b = (s.drop_nulls().explode(empty_as_null=False) for s in (a, b))
        rows.append((name, *_compare(_numbers(a), _numbers(b), event, tolerance)))
    return pl.DataFrame(rows, SCHEMA, orient="row")


def _numbers(s: pl.Series) -> Any:
    return s.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _compare(a: Any, b: Any, event: Any, tolerance: float) -> tuple[int, int, int, float | None, int | None]:
    lacking = np.isnan(a) != np.isnan(b)
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(a), np.abs(b))
        off = np.where((a == b) | (size == 0), 0.0, np.abs(a - b) / size)
    off = np.where(np.isnan(off), np.where(lacking | ((a != b) & ~np.isnan(a)), np.inf, 0.0), off)
    wrong = lacking | (off > tolerance)
    finite = off[np.isfinite(off) & ~lacking]
    first = int(event[np.argmax(wrong)]) if wrong.any() else None
    return a.size, int(wrong.sum()), int(lacking.sum()), float(finite.max(initial=0.0)), first


def agree(compared: pl.DataFrame) -> bool:
    """Return whether something was compared and nothing differs."""
    return compared["compared"].sum() > 0 and compared["differ"].sum() == 0
