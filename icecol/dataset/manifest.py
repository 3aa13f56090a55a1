"""The manifest of a dataset: what it holds, where it came from, and that it is whole.

A folder is a dataset when it has a `manifest.json`, and the parts of the dataset are those it lists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

import icecol
from icecol import files
from icecol.dataset import schema as schemas
from icecol.errors import DatasetError

SCHEMA_VERSION: Final = 1
"""Version of the layout on disk; a reader refuses a newer one."""
NAME: Final = "manifest.json"
"""Name of the manifest in the dataset's folder."""


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file of events."""

    path: str
    """Path relative to the dataset's folder, with forward slashes."""
    rows: int
    """Number of events."""
    bytes: int
    """Size of the file."""
    run_range: tuple[int, int] | None = None
    """Smallest and largest `I3EventHeader.run_id`, or None if the part has no such column."""
    sources: tuple[str, ...] = ()
    """Paths of the source files its events come from."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file that was converted."""

    path: str
    """Absolute path at the time of conversion."""
    size: int
    """Size in bytes."""
    checksum: str = ""
    """Algorithm and value, as in `crc32c:1a2b3c4d`; empty if none was taken."""
    frames_read: int = 0
    """Frames that were read."""
    frames_skipped: int = 0
    """Frames that were read and not wanted (other streams)."""
    frames_damaged: int = 0
    """Frames that could not be read."""
    events: int = 0
    """Rows that the file gave."""
    status: str = "ok"
    """`ok`, or what was wrong: `damaged` (events before the damage are kept), `failed` (nothing was kept)."""
    messages: tuple[str, ...] = ()
    """What was said about it: damage with its place, classes kept undecoded."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a dataset holds and where it came from."""

    schema: pa.Schema
    """All columns of all parts, with unit and meaning as metadata."""
    parts: tuple[Part, ...] = ()
    """The parts, in order of run."""
    sources: tuple[Source, ...] = ()
    """The source files."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """How it was made: keys, streams, generator settings, nfiles, livetime (s)."""
    icecol_version: str = icecol.__version__
    """Version of icecol that wrote it."""
    schema_version: int = SCHEMA_VERSION
    """Version of the layout on disk."""

    @property
    def rows(self) -> int:
        """Number of events in all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def bytes(self) -> int:
        """Bytes of all parts on disk."""
        return sum(part.bytes for part in self.parts)


def read(path: str | Path) -> Manifest:
    """Read a manifest.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    DatasetError
        It is not a manifest, or one of a newer layout than this version of icecol knows.
    """
    path = Path(path)
    text = path.read_text(encoding="utf-8")
    try:
        found = json.loads(text)
        version = int(found["schema_version"])
    except (ValueError, KeyError, TypeError) as err:
        msg = f"{path} is no manifest of a dataset ({err!r}): restore it, or convert again into a new folder"
        raise DatasetError(msg) from err
    if version > SCHEMA_VERSION:
        msg = (
            f"{path} has schema version {version}, written by icecol {found.get('icecol_version')}; "
            f"icecol {icecol.__version__} reads up to version {SCHEMA_VERSION}: update icecol"
        )
        raise DatasetError(msg)
    try:
        return Manifest(
            schema=schemas.from_text(found["schema"]),
            parts=tuple(part_from_json(part) for part in found["parts"]),
            sources=tuple(source_from_json(source) for source in found["sources"]),
            settings=found["settings"],
            icecol_version=found["icecol_version"],
            schema_version=version,
        )
    except (ValueError, KeyError, TypeError, pa.ArrowException) as err:
        msg = f"{path} is damaged ({err!r}): restore it, or convert again into a new folder"
        raise DatasetError(msg) from err


def write(manifest: Manifest, path: str | Path) -> None:
    """Write a manifest: either the whole new file is there afterwards, or what was there before.

    Beside the serialised schema it lists every column with type, unit and meaning, for people to read.
    """
    columns = [
        {"name": c.name, "type": str(c.type), "unit": schemas.unit(c), "doc": schemas.doc(c)}
        for c in manifest.schema
    ]
    content = {
        "schema_version": manifest.schema_version,
        "icecol_version": manifest.icecol_version,
        "settings": dict(manifest.settings),
        "parts": [asdict(part) for part in manifest.parts],
        "sources": [asdict(source) for source in manifest.sources],
        "columns": columns,
        "schema": schemas.to_text(manifest.schema),
    }
    files.write(path, json.dumps(content).encode())


def part_from_json(found: Mapping[str, Any]) -> Part:
    """Make a `Part` from its JSON object."""
    runs = found["run_range"]
    return Part(
        path=found["path"],
        rows=found["rows"],
        bytes=found["bytes"],
        run_range=None if runs is None else (runs[0], runs[1]),
        sources=tuple(found["sources"]),
    )


def source_from_json(found: Mapping[str, Any]) -> Source:
    """Make a `Source` from its JSON object."""
    return Source(**{**found, "messages": tuple(found["messages"])})
