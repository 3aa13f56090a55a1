"""What an .i3 file holds, told without decoding its objects: frames by stop, keys with types and sizes, damage."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from icecol.errors import FormatError
from icecol.i3.archive import decode
from icecol.i3.compression import open_stream
from icecol.i3.container import Batch, Damage, Scanner

HEADER = "I3EventHeader"


@dataclass(frozen=True, slots=True)
class Key:
    """A frame key: in how many frames of which stop it is a frame's own object, of which type, how many bytes."""

    key: str
    stop: str
    type_name: str
    frames: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What a file holds.

    `stops` counts frames by their letter, `streams` the physics frames of each sub-event stream, `versions` the frames
    of each container version; `bytes` is the size of the file and `content_bytes` that of what it decompresses to.
    `checksums` is the number of frames whose checksum was compared and found right.
    """

    path: Path
    codec: str
    bytes: int
    content_bytes: int
    stops: dict[str, int]
    streams: dict[str, int]
    versions: dict[int, int]
    keys: tuple[Key, ...]
    checksums: int
    damages: tuple[Damage, ...]


def survey(path: str | os.PathLike[str], *, verify: bool = True) -> Survey:
    """Look through a whole file, in bounded memory.

    Parameters
    ----------
    path : path
        File of any compression.
    verify : bool
        Compare the checksum of every frame.

    Returns
    -------
    Survey
        With the damaged places; damage is no error here.

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
    stream, file, codec = open_stream(Path(path))
    stops: Counter[str] = Counter()
    streams: Counter[str] = Counter()
    versions: Counter[int] = Counter()
    counts: Counter[tuple[str, int]] = Counter()
    sizes: Counter[tuple[str, int]] = Counter()
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
                    streams.update(_streams(batch, objects))
            versions.update(batch.version[batch.fresh :].tolist())
        pairs_of = scanner.names.pairs()
    known = tuple(
        Key(key=key, stop=stop, type_name=type_name, frames=n, bytes=sizes[stop, pair])
        for (stop, pair), n in counts.items()
        for key, type_name in [pairs_of[pair]]
    )
    checked = sum(n for version, n in versions.items() if version in (5, 6)) if verify else 0
    return Survey(
        path=Path(path),
        codec=codec,
        bytes=Path(path).stat().st_size,
        content_bytes=scanner.n_bytes,
        stops=dict(stops),
        streams=dict(streams),
        versions=dict(versions),
        keys=tuple(sorted(known, key=lambda k: (list(stops).index(k.stop), k.key))),
        checksums=checked,
        damages=tuple(scanner.damages),
    )


def _objects(batch: Batch, frames: np.ndarray) -> np.ndarray:
    """Return the numbers of the objects of some frames."""
    first, n = batch.first[frames], batch.first[frames + 1] - batch.first[frames]
    return np.repeat(first - np.cumsum(n) + n, n) + np.arange(n.sum())


def _streams(batch: Batch, objects: np.ndarray) -> Counter[str]:
    """Count the sub-event streams that the headers among some objects name."""
    found: Counter[str] = Counter()
    headers = [i for i, (key, _) in enumerate(batch.names.pairs()) if key == HEADER]
    for j in objects[np.isin(batch.pair[objects], headers)]:
        blob = batch.buf[batch.at[j] : batch.at[j] + batch.size[j]].tobytes()
        try:
            header: Any = decode(blob)
            found[header.sub_event_stream] += 1
        except (FormatError, AttributeError):
            found["(header not readable)"] += 1
    return found
