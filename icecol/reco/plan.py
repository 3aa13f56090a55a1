"""Features in a lazy plan: `with_features` adds them, and `event_expr` makes an expression of a loop over events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from icecol.dataset.events import Events, lazy_frame
from icecol.errors import MissingColumnError, SchemaError, did_you_mean
from icecol.missing import columns_read
from icecol.reco.feature import Feature, cost
from icecol.reco.jagged import frozen, jagged, struct
from icecol.reco.watch import in_loop, mapped, named


def with_features(
    events: Events, *, replace: bool | pl.Expr | Feature = False, **features: pl.Expr | Feature
) -> pl.LazyFrame:
    """Add features to events: the fields of a struct expression `Name=...` become the columns `Name.field`.

    A feature may read columns of another one that is given in the same call, in any order: a fit its seed, a count of
    direct hits its track, a fit the pulses that a cleaning leaves. Each kernel runs once for all of its fields, not at
    all if none of them is used, and only over the events that survive the cuts on other columns and on features that
    cost less: after `.filter(pl.col("Q.total") > 100)` a fit given beside the charge is made for the bright events
    alone. (A kernel's expression used directly runs once for every `.struct.field(...)` taken from it.)

    Parameters
    ----------
    events
        A dataset, a lazy frame or a table.
    features
        Expressions, or features of a pulse series that is given by name, `linefit("SRTInIcePulses")`: these need a
        dataset, whose geometry they use, unless they need no geometry.
    replace
        True to replace a key that `events` already has, with all of its columns, by the feature of that name. Otherwise
        that is an error, as an object of the file would be half overwritten.

    Returns
    -------
    pl.LazyFrame
        The columns of `events`, followed by those of the features. They are null where a feature has no answer.

    Raises
    ------
    MissingColumnError
        A column that a feature reads is not in the frame, or features depend on each other in a circle.
    SchemaError
        `events` already has the key of a feature, and `replace` is not set.
    TypeError
        Something is neither an expression nor a feature, such as a function that is not called.
    GeometryError
        A feature given by name needs a geometry, and `events` has none.

    Examples
    --------
    >>> from icecol import Pulses, reco
    >>> frame = pl.DataFrame({"P.time": [[0.0, 1.0]], "P.charge": [[1.0, 2.5]], "P.omkey": [[65792, 65792]]})
    >>> with_features(frame, Q=reco.charge(Pulses("P"))).select("Q.total", "Q.n_hit_doms").collect().row(0)
    (3.5, 1)
    >>> with_features(frame, Q=reco.charge("P")).select("Q.total").collect().item()
    3.5
    """
    lazy = lazy_frame(events)
    waiting = _bound(events, features)
    if not isinstance(replace, bool):  # typed so that `**features` of a dict passes type checkers
        msg = f"`replace` is True or False, and no name of a feature; found {replace!r:.80}"
        raise TypeError(msg)
    schema = dict(lazy.collect_schema())
    if not replace:
        _refuse_taken(list(schema), waiting)
    there, stored = list(schema), set(schema)
    columns: dict[str, list[str]] = {}
    while waiting:
        ready = {n for n, f in waiting.items() if not _reads(n, f, waiting, schema) & waiting.keys()}
        if not ready:
            msg = f"circular dependency between features: {' → '.join(_circle(waiting))}"
            raise MissingColumnError(msg)
        name = min((n for n in waiting if n in ready), key=lambda n: cost(waiting[n]))
        lazy, schema, columns[name] = _with_feature(lazy, schema, stored, name, waiting.pop(name))
        stored -= {c for c in stored if _belongs(c, name)}
    kept = [c for c in there if c in stored]
    return lazy.select(*kept, *(c for name in features for c in columns[name]))


def _bound(events: Events, features: Mapping[str, pl.Expr | Feature]) -> dict[str, pl.Expr]:
    """Return features as expressions, those by name bound to the geometry of a dataset."""
    for name, feature in features.items():
        if not isinstance(feature, Feature | pl.Expr):
            raise TypeError(no_feature(name, feature))
    geometry = None
    if any(isinstance(feature, Feature) for feature in features.values()):
        geometry = getattr(events, "geometry", None)
    return {n: f.bind(geometry) if isinstance(f, Feature) else f for n, f in features.items()}


def _refuse_taken(columns: Sequence[str], features: Mapping[str, pl.Expr]) -> None:
    for name in features:
        if taken := [column for column in columns if _belongs(column, name)]:
            more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
            msg = (
                f"feature {name!r} has the name of a key that is there already (column {taken[0]!r}{more}): give it "
                "another name, or replace the key with replace=True"
            )
            raise SchemaError(msg)


def _belongs(column: str, key: str) -> bool:
    return column == key or column.startswith(f"{key}.")


def no_feature(name: str, given: Any) -> str:
    """Say what is wrong with something that is given as a feature and is none."""
    if callable(given):
        function = getattr(given, "function", given)
        called = f"{getattr(function, '__name__', 'feature')}('SRTInIcePulses')"
        return f"feature {name!r} is a function that is not called: give it a pulse series, as in {name}={called}"
    column = f"pl.col({given!r})" if isinstance(given, str) else f"pl.lit({given!r}) for a constant"
    return (
        f"feature {name!r} is {given!r}, neither an expression nor a feature of a pulse series such as "
        f"ic.reco.charge('SRTInIcePulses'); give {column}"
    )


def _circle(waiting: Mapping[str, pl.Expr]) -> list[str]:
    """Return features of which each reads the next, the last being the first again."""
    path = [next(iter(waiting))]
    while True:
        roots = columns_read(waiting[path[-1]])
        reads = {n for c in roots for n in (c, c.rpartition(".")[0])} & waiting.keys() - {path[-1]}
        name = min(reads)
        if name in path:
            return [*path[path.index(name) :], name]
        path.append(name)


def _reads(name: str, feature: pl.Expr, waiting: Mapping[str, pl.Expr], there: Mapping[str, Any]) -> set[str]:
    """Return the names of the features that a feature reads columns of, once all its other columns are found."""
    others = waiting.keys() - {name}
    read = {c: {c, c.rpartition(".")[0]} & others for c in columns_read(feature)}
    absent = [c for c, of in read.items() if not of and c not in there]
    if absent:
        msg = f"feature {name!r} reads the column {absent[0]!r}, which is not in the frame; "
        if absent[0].endswith(".fit_status"):
            msg += f"for a seed that is not a fit, add with_columns(pl.lit(0).alias({absent[0]!r})); "
        raise MissingColumnError(msg + did_you_mean(absent[0], list(there), "columns"))
    return set().union(*read.values())


def _with_feature(
    lazy: pl.LazyFrame, schema: Mapping[str, Any], stored: set[str], name: str, feature: pl.Expr
) -> tuple[pl.LazyFrame, dict[str, Any], list[str]]:
    """Add a feature in place of its stored columns; return all columns there are then, and those that are its own.

    They are made in nodes of their own of the plan, so that a cut on the feature goes below those that are added later.
    """
    from icecol.dataset.facts import hidden

    named(feature, name)
    read = {
        c: schema[c] for c in columns_read(feature, schema) if c in schema
    }  # a frame of thousands takes its time
    dtype = pl.LazyFrame(schema=read or schema).select(feature.alias(name)).collect_schema()[name]
    column = hidden(name)
    value = pl.col(column)
    replaced = [c for c in stored if _belongs(c, name)]
    lazy = lazy.with_columns(feature.alias(column)).drop(replaced)
    if not feature.meta.is_column():  # else as the file has it
        lazy = lazy.with_columns(_answers(value, dtype).alias(column))
    left = {c: t for c, t in schema.items() if c not in replaced}
    if not isinstance(dtype, pl.Struct):
        return lazy.with_columns(value.alias(name)).drop(column), left | {name: dtype}, [name]
    made = {f"{name}.{f.name}": f for f in dtype.fields}
    lazy = lazy.with_columns(value.struct.field(f.name).alias(c) for c, f in made.items()).drop(column)
    return lazy, left | {c: f.dtype for c, f in made.items()}, list(made)


def _answers(value: pl.Expr, dtype: Any) -> pl.Expr:
    """Return what a feature computed with null for NaN, in the fields of a struct too."""
    if isinstance(dtype, pl.Struct):
        numbers = [f for f in dtype.fields if f.dtype.is_float() or isinstance(f.dtype, pl.Struct)]
        return (
            value.struct.with_fields(_answers(pl.field(f.name), f.dtype) for f in numbers)
            if numbers
            else value
        )
    return value.fill_nan(None) if dtype.is_float() else value


def event_expr(
    loop: Callable[..., None],
    columns: Sequence[str],
    fields: Mapping[str, Any],
    arguments: Sequence[Any] = (),
    *,
    events: Sequence[pl.Expr] = (),
    ok: Sequence[str] = (),
) -> pl.Expr:
    """Return a loop over events as one struct expression.

    Parameters
    ----------
    loop
        `loop(offsets, *values, *events, *arguments, out)` with the flat values of each column, n + 1 offsets
        that begin at 0, and `out` of shape (fields, n), f64, to be filled.
    columns
        Names of list columns of equal shape.
    fields
        Name and Polars type of each field.
    arguments
        Passed through to the loop.
    events
        Expressions of one number an event, f64 in the loop; null arrives as NaN.
    ok
        Fields that are null where the field fit_status is not 0.

    Returns
    -------
    pl.Expr
        A struct. Where a list is null every field is null; NaN from the loop, a number that does not exist, is null.

    Examples
    --------
    >>> def total(offsets, charge, out):  # compile it for many events
    ...     for i in range(offsets.size - 1):
    ...         out[0, i] = charge[offsets[i] : offsets[i + 1]].sum()
    >>> frame = pl.DataFrame({"P.charge": [[1.0, 2.5], [], None]})
    >>> found = frame.select(event_expr(total, ["P.charge"], {"sum": pl.Float64}).struct.field("sum"))
    >>> found.to_series().to_list()
    [3.5, 0.0, None]
    """

    def run(series: Sequence[pl.Series]) -> pl.Series:
        lists = jagged(series[: len(columns)])
        n = len(lists)
        numbers = [s.cast(pl.Float64).fill_null(float("nan")).to_numpy() for s in series[len(columns) :]]
        out = np.empty((len(fields), n))
        per_event = [frozen(np.broadcast_to(v, n)) for v in numbers]
        in_loop(loop, lists.offsets, *lists.values, *per_event, *arguments, out)
        return struct(series[0].name, fields, out, lists.present, ok)

    called = str(getattr(loop, "__name__", "kernel"))
    return mapped([*(pl.col(c) for c in columns), *events], run, called, pl.Struct(dict(fields)))
