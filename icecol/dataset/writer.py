"""Writing a dataset: parts with bounded memory, united into one manifest at the end.

While a dataset is being made, source files are converted in groups, each by one process into parts of its own
(`part_writer`): a large file alone, small ones together, as many small parts would take longer to open than to
read. A group is then recorded (`records.record`) in a hidden folder, and its sources are done (`records.done`);
`finish` unites all records into the manifest, and from then on the folder is a dataset. Parts without a record are
leftovers of a killed run and are overwritten or removed. All of it happens within `making.making`, which holds the
dataset against other writers and leaves one that is overwritten alone until the new one is complete.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from icecol import files, places
from icecol.dataset import manifest as manifests
from icecol.dataset import saved
from icecol.dataset import schema as schemas
from icecol.dataset.blinding import Blinding
from icecol.dataset.folder import EVENTS, FEATURES, GEOMETRY, SIMULATION
from icecol.dataset.manifest import Manifest
from icecol.dataset.parts import PartWriter
from icecol.dataset.records import Record, done, group_key, record_path, source_key
from icecol.dataset.saved import Saved
from icecol.errors import DatasetError


class WritesParquet(Protocol):
    """What can be written to a Parquet file: a `Geometry`."""

    def write_parquet(self, path: str | Path, /) -> None:
        """Write to `path`, whole or not at all."""


def part_writer(
    dataset: str | Path, sources: Iterable[str | Path], settings: Mapping[str, Any], **options: Any
) -> PartWriter:
    """Open the writer of the parts of a group of sources; what a killed run left of them is removed first.

    `options` are those of `PartWriter`.
    """
    key = group_key([source_key(source, settings) for source in sources])
    events = Path(dataset) / EVENTS
    record_path(dataset, key).unlink(missing_ok=True)
    for stale in (*events.glob(f"part-{key}-*.parquet"), *events.glob(f".part-{key}-*{files.SUFFIX}")):
        stale.unlink(missing_ok=True)
    return PartWriter(events, f"part-{key}", **options)


def finish(
    dataset: str | Path,
    settings: Mapping[str, Any],
    sources: Sequence[str | Path] | None = None,
    geometry: WritesParquet | None = None,
    tables: Mapping[str, pa.Table] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Manifest:
    """Unite the records of all sources into a manifest: from then on the folder is a dataset.

    Parameters
    ----------
    settings
        As for `part_writer`; they become the manifest's.
    sources
        The source files that must be done; None takes all that have a record. Groups with others are dropped.
    geometry
        The sensors, written beside the events.
    tables
        Further tables to write beside the events, under their names: `calibration`, `detector_status`, ...
    more
        Further settings for the manifest, which do not decide whether a source is done: nfiles, livetime, ...

    Raises
    ------
    DatasetError
        A source has no record, or parts of one are gone: convert these and call again.
    SchemaError
        A column has different types in two sources.
    """
    path = Path(dataset)
    records = done(path, sources, settings)
    converted = {source.path for group in records for source in group.sources}
    missing = [str(s) for s in sources or () if str(places.place(s).absolute()) not in converted]
    if missing:
        rest = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        msg = f"{path} is not finished: {len(missing)} sources have not been converted: {', '.join(missing[:5])}{rest}"
        raise DatasetError(msg)
    return complete(path, records, {**settings, **(more or {})}, geometry, tables)


def complete(
    dataset: str | Path,
    records: Iterable[Record],
    settings: Mapping[str, Any],
    geometry: WritesParquet | None = None,
    tables: Mapping[str, pa.Table] | None = None,
    *,
    blinding: Blinding | None = None,
    schema: pa.Schema | None = None,
    features: Sequence[Saved] = (),
    keep: float = 0.0,
) -> Manifest:
    """Write the manifest of a dataset of which these are all sources; the rest is as for `finish`.

    Parameters
    ----------
    blinding
        What may be seen of it; by default, everything.
    schema
        Columns that it has in any case, which come first.
    features
        Features that are saved beside it.
    keep
        Seconds for which parts that are not of the dataset are kept.

    Raises
    ------
    SchemaError
        A column has different types in two sources.
    """
    path = Path(dataset)
    records = sorted(records, key=place)
    different: dict[int, Record] = {}
    for group in records:
        different.setdefault(id(group.schema), group)
    united = schemas.United()
    if schema is not None:
        united.add(path, schema)
    for group in different.values():
        united.add("", group.schema, group.origins)
    parts = tuple(part for group in records for part in group.parts)
    result = Manifest(
        schema=united.schema,
        parts=parts,
        sources=tuple(source for group in records for source in group.sources),
        settings=dict(settings),
        blinding=blinding or Blinding(),
        features=saved.kept(features, parts),
    )
    _write_simulation(path, records)
    if geometry is not None:
        geometry.write_parquet(path / GEOMETRY)
    for name, table in (tables or {}).items():
        _write_table(path / f"{name}.parquet", table)
    publish(path, result, keep)
    return result


def publish(path: Path, manifest: Manifest, keep: float) -> None:
    """Write the manifest of a dataset; what only the one before lists is kept for some seconds, for who reads that."""
    there = path / manifests.NAME
    if keep and there.exists():
        for name in _files(manifests.read(there)) - _files(manifest):
            with contextlib.suppress(FileNotFoundError):
                os.utime(path / name)  # the time begins now
    manifests.write(manifest, there)
    _remove_strays(path, manifest, keep)


def _files(manifest: Manifest) -> set[str]:
    features = (part.path for feature in manifest.features for part in feature.parts)
    return {*(part.path for part in manifest.parts), *features}


def place(group: Record) -> tuple[tuple[int, int], str]:
    """Return what groups are ordered by: run, then name of the file."""
    return min((part.run_range or (-1, -1) for part in group.parts), default=(-1, -1)), group.sources[0].path


def _write_simulation(dataset: Path, records: Iterable[Record]) -> None:
    """Write the table of S frames, with the path of the source as its first column, if any source has one."""
    column = schemas.field("source", pa.string(), doc="path of the source file")
    named = [
        (source.path, group.simulation[source.path])
        for group in records
        for source in group.sources
        if source.path in group.simulation and group.simulation[source.path].num_rows
    ]
    if not named:
        return
    schema = schemas.unite((name, table.schema) for name, table in named)
    names = pa.array([name for name, table in named for _ in range(table.num_rows)], pa.string())
    rows = pa.concat_tables([schemas.align(table, schema) for _, table in named]).add_column(0, column, names)
    _write_table(dataset / SIMULATION, rows)


def _write_table(path: Path, table: pa.Table) -> None:
    with files.whole(path) as aside:
        pq.write_table(table, aside, compression="zstd")


def _remove_strays(dataset: Path, manifest: Manifest, keep: float) -> None:
    """Remove files of events and features that the manifest does not list and that are older than `keep` seconds.

    They are leftovers of killed runs, and parts that readers of an older manifest may still need.
    """
    kept = {dataset / name for name in _files(manifest)}
    now = time.time()
    for folder in (EVENTS, FEATURES):
        for path in (
            *(dataset / folder).glob("part-*.parquet"),
            *(dataset / folder).glob(f".part-*{files.SUFFIX}"),
        ):
            if path not in kept and (not keep or path.stat().st_mtime < now - keep):
                path.unlink(missing_ok=True)
