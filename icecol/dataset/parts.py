"""Writing tables of events to Parquet files atomically, one row group at a time."""

from __future__ import annotations

import contextlib
import errno
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, Self

import pyarrow as pa
import pyarrow.parquet as pq

from icecol import files
from icecol.dataset import schema as schemas
from icecol.dataset.manifest import Part

RUN: Final = "I3EventHeader.run_id"
ROW_GROUP_EVENTS: Final = 8192
"""Events per row group: fewer make files larger, more make looking up single events slower."""
CHUNK_BYTES: Final = 10 << 10
"""Bytes in memory of a column chunk, on average, after which a row group is written however few its events: its
fixed cost is then well below that of its values."""
ROW_GROUP_BYTES: Final = 6 << 20
"""Minimum bytes in memory of a row group of few columns. Twice its bytes are needed while it is written."""
PART_CHUNKS: Final = 6 << 10
"""Column chunks after which a file is finished and the next begun: the footer is kept in memory until then."""


class PartWriter:
    """Write tables of events into Parquet files of one folder, holding two row groups in memory at most.

    One is collected while a thread writes the one before: writing takes as long as reading and decoding do.
    Rows keep their order, which in files of events is that of run and event. A table may bring columns that the
    earlier ones lacked: the file is then finished and the next one begun with the union of columns; absent
    columns are null. A file appears under its name when it is whole; an exception within the `with` block
    removes all files of this writer.

    Parameters
    ----------
    folder
        Folder of the files; it must exist.
    stem
        Files are named `<stem>-0.parquet`, `<stem>-1.parquet` and so on, in the order written.
    row_group_events, row_group_bytes
        A row group is written when it has so many events, or as soon as what is buffered takes so much memory;
        None is 10 KiB per column, and at least 6 MiB.

    Raises
    ------
    SchemaError
        If a column changes its type from one table to another.
    OSError
        If the files cannot be written; the message says where, and `errno` is that of the system.

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
        row_group_events: int = ROW_GROUP_EVENTS,
        row_group_bytes: int | None = None,
    ) -> None:
        if row_group_events < 1 or (row_group_bytes is not None and row_group_bytes < 1):
            msg = f"a row group must hold something, not {row_group_events} events or {row_group_bytes} bytes"
            raise ValueError(msg)
        self.folder = Path(folder)
        self.stem = stem
        self.parts: list[Part] = []
        """The finished files, paths relative to `folder`."""
        self._united = schemas.United()
        self._events = row_group_events
        self._limit = row_group_bytes
        self._buffer: deque[tuple[pa.Table, int, str]] = deque()
        self._rows = 0
        self._bytes = 0
        self._file: _File | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._writing: tuple[Future[None], str] | None = None

    @property
    def schema(self) -> pa.Schema:
        """Union of the columns so far."""
        return self._united.schema

    @property
    def origins(self) -> tuple[str, ...]:
        """The file that brought each column of the schema."""
        return self._united.origins

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def append(self, table: pa.Table, name: str = "a table") -> None:
        """Append rows from the file `name`; tables of at least 500 events are by far the fastest to write."""
        self._united.add(name, table.schema)
        self._push(table, _memory(table) if table.num_rows else 0, name)
        while self._rows >= self._events or self._bytes >= self._most():
            self._flush()

    def close(self) -> None:
        """Write the remaining rows and finish the last file. Without any rows there is no file."""
        while self._rows:
            self._flush()
        self._settle()
        self._finish_file()
        self._end_thread()

    def abort(self) -> None:
        """Remove all files of this writer, including finished ones."""
        self._end_thread()
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
        """Begin to write one row group from the front of what is buffered."""
        tables = []
        names: dict[str, None] = {}
        rows = self._events
        # equal shares of all that is buffered: a rest would be a slice that keeps its whole table in memory
        room = -(-self._bytes // max(1, self._bytes // self._most()))
        while self._buffer and rows > 0 and room > 0:
            table, size, name = self._buffer.popleft()
            self._rows -= table.num_rows
            self._bytes -= size
            n = min(table.num_rows, rows, -(-table.num_rows * room // max(size, 1)))
            tables.append(schemas.align(table.slice(0, n), self.schema))
            names[name] = None
            rows -= n
            room -= size * n // table.num_rows
            if n < table.num_rows:
                self._push(table.slice(n), size - size * n // table.num_rows, name, front=True)
        group = pa.concat_tables(tables)
        del tables
        group = pa.Table.from_arrays(group.columns, schema=self.schema)
        source = ", ".join(names)
        self._settle()
        if self._file is not None and not self._file.schema.equals(self.schema):
            self._finish_file()
        if self._file is None:
            try:
                self._file = _File(self.folder / f"{self.stem}-{len(self.parts)}.parquet", self.schema, group)
            except OSError as err:
                self._fail(err, source)
        self._thread = self._thread or ThreadPoolExecutor(1)
        self._writing = self._thread.submit(self._file.write, group, names), source

    def _settle(self) -> None:
        """Wait until the last row group has been written."""
        if self._writing is None or self._file is None:
            return
        (future, source), self._writing = self._writing, None
        try:
            future.result()
        except OSError as err:
            self._fail(err, source)
        if self._file.chunks >= PART_CHUNKS:
            self._finish_file()

    def _end_thread(self) -> None:
        if self._writing is not None:
            wait_for([self._writing[0]])
            self._writing = None
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None

    def _push(self, table: pa.Table, size: int, name: str, *, front: bool = False) -> None:
        if table.num_rows == 0:
            return
        (self._buffer.appendleft if front else self._buffer.append)((table, size, name))
        self._rows += table.num_rows
        self._bytes += size

    def _finish_file(self) -> None:
        if self._file is None:
            return
        try:
            self.parts.append(self._file.finish())
        except OSError as err:
            self._fail(err, ", ".join(self._file.sources))
        self._file = None

    def _fail(self, err: OSError, source: str) -> NoReturn:
        self.abort()
        full = err.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "the disk or your quota is full: make room" if full else f"{err}: see to it"
        msg = f"cannot write {self.folder / self.stem}-*.parquet ({source}): {what} and run again to resume"
        raise OSError(err.errno, msg) from err


class _File:
    """A Parquet file being written, under a temporary name until it is complete."""

    def __init__(self, path: Path, schema: pa.Schema, sample: pa.Table) -> None:
        self.path = path
        self.schema = schema
        self.temp = files.temporary(path)
        self.rows = 0
        self.chunks = 0
        self.runs: tuple[int, int] | None = None
        self.sources: dict[str, None] = {}
        try:
            self.file = files.Checked(self.temp.open("wb", buffering=0))
            self.sink = pa.output_stream(self.file, buffer_size=1 << 20)
            self.writer = pq.ParquetWriter(self.sink, schema, **schemas.column_options(schema, sample))
        except BaseException:
            self.temp.unlink(missing_ok=True)
            raise

    def write(self, group: pa.Table, sources: Iterable[str]) -> None:
        """Write one row group, whose rows come from these files."""
        self.sources.update(dict.fromkeys(sources))
        self.writer.write_table(group, row_group_size=group.num_rows)
        self.rows += group.num_rows
        self.chunks += group.num_columns
        if RUN in group.schema.names:
            import pyarrow.compute as pc  # takes long to import

            extremes = pc.min_max(group.column(RUN)).as_py()
            if extremes["min"] is not None:
                low, high = self.runs or (extremes["min"], extremes["max"])
                self.runs = (min(low, extremes["min"]), max(high, extremes["max"]))

    def finish(self) -> Part:
        self.writer.close()
        self.sink.close()
        self.file.close()
        files.commit(self.temp, self.path)
        return Part(
            self.path.name, self.rows, self.file.size, self.file.checksum, self.runs, tuple(self.sources)
        )

    def discard(self) -> None:
        for end in (self.writer.close, self.sink.close, self.file.close):
            with contextlib.suppress(OSError, ValueError):  # the disk may be full: the file goes all the same
                end()
        self.temp.unlink(missing_ok=True)


def _memory(table: pa.Table) -> int:
    """Count the bytes a table holds: exactly if it is a slice of a larger one, else quickly from its buffers."""
    first = table.column(0) if table.num_columns else pa.chunked_array([[]])
    whole: int = table.get_total_buffer_size()
    return table.nbytes if first.get_total_buffer_size() > 2 * first.nbytes + 1024 else whole
