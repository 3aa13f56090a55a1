"""What the online filter saw, added up over its segments: events and bytes by minute, and histograms."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from icecol.errors import DatasetError
from icecol.filters.prescales import pair
from icecol.hist.bundle import Bundle
from icecol.hist.reading import from_dict

FOLDER: Final = "monitoring"
STATE: Final = "state.json"
_SCHEMA: Final[dict[str, Any]] = {
    "minute": pl.Datetime("ns"),
    "filter": pl.String,
    **dict.fromkeys(("n_condition", "n", "n_sent", "bytes", "first", "last"), pl.Int64),
}


def monitoring(folder: str | Path) -> pl.DataFrame:
    """Return events and rates of each filter by minute, from the folder of an online filter.

    Parameters
    ----------
    folder
        Where `icecol.filters.run` writes; also while it does.

    Returns
    -------
    polars.DataFrame
        A row for each minute (UTC, by the start of an event) and filter, in order. The filter `all` is all events,
        `any` those that at least one filter keeps.

        ===========  ===================================================================
        minute       its beginning
        filter       name of the filter
        n_condition  events that pass its condition
        n            of these, those that its prescale keeps
        n_sent       of these, those for which the budget had room
        bytes        estimated size of these
        rate         n by the seconds between the first and the last event of the minute
        ===========  ===================================================================

    Raises
    ------
    DatasetError
        No online filter wrote into this folder.

    Examples
    --------
    >>> import icecol as ic, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> ic.sim.write(folder / "daq.i3", ic.sim.events(20, seed=1))
    >>> state = ic.filters.run(
    ...     folder / "daq.i3", folder / "online", filters={"half": pl.col("I3EventHeader.event_id") >= 10}
    ... )
    >>> ic.filters.monitoring(folder / "online").select("filter", "n").rows()
    [('all', 20), ('half', 10), ('any', 10)]
    """
    rows = [row for part in _parts(folder) for row in part["rows"]]
    span = (pl.col("last") - pl.col("first")) / 1e9
    return (
        pl.DataFrame(rows, schema={**_SCHEMA, "minute": pl.Int64}, orient="row")
        .with_columns(pl.col("minute").cast(_SCHEMA["minute"]))
        .group_by("minute", "filter", maintain_order=True)
        .agg(pl.col("n_condition", "n", "n_sent", "bytes").sum(), pl.col("first").min(), pl.col("last").max())
        .sort("minute", maintain_order=True)
        .with_columns(rate=pl.when(span > 0).then(pl.col("n") / span))
        .drop("first", "last")
    )


def histograms(folder: str | Path) -> Bundle:
    """Return the histograms of all events that an online filter has seen, from its folder.

    Parameters
    ----------
    folder
        Where `icecol.filters.run` writes; also while it does.

    Raises
    ------
    DatasetError
        No online filter wrote into this folder.

    Examples
    --------
    >>> import icecol as ic, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> ic.sim.write(folder / "daq.i3", ic.sim.events(20, seed=1))
    >>> axis = ic.hist.integer("I3EventHeader.run_id", 0, 3)
    >>> state = ic.filters.run(
    ...     folder / "daq.i3",
    ...     folder / "online",
    ...     filters={"half": pl.col("I3EventHeader.event_id") >= 10},
    ...     histograms={"run": axis},
    ... )
    >>> ic.filters.histograms(folder / "online")["run"].sum()
    20.0
    """
    total: dict[str, Any] = {}
    for part in _parts(folder):
        for name, content in part["histograms"].items():
            found = from_dict(content)
            total[name] = total[name] + found if name in total else found
    return Bundle(total)


def counts(events: pl.DataFrame, filters: Iterable[str], mask: str) -> list[list[Any]]:
    """Return the rows of a segment: `events` has its masks, `time`, `kept`, `sent` and `size`."""
    always = pl.col("size").is_not_null()  # a literal would be one row
    columns = {
        "all": (always, always),
        **{name: tuple(pl.col(c) for c in pair(mask, name)) for name in filters},
        "any": (pl.any_horizontal([pl.col(pair(mask, name)[0]) for name in filters]), pl.col("kept")),
    }
    by_minute = events.group_by(
        pl.col("time").dt.truncate("1m").cast(pl.Int64).alias("minute"), maintain_order=True
    )
    time = pl.col("time").cast(pl.Int64)
    tables = [
        by_minute.agg(
            pl.lit(name).alias("filter"),
            condition.sum().cast(pl.Int64).alias("n_condition"),
            (condition & kept).sum().cast(pl.Int64).alias("n"),
            (condition & kept & pl.col("sent")).sum().cast(pl.Int64).alias("n_sent"),
            pl.col("size")
            .filter(condition & kept & pl.col("sent"))
            .sum()
            .round()
            .cast(pl.Int64)
            .alias("bytes"),
            time.min().alias("first"),
            time.max().alias("last"),
        )
        for name, (condition, kept) in columns.items()
    ]
    return [list(row) for row in pl.concat(tables).iter_rows()]


def name(number: int) -> str:
    """Return the name, without suffix, of the files of a segment."""
    return f"{number:08d}"


def _parts(folder: str | Path) -> Iterator[Mapping[str, Any]]:
    """Read what is recorded; a file of a segment that was not recorded is left out."""
    place = Path(folder)
    try:
        state = json.loads((place / STATE).read_bytes())
    except FileNotFoundError:
        msg = f"{place} has no {STATE}: no online filter wrote there (`icecol filter ... -o {place}`)"
        raise DatasetError(msg) from None
    for number in range(state["segments"]):
        yield json.loads((place / FOLDER / f"{name(number)}.json").read_bytes())


__all__ = ["counts", "histograms", "monitoring", "name"]
