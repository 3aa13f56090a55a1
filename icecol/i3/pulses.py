"""Pulse series of a batch of events, resolved exactly as IceTray does, in compiled passes.

A key that names pulses may hold a pulse map, a mask over another key, a union of keys, an I3SuperDST, a charge
correction, a combination by module, or hits. Each becomes a `PulseBatch`: for every row the sensors in key order,
for every sensor its pulses. Masks count the sensors and pulses of their parent, so a sensor without pulses is
kept until columns are made of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from icecol.errors import FormatError
from icecol.i3.bits import load_f32, load_f64, load_i32, load_u16, load_u32, same
from icecol.i3.columns import _short_size, _size, class_of, opening
from icecol.i3.container import text
from icecol.i3.events import Events
from icecol.i3.resolve import DEEPEST, MOST_PULSES
from icecol.i3.std_sort import std_sort

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]

PULSE_CLASSES: Final = (
    "I3RecoPulseSeriesMap",
    "I3RecoPulseSeriesMapMask",
    "I3RecoPulseSeriesMapUnion",
    "I3SuperDST",
    "I3RecoPulseSeriesMapApplySPECorrection",
    "I3RecoPulseSeriesMapCombineByModule",
    "I3RecoHitSeriesMap",
)

ABSENT: Final = -1
OK: Final = 0
CUT: Final = 1
OPENING: Final = 2
VERSION: Final = 3
ALIAS: Final = 4
KEY: Final = 5
COUNT: Final = 6
PARENT: Final = 7
REST: Final = 8
CALIBRATION: Final = 9
MANY: Final = 10
ORDER: Final = 11

MOST_CLASSES: Final = 64
"""How many ways in which the objects under one key begin are told apart; more of them are damage, and given up."""

REASONS: Final = {
    CUT: "a size reaches beyond the object's bytes",
    OPENING: "the object does not begin as its neighbours do",
    VERSION: "a class inside has a version that is not known",
    ALIAS: "an object refers back to an earlier one",
    KEY: "a sensor's numbers do not fit string << 16 | om << 8 | pmt",
    COUNT: "the mask does not have one bit for every sensor and pulse of its source",
    PARENT: "its source is absent or damaged",
    REST: "bytes are left over after the last member",
    CALIBRATION: "there is no calibration, or it lacks a sensor (a GCD file may have it)",
    MANY: "a union, or rows that share a source, list more pulses than can be meant",
    ORDER: "its sensors are not in order",
}


@dataclass(frozen=True, slots=True)
class PulseBatch:
    """Pulses of one key in all rows.

    Attributes
    ----------
    status : array of i64
        Per row: 0 pulses are there, -1 the key is absent, else why it failed (see `REASONS`).
    rows : array of i64
        Sensors of row i are rows[i] to rows[i + 1].
    om : array of i32
        Sensor: string << 16 | om << 8 | pmt.
    sensors : array of i64
        Pulses of sensor j are sensors[j] to sensors[j + 1].
    time : array of f64, ns
    charge : array of f32, PE
    width : array of f32, ns
    flags : array of u8
    """

    status: Ints
    rows: Ints
    om: I32
    sensors: Ints
    time: F64
    charge: F32
    width: F32
    flags: Bytes

    def offsets(self) -> I32:
        """Return where the pulses of each row begin and end."""
        return self.sensors[self.rows].astype(np.int32)

    def omkey(self) -> I32:
        """Return the sensor of each pulse."""
        return np.repeat(self.om, np.diff(self.sensors))

    def take(self, index: Ints) -> PulseBatch:
        """Make the batch whose row i is row index[i] of this one (-1: absent)."""
        if index.size == self.status.size and np.array_equal(index, np.arange(index.size)):
            return self
        status = (
            np.where(index >= 0, self.status[index], ABSENT)
            if self.status.size
            else np.full(index.size, ABSENT)
        )
        return _filled(status, *_take(index, self.rows, self.om, self.sensors, *self.leaves()))

    def listed(self, index: Ints) -> Ints:
        """Return how many sensors and pulses there are in some rows."""
        return np.diff(self.rows)[index] + np.diff(self.sensors[self.rows])[index]

    def leaves(self) -> tuple[F64, F32, F32, Bytes]:
        """Return time, charge, width and flags."""
        return self.time, self.charge, self.width, self.flags


def _filled(status: Ints, rows: Ints, om: I32, sensors: Ints, t: F64, q: F32, w: F32, f: Bytes) -> PulseBatch:
    return PulseBatch(status, rows, om, sensors, t, q, w, f)


@njit(cache=True, nogil=True)
def _take(
    index: Ints, rows: Ints, om: I32, sensors: Ints, time: F64, charge: F32, width: F32, flags: Bytes
) -> tuple[Ints, I32, Ints, F64, F32, F32, Bytes]:
    n_om = n = 0
    for i in index:
        if i >= 0:
            n_om += rows[i + 1] - rows[i]
            n += sensors[rows[i + 1]] - sensors[rows[i]]
    new_rows, new_om, new_sensors = (
        np.zeros(index.size + 1, np.int64),
        np.empty(n_om, np.int32),
        np.zeros(n_om + 1, np.int64),
    )
    t, q, w, f = np.empty(n), np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.uint8)
    j = k = 0
    for r in range(index.size):
        i = index[r]
        if i >= 0:
            for s in range(rows[i], rows[i + 1]):
                new_om[j] = om[s]
                for p in range(sensors[s], sensors[s + 1]):
                    t[k], q[k], w[k], f[k] = time[p], charge[p], width[p], flags[p]
                    k += 1
                j += 1
                new_sensors[j] = k
        new_rows[r + 1] = j
    return new_rows, new_om, new_sensors, t, q, w, f


# -- pulse maps -------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _pulse_size(version: int) -> int:
    if version == 3:
        return 17
    if version == 2:
        return 13
    return 32 if version == 1 else 28


@njit(cache=True, nogil=True)
def _map(
    buf: Bytes, at: Ints, size: Ints, head: Bytes, status: Ints, rows: Ints, om: I32, sensors: Ints,
    time: F64, charge: F32, width: F32, flags: Bytes,
) -> tuple[int, int]:  # fmt: skip
    """Read pulse maps; return the numbers of sensors and pulses."""
    n_om = n_pulse = 0
    for i in range(at.size):
        rows[i] = n_om
        begin_om, begin_pulse = n_om, n_pulse
        pos, end = at[i], at[i] + size[i]
        bad = OK
        n = np.int64(0)
        if size[i] < head.size + 12 or not same(buf, pos, head, 0, head.size):
            bad = OPENING
        else:
            pos += head.size
            # base I3FrameObject with id 1, then the header of the map
            if buf[pos] != 1 or buf[pos + 1] != 0 or load_u32(buf, pos + 2) != 1:
                bad = ALIAS
            elif buf[pos + 6] != 0 or buf[pos + 7] != 0:
                bad = VERSION
            else:
                n, pos = _size(buf, pos + 8, end)
                if n < 0:
                    bad = CUT
        next_id = np.int64(2)
        om_version = np.int64(-1)
        version = np.int64(-1)
        stride = np.int64(0)
        last = np.int64(0)
        for key in range(n):
            first = key == 0
            if bad != OK:
                break
            if pos + (19 if first else 13) + 4 > end:
                bad = CUT
                break
            if first:
                if buf[pos] != 0 or buf[pos + 1] != 0 or buf[pos + 2] != 1 or buf[pos + 3] > 2:
                    bad = VERSION
                    break
                om_version = np.int64(buf[pos + 3])
                pos += 4
            if np.int64(load_u32(buf, pos)) != next_id:
                bad = ALIAS
                break
            next_id += 1
            pos += 4
            if om_version < 2:  # base I3FrameObject: its header was in the opening
                if np.int64(load_u32(buf, pos)) != next_id:
                    bad = ALIAS
                    break
                next_id += 1
                pos += 4
                if pos + 15 > end + 4:
                    bad = CUT
                    break
            string, number, pmt = np.int64(load_i32(buf, pos)), np.int64(load_u32(buf, pos + 4)), np.int64(0)
            pos += 8
            if om_version > 0:
                pmt = np.int64(buf[pos])
                pos += 1
            if string < -32768 or string > 32767 or number > 255:
                bad = KEY
                break
            packed = string << 16 | number << 8 | pmt
            if not first and packed <= last:
                bad = ORDER
                break
            last = packed
            if first:
                if pos + 2 > end:
                    bad = CUT
                    break
                if buf[pos] != 0 or buf[pos + 1] != 0:
                    bad = VERSION
                    break
                pos += 2
            m, pos = _size(buf, pos, end)
            if m < 0:
                bad = CUT
                break
            if m > 0 and version < 0:
                if pos + 2 > end:
                    bad = CUT
                    break
                if buf[pos] != 1 or buf[pos + 1] > 3:
                    bad = VERSION
                    break
                version = np.int64(buf[pos + 1])
                stride = 4 + _pulse_size(version)
                pos += 2
            if m > 0 and m > (end - pos) // stride:
                bad = CUT
                break
            om[n_om] = np.int32(packed)
            sensors[n_om] = n_pulse
            n_om += 1
            for _ in range(m):
                if np.int64(load_u32(buf, pos)) != next_id:
                    bad = ALIAS
                    break
                next_id += 1
                p = pos + 4
                if version == 3:
                    time[n_pulse] = load_f64(buf, p)
                    charge[n_pulse] = load_f32(buf, p + 8)
                    width[n_pulse] = load_f32(buf, p + 12)
                    flags[n_pulse] = buf[p + 16]
                elif version == 2:
                    time[n_pulse] = np.float64(load_f32(buf, p))
                    charge[n_pulse] = load_f32(buf, p + 4)
                    width[n_pulse] = load_f32(buf, p + 8)
                    flags[n_pulse] = buf[p + 12]
                else:
                    time[n_pulse] = load_f64(buf, p)
                    charge[n_pulse] = np.float32(load_f64(buf, p + 12))
                    width[n_pulse] = np.float32(load_f64(buf, p + 20))
                    source = load_i32(buf, p + 28) if version == 1 else np.int32(-1)
                    flag = 0
                    if source == 0:
                        flag = 3
                    elif source in (1, 10):
                        flag = 5
                    elif source in (5, 50):
                        flag = 4
                    flags[n_pulse] = flag
                n_pulse += 1
                pos += stride
        if bad == OK and pos != end:
            bad = REST
        if bad != OK:
            status[i] = bad
            n_om, n_pulse = begin_om, begin_pulse
    rows[at.size] = n_om
    sensors[n_om] = n_pulse
    return n_om, n_pulse


def _read(
    kernel: Any,
    args: tuple[Any, ...],
    status: Ints,
    most: tuple[int, int],
    source: tuple[Any, ...] = (),
) -> PulseBatch:
    """Run a reader on arrays for as many sensors and pulses as there can be at most.

    What it does not fill of them is no memory in use: its pages are never touched.
    """
    rows = np.zeros(status.size + 1, np.int64)
    om, sensors, leaves = np.empty(most[0], np.int32), np.empty(most[0] + 1, np.int64), _leaves(most[1])
    n_om, n = kernel(*args, status, *source, rows, om, sensors, *leaves)
    return PulseBatch(status, rows, om[:n_om], sensors[: n_om + 1], *(leaf[:n] for leaf in leaves))  # type: ignore[arg-type]


def read_maps(buf: Bytes, at: Ints, size: Ints) -> PulseBatch:
    """Read I3RecoPulseSeriesMap blobs, one a row."""
    head = opening("I3RecoPulseSeriesMap", 0)
    most = int(size.sum()) // _LEAST
    return _read(_map, (buf, at, size, head), np.zeros(at.size, np.int64), (most, most))


_LEAST: Final = 17
"""Bytes of the smallest sensor (object id, OMKey, size) and of the smallest pulse (object id, version 2) in a map."""


def _leaves(n: int) -> tuple[F64, F32, F32, Bytes]:
    return np.empty(n), np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.uint8)


# -- masks ------------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _bits(buf: Bytes, pos: int, end: int) -> tuple[int, int, int]:
    """Read the head of a bit mask: number of bits (-1: cut), where its bytes are, where they end."""
    if pos + 3 > end:
        return -1, pos, pos
    n = np.int64(load_u16(buf, pos))
    padding = np.int64(buf[pos + 2])
    pos += 3
    if pos + n > end or padding > 8 * n:  # no bits at all may be one byte, all of it padding
        return -1, pos, pos
    return 8 * n - padding, pos, pos + n


@njit(cache=True, nogil=True)
def _mask(
    buf: Bytes, at: Ints, size: Ints, skip: Ints, status: Ints, p_status: Ints,
    p_rows: Ints, p_om: I32, p_sensors: Ints, p_time: F64, p_charge: F32, p_width: F32, p_flags: Bytes,
    rows: Ints, om: I32, sensors: Ints, time: F64, charge: F32, width: F32, flags: Bytes,
) -> tuple[int, int]:  # fmt: skip
    """Apply masks to the same rows of their source; `skip` is where the key mask begins in each blob."""
    n_om = n_pulse = 0
    for i in range(at.size):
        rows[i] = n_om
        if status[i] != OK:
            continue
        begin_om, begin_pulse = n_om, n_pulse
        pos, end = at[i] + skip[i], at[i] + size[i]
        bad = OK
        n_key, key_bits, n_element = np.int64(-1), np.int64(0), np.int64(0)
        if p_status[i] != OK:
            bad = PARENT
        elif pos + 2 > end:
            bad = CUT
        elif buf[pos] != 0 or buf[pos + 1] != 0:
            bad = VERSION
        else:
            n_key, key_bits, pos = _bits(buf, pos + 2, end)
            if n_key < 0 or pos + 2 > end:
                bad = CUT
            elif buf[pos] != 0 or buf[pos + 1] != 0:
                bad = VERSION
            elif n_key != p_rows[i + 1] - p_rows[i]:
                bad = COUNT
            else:
                n_element, pos = _size(buf, pos + 2, end)
                if n_element < 0:
                    bad = CUT
        used = np.int64(0)
        if bad == OK:
            for k in range(n_key):
                if not buf[key_bits + (k >> 3)] >> (k & 7) & 1:
                    continue
                if used == n_element:
                    bad = COUNT
                    break
                used += 1
                n_bits, bits, pos = _bits(buf, pos, end)
                if n_bits < 0:
                    bad = CUT
                    break
                s = p_rows[i] + k
                begin = p_sensors[s]
                if n_bits != p_sensors[s + 1] - begin:
                    bad = COUNT
                    break
                before = n_pulse
                for b in range(n_bits):
                    if buf[bits + (b >> 3)] >> (b & 7) & 1:
                        time[n_pulse] = p_time[begin + b]
                        charge[n_pulse] = p_charge[begin + b]
                        width[n_pulse] = p_width[begin + b]
                        flags[n_pulse] = p_flags[begin + b]
                        n_pulse += 1
                if n_pulse > before:
                    om[n_om] = p_om[s]
                    sensors[n_om] = before
                    n_om += 1
        if bad == OK and used != n_element:
            bad = COUNT
        if bad == OK and pos != end:
            bad = REST
        if bad != OK:
            status[i] = bad
            n_om, n_pulse = begin_om, begin_pulse
    rows[at.size] = n_om
    sensors[n_om] = n_pulse
    return n_om, n_pulse


@njit(cache=True, nogil=True)
def _sources(buf: Bytes, at: Ints, size: Ints, head: Bytes, status: Ints, where: Ints, length: Ints) -> None:
    """Find the string that follows the opening and the base of each blob."""
    for i in range(at.size):
        pos, end = at[i], at[i] + size[i]
        if size[i] < head.size + 10 or not same(buf, pos, head, 0, head.size):
            status[i] = OPENING
            continue
        pos += head.size
        if buf[pos] != 1 or buf[pos + 1] != 0 or load_u32(buf, pos + 2) != 1:
            status[i] = ALIAS
            continue
        n, pos = _size(buf, pos + 6, end)
        if n < 0:
            status[i] = CUT
            continue
        where[i], length[i] = pos, n


def apply_masks(buf: Bytes, at: Ints, size: Ints, skip: Ints, status: Ints, source: PulseBatch) -> PulseBatch:
    """Apply I3RecoPulseSeriesMapMask blobs to their source, row by row."""
    parent = (source.status, source.rows, source.om, source.sensors, *source.leaves())
    most = source.om.size, source.time.size
    return _read(_mask, (buf, at, size, skip), status, most, parent)


# -- sensors in order -------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _sort_sensors(sensors: Ints, time: F64, charge: F32, width: F32, flags: Bytes) -> None:
    """Sort the pulses of each sensor by time, in place."""
    most = 1
    for s in range(sensors.size - 1):
        most = max(most, sensors[s + 1] - sensors[s])
    idx = np.empty(most, np.int64)
    t, q, w, f = (
        np.empty(most),
        np.empty(most, np.float32),
        np.empty(most, np.float32),
        np.empty(most, np.uint8),
    )
    for s in range(sensors.size - 1):
        a, b = sensors[s], sensors[s + 1]
        n = b - a
        rising = True
        for k in range(a + 1, b):
            if not time[k - 1] < time[k]:
                rising = False
                break
        if rising:
            continue
        nan = False
        for k in range(a, b):
            nan |= np.isnan(time[k])
        for k in range(n):
            idx[k] = k
            t[k], q[k], w[k], f[k] = time[a + k], charge[a + k], width[a + k], flags[a + k]
        if nan:  # where std::sort promises nothing: stable, NaN last
            for k, j in enumerate(np.argsort(t[:n], kind="mergesort")):
                idx[k] = j
        else:
            std_sort(idx, t, 0, n)
        for k in range(n):
            j = idx[k]
            time[a + k], charge[a + k], width[a + k], flags[a + k] = t[j], q[j], w[j], f[j]


# -- unions, modules --------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _merge(
    a_rows: Ints, a_om: I32, a_sensors: Ints, at: F64, aq: F32, aw: F32, af: Bytes,
    b_rows: Ints, b_om: I32, b_sensors: Ints, bt: F64, bq: F32, bw: F32, bf: Bytes,
) -> tuple[Ints, I32, Ints, F64, F32, F32, Bytes]:  # fmt: skip
    """Put the pulses of b behind those of a, sensor by sensor, sensors in key order."""
    n_rows = a_rows.size - 1
    n = at.size + bt.size
    rows = np.zeros(n_rows + 1, np.int64)
    om = np.empty(a_om.size + b_om.size, np.int32)
    sensors = np.zeros(om.size + 1, np.int64)
    t, q, w, f = np.empty(n), np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.uint8)
    k = p = 0
    for r in range(n_rows):
        i, j = a_rows[r], b_rows[r]
        while i < a_rows[r + 1] or j < b_rows[r + 1]:
            use_a = i < a_rows[r + 1] and (j >= b_rows[r + 1] or a_om[i] <= b_om[j])
            use_b = j < b_rows[r + 1] and (i >= a_rows[r + 1] or b_om[j] <= a_om[i])
            if use_a:
                om[k] = a_om[i]
                for s in range(a_sensors[i], a_sensors[i + 1]):
                    t[p], q[p], w[p], f[p] = at[s], aq[s], aw[s], af[s]
                    p += 1
                i += 1
            if use_b:
                om[k] = b_om[j]
                for s in range(b_sensors[j], b_sensors[j + 1]):
                    t[p], q[p], w[p], f[p] = bt[s], bq[s], bw[s], bf[s]
                    p += 1
                j += 1
            k += 1
            sensors[k] = p
        rows[r + 1] = k
    return rows, om[:k].copy(), sensors[: k + 1].copy(), t, q, w, f


def unite(parts: list[PulseBatch]) -> PulseBatch:
    """Merge several series row by row and sort each sensor's pulses by time."""
    status = np.zeros(parts[0].status.size, np.int64)
    for part in parts:
        status = np.where((status == OK) & (part.status != OK), PARENT, status)
    keep = np.where(status == OK, np.arange(status.size), -1)
    parts = [part.take(keep) for part in parts]
    total = parts[0]
    for part in parts[1:]:
        merged = _merge(
            total.rows,
            total.om,
            total.sensors,
            *total.leaves(),
            part.rows,
            part.om,
            part.sensors,
            *part.leaves(),
        )
        total = _filled(status, *merged)
    t, q, w, f = total.leaves()
    leaves = t.copy(), q.copy(), w.copy(), f.copy()
    _sort_sensors(total.sensors, *leaves)
    return PulseBatch(status, total.rows, total.om, total.sensors, *leaves)


