"""Pulse series of a batch of events, in one compiled pass per class: maps, masks, unions, modules, charges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from icecol.i3.columns.heads import opening, read_size
from icecol.i3.container.bits import load_f32, load_f64, load_i32, load_u16, load_u32, same
from icecol.i3.pulses.std_sort import std_sort
from icecol.jit.cache import kept

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]

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

REASONS: Final = {
    CUT: "unexpected end of data: a size exceeds the object",
    OPENING: "the header of the object is invalid",
    VERSION: "a class inside has an unknown version",
    ALIAS: "an object refers back to an earlier one",
    KEY: "an OMKey does not fit into string << 16 | om << 8 | pmt",
    COUNT: "the mask does not have one bit for each PMT and pulse of its source",
    PARENT: "its source series is missing or damaged",
    REST: "extra bytes after the last member",
    CALIBRATION: "there is no calibration, or none for one of its PMTs (a GCD file may provide it)",
    MANY: "a union, or rows that share a source, list implausibly many pulses",
    ORDER: "its pulses are not sorted by OMKey",
}


@dataclass(frozen=True, slots=True)
class PulseBatch:
    """Pulses of one key in all rows.

    Attributes
    ----------
    status : array of i64
        Per row: 0 if resolved, -1 if the key is absent, else the reason for the failure (see `REASONS`).
    rows : array of i64
        The PMTs of row i are rows[i] to rows[i + 1].
    om : array of i32
        PMT: string << 16 | om << 8 | pmt.
    sensors : array of i64
        The pulses of PMT j are sensors[j] to sensors[j + 1].
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
        """Return the OMKey of each pulse."""
        return np.repeat(self.om, np.diff(self.sensors))

    def take(self, index: Ints) -> PulseBatch:
        """Return the batch whose row i is row index[i] of this one (-1: absent)."""
        if index.size == self.status.size and np.array_equal(index, np.arange(index.size)):
            return self
        status = (
            np.where(index >= 0, self.status[index], ABSENT)
            if self.status.size
            else np.full(index.size, ABSENT)
        )
        return filled(status, *_take(index, self.rows, self.om, self.sensors, *self.leaves()))

    def listed(self, index: Ints) -> Ints:
        """Return the number of PMTs plus pulses in the given rows."""
        return np.diff(self.rows)[index] + np.diff(self.sensors[self.rows])[index]

    def leaves(self) -> tuple[F64, F32, F32, Bytes]:
        """Return time, charge, width and flags."""
        return self.time, self.charge, self.width, self.flags


def filled(status: Ints, rows: Ints, om: I32, sensors: Ints, t: F64, q: F32, w: F32, f: Bytes) -> PulseBatch:
    """Make a batch from its columns."""
    return PulseBatch(status, rows, om, sensors, t, q, w, f)


@kept
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


@kept
def _pulse_size(version: int) -> int:
    if version == 3:
        return 17
    if version == 2:
        return 13
    return 32 if version == 1 else 28


@kept
def _map(
    buf: Bytes, at: Ints, size: Ints, head: Bytes, status: Ints, rows: Ints, om: I32, sensors: Ints,
    time: F64, charge: F32, width: F32, flags: Bytes,
) -> tuple[int, int]:  # fmt: skip
    """Read pulse maps; return the numbers of PMTs and pulses."""
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
                n, pos = read_size(buf, pos + 8, end)
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
            if om_version < 2:  # base I3FrameObject, whose header was in the opening
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
            m, pos = read_size(buf, pos, end)
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


def read_twice(
    kernel: Any,
    args: tuple[Any, ...],
    status: Ints,
    most: tuple[int, int],
    source: tuple[Any, ...] = (),
) -> PulseBatch:
    """Run a reader on arrays large enough for all PMTs and pulses that there can be.

    The part that it does not fill takes no memory, as its pages are never touched.
    """
    rows = np.zeros(status.size + 1, np.int64)
    om, sensors, leaves = np.empty(most[0], np.int32), np.empty(most[0] + 1, np.int64), room_for(most[1])
    n_om, n = kernel(*args, status, *source, rows, om, sensors, *leaves)
    return PulseBatch(status, rows, om[:n_om], sensors[: n_om + 1], *(leaf[:n] for leaf in leaves))  # type: ignore[arg-type]


def read_maps(buf: Bytes, at: Ints, size: Ints) -> PulseBatch:
    """Read I3RecoPulseSeriesMap blobs, one a row."""
    head = opening("I3RecoPulseSeriesMap", 0)
    most = int(size.sum()) // _LEAST
    return read_twice(_map, (buf, at, size, head), np.zeros(at.size, np.int64), (most, most))


_LEAST: Final = 17
"""Bytes of the smallest PMT (object id, OMKey, size), and of the smallest pulse (object id, version 2), in a map."""


