"""Reading .i3 files into tables of events, without IceTray, and `icecol.convert.i3`.

Each file is decompressed, its frames are found, and every key is decoded over a batch of frames into columns. Memory
does not depend on the size of the files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
import pyarrow as pa

from icecol.convert.gcd import detector_of, read_gcd
from icecol.convert.i3_columns import HEADER, TableMaker, streams_of
from icecol.convert.run import Progress, from_source
from icecol.convert.source import Detector, Found, Reader
from icecol.dataset import schema as schemas
from icecol.dataset.manifest import Damage, Source
from icecol.detector.geometry import Geometry
from icecol.errors import UnknownStreamError
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import Class
from icecol.i3.classes.own import add, own_classes
from icecol.i3.container.mixing import Events, mix, new_order, pieces
from icecol.i3.container.scanner import Scanner
from icecol.i3.container.streams import open_stream
from icecol.i3.container.walk import Batch
from icecol.names import matches
from icecol.places import for_polars, place

if TYPE_CHECKING:
    from icecol.dataset.scan import Dataset

BATCH_BYTES: Final = 10 << 20
"""Bytes of frames that are decoded together (or one frame)."""
_TIMES: Final = 2.0
"""By what factor the objects of a table may exceed them, as many frames share those of older ones."""

Names = str | Iterable[str] | None
Wanted = Callable[[str], bool]
"""Tells whether a key is needed."""


@dataclass(frozen=True, slots=True)
class I3Reader(Reader):
    """Reads .i3 files. The options are those of `icecol.convert.i3`; `of` makes one of them as users give them."""

    keys: tuple[str, ...] | None = None
    pulses: tuple[str, ...] | None = None
    streams: tuple[str, ...] | None = None
    stop: str = "P"
    verify: bool = True
    gcd: str | None = field(default=None, repr=False)  # perhaps a URL with a signature
    classes: tuple[Class, ...] = field(default_factory=own_classes)
    """Classes of the user's own, which worker processes have to be told."""

    @classmethod
    def of(
        cls,
        *,
        keys: Names = None,
        pulses: Names = None,
        streams: Names = None,
        stop: str = "P",
        verify: bool = True,
        gcd: str | Path | Geometry | None = None,
    ) -> I3Reader:
        """Make a reader from the options that a user gives.

        >>> I3Reader.of(keys="LineFit", streams=["InIceSplit"]).streams
        ('InIceSplit',)
        """
        if len(stop) != 1:
            msg = f"`stop` is one letter, 'P' or 'Q'; found {stop!r}"
            raise ValueError(msg)
        path = None if gcd is None or isinstance(gcd, Geometry) else str(for_polars(place(gcd).absolute()))
        return cls(_names(keys), _names(pulses), _names(streams), stop, verify, path)

    def settings(self) -> dict[str, Any]:
        """Return the options, and the name of the form."""
        own = {"classes": {c.name: repr(c) for c in self.classes}} if self.classes else {}
        return {
            "form": "i3",
            "keys": None if self.keys is None else list(self.keys),
            "pulses": None if self.pulses is None else list(self.pulses),
            "streams": None if self.streams is None else list(self.streams),
            "stop": self.stop,
            "gcd": None if self.gcd is None else str(place(self.gcd)),
            "verify": self.verify,
            **own,
        }

    def read(
        self,
        path: Path,
        file: BinaryIO,
        found: Found,
        *,
        wanted: Wanted | None = None,
        batch_bytes: int | None = None,
    ) -> Iterator[pa.Table]:
        """Yield tables of events; one with no key that is `wanted` has a column without a name."""
        add(self.classes)
        stream, _, _ = open_stream(path, file)
        scanner = Scanner(stream, verify=self.verify, batch_bytes=batch_bytes or BATCH_BYTES)
        tables = Tables(self, found)
        for batch in scanner.batches():
            found.damage[:] = [Damage(d.offset, d.frame, d.message) for d in scanner.damages]
            found.bytes = scanner.n_bytes
            yield from tables.of(batch, wanted)
        found.damage[:] = [Damage(d.offset, d.frame, d.message) for d in scanner.damages]
        found.bytes = scanner.n_bytes
        tables.finish()

    def detector(self, path: Path) -> Detector | None:
        """Read geometry, calibration and status of a file."""
        return Detector(*read_gcd(path))

    def check(self, sources: Sequence[Source]) -> None:
        """Refuse to make a dataset of nothing because a name was wrong."""
        seen: Counter[str] = Counter()
        stops: Counter[str] = Counter()
        for source in sources:
            seen.update(source.streams)
            stops.update(source.stops)
        missing = [s for s in self.streams or () if not seen[s]]
        if missing:
            listed = ", ".join(f"{name!r} ({n} events)" for name, n in seen.most_common()) or "none"
            msg = f"no event of sub-event stream {', '.join(map(repr, missing))}; streams seen: {listed}"
            raise UnknownStreamError(msg)
        if not stops[self.stop] and not any(source.damage for source in sources):
            letters = ", ".join(f"{name!r} ({n} frames)" for name, n in stops.most_common()) or "none"
            msg = f"no {self.stop!r} frame in {len(sources)} files; stops seen: {letters} (choose by `stop`)"
            raise UnknownStreamError(msg)

    def unused(self, columns: Sequence[str]) -> list[str]:
        """List the patterns of keys and pulses that match no column."""
        asked = [("keys", pattern) for pattern in self.keys or ()]
        asked += [("pulses", pattern) for pattern in self.pulses or ()]
        return [
            f"{kind}={pattern!r}"
            for kind, pattern in asked
            if not any(matches(name, (f"{pattern}.*",)) for name in columns)
        ]


