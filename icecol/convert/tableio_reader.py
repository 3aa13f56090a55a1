"""Reading what tableio writes into Parquet folders (one file per key) and SQLite databases (one table per key).

These have `event_no` in place of the identity of the event, a number that counts the objects written into that table.
In tables with several rows per event it is therefore wrong after the first event that lacks the key: such tables are
refused. In the others such an event has a row, whose floats are NaN and whose integers are 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa

from icecol.convert.hdf5_reader import unused_keys
from icecol.convert.rows import Array, Column, Rows, listed, plain, unknown
from icecol.convert.source import Found, Reader
from icecol.convert.stores import ParquetStore, SqliteStore, Store
from icecol.convert.tableio_names import HEADER, PULSE, Member, header, members
from icecol.dataset import schema as schemas
from icecol.errors import FormatError, UnsupportedError
from icecol.names import matches

NUMBER: Final = "event_no"
BATCH_EVENTS: Final = 4096
_ENDING: Final = ".parquet"


def tables_beside(path: Path) -> dict[str, Path]:
    """Return the tables of the folder of a header's Parquet file, by key: the ending may name a codec."""
    files = sorted(
        p for p in path.parent.iterdir() if _ENDING in p.suffixes[-2:] and not p.name.startswith(".")
    )
    return {p.name[: p.name.rindex(_ENDING)]: p for p in files}


@dataclass(frozen=True, slots=True)
class TableioReader(Reader):
    """Reads the Parquet folders and SQLite databases of tableio. The file of a folder is that of its headers."""

    keys: tuple[str, ...] | None = None

    def settings(self) -> dict[str, Any]:
        """Return the options, and the name of the form."""
        return {"form": "tableio tables", "keys": None if self.keys is None else list(self.keys)}

    def read(self, path: Path, file: BinaryIO, found: Found) -> Iterator[pa.Table]:
        """Yield tables of events."""
        store: Store = SqliteStore(path)
        if file.read(4) == b"PAR1":
            store = ParquetStore(tables_beside(path))
        yield from _tables(store, path, self.keys, found)

    def unused(self, columns: Sequence[str]) -> list[str]:
        """List the patterns of keys that match no column."""
        return unused_keys(self.keys, columns)


def _tables(store: Store, path: Path, keys: Sequence[str] | None, found: Found) -> Iterator[pa.Table]:
    columns = store.columns()
    n = store.numbers(HEADER, NUMBER).size
    names = [
        k for k in columns if k != HEADER and NUMBER in columns[k] and (keys is None or matches(k, keys))
    ]
    several = {key: _has_several(store, path, key, n) for key in names}
    rows = {key: Rows(store.batches(key, NUMBER), NUMBER, f"{path}: table {key!r}") for key in names}
    headers = Rows(store.batches(HEADER, NUMBER), NUMBER, f"{path}: table {HEADER!r}")
    for begin in range(0, n, BATCH_EVENTS):
        events = np.arange(begin, min(begin + BATCH_EVENTS, n))
        table, counts = headers.take(events)
        if table is None or (counts != 1).any():
            msg = f"{path}: {NUMBER} of {HEADER} does not count its rows from 0"
            raise FormatError(msg)
        head = {name: plain(table[name]) for name in table.column_names}
        made: dict[str, list[Column]] = {HEADER: header(head, head, None)}
        for key in names:
            table, counts = rows[key].take(events)
            if table is None:
                continue
            values = {c: Member(plain(table[c])) for c in table.column_names if c != NUMBER}
            found.bytes += table.nbytes
            own = members(key, values)
            if several[key]:
                made[key] = listed(own, counts)
                made[key] += unknown(key, own, events.size) if values.keys() >= PULSE else []
            else:
                index = pa.array(np.arange(events.size), mask=_padding(values))
                made[key] = [(f, a.take(index)) for f, a in own]
        found.frames += events.size
        fields = schemas.of_keys({key: [f for f, _ in own] for key, own in made.items()})
        yield pa.Table.from_arrays([a for own in made.values() for _, a in own], schema=pa.schema(fields))


def _has_several(store: Store, path: Path, key: str, n: int) -> bool:
    """Return whether a table has several rows per event.

    Raises
    ------
    UnsupportedError
        Its numbers of events are not those of the header.
    """
    numbers = store.numbers(key, NUMBER)
    if np.array_equal(numbers, np.arange(n)):
        return "vector_index" in store.columns()[key] or "depth" in store.columns()[key]
    counted = int(numbers.max()) + 1 if numbers.size else 0
    if counted != n:
        msg = (
            f"{path}: table {key!r} counts {counted:,} events, the header {n:,}: tableio numbers the events of such a "
            "table by its objects, so that all after one without it are shifted. Leave it out by `keys`, or convert "
            "the .i3 file, or HDF5"
        )
        raise UnsupportedError(msg)
    return True


def _padding(values: Mapping[str, Member]) -> Array:
    """Return which rows stand for an absent object: all floats are NaN, all else is 0."""
    columns = [member.values for member in values.values()]
    floats = [c for c in columns if c.dtype.kind == "f"]
    if not floats:
        return np.zeros(len(columns[0]) if columns else 0, bool)
    rest = [c for c in columns if c.dtype.kind in "biu"]
    return np.logical_and.reduce([*(np.isnan(c) for c in floats), *(c == 0 for c in rest)])


__all__ = ["TableioReader", "tables_beside"]
