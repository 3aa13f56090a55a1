"""One batch of rows, of which several histograms are filled: what they share is computed once."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

_AS_THEY_ARE: Final = {"empty_as_null": False, "keep_nulls": True}  # no pulses: no entry; no key: missing


class Column:
    """The values of a column in one batch.

    Parameters
    ----------
    values
        The values.
    null
        Where they were null, if they are real numbers that `told_apart` has filled.
    """

    def __init__(self, values: pl.Series, null: pl.Series | None = None) -> None:
        self.values, self._null = values, null

    @cached_property
    def null(self) -> npt.NDArray[np.bool_] | None:
        """Where the values are null, if any is."""
        if self._null is not None:
            return self._null.to_numpy() if self._null.any() else None
        return self.values.is_null().to_numpy() if self.values.null_count() else None

    @cached_property
    def nan(self) -> npt.NDArray[np.bool_] | None:
        """Where the values are NaN, if any is; null is not NaN."""
        if not self.values.dtype.is_float():
            return None
        found = np.isnan(self.floats)
        if self.null is not None:
            found &= ~self.null
        return found if found.any() else None

    @cached_property
    def floats(self) -> npt.NDArray[np.float64]:
        """The values in double precision; null is NaN."""
        values = self.values if self.values.dtype == pl.Float64 else self.values.cast(pl.Float64)
        # filled before: `to_numpy` takes twice the time for it
        return (values.fill_null(math.nan) if values.null_count() else values).to_numpy()

    @cached_property
    def logs(self) -> npt.NDArray[np.float64]:
        """The natural logarithms of the values; -inf of 0 and below."""
        positive = np.maximum(self.floats, 0)
        with np.errstate(divide="ignore"):
            return np.log(positive, out=positive)  # in place: fresh memory costs as much again


class Batch:
    """A batch of rows.

    Parameters
    ----------
    rows
        A column for each expression.
    told
        The columns of real numbers that `told_apart` has filled.
    lists
        Those that hold lists.
    """

    def __init__(self, rows: pl.DataFrame, told: Collection[str], lists: Collection[str]) -> None:
        self._rows, self._told, self._lists = rows, told, lists
        self._found: dict[Any, dict[str, Column]] = {}

    def columns(self, names: Sequence[str]) -> dict[str, Column]:
        """Return columns by name; if some hold lists, an entry for each element, for which the others are repeated."""
        lists = [name for name in names if name in self._lists]
        if not lists:
            found = self._found.setdefault((), {})
            for name in names:
                if name not in found:
                    null = self._rows.get_column(_null(name)) if name in self._told else None
                    found[name] = Column(self._rows.get_column(name), null)
            return found
        key = tuple(names)
        if key not in self._found:
            flat = self._rows.select(list(dict.fromkeys(names))).explode(lists, **_AS_THEY_ARE)
            self._found[key] = {name: Column(flat[name]) for name in flat.columns}
        return self._found[key]


def told_apart(schema: pl.Schema) -> list[pl.Expr]:
    """Return real numbers with NaN for null, and where they were null; other columns as they are.

    Done by the plan, it takes a tenth of what it takes batch by batch.
    """
    found = []
    for name, dtype in schema.items():
        if dtype.is_float():
            found.append(pl.col(name).cast(pl.Float64).fill_null(math.nan))
            found.append(pl.col(name).is_null().alias(_null(name)))
        else:
            found.append(pl.col(name))
    return found


def _null(name: str) -> str:
    return f"{name} is null"


def any_of(masks: Sequence[npt.NDArray[np.bool_] | None]) -> npt.NDArray[np.bool_] | None:
    """Combine masks by `or`; None stands for one that is nowhere true."""
    found: npt.NDArray[np.bool_] | None = None
    for mask in masks:
        if mask is not None:
            found = mask if found is None else found | mask
    return found
