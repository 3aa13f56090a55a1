"""Named cuts, the cutflow and N-1 tables made with them in one pass over the data, and filter masks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from icecol import missing, notebook
from icecol.dataset.events import Events, Several, expression, lazy_frame, own_weights
from icecol.dataset.facts import facts
from icecol.errors import MissingColumnError, SchemaError, did_you_mean, not_numbers

__all__ = [
    "Cuts",
    "cutflow",
    "filter_passed",
    "n_minus_one",
]


def __dir__() -> list[str]:
    return __all__


_MAX_CUTS = 64  # bits of the packed mask


class Cuts(Mapping[str, pl.Expr]):
    """Named Boolean expressions that an event must all pass, in order; immutable.

    An event passes a cut where the expression is true. **A missing value does not pass**: null, such as the answer of a
    fit that failed or a key that the event lacks, and NaN in the file alike, be it compared with `>` or `<`, plainly or
    under a `~`. In `(x > 2) | (y > 5)` one of them is enough. A cut that uses `is_nan`, `is_not_nan` or `fill_nan` sees
    the NaN that it asks about. (In a plain Polars `filter` NaN passes `>`, as it does in one of the expressions that
    `cuts["name"]` returns.) `cutflow` counts the missing in its column `n_nan`.

    Parameters
    ----------
    cuts
        A mapping of names to expressions, for names that are not Python identifiers.
    named
        The same as keyword arguments; they follow those of the mapping.

    Raises
    ------
    TypeError
        A cut is not a Polars expression.
    ValueError
        A name is given twice.

    Examples
    --------
    >>> import polars as pl
    >>> cuts = Cuts(bright=pl.col("charge") > 10, upgoing=pl.col("zenith") > 1.5)
    >>> list(cuts)
    ['bright', 'upgoing']
    >>> events = pl.LazyFrame({"charge": [5.0, 20.0, 30.0], "zenith": [2.0, 2.0, None]})
    >>> cuts.apply(events).collect().height
    1
    >>> cuts.without("upgoing").apply(events).collect().height
    2
    """

    __slots__ = ("_exprs",)

    def __init__(self, cuts: Mapping[str, pl.Expr] | None = None, /, **named: pl.Expr) -> None:
        exprs = dict(cuts or {})
        for name, expr in named.items():
            if name in exprs:
                msg = f"cut {name!r} is given twice"
                raise ValueError(msg)
            exprs[name] = expr
        for name, expr in exprs.items():
            if not isinstance(expr, pl.Expr):
                msg = f"cut {name!r} is {expr!r}, not a Polars expression such as pl.col('charge') > 10"
                raise TypeError(msg)
        self._exprs = exprs

    def __getitem__(self, name: str) -> pl.Expr:
        """Return the expression of one cut."""
        self._require(name)
        return self._exprs[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, in order."""
        return iter(self._exprs)

    def __len__(self) -> int:
        """Return the number of cuts."""
        return len(self._exprs)

    def __eq__(self, other: object) -> bool:
        """Compare names, expressions and their order."""
        if not isinstance(other, Cuts):
            return NotImplemented
        return list(self) == list(other) and all(e.meta.eq(other[n]) for n, e in self.items())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        inner = "".join(f"\n    {name}: {expr}" for name, expr in self.items())
        return f"Cuts({inner})" if inner else "Cuts()"

    def _repr_html_(self) -> str:
        return notebook.table(["cut", "expression"], self.items(), title=f"Cuts: {len(self):,}")

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def __and__(self, other: Cuts) -> Cuts:
        """Join two sets of cuts; a name in both must stand for the same expression."""
        if not isinstance(other, Cuts):
            return NotImplemented
        for name in self.keys() & other.keys():
            if not self[name].meta.eq(other[name]):
                msg = f"cut {name!r} is {self[name]} on one side of & and {other[name]} on the other"
                raise ValueError(msg)
        return Cuts({**self._exprs, **other._exprs})

    def without(self, *names: str) -> Cuts:
        """Return all cuts except the named ones.

        Parameters
        ----------
        names
            Names of cuts to leave out.

        Raises
        ------
        MissingColumnError
            There is no such cut.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> cuts = ic.Cuts(
        ...     bright=pl.col("charge") > 10, upgoing=pl.col("zenith") > 1.5, long=pl.col("length") > 200
        ... )
        >>> list(cuts.without("upgoing"))
        ['bright', 'long']
        """
        self._require(*names)
        return Cuts({n: e for n, e in self.items() if n not in names})

    def only(self, *names: str) -> Cuts:
        """Return the named cuts, in the order in which they are named.

        Parameters
        ----------
        names
            Names of cuts to keep.

        Raises
        ------
        MissingColumnError
            There is no such cut.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> cuts = ic.Cuts(
        ...     bright=pl.col("charge") > 10, upgoing=pl.col("zenith") > 1.5, long=pl.col("length") > 200
        ... )
        >>> list(cuts.only("upgoing", "bright"))
        ['upgoing', 'bright']
        """
        self._require(*names)
        return Cuts({n: self._exprs[n] for n in names})

    def mask(self) -> pl.Expr:
        """Return a single expression that is true where all cuts are true and false elsewhere, never null.

        It does not reach the Parquet reader, as the cuts of `apply` do: it fits any events, whatever their columns.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> events = pl.LazyFrame({"charge": [5.0, 20.0, 30.0], "zenith": [2.0, 2.0, None]})
        >>> cuts = ic.Cuts(bright=pl.col("charge") > 10, upgoing=pl.col("zenith") > 1.5)
        >>> events.select(passed=cuts.mask()).collect()["passed"].to_list()
        [False, True, False]
        """
        passed = (missing.cut(e).fill_null(value=False) for e in self.values())
        return pl.all_horizontal([pl.lit(value=True), *passed])

    def apply(self, events: Events) -> pl.LazyFrame:
        """Keep the events that pass all cuts. The cuts are pushed down into the Parquet reader where possible.

        Parameters
        ----------
        events
            A dataset, a lazy frame or a table.

        Raises
        ------
        MissingColumnError
            A column of a cut is missing.
        SchemaError
            A cut is not Boolean.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> events = pl.LazyFrame({"charge": [5.0, 20.0, 30.0], "zenith": [2.0, 2.0, None]})
        >>> ic.Cuts(bright=pl.col("charge") > 10, upgoing=pl.col("zenith") > 1.5).apply(
        ...     events
        ... ).collect().rows()
        [(20.0, 2.0)]
        """
        lazy = lazy_frame(events)
        return lazy.filter(*passing(self, lazy).values()) if self else lazy

    def _require(self, *names: str) -> None:
        for name in names:
            if name not in self._exprs:
                msg = f"no cut {name!r}; {did_you_mean(name, self, 'cuts')}"
                raise MissingColumnError(msg)