class Tables:
    """Makes tables of the batches of one stream of frames, and notes what it sees in `found`."""

    def __init__(self, reader: I3Reader, found: Found) -> None:
        self.found = found
        self._reader = reader
        self._maker = TableMaker(reader.keys, reader.pulses, reader.gcd, failures=found.left_out)
        self._of_file = TableMaker(failures=found.left_out)
        self._simulation: list[pa.Table] = []
        self._order, self._order_s = new_order(), new_order()
        self._events = 0

    def of(self, batch: Batch, wanted: Wanted | None = None) -> Iterator[pa.Table]:
        """Yield the tables of the events of a batch that are asked for, if there are any.

        S frames are read only if all keys are wanted.
        """
        letters, counts = np.unique(batch.stop[batch.fresh :], return_counts=True)
        found = self.found
        found.stops.update({chr(k): int(n) for k, n in zip(letters, counts, strict=True)})
        found.frames = found.stops.total()
        found.orphans += int(batch.orphan.sum())
        found.has_geometry = "G" in found.stops
        events = self._chosen(mix(batch, self._reader.stop, self._order))
        self._maker.note_twice(events, wanted)
        if ord("S") in letters and wanted is None:
            self._simulation.append(self._of_file.table(mix(batch, "S", self._order_s), stops="S"))
        self._events += events.n
        found.skipped = found.stops[self._reader.stop] - self._events
        for part in pieces(events, _TIMES):
            table = self._maker.table(part, wanted)
            if not table.num_columns:  # its number of rows would be lost
                table = _without_columns(part.n, run=wanted is None)
            yield table

    def finish(self) -> None:
        """Note the S frames, which are known at the end of the stream."""
        if self._simulation:
            table = pa.concat_tables(self._simulation, promote_options="default")
            self.found.simulation = table if table.num_columns else None

    def _chosen(self, events: Events) -> Events:
        """Count the sub-event streams and keep those that are asked for."""
        names = streams_of(events, self._maker.names)
        self.found.streams.update(s for s in names if s is not None)
        if self._reader.streams is None or not events.n:
            return events
        return events.select(np.array([s in self._reader.streams for s in names], bool))


