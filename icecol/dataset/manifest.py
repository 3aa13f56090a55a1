"""The manifest of a dataset: its contents, provenance and integrity.

A folder is a dataset if it has a `manifest.json`, and the parts of the dataset are those listed there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

import pyarrow as pa

import icecol
from icecol import files
from icecol.dataset import blinding as blindings
from icecol.dataset import saved
from icecol.dataset import schema as schemas
from icecol.dataset.blinding import Blinding
from icecol.dataset.folder import MANIFEST
from icecol.dataset.saved import Saved
from icecol.errors import DatasetError
from icecol.garbage import paused
from icecol.names import plain
from icecol.places import place

SCHEMA_VERSION: Final = 2
"""Version of the layout on disk; newer ones are refused. Version 1 stored its facts about sources as prose."""
NAME: Final = MANIFEST
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
    checksum: str = ""
    """Algorithm and value, as in `crc32c:1a2b3c4d`; empty in parts written by version 1."""
    run_range: tuple[int, int] | None = None
    """Smallest and largest `I3EventHeader.run_id`, or None if the part has no such column."""
    sources: tuple[str, ...] = ()
    """Paths of the source files its events come from."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A damaged place in a source file."""

    offset: int
    """Byte offset in the decompressed stream."""
    frame: int
    """Index of the damaged frame, from 0."""
    text: str
    """What is wrong with it."""

    def describe(self, path: str | Path) -> str:
        """Describe the damage in one line, with the file.

        >>> Damage(120, 3, "wrong checksum").describe("a.i3")
        'a.i3: frame 3 at byte 120: wrong checksum'
        """
        return f"{path}: frame {self.frame} at byte {self.offset}: {self.text}"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Objects of a frame key that did not become columns, for one reason."""

    key: str
    reason: str
    n: int
    """Number of objects."""

    def describe(self) -> str:
        """Describe it in one line.

        >>> LeftOut("Fit", "unexpected end of data", 2).describe()
        'Fit: 2 objects not converted: unexpected end of data'
        """
        return f"{plain(self.key)}: {self.n:,} {'object' if self.n == 1 else 'objects'} not converted: {self.reason}"


@dataclass(frozen=True, slots=True)
class Source:
    """One file that was converted: what was read, and what was not."""

    path: str
    """Absolute path at the time of conversion."""
    size: int
    """Size in bytes."""
    modified: int = 0
    """Time of last modification, in nanoseconds since 1970."""
    checksum: str = ""
    """Algorithm and value, as in `crc32c:1a2b3c4d`; empty if none was computed."""
    events: int = 0
    """Number of rows from this file."""
    frames_read: int = 0
    """Number of frames read."""
    frames_skipped: int = 0
    """Number of frames that could have been rows but were not selected (other sub-event streams)."""
    stops: Mapping[str, int] = field(default_factory=dict)
    """Number of frames by stop letter."""
    streams: Mapping[str, int] = field(default_factory=dict)
    """Number of events by sub-event stream, including those not selected."""
    damage: tuple[Damage, ...] = ()
    """Damaged places."""
    orphans: int = 0
    """Number of physics frames whose DAQ frame was lost to damage: what they inherit from it is null."""
    left_out: tuple[LeftOut, ...] = ()
    """Objects that did not become columns."""
    has_geometry: bool = False
    """Whether the file has its own geometry."""
    notes: tuple[str, ...] = ()
    """Sentences from a manifest of version 1."""

    @property
    def status(self) -> str:
        """`ok` or `damaged`; whatever could be read is kept either way."""
        return "damaged" if self.damage else "ok"

    def describe_damage(self) -> list[str]:
        r"""List the damaged places and their consequences, one per line.

        >>> source = Source("/data/a.i3", 1000, damage=(Damage(120, 3, "wrong checksum"),), orphans=2)
        >>> print(*source.describe_damage(), sep="\n")
        /data/a.i3: frame 3 at byte 120: wrong checksum
        /data/a.i3: 2 physics frames have lost their DAQ frame to damage: what they share with it is null
        """
        lines = [place.describe(self.path) for place in self.damage]
        if self.orphans:
            lines.append(
                f"{self.path}: {self.orphans} physics frames have lost their DAQ frame to damage: "
                "what they share with it is null"
            )
        return lines

    def describe(self) -> list[str]:
        """List everything that was not read or not converted, one per line."""
        return [*self.describe_damage(), *(left.describe() for left in self.left_out), *self.notes]


@dataclass(frozen=True, slots=True, repr=False)
class Manifest:
    """The contents and provenance of a dataset."""

    schema: pa.Schema
    """All columns of all parts, with unit and meaning as metadata."""
    parts: tuple[Part, ...] = ()
    """The parts, ordered by run."""
    sources: tuple[Source, ...] = ()
    """The source files."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """How it was made: keys, streams, generator settings, nfiles, livetime (s)."""
    blinding: Blinding = field(default_factory=Blinding)
    """What may be seen of it."""
    features: tuple[Saved, ...] = ()
    """Features that are kept beside the events; those of an open dataset hold."""
    icecol_version: str = icecol.__version__
    """Version of icecol that wrote it."""
    schema_version: int = SCHEMA_VERSION
    """Version of the layout on disk."""

    def __repr__(self) -> str:
        return (
            f"Manifest({len(self.schema):,} columns, {self.rows:,} events in {len(self.parts):,} parts, "
            f"{len(self.sources):,} sources, made by icecol {self.icecol_version})"
        )

    @property
    def rows(self) -> int:
        """Number of events in all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def bytes(self) -> int:
        """Total size of the parts on disk."""
        return sum(part.bytes for part in self.parts)