class _Table(pl.DataFrame):
    """A table that shows all of its columns."""

    def __str__(self) -> str:
        with pl.Config(tbl_cols=-1, tbl_rows=-1, tbl_width_chars=10_000):
            return super().__str__()

    __repr__ = __str__

    def _repr_html_(self, **options: Any) -> str:
        with pl.Config(tbl_cols=-1, tbl_rows=-1):
            return super()._repr_html_(**options)


def cutflow(events: Events | Several, cuts: Cuts, weight: str | pl.Expr | None = None) -> pl.DataFrame:
    r"""Count the events that pass each cut alone and all cuts up to it, in one pass over the data.

    Every cut is evaluated for every event, as `n_alone` and `n_nan` count those that an earlier cut has removed, too: a
    fit that a cut reads runs for all events. Where that is dear, apply the cheap cuts first (`Cuts.apply`), and make
    the table of the others from what is left.

    Parameters
    ----------
    events
        A dataset, a lazy frame or a table; or `ic.Samples`, of which the table is that of `ic.Samples.cutflow`.
    cuts
        At most 64 cuts, in the order in which they are applied.
    weight
        Column or expression of the event weight, in any unit (Hz for a rate), finite and never null.

    Returns
    -------
    pl.DataFrame
        A first row `all`, which says what is blind, if anything is, then one row for each cut:

        ========================  =================================================================
        cut                       name of the cut
        n                         events that pass this cut and all cuts before it
        sumw, sumw_error          sum of their weights and sqrt(sum of squared weights) (if weighted)
        n_alone                   events that pass this cut, regardless of the others
        sumw_alone, ..._error     the same, weighted (if weighted)
        n_nan                     events in which a float column of the cut is missing: NaN or null (see `Cuts`)
        eff                       n / n of the previous row (sumw / sumw if weighted)
        eff_all                   n / n of all events (sumw / sumw if weighted)
        ========================  =================================================================

        `eff_error` and `eff_all_error` are half of the width of the 68.27 % Wilson score interval, which is
        positive even at efficiencies of 0 and 1. With weights the number of trials is the effective number of
        events in the denominator, (sum w)^2 / sum w^2. The error is NaN where the denominator is 0 or negative
        weights make the efficiency lie outside of [0, 1].

    Raises
    ------
    ValueError
        There are more than 64 cuts, or a weight is NaN, infinite or null.
    SchemaError
        A cut is not Boolean.
    MissingColumnError
        A column of a cut or of the weight is missing.

    References
    ----------
    E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209.

    Examples
    --------
    >>> import polars as pl
    >>> events = pl.LazyFrame({"q": [1.0, 20.0, 30.0, 40.0], "zenith": [2.0, 0.5, 2.5, float("nan")]})
    >>> cuts = Cuts(bright=pl.col("q") > 10, upgoing=pl.col("zenith") > 1.5)
    >>> cutflow(events, cuts).select("cut", "n", "n_alone", "n_nan", "eff").rows()
    [('all', 4, 4, 0, 1.0), ('bright', 3, 3, 0, 0.75), ('upgoing', 1, 2, 1, 0.3333333333333333)]
    """
    if isinstance(events, Several):
        own_weights(weight)
        return events.cutflow(cuts)
    lf = lazy_frame(events)
    table = _pattern_table(lf, cuts, weight)
    rows = [np.ones(table.height, dtype=bool)]
    alone = [rows[0], *(_passes(table, i) for i in range(len(cuts)))]
    for passed in alone[1:]:
        rows.append(rows[-1] & passed)
    n, sumw, sumw2 = _totals(table, rows)
    n_alone, sumw_alone, sumw2_alone = _totals(table, alone)
    before = [0, *range(len(cuts))]
    blinding = facts(lf).blinding
    columns: dict[str, object] = {"cut": [f"all ({blinding})" if blinding else "all", *cuts], "n": n}
    if weight is not None:
        columns |= {"sumw": sumw, "sumw_error": np.sqrt(sumw2)}
    columns["n_alone"] = n_alone
    if weight is not None:
        columns |= {"sumw_alone": sumw_alone, "sumw_alone_error": np.sqrt(sumw2_alone)}
    columns["n_nan"] = [0, *(int(table[f"_nan{i}"].sum()) for i in range(len(cuts)))]
    columns |= _efficiency("eff", sumw, sumw[before], sumw2[before])
    columns |= _efficiency("eff_all", sumw, sumw[[0] * len(sumw)], sumw2[[0] * len(sumw)])
    return _Table(columns)


