"""Runs: which events they have, how long they lasted, and at what rate events came."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import polars as pl

from icecol.dataset.events import Events, expression, lazy_frame
from icecol.errors import MissingColumnError, SchemaError, did_you_mean

__all__ = ["good_runs", "rates", "table"]


def __dir__() -> list[str]:
    return __all__


_HEADER: Final = "I3EventHeader"
_RUN: Final = f"{_HEADER}.run_id"
_NAMES: Final = {
    "run_id": ("run", "run_id", "runid", "run_number"),
    "start": ("start", "good_start", "good_tstart", "tstart"),
    "stop": ("stop", "good_stop", "good_tstop", "tstop", "end"),
    "good": ("good", "good_it", "is_good"),
}
_TRUE: Final = ("1", "true", "yes", "good")


def table(
    events: Events,
    good: str | os.PathLike[str] | pl.DataFrame | None = None,
    *,
    gap: float | None = None,
    dead_time: float = 0.0,
) -> pl.DataFrame:
    """Tabulate the runs of events: first and last event, number of events, livetime and rate.

    Parameters
    ----------
    events
        All events of the runs, before any selection, with their I3EventHeader.
    good
        The runs and their livetimes, what `good_runs` reads; only good runs are then in the table. If None, a run is
        taken to last from the start of its first event to the end of its last, less gaps and dead time: too short by
        about the mean time between events.
    gap
        Time (s) between the starts of two consecutive events above which the detector is taken to have been off; None
        for no limit.
    dead_time
        Time (s) after each event in which no other can be recorded.

    Returns
    -------
    polars.DataFrame
        Sorted by `run_id`: `events` (distinct event numbers), `first_event`, `last_event`, `start`, `stop` (UTC),
        `longest_gap` (s, between the starts of two events), `off` (s, the sum of gaps above `gap`), `livetime` (s),
        `rate` and `rate_error` (Hz, Poisson). Livetime and rate are null for a run of a single event.

    Raises
    ------
    MissingColumnError
        If the events have no run, event number or time.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> ic.sim.write(f"{folder}/a.i3", ic.sim.events(50, seed=1), run_id=7)
    >>> ds = ic.convert.i3(f"{folder}/a.i3", f"{folder}/a.icecol", jobs=1)
    >>> ds.runs.select("run_id", "events", pl.col("livetime").round(2), pl.col("rate").round(1)).row(0)
    (7, 50, 0.49, 102.0)
    """
    from icecol.coordinates import utc

    lf = lazy_frame(events)
    schema = lf.collect_schema()
    times = [f"{_HEADER}.{t}_utc_{part}" for t in ("start_time", "end_time") for part in ("year", "daq_time")]
    for column in (_RUN, f"{_HEADER}.event_id", *times):
        if column not in schema:
            msg = f"the runs of events need {column!r}; {did_you_mean(column, schema.names(), 'columns')}"
            raise MissingColumnError(msg)
    rows = (
        lf.select(
            pl.col(_RUN).alias("run_id"),
            pl.col(f"{_HEADER}.event_id").alias("event_id"),
            utc(f"{_HEADER}.start_time").alias("start"),
            utc(f"{_HEADER}.end_time").alias("stop"),
        )
        .group_by("run_id", "event_id")  # an event may have several rows, one per sub-event
        .agg(pl.col("start").min(), pl.col("stop").max())
        .sort("run_id", "start", "event_id")
        .with_columns(pause=(pl.col("start").diff().over("run_id").dt.total_nanoseconds() / 1e9))
    )
    limit = float("inf") if gap is None else gap
    n = pl.col("events")
    found = (
        rows.group_by("run_id")
        .agg(
            events=pl.len().cast(pl.Int64),
            first_event=pl.col("event_id").first(),
            last_event=pl.col("event_id").last(),
            start=pl.col("start").min(),
            stop=pl.col("stop").max(),
            longest_gap=pl.col("pause").max(),
            off=pl.col("pause").filter(pl.col("pause") > limit).sum(),
        )
        .sort("run_id")
        .with_columns(
            livetime=pl.when(n > 1).then(
                (pl.col("stop") - pl.col("start")).dt.total_nanoseconds() / 1e9
                - pl.col("off")
                - dead_time * n
            )
        )
        .collect()
    )
    if good is not None:
        known = good_runs(good).select("run_id", "livetime")
        found = found.drop("livetime").join(known, on="run_id", how="inner", maintain_order="left")
    return _with_rate(found)


def good_runs(source: str | os.PathLike[str] | pl.DataFrame) -> pl.DataFrame:
    """Read a list of runs: one or more good intervals of each, and so its livetime.

    Parameters
    ----------
    source
        A CSV file or table with the columns `run`, `start` and `stop` (times as in 2016-05-09 15:26:41.98, or MJD), and
        optionally `good`; names as in IceCube's lists (`good_tstart`, ...) are known too, in any case.

    Returns
    -------
    polars.DataFrame
        Sorted by `run_id`, which is UInt32: `start`, `stop` (UTC) and `livetime` (s) of each good run.

    Raises
    ------
    MissingColumnError
        If a column is missing.
    SchemaError
        If times are neither dates nor numbers.
    ValueError
        If an interval ends before it starts, or has no start or stop.

    Examples
    --------
    >>> lines = pl.DataFrame(
    ...     {"run": [1, 1, 2], "start": [57000.0, 57000.5, 57001.0], "stop": [57000.25, 57000.75, 57002.0]}
    ... )
    >>> good_runs(lines)["livetime"].to_list()
    [43200.0, 86400.0]
    """
    frame = source if isinstance(source, pl.DataFrame) else pl.read_csv(Path(source), glob=False)
    by_lower = {name.strip().lower(): name for name in frame.columns}
    names = {
        key: next((by_lower[other] for other in others if other in by_lower), None)
        for key, others in _NAMES.items()
    }
    for key in ("run_id", "start", "stop"):
        if names[key] is None:
            msg = f"a list of runs needs a column {_NAMES[key][0]!r}; it has {', '.join(map(repr, frame.columns))}"
            raise MissingColumnError(msg)
    chosen = frame.select(pl.col(name).alias(key) for key, name in names.items() if name is not None)
    if "good" in chosen.columns:
        chosen = chosen.filter(
            pl.col("good").cast(pl.String).str.strip_chars().str.to_lowercase().is_in(_TRUE)
        )
    chosen = chosen.with_columns(
        pl.col("run_id").cast(pl.UInt32), *(_as_time(chosen[t]).alias(t) for t in ("start", "stop"))
    )
    wrong = chosen.filter(~(pl.col("stop") >= pl.col("start")).fill_null(value=False))
    if wrong.height:
        row = wrong.row(0, named=True)
        msg = f"run {row['run_id']} goes from {row['start']} to {row['stop']}: a run starts before it stops"
        raise ValueError(msg)
    lasts = (pl.col("stop") - pl.col("start")).dt.total_nanoseconds() / 1e9
    return (
        chosen.unique()
        .group_by("run_id")
        .agg(pl.col("start").min(), pl.col("stop").max(), livetime=lasts.sum())
        .sort("run_id")
    )


def rates(events: Events, runs: pl.DataFrame, weight: str | pl.Expr | None = None) -> pl.DataFrame:
    """Compute the rate of selected events in each run, with its error.

    Parameters
    ----------
    events
        The events that pass a selection.
    runs
        What `table` or `good_runs` returns, for all runs: one without selected events has rate 0.
    weight
        Column or expression of a weight without unit, such as a prescale; 1 if None.

    Returns
    -------
    polars.DataFrame
        `run_id`, `livetime` (s), `events`, `rate` and `rate_error` (Hz): of n events, with the error sqrt(n), or of
        weights, with sqrt(sum of squares).

    Examples
    --------
    >>> runs = pl.DataFrame(
    ...     {"run_id": [1, 2], "livetime": [10.0, 20.0]}, schema={"run_id": pl.UInt32, "livetime": pl.Float64}
    ... )
    >>> selected = pl.DataFrame({"I3EventHeader.run_id": [1, 1, 1, 1]})
    >>> rates(selected, runs).select("run_id", "events", "rate", "rate_error").rows()
    [(1, 4, 0.4, 0.2), (2, 0, 0.0, 0.0)]
    """
    lf = lazy_frame(events)
    if _RUN not in lf.collect_schema():
        msg = f"rates by run need {_RUN!r}"
        raise MissingColumnError(msg)
    w = expression(1.0 if weight is None else weight)
    found = (
        lf.select(pl.col(_RUN).cast(pl.UInt32).alias("run_id"), w.cast(pl.Float64).alias("w"))
        .group_by("run_id")
        .agg(events=pl.len().cast(pl.Int64), sumw=pl.col("w").sum(), sumw2=pl.col("w").pow(2).sum())
        .collect(engine="streaming")
    )
    counted = runs.select(pl.col("run_id").cast(pl.UInt32), "livetime").join(
        found, on="run_id", how="left", maintain_order="left"
    )
    return counted.with_columns(pl.col("events", "sumw", "sumw2").fill_null(0)).select(
        "run_id",
        "livetime",
        "events",
        rate=_over_livetime(pl.col("sumw")),
        rate_error=_over_livetime(pl.col("sumw2").sqrt()),
    )


def _with_rate(runs: pl.DataFrame) -> pl.DataFrame:
    n = pl.col("events").cast(pl.Float64)
    return runs.with_columns(rate=_over_livetime(n), rate_error=_over_livetime(n.sqrt()))


def _over_livetime(number: pl.Expr) -> pl.Expr:
    return pl.when(pl.col("livetime") > 0).then(number / pl.col("livetime"))


def _as_time(values: pl.Series) -> pl.Series:
    """Read times as dates, text or MJD."""
    wanted = pl.Datetime("ns")
    if values.dtype.is_temporal():
        return values.cast(wanted)
    if values.dtype.is_numeric():
        return ((values.cast(pl.Float64) - 40587) * 86_400e9).round().cast(pl.Int64).cast(wanted)
    if values.dtype == pl.String:
        try:
            return values.str.strip_chars().str.to_datetime(time_unit="ns", time_zone=None, strict=True)
        except pl.exceptions.PolarsError as err:
            msg = f"the times in column {values.name!r} are not dates as in 2016-05-09 15:26:41: {err}"
            raise SchemaError(msg) from err
    msg = f"column {values.name!r} of a list of runs is {values.dtype}; it needs dates or MJD"
    raise SchemaError(msg)
