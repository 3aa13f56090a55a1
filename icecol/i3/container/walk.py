"""The compiled walk over frames, and the batch of frames that it gives.

A file is a plain sequence of frames. A frame of version 5 or 6 is: tag `[i3]`, version, a two-byte header, the
stop letter, the number of objects, per object key, type name and blob (each with its length), and a checksum over
everything from the stop letter on. There is no frame length: to skip a frame one walks its objects. That walk is
compiled here and touches no Python object: (key, type name) pairs are interned, and since frames repeat their
keys in the same order, the pair that followed last time is tried first, as one comparison of bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError
from icecol.i3.container.bits import load_i64, load_u32, same
from icecol.i3.container.names import Names, intern
from icecol.i3.container.old_versions import MAX_FRAME, MAX_NAME
from icecol.jit.cache import kept

MORE, FULL, BAD, NAMES, OLD = 0, 1, 2, 3, 4
"""Why a walk stops: more bytes are needed, a table is full, no frame can begin here, the table of names is full, here
begins a frame of an old version (or none)."""

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@kept
def _scan(
    buf: Bytes,
    pos: int,
    end: int,
    tray: bool,
    max_frames: int,
    frames: npt.NDArray[np.int64],
    objects: npt.NDArray[np.int64],
    count: Ints,
    arena: Bytes,
    start: Ints,
    size: Ints,
    follow: Ints,
    table: Ints,
    state: Ints,
    max_frame: int,
) -> tuple[int, int, int]:
    """Walk whole frames in buf[pos:end]; return (why it stopped, where the next frame begins, where it is bad).

    Rows of `frames`: begin, stop, version, first object, begin of the checked bytes, end of them, frame end.
    Rows of `objects`: pair number, blob offset, blob size. `count` holds the numbers of both.
    """
    while True:
        nf, no = count[0], count[1]
        if nf >= max_frames or nf >= frames.shape[0]:
            return FULL, pos, pos
        if pos + 8 > end:
            return MORE, pos, pos
        if buf[pos] != 0x5B or buf[pos + 1] != 0x69 or buf[pos + 2] != 0x33 or buf[pos + 3] != 0x5D:
            return OLD, pos, pos
        version = np.int64(load_u32(buf, pos + 4))
        if version == 4:
            return OLD, pos, pos
        if version != 5 and version != 6:
            return BAD, pos, pos + 4
        at = pos + 8
        if at + 11 > end:
            return MORE, pos, pos
        if buf[at] > 1 or buf[at + 1] != 0:
            return BAD, pos, at
        at += 2 + 4 * np.int64(buf[at])
        if at + 5 > end:
            return MORE, pos, pos
        body = at
        stop = np.int64(buf[at])
        n = np.int64(load_u32(buf, at + 1))
        at += 5
        record = tray or stop != 73  # 'I': processing history, nothing for columns
        guess = follow[0] if state[0] > 0 else -1
        last = np.int64(-1)
        for _ in range(n):
            if at + 8 > end:
                return MORE, pos, pos
            pair = np.int64(-1)
            if last >= 0:
                guess = follow[last]
            if guess >= 0 and at + size[guess] + 4 <= end and same(buf, at, arena, start[guess], size[guess]):
                pair = guess
                at += size[pair]
            else:
                n_key = np.int64(load_u32(buf, at))
                if n_key > MAX_NAME or n_key == 0:
                    return BAD, pos, at
                if at + 8 + n_key > end:
                    return MORE, pos, pos
                n_type = np.int64(load_u32(buf, at + 4 + n_key))
                if n_type > MAX_NAME:
                    return BAD, pos, at + 4 + n_key
                if at + 12 + n_key + n_type > end:
                    return MORE, pos, pos
                if record:
                    pair = intern(buf, at, 8 + n_key + n_type, arena, start, size, table, state)
                    if pair < 0:
                        return NAMES, pos, pos
                    if last >= 0:
                        follow[last] = pair
                at += 8 + n_key + n_type
            last = pair
            n_blob = np.int64(load_u32(buf, at))
            at += 4
            if n_blob == 0xFFFFFFFF:
                if at + 8 > end:
                    return MORE, pos, pos
                n_blob = load_i64(buf, at)
                at += 8
            if n_blob <= 0 or n_blob > max_frame:
                return BAD, pos, at - 4
            if at + n_blob > end:
                return MORE, pos, pos
            if record:
                if no >= objects.shape[0]:
                    return FULL, pos, pos
                objects[no, 0] = pair
                objects[no, 1] = at
                objects[no, 2] = n_blob
                no += 1
            at += n_blob
        if at + 4 > end:
            return MORE, pos, pos
        frames[nf, 0] = pos
        frames[nf, 1] = stop
        frames[nf, 2] = version
        frames[nf, 3] = count[1]
        frames[nf, 4] = body
        frames[nf, 5] = at
        frames[nf, 6] = at + 4
        count[0] = nf + 1
        count[1] = no
        pos = at + 4


@dataclass(frozen=True, slots=True)
class Batch:
    """Some whole frames in one buffer, which is reused for the next batch.

    Attributes
    ----------
    buf : array of u8
        The bytes.
    stop : array of u8
        Stop letter of each frame.
    first : array of i64
        Objects of frame i are first[i] to first[i + 1].
    pair, at, size : arrays of i64
        Of each object: number of its (key, type name) in `names`, place and size of its blob in `buf`.
    begin, end : arrays of i64
        Place of each frame in `buf`.
    offset, index : arrays of i64
        Place of each frame in the decompressed stream, and its number there.
    fresh : int
        Frames before this one are older frames that are still current, repeated for mixing.
    orphan : array of bool
        Physics frames whose DAQ frame is lost to damage.
    names : Names
        The pairs, shared by all batches of a scanner.
    """

    buf: Bytes
    stop: Bytes
    version: Ints
    first: Ints
    pair: Ints
    at: Ints
    size: Ints
    begin: Ints
    end: Ints
    offset: Ints
    index: Ints
    fresh: int
    orphan: npt.NDArray[np.bool_]
    names: Names

    @property
    def n_bytes(self) -> int:
        """Bytes of all frames."""
        return int((self.end - self.begin).sum())


def scan(
    data: bytes | bytearray | memoryview | Bytes, *, names: Names | None = None, tray: bool = True
) -> Batch:
    """Find all frames (versions 5 and 6) in bytes that are in memory already, without a copy or checksums.

    Parameters
    ----------
    data : bytes-like
        Whole frames: a raw file, mapped or read.
    names : Names, optional
        Pairs of key and type name known already.
    tray : bool
        Note the objects of TrayInfo frames as well.

    Raises
    ------
    FormatError
        There is anything but whole frames; the message says at which byte.

    Examples
    --------
    >>> from icecol.i3.container.raw import encode_frame
    >>> batch = scan(bytearray(encode_frame("Q", [("Key", "type", b"blob")]) * 3))
    >>> batch.stop.tobytes(), batch.names.pairs()
    (b'QQQ', [('Key', 'type')])
    """
    buf = np.frombuffer(data, np.uint8)
    names = Names() if names is None else names  # none known yet is false
    frames, objects = np.zeros((4096, 7), np.int64), np.zeros((1 << 16, 3), np.int64)
    count = np.zeros(2, np.int64)
    frames, objects, (_, pos, bad) = walk(buf, names, tray, 0, buf.size, frames, objects, count, 1 << 60)
    if pos < buf.size:
        msg = f"no whole frame at byte {pos} of {buf.size} (looked up to byte {bad})"
        raise FormatError(msg)
    n = int(count[0])
    return batch_of(
        buf, frames[:n], objects[: count[1]], frames[:n, 0], np.arange(n), 0, np.zeros(n, bool), names
    )


def walk(
    buf: Bytes,
    names: Names,
    tray: bool,
    pos: int,
    end: int,
    frames: Ints,
    objects: Ints,
    count: Ints,
    max_frames: int,
) -> tuple[Ints, Ints, tuple[int, int, int]]:
    """Scan frames, growing tables as needed."""
    while True:
        why, pos, bad = _scan(
            buf, pos, end, tray, max_frames, frames, objects, count,
            names.arena, names.start, names.size, names.follow, names.table, names.state, MAX_FRAME,
        )  # fmt: skip
        if why == NAMES:
            names.grow()
        elif why == FULL and count[0] < max_frames:
            frames, objects = room(frames, objects, count, force=True)
        else:
            return frames, objects, (int(why), int(pos), int(bad))


def room(frames: Ints, objects: Ints, count: Ints, *, force: bool = False) -> tuple[Ints, Ints]:
    """Return the tables, doubled where they have no room for another frame or object."""
    if count[0] + 1 >= frames.shape[0]:
        frames = np.concatenate([frames, np.zeros_like(frames)])
    if force or count[1] + 1 >= objects.shape[0]:
        objects = np.concatenate([objects, np.zeros_like(objects)])
    return frames, objects


def remove(frames: Ints, objects: Ints, count: Ints, wrong: list[int]) -> None:
    """Take some of the walked frames out of the tables, with their objects."""
    n, m = int(count[0]), int(count[1])
    keep = np.ones(n, np.bool_)
    keep[[i for i in wrong if i < n]] = False
    sizes = np.diff(np.append(frames[:n, 3], m))
    begin = int(frames[0, 3]) if n else 0
    kept = objects[begin:m][np.repeat(keep, sizes)]
    rest = frames[:n][keep]
    rest[:, 3] = begin + np.cumsum(np.append(0, sizes[keep]))[:-1]
    frames[: rest.shape[0]], objects[begin : begin + kept.shape[0]] = rest, kept
    count[:] = rest.shape[0], begin + kept.shape[0]


def batch_of(
    buf: Bytes,
    frames: Ints,
    objects: Ints,
    offset: Ints,
    index: Ints,
    fresh: int,
    orphan: npt.NDArray[np.bool_],
    names: Names,
) -> Batch:
    """Make a batch of the tables of a walk."""
    return Batch(
        buf,
        frames[:, 1].astype(np.uint8),
        frames[:, 2],
        np.append(frames[:, 3], objects.shape[0]),
        np.ascontiguousarray(objects[:, 0]),
        np.ascontiguousarray(objects[:, 1]),
        np.ascontiguousarray(objects[:, 2]),
        frames[:, 0],
        frames[:, 6],
        offset,
        index,
        fresh,
        orphan,
        names,
    )
