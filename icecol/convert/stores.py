"""Several tables with a number of the event in each row, as Parquet files or in one SQLite database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from icecol.convert.rows import Array, plain
from icecol.errors import FormatError

ROWS: Final = 1 << 16
"""Rows that are read together."""


class Store(Protocol):
    """Tables of rows, each with the number of its event."""

    def columns(self) -> Mapping[str, Sequence[str]]:
        """Return the columns of each table."""

    def numbers(self, table: str, of_event: str) -> Array:
        """Return the numbers of the events of all rows, as they are stored."""

    def batches(self, table: str, of_event: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of a table, or some columns of them, in the order of their events."""

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield some columns of the rows of a table, in any order."""


@dataclass(frozen=True, slots=True)
class ParquetStore:
    """Tables in Parquet files, by name."""

    paths: Mapping[str, Path]
    _in_order: dict[tuple[str, str], bool] = field(default_factory=dict)
    """Whether the rows of a table are in the order of their events, as far as it is known."""

    def columns(self) -> dict[str, list[str]]:
        """Return the columns of each table."""
        return {name: open_parquet(path).schema_arrow.names for name, path in self.paths.items()}

    def numbers(self, table: str, of_event: str) -> Array:
        """Return the numbers of the events of all rows, as they are stored."""
        found = plain(open_parquet(self.paths[table]).read([of_event])[of_event])
        self._in_order[table, of_event] = bool((found[1:] >= found[:-1]).all())
        return found

    def batches(self, table: str, of_event: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of a table in the order of their events; one that is not in order is read as a whole."""
        if (table, of_event) not in self._in_order:
            self.numbers(table, of_event)
        if self._in_order[table, of_event]:
            yield from self.rows(table, columns)
            return
        numbers = self.numbers(table, of_event)
        chosen = None if columns is None else list(columns)
        whole = open_parquet(self.paths[table]).read(chosen)
        yield whole.take(pa.array(np.argsort(numbers, kind="stable")))

    def rows(self, table: str, columns: Sequence[str] | None) -> Iterator[pa.Table]:
        """Yield some columns of the rows of a table, or all, as they are stored."""
        chosen = None if columns is None else list(columns)
        file = open_parquet(self.paths[table])
        if not file.metadata.num_rows:  # its columns are known nevertheless
            yield file.read(chosen)
        for batch in file.iter_batches(ROWS, columns=chosen):
            yield pa.Table.from_batches([batch])


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a Parquet file.

    Raises
    ------
    FormatError
        It is damaged.
    """
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as err:
        if isinstance(err, FileNotFoundError | PermissionError):
            raise
        msg = f"{path} is damaged, or not written to its end: {err}"
        raise FormatError(msg) from err


@dataclass(frozen=True, slots=True)
class NestedStore:
    """Tables in one Parquet file, each a column of structs, whose lists have a value for each row of the event."""

    path: Path

    def columns(self) -> dict[str, list[str]]:
        """Return the columns of each table."""
        schema = open_parquet(self.path).schema_arrow
        return {f.name: [inner.name for inner in f.type] for f in schema if pa.types.is_struct(f.type)}

    def numbers(self, table: str, of_event: str) -> Array:
        """Return the numbers of the events of all rows, as they are stored."""
        return np.concatenate(
            [plain(rows[of_event]) for rows in self._rows(table)] or [np.zeros(0, np.int64)]
        )

    def batches(self, table: str, of_event: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of a table in the order of their events; one that is not in order is read as a whole."""
        ordered = bool((np.diff(self.numbers(table, of_event)) >= 0).all())
        tables = self._rows(table) if ordered else [pa.concat_tables(self._rows(table)).sort_by(of_event)]
        for rows in tables:
            yield rows if columns is None else rows.select(list(columns))

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield some columns of the rows of a table, as they are stored."""
        for rows in self._rows(table):
            yield rows.select(list(columns))

    def _rows(self, table: str) -> Iterator[pa.Table]:
        file = open_parquet(self.path)
        none = pa.schema([file.schema_arrow.field(table)]).empty_table()  # its columns are known nevertheless
        batches = file.iter_batches(1024, columns=[table]) if file.metadata.num_rows else none.to_batches()
        for batch in batches:
            structs = batch.column(table)
            fields = {f.name: structs.field(f.name) for f in structs.type}
            lists = [a for a in fields.values() if pa.types.is_list(a.type) or pa.types.is_large_list(a.type)]
            if not lists:
                yield pa.table(fields)
                continue
            counts = plain(lists[0].value_lengths()).astype(np.int64)
            at = pa.array(np.repeat(np.arange(len(structs)), counts))
            nested = {a.type for a in lists}
            yield pa.table({n: a.flatten() if a.type in nested else a.take(at) for n, a in fields.items()})


_TYPES: Final = {"integer": pa.int64(), "real": pa.float64(), "text": pa.string(), "blob": pa.binary()}


@dataclass(frozen=True, slots=True)
class SqliteStore:
    """Tables in an SQLite database. Its columns have no types, but their values have."""

    path: Path

    def columns(self) -> dict[str, list[str]]:
        """Return the columns of each table."""
        with self._open() as found:
            names = [
                n for (n,) in _query(found, self.path, "select name from sqlite_master where type = 'table'")
            ]
            return {
                n: [c[1] for c in _query(found, self.path, f"pragma table_info({_quoted(n)})")] for n in names
            }

    def numbers(self, table: str, of_event: str) -> Array:
        """Return the numbers of the events of all rows, as they are stored."""
        with self._open() as found:
            rows = _query(
                found, self.path, f"select {_quoted(of_event)} from {_quoted(table)} order by rowid"
            )
            try:
                return np.fromiter((n for (n,) in rows), np.int64)
            except (TypeError, ValueError) as err:
                msg = f"{self.path}: table {table!r} has a row whose {of_event!r} is not an integer: {err}"
                raise FormatError(msg) from err

    def batches(self, table: str, of_event: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of a table in the order of their events."""
        names = list(columns) if columns is not None else list(self.columns()[table])
        yield from self._select(table, names, f"order by {_quoted(of_event)}, rowid")

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield some columns of the rows of a table, as they are stored."""
        yield from self._select(table, columns, "")

    def _select(self, table: str, names: Sequence[str], order: str) -> Iterator[pa.Table]:
        listed = ", ".join(map(_quoted, names))
        with self._open() as found:
            schema = self._schema(found, table, names)
            rows = _query(found, self.path, f"select {listed} from {_quoted(table)} {order}")
            if not any(_query(found, self.path, f"select 1 from {_quoted(table)} limit 1")):
                yield schema.empty_table()  # its columns are known nevertheless
            while some := rows.fetchmany(ROWS):
                yield pa.Table.from_arrays(
                    [
                        pa.array(values, f.type)
                        for values, f in zip(zip(*some, strict=True), schema, strict=True)
                    ],
                    schema=schema,
                )

    def _schema(self, found: sqlite3.Connection, table: str, names: Sequence[str]) -> pa.Schema:
        """Return the types that columns have: integer, or float where there is one, or text."""
        kinds = ", ".join(f"typeof({_quoted(name)})" for name in names)
        seen = list(_query(found, self.path, f"select distinct {kinds} from {_quoted(table)}"))
        fields = []
        for i, name in enumerate(names):
            of_column = {row[i] for row in seen} - {"null"}
            if of_column == {"integer", "real"}:
                of_column = {"real"}
            if len(of_column) > 1:
                msg = f"{self.path}: column {name!r} of table {table!r} has {' and '.join(sorted(of_column))} values"
                raise FormatError(msg)
            fields.append(pa.field(name, _TYPES[of_column.pop()] if of_column else pa.null()))
        return pa.schema(fields)

    def _open(self) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro&immutable=1", uri=True))


def _query(found: sqlite3.Connection, path: Path, text: str) -> sqlite3.Cursor:
    try:
        return found.execute(text)
    except sqlite3.DatabaseError as err:
        msg = f"{path} is damaged: {err}"
        raise FormatError(msg) from err


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


__all__ = ["NestedStore", "ParquetStore", "SqliteStore", "Store", "open_parquet"]