@njit(cache=True, nogil=True)
def _by_module(rows: Ints, om: I32, sensors: Ints) -> tuple[Ints, I32, Ints]:
    new_rows, new_om, new_sensors = np.zeros_like(rows), np.empty_like(om), np.zeros_like(sensors)
    k = 0
    for r in range(rows.size - 1):
        for s in range(rows[r], rows[r + 1]):
            module = om[s] >> np.int32(8) << np.int32(8)
            if s == rows[r] or new_om[k - 1] != module:
                new_om[k] = module
                new_sensors[k] = sensors[s]
                k += 1
        new_rows[r + 1] = k
    new_sensors[k] = sensors[rows[-1]]
    return new_rows, new_om[:k].copy(), new_sensors[: k + 1].copy()


def combine_modules(source: PulseBatch) -> PulseBatch:
    """Take all photomultipliers of a module as one, pulses sorted by time."""
    rows, om, sensors = _by_module(source.rows, source.om, source.sensors)
    t, q, w, f = source.leaves()
    leaves = t.copy(), q.copy(), w.copy(), f.copy()
    _sort_sensors(sensors, *leaves)
    status = np.where(source.status == OK, OK, PARENT)
    return _good(PulseBatch(status, rows, om, sensors, *leaves))


# -- I3SuperDST -------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _compact(
    buf: Bytes, pos: int, end: int, has_header: bool, size_header: bool, width: int
) -> tuple[int, int, int]:
    """Read the head of a compact vector: number of elements (-1: bad), where they are, where they end."""
    for needed in (has_header, size_header):
        if needed:
            if pos + 2 > end or buf[pos] != 0 or buf[pos + 1] != 0:
                return -1, pos, pos
            pos += 2
    n, pos = _short_size(buf, pos, end)
    if n < 0 or n > (end - pos) // width:
        return -1, pos, pos
    return n, pos, pos + n * width


