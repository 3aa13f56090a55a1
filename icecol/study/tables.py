"""Tables of resolutions: quantiles of angles and distances, bias and spread of energies, in bins."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from icecol import terminal

if TYPE_CHECKING:
    from rich.table import Table

QUANTILES: Final = (0.2, 0.5, 0.8, 0.9)


def distribution(
    frame: pl.DataFrame, columns: Mapping[str, str], by: str, edges: Sequence[float]
) -> pl.DataFrame:
    """Return quantiles of columns in bins of another one, one row per bin and column.

    Parameters
    ----------
    frame
        Events, one per row.
    columns
        Columns, by name in the resulting table.
    by, edges
        Column to bin in, and its bin edges; the upper edge of each bin is exclusive.

    Returns
    -------
    pl.DataFrame
        `low` and `high` edge of the bin, `events` in it, `name`, `answers` (events with a value), and q20, q50, q80,
        q90 of the values (null if there are none).

    Examples
    --------
    >>> frame = pl.DataFrame({"angle": [1.0, 2.0, 3.0, None], "zenith": [10.0, 20.0, 30.0, 40.0]})
    >>> distribution(frame, {"SPE": "angle"}, "zenith", [0, 90]).drop("q20", "q80", "q90").row(0)
    (0.0, 90.0, 4, 'SPE', 3, 2.0)
    """
    rows = []
    for low, high in itertools.pairwise(edges):
        part = frame.filter(pl.col(by).is_between(low, high, closed="left"))
        for name, column in columns.items():
            values = part[column].drop_nulls()
            found = {f"q{100 * q:.0f}": values.quantile(q, "linear") for q in QUANTILES}
            rows.append(
                {
                    "low": float(low),
                    "high": float(high),
                    "events": part.height,
                    "name": name,
                    "answers": values.len(),
                    **found,
                }
            )
    numbers = {f"q{100 * q:.0f}": pl.Float64 for q in QUANTILES}
    return pl.DataFrame(rows, schema_overrides=numbers)


def energies(frame: pl.DataFrame, columns: Mapping[str, str], edges: Sequence[float]) -> pl.DataFrame:
    """Return bias and spread of energies in bins of true energy, one row per bin and name.

    Parameters
    ----------
    frame
        Events, one per row, with the true `energy` (GeV).
    columns
        Columns of reconstructed energies (GeV, null if the fit failed), by name in the resulting table.
    edges
        Bin edges of the true energy.

    Returns
    -------
    pl.DataFrame
        `low` and `high` edge of the bin (GeV), `events` in it, `name`, `answers` (events with a value), and for
        log10(energy / true energy) the median as `bias` and half the distance between the 16 % and 84 % quantiles as
        `spread`.

    Examples
    --------
    >>> frame = pl.DataFrame({"energy": [1e3] * 3, "found": [1e2, 1e3, 1e4]})
    >>> energies(frame, {"likelihood": "found"}, [1e2, 1e4]).drop("spread").row(0)
    (100.0, 10000.0, 3, 'likelihood', 3, 0.0)
    """
    rows = []
    for low, high in itertools.pairwise(edges):
        part = frame.filter(pl.col("energy").is_between(low, high, closed="left"))
        for name, column in columns.items():
            ratio = (part[column] / part["energy"]).log10().drop_nulls()
            lower, bias, upper = (ratio.quantile(q, "linear") for q in (0.16, 0.5, 0.84))
            spread = (upper - lower) / 2 if lower is not None and upper is not None else None
            row = {"low": float(low), "high": float(high), "events": part.height, "name": name}
            rows.append({**row, "answers": ratio.len(), "bias": bias, "spread": spread})
    return pl.DataFrame(rows, schema_overrides={"bias": pl.Float64, "spread": pl.Float64})


def closed(edges: Sequence[float]) -> list[float]:
    """Return bin edges with the upper edge of the last bin included."""
    return [*edges[:-1], float(np.nextafter(edges[-1], math.inf))]


def split(
    frame: pl.DataFrame, column: str, by: str, edges: Sequence[float]
) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    """Return the values of a column in each bin of another one, without nulls."""
    return [
        frame.filter(pl.col(by).is_between(low, high, closed="left"))[column].drop_nulls().to_numpy()
        for low, high in itertools.pairwise(edges)
    ]


def shown(title: str, table: pl.DataFrame) -> Table:
    """Return a table of `distribution` or `energies` for the terminal, one line per bin and name."""
    numbers = [c for c in table.columns if c not in {"low", "high", "events", "name", "answers"}]
    heads = [f"{name[1:]} %" if name[1:].isdigit() else name for name in numbers]
    columns = ("", "events", "", *heads, "no answer")
    made = terminal.table(*columns, numbers=set(columns) - {""}, title=title)
    whole = table["low"].n_unique() == 1
    before = None
    for row in table.iter_rows(named=True):
        place = "all" if whole else f"{row['low']:g} to {row['high']:g}"
        new = place != before
        cells = ["" if row[c] is None else f"{row[c]:.3g}" for c in numbers]
        missing = row["events"] - row["answers"]
        first = (place, str(row["events"])) if new else ("", "")
        made.add_row(*first, row["name"], *cells, str(missing) if missing else "")
        before = place
    return made
