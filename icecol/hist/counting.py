"""One histogram that is being filled, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import boost_histogram as bh
import numpy as np
import numpy.typing as npt
import polars as pl

from icecol.hist.axis import Axis, boost_axis, category_axis, fits_int32, titled
from icecol.hist.histogram import Hist, Tally
from icecol.hist.ranges import integer_shift

_AS_THEY_ARE: Final = {"empty_as_null": False, "keep_nulls": True}  # no pulses: no entry; no key: missing


class Filling:
    """One histogram being filled; categories are numbered as they are encountered."""

    def __init__(self, axes: Sequence[Axis], columns: Sequence[str], dtypes: Sequence[pl.DataType]) -> None:
        self.axes, self.columns = axes, columns
        self.lists = any(isinstance(d, pl.List) for d in dtypes)
        self.words = [is_word(d) for d in dtypes]
        # category axes are filled by number: boost-histogram takes 0.4 us to look up a string
        self.codes: list[dict[Any, int]] = [
            {c: i for i, c in enumerate(a.categories or ())} if a.kind == "category" else {} for a in axes
        ]
        self.bh = bh.Histogram(
            *(
                bh.axis.IntCategory(range(len(a.categories or ())), growth=a.categories is None)
                if a.kind == "category"
                else boost_axis(a)
                for a in axes
            ),
            storage=bh.storage.Weight(),
        )
        self.nan, self.missing = Tally(), Tally()

    def add(self, batch: pl.DataFrame, weight: str | None) -> None:
        """Fill the rows of one batch."""
        df = batch.select(list(dict.fromkeys([*self.columns, *([weight] if weight else [])])))
        if self.lists:
            df = df.explode([c for c, d in df.schema.items() if isinstance(d, pl.List)], **_AS_THEY_ARE)
        floats = [c for c in self.columns if df.schema[c].is_float()]
        if any(df[c].null_count() for c in self.columns):
            df, tally = _split(df, pl.any_horizontal(pl.col(self.columns).is_null()), weight)
            self.missing += tally
        if any(df[c].is_nan().any() for c in floats):
            df, tally = _split(df, pl.any_horizontal(pl.col(floats).is_nan()), weight)
            self.nan += tally
        arrays = [self._numbers(i, df[c]) for i, c in enumerate(self.columns)]
        self.bh.fill(*arrays, weight=df[weight].cast(pl.Float64).to_numpy() if weight else None)

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
        return Hist(out, self.nan, self.missing)

    def _numbers(self, i: int, values: pl.Series) -> npt.NDArray[Any]:
        axis, codes = self.axes[i], self.codes[i]
        if axis.kind == "category":
            values = values.cast(pl.String) if self.words[i] else values
            found = values.unique(maintain_order=True)
            if axis.categories is None:
                for value in found.to_list():
                    codes.setdefault(value, len(codes))
            numbers = [codes.get(value, -1) for value in found.to_list()]
            return values.replace_strict(found, numbers, return_dtype=pl.Int32).to_numpy()
        if axis.kind == "integer":
            start, stop = int(axis.start or 0), int(axis.stop or 0)
            whole = values.cast(pl.Int64, strict=False).fill_null(stop).clip(start - 1, stop)
            return whole.to_numpy() if fits_int32(start, stop) else whole.to_numpy() + integer_shift(axis)
        floats = values.cast(pl.Float64)
        if values.dtype.is_integer() and (shift := integer_shift(axis)):
            return floats.to_numpy() + shift
        # boost-histogram would count the logarithm of a negative number, which is NaN, as overflow
        return (floats.clip(lower_bound=0) if axis.kind == "log" else floats).to_numpy()


def _split(df: pl.DataFrame, outside: pl.Expr, weight: str | None) -> tuple[pl.DataFrame, Tally]:
    """Split off and tally the rows that no bin can hold."""
    out = df.filter(outside)
    w = out[weight].cast(pl.Float64).fill_null(0).to_numpy() if weight else np.ones(out.height)
    return df.filter(~outside), Tally(out.height, float(w.sum()), float((w * w).sum()))


def inner(dtype: pl.DataType) -> Any:
    """Return the type of the elements of a list, or the type itself."""
    return dtype.inner if isinstance(dtype, pl.List) else dtype


def is_word(dtype: pl.DataType) -> bool:
    """Tell whether a category axis names values of this type by strings."""
    return isinstance(inner(dtype), (pl.String, pl.Boolean, pl.Categorical, pl.Enum))
