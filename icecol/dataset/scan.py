"""Reading datasets: a lazy frame over all parts, and handles on the pulse series and the geometry."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from icecol import files
from icecol.dataset import manifest as manifests
from icecol.dataset import saved, swap
from icecol.dataset import schema as schemas
from icecol.dataset.folder import (
    CALIBRATION,
    DETECTOR_STATUS,
    EVENTS,
    GEOMETRY,
    PROGRESS,
    SIMULATION,
    TRIGGER_STATUS,
)
from icecol.dataset.manifest import Manifest
from icecol.dataset.records import n_done
from icecol.errors import DatasetError, MissingColumnError, did_you_mean
from icecol.names import matches, plain
from icecol.places import for_polars, is_remote, place, version
from icecol.stores import below, polars_options

if TYPE_CHECKING:
    from icecol.dataset.columns import Columns
    from icecol.dataset.manifest import Part
    from icecol.dataset.pulses import Pulses
    from icecol.dataset.saved import Saved, SavedPart
    from icecol.dataset.tables import Tables
    from icecol.detector.geometry import Geometry


def open_dataset(path: str | os.PathLike[str], *, tell: bool = True) -> Dataset:
    """Open one dataset; see `icecol.dataset.several.open_dataset`. `tell` warns of saved features that do not hold."""
    path = place(path).absolute()  # a frame of it is read later, perhaps from another working directory
    if is_remote(path) and path.is_secret:
        msg = (
            f"{path} cannot be a dataset: a signature is of one file, and a query plan would show it; give credentials "
            "in the environment"
        )
        raise DatasetError(msg)
    try:
        found = Dataset(path, manifests.read(path / manifests.NAME))
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetError(_why_no_dataset(path)) from None
    wrong = _of_wrong_size(path, found.manifest)
    if wrong:
        more = f" (and {len(wrong) - 1} more parts)" if len(wrong) > 1 else ""
        msg = f"{path} is incomplete: {wrong[0]}{more}; restore it, or convert again with `overwrite`"
        raise DatasetError(msg)
    sources = found.manifest.sources
    events = sum(source.events for source in sources)
    if sources and events != found.rows:
        msg = (
            f"{path / manifests.NAME} is damaged: its sources have {events:,} events, its parts {found.rows:,}; "
            "restore it, or convert again with `overwrite`"
        )
        raise DatasetError(msg)
    holding, why = _features(path, found.manifest)
    if tell and why:
        reasons = "; ".join(f"{name!r}, as {reason}" for name, reason in why.items())
        msg = (
            f"saved features of {path} are left out: {reasons}. `icecol.save_features({str(path)!r})` renews them, "
            f"`icecol.drop_features({str(path)!r}, {[*why]!r})` removes them"
        )
        warnings.warn(msg, stacklevel=3)
    return replace(found, manifest=replace(found.manifest, features=holding))


def _features(path: Path, manifest: Manifest) -> tuple[tuple[Saved, ...], dict[str, str]]:
    """Return the saved features that can be used, and why others cannot."""
    if is_remote(path):
        return (), {feature.name: "they are used on a local disk alone" for feature in manifest.features}
    return saved.usable(path, manifest)


@dataclass(frozen=True, slots=True, repr=False)
class Dataset:
    """A dataset on disk: its contents, and lazy frames of its events.

    Examples
    --------
    >>> import icecol as ic, polars as pl, tempfile
    >>> hits = pl.DataFrame(
    ...     {"event": [7, 7, 9], "t": [1.0, 2.5, 3.0], "string": [36, 36, 40], "om": [44, 45, 1]}
    ... )
    >>> ds = ic.convert.table(hits, f"{tempfile.mkdtemp()}/own.icecol")
    >>> ds.rows, ds.pulse_keys, ds.scan().select(pl.col("Pulses.time").list.len()).collect().rows()
    (2, ('Pulses',), [(2,), (1,)])
    """

    path: Path
    """Its folder."""
    manifest: Manifest
    """Its contents and provenance."""

    @property
    def schema(self) -> pa.Schema:
        """All columns, with unit and meaning in the metadata `unit` and `doc`."""
        return saved.with_columns(self.manifest.schema, self.manifest.features)

    @property
    def rows(self) -> int:
        """Number of events."""
        return self.manifest.rows

    @property
    def geometry(self) -> Geometry | None:
        """The detector geometry, or None if no GCD file was given when the dataset was made."""
        path = self.path / GEOMETRY
        return _geometry(path, version(path)) if path.exists() else None

    @property
    def calibration(self) -> pl.LazyFrame | None:
        """The calibration of the sensors, one per row, or None if no file had an I3Calibration.

        The columns are `omkey`, `string`, `om`, `pmt`, the members of I3DOMCalibration and those of I3VEMCalibration.

        Examples
        --------
        >>> import icecol as ic
        >>> ds = ic.open_dataset("level2.icecol")  # doctest: +SKIP
        >>> ds.calibration.select("string", "om", "relative_dom_eff").collect()  # doctest: +SKIP
        """
        return self._table(CALIBRATION)

    @property
    def detector_status(self) -> pl.LazyFrame | None:
        """The settings of the sensors, one per row, or None if no file had an I3DetectorStatus.

        The columns are `omkey`, `string`, `om`, `pmt` and the members of I3DOMStatus.
        """
        return self._table(DETECTOR_STATUS)

    @property
    def trigger_status(self) -> pl.LazyFrame | None:
        """The settings of the triggers, one per row, or None if no file had an I3DetectorStatus with triggers.

        The columns are the members of TriggerKey, `source`, `type`, `subtype` and `config_id`, and of I3TriggerStatus.
        """
        return self._table(TRIGGER_STATUS)

    def _table(self, name: str) -> pl.LazyFrame | None:
        path = self.path / name
        if not path.exists():
            return None
        table = pl.scan_parquet(for_polars(path), glob=False, **polars_options(str(path)))
        try:
            table.collect_schema()
        except pl.exceptions.PolarsError as err:
            msg = f"{path} is damaged ({err}): restore it, or convert again with `overwrite`"
            raise DatasetError(msg) from err
        return table

    @property
    def simulation(self) -> pl.DataFrame | None:
        """The S frames, one row per source file (first column: `source`), or None if there were none."""
        table = self._table(SIMULATION)
        if table is None:
            return None
        own = [source.path for source in self.manifest.sources]
        return table.filter(pl.col("source").is_in(own)).collect()

    @property
    def runs(self) -> pl.DataFrame:
        """The runs, one per row, with their events, livetime and rate: `icecol.runs.table` with its defaults."""
        from icecol.runs import table

        return table(self)

    @property
    def keys(self) -> tuple[str, ...]:
        """Frame keys that have columns, sorted."""
        return tuple(sorted({schemas.key_of(column) for column in self.schema}))

    @property
    def pulse_keys(self) -> tuple[str, ...]:
        """Frame keys that are pulse series, sorted."""
        from icecol.dataset.pulses import keys_of

        return keys_of([column.name for column in self.schema if pt.is_list(column.type)])

    @property
    def col(self) -> Columns:
        """Its columns, checked and completed: `ds.col.LineFit.zenith` is `pl.col("LineFit.zenith")`.

        A name that is not an identifier stands in brackets: `ds.col["Fit[1]"].zenith`. One that does not exist is an
        AttributeError, or in brackets a MissingColumnError, which names what is similar.

        Examples
        --------
        >>> import icecol as ic, tempfile
        >>> ds = ic.sim.to_dataset(ic.sim.events(3, seed=1), f"{tempfile.mkdtemp()}/sim.icecol")
        >>> ds.scan().filter(ds.col.MCPrimary.energy > 0).collect().height
        3
        >>> ds.col.MCPrimry
        Traceback (most recent call last):
        AttributeError: no column 'MCPrimry'; did you mean 'MCPrimary'?
        """
        from icecol.dataset.columns import Columns

        return Columns(self.schema.names)

    def contents(self, *, count: bool | None = None) -> pl.DataFrame:
        """List its keys, one per row: `key`, `class`, `events`, `members` and the `units` of these.

        Parameters
        ----------
        count
            Whether to count the events that have the key, which takes a query; `events` is null if not. None counts
            only in datasets small enough for it to take no time. In a blinded dataset, only visible events count.

        Returns
        -------
        polars.DataFrame
            `class` is null where it is not known: for keys that do not come from frames, or were converted by a version
            that did not note it. A key whose columns are hidden has no number of events.

        Examples
        --------
        >>> import icecol as ic, tempfile
        >>> ds = ic.sim.to_dataset(ic.sim.events(3, seed=1), f"{tempfile.mkdtemp()}/sim.icecol")
        >>> ds.contents().filter(pl.col("key") == "InIcePulses").select("events", "members").row(0)
        (3, ['time', 'charge', 'width', 'flags', 'omkey'])
        """
        from icecol.dataset.contents import of_keys

        return of_keys(self, count=count)

    @property
    def tables(self) -> Tables:
        """The dataset as numpy arrays, `tables[key][member]`: the form that simweights accepts as a file.

        As in tables that IceTray's tableio writes, an event without the key has no row.

        Examples
        --------
        >>> import simweights  # doctest: +SKIP
        >>> simweights.NuGenWeighter(ds.tables, nfiles=100)  # doctest: +SKIP
        """
        from icecol.dataset.tables import Tables

        return Tables(self)

    def scan(self, columns: Iterable[str] | None = None) -> pl.LazyFrame:
        """Scan all parts as one lazy frame.

        It has every column of the dataset, null in the parts that lack it, and those of the features that are saved
        beside it (`icecol.save_features`). A cut on a frame with some of these does not reach the Parquet reader, which
        would skip what it excludes: to look up single events, give `columns` without them. For a blinded dataset it
        holds only what may be seen; so does all that is made from it, such as `tables`, histograms and exports.

        Parameters
        ----------
        columns
            Names or patterns (`"LineFit.*"`) of the columns; None for all. In any case, a query reads only the columns
            it uses.

        Raises
        ------
        MissingColumnError
            If a name or pattern matches no column.

        Examples
        --------
        >>> import icecol as ic, polars as pl, tempfile
        >>> hits = pl.DataFrame(
        ...     {"event": [7, 7, 9], "t": [1.0, 2.5, 3.0], "string": [36, 36, 40], "om": [44, 45, 1]}
        ... )
        >>> ds = ic.convert.table(hits, f"{tempfile.mkdtemp()}/own.icecol")
        >>> ds.scan(["Pulses.time"]).filter(pl.col("Pulses.time").list.len() > 1).collect().rows()
        [([1.0, 2.5],)]
        """
        wanted = None
        if columns is not None:
            wanted = list(dict.fromkeys(name for pattern in columns for name in self.columns(pattern)))
        blinding = self.manifest.blinding
        features = [
            feature
            for feature in self.manifest.features
            if wanted is None or blinding.active or set(feature.schema.names) & set(wanted)
        ]
        parts = self.manifest.parts
        frames = [self._files([part.path for part in parts], self.manifest.schema)]
        frames += [self._files([part.path for part in f.of(parts)], f.schema) for f in features]
        # side by side, not joined: they have the same rows, which Polars checks
        frame = blinding.apply(pl.concat(frames, how="horizontal") if features else frames[0])
        return frame if wanted is None else frame.select(wanted)

    def _files(self, names: list[str], schema: pa.Schema) -> pl.LazyFrame:
        """Scan files that have some of these columns."""
        if not names:
            return pl.LazyFrame(schema=schemas.to_polars(schema))
        return pl.scan_parquet(
            [for_polars(self.path / name) for name in names],
            schema=schemas.to_polars(schema),
            missing_columns="insert",
            extra_columns="ignore",
            glob=False,
            **polars_options(str(self.path)),
        )

    def columns(self, pattern: str = "*") -> list[str]:
        """List the columns whose names match a shell pattern (`*`, `?`, `[...]`), in the order of the dataset.

        Parameters
        ----------
        pattern
            The pattern, or the exact name of a column.

        Raises
        ------
        MissingColumnError
            If no column matches.

        Examples
        --------
        >>> import icecol as ic, polars as pl, tempfile
        >>> hits = pl.DataFrame(
        ...     {"event": [7, 7, 9], "t": [1.0, 2.5, 3.0], "string": [36, 36, 40], "om": [44, 45, 1]}
        ... )
        >>> ds = ic.convert.table(hits, f"{tempfile.mkdtemp()}/own.icecol")
        >>> ds.columns("Pulses.*")
        ['Pulses.time', 'Pulses.charge', 'Pulses.omkey', 'Pulses.width', 'Pulses.flags']
        """
        return columns_like(pattern, self.schema.names, str(self.path))

    def pulses(self, key: str) -> Pulses:
        """Get the handle on a pulse series, as used by the reconstructions, with the geometry of the dataset.

        Parameters
        ----------
        key
            Frame key of the pulse series.

        Raises
        ------
        MissingColumnError
            If the key is not a pulse series of this dataset.

        Examples
        --------
        >>> import icecol as ic, polars as pl, tempfile
        >>> hits = pl.DataFrame(
        ...     {"event": [7, 7, 9], "t": [1.0, 2.5, 3.0], "string": [36, 36, 40], "om": [44, 45, 1]}
        ... )
        >>> ds = ic.convert.table(hits, f"{tempfile.mkdtemp()}/own.icecol", gcd=ic.Geometry.nominal())
        >>> pulses = ds.pulses("Pulses")
        >>> ic.with_features(ds.scan(), Q=ic.reco.charge(pulses)).select("Q.n_hit_doms").collect().rows()
        [(2,), (1,)]
        """
        return pulses_of(self, key, str(self.path))

    def verify(self) -> None:
        """Read all parts and check the number of rows and the checksum of each against the manifest.

        Raises
        ------
        DatasetError
            If any do not match; the message names all of them.

        Examples
        --------
        >>> import icecol as ic
        >>> ic.open_dataset("level2.icecol").verify()  # doctest: +SKIP
        """
        wrong = _of_wrong_size(self.path, self.manifest)
        named = {text.partition(" ")[0] for text in wrong}
        every: list[Part | SavedPart] = [*self.manifest.parts]
        every += [part for feature in self.manifest.features for part in feature.of(self.manifest.parts)]
        for part in every:
            if part.path in named:
                continue
            if part.checksum and (found := files.checksum(self.path / part.path)) != part.checksum:
                wrong.append(f"{part.path} has checksum {found}, the manifest says {part.checksum}")
                continue
            with (self.path / part.path).open("rb") as file:
                rows = pq.read_metadata(file).num_rows
            if rows != part.rows:
                wrong.append(f"{part.path} has {rows:,} rows, the manifest says {part.rows:,}")
        if wrong:
            msg = (
                f"{len(wrong)} of {len(every)} parts of {self.path} do not match its manifest: "
                f"{'; '.join(wrong)}; restore them, or convert again with `overwrite`"
            )
            raise DatasetError(msg)

    def describe(self) -> str:
        """Describe events, parts, sources and columns, with one line per frame key.

        Examples
        --------
        >>> import icecol as ic, polars as pl, tempfile
        >>> hits = pl.DataFrame(
        ...     {"event": [7, 7, 9], "t": [1.0, 2.5, 3.0], "string": [36, 36, 40], "om": [44, 45, 1]}
        ... )
        >>> ds = ic.convert.table(hits, f"{tempfile.mkdtemp()}/own.icecol")
        >>> ds.describe().splitlines()[2:]
        ['  I3EventHeader: event_id', '  Pulses: time, charge, omkey, width, flags']
        """
        manifest = self.manifest
        bad = [source for source in manifest.sources if source.status != "ok"]
        members: dict[str, list[str]] = {}
        for column in self.schema:
            key = schemas.key_of(column)
            members.setdefault(key, []).append(column.name[len(key) + 1 :] or column.name)
        lines = [
            f"{self!r}: {len(manifest.parts):,} parts, {manifest.bytes / 1e6:,.1f} MB in total",
            f"{len(manifest.sources):,} sources, {len(bad)} of them damaged",
            *(f"  {line}" for source in manifest.sources for line in source.describe()),
            *(f"  {key}: {', '.join(found)}" for key, found in sorted(members.items())),
            *(f"saved: {feature.name} = {feature.describe()}" for feature in manifest.features),
        ]
        return plain("\n".join(lines))

    def __len__(self) -> int:
        """Return the number of events."""
        return self.rows

    def __bool__(self) -> bool:
        """Return True: a dataset without events is still a dataset."""
        return True

    def _repr_html_(self) -> str:
        from icecol.dataset.contents import to_html

        return to_html(self)

    def __repr__(self) -> str:
        here = Path.cwd()
        near = not is_remote(self.path) and self.path.is_relative_to(here)
        path = self.path.relative_to(here) if near else self.path
        text = self.manifest.blinding.describe()
        blind = f", {text}" if text else ""
        return f"Dataset({str(path)!r}, {self.rows:,} events, {len(self.schema):,} columns{blind})"


def columns_like(pattern: str, names: list[str], where: str) -> list[str]:
    """Return the names of columns that match a pattern, or raise MissingColumnError, which says where."""
    found = [name for name in names if name == pattern] or [n for n in names if matches(n, (pattern,))]
    if not found and pattern != "*":
        msg = f"no column of {where} matches {pattern!r}; {did_you_mean(pattern, names, 'columns')}"
        raise MissingColumnError(msg)
    return found


def pulses_of(events: Any, key: str, where: str) -> Pulses:
    """Return the handle on a pulse series of a dataset or several, or raise MissingColumnError, which says where."""
    from icecol.dataset.pulses import Pulses

    if key not in events.pulse_keys:
        what = "is not a pulse series" if key in events.keys else "does not exist"
        msg = f"{key!r} {what} in {where}; {did_you_mean(key, events.pulse_keys, 'pulse series')}"
        raise MissingColumnError(msg)
    return Pulses(key=key, geometry=events.geometry)


@lru_cache(maxsize=4)
def _geometry(path: Path, _version: object) -> Geometry:
    """Read a geometry, cached for as long as its file does not change."""
    from icecol.detector.geometry import Geometry

    return Geometry.read_parquet(path)


def _of_wrong_size(path: Path, manifest: Manifest) -> list[str]:
    """Describe the parts that are missing or differ in size from the manifest."""
    if is_remote(path):
        found = below(str(path / EVENTS)) if manifest.parts else {}
        return (
            [] if found is None else _unlike({f"{EVENTS}/{name}": n for name, n in found.items()}, manifest)
        )
    folders = {(path / part.path).parent for part in manifest.parts}
    sizes = {
        os.path.join(folder, entry.name): entry.stat().st_size  # noqa: PTH118
        for folder in folders
        if folder.is_dir()
        for entry in os.scandir(folder)
    }
    own = {part.path: sizes.get(os.path.join(path, part.path)) for part in manifest.parts}  # noqa: PTH118
    return _unlike(own, manifest)


def _unlike(sizes: Mapping[str, int | None] | Mapping[str, int], manifest: Manifest) -> list[str]:
    found = [(part, sizes.get(part.path)) for part in manifest.parts]
    return [
        f"{part.path} is missing"
        if size is None
        else f"{part.path} has {size:,} bytes, the manifest says {part.bytes:,}"
        for part, size in found
        if size != part.bytes
    ]


def _why_no_dataset(path: Path) -> str:
    if is_remote(path):
        pattern = has_magic(path.name)
        what = (
            "is a pattern: give it in a list" if pattern else f"is not a dataset: it has no {manifests.NAME}"
        )
        return f"{path} {what}"
    if not path.exists() and swap.beside(path).is_dir():
        return f"replacing {path} by a new dataset was interrupted: convert again to complete it"
    if not path.exists() and has_magic(str(path)):
        return f"{path} is a pattern, for one or more datasets: give it in a list, ic.open_dataset([{path.name!r}])"
    if not path.exists():
        return f"{path} does not exist: check the path, or convert files into it"
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
