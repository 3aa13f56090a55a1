"""Reading a dataset: one lazy frame over all its parts, and handles on its pulse series and geometry."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from icecol import files
from icecol.dataset import manifest as manifests
from icecol.dataset import schema as schemas
from icecol.dataset import swap
from icecol.dataset.manifest import Manifest
from icecol.dataset.writer import (
    CALIBRATION,
    DETECTOR_STATUS,
    EVENTS,
    GEOMETRY,
    PROGRESS,
    SIMULATION,
    TRIGGER_STATUS,
    n_done,
)
from icecol.errors import DatasetError, MissingColumnError, did_you_mean

if TYPE_CHECKING:
    import numpy as np

    from icecol.dataset.pulses import Pulses
    from icecol.detector.geometry import Geometry


def open_dataset(path: str | Path) -> Dataset:
    """Open a dataset: its manifest is read, and the sizes of its parts are compared with it.

    Raises
    ------
    DatasetError
        There is no dataset at `path`, its conversion has not finished, a part is missing or not of the right size, or
        it was written by a newer icecol.

    Examples
    --------
    >>> import icecol as ic
    >>> ds = ic.open_dataset("level2.icecol")  # doctest: +SKIP
    >>> ds.scan().filter(pl.col("I3EventHeader.run_id") == 120000).collect()  # doctest: +SKIP
    """
    path = Path(path)
    try:
        found = Dataset(path, manifests.read(path / manifests.NAME))
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetError(_why_no_dataset(path)) from None
    wrong = _of_wrong_size(path, found.manifest)
    if wrong:
        more = f" (and {len(wrong) - 1} more parts)" if len(wrong) > 1 else ""
        msg = f"{path} is not whole: {wrong[0]}{more}; restore it, or convert again with `overwrite`"
        raise DatasetError(msg)
    return found


@dataclass(frozen=True, slots=True, repr=False)
class Dataset:
    """A dataset on disk: what it holds, and lazy frames of its events."""

    path: Path
    """Its folder."""
    manifest: Manifest
    """What it holds and where it came from."""

    @property
    def schema(self) -> pa.Schema:
        """All columns, with their unit and meaning as metadata `unit` and `doc`."""
        return self.manifest.schema

    @property
    def rows(self) -> int:
        """Number of events."""
        return self.manifest.rows

    @property
    def geometry(self) -> Geometry | None:
        """The sensors, or None if no GCD file was given when it was made."""
        path = self.path / GEOMETRY
        return _geometry(path, path.stat().st_mtime_ns) if path.exists() else None

    @property
    def calibration(self) -> pl.LazyFrame | None:
        """The calibration of the sensors, one row each, or None if no file had an I3Calibration.

        Columns are `omkey`, `string`, `om`, `pmt`, the members of I3DOMCalibration and those of I3VEMCalibration.

        Examples
        --------
        >>> import icecol as ic
        >>> ds = ic.open_dataset("level2.icecol")  # doctest: +SKIP
        >>> ds.calibration.select("string", "om", "relative_dom_eff").collect()  # doctest: +SKIP
        """
        return self._table(CALIBRATION)

    @property
    def detector_status(self) -> pl.LazyFrame | None:
        """The settings of the sensors, one row each, or None if no file had an I3DetectorStatus.

        Columns are `omkey`, `string`, `om`, `pmt` and the members of I3DOMStatus.
        """
        return self._table(DETECTOR_STATUS)

    @property
    def trigger_status(self) -> pl.LazyFrame | None:
        """The settings of the triggers, one row each, or None if no file had an I3DetectorStatus with some.

        Columns are the members of TriggerKey, `source`, `type`, `subtype` and `config_id`, and of I3TriggerStatus.
        """
        return self._table(TRIGGER_STATUS)

    def _table(self, name: str) -> pl.LazyFrame | None:
        path = self.path / name
        return pl.scan_parquet(path, glob=False) if path.exists() else None

    @property
    def simulation(self) -> pl.DataFrame | None:
        """The S frames, one row a source file (first column: `source`), or None if there were none."""
        path = self.path / SIMULATION
        return pl.read_parquet(path) if path.exists() else None

    @property
    def keys(self) -> tuple[str, ...]:
        """Frame keys that have columns, sorted."""
        return tuple(sorted({schemas.key_of(name) for name in self.schema.names}))

    @property
    def pulse_keys(self) -> tuple[str, ...]:
        """Frame keys that are pulse series, sorted."""
        from icecol.dataset.pulses import MEMBERS

        lists = {column.name for column in self.schema if pt.is_list(column.type)}
        keys = {name.rpartition(".")[0] for name in lists}
        return tuple(sorted(key for key in keys if lists.issuperset(f"{key}.{member}" for member in MEMBERS)))

    @property
    def tables(self) -> Tables:
        """The dataset as `tables[key][member]` of numpy arrays: what simweights takes as its file."""
        return Tables(self)

    def scan(self, columns: Iterable[str] | None = None) -> pl.LazyFrame:
        """Scan all parts as one lazy frame.

        Every column of the dataset is there, null in the parts that lack it.

        Parameters
        ----------
        columns
            Names or patterns (`"LineFit.*"`) of the columns wanted; None for all. A query reads the columns it
            uses in any case.

        Raises
        ------
        MissingColumnError
            A name or pattern fits no column.
        """
        schema = schemas.to_polars(self.schema)
        if not self.manifest.parts:
            frame = pl.LazyFrame(schema=schema)
        else:
            frame = pl.scan_parquet(
                [self.path / part.path for part in self.manifest.parts],
                schema=schema,
                missing_columns="insert",
                extra_columns="ignore",
                glob=False,
            )
        if columns is None:
            return frame
        return frame.select(
            list(dict.fromkeys(name for pattern in columns for name in self.columns(pattern)))
        )

    def columns(self, pattern: str = "*") -> list[str]:
        """List the columns whose name fits a shell pattern (`*`, `?`, `[...]`), in the dataset's order.

        Raises
        ------
        MissingColumnError
            None does.
        """
        found = [name for name in self.schema.names if name == pattern] or [
            name for name in self.schema.names if fnmatch.fnmatchcase(name, pattern)
        ]
        if not found and pattern != "*":
            msg = f"no column of {self.path} matches {pattern!r}; {did_you_mean(pattern, self.schema.names, 'columns')}"
            raise MissingColumnError(msg)
        return found

    def pulses(self, key: str) -> Pulses:
        """Get the handle of a pulse series, which the reconstructions take; its geometry is the dataset's.

        Raises
        ------
        MissingColumnError
            The key is not a pulse series of this dataset.
        """
        from icecol.dataset.pulses import Pulses

        if key not in self.pulse_keys:
            what = "is not a pulse series" if key in self.keys else "is not there"
            msg = f"{key!r} {what} in {self.path}; {did_you_mean(key, self.pulse_keys, 'pulse series')}"
            raise MissingColumnError(msg)
        return Pulses(key=key, geometry=self.geometry)

    def verify(self) -> None:
        """Read all parts and compare the number of rows and the checksum of each with the manifest.

        Raises
        ------
        DatasetError
            Some do not fit: all are named.

        Examples
        --------
        >>> import icecol as ic
        >>> ic.open_dataset("level2.icecol").verify()  # doctest: +SKIP
        """
        wrong = _of_wrong_size(self.path, self.manifest)
        named = {text.partition(" ")[0] for text in wrong}
        for part in self.manifest.parts:
            if part.path in named:
                continue
            if part.checksum and (found := files.checksum(self.path / part.path)) != part.checksum:
                wrong.append(f"{part.path} has checksum {found}, the manifest says {part.checksum}")
                continue
            rows = pq.read_metadata(self.path / part.path).num_rows
            if rows != part.rows:
                wrong.append(f"{part.path} has {rows:,} rows, the manifest says {part.rows:,}")
        if wrong:
            msg = (
                f"{len(wrong)} of {len(self.manifest.parts)} parts of {self.path} do not fit its manifest: "
                f"{'; '.join(wrong)}; restore them, or convert again with `overwrite`"
            )
            raise DatasetError(msg)

    def describe(self) -> str:
        """Describe rows, files, sources and columns, one frame key a line."""
        manifest = self.manifest
        bad = [source for source in manifest.sources if source.status != "ok"]
        members: dict[str, list[str]] = {}
        for name in self.schema.names:
            key = schemas.key_of(name)
            members.setdefault(key, []).append(name[len(key) + 1 :] or name)
        lines = [
            f"{self!r}: {len(manifest.parts):,} parts, {manifest.bytes / 1e6:,.1f} MB in all",
            f"{len(manifest.sources):,} sources, {len(bad)} of them damaged",
            *(f"  {line}" for source in manifest.sources for line in source.describe()),
            *(f"  {key}: {', '.join(found)}" for key, found in sorted(members.items())),
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Dataset({str(self.path)!r}, {self.rows:,} events, {len(self.schema):,} columns)"


@lru_cache(maxsize=4)
def _geometry(path: Path, _written: int) -> Geometry:
    """Read a geometry once for as long as its file stays the same."""
    from icecol.detector.geometry import Geometry

    return Geometry.read_parquet(path)


class Tables:
    """A dataset as a mapping from frame key to `Table`."""

    __slots__ = ("__dataset",)

    def __init__(self, dataset: Dataset) -> None:
        self.__dataset = dataset

    def __getitem__(self, key: str) -> Table:
        """Get the columns of a frame key: of the S frames if they have it, else of the events."""
        simulation = self.__dataset.simulation
        events = self.__dataset.scan()
        for frame, names in (
            (simulation, [] if simulation is None else simulation.columns),
            (events, self._names()),
        ):
            members = {name[len(key) + 1 :]: name for name in names if name.startswith(f"{key}.")}
            if frame is not None and members:
                return Table(key, frame.lazy(), members)
        msg = (
            f"no frame key {key!r} in {self.__dataset.path}; {did_you_mean(key, self.__dataset.keys, 'keys')}"
        )
        raise MissingColumnError(msg)

    def __contains__(self, key: object) -> bool:
        try:
            return isinstance(key, str) and self[key] is not None
        except MissingColumnError:
            return False

    def _names(self) -> list[str]:
        return list(self.__dataset.schema.names)


class Table:
    """The columns of one frame key as numpy arrays, read when asked for.

    It has no attributes at all: libraries that look for a column among a table's attributes first would take
    a method for a column of that name.
    """

    __slots__ = ("__frame", "__key", "__members")

    def __init__(self, key: str, frame: pl.LazyFrame, members: dict[str, str]) -> None:
        self.__key, self.__frame, self.__members = key, frame, members

    def __getitem__(self, member: str) -> np.ndarray[Any, Any]:
        """Read a column; a null becomes NaN."""
        if member not in self.__members:
            msg = (
                f"{self.__key!r} has no member {member!r}; {did_you_mean(member, self.__members, 'members')}"
            )
            raise MissingColumnError(msg)
        return self.__frame.select(self.__members[member]).collect().to_series().to_numpy()

    def __contains__(self, member: object) -> bool:
        return member in self.__members


def _of_wrong_size(path: Path, manifest: Manifest) -> list[str]:
    """Name the parts that are not there or have not the size that the manifest says."""
    folders = {(path / part.path).parent for part in manifest.parts}
    sizes = {
        os.path.join(folder, entry.name): entry.stat().st_size  # noqa: PTH118
        for folder in folders
        if folder.is_dir()
        for entry in os.scandir(folder)
    }
    found = [(part, sizes.get(os.path.join(path, part.path))) for part in manifest.parts]  # noqa: PTH118
    return [
        f"{part.path} is missing"
        if size is None
        else f"{part.path} has {size:,} bytes, the manifest says {part.bytes:,}"
        for part, size in found
        if size != part.bytes
    ]


def _why_no_dataset(path: Path) -> str:
    if not path.exists() and swap.beside(path).is_dir():
        return f"an exchange of {path} for a new dataset was interrupted: convert again, and it is completed"
    if not path.exists():
        return f"there is nothing at {path}: check the path, or convert files into it"
    if not path.is_dir():
        return f"{path} is a file; a dataset is a folder with a {manifests.NAME}"
    if (path / PROGRESS).is_dir():
        return (
            f"the conversion into {path} has not finished ({n_done(path)} source files are done): "
            "run it again to resume"
        )
    found = ", ".join(repr(name) for name in sorted(p.name for p in path.iterdir())[:8]) or "nothing"
    parts = f"; {EVENTS}/ has lost its manifest" if (path / EVENTS).is_dir() else ""
    return f"{path} is not a dataset: it has no {manifests.NAME}, only {found}{parts}"
