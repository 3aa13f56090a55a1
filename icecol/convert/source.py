"""What a reader of files of any form offers, so that `icecol.convert.run` can make a dataset of them.

A reader of a new form is one class with three methods: the settings that identify what it does, the tables of one
file, and (if the form has one) the detector. Everything else is there already: groups of files, processes, resuming,
records, progress, memory, damage, checksums and the manifest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, NamedTuple

import pyarrow as pa

from icecol.dataset.manifest import Damage, LeftOut, Source
from icecol.detector.geometry import Geometry
from icecol.files import Facts


class Detector(NamedTuple):
    """The sensors, and tables to be written beside the events under their names: `calibration`, ...

    Attributes
    ----------
    geometry
        The sensors.
    tables
        Further tables by name.

    Examples
    --------
    >>> import icecol as ic, pyarrow as pa
    >>> detector = ic.convert.Detector(ic.Geometry.nominal(), {"ice": pa.table({"depth": [1500.0, 2000.0]})})
    >>> detector.geometry, detector.tables["ice"].num_rows
    (Geometry(5160 sensors on 86 strings), 2)
    """

    geometry: Geometry
    tables: Mapping[str, pa.Table] = {}


@dataclass(slots=True)
class Found:
    """What a reader sees in one file; it fills this in while it reads. All of it ends in the manifest.

    Examples
    --------
    >>> import icecol as ic
    >>> found = ic.convert.Found()
    >>> found.frames += 2
    >>> found.left_out["Fit", "unexpected end of data"] += 1
    >>> found.frames, found.damage, len(found.left_out)
    (2, [], 1)
    """

    bytes: int = 0
    """Bytes read so far, decompressed, for the progress."""
    frames: int = 0
    """Frames (or what stands for them, if anything) read so far, whatever became of them."""
    skipped: int = 0
    """How many of these could have been rows but were not wanted."""
    stops: Counter[str] = field(default_factory=Counter)
    """Frames by stop letter, where the form has such."""
    streams: Counter[str] = field(default_factory=Counter)
    """Events by sub-event stream, those not wanted included."""
    damage: list[Damage] = field(default_factory=list)
    """Damaged places. A reader continues after them if it can, or stops there."""
    orphans: int = 0
    """Physics frames that have lost their DAQ frame to damage."""
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Objects that did not become columns, by key and reason."""
    has_geometry: bool = False
    """Whether the file has a detector of its own, which `Reader.detector` reads."""
    simulation: pa.Table | None = None
    """What holds for the file as a whole: its simulation (S) frames, one row each."""

    def source(self, path: str, facts: Facts, events: int) -> Source:
        """Return it as the manifest has it.

        Parameters
        ----------
        path
            Path of the file.
        facts
            Its size, time of change and checksum.
        events
            Number of rows that it gave.
        """
        return Source(
            path=path,
            size=facts.size,
            modified=facts.modified,
            checksum=facts.checksum,
            events=events,
            frames_read=self.frames,
            frames_skipped=self.skipped,
            stops=dict(self.stops.most_common()),
            streams=dict(self.streams.most_common()),
            damage=tuple(self.damage),
            orphans=self.orphans,
            left_out=lefts(self.left_out),
            has_geometry=self.has_geometry,
        )


def lefts(left_out: Counter[tuple[str, str]]) -> tuple[LeftOut, ...]:
    """Return what was left out as the manifest lists it: most frequent first, and nothing that never occurred."""
    return tuple(LeftOut(key, why, n) for (key, why), n in (+left_out).most_common())


class Reader(ABC):
    """Reads files of one form. It is sent to other processes, so it must be picklable.

    Examples
    --------
    >>> import icecol as ic, pyarrow as pa, io, pathlib
    >>> class Energies(ic.convert.Reader):  # text files with energies, for `from_source`
    ...     def settings(self):
    ...         return {"form": "energies"}
    ...
    ...     def read(self, path, file, found):
    ...         yield pa.table({"Fit.energy": [float(word) for word in file.read().split()]})
    >>> next(Energies().read(pathlib.Path("a.txt"), io.BytesIO(b"1.5 20.0"), ic.convert.Found())).to_pydict()
    {'Fit.energy': [1.5, 20.0]}
    """

    whole_detector: ClassVar[bool] = True
    """Whether a file that has a detector has all of it; otherwise the sensors of all files are put together."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return the name of the form and all options that change the result, as JSON has them.

        A file that was converted by an earlier run with other settings is converted again.
        """

    @abstractmethod
    def read(self, path: Path, file: BinaryIO, found: Found) -> Iterator[pa.Table]:
        """Yield tables of events, one row per event, in order, and fill in `found` meanwhile.

        Parameters
        ----------
        path
            The file, for messages.
        file
            Its bytes: read it and not `path`, as the checksum is taken on the way. It can go back. A library that
            reads here and there in a file is given `path`; what was not read of `file` is read at the end.
        found
            What is seen.
        """

    def detector(self, path: Path) -> Detector | None:  # noqa: ARG002
        """Read the detector of a file that has one (`Found.has_geometry`); None if it cannot be read.

        Parameters
        ----------
        path
            The file.
        """
        return None

    def check(self, sources: Sequence[Source]) -> None:  # noqa: B027
        """Raise an error if what is asked for is in none of the files; called when all are read.

        Parameters
        ----------
        sources
            What was found in each file.
        """

    def unused(self, columns: Sequence[str]) -> list[str]:  # noqa: ARG002
        """List the options that ask for something of which there is no column; the user is warned.

        Parameters
        ----------
        columns
            Names of the columns of the dataset.
        """
        return []


__all__ = ["Detector", "Found", "Reader"]
