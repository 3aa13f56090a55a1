"""Which form a file has, told by its content, and `icecol.convert.files`, which converts files of any form."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from icecol.convert.run import Progress, from_source
from icecol.convert.source import Detector, Reader
from icecol.detector.geometry import Geometry
from icecol.errors import UnsupportedError
from icecol.places import is_remote, local, place

if TYPE_CHECKING:
    from icecol.dataset.scan import Dataset

Keys = tuple[str, ...] | None
I3: Final = "i3"
_LOCAL: Final = (b"\x89HDF\r\n\x1a\n", b"PAR1", b"SQLite format 3\0", b"root")


class Form(NamedTuple):
    """A form of files: its name, and the reader for it."""

    name: str
    reader: Callable[[Keys, Path | None], Reader] | None = None


def form_of(path: Path) -> Form:
    """Tell the form of a file by its content.

    Raises
    ------
    UnsupportedError
        It is none that can be converted: says what it is, and what to use.
    FormatError
        It is damaged.
    """
    with path.open("rb") as file:
        head = file.read(512)
    if is_remote(path) and head.startswith((*_LOCAL, b"ARROW1")):
        msg = f"{path} is not an .i3 file: files of other forms are read here and there, so copy it first"
        raise UnsupportedError(msg)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _hdf5(path)
    if head.startswith(b"PAR1"):
        return _parquet(path)
    if head.startswith(b"SQLite format 3\0"):
        return _sqlite(path)
    if head.startswith(b"root"):
        return _root(path)
    if head.startswith(b"ARROW1"):
        msg = f"{path} is an Arrow file: give pl.scan_ipc({str(path)!r}) to ic.convert.table"
        raise UnsupportedError(msg)
    from icecol.convert.detx import is_detx

    if is_detx(head):
        msg = f"{path} is a detector file of KM3NeT: give it as `gcd`, with the ROOT files of events"
        raise UnsupportedError(msg)
    return Form(I3)  # or something that its reader calls by name


def _hdf5(path: Path) -> Form:
    from icecol.convert.hdf5_reader import Hdf5Reader, why_not_tableio

    if why := why_not_tableio(path):
        msg = f"{path} is HDF5, {why}"
        raise UnsupportedError(msg)
    return Form("tableio HDF5", lambda keys, _: Hdf5Reader(keys))


def _parquet(path: Path) -> Form:
    from icecol.convert import graphnet_reader, prometheus_reader, table_reader, tableio_reader
    from icecol.convert.stores import open_parquet

    schema = open_parquet(path).schema_arrow
    names = set(schema.names)
    structs = {f.name: {inner.name for inner in f.type} for f in schema if hasattr(f.type, "fields")}
    if names.intersection(prometheus_reader.PHOTONS) and prometheus_reader.TRUTH in names:
        return Form("Prometheus", lambda keys, _: prometheus_reader.PrometheusReader(keys))
    if any(graphnet_reader.NUMBER in inner for inner in structs.values()):
        return Form("GraphNeT", lambda keys, _: graphnet_reader.GraphnetReader(keys))
    if {"Run", "Event", "SubEvent", tableio_reader.NUMBER} <= names:
        return Form("tableio tables", lambda keys, _: tableio_reader.TableioReader(keys))
    if (path.parent.parent / "manifest.json").is_file() and path.parent.name == "events":
        msg = f"{path} is a part of a dataset: open it by ic.open_dataset({str(path.parent.parent)!r})"
        raise UnsupportedError(msg)
    if graphnet_reader.NUMBER in names and len(graphnet_reader.truth_beside(path)) > 1:
        if path.parent.name in graphnet_reader.TRUTH:
            return Form("GraphNeT", lambda keys, _: graphnet_reader.GraphnetReader(keys))
        truth = next((t for t in graphnet_reader.TRUTH if (path.parent.parent / t).is_dir()), "")
        if truth:
            msg = f"{path} is a table of GraphNeT: give the folder of its tables, {str(path.parent.parent)!r}"
            raise UnsupportedError(msg)
    tables = tableio_reader.tables_beside(path)
    if graphnet_reader.NUMBER in names and "I3EventHeader" in tables:
        msg = f"{path} is a table that tableio wrote: give the folder, {str(path.parent)!r}"
        raise UnsupportedError(msg)
    if names.intersection(table_reader.EVENTS):
        return Form("table of pulses", lambda _, __: table_reader.TableReader())
    shown = ", ".join(map(repr, schema.names[:8]))
    msg = (
        f"{path} is Parquet of a form that is not known (columns {shown}): if it has a row per pulse, use "
        "ic.convert.table with `event` and `names`"
    )
    raise UnsupportedError(msg)


def _sqlite(path: Path) -> Form:
    from icecol.convert import graphnet_reader, tableio_reader
    from icecol.convert.stores import SqliteStore

    columns = SqliteStore(path).columns()
    if "Run" in columns.get("I3EventHeader", ()):
        return Form("tableio tables", lambda keys, _: tableio_reader.TableioReader(keys))
    if any(graphnet_reader.NUMBER in columns.get(name, ()) for name in graphnet_reader.TRUTH):
        return Form("GraphNeT", lambda keys, _: graphnet_reader.GraphnetReader(keys))
    shown = ", ".join(map(repr, list(columns)[:8])) or "none"
    msg = (
        f"{path} is an SQLite database of neither GraphNeT nor tableio (tables: {shown}): read it by "
        "pl.read_database_uri, and make a dataset of its pulses by ic.convert.table"
    )
    raise UnsupportedError(msg)


def _root(path: Path) -> Form:
    from icecol.convert.km3net_reader import Km3netReader, why_not_offline

    if why := why_not_offline(path):
        msg = f"{path} is a ROOT file, {why}"
        raise UnsupportedError(msg)
    return Form(
        "KM3NeT offline", lambda keys, gcd: Km3netReader(None if gcd is None else str(gcd.absolute()), keys)
    )


def files_in(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Expand paths and patterns into files; a folder of tables stands for its table of events.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        As `icecol.i3.frames.files.files_of` does.
    UnsupportedError
        A folder is a dataset.
    """
    from icecol.i3.frames.files import files_of

    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    found: list[Path] = []
    for path in several:
        folder = place(path)
        found += _of_folder(folder) if folder.is_dir() else files_of(path)
    return found