@njit(cache=True, nogil=True)
def _next_width(buf: Bytes, stream: Ints) -> int:
    """Return the next code of a run-length stream (place, end, code, run left); -1 at its end."""
    if stream[3] == 0:
        if stream[0] >= stream[1]:
            return -1
        code = np.int64(buf[stream[0]]) & 15
        run = np.int64(buf[stream[0]]) >> 4
        stream[0] += 1
        shift = 4
        while stream[0] < stream[1] and np.int64(buf[stream[0]]) & 15 == code and shift < 60:
            run |= np.int64(buf[stream[0]]) >> 4 << np.int64(shift)
            stream[0] += 1
            shift += 4
        stream[2] = code
        stream[3] = run
        if run == 0:
            return -1
    stream[3] -= 1
    return stream[2]


@njit(cache=True, nogil=True)
def _overflow(buf: Bytes, word: int, n_words: int, base: int) -> tuple[int, int]:
    """Add up the raw words that follow a full code; (-1, word) if they are cut."""
    total = np.int64(0)
    while True:
        if word >= n_words:
            return -1, word
        value = np.int64(load_u16(buf, base + 2 * word))
        word += 1
        total += value
        if value != 65535:
            return total, word


@njit(cache=True, nogil=True, error_model="numpy")
def _superdst(
    buf: Bytes, at: Ints, size: Ints, head: Bytes, status: Ints, rows: Ints, om: I32, sensors: Ints,
    time: F64, charge: F32, width: F32, flags: Bytes,
) -> tuple[int, int]:  # fmt: skip
    """Unpack I3SuperDST blobs; return the numbers of sensors and pulses."""
    n_om = n_pulse = 0
    part = np.zeros((7, 2), np.int64)  # number of elements and place of each compact vector
    stream = np.zeros((4, 4), np.int64)
    for i in range(at.size):
        rows[i] = n_om
        begin_om, begin_pulse = n_om, n_pulse
        pos, end = at[i], at[i] + size[i]
        bad = OK
        if size[i] < head.size + 6 or not same(buf, pos, head, 0, head.size):
            bad = OPENING
        else:
            pos += head.size
            if buf[pos] != 1 or buf[pos + 1] != 0 or load_u32(buf, pos + 2) != 1:
                bad = ALIAS
            pos += 6
        if bad == OK:
            for k in range(7):
                n, place, pos = _compact(buf, pos, end, k < 3, k == 0, 2 if k < 2 else 1)
                if n < 0:
                    bad = CUT
                    break
                part[k, 0], part[k, 1] = n, place
        if bad == OK and pos != end:
            bad = REST
        if bad != OK:
            status[i] = bad
            continue
        n_words, words = part[0, 0], part[0, 1]
        n_head, heads = part[1, 0], part[1, 1]
        for k in range(4):
            stream[k, 0], stream[k, 1], stream[k, 3] = part[2 + k, 1], part[2 + k, 1] + part[2 + k, 0], 0
        extra, extra_end = part[6, 1], part[6, 1] + part[6, 0]
        # Every pulse takes at least one word. The readouts come in order of time: note where each begins.
        t, q = np.empty(n_words), np.empty(n_words, np.float32)
        w, f = np.empty(n_words, np.float32), np.empty(n_words, np.uint8)
        order = np.empty(n_head, np.int64)
        readout = np.zeros(n_head + 1, np.int64)
        n = word = 0
        reference = np.int64(-512)
        for k in range(n_head):
            header = np.int64(load_u16(buf, heads + 2 * k))
            number = (header & 63) + 1
            string = header >> 6 & 127
            slop = header >> 13
            order[k] = (string << 8 | number) << 32 | k
            readout[k] = n
            icetop = number > 60
            running = np.int64(0)
            first = True
            hlc = False
            while True:
                if word >= n_words:
                    bad = CUT
                    break
                stamp = np.int64(load_u16(buf, words + 2 * word))
                word += 1
                code = stamp & 255
                amount = stamp >> 8 & 63
                stop = stamp >> 15 != 0
                if first:
                    hlc = stamp >> 14 & 1 != 0
                    code |= slop << 8
                if code == (2047 if first else 255):
                    more, word = _overflow(buf, word, n_words, words)
                    if more < 0:
                        bad = CUT
                        break
                    code += more
                if icetop:
                    if extra >= extra_end:
                        bad = CUT
                        break
                    amount |= np.int64(buf[extra]) << 6
                    extra += 1
                elif amount == 63:
                    more, word = _overflow(buf, word, n_words, words)
                    if more < 0:
                        bad = CUT
                        break
                    amount += more
                kind = _next_width(buf, stream[(2 if icetop else 0) + (1 if hlc else 0)])
                if kind < 0:
                    bad = CUT
                    break
                if first:
                    reference += code
                    running = reference
                else:
                    running += code
                t[n] = np.float64(running)
                if icetop:
                    q[n] = np.float32(10.0 ** (np.float64(amount) * 9.0 / 16383.0 - 2.0))
                else:
                    q[n] = np.float32(0.05 * np.float64(amount) + 0.025)
                w[n] = np.float32(np.int64(1) << kind)
                f[n] = 7 if hlc else 4
                n += 1
                first = False
                if stop:
                    break
            if bad != OK:
                break
        readout[n_head] = n
        if bad == OK and word != n_words:
            bad = REST
        if bad != OK:
            status[i] = bad
            n_om, n_pulse = begin_om, begin_pulse
            continue
        order.sort()
        last = np.int64(-1)
        for k in range(n_head):
            key = order[k] >> 32
            r = order[k] & 0xFFFFFFFF
            if key != last:
                om[n_om] = np.int32(key << 8)
                sensors[n_om] = n_pulse
                n_om += 1
                last = key
            for p in range(readout[r], readout[r + 1]):
                time[n_pulse], charge[n_pulse], width[n_pulse], flags[n_pulse] = t[p], q[p], w[p], f[p]
                n_pulse += 1
    rows[at.size] = n_om
    sensors[n_om] = n_pulse
    return n_om, n_pulse


