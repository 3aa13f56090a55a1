"""Reading HDF5 files of IceTray's hdfwriter (tableio): tables, and ragged tables through their index.

Every table has an index table of one row per event, `__I3Index__/<key>`, with the first and last row of the event. Of
the identity of an event it holds run and event number only where the key is present (SubEvent and SubEventStream stay 0
there), so events are identified by the header's table, and rows are taken from the index by position.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa

from icecol.convert.rows import Array, Column, listed, unknown
from icecol.convert.source import Found, Reader
from icecol.convert.tableio_names import HEADER, INDEX, PULSE, Member, Told, header, members
from icecol.dataset import schema as schemas
from icecol.errors import FormatError, UnsupportedError, needs
from icecol.names import matches

OF_ROWS: Final = "__I3Index__"
BATCH_EVENTS: Final = 4096
_RAGGED: Final = "__I3RaggedTable__"


@dataclass(frozen=True, slots=True)
class Hdf5Reader(Reader):
    """Reads HDF5 files of tableio."""

    keys: tuple[str, ...] | None = None

    def settings(self) -> dict[str, Any]:
        """Return the options, and the name of the form."""
        return {"form": "tableio HDF5", "keys": None if self.keys is None else list(self.keys)}

    def read(self, path: Path, file: BinaryIO, found: Found) -> Iterator[pa.Table]:  # noqa: ARG002
        """Yield tables of events."""
        with open_hdf5(path) as opened:
            yield from _Tables(opened, path, self.keys, found).batches()

    def unused(self, columns: Sequence[str]) -> list[str]:
        """List the patterns of keys that match no column."""
        return unused_keys(self.keys, columns)


def unused_keys(keys: Sequence[str] | None, columns: Sequence[str]) -> list[str]:
    """List the patterns of keys that match no column."""
    return [f"keys={k!r}" for k in keys or () if not any(matches(name, (f"{k}.*", k)) for name in columns)]


def open_hdf5(path: Path) -> Any:
    """Open an HDF5 file for reading.

    Raises
    ------
    MissingDependencyError
        h5py is not installed.
    FormatError
        The file is damaged.
    """
    try:
        import h5py
    except ImportError as err:
        raise needs("h5py", "hdf5", "reading HDF5 files") from err  # noqa: EM101
    try:
        return h5py.File(path, "r")
    except OSError as err:
        msg = f"{path} is damaged, or not closed by the program that wrote it: {err}"
        raise FormatError(msg) from err


def why_not_tableio(path: Path) -> str:
    """Say what wrote an HDF5 file that is not of tableio, and what to use; empty if it is of tableio."""
    with open_hdf5(path) as opened:
        if OF_ROWS in opened:
            return ""
        names = list(opened)[:5]
        of = [opened, *(opened[name] for name in names)]
        for attribute, what in _WRITERS.items():
            if any(attribute in one.attrs for one in of):
                return what
    inside = ", ".join(map(repr, names)) or "nothing"
    return (
        f"not one of IceTray's hdfwriter (it has no {OF_ROWS}, only {inside}): read it by h5py, {_AS_TABLE}"
    )


_AS_TABLE: Final = "and make a dataset of its pulses by ic.convert.table"
_WRITERS: Final = {
    "pandas_type": f"written by pandas: read it by pandas.read_hdf, {_AS_TABLE}",
    "CTA PRODUCT DATA MODEL NAME": "written by ctapipe: use ctapipe",
    "km3pipe": "written by km3pipe: convert the offline ROOT file instead",
    "keras_version": "a model written by Keras: use Keras",
    "uhi_schema": "histograms: use ic.hist.read",
    "PYTABLES_FORMAT_VERSION": f"written by PyTables without an index of events: read it by pandas, {_AS_TABLE}",
}
"""What programs note in their files, and what is said of these."""


class _Tables:
    """The tables of one file: which event has which of their rows."""

    def __init__(self, opened: Any, path: Path, keys: tuple[str, ...] | None, found: Found) -> None:
        import h5py

        self._file, self._path, self._found = opened, path, found
        names = [name for name in opened[OF_ROWS] if isinstance(opened.get(name), h5py.Dataset)]
        if not names:
            msg = f"{path} has no tables of tableio"
            raise UnsupportedError(msg)
        self.events = HEADER if HEADER in names else max(names, key=lambda k: len(opened[OF_ROWS][k]))
        self.keys = [k for k in names if k != HEADER and (keys is None or matches(k, keys))]
        self._streams = _enum(opened[self.events], "SubEventStream")
        self._told = {key: _told(opened[key]) for key in names}
        self._joined = {key: rows for key in self.keys if (rows := self._join(key)) is not None}
        self._of_file = [key for key in self.keys if self._joined.get(key) == {}]
        self.keys = [key for key in self.keys if key not in self._of_file]

    def batches(self) -> Iterator[pa.Table]:
        """Yield tables of events."""
        if self._of_file:
            self._found.simulation = self._simulation()
        index = self._file[OF_ROWS][self.events]
        n = len(index)
        for begin in range(0, n, BATCH_EVENTS):
            yield self._batch(begin, min(begin + BATCH_EVENTS, n))

    def _batch(self, begin: int, end: int) -> pa.Table:
        identity, times = self._identity(begin, end)
        names = (
            [self._streams.get(int(code)) for code in identity["SubEventStream"]] if self._streams else None
        )
        self._found.frames += end - begin
        self._found.streams.update(name for name in names or () if name is not None)
        self._found.bytes += 64 * (end - begin)
        columns = {HEADER: header(identity, times, names)}
        for key in self.keys:
            columns[key] = self._object(key, begin, end, identity)
        fields = schemas.of_keys({key: [f for f, _ in made] for key, made in columns.items()})
        return pa.Table.from_arrays(
            [a for made in columns.values() for _, a in made], schema=pa.schema(fields)
        )

    def _identity(self, begin: int, end: int) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return what identifies each event, and the other columns of its header."""
        if not _ragged(self._file[self.events]):
            rows = self._file[self.events][begin:end]
            identity = {name: rows[name] for name in INDEX[:4]}
            return identity, {name: rows[name] for name in rows.dtype.names} if self.events == HEADER else {}
        index = self._file[OF_ROWS][self.events][begin:end]
        identity = {name: index[name].copy() for name in INDEX[:4]}
        has = np.flatnonzero(index["stop"] > index["start"])
        first = index["start"][has].astype(np.int64)
        if has.size:
            low = int(first.min())
            rows = self._file[self.events][low : int(first.max()) + 1]
            for name in INDEX[:4]:
                identity[name][has] = rows[name][first - low]
        return identity, {}

    def _object(self, key: str, begin: int, end: int, identity: Mapping[str, Array]) -> list[Column]:
        """Return the columns of a key for some events."""
        start, stop, present = self._places(key, begin, end, identity)
        counts = np.where(present, stop - start, 0)
        dataset = self._file[key]
        low = int(start[counts > 0].min()) if (counts > 0).any() else 0
        high = int(stop[counts > 0].max()) if (counts > 0).any() else 0
        if high > len(dataset):
            msg = (
                f"{self._path}: the index of {key!r} goes up to row {high:,}, its table has {len(dataset):,}"
            )
            raise FormatError(msg)
        rows = dataset[low:high]
        if high - low != counts.sum() or (np.diff(start[counts > 0]) < 0).any():
            begins = np.cumsum(counts) - counts
            rows = rows[np.repeat(start - low - begins, counts) + np.arange(counts.sum())]
        self._found.bytes += rows.nbytes
        table = {
            name: Member(rows[name], self._told[key].get(name, Told()))
            for name in rows.dtype.names
            if name not in INDEX
        }
        made = members(key, table)
        if _ragged(dataset):
            lists = listed(made, counts, ~present)
            return lists + unknown(key, made, end - begin) if table.keys() >= PULSE else lists
        if ((counts != 1) & present).any():
            msg = f"{self._path}: {key!r} has several rows for one event, but is not a ragged table"
            raise FormatError(msg)
        index = pa.array(np.cumsum(present) - 1, mask=~present)
        return [(f, a if bool(present.all()) else a.take(index)) for f, a in made]

    def _places(
        self, key: str, begin: int, end: int, identity: Mapping[str, Array]
    ) -> tuple[Array, Array, Array]:
        """Return for some events the rows that they have in a table, and whether they have the key."""
        joined = self._joined.get(key)
        if joined is None:
            index = self._file[OF_ROWS][key][begin:end]
            for name in ("Run", "Event"):
                wrong = np.flatnonzero(index[name] != identity[name])
                if wrong.size:
                    i = int(wrong[0])
                    msg = (
                        f"{self._path}: row {begin + i} of {OF_ROWS}/{key} is of {name.lower()} {index[name][i]}, "
                        f"but that of {self.events} of {identity[name][i]}: the tables do not match"
                    )
                    raise FormatError(msg)
            return index["start"].astype(np.int64), index["stop"].astype(np.int64), index["exists"] != 0
        places = [
            joined.get(tuple(int(identity[name][i]) for name in INDEX[:4]), (0, 0, False))
            for i in range(end - begin)
        ]
        start, stop, present = (np.array(values) for values in zip(*places, strict=True))
        return start.astype(np.int64), stop.astype(np.int64), present.astype(bool)

    def _join(self, key: str) -> dict[tuple[int, ...], tuple[int, int, bool]] | None:
        """Return the rows of each event by its identity, for a table whose index has not one row for each event.

        None if it has; nothing if no row is of an event: then it is about the file as a whole.
        """
        index, of_events = self._file[OF_ROWS][key], self._file[OF_ROWS][self.events]
        if len(index) == len(of_events):
            return None
        rows = index[:]
        rows = rows[(rows["exists"] != 0) & (rows["stop"] > rows["start"])]
        identity, _ = self._identity(0, len(of_events))
        known = set(zip(*(identity[name].tolist() for name in INDEX[:4]), strict=True))
        if len(known) < len(of_events):
            msg = f"{self._path}: {key!r} has not one row per event, and events are not unique: it cannot be joined"
            raise FormatError(msg)
        whole = self._file[key][:]
        ids = [tuple(int(v) for v in whole[list(INDEX[:4])][int(i)]) for i in rows["start"]]
        if not known.intersection(ids):
            return {}
        if len(set(ids)) < len(ids):
            msg = f"{self._path}: {key!r} has an event twice: it cannot be joined"
            raise FormatError(msg)
        return {
            i: (int(r["start"]), int(r["stop"]), True) for i, r in zip(ids, rows, strict=True) if i in known
        }

    def _simulation(self) -> pa.Table:
        """Return the tables that are about the file as a whole (of S frames), a row for each of theirs."""
        made: list[Column] = []
        n = max(len(self._file[key]) for key in self._of_file)
        for key in self._of_file:
            rows = self._file[key][:]
            told = self._told[key]
            table = {m: Member(rows[m], told.get(m, Told())) for m in rows.dtype.names if m not in INDEX}
            index = pa.array(np.arange(n), mask=np.arange(n) >= len(rows))
            made += [(f, a.take(index)) for f, a in members(key, table)]
        return pa.Table.from_arrays([a for _, a in made], schema=pa.schema([f for f, _ in made]))


def _ragged(dataset: Any) -> bool:
    flag = dataset.attrs.get(_RAGGED, 0)
    return bool(np.any(flag))


def _enum(dataset: Any, column: str) -> dict[int, str]:
    import h5py

    names = h5py.check_enum_dtype(dataset.dtype[column])
    return {int(code): name for name, code in (names or {}).items()}


def _told(dataset: Any) -> dict[str, Told]:
    """Return what the attributes of a table say about its columns."""

    def text(name: str) -> str:
        value = dataset.attrs.get(name, b"")
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

    told = {}
    for i in range(len(dataset.dtype.names)):
        unit = text(f"FIELD_{i}_UNIT")
        told[text(f"FIELD_{i}_NAME")] = Told(unit, text(f"FIELD_{i}_DOC"), unit == "bool")
    return told


__all__ = ["Hdf5Reader", "open_hdf5", "unused_keys", "why_not_tableio"]
