"""Features that are kept beside the events: what is recorded of them, whether they still hold, and their columns.

They are computed by `icecol.saving`. Each has one Parquet file for each part of the events, with the same rows in the
same order. The manifest lists them with all that their values depend on (`depends`): the code, its parameters, the
versions of what compiles it, the geometry, and the features that it reads. Where any of it has changed, the columns are
not there until the feature is saved again: an old number never stands for a new one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from icecol import files
from icecol.dataset import schema as schemas
from icecol.dataset.folder import FEATURES, GEOMETRY
from icecol.errors import DatasetError

if TYPE_CHECKING:
    import polars as pl

    from icecol.dataset.blinding import Blinding
    from icecol.dataset.manifest import Manifest, Part

ROWS: Final = 8192
"""Events per row group, as parts of events have them."""
LIBRARIES: Final = ("llvmlite", "numba", "numpy")
"""Libraries on whose versions the last bits of a number may depend."""


@dataclass(frozen=True, slots=True)
class SavedPart:
    """The values of a feature for one part of the events."""

    path: str
    """Path relative to the dataset's folder."""
    of: str
    """Path of the part of the events."""
    of_checksum: str
    """Its checksum."""
    rows: int
    bytes: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Saved:
    """A feature that is kept beside the events."""

    name: str
    made: Mapping[str, Any]
    """How it is made: `place` and `function`, `pulses` and `parameters`; or an `expression`."""
    depends: Mapping[str, Any]
    """What else its values depend on: `code`, `versions`, `geometry`, `reads` (features, by name), `veils`."""
    schema: pa.Schema
    """Its columns."""
    parts: tuple[SavedPart, ...] = ()
    everything: str = field(default="", compare=False)
    """Digest of all code of icecol that computes, when it was found to be what it was made of."""

    @property
    def key(self) -> str:
        """A digest of all that its values depend on."""
        return key_of(self.name, self.made, self.depends)

    def describe(self) -> str:
        """Say how it is made, as one would type it."""
        made = self.made
        if "expression" in made:
            return "an expression"
        given = [made["pulses"], *(f"{k}={_shown(v)}" for k, v in made["parameters"].items())]
        return f"{made['function']}({', '.join(given)})"

    def of(self, parts: Iterable[Part]) -> tuple[SavedPart, ...]:
        """Return the files of some parts of the events, in that order, as far as they are there."""
        there = {(part.of, part.of_checksum): part for part in self.parts}
        return tuple(there[p.path, p.checksum] for p in parts if (p.path, p.checksum) in there)


