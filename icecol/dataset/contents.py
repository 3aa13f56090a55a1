"""What a dataset holds, key by key: as a table, and as it is shown in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.types as pt

from icecol.dataset import schema as schemas
from icecol.notebook import shortened, table

if TYPE_CHECKING:
    from icecol.dataset.scan import Dataset

AT_ONCE: Final = 20_000_000
"""Values that may be read to count the events that have a key, without being asked to."""

_SCHEMA: Final[dict[str, Any]] = {
    "key": pl.String,
    "class": pl.String,
    "events": pl.UInt32,
    "members": pl.List(pl.String),
    "units": pl.List(pl.String),
}


def of_keys(dataset: Dataset, *, count: bool | None) -> pl.DataFrame:
    """Make the table that `Dataset.contents` returns."""
    columns: dict[str, list[pa.Field]] = {}
    for column in dataset.schema:
        columns.setdefault(schemas.key_of(column), []).append(column)
    asked = {key: _witnesses(key, fields) for key, fields in columns.items()}
    if count is None:
        count = dataset.rows * sum(map(len, asked.values())) <= AT_ONCE
    found = _counts(dataset, asked) if count else {}
    rows = [
        (
            key,
            schemas.class_of(fields[0]) or None,
            found.get(key),
            [column.name[len(key) + 1 :] or column.name for column in fields],
            [schemas.unit(column) for column in fields],
        )
        for key, fields in sorted(columns.items())
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _witnesses(key: str, fields: list[pa.Field]) -> list[str]:
    """Return the columns that tell which events have a key: the cheapest one, of maps all, as names come and go."""
    if schemas.class_of(fields[0]).startswith("I3MapString"):
        return [column.name for column in fields]
    flat = [column.name for column in fields if not pt.is_nested(column.type)]
    cheap = [column.name for column in fields if column.name == f"{key}.flags"]
    return (flat or cheap or [fields[0].name])[:1]


def _counts(dataset: Dataset, asked: dict[str, list[str]]) -> dict[str, int]:
    events = dataset.scan()
    there = set(events.collect_schema().names())
    have = {key: [name for name in names if name in there] for key, names in asked.items()}
    exprs = {
        key: pl.any_horizontal(pl.col(names).is_not_null()).sum() for key, names in have.items() if names
    }
    if not exprs:
        return {}
    numbered = {f"{i}": expr for i, expr in enumerate(exprs.values())}  # a key may be called as a column
    row = events.select(**numbered).collect(engine="streaming").row(0)
    return dict(zip(exprs, row, strict=True))


def to_html(dataset: Dataset) -> str:
    """Show a dataset in a notebook: a row for each key."""
    found = of_keys(dataset, count=None)
    rows = [
        (
            row["key"],
            row["class"],
            row["events"],
            shortened(row["members"]),
            ", ".join(dict.fromkeys(u for u in row["units"] if u)),
        )
        for row in found.iter_rows(named=True)
    ]
    note = (
        ""
        if found["events"].len() != found["events"].null_count() or not rows
        else "ds.contents(count=True) counts"
    )
    headings = ["key", "class", "events", "members", "units"]
    return table(headings, rows, title=repr(dataset), note=note, numbers=["events"])
