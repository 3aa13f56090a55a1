"""Filter masks: conditions with prescales, which are the same for an event whatever else is read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import polars as pl

from icecol.dataset.events import Events, lazy_frame
from icecol.errors import MissingColumnError, SchemaError
from icecol.filters.online import Names, chosen, conditions
from icecol.select import passing, require_columns


def apply(
    events: Events,
    names: Names = None,
    *,
    mask: str = "FilterMask",
    prescales: Mapping[str, float] | None = None,
    seed: int = 0,
    header: str = "I3EventHeader",
    **inputs: str,
) -> pl.LazyFrame:
    """Add a filter mask: the columns `mask.NAME.condition_passed` and `mask.NAME.prescale_passed`, never null.

    An event does not pass a condition one of whose inputs is null or NaN. `prescale_passed` describes the prescales.

    Parameters
    ----------
    events
        A dataset, a lazy frame or a table, with the columns that `conditions` reads, and run_id, event_id and
        sub_event_id of the `header`.
    names, inputs
        As in `conditions`.
    mask
        Key of the new columns; choose another one if the events have a filter mask already.
    prescales
        Prescales by filter, to use instead of those in `FILTERS`.
    seed
        Seed of the prescales.
    header
        Key of the event header.

    Returns
    -------
    pl.LazyFrame
        The events, with the columns of the mask added.

    Raises
    ------
    MissingColumnError
        A filter or the name of an input is unknown, or a column is missing.
    SchemaError
        The events already have a mask of that name.

    Examples
    --------
    >>> ids = {f"I3EventHeader.{i}": [1, 1] for i in ("run_id", "event_id", "sub_event_id")}
    >>> apply(
    ...     pl.DataFrame({**ids, "Q.value": [50.0, 2000.0]}), "HighQFilter_17", homogenized_qtot="Q"
    ... ).select("FilterMask.HighQFilter_17.prescale_passed").collect().to_series().to_list()
    [False, True]
    """
    every = chosen(names)
    cuts = conditions(every, **inputs)
    factors = {n: f.prescale for n, f in every.items()} | dict(prescales or {})
    for name in factors.keys() - set(every):
        msg = f"a prescale is given for {name!r}, which is not among the filters: {', '.join(every)}"
        raise MissingColumnError(msg)
    lazy = lazy_frame(events)
    schema = lazy.collect_schema()
    there = [c for c in schema if c.startswith(f"{mask}.")]
    if there:
        msg = f"the events already have the column {there[0]!r}; choose another name, as with mask='MyFilterMask'"
        raise SchemaError(msg)
    require_columns(schema, {f"filter {n!r}": e for n, e in cuts.items()})
    kept = {n: prescale_passed(n, factors[n], seed=seed, header=header) for n in every}
    require_columns(schema, {f"prescale of {n!r}": e for n, e in kept.items()})
    pairs = {n: pair(mask, n) for n in every}
    passed = passing(cuts, lazy)
    lazy = lazy.with_columns(
        passed[n].fill_null(value=False).alias(condition) for n, (condition, _) in pairs.items()
    )
    lazy = lazy.with_columns((pl.col(c) & kept[n]).alias(p) for n, (c, p) in pairs.items())
    return lazy.select(*schema, *(c for pair in pairs.values() for c in pair))


def prescale_passed(name: str, prescale: float, *, seed: int = 0, header: str = "I3EventHeader") -> pl.Expr:
    """Return whether an event passes a prescale.

    IceTray draws a random number for each event and filter. Here that number is a hash of the run, event and sub-event
    numbers, the name of the filter and the seed. The result for an event is thus always the same, whatever is read with
    it and in which order, and the prescales of different filters are independent of one another.

    Parameters
    ----------
    name
        Name of the filter.
    prescale
        Keep one in so many events: 0 keeps none, values up to 1 keep all.
    seed
        Another seed gives another, independent selection.
    header
        Key of the event header, of which run_id, event_id and sub_event_id are read.

    Returns
    -------
    pl.Expr
        Boolean.

    Examples
    --------
    >>> ids = {"run_id": 1, "event_id": pl.int_range(10000), "sub_event_id": 0}
    >>> events = pl.select(pl.int_range(10000)).select(**{f"I3EventHeader.{k}": v for k, v in ids.items()})
    >>> events.select(prescale_passed("FilterMinBias_13", 1000.0)).to_series().sum()
    13
    """
    if prescale == 0:
        return pl.lit(value=False)
    if prescale <= 1:
        return pl.lit(value=True)
    run, event, sub_event = (
        pl.col(f"{header}.{i}").cast(pl.UInt64) for i in ("run_id", "event_id", "sub_event_id")
    )
    start = int.from_bytes(hashlib.sha256(f"{name}\0{seed}".encode()).digest()[:8], "little")
    number = _mixed(_mixed(run * _u64(1 << 32) + event ^ _u64(start)) ^ sub_event)
    return (number // _u64(1 << 11)).cast(pl.Float64) * 2.0**-53 * prescale < 1.0


def pair(mask: str, name: str) -> tuple[str, str]:
    """Return the columns of a filter in a mask: condition and prescale."""
    return f"{mask}.{name}.condition_passed", f"{mask}.{name}.prescale_passed"


def _mixed(number: pl.Expr) -> pl.Expr:
    """Scramble the bits of unsigned 64-bit integers (the finaliser of SplitMix64, Steele et al., OOPSLA 2014)."""
    number = (number ^ number // _u64(1 << 30)) * _u64(0xBF58476D1CE4E5B9)
    number = (number ^ number // _u64(1 << 27)) * _u64(0x94D049BB133111EB)
    return number ^ number // _u64(1 << 31)


def _u64(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.UInt64)
