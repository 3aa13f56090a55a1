"""From many files to a dataset, whatever their form: groups, processes, resuming, records, progress and damage.

A reader (`icecol.convert.source`) turns one file into tables of events. Each group of files is converted by one
process into parts of its own and then recorded, so that a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import ctypes
import math
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import current_process
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa

from icecol.convert.positions import united
from icecol.convert.processes import Context, begin, pool, processes
from icecol.convert.remarks import Modules, modules_of, tell, tell_outside, tell_without_frames
from icecol.convert.source import Detector, Found, Reader
from icecol.dataset import records, writer
from icecol.dataset.folder import EVENTS
from icecol.dataset.making import making
from icecol.dataset.manifest import Source
from icecol.dataset.parts import PartWriter
from icecol.dataset.records import Record
from icecol.detector.geometry import Geometry
from icecol.errors import DamagedFileError, GeometryError, UnsupportedError, WorkerError, naming
from icecol.files import Facts, Input, distinct
from icecol.i3.frames.files import files_of

if TYPE_CHECKING:
    from icecol.dataset.scan import Dataset

GROUP_FILES: Final = 100
GROUP_BYTES: Final = 32 << 20
"""Files, and their bytes as they are on disk, that share parts at most: a run that is killed begins a group anew."""

Progress = Callable[[str, int, int, int], None]
"""Called with a file, and the events, bytes (decompressed) and files done since the last call."""


class Outcome(NamedTuple):
    """The result of one file, and the modules hit in its first events, if it was converted just now."""

    source: Source
    modules: Modules | None = None


def from_source(
    reader: Reader,
    files: str | Path | Iterable[str | Path],
    dataset: str | Path,
    *,
    geometry: Geometry | Detector | None = None,
    jobs: int | None = None,
    overwrite: bool = False,
    skip_damaged: bool = False,
    allow_empty: bool = False,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Convert files of any form into a dataset, given a reader of that form.

    A run that was killed goes on where it stopped when it is called again in the same way.

    Parameters
    ----------
    reader
        Turns one file into tables of events; see `icecol.convert.Reader`. One that is defined in a script or notebook
        works in this process alone.
    files : path, glob pattern, or several
        Files to read.
    dataset : path
        Folder to make.
    geometry : Geometry, optional
        The sensors; by default those of the first file that has some, or else the nominal detector.
    jobs : int, optional
        Number of processes; by default one per available CPU, at most one per file. A daemonic process, such as a
        worker of `multiprocessing.Pool` or Dask, converts on its own.
    overwrite : bool
        Replace a finished dataset. It stays as it is until the new one is complete.
    skip_damaged : bool
        Keep what is intact in damaged files. Otherwise `DamagedFileError` is raised at the end, when the dataset is
        complete with it.
    allow_empty : bool
        Make a dataset without events if the files have none, which is otherwise an error.
    settings : mapping, optional
        Further facts for the manifest: nfiles, livetime (s), generator settings.
    progress : function, optional
        Called from time to time with (file, events, bytes, files) done since the last call.

    Returns
    -------
    Dataset

    Raises
    ------
    DatasetError
        The dataset exists already, or another process is writing it.
    SchemaError
        A column has different types in different files.
    DamagedFileError
        See `skip_damaged`. If nothing at all could be read, no dataset is made.
    UnsupportedError
        A file is of another format, or beyond a limit of what can be read; no file has an event (see `allow_empty`).
    ValueError
        No files are given, fewer than one process, or a livetime or nfiles that is not a positive number.
    WorkerError
        A worker process was killed. What is done is kept for the next run.
    OSError
        A file changed while it was being read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> class Energies(Reader):  # text files with energies
    ...     def settings(self):
    ...         return {"form": "energies"}
    ...
    ...     def read(self, path, file, found):
    ...         yield pa.table({"Fit.energy": [float(word) for word in file.read().split()]})
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "run1.txt").write_text("1.5 20.0")
    >>> ds = from_source(Energies(), folder / "run1.txt", folder / "run1.icecol", jobs=1)
    >>> ds.scan().collect()["Fit.energy"].to_list()
    [1.5, 20.0]
    """
    paths = distinct(files_of(files))
    if not paths:
        msg = "no files to convert: the list is empty"
        raise ValueError(msg)
    processes(jobs, len(paths))
    for name in ("livetime", "nfiles"):
        value = (settings or {}).get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            msg = f"settings[{name!r}] is {value!r}: give a positive number"
            raise ValueError(msg)
    require_names(paths)
    for path in paths:
        if not path.is_file():
            with Input(path):  # says why it cannot be read
                pass
    chosen = reader.settings()
    with making(dataset, overwrite=overwrite) as folder:
        outcomes = list(convert_all(reader, paths, folder, jobs, progress))
        sources = [outcome.source for outcome in outcomes]
        _c_library("malloc_trim", 0)  # memory that was kept for further files
        tell_without_frames(sources)
        empty = allow_empty and any(source.frames_read for source in sources)
        if not (empty and not any(source.events for source in sources)):
            reader.check(sources)
        damaged = [line for source in sources for line in source.describe_damage()]
        if damaged and not empty and not any(source.events for source in sources):
            more = f" (and {len(damaged) - 1} more damaged places)" if len(damaged) > 1 else ""
            msg = f"{damaged[0]}{more}; no event could be read, and no dataset was made"
            if not any(source.frames_read for source in sources):
                msg = f"{msg}: it may be a file of another kind"
            raise DamagedFileError(msg)
        if not allow_empty:
            of = f"{len(paths)} files" if len(paths) > 1 else str(paths[0])
            require_events(sum(source.events for source in sources), of)
        detector = _detector(reader, geometry, sources, {str(path.absolute()): path for path in paths})
        writer.finish(folder, chosen, paths, *detector, more=settings)
    from icecol.dataset.scan import open_dataset  # needs Polars, which the conversion does not

    made = open_dataset(dataset)
    tell(made, reader)
    tell_outside(made, [outcome.modules for outcome in outcomes])
    if damaged and not skip_damaged:
        more = f" (and {len(damaged) - 1} more damaged places, see the manifest)" if len(damaged) > 1 else ""
        msg = f"{damaged[0]}{more}; {dataset} is complete with all intact frames"
        raise DamagedFileError(msg)
    return made


