"""Records of an unfinished conversion: what became of each group of source files, so that a killed run resumes.

A record is a JSON file in the hidden folder `.progress`, named by the sources of its group and the settings they were
converted with; schemas, which most groups share, lie beside it under the hash of their content.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from icecol import files
from icecol.dataset import manifest as manifests
from icecol.dataset import schema as schemas
from icecol.dataset.folder import EVENTS, PROGRESS
from icecol.dataset.manifest import Part, Source
from icecol.dataset.parts import PartWriter
from icecol.places import place


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


def source_key(source: str | Path | Source, settings: Mapping[str, Any]) -> str:
    """Name a source file as it is now (or was when it was read), converted with `settings`: 16 hexadecimal digits.

    It changes with the file's absolute path, size and time of change, and with the settings.
    """
    if isinstance(source, Source):
        of_file = [source.path, source.size, source.modified]
    else:
        path = place(source).absolute()
        stat = path.stat()
        of_file = [str(path), stat.st_size, stat.st_mtime_ns]
    facts = [*of_file, settings, manifests.SCHEMA_VERSION]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]


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
    files.write(record_path(dataset, group_key(keys)), json.dumps(content).encode())
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
    for content in contents(dataset):
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
    return sum(len(content["keys"]) for content in contents(dataset))


def contents(dataset: str | Path) -> Iterator[dict[str, Any]]:
    """Yield what is stored of each record; one that is cut or of another version does not count."""
    for path in sorted((Path(dataset) / PROGRESS).glob("*.json")):
        try:
            content = json.loads(path.read_bytes())
        except ValueError:
            continue
        if isinstance(content, dict) and {"keys", "parts", "sources", "schema"} <= content.keys():
            yield content


def group_key(keys: Sequence[str]) -> str:
    """Name a group of sources by their keys."""
    return keys[0] if len(keys) == 1 else hashlib.sha256(" ".join(keys).encode()).hexdigest()[:16]


def record_path(dataset: str | Path, key: str) -> Path:
    """Return where the record of a group is."""
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


def _table_to_text(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return base64.b64encode(sink.getvalue()).decode("ascii")


def _table_from_text(text: str) -> pa.Table:
    return pa.ipc.open_stream(pa.py_buffer(base64.b64decode(text))).read_all()
