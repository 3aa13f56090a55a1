"""Writing a dataset: parts with bounded memory, one record per source so that a killed run resumes, compaction.

While a dataset is being made, each source file is converted by one process into parts of its own
(`part_writer`) and then recorded (`record`) in the hidden folder `.progress`. A source is done when its
record is there (`done`); `finish` unites all records into the manifest, and from then on the folder is
a dataset. Parts without a record are leftovers of a killed run and are overwritten or removed.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from icecol.dataset import manifest as manifests
from icecol.dataset import schema as schemas
from icecol.dataset.manifest import Manifest, Part, Source
from icecol.errors import DatasetError

EVENTS: Final = "events"
"""Folder of the parts."""
PROGRESS: Final = ".progress"
"""Folder of the records of a conversion that is not finished."""
SIMULATION: Final = "simulation.parquet"
"""Table of the S frames, one row a source file."""
GEOMETRY: Final = "geometry.parquet"
"""Table of the sensors."""
CALIBRATION: Final = "calibration.parquet"
"""Table of the calibration, one row a sensor."""
DETECTOR_STATUS: Final = "detector_status.parquet"
"""Table of the settings, one row a sensor."""
RUN: Final = "I3EventHeader.run_id"
ROW_GROUP_EVENTS: Final = 8192
"""Events of a row group: fewer make files larger, more make looking up single events slower."""
CHUNK_BYTES: Final = 10 << 10
"""Bytes in memory of a column chunk, on average, after which a row group is written however few its events: its
fixed cost is then well below that of its values."""
ROW_GROUP_BYTES: Final = 8 << 20
"""Least bytes in memory of a row group of few columns. Twice its bytes are needed while it is written."""
PART_CHUNKS: Final = 1 << 13
"""Column chunks after which a file is finished and the next begun: the footer is kept in memory until then."""
SMALL_BYTES: Final = 16 << 20
"""Bytes on disk below which compaction takes a part for small."""
PART_ROW_GROUPS: Final = 16
"""Row groups of a part that compaction makes."""


class WritesParquet(Protocol):
    """What can be written to a Parquet file: a `Geometry`."""

    def write_parquet(self, path: str | Path, /) -> None:
        """Write to `path`."""


class PartWriter:
    """Write tables of events into Parquet files of one folder, holding one row group in memory.

    Rows keep their order, which in files of events is that of run and event. A table may bring columns that the
    earlier ones lacked: the file is then finished and the next one begun with the union of columns; absent
    columns are null. A file appears under its name when it is whole; an exception within the `with` block
    removes all files of this writer.

    Parameters
    ----------
    folder
        Where the files go; it must exist.
    stem
        Files are named `<stem>-0.parquet`, `<stem>-1.parquet` and so on, in the order written.
    name
        What the tables come from, for error messages.
    schema
        Columns that every file has, if they are known beforehand.
    row_group_events, row_group_bytes
        A row group is written when it has so many events, or as soon as what is buffered takes so much memory;
        None is 10 KiB a column, and 8 MiB at least.

    Raises
    ------
    SchemaError
        A column changes its type from one table to another.
    OSError
        The files cannot be written; the message says where, and `errno` is the system's.

    Examples
    --------
    >>> import tempfile, pyarrow as pa
    >>> folder = tempfile.mkdtemp()
    >>> with PartWriter(folder, "part-00000") as writer:
    ...     writer.append(pa.table({"I3EventHeader.run_id": [2, 1]}))
    >>> [(part.path, part.rows, part.run_range) for part in writer.parts]
    [('part-00000-0.parquet', 2, (1, 2))]
    """

    def __init__(
        self,
        folder: str | Path,
        stem: str,
        *,
        name: str | None = None,
        schema: pa.Schema | None = None,
        row_group_events: int = ROW_GROUP_EVENTS,
        row_group_bytes: int | None = None,
    ) -> None:
        if row_group_events < 1 or (row_group_bytes is not None and row_group_bytes < 1):
            msg = f"a row group must hold something, not {row_group_events} events or {row_group_bytes} bytes"
            raise ValueError(msg)
        self.folder = Path(folder)
        self.stem = stem
        self.schema: pa.Schema = schemas.unite([(stem, schema)]) if schema is not None else pa.schema([])
        """Union of the columns so far."""
        self.parts: list[Part] = []
        """The finished files, paths relative to `folder`."""
        self._name = name or stem
        self._events = row_group_events
        self._limit = row_group_bytes
        self._buffer: deque[tuple[pa.Table, int]] = deque()
        self._rows = 0
        self._bytes = 0
        self._file: _File | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def append(self, table: pa.Table) -> None:
        """Add rows. Tables of 500 events and more are written much quicker than many small ones."""
        if not table.schema.equals(self.schema):
            self.schema = schemas.unite([(f"{self._name}, so far", self.schema), (self._name, table.schema)])
        self._push(table, _memory(table) if table.num_rows else 0)
        while self._rows >= self._events or self._bytes >= self._most():
            self._flush()

    def close(self) -> None:
        """Write what is left and finish the last file. Without any row there is no file."""
        while self._rows:
            self._flush()
        self._finish_file()

    def abort(self) -> None:
        """Remove all files of this writer, the finished ones too."""
        if self._file is not None:
            self._file.discard()
            self._file = None
        for part in self.parts:
            (self.folder / part.path).unlink(missing_ok=True)
        self.parts.clear()
        self._buffer.clear()
        self._rows = self._bytes = 0

    def _most(self) -> int:
        return self._limit or max(ROW_GROUP_BYTES, CHUNK_BYTES * len(self.schema))

    def _flush(self) -> None:
        """Write one row group from the front of what is buffered."""
        tables = []
        rows = self._events
        # equal shares of all that is buffered: a rest would be a slice that keeps its whole table in memory
        room = -(-self._bytes // max(1, self._bytes // self._most()))
        while self._buffer and rows > 0 and room > 0:
            table, size = self._buffer.popleft()
            self._rows -= table.num_rows
            self._bytes -= size
            n = min(table.num_rows, rows, -(-table.num_rows * room // max(size, 1)))
            tables.append(schemas.align(table.slice(0, n), self.schema))
            rows -= n
            room -= size * n // table.num_rows
            if n < table.num_rows:
                self._push(table.slice(n), size - size * n // table.num_rows, front=True)
        group = pa.concat_tables(tables)
        del tables
        group = pa.Table.from_arrays(group.columns, schema=self.schema)
        try:
            if self._file is not None and not self._file.schema.equals(self.schema):
                self._finish_file()
            if self._file is None:
                self._file = _File(self.folder / f"{self.stem}-{len(self.parts)}.parquet", self.schema, group)
            self._file.write(group)
            if self._file.chunks >= PART_CHUNKS:
                self._finish_file()
        except OSError as err:
            self._fail(err)

    def _push(self, table: pa.Table, size: int, *, front: bool = False) -> None:
        if table.num_rows == 0:
            return
        (self._buffer.appendleft if front else self._buffer.append)((table, size))
        self._rows += table.num_rows
        self._bytes += size

    def _finish_file(self) -> None:
        if self._file is None:
            return
        try:
            self.parts.append(self._file.finish())
        except OSError as err:
            self._fail(err)
        self._file = None

    def _fail(self, err: OSError) -> None:
        self.abort()
        full = err.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "the disk or your quota is full: make room" if full else f"{err}: see to it"
        msg = (
            f"cannot write {self.folder / self.stem}-*.parquet ({self._name}): {what} and run again to resume"
        )
        raise OSError(err.errno, msg) from err


class _File:
    """One Parquet file in the making, under a name of its own until it is whole."""

    def __init__(self, path: Path, schema: pa.Schema, sample: pa.Table) -> None:
        self.path = path
        self.schema = schema
        self.temp = manifests.temporary(path)
        self.rows = 0
        self.chunks = 0
        self.runs: tuple[int, int] | None = None
        try:
            self.sink = pa.output_stream(str(self.temp), buffer_size=1 << 20)
            self.writer = pq.ParquetWriter(self.sink, schema, **schemas.column_options(schema, sample))
        except BaseException:
            self.temp.unlink(missing_ok=True)
            raise

    def write(self, group: pa.Table) -> None:
        """Write one row group."""
        self.writer.write_table(group, row_group_size=group.num_rows)
        self.rows += group.num_rows
        self.chunks += group.num_columns
        if RUN in group.schema.names:
            extremes = pc.min_max(group.column(RUN)).as_py()
            if extremes["min"] is not None:
                low, high = self.runs or (extremes["min"], extremes["max"])
                self.runs = (min(low, extremes["min"]), max(high, extremes["max"]))

    def finish(self) -> Part:
        self.writer.close()
        self.sink.close()
        size = self.temp.stat().st_size
        manifests.commit(self.temp, self.path)
        return Part(self.path.name, self.rows, size, self.runs)

    def discard(self) -> None:
        for end in (self.writer.close, self.sink.close):
            with contextlib.suppress(OSError, ValueError):  # the disk may be full: the file goes all the same
                end()
        self.temp.unlink(missing_ok=True)


def _memory(table: pa.Table) -> int:
    """Count the bytes a table holds: exactly if it is a slice of a larger one, else quickly from its buffers."""
    first = table.column(0) if table.num_columns else pa.chunked_array([[]])
    whole: int = table.get_total_buffer_size()
    return table.nbytes if first.get_total_buffer_size() > 2 * first.nbytes + 1024 else whole


@dataclass(frozen=True, slots=True)
class Record:
    """What the conversion of one source file gave."""

    source: Source
    """The source, with its counts."""
    parts: tuple[Part, ...]
    """Its parts, paths relative to the dataset's folder."""
    schema: pa.Schema
    """Union of the columns of its parts."""
    simulation: pa.Table | None = None
    """Its S frame as a table of one row, if it has one."""


