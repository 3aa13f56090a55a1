"""Writing a dataset: parts with bounded memory, a record of each group of sources so that a killed run resumes.

While a dataset is being made, source files are converted in groups, each by one process into parts of its own
(`part_writer`): a large file alone, small ones together, as many small parts would take longer to open than to
read. A group is then recorded (`record`) in the hidden folder `.progress`, and its sources are done (`done`);
`finish` unites all records into the manifest, and from then on the folder is a dataset. Parts without a record are
leftovers of a killed run and are overwritten or removed. All of it happens within `making`, which holds the dataset
against other writers and leaves one that is overwritten alone until the new one is complete.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from icecol import files
from icecol.dataset import manifest as manifests
from icecol.dataset import schema as schemas
from icecol.dataset import swap
from icecol.dataset.lock import Lock
from icecol.dataset.manifest import Manifest, Part, Source
from icecol.dataset.parts import PartWriter
from icecol.errors import DatasetError, UnknownStreamError

EVENTS: Final = "events"
"""Folder of the parts."""
PROGRESS: Final = ".progress"
"""Folder of the records of an unfinished conversion."""
SIMULATION: Final = "simulation.parquet"
"""Table of the S frames, one row per source file."""
GEOMETRY: Final = "geometry.parquet"
"""Table of the sensors."""
CALIBRATION: Final = "calibration.parquet"
"""Table of the calibration, one row per sensor."""
DETECTOR_STATUS: Final = "detector_status.parquet"
TRIGGER_STATUS: Final = "trigger_status.parquet"
"""Tables of the settings, one row per sensor or trigger."""


class WritesParquet(Protocol):
    """What can be written to a Parquet file: a `Geometry`."""

    def write_parquet(self, path: str | Path, /) -> None:
        """Write to `path`, whole or not at all."""


@dataclass(frozen=True, slots=True)
class Record:
    """The result of converting a group of source files."""

    sources: tuple[Source, ...]
    """The sources, with their counts."""
    parts: tuple[Part, ...]
    """Their parts, paths relative to the dataset's folder."""
    schema: pa.Schema
    """Union of the columns of the parts."""
    origins: tuple[str, ...]
    """The path of the source that introduced each column."""
    simulation: Mapping[str, pa.Table] = field(default_factory=dict)
    """The S frame of each source that has one, as a table of one row, by the path of the source."""