@njit(cache=True, nogil=True)
def _share(time: F64, width: F32, previous: int, i: int) -> None:
    if width[previous] == 0 and width[i] > 0:
        width[previous] = width[i]
    half = np.float32(width[previous] / np.float32(2))
    width[previous] = half
    width[i] = half
    time[i] = time[previous] + np.float64(half)


@njit(cache=True, nogil=True)
def _separate(sensors: Ints, time: F64, width: F32) -> None:
    """Cut each pulse's width at the next pulse, and share the width of pulses that began together."""
    for s in range(sensors.size - 1):
        a, b = sensors[s], sensors[s + 1]
        previous = np.int64(-1)
        merge = False
        for i in range(a, b - 1):
            width[i] = min(width[i], np.float32(time[i + 1] - time[i]))
            if width[i] == 0 or merge:
                if previous >= 0:
                    _share(time, width, previous, i)
                    merge = False
                else:
                    merge = True
            else:
                merge = False
            previous = i
        if merge and previous >= 0:
            _share(time, width, previous, b - 1)


def read_superdst(buf: Bytes, at: Ints, size: Ints) -> PulseBatch:
    """Unpack I3SuperDST blobs, one a row: sensors in key order, pulses in time order, overlaps removed."""
    head = opening("I3SuperDST", 1)
    most = int(size.sum()) // 2  # each sensor and each pulse is a word of two bytes
    batch = _read(_superdst, (buf, at, size, head), np.zeros(at.size, np.int64), (most, most))
    _sort_sensors(batch.sensors, *batch.leaves())
    _separate(batch.sensors, batch.time, batch.width)
    return batch