def start(dataset: str | Path, *, overwrite: bool = False) -> Path:
    """Make the folders of a dataset that is to be written, or go on with one that is not finished.

    Parameters
    ----------
    overwrite
        Remove a finished dataset of that name first. Without it a finished dataset is an error.

    Raises
    ------
    DatasetError
        There is a finished dataset, or a folder that is none and not empty.
    """
    path = Path(dataset)
    if (
        path.is_dir()
        and not (path / manifests.NAME).exists()
        and not (path / PROGRESS).is_dir()
        and any(path.iterdir())
    ):
        found = ", ".join(sorted(repr(p.name) for p in path.iterdir())[:5])
        msg = f"{path} is not a dataset and not empty (it has {found}): choose another folder"
        raise DatasetError(msg)
    if (path / manifests.NAME).exists():
        if not overwrite:
            msg = f"{path} is a finished dataset: ask to overwrite it, or choose another folder"
            raise DatasetError(msg)
        (path / manifests.NAME).unlink()
        _remove_progress(path)
        for name in (SIMULATION, GEOMETRY, CALIBRATION, DETECTOR_STATUS):
            (path / name).unlink(missing_ok=True)
        _remove_strays(path, keep=())
    (path / PROGRESS).mkdir(parents=True, exist_ok=True)  # first: it says what the folder is to a job beside
    (path / EVENTS).mkdir(exist_ok=True)
    return path