def room_for(n: int) -> tuple[F64, F32, F32, Bytes]:
    """Return arrays for n pulses: times, charges, widths, flags."""
    return np.empty(n), np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.uint8)


# -- masks ------------------------------------------------------------------------------------------------------------


@kept
def _bits(buf: Bytes, pos: int, end: int) -> tuple[int, int, int]:
    """Read the head of a bit mask: number of bits (-1: cut), begin and end of its bytes."""
    if pos + 3 > end:
        return -1, pos, pos
    n = np.int64(load_u16(buf, pos))
    padding = np.int64(buf[pos + 2])
    pos += 3
    if pos + n > end or padding > 8 * n:  # an empty mask may be one byte, all of it padding
        return -1, pos, pos
    return 8 * n - padding, pos, pos + n


@kept
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
                n_element, pos = read_size(buf, pos + 2, end)
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


@kept
def named_sources(
    buf: Bytes, at: Ints, size: Ints, head: Bytes, status: Ints, where: Ints, length: Ints
) -> None:
    """Find the string after the opening and the base of each blob."""
    for i in range(at.size):
        pos, end = at[i], at[i] + size[i]
        if size[i] < head.size + 10 or not same(buf, pos, head, 0, head.size):
            status[i] = OPENING
            continue
        pos += head.size
        if buf[pos] != 1 or buf[pos + 1] != 0 or load_u32(buf, pos + 2) != 1:
            status[i] = ALIAS
            continue
        n, pos = read_size(buf, pos + 6, end)
        if n < 0:
            status[i] = CUT
            continue
        where[i], length[i] = pos, n


def apply_masks(buf: Bytes, at: Ints, size: Ints, skip: Ints, status: Ints, source: PulseBatch) -> PulseBatch:
    """Apply I3RecoPulseSeriesMapMask blobs to their source, row by row."""
    parent = (source.status, source.rows, source.om, source.sensors, *source.leaves())
    most = source.om.size, source.time.size
    return read_twice(_mask, (buf, at, size, skip), status, most, parent)


# -- order of pulses --------------------------------------------------------------------------------------------------


@kept
def sort_sensors(sensors: Ints, time: F64, charge: F32, width: F32, flags: Bytes) -> None:
    """Sort the pulses of each PMT by time, in place."""
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
        if nan:  # where std::sort guarantees nothing: stable, NaN last
            for k, j in enumerate(np.argsort(t[:n], kind="mergesort")):
                idx[k] = j
        else:
            std_sort(idx, t, 0, n)
        for k in range(n):
            j = idx[k]
            time[a + k], charge[a + k], width[a + k], flags[a + k] = t[j], q[j], w[j], f[j]


# -- unions, modules --------------------------------------------------------------------------------------------------


@kept
def _merge(
    a_rows: Ints, a_om: I32, a_sensors: Ints, at: F64, aq: F32, aw: F32, af: Bytes,
    b_rows: Ints, b_om: I32, b_sensors: Ints, bt: F64, bq: F32, bw: F32, bf: Bytes,
) -> tuple[Ints, I32, Ints, F64, F32, F32, Bytes]:  # fmt: skip
    """Put the pulses of b after those of a, PMT by PMT in key order."""
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
    """Merge several series row by row, and sort each PMT's pulses by time."""
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
        total = filled(status, *merged)
    t, q, w, f = total.leaves()
    leaves = t.copy(), q.copy(), w.copy(), f.copy()
    sort_sensors(total.sensors, *leaves)
    return PulseBatch(status, total.rows, total.om, total.sensors, *leaves)


@kept
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
    """Combine the PMTs of each module, pulses sorted by time."""
    rows, om, sensors = _by_module(source.rows, source.om, source.sensors)
    t, q, w, f = source.leaves()
    leaves = t.copy(), q.copy(), w.copy(), f.copy()
    sort_sensors(sensors, *leaves)
    status = np.where(source.status == OK, OK, PARENT)
    return only_good(PulseBatch(status, rows, om, sensors, *leaves))


# -- charge correction ------------------------------------------------------------------------------------------------


@kept(error_model="numpy")
def correct_charges(
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
    """Divide the charges by the mean SPE charge of each PMT, for the digitiser of the pulse."""
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


def parts_of(batch: PulseBatch) -> tuple[Any, ...]:
    """Return the arrays of a batch, without its status."""
    return batch.rows, batch.om, batch.sensors, batch.time, batch.charge, batch.width, batch.flags


def only_good(batch: PulseBatch) -> PulseBatch:
    """Drop the pulses of rows that failed."""
    if not batch.status.any():
        return batch
    kept = batch.take(np.where(batch.status == OK, np.arange(batch.status.size), -1))
    return PulseBatch(batch.status, *parts_of(kept))
