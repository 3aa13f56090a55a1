"""Fill histograms from a lazy frame batch by batch, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import boost_histogram as bh
import numpy as np
import numpy.typing as npt
import polars as pl

from icecol.dataset.events import Events, lazy_frame
from icecol.dataset.facts import facts
from icecol.errors import SchemaError
from icecol.hist.axis import Axis, boost_axis, widened
from icecol.hist.histogram import Hist, Tally
from icecol.select import require_columns

_BATCH: Final = 1 << 17  # rows; Polars keeps a few batches ahead of the one being filled
_AS_THEY_ARE: Final = {"empty_as_null": False, "keep_nulls": True}  # no pulses: no entry; no key: missing


def fill(events: Events, *axes: Axis, weight: str | pl.Expr | None = None) -> Hist:
    """Fill a histogram in a single pass over the data, reading only the columns it needs.

    Parameters
    ----------
    events
        A dataset, lazy frame or data frame. If an axis is a list column, each element is one entry and the other
        columns of the row are repeated; list columns of one histogram must have the same length in each row.
    axes
        One or more axes, made by `hist.regular`, `log`, `variable`, `integer` or `category`.
    weight
        Column or expression with the weight of each entry; 1 if None. Weights must be finite and not null. A list
        column weights the elements of list axes one by one, as with the charges of pulses.

    Returns
    -------
    Hist
        Bins with the sum of weights and the sum of squared weights. An entry that is null on any axis counts as
        `missing`; otherwise one that is NaN on any axis counts as `nan`. Infinite values are under- or overflow.

    Raises
    ------
    MissingColumnError
        If a column does not exist.
    SchemaError
        If an axis cannot bin the type of its values.
    ValueError
        If a weight is NaN, infinite or null, or there is no finite value to derive a range from.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> events = pl.LazyFrame({"time": [[1.0, 2.0], [2.5], [], None]})
    >>> h = hist.fill(events, hist.regular("time", 4, 0, 4, label="time / ns"))
    >>> h.values(), h.missing.n
    (array([0., 1., 2., 0.]), 1)
    """
    return fill_many(events, {"": axes}, weight=weight)[""]


def fill_many(
    events: Events,
    histograms: Mapping[str, Axis | Sequence[Axis]],
    *,
    weight: str | pl.Expr | None = None,
) -> dict[str, Hist]:
    """Fill several named histograms in a single pass over the data.

    Parameters
    ----------
    events, weight
        As for `fill`.
    histograms
        The axis, or sequence of axes, of each histogram by name.

    Returns
    -------
    dict[str, Hist]
        The histograms, under the same names.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> events = pl.LazyFrame({"x": [0.5, 1.5], "y": [1, 1]})
    >>> x, y = hist.regular("x", 2, 0, 2), hist.integer("y", 0, 3)
    >>> hists = hist.fill_many(events, {"x": x, "x, y": (x, y)})
    >>> hists["x"].values(), hists["x, y"].sum()
    (array([1., 1.]), 2.0)
    """
    lf = lazy_frame(events)
    wanted = {k: (a,) if isinstance(a, Axis) else tuple(a) for k, a in histograms.items()}
    for key, axes in wanted.items():
        for axis in axes:
            if not isinstance(axis, Axis):
                msg = f"expected an axis, such as hist.regular(column, bins, start, stop); found {axis!r:.60}"
                raise TypeError(msg)
        if not axes:
            msg = (
                f"histogram {key!r} has no axis; give it one, such as hist.regular(column, bins, start, stop)"
            )
            raise ValueError(msg)
    w = pl.col(weight) if isinstance(weight, str) else weight
    every = _labelled(lf, [a for axes in wanted.values() for a in axes])
    named = {f"axis {a.name!r}": a.expr for a in every}
    require_columns(lf.collect_schema(), named if w is None else {**named, "weight": w})
    exprs = _distinct([a.expr for a in every] + ([] if w is None else [w]))
    lf = lf.with_columns(**exprs).select(*exprs)  # not select alone: literals must be as long as the frame
    schema = lf.collect_schema()
    for axis in every:
        _require_dtype(axis, schema[_column(axis.expr, exprs)])
    lists = {c for c, d in schema.items() if isinstance(d, pl.List)}
    every = _with_ranges(lf, every, [_column(a.expr, exprs) for a in every], lists)

    fillings, rest = [], every
    for axes in wanted.values():
        mine, rest = rest[: len(axes)], rest[len(axes) :]
        columns = [_column(a.expr, exprs) for a in mine]
        fillings.append(_Filling(mine, columns, [schema[c] for c in columns]))
    w_column = None if w is None else _column(w, exprs)
    w_name = "" if w is None else w.meta.output_name()
    for key, axes in wanted.items():
        if w_column in lists and not any(_column(a.expr, exprs) in lists for a in axes):
            msg = f"weight {w_name!r} is a list column, but no axis of histogram {key!r} is"
            raise SchemaError(msg)
    rows = 0
    for batch in lf.collect_batches(chunk_size=_BATCH, maintain_order=True, engine="streaming"):
        if w_column is not None:
            _require_weights(batch[w_column], w_name, rows)
        rows += batch.height
        for filling in fillings:
            filling.add(batch, w_column)
    return {key: filling.result() for key, filling in zip(wanted, fillings, strict=True)}


def _labelled(lf: pl.LazyFrame, axes: Sequence[Axis]) -> list[Axis]:
    """Label the axes that have no label with the unit of their column, where it is known."""
    bare = [a for a in axes if a.label is None and a.expr.meta.eq(pl.col(a.expr.meta.output_name()))]
    if not bare:
        return list(axes)
    known = facts(lf)
    units = {id(a): known.unit(column) for a in bare if known.knows(column := a.expr.meta.output_name())}
    return [replace(a, label=f"{a.name} / {unit}") if (unit := units.get(id(a))) else a for a in axes]


class _Filling:
    """One histogram being filled; categories are numbered as they are encountered."""

    def __init__(self, axes: Sequence[Axis], columns: Sequence[str], dtypes: Sequence[pl.DataType]) -> None:
        self.axes, self.columns = axes, columns
        self.lists = any(isinstance(d, pl.List) for d in dtypes)
        self.words = [_is_word(d) for d in dtypes]
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
                made = (bh.axis.StrCategory if words else bh.axis.IntCategory)(
                    list(codes), growth=axis.categories is None
                )
                made.name, made.label = axis.name, axis.name if axis.label is None else axis.label
                axes.append(made)
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
            return values.cast(pl.Int64, strict=False).fill_null(stop).clip(start - 1, stop).to_numpy()
        floats = values.cast(pl.Float64)
        # boost-histogram would count the logarithm of a negative number, which is NaN, as overflow
        return (floats.clip(lower_bound=0) if axis.kind == "log" else floats).to_numpy()


def _split(df: pl.DataFrame, outside: pl.Expr, weight: str | None) -> tuple[pl.DataFrame, Tally]:
    """Split off and tally the rows that no bin can hold."""
    out = df.filter(outside)
    w = out[weight].cast(pl.Float64).fill_null(0).to_numpy() if weight else np.ones(out.height)
    return df.filter(~outside), Tally(out.height, float(w.sum()), float((w * w).sum()))


def _distinct(exprs: Sequence[pl.Expr]) -> dict[str, pl.Expr]:
    """Name each distinct expression once."""
    found: list[pl.Expr] = []
    for expr in exprs:
        if not any(expr.meta.eq(known) for known in found):
            found.append(expr)
    return {f"_{i}": expr for i, expr in enumerate(found)}


def _column(expr: pl.Expr, exprs: Mapping[str, pl.Expr]) -> str:
    return next(name for name, known in exprs.items() if expr.meta.eq(known))


def _inner(dtype: pl.DataType) -> Any:
    return dtype.inner if isinstance(dtype, pl.List) else dtype


def _is_word(dtype: pl.DataType) -> bool:
    return isinstance(_inner(dtype), (pl.String, pl.Boolean, pl.Categorical, pl.Enum))


def _require_dtype(axis: Axis, dtype: pl.DataType) -> None:
    inner = _inner(dtype)
    whole = inner.is_integer() or inner == pl.Boolean
    match axis.kind:
        case "category" if axis.categories is None:
            fits, wanted = _is_word(dtype) or inner.is_integer(), "strings, integers or booleans"
        case "category" if axis.categories and isinstance(axis.categories[0], str):
            fits, wanted = _is_word(dtype), "strings or booleans, like its categories"
        case "category":
            fits, wanted = inner.is_integer(), "integers, like its categories"
        case "integer":
            fits, wanted = whole, "integers; use hist.regular for real numbers"
        case _:
            fits, wanted = inner.is_numeric() or whole, "numbers; cast it first"
    if not fits:
        msg = f"axis {axis.name!r} is {dtype}; a {axis.kind} axis takes {wanted}"
        raise SchemaError(msg)


def _require_weights(weights: pl.Series, name: str, rows_before: int) -> None:
    where = f"rows {rows_before} to {rows_before + len(weights) - 1}"
    if isinstance(weights.dtype, pl.List):
        weights = weights.explode(empty_as_null=False, keep_nulls=False)
    if not weights.dtype.is_numeric():
        msg = f"weight {name!r} is {weights.dtype}, not a number"
        raise SchemaError(msg)
    if bad := int((~weights.is_finite()).fill_null(value=True).sum()):
        msg = f"weight {name!r} is NaN, infinite or null in {bad} of {len(weights)} entries ({where})"
        raise ValueError(msg)


def _with_ranges(
    lf: pl.LazyFrame, axes: Sequence[Axis], columns: Sequence[str], lists: set[str]
) -> list[Axis]:
    """Find the ranges that were not given, in one pass for all axes together."""
    asked: dict[str, pl.Expr] = {}
    for axis, column in zip(axes, columns, strict=True):
        if axis.kind in ("regular", "log") and None in (axis.start, axis.stop):
            values = (pl.col(column).explode() if column in lists else pl.col(column)).cast(pl.Float64)
            values = values.filter(values.is_finite() & ((values > 0) if axis.kind == "log" else True))
            asked |= {f"{axis.kind} {column} min": values.min(), f"{axis.kind} {column} max": values.max()}
    if not asked:
        return list(axes)
    found = lf.select(**asked).collect(engine="streaming").row(0, named=True)
    return [
        _with_range(axis, found[f"{axis.kind} {c} min"], found[f"{axis.kind} {c} max"])
        if f"{axis.kind} {c} min" in found and None in (axis.start, axis.stop)
        else axis
        for axis, c in zip(axes, columns, strict=True)
    ]


def _with_range(axis: Axis, low: float | None, high: float | None) -> Axis:
    if low is None or high is None:
        msg = f"axis {axis.name!r} has no finite value to derive its range from; give start and stop"
        raise ValueError(msg)
    low, high = widened(low, high, logarithmic=axis.kind == "log")
    start, stop = (low if axis.start is None else axis.start), (high if axis.stop is None else axis.stop)
    if not start < stop:
        msg = (
            f"axis {axis.name!r} would go from {start:.6g} to {stop:.6g}, but its values go from {low:.6g} to "
            f"{high:.6g}; give both start and stop"
        )
        raise ValueError(msg)
    return replace(axis, start=start, stop=stop)