def source_key(source: str | Path, settings: Mapping[str, Any]) -> str:
    """Name a source file as it is now, converted with `settings`: 16 hexadecimal digits.

    It changes with the file's absolute path, size and time of change, and with the settings.
    """
    path = Path(source).absolute()
    stat = path.stat()
    facts = [str(path), stat.st_size, stat.st_mtime_ns, settings, manifests.SCHEMA_VERSION]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def part_writer(
    dataset: str | Path,
    source: str | Path,
    settings: Mapping[str, Any],
    *,
    row_group_events: int = ROW_GROUP_EVENTS,
    row_group_bytes: int | None = None,
) -> PartWriter:
    """Open the writer of one source's parts; what a killed run left of them is removed first."""
    key = source_key(source, settings)
    events = Path(dataset) / EVENTS
    _record_path(dataset, key).unlink(missing_ok=True)
    for stale in (*events.glob(f"part-{key}-*.parquet"), *events.glob(f".part-{key}-*.tmp")):
        stale.unlink(missing_ok=True)
    return PartWriter(
        events,
        f"part-{key}",
        name=str(source),
        row_group_events=row_group_events,
        row_group_bytes=row_group_bytes,
    )


def record(
    dataset: str | Path,
    source: Source,
    settings: Mapping[str, Any],
    writer: PartWriter,
    simulation: pa.Table | None = None,
) -> Record:
    """Record that a source is done: call it after the writer is closed, with the source's counts.

    Parameters
    ----------
    settings
        The same as for `part_writer`.
    simulation
        The source's S frame as a table of one row.
    """
    parts = tuple(
        replace(part, path=f"{EVENTS}/{part.path}", sources=(source.path,)) for part in writer.parts
    )
    result = Record(source, parts, writer.schema, simulation)
    content = {
        "source": asdict(source),
        "parts": [asdict(part) for part in parts],
        "schema": schemas.to_text(writer.schema),
        "simulation": None if simulation is None else _table_to_text(simulation),
    }
    key = source_key(source.path, settings)
    manifests.write_atomic(_record_path(dataset, key), json.dumps(content).encode())
    return result


