"""Pulse series of a batch of events, resolved exactly as IceTray does, in compiled passes.

A key that names pulses may hold a pulse map, a mask over another key, a union of keys, an I3SuperDST, a charge
correction, a combination by module, or hits. Each becomes a `PulseBatch`: for every row the sensors in key order,
for every sensor its pulses. Masks count the sensors and pulses of their parent, so a sensor without pulses is
kept until columns are made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from icecol.detector.geometry import omkey
from icecol.errors import FormatError, GeometryError
from icecol.i3.columns.heads import class_of, opening
from icecol.i3.container.bits import same
from icecol.i3.container.names import text
from icecol.i3.pulses.charges import correct_charges
from icecol.i3.pulses.maps import read_maps
from icecol.i3.pulses.masks import apply_masks, named_sources
from icecol.i3.pulses.pulse_batch import (
    ABSENT,
    CALIBRATION,
    CUT,
    F32,
    F64,
    I32,
    KEY,
    MANY,
    OK,
    OPENING,
    ORDER,
    PARENT,
    REASONS,
    Bytes,
    Ints,
    PulseBatch,
    filled,
    only_good,
    parts_of,
    room_for,
)
from icecol.i3.pulses.series import DEEPEST, MOST_PULSES
from icecol.i3.pulses.superdst import read_superdst
from icecol.i3.pulses.unions import combine_modules, unite
from icecol.jit.cache import kept

PULSE_CLASSES: Final = (
    "I3RecoPulseSeriesMap",
    "I3RecoPulseSeriesMapMask",
    "I3RecoPulseSeriesMapUnion",
    "I3SuperDST",
    "I3RecoPulseSeriesMapApplySPECorrection",
    "I3RecoPulseSeriesMapCombineByModule",
    "I3RecoHitSeriesMap",
)

MOST_CLASSES: Final = 64
"""Maximum number of distinct openings of the objects under one key; more than this is damage, and is given up."""


class Blobs(Protocol):
    """What is needed from a batch: a buffer, the place of each object in it, and the total size of the frames."""

    @property
    def buf(self) -> Bytes: ...

    @property
    def at(self) -> Ints: ...

    @property
    def size(self) -> Ints: ...

    @property
    def n_bytes(self) -> int: ...


class Rows(Protocol):
    """What is needed from events: their number, and the object that each of them has under a key (-1: none)."""

    @property
    def n(self) -> int: ...

    @property
    def batch(self) -> Blobs: ...

    def objects(self, key: str) -> I32:
        """Return the number of the object of each row."""
        ...


class PulseResolver:
    """Pulse series of the events of one batch by key; each key is resolved once, whatever refers to it.

    Parameters
    ----------
    events : Events, or a single frame in their place
    outside : function of a key, optional
        Gives the blob of an object of another file, for a calibration that the events do not have themselves.
    """

    def __init__(self, events: Rows, outside: Callable[[str], bytes | None] | None = None) -> None:
        self.events = events
        self._outside = outside or (lambda _: None)
        self.asked: set[str] = set()  # keys looked up so far
        self._done: dict[str, PulseBatch] = {}
        self._busy: set[str] = set()

    def _objects(self, key: str) -> I32:
        self.asked.add(key)
        return self.events.objects(key)

    def class_names(self, key: str) -> list[tuple[str, npt.NDArray[np.int64]]]:
        """Return the classes found under a key, each with its rows."""
        objects = self._objects(key)
        batch = self.events.batch  # may have the objects of a key only once that was asked for
        rows = np.flatnonzero(objects >= 0)
        at, size = batch.at[objects[rows]], batch.size[objects[rows]]
        found: dict[str, list[Ints]] = {}
        left = np.arange(rows.size)
        for _ in range(MOST_CLASSES):
            if not left.size:
                break
            i = int(left[0])
            try:
                name = class_of(batch.buf, int(at[i]), int(size[i]))[0]
                n_head = 8 + int.from_bytes(batch.buf[at[i] + 4 : at[i] + 8].tobytes(), "little")
                length = np.minimum(size, n_head)
            except FormatError:
                name, length = "", size
            one = batch.buf[at[i] : at[i] + length[i]].copy()
            alike = _same_text(batch.buf, at, length, left, one)
            found.setdefault(name, []).append(rows[left[alike]])
            left = left[~alike]
        return [(n, np.sort(np.concatenate(p)) if len(p) > 1 else p[0]) for n, p in found.items()]

    def series(self, key: str) -> PulseBatch:
        """Resolve one key in all rows; `status` marks the rows that lack it or where it fails."""
        if key in self._done:
            return self._done[key]
        n = self.events.n
        if key in self._busy or len(self._busy) > DEEPEST:  # a mask over itself, or over too many others
            return filled(np.full(n, PARENT), np.zeros(n + 1, np.int64), *_nothing())
        self._busy.add(key)
        parts: list[tuple[Ints, PulseBatch]] = []
        for name, rows in self.class_names(key):
            read = _READERS.get(name)
            if read is not None:
                parts.append((rows, read(self, key, rows)))
        self._busy.discard(key)
        self._done[key] = _assemble(n, parts)
        return self._done[key]

    # Readers give a PulseBatch over all rows or over the rows asked for; `_assemble` puts them together.

    def _unique(self, key: str, rows: Ints, read: Callable[[Bytes, Ints, Ints], PulseBatch]) -> PulseBatch:
        """Read each blob once, even if several rows share it."""
        batch = self.events.batch
        objects = self._objects(key)[rows]
        if objects.size < 2 or bool((np.diff(objects) > 0).all()):
            return read(batch.buf, batch.at[objects], batch.size[objects])
        unique, index = np.unique(objects, return_inverse=True)
        once = read(batch.buf, batch.at[unique], batch.size[unique])
        few = self._few(once.listed(index))
        taken = once.take(np.where(few, index, -1).astype(np.int64))
        return PulseBatch(np.where(few, taken.status, MANY), *parts_of(taken))

    def _few(self, listed: Ints) -> npt.NDArray[np.bool_]:
        """Return which rows, from the first on, have together no more sensors and pulses than the batch has bytes.

        A pulse takes two bytes at least; that every row has one series, and a union of two, is within that. What
        is not may be of any size: rows that share a source and unions of unions stand for it in few bytes.
        """
        return np.cumsum(listed) <= max(MOST_PULSES, self.events.batch.n_bytes)

    def maps(self, key: str, rows: Ints) -> PulseBatch:
        """Read explicit pulse maps."""
        return self._unique(key, rows, read_maps)

    def superdst(self, key: str, rows: Ints) -> PulseBatch:
        """Unpack I3SuperDST."""
        return self._unique(key, rows, read_superdst)

    def hits(self, key: str, rows: Ints) -> PulseBatch:
        """Read hits as pulses."""
        return self._unique(key, rows, _read_hits)

    def masks(self, key: str, rows: Ints) -> PulseBatch:
        """Apply masks to the series they refer to."""
        batch = self.events.batch
        objects = self._objects(key)[rows]
        at, size = batch.at[objects], batch.size[objects]
        parts: list[tuple[Ints, PulseBatch]] = []
        for version in (2, 1, 0):
            status, where, length = (np.zeros(rows.size, np.int64) for _ in range(3))
            named_sources(
                batch.buf, at, size, opening("I3RecoPulseSeriesMapMask", version), status, where, length
            )
            left = status == OK
            for source, mine in _by_text(batch.buf, where, length, left):
                skip = where[mine] + length[mine] - at[mine] + (4 if version == 1 else 0)
                parent = self.series(source).take(rows[mine])
                masked = apply_masks(
                    batch.buf, at[mine], size[mine], skip, np.zeros(mine.size, np.int64), parent
                )
                parts.append((mine, masked))
            if left.all():
                break
        return _assemble(rows.size, parts, otherwise=OPENING)

    def unions(self, key: str, rows: Ints) -> PulseBatch:
        """Merge the series of a union."""
        parts: list[tuple[Ints, PulseBatch]] = []
        for blob, mine in self._alike(key, rows):
            try:
                sources = _strings(blob, "I3RecoPulseSeriesMapUnion", vector=True)
            except FormatError:
                continue
            if not sources:
                none = np.zeros(mine.size + 1, np.int64)
                parts.append((mine, filled(np.zeros(mine.size, np.int64), none, *_nothing())))
                continue
            n = np.sum([self.series(s).listed(rows[mine]) for s in sources], axis=0)
            few = np.asarray(n <= MOST_PULSES)
            few &= self._few(np.where(few, n, 0))
            if few.any():
                parts.append((mine[few], unite([self.series(s).take(rows[mine[few]]) for s in sources])))
            if not few.all():
                none = np.zeros(np.count_nonzero(~few) + 1, np.int64)
                parts.append((mine[~few], filled(np.full(none.size - 1, MANY), none, *_nothing())))
        return _assemble(rows.size, parts, otherwise=CUT)

    def modules(self, key: str, rows: Ints) -> PulseBatch:
        """Combine the PMTs of each module."""
        parts: list[tuple[Ints, PulseBatch]] = []
        for blob, mine in self._alike(key, rows):
            try:
                (source,) = _strings(blob, "I3RecoPulseSeriesMapCombineByModule", n=1)
            except FormatError:
                continue
            parts.append((mine, combine_modules(self.series(source).take(rows[mine]))))
        return _assemble(rows.size, parts, otherwise=CUT)

    def corrections(self, key: str, rows: Ints) -> PulseBatch:
        """Apply the charge correction from the calibration."""
        parts: list[tuple[Ints, PulseBatch]] = []
        for blob, mine in self._alike(key, rows):
            try:
                source, calibration = _strings(blob, "I3RecoPulseSeriesMapApplySPECorrection", n=2)
            except FormatError:
                continue
            series = self.series(source).take(rows[mine])
            status = np.where(series.status == OK, OK, PARENT)
            charge = series.charge.copy()
            groups = self._alike(calibration, rows[mine])
            without = self._objects(calibration)[rows[mine]] < 0
            if without.any() and (from_elsewhere := self._outside(calibration)) is not None:
                groups.append((from_elsewhere, np.flatnonzero(without)))
                without[:] = False
            for constants, some in groups:
                try:
                    known, atwd, fadc = _mean_charges(constants)
                except FormatError:
                    status[some] = CALIBRATION
                    continue
                one = np.full(mine.size, CALIBRATION, np.int64)
                one[some] = OK
                fixed = charge.copy()
                correct_charges(
                    one, series.rows, series.om, series.sensors, series.flags, fixed, known, atwd, fadc
                )
                ours = np.zeros(mine.size, bool)
                ours[some] = True
                of_pulse = np.repeat(ours, np.diff(series.sensors[series.rows]))
                charge[of_pulse] = fixed[of_pulse]
                status[some] = np.where(status[some] == OK, one[some], status[some])
            status[without & (status == OK)] = CALIBRATION
            corrected = PulseBatch(
                status,
                series.rows,
                series.om,
                series.sensors,
                series.time,
                charge,
                series.width,
                series.flags,
            )
            parts.append((mine, only_good(corrected)))
        return _assemble(rows.size, parts, otherwise=CUT)

    def _alike(self, key: str, rows: Ints) -> list[tuple[bytes, Ints]]:
        """Group rows by the bytes of their object."""
        objects = self._objects(key)[rows]
        batch = self.events.batch
        groups: dict[bytes, list[int]] = {}
        by_object: dict[int, bytes] = {}
        for i, j in enumerate(objects.tolist()):
            if j < 0:
                continue
            if j not in by_object:
                by_object[j] = batch.buf[batch.at[j] : batch.at[j] + batch.size[j]].tobytes()
            groups.setdefault(by_object[j], []).append(i)
        return [(blob, np.array(mine, np.int64)) for blob, mine in groups.items()]


_READERS: Final[dict[str, Callable[[PulseResolver, str, Ints], PulseBatch]]] = {
    "I3RecoPulseSeriesMap": PulseResolver.maps,
    "I3RecoPulseSeriesMapMask": PulseResolver.masks,
    "I3RecoPulseSeriesMapUnion": PulseResolver.unions,
    "I3SuperDST": PulseResolver.superdst,
    "I3RecoPulseSeriesMapApplySPECorrection": PulseResolver.corrections,
    "I3RecoPulseSeriesMapCombineByModule": PulseResolver.modules,
    "I3RecoHitSeriesMap": PulseResolver.hits,
}


def _nothing() -> tuple[I32, Ints, F64, F32, F32, Bytes]:
    return (np.zeros(0, np.int32), np.zeros(1, np.int64), *room_for(0))


def _assemble(n: int, parts: list[tuple[Ints, PulseBatch]], otherwise: int = ABSENT) -> PulseBatch:
    """Put parts, each for some of n rows, into one batch."""
    if len(parts) == 1 and parts[0][0].size == n:
        return parts[0][1]
    if not parts:
        return filled(np.full(n, otherwise, np.int64), np.zeros(n + 1, np.int64), *_nothing())
    status = np.concatenate([p.status for _, p in parts] + [np.full(1, otherwise)])
    shift_om = np.cumsum([0] + [p.om.size for _, p in parts])
    shift = np.cumsum([0] + [p.time.size for _, p in parts])
    rows = np.concatenate([p.rows[:-1] + shift_om[k] for k, (_, p) in enumerate(parts)] + [shift_om[-1:]])
    sensors = np.concatenate([p.sensors[:-1] + shift[k] for k, (_, p) in enumerate(parts)] + [shift[-1:]])
    whole = PulseBatch(
        status[:-1],
        rows,
        np.concatenate([p.om for _, p in parts]),
        sensors,
        np.concatenate([p.time for _, p in parts]),
        np.concatenate([p.charge for _, p in parts]),
        np.concatenate([p.width for _, p in parts]),
        np.concatenate([p.flags for _, p in parts]),
    )
    index = np.full(n, -1, np.int64)
    begin = 0
    for mine, part in parts:
        index[mine] = np.arange(begin, begin + part.status.size)
        begin += part.status.size
    taken = whole.take(index)
    return PulseBatch(np.where(index >= 0, taken.status, otherwise), *parts_of(taken))


def _by_text(buf: Bytes, where: Ints, length: Ints, which: npt.NDArray[np.bool_]) -> list[tuple[str, Ints]]:
    """Group places by the text that stands there."""
    left = np.flatnonzero(which)
    groups = []
    while left.size:
        i = int(left[0])
        n = int(length[i])
        one = buf[where[i] : where[i] + n]
        alike = _same_text(buf, where, length, left, one.copy())
        groups.append((text(one.tobytes()), left[alike]))
        left = left[~alike]
    return groups


@kept
def _same_text(buf: Bytes, where: Ints, length: Ints, left: Ints, one: Bytes) -> npt.NDArray[np.bool_]:
    out = np.zeros(left.size, np.bool_)
    for k in range(left.size):
        i = left[k]
        out[k] = length[i] == one.size and same(buf, where[i], one, 0, one.size)
    return out


def _strings(blob: bytes, name: str, *, vector: bool = False, n: int = 0) -> list[str]:
    """Read the strings that a small frame object consists of."""
    head = opening(name, 0).tobytes() + b"\x01\x00\x01\x00\x00\x00"
    if not blob.startswith(head):
        msg = f"{name} does not have the header of version 0"
        raise FormatError(msg)
    at = len(head)
    if vector:
        if blob[at : at + 2] != b"\x00\x00":
            msg = f"{name} has a vector of an unknown version"
            raise FormatError(msg)
        at += 2
        n = int.from_bytes(blob[at : at + 4], "little")
        at += 4
    found = []
    for _ in range(min(n, len(blob))):
        size = int.from_bytes(blob[at : at + 4], "little")
        found.append(text(blob[at + 4 : at + 4 + size]))
        at += 4 + size
    if at != len(blob) or len(found) != n:
        msg = f"{name} of {len(blob)} bytes is damaged"
        raise FormatError(msg)
    return found


def _read_hits(buf: Bytes, at: Ints, size: Ints) -> PulseBatch:
    """Read I3RecoHitSeriesMap blobs as pulses of charge 1 and width 3.3 ns."""
    status = np.full(at.size, CUT, np.int64)
    rows = [0]
    om: list[npt.NDArray[np.int32]] = []
    times: list[npt.NDArray[np.float64]] = []
    counts: list[npt.NDArray[np.int64]] = []
    from icecol.i3 import archive
    from icecol.i3.archive.containers import FrameMap

    for i in range(at.size):
        n_om = 0
        try:
            found: Any = archive.decode(buf[at[i] : at[i] + size[i]].tobytes())
        except FormatError:
            found = None
        if not isinstance(found, FrameMap):
            rows.append(rows[-1])
            continue
        try:
            keys = omkey(*_numbers(found))
        except GeometryError:
            status[i] = KEY
        else:
            status[i] = OK if bool((np.diff(keys) > 0).all()) else ORDER
        if status[i] == OK:
            om.append(keys)
            counts.append(np.array([len(hits) for hits in found.values()], np.int64))
            times += [np.asarray(hits["time"], np.float64) for hits in found.values()]
            n_om = len(found)
        rows.append(rows[-1] + n_om)
    time = np.concatenate([*times, np.zeros(0)])
    sensors = np.concatenate([[0], np.cumsum(np.concatenate([*counts, np.zeros(0, np.int64)]))]).astype(
        np.int64
    )
    n = time.size
    return PulseBatch(
        status, np.array(rows, np.int64), np.concatenate([*om, np.zeros(0, np.int32)]), sensors, time,
        np.ones(n, np.float32), np.full(n, 3.3, np.float32), np.zeros(n, np.uint8),
    )  # fmt: skip


def _numbers(sensors: Iterable[Any]) -> Ints:
    """Return the string, module and PMT numbers of sensors, one row of each."""
    return np.array([(k.string, k.om, k.pmt) for k in sensors], np.int64).reshape(-1, 3).T


_CHARGES: dict[bytes, tuple[I32, F64, F64]] = {}


def _mean_charges(blob: bytes) -> tuple[I32, F64, F64]:
    """Read the mean charges of an I3Calibration: sensors in order, mean ATWD and FADC charge."""
    if blob not in _CHARGES:
        from icecol.i3 import archive

        found: Any = archive.decode(blob)
        items = sorted(
            (
                key.string << 16 | key.om << 8 | key.pmt,
                _mean(value.mean_atwd_charge, value, "is_mean_atwd_charge_valid"),
                _mean(value.mean_fadc_charge, value, "is_mean_fadc_charge_valid"),
            )
            for key, value in found.dom_cal.items()
            if abs(key.string) < 1 << 15 and key.om < 1 << 8  # no pulse is of another sensor
        )
        table = np.array(items, np.float64).reshape(-1, 3)
        _CHARGES.clear()
        _CHARGES[blob] = table[:, 0].astype(np.int32), table[:, 1].copy(), table[:, 2].copy()
    return _CHARGES[blob]


def _mean(charge: float, calibration: Any, flag: str) -> float:
    """Return a mean charge; NaN where a flag of class version 11 says that it is not valid."""
    return np.nan if getattr(calibration, flag, None) is False else charge


__all__ = ["PULSE_CLASSES", "REASONS", "PulseBatch", "PulseResolver"]