def require_events(n: int, where: str) -> None:
    """Raise UnsupportedError if there are no events: what comes after would count none without a word."""
    if not n:
        msg = f"no event in {where}; for a dataset without events, pass allow_empty=True (--allow-empty)"
        raise UnsupportedError(msg)


def require_names(paths: Sequence[Path]) -> None:
    """Raise ValueError if two files would be recorded under one name: URLs that differ in what is secret alone."""
    seen: set[str] = set()
    for path in paths:
        if (name := str(path.absolute())) in seen:
            msg = f"several files are {name}, as what is hidden of a URL does not count: convert them one by one"
            raise ValueError(msg)
        seen.add(name)


@dataclass
class Collector:
    """Takes tables of events that come from no file, and the facts about them."""

    append: Callable[[pa.Table], None]
    found: Found = field(default_factory=Found)
    events: int = 0
    detector: Detector | None = None

    def add(self, table: pa.Table) -> None:
        """Append events."""
        self.events += table.num_rows
        self.append(table)


@contextmanager
def collecting(
    name: str,
    dataset: str | Path,
    settings: Mapping[str, Any],
    *,
    reader: Reader | None = None,
    overwrite: bool = False,
    more: Mapping[str, Any] | None = None,
) -> Iterator[Collector]:
    """Make a dataset of tables that come from no file; it exists only if the block ends without an error.

    Parameters
    ----------
    name
        What the manifest has in place of the path of a file.
    dataset, overwrite
        As for `from_source`.
    settings, more
        What the tables were made with, and further facts for the manifest.
    reader
        Checks what was found, if one made the tables.
    """
    with making(dataset, overwrite=overwrite) as folder:
        with PartWriter(folder / EVENTS, "part-0") as part_writer:
            collector = Collector(lambda table: part_writer.append(table, name))
            yield collector
        found = collector.found
        source = found.source(name, Facts(0, 0, ""), collector.events)
        if reader is not None:
            reader.check([source])
        parts = tuple(replace(part, path=f"{EVENTS}/{part.path}") for part in part_writer.parts)
        simulation = {} if found.simulation is None else {name: found.simulation}
        record = Record((source,), parts, part_writer.schema, part_writer.origins, simulation)
        detector = collector.detector or Detector(Geometry.nominal())
        writer.complete(folder, [record], {**settings, **(more or {})}, *detector)
    if reader is not None:
        from icecol.dataset.scan import open_dataset

        tell(open_dataset(dataset), reader)


def _detector(
    reader: Reader, given: Geometry | Detector | None, sources: Sequence[Source], paths: Mapping[str, Path]
) -> Detector:
    """Return the detector that was given, or that of the first file that has its own, or the nominal one."""
    if given is not None:
        return Detector(given) if isinstance(given, Geometry) else given
    why = ""
    parts: list[Detector] = []
    for source in sources:
        if source.has_geometry:
            try:
                found = reader.detector(paths[source.path])
            except (GeometryError, DamagedFileError) as err:
                why = why or str(err)
                continue
            if found is not None and reader.whole_detector:
                return found
            if found is None and not reader.whole_detector:
                break
            parts += [found] if found is not None else []
    if parts:
        return Detector(united(part.geometry for part in parts))
    if why:
        warnings.warn(f"no geometry could be read, and the nominal one is used: {why}", stacklevel=4)
    return Detector(Geometry.nominal())