def n_minus_one(events: Events | Several, cuts: Cuts, weight: str | pl.Expr | None = None) -> pl.DataFrame:
    """Count the events that pass all cuts but one, for each cut, in one pass over the data.

    Parameters
    ----------
    events, cuts, weight
        As in `cutflow`.

    Returns
    -------
    pl.DataFrame
        A first row whose `without` is null (no cut left out), then one row for each cut. `n` is the number of events
        that pass all other cuts; `sumw` and `sumw_error` are the sum of their weights and its error, if weighted; `eff`
        is the fraction of them that pass the omitted cut as well, with the error that `cutflow` describes.

    Raises
    ------
    ValueError, SchemaError, MissingColumnError
        As in `cutflow`.

    Examples
    --------
    >>> import polars as pl
    >>> events = pl.LazyFrame({"q": [1.0, 20.0, 30.0], "zenith": [2.0, 0.5, 2.5]})
    >>> cuts = Cuts(bright=pl.col("q") > 10, upgoing=pl.col("zenith") > 1.5)
    >>> n_minus_one(events, cuts).select("without", "n", "eff").rows()
    [(None, 1, 1.0), ('bright', 2, 0.5), ('upgoing', 2, 0.5)]
    """
    if isinstance(events, Several):
        own_weights(weight)
        return events.n_minus_one(cuts)
    table = _pattern_table(lazy_frame(events), cuts, weight)
    single = [_passes(table, i) for i in range(len(cuts))]
    failed = np.sum([~p for p in single], axis=0) if single else np.zeros(table.height, dtype=int)
    rows = [failed == 0, *(failed - ~p == 0 for p in single)]
    n, sumw, sumw2 = _totals(table, rows)
    columns: dict[str, object] = {"without": pl.Series([None, *cuts], dtype=pl.String), "n": n}
    if weight is not None:
        columns |= {"sumw": sumw, "sumw_error": np.sqrt(sumw2)}
    columns |= _efficiency("eff", sumw[[0] * len(sumw)], sumw, sumw2)
    return _Table(columns)


