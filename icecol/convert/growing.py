"""Datasets that grow: files appended, removed and replaced, and parts compacted, while others read them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icecol.convert.i3_reader import I3Reader
from icecol.convert.remarks import tell_without_frames
from icecol.convert.run import Progress, convert_all, require_names
from icecol.convert.source import Reader
from icecol.dataset import records
from icecol.dataset.growing import KEEP, Change, changing, settings_after
from icecol.errors import DamagedFileError, DatasetError, did_you_mean
from icecol.files import distinct
from icecol.i3.frames.files import files_of
from icecol.places import place

if TYPE_CHECKING:
    from icecol.dataset.scan import Dataset

Files = str | Path | Iterable[str | Path]


def append(
    dataset: str | Path,
    files: Files,
    *,
    reader: Reader | None = None,
    jobs: int | None = None,
    skip_damaged: bool = False,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Add files to a finished dataset, converted as its other files were; others may read it meanwhile.

    Who opened the dataset before sees what it was then; who opens it afterwards sees all. Files that are in it already
    are left alone, so that a call that was killed is simply repeated.

    Parameters
    ----------
    dataset
        Folder of the dataset.
    files : path, glob pattern, or several
        Files to add.
    reader
        The reader that made the dataset; None if it was made of .i3 files, by `icecol.convert.i3`.
    jobs
        Number of processes; by default one per available CPU, at most one per file.
    skip_damaged
        Keep what is intact in damaged files. Otherwise `DamagedFileError` is raised at the end, when it is in the
        dataset.
    settings
        The livetime (s) or nfiles of the whole dataset after the change, where it has one. A number of files that is
        that of its sources is counted on.
    progress
        As for `icecol.convert.from_source`.

    Returns
    -------
    Dataset
        The dataset, opened again.

    Raises
    ------
    DatasetError
        If there is no such dataset, another process is writing it, it was made in another way, a file is in it that has
        changed since, or its livetime would not be known any more.
    SchemaError
        If a column has another type in the new files.
    DamagedFileError
        See `skip_damaged`.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> for run in (7, 8):
    ...     ic.sim.write(f"{folder}/{run}.i3", ic.sim.events(5, seed=run), run_id=run)
    >>> ds = ic.convert.i3(f"{folder}/7.i3", f"{folder}/data.icecol", jobs=1)
    >>> append(ds.path, f"{folder}/8.i3", jobs=1).rows, ds.rows
    (10, 5)
    """
    paths = distinct(files_of(files))
    damaged: list[str] = []
    with changing(dataset) as change:
        n = len(change.sources)
        chosen = reader or _reader_of(change)
        there = {source.path: source for source in change.sources}
        new = [path for path in paths if str(path.absolute()) not in there]
        for path in paths:
            source = there.get(str(path.absolute()))
            if source is not None and _has_changed(path, source):
                msg = f"{path} is in {dataset} already, and has changed since: replace it (`icecol replace`)"
                raise DatasetError(msg)
        damaged += _convert(chosen, new, change, jobs, progress)
        change.settings = settings_after(change, n, settings)
    return _opened(dataset, damaged, skip_damaged=skip_damaged)