# -- charge correction ------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True, error_model="numpy")
def _correct(
    status: Ints,
    rows: Ints,
    om: I32,
    sensors: Ints,
    flags: Bytes,
    charge: F32,
    known: I32,
    atwd: F64,
    fadc: F64,
) -> None:
    for r in range(status.size):
        for s in range(rows[r], rows[r + 1]):
            k = np.searchsorted(known, om[s])
            if k >= known.size or known[k] != om[s]:
                status[r] = CALIBRATION
                break
            for p in range(sensors[s], sensors[s + 1]):
                mean = atwd[k] if flags[p] & 2 else fadc[k]
                factor = 1.0 if np.isnan(mean) else 1.0 / mean
                charge[p] = np.float32(np.float64(charge[p]) * factor)


# -- resolution -------------------------------------------------------------------------------------------------------


class PulseResolver:
    """Pulse series of the events of one batch by key; each key is resolved once, whatever refers to it.

    Parameters
    ----------
    events : Events
    outside : function of a key, optional
        Gives the blob of an object of another file, for a calibration that the events do not have themselves.
    """

    def __init__(self, events: Events, outside: Callable[[str], bytes | None] | None = None) -> None:
        self.events = events
        self._outside = outside or (lambda _: None)
        self.asked: set[str] = set()  # keys looked up so far
        self._done: dict[str, PulseBatch] = {}
        self._busy: set[str] = set()

    def _objects(self, key: str) -> I32:
        self.asked.add(key)
        return self.events.objects(key)

    def class_names(self, key: str) -> list[tuple[str, npt.NDArray[np.int64]]]:
        """Return the classes under a key, each with the rows where it is."""
        batch = self.events.batch
        objects = self._objects(key)
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
        """Resolve one key in all rows; rows without it, or where it fails, say so in `status`."""
        if key in self._done:
            return self._done[key]
        n = self.events.n
        if key in self._busy or len(self._busy) > DEEPEST:  # a mask over itself, or over too many others
            return _filled(np.full(n, PARENT), np.zeros(n + 1, np.int64), *_nothing())
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
        """Read each blob once, also where several rows share it."""
        batch = self.events.batch
        objects = self._objects(key)[rows]
        if objects.size < 2 or bool((np.diff(objects) > 0).all()):
            return read(batch.buf, batch.at[objects], batch.size[objects])
        unique, index = np.unique(objects, return_inverse=True)
        once = read(batch.buf, batch.at[unique], batch.size[unique])
        few = self._few(once.listed(index))
        taken = once.take(np.where(few, index, -1).astype(np.int64))
        return PulseBatch(np.where(few, taken.status, MANY), *_parts(taken))

    def _few(self, listed: Ints) -> npt.NDArray[np.bool_]:
        """Tell which rows, from the first on, have together no more sensors and pulses than the batch has bytes.

        A pulse takes two bytes at least; that every row has one series, and a union of two, is within that. What
        is not may be of any size: rows that share a source and unions of unions stand for it in few bytes.
        """
        batch = self.events.batch
        return np.cumsum(listed) <= max(MOST_PULSES, int((batch.end - batch.begin).sum()))

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
            _sources(batch.buf, at, size, opening("I3RecoPulseSeriesMapMask", version), status, where, length)
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
        """Merge the series that are listed."""
        parts: list[tuple[Ints, PulseBatch]] = []
        for blob, mine in self._alike(key, rows):
            try:
                sources = _strings(blob, "I3RecoPulseSeriesMapUnion", vector=True)
            except FormatError:
                continue
            if not sources:
                continue
            n = np.sum([self.series(s).listed(rows[mine]) for s in sources], axis=0)
            few = np.asarray(n <= MOST_PULSES)
            few &= self._few(np.where(few, n, 0))
            if few.any():
                parts.append((mine[few], unite([self.series(s).take(rows[mine[few]]) for s in sources])))
            if not few.all():
                none = np.zeros(np.count_nonzero(~few) + 1, np.int64)
                parts.append((mine[~few], _filled(np.full(none.size - 1, MANY), none, *_nothing())))
        return _assemble(rows.size, parts, otherwise=CUT)

    def modules(self, key: str, rows: Ints) -> PulseBatch:
        """Take the photomultipliers of a module as one."""
        parts: list[tuple[Ints, PulseBatch]] = []
        for blob, mine in self._alike(key, rows):
            try:
                (source,) = _strings(blob, "I3RecoPulseSeriesMapCombineByModule", n=1)
            except FormatError:
                continue
            parts.append((mine, combine_modules(self.series(source).take(rows[mine]))))
        return _assemble(rows.size, parts, otherwise=CUT)

    def corrections(self, key: str, rows: Ints) -> PulseBatch:
        """Correct charges by the calibration."""
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
                _correct(one, series.rows, series.om, series.sensors, series.flags, fixed, known, atwd, fadc)
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
            parts.append((mine, _good(corrected)))
        return _assemble(rows.size, parts, otherwise=CUT)

    def _alike(self, key: str, rows: Ints) -> list[tuple[bytes, Ints]]:
        """Group rows by the bytes of their object."""
        batch = self.events.batch
        objects = self._objects(key)[rows]
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
    return (np.zeros(0, np.int32), np.zeros(1, np.int64), *_leaves(0))