def is_table_of_counts(table: pl.DataFrame) -> bool:
    """Return whether a table is one that `cutflow` or `n_minus_one` made."""
    flow = {"n", "n_alone", "n_nan", "eff", "eff_all"} <= set(table.columns)
    return (table.columns[:1] == ["cut"] and flow) or {"without", "n", "eff", "eff_error"} <= set(
        table.columns
    )


def as_table_of_counts(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table that was read from a file, shown as `cutflow` shows it if it is one."""
    return _Table(table) if is_table_of_counts(table) else table


def add_tables(a: pl.DataFrame, b: pl.DataFrame) -> pl.DataFrame:
    """Add two cutflow or N-1 tables of the same cuts on different events.

    Raises
    ------
    ValueError
        The tables have different columns or cuts.
    """
    if a.columns != b.columns or a.to_series(0).to_list() != b.to_series(0).to_list():
        what = [f"{t.columns[0]} {', '.join(map(str, t.to_series(0)))}" for t in (a, b)]
        msg = f"tables of different cuts or weights: {what[0]} ({a.width} columns) and {what[1]} ({b.width} columns)"
        raise ValueError(msg)
    columns: dict[str, Any] = {a.columns[0]: a.to_series(0)}
    for name in a.columns[1:]:
        if name.startswith("n"):
            columns[name] = a[name] + b[name]
        elif name.startswith("sumw"):
            columns[name] = (
                (a[name] ** 2 + b[name] ** 2).sqrt() if name.endswith("_error") else a[name] + b[name]
            )
    sumw = columns.get("sumw", columns["n"]).to_numpy().astype(float)
    sumw2 = columns["sumw_error"].to_numpy() ** 2 if "sumw_error" in columns else sumw
    first, rows = [0] * len(sumw), [0, *range(len(sumw) - 1)]
    if a.columns[0] == "cut":
        columns |= _efficiency("eff", sumw, sumw[rows], sumw2[rows])
        columns |= _efficiency("eff_all", sumw, sumw[first], sumw2[first])
    else:
        columns |= _efficiency("eff", sumw[first], sumw, sumw2)
    return _Table(columns)


def filter_passed(names: str | Iterable[str], mask: str = "FilterMask") -> pl.Expr:
    """Return whether an event was kept by any of the named online filters: condition and prescale passed.

    Parameters
    ----------
    names
        One filter or several, such as "MuonFilter_13"; several are combined with a logical or.
    mask
        Frame key of the filter mask: "FilterMask" or "QFilterMask".

    Returns
    -------
    pl.Expr
        Boolean, never null: a filter that the mask of an event lacks counts as not passed.

    Raises
    ------
    ValueError
        No filter is named.

    Examples
    --------
    >>> import polars as pl
    >>> events = pl.DataFrame(
    ...     {
    ...         "FilterMask.MuonFilter_13.condition_passed": [True, True, None],
    ...         "FilterMask.MuonFilter_13.prescale_passed": [True, False, None],
    ...     }
    ... )
    >>> events.select(filter_passed("MuonFilter_13")).to_series().to_list()
    [True, False, False]
    """
    chosen = [names] if isinstance(names, str) else list(names)
    if not chosen:
        msg = "filter_passed needs at least one filter name, such as 'MuonFilter_13'"
        raise ValueError(msg)
    passed = (
        pl.col(f"{mask}.{name}.condition_passed") & pl.col(f"{mask}.{name}.prescale_passed")
        for name in chosen
    )
    return pl.any_horizontal([p.fill_null(value=False) for p in passed]).alias("filter_passed")


def passing(cuts: Cuts, events: pl.LazyFrame) -> dict[str, pl.Expr]:
    """Return the expressions of cuts for these events, in which what is missing does not pass, not even NaN.

    Raises
    ------
    MissingColumnError
        A column of a cut is missing.
    SchemaError
        A cut is not Boolean.
    """
    schema = events.collect_schema()
    require_columns(schema, {f"cut {name!r}": e for name, e in cuts.items()})
    for name, dtype in events.select(**cuts).collect_schema().items() if cuts else ():
        if dtype != pl.Boolean:
            msg = f"cut {name!r} is {dtype}, not Boolean: {cuts[name]}"
            raise SchemaError(msg)
    return {name: missing.cut(e, schema) for name, e in cuts.items()}


def require_columns(schema: Mapping[str, pl.DataType], exprs: Mapping[str, pl.Expr]) -> None:
    """Raise MissingColumnError for the first of the named expressions that reads a missing column."""
    for what, expr in exprs.items():
        for name in missing.columns_read(expr):
            if name not in schema:
                msg = f"{what}: no column {name!r}; {did_you_mean(name, schema, 'columns')}"
                raise MissingColumnError(msg)


def _pattern_table(lf: pl.LazyFrame, cuts: Cuts, weight: str | pl.Expr | None) -> pl.DataFrame:
    """Return one row for each combination of passed cuts: _mask, n, sumw, sumw2 and the NaN counts."""
    if len(cuts) > _MAX_CUTS:
        msg = f"{len(cuts)} cuts in one table, at most {_MAX_CUTS} are possible; combine some expressions with &"
        raise ValueError(msg)
    schema = lf.collect_schema()
    w = expression(1.0 if weight is None else weight)
    require_columns(schema, {"weight": w})
    events = lf.with_columns(  # not select, which would make a single row of a mere literal
        *(e.fill_null(value=False).alias(f"_pass{i}") for i, e in enumerate(passing(cuts, lf).values())),
        *(_any_missing(e, schema).alias(f"_nan{i}") for i, e in enumerate(cuts.values())),
        w.cast(pl.Float64).alias("_w"),
    )
    bits = (pl.col(f"_pass{i}").cast(pl.UInt64) * pl.lit(1 << i, dtype=pl.UInt64) for i in range(len(cuts)))
    table = (
        events.with_columns(_mask=pl.sum_horizontal([pl.lit(0, dtype=pl.UInt64), *bits]))
        .group_by("_mask")
        .agg(
            n=pl.len().cast(pl.Int64),
            sumw=pl.col("_w").sum(),
            sumw2=(pl.col("_w") * pl.col("_w")).sum(),
            bad=(~pl.col("_w").is_finite()).fill_null(value=True).sum(),
            **{f"_nan{i}": pl.col(f"_nan{i}").sum().cast(pl.Int64) for i in range(len(cuts))},
        )
        .sort("_mask")
        .collect(engine="streaming")
    )
    if bad := int(table["bad"].sum()):
        from icecol.hist.text import name_of

        raise ValueError(not_numbers(f"weight {name_of(w)!r}", bad, int(table["n"].sum())))
    return table


def _any_missing(expr: pl.Expr, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    floats = [n for n in missing.columns_read(expr, schema) if schema[n].is_float()]
    return pl.any_horizontal(
        [pl.lit(value=False), *(pl.col(n).is_nan().fill_null(value=True) for n in floats)]
    )


def _passes(table: pl.DataFrame, i: int) -> np.ndarray:
    return (table["_mask"].to_numpy() >> np.uint64(i) & np.uint64(1)).astype(bool)


def _totals(table: pl.DataFrame, rows: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum n, w and w^2 over the combinations chosen in each row."""
    n, sumw, sumw2 = (table[c].to_numpy() for c in ("n", "sumw", "sumw2"))
    return (
        np.array([n[r].sum() for r in rows]),
        np.array([math.fsum(sumw[r]) for r in rows]),
        np.array([math.fsum(sumw2[r]) for r in rows]),
    )


def _efficiency(name: str, passed: np.ndarray, tried: np.ndarray, tried2: np.ndarray) -> dict[str, pl.Series]:
    """Return the efficiency, 1 in the first row, and half of the width of its 68.27 % Wilson interval (z = 1).

    Both are null if nothing was tried.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        p = passed / tried
        trials = tried * tried / tried2
        error = np.sqrt(p * (1 - p) / trials + 1 / (4 * trials * trials)) / (1 + 1 / trials)
    error[0] = 0 if tried[0] else math.nan
    found = {name: p, f"{name}_error": error}
    return {column: pl.Series(values, dtype=pl.Float64).fill_nan(None) for column, values in found.items()}