# -- many files -------------------------------------------------------------------------------------------------------


def convert_all(
    reader: Reader, files: Sequence[Path], folder: Path, jobs: int | None, progress: Progress | None
) -> Iterator[Outcome]:
    """Convert files into parts and records in a folder; yield what became of each, also of those that are done."""
    known = records.done(folder, files, reader.settings())
    for source in (source for group in known for source in group.sources):
        if progress is not None:
            progress(source.path, source.events, 0, 1)
        yield Outcome(source)
    done = {source.path for group in known for source in group.sources}
    todo = [path for path in files if str(path.absolute()) not in done]
    n = 1 if current_process().daemon else processes(jobs, len(todo))
    groups = list(_grouped(todo, len(todo) // (4 * max(n, 1))))
    if n <= 1 or type(reader).__module__ == "__main__":
        for group in groups:
            yield from convert_files(reader, group, folder, progress)
        return
    context = Context()
    queue = context.queue() if progress is not None else None

    def tell() -> None:
        while queue is not None and progress is not None and not queue.empty():
            progress(*queue.get())

    try:
        with pool(n, context, _begin) as workers:
            left: set[Future[list[Outcome]]] = {
                workers.submit(_in_process, reader, g, folder, queue) for g in groups
            }
            try:
                while left:
                    finished, left = wait(left, timeout=0.2, return_when=FIRST_COMPLETED)
                    tell()
                    for future in finished:
                        yield from future.result()
            finally:
                tell()
    except BrokenProcessPool as err:
        msg = f"{context.why_broken()}; what is done is kept: run again in the same way to go on"
        raise WorkerError(msg) from err


def _grouped(paths: Iterable[Path], most: int) -> Iterator[list[Path]]:
    """Group consecutive small files, up to a limit; a large one is a group of its own."""
    group: list[Path] = []
    size = 0
    for path in paths:
        own = path.stat().st_size
        if group and (len(group) >= min(most, GROUP_FILES) or size + own > GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(path)
        size += own
    if group:
        yield group


def _in_process(reader: Reader, paths: list[Path], folder: Path, queue: Any) -> list[Outcome]:
    return convert_files(reader, paths, folder, None if queue is None else lambda *done: queue.put(done))


def convert_files(
    reader: Reader, paths: Sequence[Path], folder: Path, progress: Progress | None = None
) -> list[Outcome]:
    """Convert a group of files into parts of a dataset and record it.

    Raises
    ------
    IcecolError
        A file cannot become columns, for example because a key changes its type; the message names the file.
    """
    settings = reader.settings()
    outcomes = []
    simulation = {}
    with writer.part_writer(folder, paths, settings) as parts:
        for path in paths:
            outcome, simulated = _convert_file(reader, path, parts, progress)
            outcomes.append(outcome)
            if simulated is not None:
                simulation[outcome.source.path] = simulated
    records.record(folder, [outcome.source for outcome in outcomes], settings, parts, simulation)
    if progress is not None:
        for path in paths:
            progress(str(path), 0, 0, 1)
    return outcomes


def _convert_file(
    reader: Reader, path: Path, writer: PartWriter, progress: Progress | None
) -> tuple[Outcome, pa.Table | None]:
    """Append the events of a file; return the facts about it, and the table of its S frames."""
    name = str(path.absolute())
    found = Found()
    events = told = 0
    modules: Modules | None = None
    with Input(path) as one:
        with naming(path):
            for table in reader.read(path, one.file, found):
                writer.append(table, name)
                if modules is None:
                    modules = modules_of(table)
                events += table.num_rows
                if progress is not None:
                    progress(str(path), table.num_rows, found.bytes - told, 0)
                    told = found.bytes
        facts = one.finish()
    if progress is not None:
        progress(str(path), 0, found.bytes - told, 0)
    return Outcome(found.source(name, facts, events), modules), found.simulation


# -- memory -----------------------------------------------------------------------------------------------------------


def _begin() -> None:
    """Let a worker process end with this one, and give back the memory that it frees.

    Arrow then allocates from the system, as its own pool keeps tens of megabytes; and the thread that writes shares the
    memory of the one that decodes, as otherwise both keep what they freed.
    """
    begin()
    pa.set_memory_pool(pa.system_memory_pool())
    _c_library("mallopt", _ARENA_MAX, 1)


_ARENA_MAX: Final = -8  # M_ARENA_MAX of malloc.h


def _c_library(function: str, *arguments: int) -> None:
    """Call the function that tells the GNU C library how to keep memory; other libraries have none."""
    call = getattr(ctypes.CDLL(None), function, None) if sys.platform == "linux" else None
    if call is not None:
        call(*arguments)


__all__ = ["Collector", "collecting", "convert_files", "from_source"]