def _without_columns(n: int, *, run: bool) -> pa.Table:
    """Return a table of events that have no object: as many nulls, for the run number or without a name."""
    member = next(m for m in CLASSES[HEADER].fields if m.name == "run_id")
    named = schemas.field(f"{HEADER}.run_id", pa.uint32(), member.unit, member.doc)
    column = named if run else pa.field("", pa.null())
    return pa.Table.from_arrays([pa.nulls(n, column.type)], schema=pa.schema([column]))


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
    allow_empty: bool = False,
    verify: bool = True,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Convert .i3 files into a dataset: one row per event, one column per member of a frame object.

    A run that was killed goes on where it stopped when it is called again in the same way.

    Parameters
    ----------
    paths : path, glob pattern, or several
        Files of any compression (detected from their content), or URLs (s3://, https://), which are read by ranges.
    dataset : path
        Folder to make.
    gcd : path or Geometry, optional
        Where the sensors come from, and the calibration where pulses need one: a GCD file, or a geometry Parquet
        file. By default the geometry in the files themselves, or else the nominal detector with 86 strings.
    keys : glob pattern or several, optional
        Frame keys to take besides pulses; by default all whose class can be turned into columns.
    pulses : glob pattern or several, optional
        Pulse series to take; by default all. Masks and unions are applied.
    streams : name or several, optional
        Sub-event streams to take, such as `InIceSplit`; by default all.
    stop : str
        Frames that become rows: `P` (physics, a sub-event) or `Q` (DAQ, a readout).
    jobs : int, optional
        Number of processes; by default one per available CPU, at most one per file. A daemonic process, such as a
        worker of `multiprocessing.Pool` or Dask, converts on its own.
    overwrite : bool
        Replace a finished dataset. It stays as it is until the new one is complete.
    skip_damaged : bool
        Keep the intact frames of damaged files. Otherwise `DamagedFileError` is raised at the end, when the dataset is
        complete with them.
    allow_empty : bool
        Make a dataset without events if the files have none with this stop and these streams, which is otherwise an
        error.
    verify : bool
        Check the checksum of every frame.
    settings : mapping, optional
        Further facts for the manifest: nfiles, livetime (s), generator settings.
    progress : function, optional
        Called from time to time with (file, events, bytes, files) done since the last call.

    Returns
    -------
    Dataset

    Raises
    ------
    UnknownStreamError
        No file has one of the streams, or no frame of that stop; lists those seen. No dataset is made. See
        `allow_empty`.
    SchemaError
        A key has different types in different files.
    DatasetError
        The dataset exists already, or another process is writing it.
    DamagedFileError
        See `skip_damaged`. If not a single event could be read, no dataset is made.
    UnsupportedError
        A file is of another format, or beyond a limit of what can be read.
    OSError
        A file changed while it was being read: convert again when it is complete.

    Warns
    -----
    UserWarning
        Objects of an unknown class, or damaged in themselves: null in the columns, named here and in the manifest.
        Or a pattern of `keys` or `pulses` that matches no object, a file without frames, or one that is a copy of
        another.

    Examples
    --------
    >>> import icecol as ic, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> ic.sim.write(folder / "muons.i3.zst", ic.sim.events(20, seed=1))
    >>> ic.convert.i3(folder / "muons.i3.zst", folder / "muons.icecol", jobs=1).rows
    20
    """
    reader = I3Reader.of(keys=keys, pulses=pulses, streams=streams, stop=stop, verify=verify, gcd=gcd)
    geometry = detector_of(gcd)
    return from_source(
        reader,
        paths,
        dataset,
        geometry=geometry,
        jobs=jobs,
        overwrite=overwrite,
        skip_damaged=skip_damaged,
        allow_empty=allow_empty,
        settings=settings,
        progress=progress,
    )


def _names(value: Names) -> tuple[str, ...] | None:
    if value is None:
        return None
    return (value,) if isinstance(value, str) else tuple(value)


__all__ = ["I3Reader", "Tables", "i3"]