def key_of(name: str, made: Mapping[str, Any], depends: Mapping[str, Any]) -> str:
    """Return a digest of what the values of a feature depend on."""
    text = json.dumps([name, made, depends], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Return the versions of the libraries that a kernel is compiled by."""
    return {name: metadata.version(name) for name in LIBRARIES}


def geometry_of(path: Path) -> str:
    """Return the checksum of the geometry of a dataset; empty if it has none."""
    file = path / GEOMETRY
    return _checksum(file, file.stat().st_mtime_ns) if file.is_file() else ""


@lru_cache(maxsize=64)
def _checksum(path: Path, _changed: int) -> str:
    return files.checksum(path)


def veils_of(blinding: Blinding, columns: Iterable[str]) -> list[Any]:
    """Return what is blind of these columns, as JSON has it."""
    read = set(columns)
    veils = [asdict(veil) for veil in blinding.veils if read & set(veil.columns)]
    return list(json.loads(json.dumps(veils)))


def usable(path: Path, manifest: Manifest) -> tuple[tuple[Saved, ...], dict[str, str]]:
    """Return the features of a dataset that hold, and by name why others do not."""
    if not manifest.features:
        return (), {}
    sizes = _sizes(path)
    keys = {schemas.key_of(column) for column in manifest.schema} | {*manifest.schema.names}
    why: dict[str, str] = {}
    for feature in manifest.features:
        there = feature.of(manifest.parts)
        gone = sum(sizes.get(part.path) != part.bytes for part in there)
        if feature.name in keys or any(c in keys for c in feature.schema.names):
            why[feature.name] = "the events have a key of that name now"
        elif changed := changes(path, manifest, feature):
            why[feature.name] = f"{changed} since"
        elif len(there) < len(manifest.parts):
            why[feature.name] = f"it has {len(there)} of {len(manifest.parts)} parts of the events"
        elif gone:
            why[feature.name] = f"{gone} of its files are missing or damaged"
    known = {feature.name: feature for feature in manifest.features}
    while more := {
        name: f"{other!r}, which it reads, does not hold"
        for name in known.keys() - why.keys()
        for other in known[name].depends["reads"]
        if other in why
    }:
        why |= more
    return tuple(f for f in manifest.features if f.name not in why), why


def changes(path: Path, manifest: Manifest, feature: Saved) -> str:
    """Say what a feature depends on and has changed since it was saved; empty if nothing has."""
    from icecol.jit import sources  # not before there is a saved feature

    depends, found = feature.depends, []
    now = {
        **dict.fromkeys(depends["versions"], "unknown"),
        **versions(),
        "polars": metadata.version("polars"),
    }
    found += [
        f"{name} is {now[name]} instead of {old}"
        for name, old in depends["versions"].items()
        if now[name] != old
    ]
    place = feature.made.get("place", "")
    own = place.startswith("icecol.") and feature.everything == sources.everything()
    if place and not own and sources.digest(place) != depends["code"]:
        found.append(f"the code of {feature.made['function']} ({place}) has changed")
    if depends["geometry"] not in {None, geometry_of(path)}:
        found.append("the geometry has changed")
    if depends["veils"] != veils_of(manifest.blinding, depends["columns"]):
        found.append("what is blind has changed")
    keys = {other.name: other.key for other in manifest.features}
    found += [
        f"{name}, which it reads, has changed"
        for name, key in depends["reads"].items()
        if keys.get(name) != key
    ]
    return " and ".join(found)


def kept(features: Sequence[Saved], parts: Sequence[Part]) -> tuple[Saved, ...]:
    """Return features as a changed dataset has them: with the files of the parts that are left."""
    return tuple(replace(feature, parts=feature.of(parts)) for feature in features)


def cut_anew(path: Path, feature: Saved, before: Sequence[Part], after: Sequence[Part]) -> Saved:
    """Divide the values of a feature by other parts, which have the same events in the same order."""
    import polars as pl

    there = feature.of(before)
    if len(there) < len(before) or not before or not feature.schema.names:
        return feature
    values = pl.scan_parquet([path / part.path for part in there], glob=False)
    made, begin = [], 0
    for part in after:
        made.append(write(path, feature, part, values.slice(begin, part.rows).collect()))
        begin += part.rows
    return replace(feature, parts=tuple(made))


def file_of(feature: Saved, part: Part) -> str:
    """Return where the values of a feature for a part are, relative to the dataset's folder: by what they depend on."""
    text = f"{feature.key} {part.path} {part.checksum} {part.rows}"
    return f"{FEATURES}/part-{hashlib.sha256(text.encode()).hexdigest()[:24]}.parquet"


def write(path: Path, feature: Saved, part: Part, values: pl.DataFrame) -> SavedPart:
    """Write the values of a feature for a part."""
    name = file_of(feature, part)
    if values.height != part.rows:
        msg = f"the feature {feature.name!r} has {values.height:,} values for the {part.rows:,} events of {part.path}"
        raise DatasetError(msg)
    (path / FEATURES).mkdir(exist_ok=True)
    with files.whole(path / name) as aside:
        values.write_parquet(aside, row_group_size=ROWS)
    return found(path, feature, part)


def found(path: Path, feature: Saved, part: Part) -> SavedPart:
    """Return what is recorded of the file of a feature for a part, which is there."""
    name = file_of(feature, part)
    file = path / name
    return SavedPart(name, part.path, part.checksum, part.rows, file.stat().st_size, files.checksum(file))


def with_columns(schema: pa.Schema, features: Sequence[Saved]) -> pa.Schema:
    """Return the columns of the events, followed by those of features."""
    if not features:
        return schema
    return pa.schema(
        [*schema, *(c for feature in features for c in feature.schema)], metadata=schema.metadata
    )


def to_json(feature: Saved) -> dict[str, Any]:
    """Return it as the manifest stores it."""
    return {
        "name": feature.name,
        "made": dict(feature.made),
        "depends": dict(feature.depends),
        "schema": schemas.to_text(feature.schema),
        "parts": [asdict(part) for part in feature.parts],
        "everything": feature.everything,
    }


def from_json(found: Mapping[str, Any]) -> Saved:
    """Read what `to_json` returned."""
    return Saved(
        found["name"],
        found["made"],
        found["depends"],
        schemas.from_text(found["schema"]),
        tuple(SavedPart(**part) for part in found["parts"]),
        found["everything"],
    )


def _sizes(path: Path) -> dict[str, int]:
    folder = path / FEATURES
    if not folder.is_dir():
        return {}
    return {f"{FEATURES}/{entry.name}": entry.stat().st_size for entry in os.scandir(folder)}


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        kind, inner = next(iter(value.items()))
        return "..." if kind == "expression" else f"{inner}"
    return f"{value!r}"
