"""Positions of the frames in files: built in one thread from first to last, and used by others while it grows.

The index keeps the position, size, stop, event and set of own keys of each frame (equal sets once), some 30 bytes. The
frame itself is read again on demand, from the file or, if that is compressed, from a `Spill`. Damaged places are
entries of their own, so that frames have the same numbers as in all other tools of icecol.
"""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from icecol.browse.spill import Spill
from icecol.errors import FormatError, IcecolError, UnsupportedError
from icecol.i3.columns.batch import decode
from icecol.i3.container.compression import ByteStream
from icecol.i3.container.names import Names, text
from icecol.i3.container.old_versions import TAG, ShortError, parse_old
from icecol.i3.container.scanner import Damage, Scanner
from icecol.i3.container.streams import open_stream
from icecol.i3.container.walk import Batch, scan
from icecol.i3.frames.files import Paths, files_of
from icecol.i3.frames.frame import STOPS, Frame, Mixer

HEADER: Final = "I3EventHeader"
DAMAGE: Final = "!"
"""Takes the place of the stop for a damaged place."""

_BATCH: Final = 4 << 20  # bytes that are indexed between two updates of what was found
_ROW: Final = np.dtype(
    [
        ("offset", "<i8"),
        ("event", "<i8"),  # run << 32 | event, -1: no header
        ("size", "<u4"),
        ("keys", "<i4"),
        ("file", "<i4"),
        ("stop", "u1"),
        ("orphan", "?"),
    ]
)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Entry:
    """One frame or damaged place.

    Attributes
    ----------
    number : int
        Its number over all files.
    stop : str
        Stop letter, `!` for a damaged place.
    path, offset, size
        File, and position and size in its decompressed bytes.
    run, event : int or None
        From the frame's header; a frame without one has those of the latest frame that had one.
    message : str
        What is wrong in a damaged place.
    """

    number: int
    stop: str
    path: Path
    offset: int
    size: int
    run: int | None
    event: int | None
    message: str


