"""Comma-separated values of everything that is one number per event."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from icecol.dataset.events import Events
from icecol.export.contents import chosen, need_some, tell_left_out
from icecol.files import whole


def csv(events: Events, out: str | Path, *, columns: str | Sequence[str] | None = None) -> Path:
    """Write the columns with one value per event into a file of comma-separated values; null is empty.

    Parameters
    ----------
    events : Dataset, LazyFrame or DataFrame
        The events.
    out : path
        The file to write.
    columns : names or patterns, optional
        Columns to write; by default all.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    MissingColumnError
        A pattern of `columns` matches nothing.
    SchemaError
        There are only lists.

    Warns
    -----
    UserWarning
        Lists are left out.

    Examples
    --------
    >>> import polars as pl, tempfile
    >>> events = pl.DataFrame({"Fit.zenith": [0.1, None], "Fit.n": [1, 2]})
    >>> print(csv(events, f"{tempfile.mkdtemp()}/a.csv").read_text().strip())
    Fit.zenith,Fit.n
    0.1,1
    ,2
    """
    frame = chosen(events, columns)
    schema = frame.collect_schema()
    nested = [name for name, dtype in schema.items() if dtype.is_nested() or dtype == pl.Binary]
    kept = [name for name in schema if name not in nested]
    need_some("CSV", kept, nested, "lists")
    with whole(out) as aside:
        frame.select(kept).sink_csv(aside)
    tell_left_out("CSV", nested, "lists")
    return Path(out)
