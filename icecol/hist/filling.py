"""Fill histograms from a lazy frame batch by batch, in bounded memory."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, cast, overload

import numpy as np
import polars as pl

from icecol.dataset.events import Events, Several, expression, lazy_frame, own_weights
from icecol.dataset.facts import facts
from icecol.errors import SchemaError, not_numbers
from icecol.hist.axis import Axis, of_words
from icecol.hist.batch import Batch, Column, told_apart
from icecol.hist.bundle import Bundle
from icecol.hist.counting import Filling, inner, is_word
from icecol.hist.histogram import Hist
from icecol.hist.ranges import require_size, with_ranges
from icecol.hist.text import name_of, unit_of
from icecol.select import require_columns

_MANY: Final = (
    1 << 25
)  # entries; to fill as many more takes longer than to load numba, where it is not loaded yet
_BATCH: Final = 1 << 15  # rows, whose columns stay in the cache; Polars keeps a few batches ahead


@overload
def fill(
    events: Events, *axes: Axis, weight: str | pl.Expr | None = None, statistics: bool = False
) -> Hist: ...


@overload
def fill(
    events: Several, *axes: Axis, weight: str | pl.Expr | None = None, statistics: bool = False
) -> Bundle: ...


def fill(
    events: Events | Several,
    *axes: Axis,
    weight: str | pl.Expr | None = None,
    statistics: bool = False,
) -> Hist | Bundle:
    """Fill a histogram in a single pass over the data, reading only the columns it needs.

    Parameters
    ----------
    events
        A dataset, lazy frame or data frame, or `ic.Samples`, which have their own weights. If an axis is a list
        column, each element is one entry and the other columns of the row are repeated; list columns of one histogram
        must have the same length in each row.
    axes
        One or more axes, made by `hist.regular`, `log`, `variable`, `integer` or `category`.
    weight
        Column or expression with the weight of each entry; 1 if None. Weights must be finite and not null. A list
        column weights the elements of list axes one by one, as with the charges of pulses.
    statistics
        Keep the finite entries, also those outside the bins, for exact statistics of them (`Hist.data`): mean,
        variance, quantiles, correlation and so on. They take 8 bytes for each entry and axis, and 16 for its weight.

    Returns
    -------
    Hist
        Bins with the sum of weights and the sum of squared weights. An entry that is null on any axis counts as
        `missing`; otherwise one that is NaN on any axis counts as `nan`. Infinite values are under- or overflow.
        Of `ic.Samples`, a `Bundle` with a histogram of each.

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
    >>> import numpy as np
    >>> import polars as pl
    >>> from icecol import hist
    >>> events = pl.LazyFrame({"time": [[1.0, 2.0], [2.5], [], None]})
    >>> h = hist.fill(events, hist.regular("time", 4, 0, 4, label="time / ns"))
    >>> h.values(), h.missing.n
    (array([0., 1., 2., 0.]), 1)
    """
    found = fill_many(events, {"": axes}, weight=weight, statistics=statistics)
    if isinstance(events, Several):
        return Bundle({name: of_sample[""] for name, of_sample in found.items()})
    return cast("Hist", found[""])


def fill_many(
    events: Events | Several,
    histograms: Mapping[str, Axis | Sequence[Axis]],
    *,
    weight: str | pl.Expr | None = None,
    statistics: bool = False,
) -> Bundle:
    """Fill several named histograms in a single pass over the data.

    Parameters
    ----------
    events, weight, statistics
        As for `fill`.
    histograms
        The axis, or sequence of axes, of each histogram by name; `hist.Variables` is such a mapping.

    Returns
    -------
    Bundle
        The histograms, under the same names; of `ic.Samples`, such a bundle for each sample.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from icecol import hist
    >>> events = pl.LazyFrame({"x": [0.5, 1.5], "y": [1, 1]})
    >>> x, y = hist.regular("x", 2, 0, 2), hist.integer("y", 0, 3)
    >>> hists = hist.fill_many(events, {"x": x, "x, y": (x, y)})
    >>> hists["x"].values(), hists["x, y"].sum()
    (array([1., 1.]), 2.0)
    """
    if isinstance(events, Several):
        own_weights(weight)
        return cast("Bundle", events.fill_many(histograms, statistics=statistics))
    if not isinstance(histograms, Mapping):
        msg = f"name each histogram, as in {{'energy': hist.log(...)}}; found {histograms!r:.60}"
        raise TypeError(msg)
    lf = lazy_frame(events)
    known = facts(lf)
    blinding, inputs = known.blinding, tuple(map(str, known.sources))
    wanted = {k: (a,) if isinstance(a, Axis) else tuple(a) for k, a in histograms.items()}
    for key, axes in wanted.items():
        for axis in axes:
            _require_axis(axis)
        if not axes:
            msg = (
                f"histogram {key!r} has no axis; give it one, such as hist.regular(column, bins, start, stop)"
            )
            raise ValueError(msg)
        _require_names(key, axes)
        require_size(f"histogram {key!r}" if key else "the histogram", axes)
    w = None if weight is None else expression(weight)
    every = _labelled(lf, [a for axes in wanted.values() for a in axes])
    named = {f"axis {a.name!r}": a.expr for a in every}
    require_columns(lf.collect_schema(), named if w is None else {**named, "weight": w})
    exprs = _distinct([a.expr for a in every] + ([] if w is None else [w]))
    lf = lf.with_columns(**exprs).select(*exprs)  # not select alone: literals must be as long as the frame
    schema = lf.collect_schema()
    for axis in every:
        _require_dtype(axis, schema[_column(axis.expr, exprs)])
    lists = {c for c, d in schema.items() if isinstance(d, pl.List)}
    own = [_column(a.expr, exprs) for a in every]
    every = with_ranges(lf, every, own, [schema[c] for c in own])

    fillings, rest = [], every
    for axes in wanted.values():
        mine, rest = rest[: len(axes)], rest[len(axes) :]
        columns = [_column(a.expr, exprs) for a in mine]
        fillings.append(Filling(mine, columns, [schema[c] for c in columns], statistics=statistics))
    w_column = None if w is None else _column(w, exprs)
    w_name = "" if w is None else name_of(w)
    for key, axes in wanted.items():
        if w_column in lists and not any(_column(a.expr, exprs) in lists for a in axes):
            msg = f"weight {w_name!r} is a list column, but no axis of histogram {key!r} is"
            raise SchemaError(msg)
    rows = 0
    # in this thread: Polars reads on meanwhile, and threads for the histograms were measured to gain nothing beside it
    lf, told = lf.select(told_apart(schema)), {c for c, d in schema.items() if d.is_float()}
    for batch in lf.collect_batches(chunk_size=_BATCH, maintain_order=True, engine="streaming"):
        if w_column is not None:
            _require_weights(batch[w_column], w_name, rows)
        rows += batch.height
        shared = Batch(batch, told, lists)
        compiled = "numba" in sys.modules or rows * len(fillings) > _MANY
        for filling in fillings:
            filling.add(shared, w_column, compiled=compiled)
    found = Bundle({key: filling.result() for key, filling in zip(wanted, fillings, strict=True)})
    for h in found.values():
        h.bh.metadata, h.bh.inputs = blinding or None, inputs
    return found


def describe(
    events: Events | Several,
    *variables: Axis,
    weight: str | pl.Expr | None = None,
    quantiles: Sequence[float] = (0.16, 0.5, 0.84),
) -> pl.DataFrame:
    """Return the weighted statistics of variables, whatever their bins, in a single pass over the data.

    Parameters
    ----------
    events, weight
        As for `fill`.
    variables
        Axes of numbers, such as those of `hist.Variables`.
    quantiles
        Quantiles to give, as columns such as `q0.16`.

    Returns
    -------
    polars.DataFrame
        A row for each variable: its label as `variable`; `n`, the finite entries, and `n_null` and `n_nan`; the sum of
        weights and the effective entries; mean and its error, standard deviation, skewness, excess kurtosis; quantiles.
        An answer that does not exist is null. Of `ic.Samples`, such rows for each, after a column `sample`.

    Raises
    ------
    SchemaError
        If an axis holds categories.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> from icecol import hist
    >>> events = pl.LazyFrame({"x": [1.0, 2.0, 6.0, None]})
    >>> hist.describe(events, hist.regular("x", 10)).select("variable", "n", "n_null", "mean", "q0.5").row(0)
    ('x', 3, 1, 3.0, 2.0)
    """
    if isinstance(events, Several):
        own_weights(weight)
        tables = [
            describe(each, *variables, weight=w, quantiles=quantiles).select(
                pl.lit(name).alias("sample"), pl.all()
            )
            for name, each, w in events.scan_each()
        ]
        return pl.concat(tables)
    for axis in variables:
        _require_axis(axis)
        if axis.kind == "category":
            msg = f"axis {axis.name!r} holds categories, which have no mean, spread or quantile"
            raise SchemaError(msg)
    closed = [replace(a, kind="regular", bins=1, start=0.0, stop=1.0) for a in variables]
    found = fill_many(events, {a.name: a for a in closed}, weight=weight, statistics=True)
    rows = []
    for h in found.values():
        data = h.data
        rows.append(
            {
                "variable": h.labels[0],
                "n": data.weights.size,
                "n_null": h.missing.n,
                "n_nan": h.nan.n,
                "sum_of_weights": data.sum_of_weights,
                "effective_entries": data.effective_entries,
                "mean": data.mean(),
                "mean_error": data.mean_error(),
                "std": data.std(),
                "skewness": data.skewness(),
                "kurtosis": data.kurtosis(),
                **{f"q{q:g}": v for q, v in zip(quantiles, data.quantiles(quantiles), strict=True)},
            }
        )
    return pl.DataFrame(rows).with_columns(pl.selectors.float().fill_nan(None))


def _labelled(lf: pl.LazyFrame, axes: Sequence[Axis]) -> list[Axis]:
    """Add the units that are known to the axes that have neither label nor unit."""
    known = facts(lf) if any(a.label is None and a.unit is None for a in axes) else None
    return [
        replace(a, unit=unit_of(a.expr, known)) if a.label is None and a.unit is None else a for a in axes
    ]


def _require_axis(axis: object) -> None:
    if not isinstance(axis, Axis):
        msg = f"expected an axis, such as hist.regular(column, bins, start, stop); found {axis!r:.60}"
        raise TypeError(msg)


def _require_names(key: str, axes: Sequence[Axis]) -> None:
    names = [axis.name for axis in axes]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        of = f" of histogram {key!r}" if key else ""
        msg = f"two axes{of} are named {twice[0]!r}; give one another name, as in hist.regular(..., name='x')"
        raise ValueError(msg)


def _distinct(exprs: Sequence[pl.Expr]) -> dict[str, pl.Expr]:
    """Name each distinct expression once."""
    found: list[pl.Expr] = []
    for expr in exprs:
        if not any(expr.meta.eq(known) for known in found):
            found.append(expr)
    return {f"_{i}": expr for i, expr in enumerate(found)}


def _column(expr: pl.Expr, exprs: Mapping[str, pl.Expr]) -> str:
    return next(name for name, known in exprs.items() if expr.meta.eq(known))


def _require_dtype(axis: Axis, dtype: pl.DataType) -> None:
    element = inner(dtype)
    whole = element.is_integer() or element == pl.Boolean
    match axis.kind:
        case "category" if axis.categories is None:
            fits, wanted = is_word(dtype) or element.is_integer(), "strings, integers or booleans"
        case "category" if of_words(axis):
            fits, wanted = is_word(dtype), "strings or booleans, like its categories"
        case "category":
            fits, wanted = element.is_integer(), "integers, like its categories"
        case "integer":
            fits, wanted = whole, "integers; use hist.regular for real numbers"
        case _:
            fits, wanted = element.is_numeric() or whole, "numbers; cast it first"
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
    values = Column(weights).floats
    with np.errstate(invalid="ignore", over="ignore"):
        if math.isfinite(values.sum()):  # in half the time of looking at each
            return
    finite = np.isfinite(values)
    if not finite.all():
        entries = f"entries ({where})"
        raise ValueError(not_numbers(f"weight {name!r}", int((~finite).sum()), len(weights), entries))
