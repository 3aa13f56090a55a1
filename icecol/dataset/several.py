"""Several datasets as one: a lazy frame over all, what they are, and the parts that hold some runs."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import polars as pl
import pyarrow as pa

from icecol.dataset import manifest as manifests
from icecol.dataset import schema as schemas
from icecol.dataset.manifest import Part
from icecol.dataset.parts import RUN
from icecol.dataset.scan import Dataset, columns_like, pulses_of
from icecol.dataset.scan import open_dataset as open_one
from icecol.errors import DatasetError, GeometryError, MissingColumnError
from icecol.places import expanded, is_remote, place

if TYPE_CHECKING:
    from icecol.dataset.columns import Columns
    from icecol.dataset.pulses import Pulses
    from icecol.dataset.saved import Saved
    from icecol.detector.geometry import Geometry

Runs = range | Iterable[int] | pl.DataFrame
"""Numbers of runs: a range, several, or a table of good runs, as `icecol.runs.good_runs` reads it."""


def folders_of(name: str | os.PathLike[str]) -> list[Path]:
    """Return the folders of datasets that a name or a pattern stands for, sorted; none if it stands for others."""
    where = place(name)
    if is_remote(where):
        return [path for path in expanded(where) if (path / manifests.NAME).is_file()]
    text = os.fspath(name)
    found = [text] if Path(text).exists() else sorted(glob.glob(text, recursive=True))  # noqa: PTH207
    return [path for path in map(Path, found) if (path / manifests.NAME).is_file()]


@overload
def open_dataset(path: str | os.PathLike[str]) -> Dataset: ...  # type: ignore[overload-overlap]


@overload
def open_dataset(path: Iterable[str | os.PathLike[str]]) -> Datasets: ...


def open_dataset(path: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Dataset | Datasets:
    """Open a dataset, or several as one: read its manifest and check the sizes of its parts against it.

    Parameters
    ----------
    path
        Folder of the dataset, or its URL (s3://, https://); or a list of folders and patterns, such as
        `["data/*.icecol"]`.

    Returns
    -------
    Dataset or Datasets
        The latter for a list.

    Raises
    ------
    DatasetError
        If there is no dataset at `path`, its conversion has not finished, a part is missing or has the wrong size, or
        it was written by a newer version of icecol.
    ValueError
        If a list is empty.

    Examples
    --------
    >>> import icecol as ic
    >>> ds = ic.open_dataset("level2.icecol")  # doctest: +SKIP
    >>> ds.scan().filter(pl.col("I3EventHeader.run_id") == 120000).collect()  # doctest: +SKIP
    """
    if isinstance(path, str | os.PathLike):
        return open_one(path)
    found: dict[Path, None] = {}
    for name in path:
        folders = folders_of(name)
        if not folders and glob.has_magic(os.fspath(name)):
            msg = f"no dataset matches {os.fspath(name)!r}"
            raise DatasetError(msg)
        found |= dict.fromkeys(folder.absolute() for folder in folders or [place(name)])
    if not found:
        msg = "no datasets to open: the list is empty"
        raise ValueError(msg)
    return Datasets([open_one(folder) for folder in found])


@dataclass(frozen=True, repr=False)
class Datasets(Sequence[Dataset]):
    """Several datasets, used like one: made by `icecol.open_dataset([...])`.

    Attributes
    ----------
    each
        The datasets.
    runs
        The runs whose events are seen (see `of_runs`), or None for all.

    Examples
    --------
    >>> import icecol as ic, polars as pl, tempfile
    >>> hits = pl.DataFrame(
    ...     {"event": [7, 7, 9], "t": [1.0, 2.5, 3.0], "string": [36, 36, 40], "om": [44, 45, 1]}
    ... )
    >>> paths = [ic.convert.table(hits, f"{tempfile.mkdtemp()}/{name}.icecol").path for name in ("a", "b")]
    >>> ic.open_dataset(paths)
    Datasets(a.icecol, b.icecol: 4 events)
    """

    each: Sequence[Dataset]
    runs: range | tuple[int, ...] | None = None

    @overload
    def __getitem__(self, i: int) -> Dataset: ...

    @overload
    def __getitem__(self, i: slice) -> Datasets: ...

    def __getitem__(self, i: int | slice) -> Dataset | Datasets:
        """Return one of them, or some."""
        return replace(self, each=self.each[i]) if isinstance(i, slice) else self.each[i]

    def __len__(self) -> int:
        """Return the number of datasets."""
        return len(self.each)

    def __iter__(self) -> Iterator[Dataset]:
        """Iterate over them."""
        return iter(self.each)

    @cached_property
    def schema(self) -> pa.Schema:
        """All columns of all of them.

        Raises
        ------
        SchemaError
            If a column has different types in two of them.
        """
        return schemas.unite((ds.path, ds.schema) for ds in self.each)

    @property
    def rows(self) -> int:
        """Number of events in the parts that are read; some of them may be of other runs than `runs`."""
        return sum(ds.rows for ds in self.each)

    @cached_property
    def geometry(self) -> Geometry | None:
        """The geometry that all have.

        Raises
        ------
        GeometryError
            If they have different ones.
        """
        first = self.each[0].geometry if self.each else None
        for ds in self.each[1:]:
            other = ds.geometry
            if other is not first and (first is None or other is None or not other.equals(first)):
                msg = (
                    f"{ds.path} has another geometry than {self.each[0].path}: compute features of each by itself, and "
                    "concatenate the frames"
                )
                raise GeometryError(msg)
        return first

    @property
    def pulse_keys(self) -> tuple[str, ...]:
        """Frame keys that are pulse series in any of them, sorted."""
        return tuple(sorted({key for ds in self.each for key in ds.pulse_keys}))

    @property
    def keys(self) -> tuple[str, ...]:
        """Frame keys that have columns, sorted."""
        return tuple(sorted({key for ds in self.each for key in ds.keys}))

    @property
    def col(self) -> Columns:
        """The columns, checked and completed: `ds.col.LineFit.zenith` is `pl.col("LineFit.zenith")`."""
        from icecol.dataset.columns import Columns

        return Columns(self.schema.names)

    def columns(self, pattern: str = "*") -> list[str]:
        """List the columns whose names match a shell pattern, as `Dataset.columns` does.

        Parameters
        ----------
        pattern
            The pattern, or the exact name of a column.

        Examples
        --------
        >>> import icecol as ic, polars as pl, tempfile
        >>> hits = pl.DataFrame(
        ...     {"event": [7, 7, 9], "t": [1.0, 2.5, 3.0], "string": [36, 36, 40], "om": [44, 45, 1]}
        ... )
        >>> paths = [
        ...     ic.convert.table(hits, f"{tempfile.mkdtemp()}/{name}.icecol").path for name in ("a", "b")
        ... ]
        >>> ic.open_dataset(paths).columns("Pulses.*")
        ['Pulses.time', 'Pulses.charge', 'Pulses.omkey', 'Pulses.width', 'Pulses.flags']
        """
        return columns_like(pattern, self.schema.names, str(self))

    def pulses(self, key: str) -> Pulses:
        """Get the handle on a pulse series, as `Dataset.pulses` does.

        Parameters
        ----------
        key
            Frame key of the pulse series.

        Examples
        --------
        >>> import icecol as ic, polars as pl, tempfile
        >>> hits = pl.DataFrame(
        ...     {"event": [7, 7, 9], "t": [1.0, 2.5, 3.0], "string": [36, 36, 40], "om": [44, 45, 1]}
        ... )
        >>> geometry = ic.Geometry.nominal()
        >>> paths = [
        ...     ic.convert.table(hits, f"{tempfile.mkdtemp()}/{name}.icecol", gcd=geometry).path
        ...     for name in ("a", "b")
        ... ]
        >>> ic.open_dataset(paths).pulses("Pulses").column("time")
        'Pulses.time'
        """
        return pulses_of(self, key, str(self))

    def scan(self, columns: Iterable[str] | None = None) -> pl.LazyFrame:
        """Scan all parts of all datasets as one lazy frame; columns that a dataset lacks are null there.

        Parameters
        ----------
        columns
            Names or patterns of the columns; None for all.

        Examples
        --------
        >>> import icecol as ic, polars as pl, tempfile
        >>> hits = pl.DataFrame(
        ...     {"event": [7, 7, 9], "t": [1.0, 2.5, 3.0], "string": [36, 36, 40], "om": [44, 45, 1]}
        ... )
        >>> paths = [
        ...     ic.convert.table(hits, f"{tempfile.mkdtemp()}/{name}.icecol").path for name in ("a", "b")
        ... ]
        >>> ic.open_dataset(paths).scan().select(pl.col("Pulses.time").list.len()).collect()[
        ...     "Pulses.time"
        ... ].to_list()
        [2, 1, 2, 1]
        """
        _require_same_features(self.each)
        wanted = self.schema.names
        if columns is not None:
            wanted = list(dict.fromkeys(name for pattern in columns for name in self.columns(pattern)))
        if not self.each:
            return pl.LazyFrame(schema={})
        frame = pl.concat([ds.scan() for ds in self.each], how="diagonal")
        if self.runs is not None:
            frame = frame.filter(_chosen(self.runs))
        return frame.select(wanted)

    def of_runs(self, runs: Runs, *, time: tuple[Any, Any] | None = None) -> Datasets:
        """Keep the events of some runs; parts without any of them are not even opened.

        Parameters
        ----------
        runs
            A range (`range(120000, 120100)`), several numbers, or a table of good runs, as `ic.runs.good_runs` reads
            it.
        time
            From (inclusive) and to (exclusive), dates or texts such as `"2016-05-09"` in UTC: only runs of the table
            that overlap with it.

        Raises
        ------
        ValueError
            If `time` is given with mere numbers, which have none.
        MissingColumnError
            If the events have no numbers of runs, or the table has not.

        Examples
        --------
        >>> import icecol as ic, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> for run in (7, 8):
        ...     ic.sim.write(f"{folder}/{run}.i3", ic.sim.events(5, seed=run), run_id=run)
        ...     _ = ic.convert.i3(f"{folder}/{run}.i3", f"{folder}/{run}.icecol", jobs=1)
        >>> archive = ic.open_dataset([f"{folder}/*.icecol"])
        >>> archive.rows, archive.of_runs([8]).rows
        (10, 5)
        """
        chosen = _numbers(runs, time)
        for ds in self.each:
            if ds.rows and RUN not in ds.schema.names:
                msg = f"{ds.path} has no column {RUN!r}, by which runs are chosen"
                raise MissingColumnError(msg)
        if self.runs is not None:
            chosen = tuple(run for run in chosen if run in set(self.runs))
        kept = []
        for ds in self.each:
            parts = tuple(part for part in ds.manifest.parts if _has_any(part, chosen))
            whole = len(parts) == len(ds.manifest.parts)
            if parts:
                kept.append(ds if whole else Dataset(ds.path, replace(ds.manifest, parts=parts)))
        return Datasets(kept or [_empty(ds) for ds in self.each[:1]], chosen)

    def catalogue(self) -> pl.DataFrame:
        """Tabulate the datasets.

        Returns
        -------
        polars.DataFrame
            A row for each: `path`, `events`, `parts`, `bytes`, `sources`, `damaged` (sources), `first_run`, `last_run`,
            `livetime` (s), `nfiles` and `generator` of its settings, `features` (saved ones), `blind`, `icecol`
            (version that wrote it) and `schema` (version of the layout). What is not known is null.

        Examples
        --------
        >>> import icecol as ic, polars as pl, tempfile
        >>> hits = pl.DataFrame(
        ...     {"event": [7, 7, 9], "t": [1.0, 2.5, 3.0], "string": [36, 36, 40], "om": [44, 45, 1]}
        ... )
        >>> paths = [
        ...     ic.convert.table(hits, f"{tempfile.mkdtemp()}/{name}.icecol").path for name in ("a", "b")
        ... ]
        >>> ic.open_dataset(paths).catalogue().select("events", "parts", "damaged", "livetime").rows()
        [(2, 1, 0, None), (2, 1, 0, None)]
        """
        return pl.DataFrame([_entry(ds) for ds in self.each], schema=_CATALOGUE)

    def __repr__(self) -> str:
        names = ", ".join(ds.path.name for ds in self.each[:3])
        more = f" and {len(self.each) - 3} more" if len(self.each) > 3 else ""
        return f"Datasets({names}{more}: {self.rows:,} events)"


_CATALOGUE: Any = {
    "path": pl.String, "events": pl.Int64, "parts": pl.Int64, "bytes": pl.Int64, "sources": pl.Int64,
    "damaged": pl.Int64, "first_run": pl.Int64, "last_run": pl.Int64, "livetime": pl.Float64, "nfiles": pl.Float64,
    "generator": pl.String, "features": pl.List(pl.String), "blind": pl.String, "icecol": pl.String, "schema": pl.Int64,
}  # fmt: skip


def _entry(ds: Dataset) -> dict[str, Any]:
    manifest, settings = ds.manifest, ds.manifest.settings
    runs = [run for part in manifest.parts if part.run_range for run in part.run_range]
    generator = settings.get("generator")
    name = generator.get("generator") if isinstance(generator, dict) else generator
    return {
        "path": str(ds.path),
        "events": ds.rows,
        "parts": len(manifest.parts),
        "bytes": manifest.bytes,
        "sources": len(manifest.sources),
        "damaged": sum(source.status != "ok" for source in manifest.sources),
        "first_run": min(runs, default=None),
        "last_run": max(runs, default=None),
        "livetime": settings.get("livetime"),
        "nfiles": settings.get("nfiles"),
        "generator": None if name is None else str(name),
        "features": [feature.name for feature in manifest.features],
        "blind": manifest.blinding.describe() or None,
        "icecol": manifest.icecol_version,
        "schema": manifest.schema_version,
    }


def _require_same_features(datasets: Sequence[Dataset]) -> None:
    """Check that a saved feature of one name is the same in all datasets that have it."""
    first: dict[str, tuple[Dataset, Saved]] = {}
    for ds in datasets:
        for feature in ds.manifest.features:
            other_ds, other = first.setdefault(feature.name, (ds, feature))
            if other.made != feature.made or other.depends["code"] != feature.depends["code"]:
                msg = (
                    f"the saved feature {feature.name!r} is {other.describe()} in {other_ds.path} and "
                    f"{feature.describe()} in {ds.path}: save it in the same way (`icecol.save_features`)"
                )
                raise DatasetError(msg)


def _numbers(runs: Runs, time: tuple[Any, Any] | None) -> range | tuple[int, ...]:
    if isinstance(runs, pl.DataFrame):
        for column in ("run_id", *(("start", "stop") if time is not None else ())):
            if column not in runs.columns:
                msg = f"the table of runs has no column {column!r}: read it by ic.runs.good_runs"
                raise MissingColumnError(msg)
        if time is not None:
            begin, end = (pl.lit(_date(t)) for t in time)
            runs = runs.filter(pl.col("stop") > begin, pl.col("start") < end)
        return tuple(runs["run_id"].unique().sort().to_list())
    if time is not None:
        msg = "`time` needs the times of the runs: give a table of them, as ic.runs.good_runs reads it"
        raise ValueError(msg)
    return runs if isinstance(runs, range) else tuple(sorted({int(run) for run in runs}))


def _date(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


def _chosen(runs: range | tuple[int, ...]) -> pl.Expr:
    column = pl.col(RUN)
    if isinstance(runs, range) and runs.step == 1:
        return (column >= runs.start) & (column < runs.stop)
    return column.is_in(list(runs))


def _has_any(part: Part, runs: range | tuple[int, ...]) -> bool:
    if part.run_range is None:
        return True
    first, last = part.run_range
    if isinstance(runs, range) and runs.step == 1:
        return first < runs.stop and last >= runs.start
    return any(first <= run <= last for run in runs)


def _empty(ds: Dataset) -> Dataset:
    return Dataset(ds.path, replace(ds.manifest, parts=()))
