"""Reading GraphNeT's Parquet files and SQLite databases: pulses with a row each, and a table of the truth.

Its columns keep their names under the keys of their tables (`truth.energy`); pulses get those of a pulse series. -1,
which GraphNeT writes for what is not known, is null.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa

from icecol.convert.hdf5_reader import unused_keys
from icecol.convert.positions import Sensors, modules_per_string, names_of_positions
from icecol.convert.rows import Array, Column, Rows, listed, plain, pulses, unknown
from icecol.convert.source import Detector, Found, Reader
from icecol.convert.stores import NestedStore, ParquetStore, SqliteStore, Store
from icecol.convert.tableio_names import times
from icecol.dataset import schema as schemas
from icecol.dataset.facts import UNITS
from icecol.errors import FormatError, UnsupportedError
from icecol.names import matches

NUMBER: Final = "event_no"
TRUTH: Final = ("truth", "mc_truth")
"""Names of the table with one row per event."""
HEADER: Final = {
    "RunID": "run_id",
    "SubrunID": "sub_run_id",
    "EventID": "event_id",
    "SubEventID": "sub_event_id",
}
"""Columns of the truth, and the members of the header that they are."""
BATCH_EVENTS: Final = 4096
_ANY: Final = ("position_", "_x", "_y", "_z", "type", "pid", "phi")
"""Parts of the names of columns in which -1 is a value."""
TIME: Final = "event_time"
"""Of the truth, tenths of ns since the start of the year; of pulses, the date (MJD) of their event."""
_PER_EVENT: Final = (TIME, NUMBER)
"""Columns of pulses that are those of their event."""


def truth_beside(path: Path) -> dict[str, Path]:
    """Return the tables that belong to a file of the truth, by name: `<folder>/<table>/<name>`, the file's own too."""
    path = path.absolute()
    own = path.parent.name
    found = {own: path}
    for folder in sorted(p for p in path.parent.parent.iterdir() if p.is_dir() and p.name != own):
        before, named, after = path.name.rpartition(own)
        other = folder / f"{before}{folder.name}{after}"
        if named and other.is_file():
            found[folder.name] = other
    return found


@dataclass(frozen=True, slots=True)
class GraphnetReader(Reader):
    """Reads GraphNeT's files. The file of a folder is that of the truth."""

    keys: tuple[str, ...] | None = None
    whole_detector = False

    def settings(self) -> dict[str, Any]:
        """Return the options, and the name of the form."""
        return {"form": "GraphNeT", "keys": None if self.keys is None else list(self.keys)}

    def read(self, path: Path, file: BinaryIO, found: Found) -> Iterator[pa.Table]:  # noqa: ARG002
        """Yield tables of events, in the order of their numbers."""
        store = _store(path)
        columns = {t: names for t, names in store.columns().items() if NUMBER in names}
        truth = next((name for name in TRUTH if name in columns), "")
        if not truth:
            msg = f"{path} has no table of the truth, {' or '.join(map(repr, TRUTH))}; tables: {', '.join(columns)}"
            raise UnsupportedError(msg)
        chosen = [t for t in columns if t != truth and (self.keys is None or matches(t, self.keys))]
        found.has_geometry = any(names_of_positions(columns[t]) for t in chosen)
        rows = {t: Rows(store.batches(t, NUMBER), NUMBER, f"{path}: table {t!r}") for t in chosen}
        of_pulses = {t for t in chosen if names_of_positions(columns[t]) or "dom_time" in columns[t]}
        per_string = {t: _per_string(store, t, columns[t]) for t in chosen}
        once = {t for t in chosen if t not in of_pulses and _is_once(store.numbers(t, NUMBER))}
        _require_once(f"{path}: table {truth!r}", store.numbers(truth, NUMBER))
        for table in store.batches(truth, NUMBER):
            for begin in range(0, table.num_rows, BATCH_EVENTS):
                some = table.slice(begin, BATCH_EVENTS)
                found.frames += some.num_rows
                yield _events(some, truth, rows, of_pulses, once, per_string, found)
        for left in rows.values():
            left.finish()

    def detector(self, path: Path) -> Detector | None:
        """Collect the sensors that have pulses; None if they are those of IceCube."""
        store, sensors = _store(path), Sensors()
        for table, columns in store.columns().items():
            names = names_of_positions(columns)
            if (
                names is None
                or NUMBER not in columns
                or (self.keys is not None and not matches(table, self.keys))
            ):
                continue
            per_string = _per_string(store, table, columns)
            for rows in store.rows(table, list(dict.fromkeys(names.values()))):
                values = {name: plain(rows[column]) for name, column in names.items()}
                sensors.add({**values, "om": values["om"] - values["string"] * per_string})
        geometry = sensors.geometry()
        return None if geometry is None else Detector(geometry)

    def unused(self, columns: Sequence[str]) -> list[str]:
        """List the patterns of keys that match no column."""
        return unused_keys(self.keys, columns)


