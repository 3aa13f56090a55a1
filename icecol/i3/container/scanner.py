"""Frames in a byte stream: find and check them without decoding an object.

Bytes are read in steps, walked (`icecol.i3.container.walk`), and their checksums compared; after damage the next intact
frame is looked for.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import google_crc32c
import numpy as np

from icecol.errors import FormatError
from icecol.i3.container.checksums import CRC16, crc16
from icecol.i3.container.compression import ByteStream
from icecol.i3.container.names import Names
from icecol.i3.container.old_versions import MAX_FRAME, TAG, ShortError, parse_old
from icecol.i3.container.walk import BAD, MORE, OLD, Batch, Ints, batch_of, remove, room, walk

_STEP: Final = 1 << 20  # read so much, then walk and check it while it is in the processor's cache
CHECKSUM: Final = "checksum does not match the content"
"""The message for a frame with a wrong checksum."""
_LOOKS: Final = 16
"""How often each byte may be examined in the search for frames after damage, besides one frame of the maximum size."""
_ALWAYS: Final = 1 << 12
"""Bytes that are always examined, so that small frames are found after anything."""
NEVER_KEPT: Final = tuple(b"PI")
"""Stops whose frames lend nothing to later frames; see `icecol.i3.container.mixing`."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One damaged place: index of the frame, byte offset in the decompressed stream, what is wrong."""

    frame: int
    offset: int
    message: str

    def describe(self, path: object) -> str:
        """Describe it in one line, with the file."""
        return f"{path}: frame {self.frame} at byte {self.offset}: {self.message}"


_STORED: Final = struct.Struct("<I")


class Scanner:
    """Read a byte stream frame by frame in batches, in memory bounded by the batch size (or one frame).

    Damage does not end the scan: it is noted in `damages`, and reading resumes at the next frame with a correct
    checksum. Physics frames between a damaged frame and the next DAQ frame are marked as orphans.

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
        self._old_era = True  # versions 1 to 3 have no tag: only after such a frame, or at the beginning
        self._stream_error: str | None = None
        self._looked = 0  # bytes after damage that looked like frames but were not

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
        carried: list[tuple[int, int]] = []  # (begin, end) in buf of frames that are still current
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
                if why == OLD:
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
                    remove(frames, objects, count, wrong)
                    if lost:  # its size may be wrong as well: what was walked after it is walked again
                        pos, dropped = self._resync(int(frame[0]))
                        base += dropped
                        continue
                pos = at
                if why == BAD:
                    self._damage(
                        base + pos, f"no valid frame (byte {base + bad} is not what a frame has there)"
                    )
                    pos, dropped = self._resync(pos)
                    base += dropped
                    continue
                if why == OLD:
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
                yield batch_of(
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
        return walk(self._buf, self.names, self._tray, pos, end, frames, objects, count, max_frames)

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
        """Return whether a frame, or nothing, begins where another one ends: then its size is right."""
        return (end + 4 <= self._have and self._buf[end : end + 4].tobytes() == TAG) or (
            self._eof and end >= self._have
        )

    def _orphans(self, stops: Ints) -> list[bool]:
        """Return which frames are physics frames between damage and the next DAQ frame."""
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
        """Find the next intact frame after the damaged one at `bad`.

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
                # What looks like a frame is examined as a whole, and hostile bytes may make it overlap many others.
                left = MAX_FRAME + _LOOKS * self.n_bytes - self._looked
                end = min(self._have, at + max(left, _ALWAYS))
                frames, objects, (why, _, stopped) = self._walk(at, end, frames, objects, count, 1)
                if count[0] > 0:
                    if not any(True for _ in self._wrong(frames, 0, 1, always=True)):
                        return at, dropped
                    self._looked += int(frames[0, 6]) - at
                    break
                self._looked += (end if why == MORE else stopped) - at
                if why != MORE or self._eof or self._have - at > MAX_FRAME or end < self._have:
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
            frames, objects = room(frames, objects, count, force=True)
        frames[count[0]] = (pos, stop, version, count[1], pos, pos + size, pos + size)
        for key, type_name, at, n in spans:
            if not self._tray and stop == 73:
                continue
            objects[count[1]] = (self.names.add(key, type_name), pos + at, n)
            count[1] += 1
        count[0] += 1
        return pos + size, frames, objects

    def _carry(self, frames: Ints, n: int, pos: int, base: int) -> tuple[int, int, list[tuple[int, int]]]:
        """Move the frames that are still current and the unread bytes to the front of the buffer."""
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