def _assemble(n: int, parts: list[tuple[Ints, PulseBatch]], otherwise: int = ABSENT) -> PulseBatch:
    """Put parts, each for some of n rows, into one batch."""
    if len(parts) == 1 and parts[0][0].size == n:
        return parts[0][1]
    if not parts:
        return _filled(np.full(n, otherwise, np.int64), np.zeros(n + 1, np.int64), *_nothing())
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
    return PulseBatch(np.where(index >= 0, taken.status, otherwise), *_parts(taken))


def _good(batch: PulseBatch) -> PulseBatch:
    """Drop the pulses of rows that failed."""
    if not batch.status.any():
        return batch
    kept = batch.take(np.where(batch.status == OK, np.arange(batch.status.size), -1))
    return PulseBatch(batch.status, *_parts(kept))


def _parts(batch: PulseBatch) -> tuple[Any, ...]:
    return batch.rows, batch.om, batch.sensors, batch.time, batch.charge, batch.width, batch.flags


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


@njit(cache=True, nogil=True)
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
        msg = f"{name} does not begin as version 0 does"
        raise FormatError(msg)
    at = len(head)
    if vector:
        if blob[at : at + 2] != b"\x00\x00":
            msg = f"{name} has a vector of a version that is not known"
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
    from icecol.i3.objects import FrameMap

    for i in range(at.size):
        n_om = 0
        try:
            found: Any = archive.decode(buf[at[i] : at[i] + size[i]].tobytes())
        except FormatError:
            found = None
        keys = [k.string << 16 | k.om << 8 | k.pmt for k in found] if isinstance(found, FrameMap) else None
        if keys is not None and not all(a < b for a, b in pairwise(keys)):
            status[i] = ORDER
        elif keys is not None and all(-(1 << 31) <= key < 1 << 31 for key in keys):
            om.append(np.array(keys, np.int32))
            counts.append(np.array([len(hits) for hits in found.values()], np.int64))
            times += [np.asarray(hits["time"], np.float64) for hits in found.values()]
            status[i], n_om = OK, len(found)
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
        )
        table = np.array(items, np.float64).reshape(-1, 3)
        _CHARGES.clear()
        _CHARGES[blob] = table[:, 0].astype(np.int32), table[:, 1].copy(), table[:, 2].copy()
    return _CHARGES[blob]


def _mean(charge: float, calibration: Any, flag: str) -> float:
    """Return a mean charge; NaN where a flag of class version 11 says that it is not valid."""
    return np.nan if getattr(calibration, flag, None) is False else charge


__all__ = ["PULSE_CLASSES", "REASONS", "PulseBatch", "PulseResolver"]