def _of_folder(folder: Path) -> list[Path]:
    from icecol.convert.graphnet_reader import TRUTH
    from icecol.i3.frames.files import files_of

    if (folder / "manifest.json").is_file() and (folder / "events").is_dir():
        msg = f"{folder} is a dataset already: open it by ic.open_dataset"
        raise UnsupportedError(msg)
    headers = sorted(folder.glob("I3EventHeader.parquet*"))
    if headers:
        return headers[:1]
    for name in TRUTH:
        if truth := sorted((folder / name).glob("*.parquet")):
            return truth
    return files_of(folder)


def files(
    paths: str | Path | Iterable[str | Path],
    dataset: str | Path,
    *,
    gcd: str | Path | Geometry | None = None,
    keys: str | Iterable[str] | None = None,
    jobs: int | None = None,
    overwrite: bool = False,
    skip_damaged: bool = False,
    allow_empty: bool = False,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    **of_i3: Any,
) -> Dataset:
    """Convert files of any form that is known into a dataset; their content tells the form.

    The forms are `.i3` files and realtime alerts, HDF5 of IceTray's hdfwriter, the Parquet folders and SQLite
    databases of its tableio, GraphNeT's Parquet and SQLite, Prometheus' Parquet, KM3NeT's offline ROOT files, and
    Parquet files of pulses with a column `event_no`. A folder of tables is given as such.

    Parameters
    ----------
    paths : path, glob pattern, or several
        Files, or folders of tables; all of one form.
    dataset : path
        Folder to make.
    gcd : path or Geometry, optional
        Where the sensors come from: a GCD file, a geometry Parquet file or, with KM3NeT's files, which need it, the
        detector file (.detx or .datx). By default what the files have, or else the nominal detector with 86 strings.
    keys : glob pattern or several, optional
        Frame keys (tables) to take; by default all.
    jobs, overwrite, skip_damaged, allow_empty, settings, progress
        As for `icecol.convert.i3`.
    of_i3
        Options that `icecol.convert.i3` has beside these, for `.i3` files.

    Returns
    -------
    Dataset

    Raises
    ------
    UnsupportedError
        A file has none of these forms (the message says what it is, and what to use), or the files have several.
    MissingDependencyError
        The library that reads the form is not installed: h5py, uproot.
    TypeError
        An option is given that the form does not have.

    Examples
    --------
    >>> import icecol as ic, polars as pl, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> hits = {"event_no": [0, 0], "dom_time": [10.0, 12.5], "string": [36, 36], "dom_number": [44, 45]}
    >>> pl.DataFrame(hits).write_parquet(f"{folder}/hits.parquet")
    >>> ic.convert.files(f"{folder}/hits.parquet", f"{folder}/hits.icecol", jobs=1).pulse_keys
    ('Pulses',)
    """
    found = files_in(paths)
    form = _one_form(found)
    if form.reader is None:
        from icecol.convert.i3_reader import i3

        return i3(
            found, dataset, gcd=gcd, keys=keys, jobs=jobs, overwrite=overwrite, skip_damaged=skip_damaged,
            allow_empty=allow_empty, settings=settings, progress=progress, **of_i3,
        )  # fmt: skip
    given = sorted(name for name, value in of_i3.items() if value is not None)
    if given:
        msg = f"{', '.join(map(repr, given))} is an option for .i3 files; {found[0]} is {form.name}"
        raise TypeError(msg)
    names = (keys,) if isinstance(keys, str) else None if keys is None else tuple(keys)
    path = None if gcd is None or isinstance(gcd, Geometry) else place(gcd)
    reader = form.reader(names, path)
    return from_source(
        reader,
        found,
        dataset,
        geometry=_geometry(gcd, form),
        jobs=jobs,
        overwrite=overwrite,
        skip_damaged=skip_damaged,
        allow_empty=allow_empty,
        settings=settings,
        progress=progress,
    )


def _one_form(paths: Sequence[Path]) -> Form:
    """Tell the form of files, which is the same for all."""
    first: Form | None = None
    for path in paths:
        form = form_of(path)
        if first is not None and form.name != first.name:
            msg = f"{paths[0]} is {first.name}, {path} is {form.name}: convert them into separate datasets"
            raise UnsupportedError(msg)
        first = first or form
    return first or Form(I3)


def _geometry(gcd: str | Path | Geometry | None, form: Form) -> Geometry | Detector | None:
    if form.name == "KM3NeT offline" and not (gcd is None or isinstance(gcd, Geometry)):
        from icecol.convert.detx import read_detx

        return read_detx(local(gcd, "read")).geometry
    from icecol.convert.gcd import detector_of

    return detector_of(gcd)


__all__ = ["Form", "files", "files_in", "form_of"]
