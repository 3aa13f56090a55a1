"""From frames to columns without a file between: `book`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from icecol.convert import gcd as gcd_tables
from icecol.convert.geometry import from_objects
from icecol.convert.i3_reader import I3Reader, Tables
from icecol.convert.run import collecting
from icecol.convert.source import Detector
from icecol.detector.geometry import Geometry
from icecol.i3.container.names import Names
from icecol.i3.container.walk import Batch, scan
from icecol.i3.frames.frame import Frame
from icecol.places import local

BATCH_BYTES: Final = 8 << 20
"""Bytes of frames that become columns together."""
SOURCE: Final = "frames of a tray"
"""What stands in the manifest for the path of a file."""


@dataclass(frozen=True, slots=True)
class Book:
    """Make a dataset of the frames that pass by."""

    path: Path
    reader: I3Reader
    detector: Detector | None
    overwrite: bool
    settings: Mapping[str, Any]

    def stream(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Book frames as they are now, and pass them on."""
        waiting = _Batches()
        with collecting(
            SOURCE,
            self.path,
            self.reader.settings(),
            reader=self.reader,
            overwrite=self.overwrite,
            more=self.settings,
        ) as into:
            tables = Tables(self.reader, into.found)
            into.detector = self.detector

            def write() -> None:
                for table in tables.of(waiting.batch()):
                    into.add(table)

            for frame in frames:
                waiting.add(frame)
                if waiting.size >= BATCH_BYTES:
                    write()
                if into.detector is None and frame.stop in "QP" and "I3Geometry" in frame:
                    objects = {key: frame[key] for key in gcd_tables.KEYS if key in frame}
                    into.detector = Detector(from_objects(objects), gcd_tables.tables_of(objects))
                yield frame
            write()
            tables.finish()


class _Batches:
    """Frames in bytes, and batches of them that begin with the current parents, as a scan of a file gives them."""

    def __init__(self) -> None:
        self.size = 0
        self._names = Names()
        self._frames: list[tuple[str, bytes]] = []
        self._parents: dict[str, bytes] = {}

    def add(self, frame: Frame) -> None:
        """Take a frame as it is now."""
        data = frame.encoded()
        self._frames.append((frame.stop, data))
        self.size += len(data)

    def batch(self) -> Batch:
        """Return the batch of all frames since the one before."""
        data = bytearray().join([*self._parents.values(), *(data for _, data in self._frames)])
        made = replace(scan(data, names=self._names, tray=False), fresh=len(self._parents))
        self._parents.update({stop: data for stop, data in self._frames if stop not in "PI"})
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
    """Make a dataset of the frames that pass by, as a module that passes them on.

    The dataset is the one that `ic.convert.i3` makes of a file written at this place in the tray. It is there once all
    frames have passed; if the run fails it is not.

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
    detector = (
        None
        if gcd is None
        else Detector(gcd)
        if isinstance(gcd, Geometry)
        else Detector(*gcd_tables.read_gcd(gcd))
    )
    reader = I3Reader.of(keys=keys, pulses=pulses, streams=streams, stop=stop, gcd=gcd)
    return Book(local(dataset, "make"), reader, detector, overwrite, dict(settings or {}))