def replace(
    dataset: str | Path,
    files: Files,
    *,
    reader: Reader | None = None,
    jobs: int | None = None,
    skip_damaged: bool = False,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Replace files of a dataset that were processed again: their old events by the new ones, in one step.

    Parameters
    ----------
    dataset
        Folder of the dataset.
    files : path, glob pattern, or several
        The new files. Each takes the place of the file of the same path or, failing that, of the same name.
    reader, jobs, skip_damaged, settings, progress
        As for `append`. The livetime stays as it is, unless it is given.

    Returns
    -------
    Dataset
        The dataset, opened again.

    Raises
    ------
    DatasetError
        If a file is not of the dataset; otherwise as for `append`.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> ic.sim.write(f"{folder}/7.i3", ic.sim.events(5, seed=7))
    >>> ds = ic.convert.i3(f"{folder}/7.i3", f"{folder}/data.icecol", jobs=1)
    >>> ic.sim.write(f"{folder}/7.i3", ic.sim.events(8, seed=7))
    >>> replace(ds.path, f"{folder}/7.i3", jobs=1).rows
    8
    """
    paths = distinct(files_of(files))
    damaged: list[str] = []
    with changing(dataset) as change:
        n = len(change.sources)
        chosen = reader or _reader_of(change)
        change.remove(_found(change, [str(path.absolute()) for path in paths]))
        damaged += _convert(chosen, paths, change, jobs, progress)
        change.settings = settings_after(change, n, settings, same_time=True)
    return _opened(dataset, damaged, skip_damaged=skip_damaged)


def remove(dataset: str | Path, files: Files, *, settings: Mapping[str, Any] | None = None) -> Dataset:
    """Remove the events of files from a dataset.

    Parameters
    ----------
    dataset
        Folder of the dataset.
    files : path or several
        Files it was made of, by path or, if that is unique, by name. They need not exist any more.
    settings
        As for `append`.

    Returns
    -------
    Dataset
        The dataset, opened again.

    Raises
    ------
    DatasetError
        If a file is not of the dataset, none would be left, another process is writing it, or its livetime would not be
        known any more.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> for run in (7, 8):
    ...     ic.sim.write(f"{folder}/{run}.i3", ic.sim.events(5, seed=run), run_id=run)
    >>> ds = ic.convert.i3(f"{folder}/*.i3", f"{folder}/data.icecol", jobs=1)
    >>> remove(ds.path, "7.i3").scan().collect()["I3EventHeader.run_id"].unique().to_list()
    [8]
    """
    names = [str(name) for name in ([files] if isinstance(files, str | Path) else files)]
    with changing(dataset) as change:
        n = len(change.sources)
        change.remove(_found(change, names))
        if not change.records:
            msg = f"no file would be left of {dataset}: remove its folder instead"
            raise DatasetError(msg)
        change.settings = settings_after(change, n, settings)
    return _opened(dataset)


def compact(dataset: str | Path, *, purge: bool = False) -> Dataset:
    """Write the parts of a dataset anew, as few as there can be: many small ones take longer to open than to read.

    Parameters
    ----------
    dataset
        Folder of the dataset.
    purge
        Remove at once what is not of the dataset any more. Otherwise it is kept for a day, for those who opened the
        dataset before.

    Returns
    -------
    Dataset
        The dataset, opened again, with the same events in the same order.

    Raises
    ------
    DatasetError
        If there is no such dataset, or another process is writing it.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> for run in (7, 8):
    ...     ic.sim.write(f"{folder}/{run}.i3", ic.sim.events(5, seed=run), run_id=run)
    >>> ds = ic.convert.i3(f"{folder}/7.i3", f"{folder}/data.icecol", jobs=1)
    >>> ds = append(ds.path, f"{folder}/8.i3", jobs=1)
    >>> len(ds.manifest.parts), len(compact(ds.path).manifest.parts)
    (2, 1)
    """
    with changing(dataset, keep=0.0 if purge else KEEP) as change:
        change.compact()
    return _opened(dataset)


def _reader_of(change: Change) -> Reader:
    """Return the reader that a dataset of .i3 files was made by, as its settings say."""
    settings = change.dataset.manifest.settings
    if settings.get("form") != "i3":
        msg = f"{change.dataset.path} was not made of .i3 files by icecol.convert.i3: give the reader that made it"
        raise DatasetError(msg)
    names = ("keys", "pulses", "streams", "stop", "verify", "gcd")
    return I3Reader.of(**{name: settings[name] for name in names if name in settings})


def _convert(
    reader: Reader, paths: list[Path], change: Change, jobs: int | None, progress: Progress | None
) -> list[str]:
    """Convert files and take them into the dataset; return what is damaged in them."""
    own = reader.settings()
    for name, value in own.items():
        found = change.dataset.manifest.settings.get(name)
        if found != value:
            msg = f"{change.dataset.path} was made with {name} = {found!r}, and not {value!r}: convert its files anew"
            raise DatasetError(msg)
    if not paths:
        return []
    require_names(paths)
    sources = [outcome.source for outcome in convert_all(reader, paths, change.aside, jobs, progress)]
    tell_without_frames(sources)
    known = {source.checksum: source.path for source in change.sources if source.events}
    twice = [s for s in sources if s.events and s.checksum in known]
    if twice:
        first = known[twice[0].checksum]
        warnings.warn(
            f"{twice[0].path} has the same content as {first}: its events count twice", stacklevel=4
        )
    change.adopt(records.done(change.aside, paths, own))
    return [line for source in sources for line in source.describe_damage()]


def _found(change: Change, names: Iterable[str]) -> list[str]:
    """Return the sources of a dataset that are meant by paths or names.

    Raises
    ------
    DatasetError
        If there is none, or several of that name.
    """
    known = [source.path for source in change.sources]
    found = []
    for name in names:
        path = str(place(name).absolute())
        alike = [other for other in known if place(other).name == place(name).name]
        if path not in known and len(alike) != 1:
            what = f"{len(alike)} files have that name" if alike else did_you_mean(path, known, "files")
            msg = f"{name} is not a file of {change.dataset.path}; {what}"
            raise DatasetError(msg)
        found.append(path if path in known else alike[0])
    return found


def _has_changed(path: Path, source: Any) -> bool:
    stat = path.stat()
    return (stat.st_size, stat.st_mtime_ns) != (source.size, source.modified)


def _opened(dataset: str | Path, damaged: list[str] | None = None, *, skip_damaged: bool = True) -> Dataset:
    from icecol.dataset.scan import open_dataset

    made = open_dataset(dataset)
    if damaged and not skip_damaged:
        more = f" (and {len(damaged) - 1} more damaged places, see the manifest)" if len(damaged) > 1 else ""
        msg = f"{damaged[0]}{more}; {dataset} is complete with all intact frames"
        raise DamagedFileError(msg)
    return made


__all__ = ["append", "compact", "remove", "replace"]
