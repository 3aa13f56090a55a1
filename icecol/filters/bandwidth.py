"""Rates and bandwidths of filters, in one pass over the events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

import polars as pl

from icecol.dataset.events import Events, lazy_frame
from icecol.dataset.pulses import Pulses
from icecol.errors import MissingColumnError, did_you_mean, not_numbers
from icecol.filters.prescales import pair
from icecol.select import require_columns

_REPORT: Final = {
    "filter": pl.String,
    **dict.fromkeys(("n_condition", "n"), pl.Int64),
    **dict.fromkeys(
        (
            "rate_in", "rate_in_error", "rate_out", "rate_out_error", "rate_unique", "overlap", "fraction", "bandwidth",
        ),
        pl.Float64,
    ),
}  # fmt: skip

BYTES_PER_PULSE: Final = 21.0
BYTES_PER_EVENT: Final = 1000.0
"""Defaults of `event_bytes` for a pulse (time, charge, width, flags and omkey: 8 + 4 + 4 + 1 + 4 bytes) and the rest of
an event. For the true size of a stream give `rates` the size of its files divided by their number of events instead."""


def event_bytes(
    pulses: Pulses | str, *, per_pulse: float = BYTES_PER_PULSE, header: float = BYTES_PER_EVENT
) -> pl.Expr:
    """Return an estimate of the size of an event in bytes.

    Parameters
    ----------
    pulses
        The pulse series that is stored with the event.
    per_pulse
        Bytes per pulse.
    header
        Bytes of the rest of the event.

    Returns
    -------
    pl.Expr
        `header` plus `per_pulse` for each pulse.

    Examples
    --------
    >>> pl.DataFrame({"P.time": [[1.0, 2.0], None]}).select(event_bytes(Pulses("P"))).to_series().to_list()
    [1042.0, 1000.0]
    """
    series = Pulses(pulses) if isinstance(pulses, str) else pulses
    return header + per_pulse * pl.col(series.column("time")).list.len().fill_null(0)


def rates(
    events: Events,
    livetime: float | None = None,
    *,
    names: str | Iterable[str] | None = None,
    mask: str = "FilterMask",
    weight: str | pl.Expr | None = None,
    bytes: float | str | pl.Expr | None = None,  # noqa: A002
) -> pl.DataFrame:
    """Return the rates and bandwidths of filters, as tabulated for those at the South Pole, in one pass over the data.

    Parameters
    ----------
    events
        A dataset, a lazy frame or a table, with a filter mask that is stored or made by `apply`.
    livetime
        Livetime (s) of the events: the rate of n events is n / livetime.
    names
        Filters; None for all filters of the mask.
    mask
        Key of the mask.
    weight
        Column or expression of the event weight, finite and never null: in Hz if no livetime is given, else in number
        of events in that livetime.
    bytes
        Size of an event: a number (the size of the files divided by their number of events), a column, or an expression
        such as `event_bytes(pulses)`.

    Returns
    -------
    pl.DataFrame
        A first row `all` (all events that enter the filters), a row for each filter, and a last row `any` (events that
        at least one filter keeps):

        =====================  =============================================================================
        filter                 name of the filter
        n_condition, n         events that pass its condition, and also its prescale
        rate_in, ..._error     rate (Hz) of its condition, before the prescale
        rate_out, ..._error    rate (Hz) after the prescale; errors are those of the (weighted) counts
        rate_unique            rate (Hz) of events that no other filter keeps (`any`: that one filter keeps)
        overlap                fraction of its events that other filters keep as well
        fraction               rate_out divided by that of `any`
        bandwidth              bytes/s of the events it keeps; null if no size is given
        =====================  =============================================================================

    Raises
    ------
    ValueError
        Neither livetime nor weight is given, the livetime is not positive, or a weight or size is null, NaN or
        infinite.
    MissingColumnError
        There is no such mask or filter, or the column of the weight or size is missing.

    Examples
    --------
    >>> kept = {"A": [True, True, False], "B": [True, False, False]}
    >>> parts = ("condition_passed", "prescale_passed")
    >>> events = pl.DataFrame({f"FilterMask.{f}.{p}": v for f, v in kept.items() for p in parts})
    >>> rates(events, livetime=2.0).select("filter", "n", "rate_out", "rate_unique").rows()
    [('all', 3, 1.5, None), ('A', 2, 1.0, 0.5), ('B', 1, 0.5, 0.0), ('any', 2, 1.0, 0.5)]
    """
    if livetime is None and weight is None:
        msg = "rates need the livetime of the events in s or a weight in Hz, found neither"
        raise ValueError(msg)
    if livetime is not None and not 0 < livetime < math.inf:
        msg = f"livetime is {livetime!r}, expected a positive number of seconds"
        raise ValueError(msg)
    lazy = lazy_frame(events)
    schema = lazy.collect_schema()
    chosen = _masked(schema, mask, names)
    w, size = _expression(weight, 1.0), _expression(bytes, 0.0)
    require_columns(schema, {"weight": w, "bytes": size})
    masks = {n: [pl.col(c).fill_null(value=False) for c in pair(mask, n)] for n in chosen}
    lazy = lazy.with_columns(  # not select, which would make a single row of mere literals
        w.cast(pl.Float64).alias("_w"),
        size.cast(pl.Float64).alias("_b"),
        *(condition.alias(f"_in {n}") for n, (condition, _) in masks.items()),
        *((condition & kept).alias(f"_out {n}") for n, (condition, kept) in masks.items()),
    )
    outs = [pl.col(f"_out {n}") for n in chosen]
    n_kept = pl.sum_horizontal([o.cast(pl.UInt32) for o in outs])
    every = pl.col("_w").is_not_null()
    rows = {
        "all": (every, every, None),
        **{n: (pl.col(f"_in {n}"), pl.col(f"_out {n}"), pl.col(f"_out {n}") & (n_kept == 1)) for n in chosen},
        "any": (pl.any_horizontal([pl.col(f"_in {n}") for n in chosen]), n_kept > 0, n_kept == 1),
    }
    return _table(lazy, rows, livetime or 1.0, sized=bytes is not None)


def _table(
    lazy: pl.LazyFrame,
    rows: Mapping[str, tuple[pl.Expr, pl.Expr, pl.Expr | None]],
    livetime: float,
    *,
    sized: bool,
) -> pl.DataFrame:
    """Sum up, for each row, the events that pass the condition, those that pass the prescale too, and unique ones."""
    w, b = pl.col("_w"), pl.col("_b")
    sums: dict[str, pl.Expr] = {"n": pl.len()}
    for what, values in (("weight", w), ("size", b)):
        sums[what] = (~values.is_finite()).fill_null(value=True).sum()
    for i, (condition, kept, alone) in enumerate(rows.values()):
        sums |= {f"n_condition {i}": condition.sum(), f"n {i}": kept.sum()}
        for name, passed in (("in", condition), ("out", kept)):
            sums |= {f"{name} {i}": (w * passed).sum(), f"{name}2 {i}": (w * w * passed).sum()}
        sums |= {
            f"alone {i}": pl.lit(None) if alone is None else (w * alone).sum(),
            f"b {i}": (w * b * kept).sum(),
        }
    found = lazy.select(**sums).collect(engine="streaming").row(0, named=True)
    for what in ("weight", "size"):
        if found[what]:
            raise ValueError(not_numbers(f"the {what}", found[what], found["n"]))
    total = found[f"out {len(rows) - 1}"]
    return pl.DataFrame(
        [
            {
                "filter": name,
                "n_condition": found[f"n_condition {i}"],
                "n": found[f"n {i}"],
                "rate_in": found[f"in {i}"] / livetime,
                "rate_in_error": math.sqrt(found[f"in2 {i}"]) / livetime,
                "rate_out": found[f"out {i}"] / livetime,
                "rate_out_error": math.sqrt(found[f"out2 {i}"]) / livetime,
                "rate_unique": None if alone is None else found[f"alone {i}"] / livetime,
                "overlap": None if alone is None else 1 - _ratio(found[f"alone {i}"], found[f"out {i}"]),
                "fraction": _ratio(found[f"out {i}"], total),
                "bandwidth": found[f"b {i}"] / livetime if sized else None,
            }
            for i, (name, (_, _, alone)) in enumerate(rows.items())
        ],
        schema=_REPORT,
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _expression(value: float | str | pl.Expr | None, default: float) -> pl.Expr:
    if isinstance(value, pl.Expr):
        return value
    return pl.col(value) if isinstance(value, str) else pl.lit(default if value is None else float(value))


def _masked(schema: Mapping[str, pl.DataType], mask: str, names: str | Iterable[str] | None) -> list[str]:
    """Return all filters of a mask, or the named ones after checking that the mask has them."""
    end = ".condition_passed"
    there = [
        c.removeprefix(f"{mask}.").removesuffix(end)
        for c in schema
        if c.startswith(f"{mask}.") and c.endswith(end)
    ]
    if not there:
        keys = {column.partition(".")[0] for column in schema}
        msg = f"no filter mask {mask!r}: no column like {mask}.MuonFilter_13{end}; {did_you_mean(mask, keys, 'keys')}"
        raise MissingColumnError(msg)
    chosen = there if names is None else [names] if isinstance(names, str) else list(names)
    for name in chosen:
        if name not in there:
            msg = f"no filter {name!r} in {mask!r}; {did_you_mean(name, there, 'filters')}"
            raise MissingColumnError(msg)
    return chosen