def done(dataset: str | Path, source: str | Path, settings: Mapping[str, Any]) -> Record | None:
    """Give the record of a source if it was converted with these settings, has not changed since, and its
    parts are all there; None if it must be converted.
    """  # noqa: D205
    path = _record_path(dataset, source_key(source, settings))
    found = _read_record(path)
    return found if found is not None and _parts_are_whole(Path(dataset), found) else None


def finish(
    dataset: str | Path,
    settings: Mapping[str, Any],
    sources: Sequence[str | Path] | None = None,
    geometry: WritesParquet | None = None,
    tables: Mapping[str, pa.Table] | None = None,
) -> Manifest:
    """Unite the records of all sources into a manifest: from then on the folder is a dataset.

    Parameters
    ----------
    settings
        As for `part_writer`; they become the manifest's.
    sources
        The source files that must be done; None takes all that have a record. Records of others are dropped.
    geometry
        The sensors, written beside the events.
    tables
        Further tables to write beside the events, under their names: `calibration`, `detector_status`.

    Raises
    ------
    DatasetError
        A source has no record, or parts of one are gone: convert these and call again.
    SchemaError
        A column has different types in two sources.
    """
    path = Path(dataset)
    if sources is None:
        found = [_read_record(p) for p in sorted((path / PROGRESS).glob("*.json"))]
        records = [r for r in found if r is not None]
        missing = [r.source.path for r in records if not _parts_are_whole(path, r)]
    else:
        wanted = {str(s): done(path, s, settings) for s in sources}
        records = [r for r in wanted.values() if r is not None]
        missing = [name for name, r in wanted.items() if r is None]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        msg = f"{path} is not finished, {len(missing)} sources are to be converted: {', '.join(missing[:5])}{more}"
        raise DatasetError(msg)
    return complete(path, records, settings, geometry, tables)


def complete(
    dataset: str | Path,
    records: Iterable[Record],
    settings: Mapping[str, Any],
    geometry: WritesParquet | None = None,
    tables: Mapping[str, pa.Table] | None = None,
) -> Manifest:
    """Write the manifest of a dataset of which these are all sources; the rest is as for `finish`.

    Raises
    ------
    SchemaError
        A column has different types in two sources.
    """
    path = Path(dataset)
    records = sorted(
        records,
        key=lambda r: (min((p.run_range or (-1, -1) for p in r.parts), default=(-1, -1)), r.source.path),
    )
    united = schemas.unite((r.source.path, r.schema) for r in records)
    result = Manifest(
        schema=united,
        parts=tuple(part for r in records for part in r.parts),
        sources=tuple(r.source for r in records),
        settings=dict(settings),
    )
    _write_simulation(path, records)
    if geometry is not None:
        temp = manifests.temporary(path / GEOMETRY)
        geometry.write_parquet(temp)
        manifests.commit(temp, path / GEOMETRY)
    for name, table in (tables or {}).items():
        _write_table(path / f"{name}.parquet", table)
    manifests.write(result, path / manifests.NAME)
    _remove_progress(path)
    _remove_strays(path, keep=(part.path for part in result.parts))
    return result