def _per_string(store: Store, table: str, columns: Sequence[str]) -> int:
    """Return how many modules a string has, where sensors are numbered through all strings; else 0."""
    names = ["sensor_string_id", "sensor_id"]
    if not set(names) <= set(columns):
        return 0
    return modules_per_string([plain(rows[name]) for name in names] for rows in store.rows(table, names))


def _is_once(numbers: Array) -> bool:
    """Return whether no event has several rows."""
    return np.unique(numbers).size == numbers.size


def _require_once(name: str, numbers: Array) -> None:
    """Raise FormatError if an event has no number, or stands twice in the table of the truth."""
    if numbers.dtype.kind == "f" and np.isnan(numbers).any():
        msg = f"{name} has {int(np.isnan(numbers).sum())} rows without a number in {NUMBER!r}"
        raise FormatError(msg)
    if not _is_once(numbers):
        seen, counts = np.unique(numbers, return_counts=True)
        several = seen[counts > 1]
        more = f" (and of {several.size - 1} more)" if several.size > 1 else ""
        msg = f"{name} has {counts.max()} rows of event {seen[counts.argmax()]}{more}, where each has one"
        raise FormatError(msg)


def _store(path: Path) -> Store:
    with path.open("rb") as file:
        parquet = file.read(4) == b"PAR1"
    if not parquet:
        return SqliteStore(path)
    nested = NestedStore(path)
    return nested if nested.columns() else ParquetStore(truth_beside(path))


def _events(
    table: pa.Table,
    truth: str,
    rows: Mapping[str, Rows],
    of_pulses: set[str],
    once: set[str],
    per_string: Mapping[str, int],
    found: Found,
) -> pa.Table:
    events = plain(table[NUMBER])
    made = _truth(truth, table)
    dates: Array = np.full(events.size, np.nan)
    for key, of_key in rows.items():
        several, counts = of_key.take(events)
        if several is None:
            continue
        if key in of_pulses and TIME in several.column_names:
            has = counts > 0
            dates[has] = plain(several[TIME])[(np.cumsum(counts) - counts)[has]]
        found.bytes += several.nbytes
        if key in of_pulses:
            values = {name: plain(several[name]) for name in several.column_names}
            if per_string[key]:
                values["sensor_id"] = values["sensor_id"] - values["sensor_string_id"] * per_string[key]
            own, used = pulses(key, values)
            positions = names_of_positions(several.column_names) or {}
            rest = [n for n in several.column_names if n not in {*used, *positions.values(), *_PER_EVENT}]
            own += [c for n in rest if (c := _column(key, n, several[n]))[1].null_count < len(c[1])]
            made += listed(own, counts) + unknown(key, own, events.size)
        elif key in once:
            index = pa.array(np.cumsum(counts) - 1, mask=counts == 0)
            own = [_column(key, n, several[n]) for n in several.column_names if n != NUMBER]
            made += [(f, a.take(index)) for f, a in own]
        else:
            own = [_column(key, n, several[n]) for n in several.column_names if n != NUMBER]
            made += listed(own, counts)
    if TIME in table.column_names and of_pulses:
        made = _start_times(plain(table[TIME]), dates) + made
    return pa.Table.from_arrays([a for _, a in made], schema=pa.schema([f for f, _ in made]))


def _start_times(daq: Array, dates: Array) -> list[Column]:
    """Return the times of the header: since the start of a year, which the date (MJD) of an event's pulses tells."""
    known = np.isfinite(daq) & (daq >= 0)
    return times("start", np.where(known, daq, 0), np.where(known, dates, np.nan))


def _truth(key: str, table: pa.Table) -> list[Column]:
    """Return the columns of the truth, and the header that it has; without one, the number stands for the event."""
    made: list[Column] = []
    for name, member in HEADER.items():
        if name in table.column_names:
            values = plain(table[name])
            field = schemas.field(f"I3EventHeader.{member}", pa.uint32(), "", name)
            made.append((field, pa.array(values.astype(np.int64), pa.uint32(), mask=values < 0)))
    if "EventID" not in table.column_names:
        numbers = table[NUMBER].combine_chunks()
        made.append(
            (schemas.field("I3EventHeader.event_id", pa.uint32(), "", NUMBER), numbers.cast(pa.uint32()))
        )
    rest = [n for n in table.column_names if n not in HEADER]
    return made + [_column(key, name, table[name]) for name in rest]


def _column(key: str, name: str, values: pa.ChunkedArray) -> Column:
    """Return a column under its name, null where it is -1 for want of a value."""
    array = values.combine_chunks()
    if pa.types.is_null(array.type):
        array = array.cast(pa.float64())
    if (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)) and not any(
        p in name for p in _ANY
    ):
        import pyarrow.compute as pc

        missing = pc.equal(array, pa.scalar(-1, array.type))
        array = pc.if_else(pc.fill_null(missing, False), pa.scalar(None, array.type), array)  # noqa: FBT003
    return schemas.field(f"{key}.{name}", array.type, UNITS.get(name, "")), array


__all__ = ["GraphnetReader", "truth_beside"]
