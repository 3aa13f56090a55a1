"""Convert .i3 files into a dataset, without IceTray.

Each file is converted by one process: decompress, walk the frames, decode every key over a batch of frames into
columns, write row groups. Memory does not depend on the size of the files.
"""

from __future__ import annotations

import ctypes
import fnmatch
import os
import shutil
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import google_crc32c
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from icecol.convert.gcd import read_gcd
from icecol.convert.i3_columns import TableMaker, select_streams, streams_of
from icecol.convert.processes import Context
from icecol.dataset import manifest as manifests
from icecol.dataset import writer as writers
from icecol.dataset.manifest import Source
from icecol.dataset.parts import PartWriter
from icecol.detector.geometry import Geometry
from icecol.detector.sensors import surface_numbers
from icecol.errors import DamagedFileError, GeometryError, IcecolError, UnknownStreamError
from icecol.i3.classes.layout import Class
from icecol.i3.classes.own import add, own_classes
from icecol.i3.container.compression import open_stream
from icecol.i3.container.mixing import Events, mix, new_order, pieces
from icecol.i3.container.scanner import Batch, Scanner
from icecol.i3.frames.files import files_of

if TYPE_CHECKING:
    from icecol.dataset.scan import Dataset

BATCH_BYTES: Final = 10 << 20
"""Bytes of frames that are decoded together (or one frame)."""
_TIMES: Final = 2.0
"""By how much the objects of a table may outgrow them, as older frames lend theirs to many."""
GROUP_FILES: Final = 100
GROUP_BYTES: Final = 32 << 20
"""Files, and their bytes as they are on disk, that share parts at most: a run that is killed begins a group anew."""

Progress = Callable[[str, int, int, int], None]
"""Called with a file, and the events, bytes (decompressed) and files done since the last call."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What happens to each file; what is here decides whether a file converted earlier is still good."""

    keys: tuple[str, ...] | None
    pulses: tuple[str, ...] | None
    streams: tuple[str, ...] | None
    stop: str
    verify: bool
    gcd: str | None = None
    classes: tuple[Class, ...] = field(default_factory=own_classes)
    """Classes of the user's own, which worker processes have to be told."""

    def settings(self) -> dict[str, Any]:
        """Return it as the settings of a manifest."""
        own = {"classes": {c.name: repr(c) for c in self.classes}} if self.classes else {}
        return {
            "form": "i3",
            "keys": None if self.keys is None else list(self.keys),
            "pulses": None if self.pulses is None else list(self.pulses),
            "streams": None if self.streams is None else list(self.streams),
            "stop": self.stop,
            "gcd": self.gcd,
            "verify": self.verify,
            **own,
        }


