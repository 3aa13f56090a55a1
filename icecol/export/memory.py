"""Events as awkward arrays and pandas tables, which hold them in memory: choose columns and events before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from icecol.dataset.events import Events
from icecol.errors import needs
from icecol.export.contents import by_key, chosen


def awkward(events: Events, *, columns: str | Sequence[str] | None = None) -> Any:
    """Return events as an awkward array of records, with one field per key: `events.InIcePulses.time`.

    Lists of a key that are as long as one another become lists of records: `events.InIcePulses[0, 0].charge`. Null is
    None. All events are held in memory; `icecol.export.batches` gives some at a time.

    Parameters
    ----------
    events : Dataset, LazyFrame or DataFrame
        The events.
    columns : names or patterns, optional
        Columns to take; by default all.

    Returns
    -------
    awkward.Array

    Raises
    ------
    MissingColumnError
        A pattern of `columns` matches nothing.
    MissingDependencyError
        awkward is not installed.

    Examples
    --------
    >>> import polars as pl
    >>> events = pl.DataFrame(
    ...     {"Hits.t": [[1.0, 2.0], []], "Hits.q": [[3.0, 4.0], []], "Fit.zenith": [0.5, None]}
    ... )
    >>> array = awkward(events)
    >>> array.Hits.q.tolist(), array.Fit.zenith.tolist(), array.Hits[0, 1].tolist()
    ([[3.0, 4.0], []], [0.5, None], {'t': 2.0, 'q': 4.0})
    """
    try:
        import awkward as ak
    except ImportError as err:
        raise needs("awkward", "root", "awkward arrays") from err  # noqa: EM101
    table = chosen(events, columns).collect()
    found = {}
    for key, members in by_key(table.columns).items():
        arrays = {
            m: ak.from_arrow(table[c].rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()))
            for m, c in members.items()
        }
        if list(members) == ["value"] and members["value"] == key:
            found[key] = arrays["value"]
            continue
        lists = [m for m, c in members.items() if isinstance(table[c].dtype, pl.List)]
        alike = len(lists) == len(members) and _alike(table, [members[m] for m in lists])
        found[key] = ak.zip(arrays, depth_limit=2 if alike else 1)
    return ak.zip(found, depth_limit=1)


def _alike(table: pl.DataFrame, columns: Sequence[str]) -> bool:
    """Return whether lists are as long as one another in every event, and null in the same ones."""
    lengths = table.select(pl.col(name).list.len() for name in columns)
    return all(lengths[name].equals(lengths[columns[0]], check_names=False) for name in columns[1:])


def pandas(events: Events, *, columns: str | Sequence[str] | None = None) -> Any:
    """Return events as a pandas table, with the types of Arrow: null stays apart from NaN, and lists are lists.

    All events are held in memory; `icecol.export.batches` gives some at a time.

    Parameters
    ----------
    events : Dataset, LazyFrame or DataFrame
        The events.
    columns : names or patterns, optional
        Columns to take; by default all.

    Returns
    -------
    pandas.DataFrame
        Its columns are named as in a dataset, `LineFit.zenith`.

    Raises
    ------
    MissingColumnError
        A pattern of `columns` matches nothing.
    MissingDependencyError
        pandas is not installed.

    Examples
    --------
    >>> import polars as pl
    >>> events = pl.DataFrame({"Fit.n": [1, None]})
    >>> pandas(events)["Fit.n"].isna().tolist()  # doctest: +SKIP
    [False, True]
    """
    try:
        import pandas as pd
    except ImportError as err:
        raise needs("pandas", "pandas", "pandas tables") from err  # noqa: EM101
    table = chosen(events, columns).collect().to_arrow(compat_level=pl.CompatLevel.oldest())
    return table.to_pandas(types_mapper=pd.ArrowDtype)