class Index:
    """The frames of one or several files, read as one stream, as by `open_i3`.

    `build` does the work and is meant to run in a thread; everything else may be called at any time and returns what is
    known by then.

    Parameters
    ----------
    paths : str, path, or several

    Raises
    ------
    FileNotFoundError
        A file is not there.

    Examples
    --------
    >>> import tempfile
    >>> from icecol import sim
    >>> path = f"{tempfile.mkdtemp()}/muons.i3.zst"
    >>> sim.write(path, sim.events(2, seed=1))
    >>> index = Index(path)
    >>> index.build()
    >>> index.stops(), index.entry(3).event, index.frame(3).stop_of("InIcePulses")
    ('QPQP', 1, 'Q')
    >>> index.find(0, 1, key="SRTInIcePulses"), index.goto(0, "e1")
    (1, 2)
    >>> index.close()
    """

    def __init__(self, paths: Paths) -> None:
        self.paths = files_of(paths)
        self.codecs: list[str] = []
        self.done = False
        self.bytes = sum(path.stat().st_size for path in self.paths)
        self.bytes_read = 0
        self.keys: dict[str, int] = {}
        self._rows = np.zeros(1024, _ROW)
        self._n = 0
        self._counts = np.zeros(256, np.int64)
        self._messages: dict[int, str] = {}
        self._names = Names()
        self._sets: dict[bytes, int] = {}
        self._key_sets: list[bytes] = []
        self._first: list[str] = []  # stops in the order of their first frames
        self._spills: dict[int, Spill] = {}
        self._closed = threading.Event()
        self._building = threading.Lock()
        self._file: tuple[int, BinaryIO] | None = None
        self._lock = threading.Lock()
        self._older = lru_cache(16)(self._own)  # the current parents are requested again and again

    # -- building -----------------------------------------------------------------------------------------------

    def build(self) -> None:
        """Index all files."""
        with self._building:
            self._build()

    def _build(self) -> None:
        for number, path in enumerate(self.paths):
            if self._closed.is_set():
                return
            try:
                stream, file, codec = open_stream(path)
            except (IcecolError, OSError) as err:
                self.codecs.append("")
                self._add_damages(number, [Damage(0, 0, str(err))], self._n)
                continue
            self.codecs.append(codec)
            if codec != "raw":
                self._spills[number] = Spill()
            before = self.bytes_read
            with file:
                feed = _Feed(stream, self._spills.get(number), self._closed)
                scanner = Scanner(feed, tray=True, batch_bytes=_BATCH)
                first, known, event = self._n, 0, -1
                for batch in scanner.batches():
                    event = self._add(number, batch, scanner.damages[known:], first, event)
                    known = len(scanner.damages)
                    self.bytes_read = before + file.tell()
                self._add_damages(number, scanner.damages[known:], first)
        if not self._closed.is_set():
            self.bytes_read = self.bytes
            self.done = True

    def _add(self, file: int, batch: Batch, damages: list[Damage], first: int, event: int) -> int:
        """Add the fresh frames of a batch, and the damaged places, each under its number; return the last event."""
        pairs = batch.names.pairs()
        key_of, keys = batch.names.keys()
        numbers = [self.keys.setdefault(key, len(self.keys)) for key in keys]
        number_of = np.array(numbers, np.int64)[key_of] if pairs else key_of
        is_header = np.array([key == HEADER for key, _ in pairs], bool)
        rows = np.zeros(batch.stop.size - batch.fresh, _ROW)
        here = slice(batch.fresh, None)
        rows["offset"], rows["size"] = batch.offset[here], (batch.end - batch.begin)[here]
        rows["stop"], rows["orphan"], rows["file"] = batch.stop[here], batch.orphan[here], file
        have = np.zeros(len(self.keys), bool)
        objects = np.flatnonzero(is_header[batch.pair]) if pairs else np.zeros(0, np.int64)
        objects = objects[objects >= batch.first[batch.fresh]]
        events = _events(batch, objects, self._names)
        of_frame = np.searchsorted(batch.first, objects, side="right") - 1 - batch.fresh
        own_event = dict(zip(of_frame.tolist(), events.tolist(), strict=True))
        for row, i in enumerate(range(batch.fresh, batch.stop.size)):
            own = batch.pair[int(batch.first[i]) : int(batch.first[i + 1])]
            have[:] = False
            have[number_of[own]] = True
            rows["keys"][row] = self._set_number(np.packbits(have).tobytes().rstrip(b"\0"))
            if batch.stop[i] == ord("Q"):
                event = own_event.get(row, -1)
            if batch.stop[i] in b"QP":  # a physics frame without a header of its own inherits one
                rows["event"][row] = own_event.get(row, -1 if batch.orphan[i] else event)
            else:
                rows["event"][row] = -1
        at = first + batch.index[here]
        self._note(rows["stop"])
        upto = [d for d in damages if first + d.frame <= at[-1]]
        self._put(rows, at, upto, first, file)
        self._add_damages(file, damages[len(upto) :], first)
        return event

    def _set_number(self, keys: bytes) -> int:
        number = self._sets.setdefault(keys, len(self._sets))
        if number == len(self._key_sets):
            self._key_sets.append(keys)
        return number

    def _note(self, stops: npt.NDArray[np.uint8]) -> None:
        letters, at = np.unique(stops, return_index=True)
        for letter in letters[np.argsort(at)]:
            if chr(letter) not in self._first:
                self._first.append(chr(letter))

    def _add_damages(self, file: int, damages: list[Damage], first: int) -> None:
        self._put(np.zeros(0, _ROW), np.zeros(0, np.int64), damages, first, file)

    def _put(
        self, rows: Any, at: npt.NDArray[np.int64], damages: list[Damage], first: int, file: int
    ) -> None:
        """Write rows at their numbers, damaged places between them, and only then show them."""
        n = self._n + len(rows) + len(damages)
        if n > self._rows.size:
            bigger = np.zeros(max(n, 2 * self._rows.size), _ROW)
            bigger[: self._n] = self._rows[: self._n]
            self._rows = bigger
        self._rows[at] = rows
        self._counts += np.bincount(rows["stop"], minlength=256)
        self._counts[ord(DAMAGE)] += len(damages)
        for damage in damages:
            number = first + damage.frame
            self._rows[number] = (damage.offset, -1, 0, self._set_number(b""), file, ord(DAMAGE), False)
            self._messages[number] = damage.message
        self._n = n

    def close(self) -> None:
        """Stop a build in progress, and close the files."""
        self._closed.set()
        with self._lock:
            if self._file is not None:
                self._file[1].close()
                self._file = None
        with self._building:
            for spill in self._spills.values():
                spill.close()

    # -- what is known so far -----------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._n

    def stops(self, begin: int = 0, end: int | None = None) -> str:
        """Return the stop letters of some entries."""
        return (
            self._rows["stop"][begin : self._n if end is None else min(end, self._n)]
            .tobytes()
            .decode("latin-1")
        )

    def counts(self) -> dict[str, int]:
        """Count entries by stop, in the order in which stops appear; damaged places come last."""
        return {stop: n for stop in [*self._first, DAMAGE] if (n := int(self._counts[ord(stop)]))}

    def damages(self) -> dict[int, str]:
        """Return the messages of damaged places, by number of the entry."""
        return dict(self._messages)

    def entry(self, i: int) -> Entry:
        """Return an entry: where it is, and what."""
        row = self._rows[: self._n][i]
        event = int(row["event"])
        return Entry(
            number=i,
            stop=chr(row["stop"]),
            path=self.paths[row["file"]],
            offset=int(row["offset"]),
            size=int(row["size"]),
            run=event >> 32 if event >= 0 else None,
            event=event & 0xFFFFFFFF if event >= 0 else None,
            message=self._messages.get(i, ""),
        )

    # -- reading ------------------------------------------------------------------------------------------------

    def read(self, i: int, n: int | None = None) -> bytes:
        """Return the bytes of an entry, or n bytes from its position on."""
        row = self._rows[: self._n][i]
        file, offset = int(row["file"]), int(row["offset"])
        n = int(row["size"]) if n is None else n
        if file in self._spills:
            return self._spills[file].read(offset, n)
        with self._lock:
            if self._file is None or self._file[0] != file:
                if self._file is not None:
                    self._file[1].close()
                self._file = (file, self.paths[file].open("rb"))
            return os.pread(self._file[1].fileno(), n, offset)

    def _own(self, i: int) -> Frame:
        """Read a frame with its own objects."""
        stop = chr(self._rows["stop"][i])
        return Frame(stop, [] if stop == DAMAGE else _objects(self.read(i)))

    def parents(self, i: int) -> list[int]:
        """Return the older frames from which an entry inherits, in the order in which they are mixed."""
        row = self._rows[: self._n][i]
        if chr(row["stop"]) == DAMAGE:
            return []
        before, lost = self._rows["stop"][:i], self._rows["orphan"][: i + 1]
        chain = []
        for stop in self._first:
            at = _last(before == ord(stop)) if stop not in {"P", "I"} else -1
            if at >= 0 and not (stop == "Q" and lost[at + 1 :].any()):
                chain.append(at)
        return chain

    def frame(self, i: int) -> Frame:
        """Read a frame, with the objects of older frames mixed in; a damaged place is an empty frame."""
        mixer = Mixer()
        for older in self.parents(i):
            mixer.mix(self._older(older))
        return mixer.mix(self._own(i))

    # -- finding ------------------------------------------------------------------------------------------------

    def find(self, at: int, step: int, *, stop: str | None = None, key: str | None = None) -> int | None:
        """Find the nearest entry after (step 1) or before (step -1) another that has a stop, or a key of its own."""
        rows = self._rows[: self._n]
        fits = np.ones(rows.size, bool)
        if stop is not None:
            fits &= rows["stop"] == ord(stop)
        if key is not None:
            if key not in self.keys:
                return None
            byte, bit = self.keys[key] >> 3, 0x80 >> (self.keys[key] & 7)
            sets = [len(s) > byte and bool(s[byte] & bit) for s in list(self._key_sets)]
            fits &= np.array(sets, bool)[rows["keys"]]
        return _nearest(fits, at, step)

    def goto(self, at: int, where: str) -> int | None:
        """Return the entry that a text refers to; None if there is none so far.

        Parameters
        ----------
        at : int
            Current entry.
        where : str
            `17`: number of a frame. `+3`, `-3`: that many forward or back. `first`, `last`. `e42`: first frame of event
            42, from the next event on and then from the start. `7/42`: event 42 of run 7. `Q`, `-Q`: next and previous
            frame of a stop; `!` is a damaged place.

        Raises
        ------
        ValueError
            The text is none of these.
        """
        where = where.strip()
        if where in {"first", "last"}:
            return (0 if where == "first" else self._n - 1) if self._n else None
        if re.fullmatch(r"\d+", where):
            return int(where) if int(where) < self._n else None
        if re.fullmatch(r"[+-]\d+", where):
            return max(0, min(at + int(where), self._n - 1)) if self._n else None
        if match := re.fullmatch(r"(?:(\d+)\s*/|e(?:vent)?)\s*(\d+)", where):
            events = self._rows["event"][: self._n]
            run, event = match[1], int(match[2])
            fits = (events >= 0) & (events & 0xFFFFFFFF == event)
            if run is not None:
                fits &= events >> 32 == int(run)
            starts = fits & np.append(True, ~fits[:-1]) if fits.size else fits
            found = _nearest(starts, at, 1)
            return found if found is not None else _nearest(starts, -1, 1)
        if match := re.fullmatch(r"([+-]?)(\S)", where):
            return self.find(at, -1 if match[1] == "-" else 1, stop=match[2])
        stops = ", ".join(STOPS)
        msg = (
            f"{where!r} is not a place in the files: give a frame (17, +3, last), an event (e42, or 7/42 with its run) "
            f"or a stop ({stops}; -Q goes back)"
        )
        raise ValueError(msg)


