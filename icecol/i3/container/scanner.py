"""Frames in a byte stream: find and check them without decoding an object.

A file is a plain sequence of frames. A frame of version 5 or 6 is: tag `[i3]`, version, a two-byte header, the
stop letter, the number of objects, per object key, type name and blob (each with its length), and a checksum over
everything from the stop letter on. There is no frame length: to skip a frame one walks its objects. That walk is
compiled here and touches no Python object: (key, type name) pairs are interned, and since frames repeat their
keys in the same order, the pair that followed last time is tried first, as one comparison of bytes.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import google_crc32c
import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError
from icecol.i3.container.bits import load_i64, load_u32, same
from icecol.i3.container.checksums import CRC16, crc16
from icecol.i3.container.compression import ByteStream
from icecol.i3.container.names import Names, intern
from icecol.i3.container.old_versions import MAX_FRAME, MAX_NAME, TAG, ShortError, parse_old
from icecol.jit.cache import kept

_STEP: Final = 1 << 20  # read so much, then walk and check it while it is in the processor's cache

CHECKSUM: Final = "checksum does not match the content"
"""What is said of a frame with a wrong checksum."""

_LOOKS: Final = 16
"""How often each byte may be looked at where frames are searched for behind damage, a largest frame apart."""
_ALWAYS: Final = 1 << 12
"""Bytes that are looked at all the same, so that small frames are found behind whatever."""

NEVER_KEPT: Final = tuple(b"PI")
"""Stops whose frames lend nothing to later frames; see `icecol.i3.container.mixing`."""

_MORE, _FULL, _BAD, _NAMES, _OLD = 0, 1, 2, 3, 4

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Damage:
    """One damaged place: index of the frame, byte offset in the decompressed stream, what is wrong."""

    frame: int
    offset: int
    message: str

    def describe(self, path: object) -> str:
        """Say it in one line, with the file."""
        return f"{path}: frame {self.frame} at byte {self.offset}: {self.message}"


_STORED: Final = struct.Struct("<I")


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
            return _FULL, pos, pos
        if pos + 8 > end:
            return _MORE, pos, pos
        if buf[pos] != 0x5B or buf[pos + 1] != 0x69 or buf[pos + 2] != 0x33 or buf[pos + 3] != 0x5D:
            return _OLD, pos, pos
        version = np.int64(load_u32(buf, pos + 4))
        if version == 4:
            return _OLD, pos, pos
        if version != 5 and version != 6:
            return _BAD, pos, pos + 4
        at = pos + 8
        if at + 11 > end:
            return _MORE, pos, pos
        if buf[at] > 1 or buf[at + 1] != 0:
            return _BAD, pos, at
        at += 2 + 4 * np.int64(buf[at])
        if at + 5 > end:
            return _MORE, pos, pos
        body = at
        stop = np.int64(buf[at])
        n = np.int64(load_u32(buf, at + 1))
        at += 5
        record = tray or stop != 73  # 'I': processing history, nothing for columns
        guess = follow[0] if state[0] > 0 else -1
        last = np.int64(-1)
        for _ in range(n):
            if at + 8 > end:
                return _MORE, pos, pos
            pair = np.int64(-1)
            if last >= 0:
                guess = follow[last]
            if guess >= 0 and at + size[guess] + 4 <= end and same(buf, at, arena, start[guess], size[guess]):
                pair = guess
                at += size[pair]
            else:
                n_key = np.int64(load_u32(buf, at))
                if n_key > MAX_NAME or n_key == 0:
                    return _BAD, pos, at
                if at + 8 + n_key > end:
                    return _MORE, pos, pos
                n_type = np.int64(load_u32(buf, at + 4 + n_key))
                if n_type > MAX_NAME:
                    return _BAD, pos, at + 4 + n_key
                if at + 12 + n_key + n_type > end:
                    return _MORE, pos, pos
                if record:
                    pair = intern(buf, at, 8 + n_key + n_type, arena, start, size, table, state)
                    if pair < 0:
                        return _NAMES, pos, pos
                    if last >= 0:
                        follow[last] = pair
                at += 8 + n_key + n_type
            last = pair
            n_blob = np.int64(load_u32(buf, at))
            at += 4
            if n_blob == 0xFFFFFFFF:
                if at + 8 > end:
                    return _MORE, pos, pos
                n_blob = load_i64(buf, at)
                at += 8
            if n_blob <= 0 or n_blob > max_frame:
                return _BAD, pos, at - 4
            if at + n_blob > end:
                return _MORE, pos, pos
            if record:
                if no >= objects.shape[0]:
                    return _FULL, pos, pos
                objects[no, 0] = pair
                objects[no, 1] = at
                objects[no, 2] = n_blob
                no += 1
            at += n_blob
        if at + 4 > end:
            return _MORE, pos, pos
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
        Frames before this one are older frames still in force, repeated for mixing.
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
        There is something else than whole frames; says at which byte.

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
    frames, objects, (_, pos, bad) = _walk(buf, names, tray, 0, buf.size, frames, objects, count, 1 << 60)
    if pos < buf.size:
        msg = f"no whole frame at byte {pos} of {buf.size} (looked up to byte {bad})"
        raise FormatError(msg)
    n = int(count[0])
    return _batch(
        buf, frames[:n], objects[: count[1]], frames[:n, 0], np.arange(n), 0, np.zeros(n, bool), names
    )


def _walk(
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
        if why == _NAMES:
            names.grow()
        elif why == _FULL and count[0] < max_frames:
            frames, objects = _room(frames, objects, count, force=True)
        else:
            return frames, objects, (int(why), int(pos), int(bad))


def _room(frames: Ints, objects: Ints, count: Ints, *, force: bool = False) -> tuple[Ints, Ints]:
    if count[0] + 1 >= frames.shape[0]:
        frames = np.concatenate([frames, np.zeros_like(frames)])
    if force or count[1] + 1 >= objects.shape[0]:
        objects = np.concatenate([objects, np.zeros_like(objects)])
    return frames, objects


def _remove(frames: Ints, objects: Ints, count: Ints, wrong: list[int]) -> None:
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


def _batch(
    buf: Bytes,
    frames: Ints,
    objects: Ints,
    offset: Ints,
    index: Ints,
    fresh: int,
    orphan: npt.NDArray[np.bool_],
    names: Names,
) -> Batch:
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


class Scanner:
    """Read a byte stream frame by frame in batches, in memory bounded by the batch size (or one frame).

    Damage does not end the scan: it is noted in `damages`, the next frame with a right checksum is looked for, and
    reading goes on there. Physics frames between a damaged frame and the next DAQ frame are marked as orphans.

    Parameters
    ----------
    stream : ByteStream
        Decompressed bytes.
    verify : bool
        Check the checksum of every frame.
    tray : bool
        Note the objects of TrayInfo frames as well.
    batch_bytes : int
        How much is read before frames are handed out.
    """

    def __init__(
        self, stream: ByteStream, *, verify: bool = True, tray: bool = False, batch_bytes: int = 32 << 20
    ) -> None:
        self.names = Names()
        self.damages: list[Damage] = []
        self.n_frames = 0
        self.n_bytes = 0
        self._stream, self._verify, self._tray = stream, verify, tray
        self.batch_bytes = batch_bytes
        self._buf = np.empty(batch_bytes + (1 << 16), np.uint8)
        self._have = 0  # bytes in the buffer
        self._eof = False
        self._lost_daq = False
        self._old_era = True  # versions 1 to 3 have no tag: only where one was before, or at the begin
        self._stream_error: str | None = None
        self._looked = 0  # bytes of what looked like frames behind damage, and were none

    def _fill(self, upto: int) -> None:
        """Read until the buffer holds `upto` bytes or the stream ends."""
        if upto > self._buf.size:
            # Grow only as bytes do arrive, never by what a header claims.
            bigger = np.empty(upto + (upto >> 3), np.uint8)
            bigger[: self._have] = self._buf[: self._have]
            self._buf = bigger
        view = memoryview(self._buf)  # type: ignore[arg-type]
        while self._have < upto and not self._eof:
            try:
                n = self._stream.readinto(view[self._have : self._buf.size])
            except FormatError as err:
                self._stream_error = str(err)
                self._eof = True
                return
            if n == 0:
                self._eof = True
            self._have += n
            self.n_bytes += n

    def batches(self) -> Iterator[Batch]:
        """Yield batches of frames; the arrays of one are valid until the next is asked for."""
        base = 0  # stream offset of buf[0], once the carried frames are taken off
        carried: list[tuple[int, int]] = []  # (begin, end) in buf of frames still in force
        pos = 0
        while True:
            frames = np.zeros((4096, 7), np.int64)
            objects = np.zeros((1 << 16, 3), np.int64)
            count = np.zeros(2, np.int64)
            orphan: list[bool] = []
            offsets: list[int] = []
            indices: list[int] = []
            for begin, end in carried:
                frames, objects, (why, _, _) = self._walk(begin, end, frames, objects, count, 1 << 60)
                if why == _OLD:
                    _, frames, objects = self._old(begin, end, frames, objects, count)
            fresh = int(count[0])
            orphan += [False] * fresh
            offsets += [-1] * fresh
            indices += [-1] * fresh
            limit = pos + self.batch_bytes
            self._fill(min(limit, max(self._have, pos) + _STEP))
            while True:
                before = int(count[0])
                frames, objects, (why, at, bad) = self._walk(pos, self._have, frames, objects, count, 1 << 60)
                wrong: list[int] = []  # frames with a wrong checksum
                begin, n = before, int(count[0])
                for checked in itertools.chain(self._wrong(frames, before, n), (n,)):
                    if checked > begin:
                        self._old_era = False
                        orphan += self._orphans(frames[begin:checked, 1])
                        offsets += (base + frames[begin:checked, 0]).tolist()
                        indices += range(self.n_frames, self.n_frames + checked - begin)
                        self.n_frames += checked - begin
                    if checked < n:
                        self._damage(base + int(frames[checked, 0]), CHECKSUM)
                        wrong.append(checked)
                        if not self._follows(int(frames[checked, 6])):
                            break
                        begin = checked + 1
                if wrong:
                    frame = frames[wrong[-1]].copy()
                    lost = not self._follows(int(frame[6]))
                    if lost:
                        count[0], count[1] = wrong[-1], frame[3]
                    _remove(frames, objects, count, wrong)
                    if lost:  # its size may be wrong as well: what was walked after it is walked again
                        pos, dropped = self._resync(int(frame[0]))
                        base += dropped
                        continue
                pos = at
                if why == _BAD:
                    self._damage(
                        base + pos, f"no valid frame (byte {base + bad} is not what a frame has there)"
                    )
                    pos, dropped = self._resync(pos)
                    base += dropped
                    continue
                if why == _OLD:
                    step, frames, objects = self._old(pos, self._have, frames, objects, count)
                    if step >= 0:
                        if step > 0:
                            i = int(count[0]) - 1
                            self._old_era = int(frames[i, 2]) < 4
                            orphan.append(False)
                            offsets.append(base + int(frames[i, 0]))
                            indices.append(self.n_frames)
                            self.n_frames += 1
                            pos = step
                            continue
                        # step == 0: more bytes are needed
                    else:
                        self._damage(base + pos, "no frame begins here (tag '[i3]' expected)")
                        pos, dropped = self._resync(pos)
                        base += dropped
                        continue
                # more bytes are needed for the frame at pos
                if self._eof:
                    if pos < self._have:
                        why_not = self._stream_error or "the file ends in the middle of this frame"
                        self._stream_error = None
                        self._damage(base + pos, why_not)
                        pos, dropped = self._resync(pos)
                        base += dropped
                        continue
                    break
                if count[0] > fresh and self._have >= limit:
                    break
                if self._have - pos > MAX_FRAME:
                    self._damage(base + pos, f"frame claims more than {MAX_FRAME} bytes")
                    pos, dropped = self._resync(pos)
                    base += dropped
                    continue
                self._fill(self._have + max(_STEP, min(self._have - pos, 1 << 28)))
            n, m = int(count[0]), int(count[1])
            if n > fresh:
                yield _batch(
                    self._buf,
                    frames[:n],
                    objects[:m],
                    np.array(offsets, np.int64),
                    np.array(indices, np.int64),
                    fresh,
                    np.array(orphan, bool),
                    self.names,
                )
            if self._eof and pos >= self._have:
                if self._stream_error is not None:
                    self._damage(base + self._have, self._stream_error)
                    self._stream_error = None
                return
            base, pos, carried = self._carry(frames, n, pos, base)

    def _walk(
        self, pos: int, end: int, frames: Ints, objects: Ints, count: Ints, max_frames: int
    ) -> tuple[Ints, Ints, tuple[int, int, int]]:
        return _walk(self._buf, self.names, self._tray, pos, end, frames, objects, count, max_frames)

    def _wrong(self, frames: Ints, begin: int, end: int, *, always: bool = False) -> Iterator[int]:
        """Yield the frames of begin..end with a wrong checksum."""
        if not (self._verify or always):
            return
        buf = self._buf
        for i, (version, body, stop) in enumerate(frames[begin:end, [2, 4, 5]].tolist(), begin):
            if version == 6:
                right = google_crc32c.extend(0xFFFFFFFF, buf[body:stop]) ^ 0xFFFFFFFF
            elif version == 5:
                right = crc16(buf, body, stop, CRC16)
            else:
                continue
            if _STORED.unpack_from(buf, stop)[0] != right:  # type: ignore[arg-type]
                yield i

    def _follows(self, end: int) -> bool:
        """Tell whether a frame, or nothing, begins where another one ends: then its size is right."""
        return (end + 4 <= self._have and self._buf[end : end + 4].tobytes() == TAG) or (
            self._eof and end >= self._have
        )

    def _orphans(self, stops: Ints) -> list[bool]:
        """Tell which frames are physics frames between a damage and the next DAQ frame."""
        if not self._lost_daq:
            return [False] * stops.size
        daq = np.flatnonzero(stops == ord("Q"))
        lost = int(daq[0]) if daq.size else stops.size
        self._lost_daq = not daq.size
        return [bool(stop == ord("P")) for stop in stops[:lost]] + [False] * (stops.size - lost)

    def _damage(self, offset: int, message: str) -> None:
        self.damages.append(Damage(self.n_frames, offset, message))
        self.n_frames += 1
        self._lost_daq = True

    def _resync(self, bad: int) -> tuple[int, int]:
        """Find the next right frame after the damaged one at `bad`.

        Returns
        -------
        pos, dropped
            Where it begins, and how many bytes of the buffer before it were thrown away.
        """
        at = base = bad + 1
        dropped = 0
        data = b""
        frames = np.zeros((2, 7), np.int64)
        objects = np.zeros((1 << 12, 3), np.int64)
        while True:
            found = data.find(TAG, at - base)
            if found < 0:
                at = max(at, base + len(data) - 3)
                if base + len(data) == self._have:
                    if self._eof:
                        return self._have, dropped
                    # The search may cover gigabytes: what was searched is not kept.
                    n = at - bad - 1
                    self._buf[bad + 1 : self._have - n] = self._buf[at : self._have].copy()
                    self._have -= n
                    at -= n
                    dropped += n
                    self._fill(self._have + _STEP)
                base = at
                data = self._buf[base : self._have].tobytes()
                continue
            at = base + found
            while True:
                count = np.zeros(2, np.int64)
                # What looks like a frame is looked at whole, and may be made to reach over many others that look so.
                left = MAX_FRAME + _LOOKS * self.n_bytes - self._looked
                end = min(self._have, at + max(left, _ALWAYS))
                frames, objects, (why, _, stopped) = self._walk(at, end, frames, objects, count, 1)
                if count[0] > 0:
                    if not any(True for _ in self._wrong(frames, 0, 1, always=True)):
                        return at, dropped
                    self._looked += int(frames[0, 6]) - at
                    break
                self._looked += (end if why == _MORE else stopped) - at
                if why != _MORE or self._eof or self._have - at > MAX_FRAME or end < self._have:
                    break
                self._fill(self._have + max(1 << 16, self._have - at))
            at += 1

    def _old(self, pos: int, end: int, frames: Ints, objects: Ints, count: Ints) -> tuple[int, Ints, Ints]:
        """Parse one frame of versions 1 to 4 at `pos`, growing tables as needed.

        Returns its end, 0 for more bytes needed, -1 for no frame; and the tables.
        """
        if not self._old_era and self._buf[pos : pos + 4].tobytes() != TAG:
            return -1, frames, objects
        try:
            stop, version, spans, size = parse_old(self._buf[pos:end])
        except ShortError:
            return 0, frames, objects
        except FormatError:
            return -1, frames, objects
        while count[0] + 1 >= frames.shape[0] or count[1] + len(spans) >= objects.shape[0]:
            frames, objects = _room(frames, objects, count, force=True)
        frames[count[0]] = (pos, stop, version, count[1], pos, pos + size, pos + size)
        for key, type_name, at, n in spans:
            if not self._tray and stop == 73:
                continue
            objects[count[1]] = (self.names.add(key, type_name), pos + at, n)
            count[1] += 1
        count[0] += 1
        return pos + size, frames, objects

    def _carry(self, frames: Ints, n: int, pos: int, base: int) -> tuple[int, int, list[tuple[int, int]]]:
        """Move the frames still in force and the unread bytes to the front of the buffer."""
        latest: dict[int, int] = {}
        for i in range(n):
            stop = int(frames[i, 1])
            if stop not in NEVER_KEPT:
                latest[stop] = i
        keep = sorted(latest.values())
        spans = [(int(frames[i, 0]), int(frames[i, 6])) for i in keep]
        rest = self._have - pos
        moved: list[tuple[int, int]] = []
        to = 0
        for begin, end in spans:
            # frames are in the order of the buffer, so nothing is overwritten before it is moved
            self._buf[to : to + end - begin] = self._buf[begin:end].copy()
            moved.append((to, to + end - begin))
            to += end - begin
        self._buf[to : to + rest] = self._buf[pos : pos + rest].copy()
        self._have = to + rest
        return base + pos - to, to, moved