def read(path: str | Path) -> Manifest:
    """Read a manifest.

    Parameters
    ----------
    path
        The manifest file.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    DatasetError
        If it is not a manifest, or one of a newer layout than this version of icecol knows.
    """
    path = place(path)
    content = path.read_bytes()
    with paused():  # there may be millions of objects, and all of them stay
        return _read(path, content)


def _read(path: Path, content: bytes) -> Manifest:
    try:
        found = json.loads(content)
        version = _version(found)
    except (ValueError, KeyError, TypeError) as err:
        msg = f"{path} is not the manifest of a dataset ({err!r}): restore it, or convert again into a new folder"
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
            parts=_once(part_from_json(part) for part in found["parts"]),
            sources=tuple(source_from_json(source) for source in found["sources"]),
            settings=_typed(found, "settings", dict),
            blinding=blindings.from_json(found.get("blinding")),
            features=tuple(saved.from_json(feature) for feature in found.get("features", ())),
            icecol_version=_typed(found, "icecol_version", str),
            schema_version=version,
        )
    except (ValueError, KeyError, TypeError, pa.ArrowException) as err:
        msg = f"{path} is damaged ({err!r}): restore it, or convert again into a new folder"
        raise DatasetError(msg) from err


def write(manifest: Manifest, path: str | Path) -> None:
    """Write a manifest atomically.

    Besides the serialized schema, it lists every column with type, unit and meaning, for human readers.
    """
    columns = [
        {"name": c.name, "type": str(c.type), "unit": schemas.unit(c), "doc": schemas.doc(c)}
        for c in manifest.schema
    ]
    content = {
        "schema_version": manifest.schema_version,
        "icecol_version": manifest.icecol_version,
        "settings": dict(manifest.settings),
        "blinding": manifest.blinding.to_json(),
        "features": [saved.to_json(feature) for feature in manifest.features],
        "parts": [asdict(part) for part in manifest.parts],
        "sources": [asdict(source) for source in manifest.sources],
        "columns": columns,
        "schema": schemas.to_text(manifest.schema),
    }
    files.write(path, json.dumps(content).encode())


def part_from_json(found: Mapping[str, Any]) -> Part:
    """Make a `Part` from its JSON object."""
    runs = found["run_range"]
    path = _typed(found, "path", str)
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        msg = f"part {path!r} is outside the dataset's folder"
        raise ValueError(msg)
    rows, size = (_typed(found, name, int) for name in ("rows", "bytes"))
    if rows < 0 or size < 0:
        msg = f"part {path!r} has {rows} rows and {size} bytes"
        raise ValueError(msg)
    return Part(
        path=path,
        rows=rows,
        bytes=size,
        checksum=_typed(found, "checksum", str) if "checksum" in found else "",
        run_range=None if runs is None else (runs[0], runs[1]),
        sources=tuple(found["sources"]),
    )


def _typed(found: Mapping[str, Any], name: str, kind: type[_T]) -> _T:
    """Return an entry of a JSON object that is of the type that it must have."""
    value = found[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        msg = f"{name} is {value!r:.60}, not of type {kind.__name__}"
        raise TypeError(msg)
    return value


_T = TypeVar("_T")


def _version(found: Mapping[str, Any]) -> int:
    version = _typed(found, "schema_version", int)
    if version < 1:
        msg = f"there is no schema version {version}"
        raise ValueError(msg)
    return version


def _once(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return the parts of a manifest, none of which is there twice."""
    found = {}
    for part in parts:
        if part.path in found:
            msg = f"part {part.path!r} is listed twice"
            raise ValueError(msg)
        found[part.path] = part
    return tuple(found.values())


def source_from_json(found: Mapping[str, Any]) -> Source:
    """Make a `Source` from its JSON object, of this version or version 1."""
    if "messages" in found:
        return _from_version_1(found)
    _typed(found, "path", str)
    for name in ("size", "modified", "events", "frames_read", "frames_skipped", "orphans"):
        _typed(found, name, int)
    return Source(
        **{
            **found,
            "damage": tuple(Damage(**place) for place in found["damage"]),
            "left_out": tuple(LeftOut(**left) for left in found["left_out"]),
            "notes": tuple(found["notes"]),
        }
    )


_DAMAGE_1: Final = re.compile(r": frame (\d+) at byte (\d+): (.*)", re.DOTALL)


def _from_version_1(found: Mapping[str, Any]) -> Source:
    """Make a `Source` from version 1: damage becomes data again, other notes stay prose."""
    path = found["path"]
    damage, notes = [], []
    for message in found["messages"]:
        match = _DAMAGE_1.fullmatch(message.removeprefix(path)) if message.startswith(path) else None
        if match is None:
            notes.append(message)
        else:
            damage.append(Damage(int(match[2]), int(match[1]), match[3]))
    if found["status"] != "ok" and not damage:
        damage.append(Damage(0, 0, "damaged at an unrecorded place"))
    return Source(
        path,
        found["size"],
        checksum=found["checksum"],
        events=found["events"],
        frames_read=found["frames_read"],
        frames_skipped=found["frames_skipped"],
        damage=tuple(damage),
        notes=tuple(notes),
    )