class _Feed:
    """Passes a stream on, stores what is decompressed, and ends early when the index is closed."""

    def __init__(self, stream: ByteStream, spill: Spill | None, closed: threading.Event) -> None:
        self._stream, self._spill, self._closed = stream, spill, closed

    def readinto(self, buffer: memoryview, /) -> int:
        if self._closed.is_set():
            return 0
        try:
            n = self._stream.readinto(buffer)
        except (
            UnsupportedError
        ) as err:  # that an archive or JSON is not what it seems shows late: it becomes a damaged place
            raise FormatError(str(err)) from None
        if self._spill is not None:
            self._spill.write(buffer[:n])
        return n


def _events(batch: Batch, headers: npt.NDArray[np.int64], names: Names) -> npt.NDArray[np.int64]:
    """Return run << 32 | event of serialised headers, -1 for those that cannot be read."""
    events = np.full(headers.size, -1)
    for columns in decode(batch.buf, batch.at[headers], batch.size[headers], names):
        members = {leaf.name: v for leaf, v in zip(columns.program.leaves, columns.values, strict=True)}
        if {"run_id", "event_id"} <= members.keys():
            run, event = (members[m].astype(np.int64) for m in ("run_id", "event_id"))
            events[columns.good] = run << 32 | event
    return events


def _objects(data: bytes) -> list[tuple[str, str, bytes]]:
    """Split one frame of any container version into (key, type name, blob)."""
    if data[:4] == TAG and data[4:5] != b"\x04":
        batch = scan(bytearray(data))
        pairs = batch.names.pairs()
        spans = zip(batch.pair.tolist(), batch.at.tolist(), batch.size.tolist(), strict=True)
        return [(*pairs[pair], data[at : at + size]) for pair, at, size in spans]
    try:
        _, _, old, _ = parse_old(np.frombuffer(data, np.uint8))
    except ShortError:
        msg = f"the {len(data)} bytes at this position are not a whole frame; the file has changed"
        raise FormatError(msg) from None
    return [(text(key), text(type_name), data[at : at + size]) for key, type_name, at, size in old]


def _last(mask: Mask) -> int:
    """Return the position of the last True, -1 if there is none."""
    found = int(mask[::-1].argmax()) if mask.size else 0
    return mask.size - 1 - found if mask.size and mask[mask.size - 1 - found] else -1


def _nearest(mask: Mask, at: int, step: int) -> int | None:
    if step > 0:
        after = mask[at + 1 :]
        found = int(after.argmax()) if after.size else 0
        return at + 1 + found if after.size and after[found] else None
    found = _last(mask[: max(at, 0)])
    return found if found >= 0 else None
