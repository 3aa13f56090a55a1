"""One histogram that is being filled, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import boost_histogram as bh
import numpy as np
import numpy.typing as npt
import polars as pl

from icecol.hist.axis import Axis, boost_axis, category_axis, fits_int32, titled
from icecol.hist.batch import Batch, Column, any_of
from icecol.hist.histogram import Hist, Tally
from icecol.hist.lookup import of_log
from icecol.hist.ranges import integer_shift
from icecol.hist.statistics import Statistics

Floats = npt.NDArray[np.float64]

_NOWHERE: Final = np.zeros(0, np.bool_)
_NO_WEIGHTS: Final = np.zeros(0)


class Filling:
    """One histogram being filled; categories are numbered as they are encountered."""

    def __init__(
        self, axes: Sequence[Axis], columns: Sequence[str], dtypes: Sequence[pl.DataType], *, statistics: bool
    ) -> None:
        self.axes, self.columns = axes, columns
        self.words = [is_word(d) for d in dtypes]
        # category axes are filled by number: boost-histogram takes 0.4 us to look up a string
        self.codes: list[dict[Any, int]] = [
            {c: i for i, c in enumerate(a.categories or ())} if a.kind == "category" else {} for a in axes
        ]
        self.bh = bh.Histogram(
            *(
                bh.axis.IntCategory(range(len(a.categories or ())), growth=a.categories is None)
                if a.kind == "category"
                else _filled_axis(a)
                for a in axes
            ),
            storage=bh.storage.Weight(),
        )
        self.nan, self.missing = Tally(), Tally()
        # taken once: to make a view costs as much as to fill a batch
        loops = _fills_in_loops(axes, dtypes) and not statistics
        self.sums = np.asarray(self.bh.view(flow=True)).view(np.float64).reshape(-1, 2) if loops else None
        self.lookup = of_log(*_bins(axes[0])) if loops and axes[0].kind == "log" else None
        self.rest = np.zeros((2, 3))  # what the loops give no bin: NaN and null
        self.entries: list[tuple[Floats, Floats]] | None = [] if statistics else None

    def add(self, batch: Batch, weight: str | None, *, compiled: bool) -> None:
        """Fill the rows of one batch, by compiled loops where these serve and if they are to be used."""
        found = batch.columns([*self.columns, *([weight] if weight else [])])
        mine = [found[c] for c in self.columns]
        w = found[weight].floats if weight else None
        if compiled and self._add_compiled(mine, w):
            return
        null, nan = any_of([c.null for c in mine]), any_of([c.nan for c in mine])
        kept = None
        if (outside := any_of([null, nan])) is not None:
            self.missing += _tally(null, w)
            self.nan += _tally(nan if null is None or nan is None else nan & ~null, w)
            kept = ~outside
            w = None if w is None else w[kept]
        self.bh.fill(*(self._numbers(i, c, kept) for i, c in enumerate(mine)), weight=w)
        if self.entries is not None:
            self.entries.append(self._finite(mine, kept, w))

    def _add_compiled(self, columns: Sequence[Column], w: Floats | None) -> bool:
        if self.sums is None:
            return False
        from icecol.hist.loops import fill_even, fill_integers, fill_looked_up

        (axis,), (column,) = self.axes, columns
        null = _NOWHERE if column.null is None else column.null
        weights = _NO_WEIGHTS if w is None else w
        if axis.kind == "integer":
            fill_integers(_integers(axis, column), null, weights, int(axis.start or 0), self.sums, self.rest)
        elif self.lookup is not None:
            fill_looked_up(column.floats, null, weights, *self.lookup, self.sums, self.rest)
        else:
            values = column.logs if axis.kind == "log" else column.floats
            fill_even(values, null, weights, *_ends(axis), self.sums, self.rest)
        return True

    def result(self) -> Hist:
        """Return the histogram, with its categories by name."""
        axes = []
        for axis, words, codes in zip(self.axes, self.words, self.codes, strict=True):
            if axis.kind == "category":
                axes.append(titled(category_axis(codes, words=words, growth=axis.categories is None), axis))
            else:
                axes.append(boost_axis(axis))
        out = bh.Histogram(*axes, storage=bh.storage.Weight())
        out.view(flow=True)[...] = self.bh.view(flow=True)
        nan, missing = (Tally(int(n), float(sumw), float(sumw2)) for n, sumw, sumw2 in self.rest)
        return Hist(out, self.nan + nan, self.missing + missing, self._statistics())

    def _finite(
        self, columns: Sequence[Column], kept: npt.NDArray[np.bool_] | None, w: Floats | None
    ) -> tuple[Floats, Floats]:
        """Return the finite entries of this batch, a row for each axis of numbers, and their weights."""
        rows = [c.floats for a, c in zip(self.axes, columns, strict=True) if a.kind != "category"]
        values = np.array(rows) if rows else np.empty((0, len(columns[0].values)))
        values = values if kept is None else values[:, kept]
        w = np.ones(values.shape[1]) if w is None else w
        finite = np.isfinite(values).all(axis=0)
        return values[:, finite], w[finite]

    def _statistics(self) -> Statistics | None:
        if self.entries is None:
            return None
        names = tuple(a.name for a in self.axes if a.kind != "category")
        parts = self.entries or [(np.empty((len(names), 0)), np.empty(0))]
        w = np.concatenate([part[1] for part in parts])
        return Statistics(names, np.concatenate([part[0] for part in parts], axis=1), w, w * w)

    def _numbers(self, i: int, column: Column, kept: npt.NDArray[np.bool_] | None) -> npt.NDArray[Any]:
        axis = self.axes[i]
        if axis.kind == "category":
            return self._codes(i, column.values if kept is None else column.values.filter(pl.Series(kept)))
        if axis.kind == "integer":
            start, stop = int(axis.start or 0), int(axis.stop or 0)
            whole = np.clip(_integers(axis, column), start - 1, stop)
            numbers = whole if fits_int32(start, stop) else whole + integer_shift(axis)
        elif column.values.dtype.is_integer() and (shift := integer_shift(axis)):
            numbers = column.floats + shift
        elif axis.kind == "log":
            numbers = column.logs
        else:
            numbers = column.floats
        return numbers if kept is None else numbers[kept]

    def _codes(self, i: int, values: pl.Series) -> npt.NDArray[Any]:
        if values.is_empty():
            return np.empty(0, np.int32)
        codes = self.codes[i]
        values = values.cast(pl.String) if self.words[i] else values
        found = values.unique(maintain_order=True)
        if self.axes[i].categories is None:
            for value in found.to_list():
                codes.setdefault(value, len(codes))
        numbers = [codes.get(value, -1) for value in found.to_list()]
        return values.replace_strict(found, numbers, return_dtype=pl.Int32).to_numpy()


def _filled_axis(axis: Axis) -> Any:
    """Return the axis to fill: a log axis is filled with numpy's logarithms, twice as fast as boost-histogram's."""
    return bh.axis.Regular(axis.bins, *_ends(axis)) if axis.kind == "log" else boost_axis(axis)


def _fills_in_loops(axes: Sequence[Axis], dtypes: Sequence[pl.DataType]) -> bool:
    """Return whether there are compiled loops for a histogram of these axes."""
    (axis, *more), dtype = axes, inner(dtypes[0])
    if more:
        return False
    if axis.kind == "integer":
        return fits_int32(axis.start, axis.stop)
    return axis.kind in ("regular", "log") and (
        dtype.is_float() or (dtype.is_integer() and not integer_shift(axis))
    )


def _integers(axis: Axis, column: Column) -> npt.NDArray[np.int64]:
    """Return the integers of a column; null, and what has more than 64 bits, is overflow."""
    values = column.values.cast(pl.Int64, strict=False)
    return (values.fill_null(int(axis.stop or 0)) if values.null_count() else values).to_numpy()


def _bins(axis: Axis) -> tuple[int, float, float]:
    """Return the bins of an axis, and its range."""
    return axis.bins or 0, axis.start or 0.0, axis.stop or 0.0


def _ends(axis: Axis) -> tuple[float, float]:
    """Return the range of an axis as it is filled: that of the logarithms, if it is a log axis."""
    start, stop = axis.start or 0.0, axis.stop or 0.0
    return (math.log(start), math.log(stop)) if axis.kind == "log" else (start, stop)


def _tally(outside: npt.NDArray[np.bool_] | None, weights: npt.NDArray[np.float64] | None) -> Tally:
    """Tally the rows that no bin can hold."""
    if outside is None:
        return Tally()
    if weights is None:
        n = int(outside.sum())
        return Tally(n, float(n), float(n))
    w = weights[outside]
    return Tally(w.size, float(w.sum()), float((w * w).sum()))


def inner(dtype: pl.DataType) -> Any:
    """Return the type of the elements of a list, or the type itself."""
    return dtype.inner if isinstance(dtype, pl.List) else dtype


def is_word(dtype: pl.DataType) -> bool:
    """Return whether a category axis names values of this type by strings."""
    return isinstance(inner(dtype), (pl.String, pl.Boolean, pl.Categorical, pl.Enum))
