"""Files of frames as a lazy frame, without converting them first: for looking, not for volume."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from icecol.convert.i3_reader import I3Reader
from icecol.convert.remarks import tell_left_out, tell_unused
from icecol.convert.source import Found, lefts
from icecol.dataset import schema as schemas
from icecol.detector.geometry import Geometry
from icecol.errors import DamagedFileError, SchemaError, UnknownStreamError, naming
from icecol.files import Input, distinct
from icecol.i3.frames.files import files_of
from icecol.names import plain

BATCH_BYTES: Final = 4 << 20
"""Bytes of frames that are decoded together: small, so that the first rows come soon."""


def scan_i3(
    paths: str | Path | Iterable[str | Path],
    *,
    keys: str | Iterable[str] | None = None,
    pulses: str | Iterable[str] | None = None,
    streams: str | Iterable[str] | None = None,
    stop: str = "P",
    gcd: str | Path | Geometry | None = None,
    verify: bool = True,
) -> pl.LazyFrame:
    """Scan .i3 files as a lazy frame with the columns that a conversion would make.

    Only what a query needs is decoded, and `head` stops reading early; but one thread reads one file after
    another, every time. Convert files that are queried more than a few times. The columns are those of the first
    events (4 MB) of each file; a warning says so if later frames bring more.

    Parameters
    ----------
    paths, keys, pulses, streams, stop, gcd, verify
        As for `icecol.convert.i3`. `gcd` may be a Geometry, too, although no column needs it.

    Returns
    -------
    polars.LazyFrame
        One row per event.

    Raises
    ------
    UnknownStreamError
        No file has an event of such a stream, or a frame of that stop; when collected: all files were read, and one of
        the streams was in none.
    SchemaError
        A column has different types in different files, or (when collected) in different events.
    DamagedFileError
        When collected: a file is damaged. All good frames before the damage were given to the query. Or at once: there
        is no good event before the damage.

    Warns
    -----
    UserWarning
        A pattern of `keys` or `pulses` matches no object, or objects that match in the first events of a file cannot
        become columns. Or, when collected: keys or columns appear too late in a file, or objects that the query asked
        for are null because they could not become columns, with their number.

    Examples
    --------
    >>> import icecol as ic, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "muons.i3.zst"
    >>> ic.sim.write(path, ic.sim.events(20, seed=1))
    >>> ic.scan_i3(path).select("I3EventHeader.event_id", "InIcePulses.time").head(3).collect().shape
    (3, 2)
    """
    files = distinct([path.absolute() for path in files_of(paths)])
    if not files:
        msg = "no files to scan: the list is empty"
        raise ValueError(msg)
    reader = I3Reader.of(keys=keys, pulses=pulses, streams=streams, stop=stop, verify=verify, gcd=gcd)
    chosen = reader.streams

    known: set[str] = set()
    seen: set[str] = set()

    def tables(
        path: Path, columns: frozenset[str] | None, found: Found, *, once: bool = False
    ) -> Iterator[pa.Table]:
        present: set[str] = set()

        def wanted(key: str) -> bool:
            present.add(key)
            return columns is None or key in columns

        with naming(path), Input(path) as one:
            damaged_at = -1
            for table in reader.read(path, one.file, found, wanted=wanted, batch_bytes=BATCH_BYTES):
                if damaged_at not in {-1, found.bytes}:
                    break  # all of the batch with the damage was given
                damaged_at = found.bytes if found.damage else -1
                seen.update(found.streams)
                if not once and not known.issuperset(present):
                    late = plain(", ".join(sorted(present - known)))
                    msg = f"{path}: keys that come too late to be scanned: {late}; convert the file to have them"
                    warnings.warn(msg, stacklevel=2)
                known.update(present)
                yield table
                if once:
                    return
            seen.update(found.streams)
            if found.damage:
                raise DamagedFileError(found.damage[0].describe(path))

    at_first: Counter[tuple[str, str]] = Counter()
    firsts = [(path, next(tables(path, None, Found(left_out=at_first), once=True), None)) for path in files]
    types = schemas.United()
    for path, table in firsts:
        if table is not None:
            types.add(path, _named(table.schema))
    united = types.schema
    if all(table is None for _, table in firsts):
        what = f"{stop!r} frames" + (f" of streams {', '.join(chosen)}" if chosen else "")
        msg = f"no {what} in {len(files)} files; {_listed(seen)}"
        raise UnknownStreamError(msg)
    if not united.names:
        msg = f"no object in the events of {len(files)} files can become columns; `icecol inspect` lists the objects"
        raise SchemaError(msg)
    names = schemas.to_polars(united)
    tell_unused(str(paths), reader.unused(list(names)))
    of_keys = {schemas.key_of(column) for column in united}
    never = [left for left in lefts(at_first) if left.key not in of_keys]
    where = f"{files[0]}" if len(files) == 1 else f"{files[0]} and {len(files) - 1} more files"
    tell_left_out(f"{where}, in the first events", never, "`icecol inspect`")
    late: set[str] = set()

    def rows(
        columns: list[str], predicate: pl.Expr | None, n_rows: int | None, left_out: Counter[tuple[str, str]]
    ) -> Iterator[pl.DataFrame]:
        wanted = frozenset(schemas.key_of(united.field(c)) for c in columns)
        part = pa.schema([united.field(c) for c in columns])
        left = n_rows
        for path in files:
            for table in tables(path, wanted, Found(left_out=left_out)):
                types.add(path, _named(table.schema))
                more = set(table.schema.names) - set(names) - late - {""}
                if more:
                    late.update(more)
                    columns_ = plain(", ".join(sorted(more)))
                    msg = f"{path}: columns that come too late to be scanned: {columns_}; convert the file to have them"
                    warnings.warn(msg, stacklevel=2)
                rows = table.num_rows
                frame = (
                    pl.DataFrame(
                        schemas.align(table.select([c for c in columns if c in table.schema.names]), part)
                    )
                    if (any(c in table.schema.names for c in columns))
                    else pl.DataFrame({c: pl.Series(c, [None] * rows, dtype=names[c]) for c in columns})
                )
                if left is not None:
                    frame = frame.head(left)
                    left -= frame.height
                yield frame.filter(predicate) if predicate is not None else frame
                if left is not None and left <= 0:
                    return
        unseen = [s for s in chosen or () if s not in seen]
        if unseen:
            msg = f"no event of stream {', '.join(map(repr, unseen))}; {_listed(seen)}"
            raise UnknownStreamError(msg)

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch: int | None
    ) -> Iterator[pl.DataFrame]:
        left_out: Counter[tuple[str, str]] = Counter()
        try:
            yield from rows(
                list(names) if with_columns is None else with_columns, predicate, n_rows, left_out
            )
        finally:  # a query that stops early is told what it has met
            tell_left_out(where, lefts(left_out), "`icecol convert`")

    return register_io_source(source, schema=names, is_pure=True)


def _named(schema: pa.Schema) -> pa.Schema:
    """Leave out the column without a name that stands for events without any."""
    return pa.schema([column for column in schema if column.name])


def _listed(streams: Iterable[str]) -> str:
    return f"streams seen: {', '.join(map(repr, sorted(streams))) or 'none'}"
