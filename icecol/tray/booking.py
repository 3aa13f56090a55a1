"""From frames to columns without a file between: `book`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from icecol.convert import gcd as gcd_tables
from icecol.convert.geometry import from_objects
from icecol.convert.i3_reader import Conversion, Outcome, Tables, check_streams, tell
from icecol.dataset import writer as writers
from icecol.dataset.manifest import Source
from icecol.dataset.parts import PartWriter
from icecol.dataset.scan import open_dataset
from icecol.detector.geometry import Geometry
from icecol.i3.container.scanner import Batch, Names, scan
from icecol.i3.frames.frame import Frame

BATCH_BYTES: Final = 8 << 20
"""Bytes of frames that become columns together."""
SOURCE: Final = "frames of a tray"
"""What stands in the manifest for the path of a file."""


@dataclass(frozen=True, slots=True)
class Book:
    """Make a dataset of the frames that pass by."""

    path: Path
    conversion: Conversion
    detector: tuple[Geometry, Mapping[str, pa.Table]] | None
    overwrite: bool
    settings: Mapping[str, Any]

    def stream(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Book frames as they are now, and pass them on."""
        new = not self.path.exists()
        writers.start(self.path, overwrite=self.overwrite)
        try:
            yield from self._booked(frames)
        except BaseException:
            if new:
                shutil.rmtree(self.path)
            raise

    def _booked(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        tables = Tables(self.conversion)
        detector = self.detector
        waiting = _Batches()
        events = self.path / writers.EVENTS
        with PartWriter(events, "part-tray") as writer:
            append = partial(writer.append, name=SOURCE)
            for frame in frames:
                waiting.add(frame)
                if waiting.size >= BATCH_BYTES:
                    tables.take(waiting.batch(), append)
                if detector is None and frame.stop in "QP" and "I3Geometry" in frame:
                    objects = {key: frame[key] for key in gcd_tables.KEYS if key in frame}
                    detector = from_objects(objects), gcd_tables.tables_of(objects)
                yield frame
            tables.take(waiting.batch(), append)
        outcome = Outcome(SOURCE, tables.events, tables.streams, tables.stops, (), has_geometry=False)
        check_streams(self.conversion, [outcome])
        source = Source(
            SOURCE,
            size=0,
            frames_read=tables.stops.total(),
            frames_skipped=tables.skipped,
            events=tables.events,
            messages=tuple(tables.messages()),
        )
        parts = tuple(replace(part, path=f"{writers.EVENTS}/{part.path}") for part in writer.parts)
        simulated = tables.simulated()
        simulation = {} if simulated is None else {SOURCE: simulated}
        record = writers.Record((source,), parts, writer.schema, writer.origins, simulation)
        settings = {**self.conversion.settings(), **self.settings}
        writers.complete(self.path, [record], settings, *(detector or (Geometry.nominal(), {})))
        tell(open_dataset(self.path))


class _Batches:
    """Frames in bytes, and batches of them that begin with the frames in force, as a scan of a file gives them."""

    def __init__(self) -> None:
        self.size = 0
        self._names = Names()
        self._frames: list[tuple[str, bytes]] = []
        self._in_force: dict[str, bytes] = {}

    def add(self, frame: Frame) -> None:
        """Take a frame as it is now."""
        data = frame.encoded()
        self._frames.append((frame.stop, data))
        self.size += len(data)

    def batch(self) -> Batch:
        """Return the batch of all frames since the one before."""
        data = bytearray().join([*self._in_force.values(), *(data for _, data in self._frames)])
        made = replace(scan(data, names=self._names, tray=False), fresh=len(self._in_force))
        self._in_force.update({stop: data for stop, data in self._frames if stop not in "PI"})
        self._frames.clear()
        self.size = 0
        return made


def book(
    dataset: str | Path,
    *,
    gcd: str | Path | Geometry | None = None,
    keys: str | Iterable[str] | None = None,
    pulses: str | Iterable[str] | None = None,
    streams: str | Iterable[str] | None = None,
    stop: str = "P",
    overwrite: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Book:
    """Make a dataset of the frames that come by, as a module that passes them on.

    The dataset is that which `ic.convert.i3` makes of a file written at this place of the tray. It is there once all
    frames have come by; if the run fails it is not.

    Parameters
    ----------
    dataset
        Folder to make.
    gcd
        Where the sensors come from, and the calibration where pulses need one; by default the geometry in the stream,
        or else the nominal detector.
    keys, pulses, streams, stop, overwrite, settings
        As for `ic.convert.i3`: `streams` are sub-event streams, `stop` the stop of the frames that are rows.

    Raises
    ------
    DatasetError, UnknownStreamError, SchemaError
        While running, as the cause of a `TrayError`; see `ic.convert.i3`.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> path = f"{tempfile.mkdtemp()}/bright.icecol"
    >>> tray = ic.Tray().add(ic.sim.frames, events=ic.sim.events(20, seed=1))
    >>> tray = tray.add(lambda frame: len(frame.pulses("SRTInIcePulses")) >= 30)
    >>> summary = tray.add(ic.tray.book(path, keys="MCPrimary")).run()
    >>> ic.open_dataset(path).rows
    14
    """
    at = None if gcd is None or isinstance(gcd, Geometry) else str(Path(gcd).absolute())
    detector = (
        (gcd, {}) if isinstance(gcd, Geometry) else gcd_tables.read_gcd(gcd) if gcd is not None else None
    )
    conversion = Conversion(_tuple(keys), _tuple(pulses), _tuple(streams), stop, verify=True, gcd=at)
    return Book(Path(dataset), conversion, detector, overwrite, dict(settings or {}))


def _tuple(names: str | Iterable[str] | None) -> tuple[str, ...] | None:
    return (names,) if isinstance(names, str) else None if names is None else tuple(names)