def compact(
    dataset: str | Path,
    *,
    row_group_events: int = ROW_GROUP_EVENTS,
) -> Manifest:
    """Merge neighbouring small parts into parts of up to 16 full row groups.

    The manifest says which parts count, and it is replaced when the new ones are whole: a crash at any time
    loses and doubles nothing. A query that is still running on the old parts fails.
    A part is small if it has fewer rows than a row group and takes less than 16 MiB on disk.
    """
    path = Path(dataset)
    before = manifests.read(path / manifests.NAME)
    parts: list[Part] = []
    for run in _small_runs(before.parts, row_group_events):
        if len(run) == 1:
            parts += run
            continue
        names = "\n".join(part.path for part in run)
        stem = f"part-{hashlib.sha256(names.encode()).hexdigest()[:16]}"
        schema = schemas.unite((part.path, pq.read_schema(path / part.path)) for part in run)
        sources = tuple(dict.fromkeys(source for part in run for source in part.sources))
        with PartWriter(
            path / EVENTS,
            stem,
            schema=schema,
            row_group_events=row_group_events,
        ) as writer:
            for part in run:
                with pq.ParquetFile(path / part.path) as file:
                    for group in range(file.num_row_groups):
                        writer.append(file.read_row_group(group, use_threads=False))
        parts += [replace(part, path=f"{EVENTS}/{part.path}", sources=sources) for part in writer.parts]
    after = replace(before, parts=tuple(parts))
    if after.rows != before.rows:
        msg = f"{path}: compaction of {before.rows} rows gave {after.rows}; the dataset is as it was before"
        raise DatasetError(msg)
    manifests.write(after, path / manifests.NAME)
    _remove_strays(path, keep=(part.path for part in parts))
    return after


def _small_runs(parts: Iterable[Part], row_group_events: int) -> list[list[Part]]:
    """Group neighbouring small parts, up to the size of a compacted part; a large part is a group of one."""
    runs: list[list[Part]] = []
    rows = 0
    for part in parts:
        small = part.rows < row_group_events and part.bytes < SMALL_BYTES
        if small and rows and rows + part.rows <= PART_ROW_GROUPS * row_group_events:
            runs[-1].append(part)
            rows += part.rows
        else:
            runs.append([part])
            rows = part.rows if small else 0
    return runs


def _record_path(dataset: str | Path, key: str) -> Path:
    return Path(dataset) / PROGRESS / f"{key}.json"


def _read_record(path: Path) -> Record | None:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    simulation = found["simulation"]
    return Record(
        source=manifests.source_from_json(found["source"]),
        parts=tuple(manifests.part_from_json(part) for part in found["parts"]),
        schema=schemas.from_text(found["schema"]),
        simulation=None if simulation is None else _table_from_text(simulation),
    )


def _parts_are_whole(dataset: Path, found: Record) -> bool:
    files = [dataset / part.path for part in found.parts]
    sizes = [file.stat().st_size if file.exists() else -1 for file in files]
    return sizes == [part.bytes for part in found.parts]


def _write_simulation(dataset: Path, records: Iterable[Record]) -> None:
    """Write the table of S frames, with the path of the source as its first column, if any source has one."""
    column = schemas.field("source", pa.string(), doc="path of the source file")
    named = [
        (r.source.path, r.simulation) for r in records if r.simulation is not None and r.simulation.num_rows
    ]
    if not named:
        return
    schema = schemas.unite((name, table.schema) for name, table in named)
    names = pa.array([name for name, table in named for _ in range(table.num_rows)], pa.string())
    rows = pa.concat_tables([schemas.align(table, schema) for _, table in named]).add_column(0, column, names)
    _write_table(dataset / SIMULATION, rows)


def _write_table(path: Path, table: pa.Table) -> None:
    temp = manifests.temporary(path)
    pq.write_table(table, temp, compression="zstd")
    manifests.commit(temp, path)


def _remove_progress(dataset: Path) -> None:
    folder = dataset / PROGRESS
    if folder.is_dir():
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()


def _remove_strays(dataset: Path, keep: Iterable[str]) -> None:
    """Remove the files in `events/` that no manifest names: leftovers of killed runs and of compaction."""
    kept = {dataset / name for name in keep}
    for pattern in ("part-*.parquet", ".part-*.tmp"):
        for path in (dataset / EVENTS).glob(pattern):
            if path not in kept:
                path.unlink(missing_ok=True)


def _table_to_text(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return base64.b64encode(sink.getvalue()).decode("ascii")


def _table_from_text(text: str) -> pa.Table:
    return pa.ipc.open_stream(pa.py_buffer(base64.b64decode(text))).read_all()