_NONE: Final = (np.zeros(0, np.int64), np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one file gave: seen sub-event streams and stops with their counts, damage, whether it has geometry.

    `modules` are those of the pulses of its first events, and the pulses of each, if it was converted just now.
    """

    path: str
    events: int
    streams: dict[str, int]
    stops: dict[str, int]
    damages: tuple[str, ...]
    has_geometry: bool
    modules: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] = _NONE


def i3(
    paths: str | Path | Iterable[str | Path],
    dataset: str | Path,
    *,
    gcd: str | Path | Geometry | None = None,
    keys: str | Iterable[str] | None = None,
    pulses: str | Iterable[str] | None = None,
    streams: str | Iterable[str] | None = None,
    stop: str = "P",
    jobs: int | None = None,
    overwrite: bool = False,
    skip_damaged: bool = False,
    verify: bool = True,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Convert .i3 files into a dataset: one row an event, one column a member of a frame object.

    A run that was killed goes on where it stopped when it is called again in the same way.

    Parameters
    ----------
    paths : path, glob pattern, or several
        Files of any compression (told by their content).
    dataset : path
        Folder to make.
    gcd : path or Geometry, optional
        Where the sensors come from, and the calibration where pulses need one: a GCD file, or a geometry Parquet
        file. By default the geometry in the files themselves, or else the nominal detector with 86 strings.
    keys : glob pattern or several, optional
        Frame keys to take besides pulses; by default all whose class has a form as columns.
    pulses : glob pattern or several, optional
        Pulse series to take; by default all. Masks and unions are applied.
    streams : name or several, optional
        Sub-event streams to take, such as `InIceSplit`; by default all.
    stop : str
        Frames that are rows: `P` (physics, a sub-event) or `Q` (DAQ, a readout).
    jobs : int, optional
        Processes; by default one a core, at most one a file.
    overwrite : bool
        Replace a finished dataset.
    skip_damaged : bool
        Be content with the good frames of damaged files. Otherwise `DamagedFileError` is raised at the end, when
        the dataset with all good frames is complete.
    verify : bool
        Check the checksum of every frame.
    settings : mapping, optional
        Further facts for the manifest: nfiles, livetime (s), generator settings.
    progress : function, optional
        Called now and then with (file, events, bytes, files) done since the last call.

    Returns
    -------
    Dataset

    Raises
    ------
    UnknownStreamError
        No file has one of the streams, or no frame of that stop; lists those seen. Nothing is made.
    SchemaError
        A key has different types in different files.
    DamagedFileError
        See `skip_damaged`.

    Warns
    -----
    UserWarning
        Objects of a class that is not known, or damaged in themselves: null in the columns, named here and in the
        manifest. Or a pattern of `keys` or `pulses` that fits no object.

    Examples
    --------
    >>> import icecol as ic, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> ic.sim.write(folder / "muons.i3.zst", ic.sim.events(20, seed=1))
    >>> ic.convert.i3(folder / "muons.i3.zst", folder / "muons.icecol", jobs=1).rows
    20
    """
    files = list(dict.fromkeys(files_of(paths)))
    if len(stop) != 1:
        msg = f"`stop` is one letter, 'P' or 'Q'; found {stop!r}"
        raise ValueError(msg)
    gcd_path = None if gcd is None or isinstance(gcd, Geometry) else str(Path(gcd).absolute())
    conversion = Conversion(_names(keys), _names(pulses), _names(streams), stop, verify, gcd_path)
    geometry, tables = (gcd, {}) if gcd is None or isinstance(gcd, Geometry) else read_gcd(gcd)
    new = not Path(dataset).exists()
    folder = writers.start(dataset, overwrite=overwrite)
    chosen = conversion.settings()
    outcomes = list(_convert_all(files, folder, conversion, chosen, jobs, progress))
    _c_library("malloc_trim", 0)  # what was kept for further files
    try:
        check_streams(conversion, outcomes)
    except UnknownStreamError:
        if new:
            shutil.rmtree(folder)
        raise
    if geometry is None:
        geometry, tables = _own_geometry(outcomes)
    manifest = writers.finish(folder, chosen, files, geometry, tables)
    if settings:
        manifests.write(
            replace(manifest, settings={**manifest.settings, **settings}), folder / manifests.NAME
        )
    from icecol.dataset.scan import open_dataset  # needs Polars, which the conversion does not

    made = open_dataset(folder)
    tell(made)
    _tell_outside(made, outcomes)
    damaged = [d for outcome in outcomes for d in outcome.damages]
    if damaged and not skip_damaged:
        more = f" (and {len(damaged) - 1} more damaged places, see the manifest)" if len(damaged) > 1 else ""
        msg = f"{damaged[0]}{more}; {folder} is complete with all good frames"
        raise DamagedFileError(msg)
    return made


_LEFT_OUT: Final = ": not converted in "


def tell(dataset: Dataset) -> None:
    """Warn once about all objects that did not become columns, and once about names that fit none."""
    told = sorted({m for source in dataset.manifest.sources for m in source.messages if _LEFT_OUT in m})
    if told:
        more = f"; and {len(told) - 5} more, see the manifest" if len(told) > 5 else ""
        msg = f"{dataset.path}: {'; '.join(told[:5])}{more}"
        warnings.warn(msg, stacklevel=3)
    if dataset.rows:
        settings = dataset.manifest.settings
        tell_unused(str(dataset.path), settings["keys"], settings["pulses"], dataset.manifest.schema.names)


_MOST_OUTSIDE: Final = 0.01
_MODULES: Final = 1 << 16


def _tell_outside(dataset: Dataset, outcomes: Sequence[Outcome]) -> None:
    """Warn if the geometry lacks the modules of more than a few pulses of the first events of each file."""
    if dataset.geometry is None:
        return
    counts = np.zeros(_MODULES, np.int64)
    for outcome in outcomes:
        modules, n = outcome.modules
        counts[modules] += n
    seen = np.flatnonzero(counts)
    # no geometry of the ice has the tanks
    tank = surface_numbers(seen >> 8, seen & 0xFF)
    outside = ~np.isin(seen, dataset.geometry.omkey >> 8) & ~tank
    lost, total = int(counts[seen[outside]].sum()), int(counts[seen[~tank]].sum())
    if lost > _MOST_OUTSIDE * total:
        strings = seen[outside] >> 8
        msg = (
            f"{dataset.path}: the geometry lacks the sensors of {lost:,} of {total:,} pulses (on strings "
            f"{strings[0]} to {strings[-1]}); features leave such pulses out: give the GCD file of that detector "
            "as `gcd`"
        )
        warnings.warn(msg, stacklevel=3)


def _modules(table: pa.Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the modules, string << 8 | om, that all pulse series of a table have, and the pulses of each."""
    columns = [name for name in table.column_names if name.endswith(".omkey")]
    lists = [chunk.flatten() for name in columns for chunk in table.column(name).chunks]
    counts = np.bincount(
        np.concatenate([np.zeros(0, np.int64), *(np.asarray(keys) >> 8 for keys in lists)]).clip(
            0, _MODULES - 1
        ),
        minlength=_MODULES,
    )
    counts[[0, -1]] = 0  # what is no module of a string
    seen = np.flatnonzero(counts)
    return seen, counts[seen]


def tell_unused(
    where: str, keys: Iterable[str] | None, pulses: Iterable[str] | None, columns: Iterable[str]
) -> None:
    """Warn about patterns that fit no column."""
    asked = [("keys", pattern) for pattern in keys or ()] + [("pulses", pattern) for pattern in pulses or ()]
    names = list(columns)
    unused = [f"{kind}={pattern!r}" for kind, pattern in asked if not fnmatch.filter(names, f"{pattern}.*")]
    if unused:
        msg = f"{where}: no event has what {', '.join(unused)} asks for; `icecol inspect FILE` lists the keys"
        warnings.warn(msg, stacklevel=4)


def _names(value: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    return (value,) if isinstance(value, str) else tuple(value)


def check_streams(conversion: Conversion, outcomes: Sequence[Outcome]) -> None:
    """Refuse to make a dataset of nothing because a name was wrong."""
    seen: Counter[str] = Counter()
    stops: Counter[str] = Counter()
    for outcome in outcomes:
        seen.update(outcome.streams)
        stops.update(outcome.stops)
    listed = ", ".join(f"{name!r} ({n} events)" for name, n in seen.most_common()) or "none"
    missing = [s for s in conversion.streams or () if not seen[s]]
    if missing:
        msg = f"no event of sub-event stream {', '.join(map(repr, missing))}; streams seen: {listed}"
        raise UnknownStreamError(msg)
    if not stops[conversion.stop] and not any(outcome.damages for outcome in outcomes):
        letters = ", ".join(f"{name!r} ({n} frames)" for name, n in stops.most_common()) or "none"
        msg = (
            f"no {conversion.stop!r} frame in {len(outcomes)} files; stops seen: {letters} (choose by `stop`)"
        )
        raise UnknownStreamError(msg)


def _own_geometry(outcomes: Sequence[Outcome]) -> tuple[Geometry, dict[str, pa.Table]]:
    """Return the sensors, calibration and settings of the first file that has its own, or the nominal sensors."""
    for outcome in outcomes:
        if outcome.has_geometry:
            try:
                return read_gcd(outcome.path)
            except (GeometryError, DamagedFileError):
                continue
    return Geometry.nominal(), {}


# -- many files -------------------------------------------------------------------------------------------------------


def _convert_all(
    files: Sequence[Path],
    folder: Path,
    conversion: Conversion,
    settings: Mapping[str, Any],
    jobs: int | None,
    progress: Progress | None,
) -> Iterator[Outcome]:
    records = writers.done(folder, files, settings)
    for source in (source for group in records for source in group.sources):
        if progress is not None:
            progress(source.path, source.events, 0, 1)
        yield _outcome_of(source)
    done = {source.path for group in records for source in group.sources}
    todo = [path for path in files if str(path.absolute()) not in done]
    n = min(jobs or os.cpu_count() or 1, len(todo))
    groups = list(_grouped(todo, len(todo) // (4 * max(n, 1))))
    if n <= 1:
        for group in groups:
            yield from convert_files(group, folder, conversion, progress)
        return
    context = Context()
    queue = context.Manager().Queue() if progress is not None else None
    with ProcessPoolExecutor(n, mp_context=context) as pool:
        left: set[Future[list[Outcome]]] = {
            pool.submit(_in_process, g, folder, conversion, queue) for g in groups
        }
        try:
            while left:
                finished, left = wait(left, timeout=0.2, return_when=FIRST_COMPLETED)
                while queue is not None and progress is not None and not queue.empty():
                    progress(*queue.get())
                for future in finished:
                    yield from future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _grouped(paths: Iterable[Path], most: int) -> Iterator[list[Path]]:
    """Put small files that follow one another together, at most so many; a large one stays alone."""
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


def _in_process(paths: list[Path], folder: Path, conversion: Conversion, queue: Any) -> list[Outcome]:
    add(conversion.classes)
    return convert_files(paths, folder, conversion, None if queue is None else lambda *done: queue.put(done))


_STREAMS: Final = "streams seen: "
_STOPS: Final = "stops seen: "


def _outcome_of(source: Source) -> Outcome:
    """Tell from its record what a file that was converted earlier gave."""
    counts: dict[str, dict[str, int]] = {_STREAMS: {}, _STOPS: {}}
    damages = []
    for message in source.messages:
        for label, into in counts.items():
            if message.startswith(label):
                for part in message.removeprefix(label).split(", "):
                    name, _, n = part.rpartition(" ")
                    into[name] = int(n)
                break
        else:
            if message.startswith(source.path):
                damages.append(message)
    return Outcome(
        source.path, source.events, counts[_STREAMS], counts[_STOPS], tuple(damages), "G" in counts[_STOPS]
    )


# -- one file ---------------------------------------------------------------------------------------------------------


def convert_files(
    paths: Sequence[Path], folder: Path, conversion: Conversion, progress: Progress | None = None
) -> list[Outcome]:
    """Convert a group of files into parts of a dataset and record it.

    Raises
    ------
    IcecolError
        A file cannot become columns, for example because a key changes its type; the message names the file.
    """
    settings = conversion.settings()
    sources = []
    simulation = {}
    modules = {}
    with _returning_memory(), writers.part_writer(folder, paths, settings) as writer:
        for path in paths:
            source, simulated, modules[source.path] = _convert_file(path, writer, conversion, progress)
            sources.append(source)
            if simulated is not None:
                simulation[source.path] = simulated
    writers.record(folder, sources, settings, writer, simulation)
    if progress is not None:
        for path in paths:
            progress(str(path), 0, 0, 1)
    return [replace(_outcome_of(source), modules=modules[source.path]) for source in sources]


def _convert_file(
    path: Path, writer: PartWriter, conversion: Conversion, progress: Progress | None
) -> tuple[Source, pa.Table | None, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Append the events of a file; return what there is to say of it, the table of its S frames, and its modules."""
    stream, file, _ = open_stream(path)
    tables = Tables(conversion)
    name = str(path.absolute())
    with file:
        scanner = Scanner(stream, verify=conversion.verify, batch_bytes=BATCH_BYTES)

        def write(table: pa.Table) -> None:
            writer.append(table, name)

        try:
            read = before = 0
            for batch in scanner.batches():
                tables.take(batch, write)
                if progress is not None:
                    progress(str(path), tables.events - before, scanner.n_bytes - read, 0)
                    read, before = scanner.n_bytes, tables.events
        except IcecolError as err:
            if name in str(err):
                raise
            msg = f"{path}: {err}"
            raise type(err)(msg) from err
    if progress is not None:
        progress(str(path), 0, scanner.n_bytes - read, 0)
    return _source(path, scanner, tables), tables.simulated(), tables.modules


class Tables:
    """Makes tables of the batches of one stream of frames, and counts what it sees.

    Attributes
    ----------
    events, orphans : int
        Rows made so far, and how many physics frames have lost their DAQ frame to damage.
    stops, streams : Counter
        Frames of each stop, and events of each sub-event stream.
    """

    def __init__(self, conversion: Conversion) -> None:
        self.events = self.orphans = 0
        self.stops: Counter[str] = Counter()
        self.streams: Counter[str] = Counter()
        self._conversion = conversion
        self._maker = TableMaker(conversion.keys, conversion.pulses, conversion.gcd)
        self._of_file = TableMaker()
        self._simulation: list[pa.Table] = []
        self._order, self._order_s = new_order(), new_order()
        self.modules = _NONE

    def take(self, batch: Batch, append: Callable[[pa.Table], None]) -> None:
        """Append the table of the events of a batch that are asked for, if there are any."""
        letters, counts = np.unique(batch.stop[batch.fresh :], return_counts=True)
        self.stops.update({chr(k): int(n) for k, n in zip(letters, counts, strict=True)})
        events = mix(batch, self._conversion.stop, self._order)
        self.orphans += int(batch.orphan.sum())
        events = _wanted(events, self._conversion, self._maker, self.streams)
        if ord("S") in letters:
            self._simulation.append(self._of_file.table(mix(batch, "S", self._order_s), stops="S"))
        self.events += events.n
        for part in pieces(events, _TIMES):
            table = self._maker.table(part)
            if not self.modules[0].size:
                self.modules = _modules(table)
            append(table)

    def simulated(self) -> pa.Table | None:
        """Return the table of the S frames, None if there are none."""
        if not self._simulation:
            return None
        table = pa.concat_tables(self._simulation, promote_options="default")
        return table if table.num_columns else None

    @property
    def skipped(self) -> int:
        """Frames that could have been rows and are not wanted."""
        return self.stops[self._conversion.stop] - self.events

    def messages(self) -> list[str]:
        """Say what did not become columns, and which streams and stops there were."""
        failures = self._maker.failures + self._of_file.failures
        said = [f"{key}{_LEFT_OUT}{n} objects: {why}" for (key, why), n in failures.most_common()]
        for label, counts in ((_STREAMS, self.streams), (_STOPS, self.stops)):
            if counts:
                said.append(label + ", ".join(f"{name} {n}" for name, n in counts.most_common()))
        return said


@contextmanager
def _returning_memory() -> Iterator[None]:
    """Let Arrow allocate from the system, which takes freed memory back: its own pool keeps tens of megabytes.

    And let the thread that writes share the memory of the one that decodes, or both keep what they have freed.
    """
    pool = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    _c_library("mallopt", _ARENA_MAX, 1)
    try:
        yield
    finally:
        _c_library("mallopt", _ARENA_MAX, 0)  # as many as it likes
        pa.set_memory_pool(pool)


_ARENA_MAX: Final = -8  # M_ARENA_MAX of malloc.h


def _c_library(function: str, *arguments: int) -> None:
    """Call a function by which the GNU C library is told how to keep memory; other libraries have none."""
    call = getattr(ctypes.CDLL(None), function, None) if sys.platform == "linux" else None
    if call is not None:
        call(*arguments)


def _wanted(events: Events, conversion: Conversion, maker: TableMaker, streams: Counter[str]) -> Events:
    """Count the sub-event streams and keep those that are asked for."""
    names = streams_of(events, maker.names)
    streams.update(s for s in names if s is not None)
    if conversion.streams is None or not events.n:
        return events
    return select_streams(events, conversion.streams, maker.names)


def _source(path: Path, scanner: Scanner, tables: Tables) -> Source:
    name = str(path.absolute())
    messages = [damage.describe(name) for damage in scanner.damages]
    if tables.orphans:
        messages.append(
            f"{name}: {tables.orphans} physics frames are without their DAQ frame, which is lost to damage: "
            "what they share with it is null"
        )
    return Source(
        path=name,
        size=path.stat().st_size,
        checksum=f"crc32c:{_file_checksum(path):08x}",
        frames_read=tables.stops.total(),
        frames_skipped=tables.skipped,
        frames_damaged=len(scanner.damages),
        events=tables.events,
        status="damaged" if scanner.damages else "ok",
        messages=(*messages, *tables.messages()),
    )


def _file_checksum(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            crc = int(google_crc32c.extend(crc, block))
    return crc


__all__ = ["Conversion", "Outcome", "Tables", "check_streams", "convert_files", "i3", "tell"]
