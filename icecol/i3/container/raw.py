"""Single frames as bytes: read one after another from a file, and encoded. For what needs no batch."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from icecol.errors import DamagedFileError, FormatError
from icecol.i3.container.checksums import checksum
from icecol.i3.container.old_versions import TAG
from icecol.i3.container.scanner import Damage, Scanner
from icecol.i3.container.streams import open_stream
from icecol.i3.container.walk import Batch


class Span(NamedTuple):
    """One object of a raw frame: key, type name and the serialised bytes."""

    key: str
    type_name: str
    blob: bytes


@dataclass(frozen=True, slots=True)
class RawFrame:
    """One frame as stored: stop letter, container version, byte offset in the stream, own objects in file order.

    An orphan is a physics frame whose DAQ frame is lost to damage.
    """

    stop: str
    version: int
    offset: int
    index: int
    objects: tuple[Span, ...]
    orphan: bool = False


def raw_frames(
    path: str | Path, *, verify: bool = True, damages: list[Damage] | None = None
) -> Iterator[RawFrame]:
    """Yield the frames of a file as stored, own objects only, whatever the compression.

    Parameters
    ----------
    path : path of a file
    verify : bool
        Check each frame's checksum.
    damages : list, optional
        Where to note damaged places; reading continues with the intact frames after them. Without it the first damage
        raises `DamagedFileError`, after all intact frames before it were given.
    """
    stream, file, _ = open_stream(path)
    with file:
        scanner = Scanner(stream, verify=verify, tray=True)
        known = 0
        for batch in scanner.batches():
            pairs = batch.names.pairs()
            for i in range(batch.fresh, batch.stop.size):
                if damages is None and scanner.damages and scanner.damages[0].frame < batch.index[i]:
                    break
                yield RawFrame(
                    chr(batch.stop[i]),
                    int(batch.version[i]),
                    int(batch.offset[i]),
                    int(batch.index[i]),
                    tuple(_span(batch, pairs, j) for j in range(batch.first[i], batch.first[i + 1])),
                    bool(batch.orphan[i]),
                )
            if damages is None and scanner.damages:
                break
            if damages is not None:
                damages += scanner.damages[known:]
                known = len(scanner.damages)
        if damages is not None:
            damages += scanner.damages[known:]
        elif scanner.damages:
            raise DamagedFileError(scanner.damages[0].describe(path))


def _span(batch: Batch, pairs: list[tuple[str, str]], j: int) -> Span:
    key, type_name = pairs[batch.pair[j]]
    return Span(key, type_name, batch.buf[batch.at[j] : batch.at[j] + batch.size[j]].tobytes())


def encode_frame(stop: str, objects: Iterable[tuple[str, str, bytes]], *, sort: bool = True) -> bytes:
    """Serialise one frame of version 6 from (key, type name, blob) of its own objects.

    Keys are written in byte order, as IceTray does; `sort=False` keeps the order given.
    """
    items = [
        (k.encode("utf-8", "surrogateescape"), t.encode("utf-8", "surrogateescape"), b) for k, t, b in objects
    ]
    if sort:
        items.sort(key=lambda item: item[0])
    parts = [stop.encode("latin-1"), struct.pack("<I", len(items))]
    for key, type_name, blob in items:
        if not key or any(c in key for c in b" \t\n"):
            msg = f"frame key {key!r} is empty or contains white space"
            raise FormatError(msg)
        if not blob:
            msg = f"frame object {key!r} has no bytes"
            raise FormatError(msg)
        parts += [_size(len(key)), key, _size(len(type_name)), type_name, _size(len(blob)), blob]
    body = b"".join(parts)
    return TAG + struct.pack("<IBB", 6, 0, 0) + body + struct.pack("<I", checksum(body))


def _size(n: int) -> bytes:
    return struct.pack("<I", n) if n < 0xFFFFFFFF else struct.pack("<IQ", 0xFFFFFFFF, n)