@contextmanager
def making(dataset: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Hold a dataset that is to be made, or go on with one that is not finished; give the folder to write into.

    A finished dataset that is overwritten stays as it is until the new one is complete: that is made in a hidden folder
    beside it, and the two are exchanged at the end. Where the block fails before any event is recorded, no folder is
    left behind.

    Parameters
    ----------
    overwrite
        Replace a finished dataset. Without it a finished dataset is an error.

    Raises
    ------
    DatasetError
        There is a finished dataset, or a folder that is not a dataset and not empty, or another process is writing it.
    """
    target = Path(dataset)
    if not any(Lock.is_held(folder / PROGRESS) for folder in (target, swap.beside(target))):
        swap.settle(target, _own(), PROGRESS)
    _refuse(target, overwrite=overwrite)
    folder = swap.beside(target) if (target / manifests.NAME).exists() else target
    new = not folder.exists()
    (folder / PROGRESS).mkdir(
        parents=True, exist_ok=True
    )  # first: it says what the folder is to a job beside
    with Lock(folder / PROGRESS, target) as lock:
        _refuse(target, overwrite=overwrite)  # another process may have finished it just now
        if folder != target and (folder / manifests.NAME).exists():
            swap.empty(folder, keep=PROGRESS)  # of a run that was killed as it exchanged the two
        try:
            (folder / EVENTS).mkdir(exist_ok=True)
            yield folder
            lock.check()
        except BaseException as err:
            if new and (isinstance(err, UnknownStreamError) or not _has_events(folder)):
                shutil.rmtree(folder, ignore_errors=True)
            raise
        if (folder / manifests.NAME).exists():
            try:
                if folder != target:
                    swap.exchange(folder, target, _own())
            finally:  # the lock is in it
                shutil.rmtree(target / PROGRESS, ignore_errors=True)


def _has_events(folder: Path) -> bool:
    """Tell whether a group of files with events is recorded."""
    return any(content["parts"] for content in _contents(folder))


def _refuse(target: Path, *, overwrite: bool) -> None:
    above = next(place for place in (target, *target.absolute().parents) if place.exists())
    if not above.is_dir():
        msg = f"{target} cannot be a dataset, as {above} is a file: a dataset is a folder; choose another name for it"
        raise DatasetError(msg)
    finished = (target / manifests.NAME).exists()
    if finished and not overwrite:
        msg = f"{target} is a finished dataset: choose another folder, or overwrite it (`overwrite=True`, --overwrite)"
        raise DatasetError(msg)
    if finished and _is_blind(target):
        msg = f"{target} is blind, and would not be if overwritten: `ic.unblind` it first, or choose another folder"
        raise DatasetError(msg)
    if not finished and target.is_dir() and not (target / PROGRESS).is_dir() and any(target.iterdir()):
        found = ", ".join(sorted(repr(p.name) for p in target.iterdir())[:5])
        msg = f"{target} is neither a dataset nor empty (it has {found}): choose another folder"
        raise DatasetError(msg)


def _is_blind(target: Path) -> bool:
    try:
        return manifests.read(target / manifests.NAME).blinding.active
    except (DatasetError, OSError):
        return False  # damaged, or of another version: it may be overwritten


def _own() -> set[str]:
    """Return the names of what belongs to a dataset in its folder."""
    tables = (SIMULATION, GEOMETRY, CALIBRATION, DETECTOR_STATUS, TRIGGER_STATUS)
    return {EVENTS, PROGRESS, manifests.NAME, *tables}


def source_key(source: str | Path | Source, settings: Mapping[str, Any]) -> str:
    """Name a source file as it is now (or was when it was read), converted with `settings`: 16 hexadecimal digits.

    It changes with the file's absolute path, size and time of change, and with the settings.
    """
    if isinstance(source, Source):
        of_file = [source.path, source.size, source.modified]
    else:
        path = Path(source).absolute()
        stat = path.stat()
        of_file = [str(path), stat.st_size, stat.st_mtime_ns]
    facts = [*of_file, settings, manifests.SCHEMA_VERSION]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def part_writer(
    dataset: str | Path, sources: Iterable[str | Path], settings: Mapping[str, Any], **options: Any
) -> PartWriter:
    """Open the writer of the parts of a group of sources; what a killed run left of them is removed first.

    `options` are those of `PartWriter`.
    """
    key = _group_key([source_key(source, settings) for source in sources])
    events = Path(dataset) / EVENTS
    _record_path(dataset, key).unlink(missing_ok=True)
    for stale in (*events.glob(f"part-{key}-*.parquet"), *events.glob(f".part-{key}-*{files.SUFFIX}")):
        stale.unlink(missing_ok=True)
    return PartWriter(events, f"part-{key}", **options)


def record(
    dataset: str | Path,
    sources: Sequence[Source],
    settings: Mapping[str, Any],
    writer: PartWriter,
    simulation: Mapping[str, pa.Table] | None = None,
) -> Record:
    """Record that a group of sources is done: call it after the writer is closed, with the facts about the sources.

    Parameters
    ----------
    settings
        The same as for `part_writer`.
    simulation
        The S frames of the sources as tables of one row, by path.
    """
    parts = tuple(replace(part, path=f"{EVENTS}/{part.path}") for part in writer.parts)
    result = Record(tuple(sources), parts, writer.schema, writer.origins, dict(simulation or {}))
    paths = [source.path for source in sources]
    keys = [source_key(source, settings) for source in sources]
    content = {
        "keys": keys,
        "sources": [asdict(source) for source in sources],
        "parts": [asdict(part) for part in parts],
        "schema": _write_schema(dataset, writer.schema),
        "origins": [paths.index(path) for path in writer.origins],
        "simulation": {path: _table_to_text(table) for path, table in result.simulation.items()},
    }
    files.write(_record_path(dataset, _group_key(keys)), json.dumps(content).encode())
    return result


def done(
    dataset: str | Path, sources: Iterable[str | Path] | None, settings: Mapping[str, Any]
) -> list[Record]:
    """Return the records of the groups that consist only of these sources, converted with these settings.

    A group counts only if none of its sources has changed since and all its parts are there. None for `sources`
    gives all groups whose parts are there.
    """
    wanted = None if sources is None else {source_key(source, settings) for source in sources}
    found = []
    for content in _contents(dataset):
        keys = set(content["keys"])
        if wanted is not None:
            if not keys <= wanted:
                continue
            wanted -= keys  # a source that is in two groups counts once
        group = _record_of(dataset, content)
        if group is not None:
            found.append(group)
        elif wanted is not None:
            wanted |= keys
    return found


def n_done(dataset: str | Path) -> int:
    """Count the source files of an unfinished conversion whose groups are recorded."""
    return sum(len(content["keys"]) for content in _contents(dataset))


def _contents(dataset: str | Path) -> Iterator[dict[str, Any]]:
    """Yield what is stored of each record; one that is cut or of another version does not count."""
    for path in sorted((Path(dataset) / PROGRESS).glob("*.json")):
        try:
            content = json.loads(path.read_bytes())
        except ValueError:
            continue
        if isinstance(content, dict) and {"keys", "parts", "sources", "schema"} <= content.keys():
            yield content


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
    missing = [str(s) for s in sources or () if str(Path(s).absolute()) not in converted]
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
) -> Manifest:
    """Write the manifest of a dataset of which these are all sources; the rest is as for `finish`.

    Raises
    ------
    SchemaError
        A column has different types in two sources.
    """
    path = Path(dataset)
    records = sorted(records, key=_place)
    different: dict[int, Record] = {}
    for group in records:
        different.setdefault(id(group.schema), group)
    united = schemas.United()
    for group in different.values():
        united.add("", group.schema, group.origins)
    result = Manifest(
        schema=united.schema,
        parts=tuple(part for group in records for part in group.parts),
        sources=tuple(source for group in records for source in group.sources),
        settings=dict(settings),
    )
    _write_simulation(path, records)
    if geometry is not None:
        geometry.write_parquet(path / GEOMETRY)
    for name, table in (tables or {}).items():
        _write_table(path / f"{name}.parquet", table)
    _remove_strays(path, keep=(part.path for part in result.parts))
    manifests.write(result, path / manifests.NAME)
    return result


def _place(group: Record) -> tuple[tuple[int, int], str]:
    """Return what groups are ordered by: run, then name of the file."""
    return min((part.run_range or (-1, -1) for part in group.parts), default=(-1, -1)), group.sources[0].path


def _group_key(keys: Sequence[str]) -> str:
    return keys[0] if len(keys) == 1 else hashlib.sha256(" ".join(keys).encode()).hexdigest()[:16]


def _record_path(dataset: str | Path, key: str) -> Path:
    return Path(dataset) / PROGRESS / f"{key}.json"


def _record_of(dataset: str | Path, content: Mapping[str, Any]) -> Record | None:
    """Return a record from what is stored of it, None if a part of it is not there or not whole."""
    parts = tuple(manifests.part_from_json(part) for part in content["parts"])
    paths = [Path(dataset) / part.path for part in parts]
    schema = Path(dataset) / PROGRESS / content["schema"]
    if not schema.exists() or any(
        not file.exists() or file.stat().st_size != part.bytes
        for file, part in zip(paths, parts, strict=True)
    ):
        return None
    sources = tuple(manifests.source_from_json(source) for source in content["sources"])
    return Record(
        sources,
        parts,
        _read_schema(schema),
        tuple(sources[i].path for i in content["origins"]),
        {path: _table_from_text(text) for path, text in content["simulation"].items()},
    )


def _write_schema(dataset: str | Path, schema: pa.Schema) -> str:
    """Write a schema under the hash of its content, and return the name: most sources have the same one."""
    text = schemas.to_text(schema).encode()
    name = f"{hashlib.sha256(text).hexdigest()[:32]}.schema"
    path = Path(dataset) / PROGRESS / name
    if not path.exists():
        files.write(path, text)
    return name


@lru_cache(maxsize=256)
def _read_schema(path: Path) -> pa.Schema:
    return schemas.from_text(path.read_text())


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


def _remove_strays(dataset: Path, keep: Iterable[str]) -> None:
    """Remove the files in `events/` that the manifest does not list: leftovers of killed runs and of compaction."""
    kept = {dataset / name for name in keep}
    for pattern in ("part-*.parquet", f".part-*{files.SUFFIX}"):
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
