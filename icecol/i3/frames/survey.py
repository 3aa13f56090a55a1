"""The contents of an .i3 file, without decoding its objects: frames by stop, keys with types and sizes, damage."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from icecol.errors import FormatError
from icecol.i3.archive import decode
from icecol.i3.container.raw import raw_frames
from icecol.i3.container.scanner import CHECKSUM, Damage, Scanner
from icecol.i3.container.streams import open_stream
from icecol.i3.container.walk import Batch
from icecol.i3.frames.frame import Frame, Mixer
from icecol.places import place

HEADER = "I3EventHeader"


@dataclass(frozen=True, slots=True)
class Key:
    """A frame key: the number of frames of a stop that have it as an own object, its type and its total bytes."""

    key: str
    stop: str
    type_name: str
    frames: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Survey:
    """The contents of a file.

    `stops` counts frames by stop, `streams` the physics frames of each sub-event stream, `versions` the frames of each
    container version; `bytes` is the size of the file and `content_bytes` its decompressed size. `events` is the number
    of DAQ frames or, in a file without any, of physics frames whose run or event ID differs from the previous one.
    `checksums` is the number of frames whose checksum was verified, `checksums_wrong` that of frames lost because it
    was wrong; the others have none or were not checked.
    """

    path: Path
    codec: str
    bytes: int
    content_bytes: int
    stops: dict[str, int]
    events: int
    streams: dict[str, int]
    versions: dict[int, int]
    keys: tuple[Key, ...]
    checksums: int
    checksums_wrong: int
    damages: tuple[Damage, ...]


def survey(path: str | os.PathLike[str], *, verify: bool = True) -> Survey:
    """Survey a whole file, in bounded memory.

    Parameters
    ----------
    path : path
        The file, compressed or not; or its URL.
    verify : bool
        Check the checksum of every frame.

    Returns
    -------
    Survey
        The contents, including damaged places; damage is not an error here.

    Examples
    --------
    >>> import tempfile
    >>> from icecol import sim
    >>> path = f"{tempfile.mkdtemp()}/muons.i3.zst"
    >>> sim.write(path, sim.events(2, seed=1))
    >>> found = survey(path)
    >>> found.stops, found.streams
    ({'Q': 2, 'P': 2}, {'InIceSplit': 2})
    """
    stream, file, codec = open_stream(place(path))
    stops: Counter[str] = Counter()
    streams: Counter[str] = Counter()
    versions: Counter[int] = Counter()
    counts: Counter[tuple[str, int]] = Counter()
    sizes: Counter[tuple[str, int]] = Counter()
    events = _Events()
    with file:
        scanner = Scanner(stream, verify=verify, tray=True)
        for batch in scanner.batches():
            fresh = batch.stop[batch.fresh :]
            letters, first = np.unique(fresh, return_index=True)
            for letter in letters[np.argsort(first)]:
                stop = chr(letter)
                frames = np.flatnonzero(batch.stop == letter)
                frames = frames[frames >= batch.fresh]
                stops[stop] += frames.size
                objects = _objects(batch, frames)
                pairs, inverse = np.unique(batch.pair[objects], return_inverse=True)
                per_pair = np.bincount(inverse, minlength=pairs.size)
                bytes_per_pair = np.bincount(inverse, batch.size[objects], minlength=pairs.size)
                for pair, n, size in zip(pairs.tolist(), per_pair.tolist(), bytes_per_pair, strict=True):
                    counts[stop, pair] += n
                    sizes[stop, pair] += int(size)
                if stop == "P":
                    streams.update(_streams(batch, objects, events))
            versions.update(batch.version[batch.fresh :].tolist())
        pairs_of = scanner.names.pairs()
    known = tuple(
        Key(key=key, stop=stop, type_name=type_name, frames=n, bytes=sizes[stop, pair])
        for (stop, pair), n in counts.items()
        for key, type_name in [pairs_of[pair]]
    )
    checked = sum(n for version, n in versions.items() if version in (5, 6)) if verify else 0
    return Survey(
        path=place(path),
        codec=codec,
        bytes=place(path).stat().st_size,
        content_bytes=scanner.n_bytes,
        stops=dict(stops),
        events=stops["Q"] or events.n,
        streams=dict(streams),
        versions=dict(versions),
        keys=tuple(sorted(known, key=lambda k: (list(stops).index(k.stop), k.key))),
        checksums=checked,
        checksums_wrong=sum(damage.message == CHECKSUM for damage in scanner.damages),
        damages=tuple(scanner.damages),
    )


def _objects(batch: Batch, frames: np.ndarray) -> np.ndarray:
    """Return the numbers of the objects of some frames."""
    first, n = batch.first[frames], batch.first[frames + 1] - batch.first[frames]
    return np.repeat(first - np.cumsum(n) + n, n) + np.arange(n.sum())


class _Events:
    """Counts consecutive events."""

    def __init__(self) -> None:
        self.n = 0
        self._last: tuple[int, int] | None = None

    def add(self, run: int, event: int) -> None:
        self.n += (run, event) != self._last
        self._last = (run, event)


def _streams(batch: Batch, objects: np.ndarray, events: _Events) -> Counter[str]:
    """Count the sub-event streams named by the event headers among some objects, and the events."""
    found: Counter[str] = Counter()
    headers = [i for i, (key, _) in enumerate(batch.names.pairs()) if key == HEADER]
    for j in objects[np.isin(batch.pair[objects], headers)]:
        blob = batch.buf[batch.at[j] : batch.at[j] + batch.size[j]].tobytes()
        try:
            header: Any = decode(blob)
            found[header.sub_event_stream or ""] += 1
            events.add(header.run_id, header.event_id)
        except (FormatError, AttributeError):
            found["(header not readable)"] += 1
    return found


@dataclass(frozen=True, slots=True)
class FrameSurvey:
    """The contents of a frame: index, stop, container version, byte offset in the decompressed file, event, objects.

    `objects` are (key, type name, bytes, stop of the frame it comes from), own ones first in file order, then those
    inherited from older frames. Run, event, sub-event and stream are None if there is no event header.
    """

    index: int
    stop: str
    version: int
    offset: int
    run: int | None
    event: int | None
    sub_event: int | None
    stream: str | None
    objects: tuple[tuple[str, str, int, str], ...]


def survey_frames(
    path: str | os.PathLike[str], *, verify: bool = True, damages: list[Damage] | None = None
) -> Iterator[FrameSurvey]:
    """Survey the frames of a file one by one.

    Parameters
    ----------
    path : path
        The file, compressed or not.
    verify : bool
        Check the checksum of every frame.
    damages : list, optional
        List to append damaged places to; without it, the first one raises `DamagedFileError`.

    Examples
    --------
    >>> import tempfile
    >>> from icecol import sim
    >>> path = f"{tempfile.mkdtemp()}/muons.i3.zst"
    >>> sim.write(path, sim.events(2, seed=1))
    >>> [(f.index, f.stop, f.event, f.stream, len(f.objects)) for f in survey_frames(path)][:2]
    [(0, 'Q', 0, '', 7), (1, 'P', 0, 'InIceSplit', 11)]
    """
    mixer = Mixer()
    for raw in raw_frames(place(path), verify=verify, damages=damages):
        if raw.orphan:
            mixer.forget("Q")
        frame = mixer.mix(Frame(raw.stop, raw.objects))
        own = frame.own_keys()
        keys = [*own, *(key for key in frame if key not in own)]
        try:
            header: Any = frame.get(HEADER)
        except FormatError:
            header = None
        yield FrameSurvey(
            index=raw.index,
            stop=raw.stop,
            version=raw.version,
            offset=raw.offset,
            run=getattr(header, "run_id", None),
            event=getattr(header, "event_id", None),
            sub_event=getattr(header, "sub_event_id", None),
            stream=getattr(header, "sub_event_stream", None),
            objects=tuple((k, frame.type_name(k), len(frame.raw(k)), frame.stop_of(k)) for k in keys),
        )
