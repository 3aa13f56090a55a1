"""Pulse maps of a batch of events, in one compiled pass."""

from __future__ import annotations

from typing import Final

import numpy as np

from icecol.i3.columns.heads import opening, read_size
from icecol.i3.container.bits import load_f32, load_f64, load_i32, load_u32, same
from icecol.i3.pulses.pulse_batch import (
    ALIAS,
    CUT,
    F32,
    F64,
    I32,
    KEY,
    OK,
    OPENING,
    ORDER,
    REST,
    VERSION,
    Bytes,
    Ints,
    PulseBatch,
    read_twice,
)
from icecol.jit.cache import kept


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


def read_maps(buf: Bytes, at: Ints, size: Ints) -> PulseBatch:
    """Read I3RecoPulseSeriesMap blobs, one a row."""
    head = opening("I3RecoPulseSeriesMap", 0)
    most = int(size.sum()) // _LEAST
    return read_twice(_map, (buf, at, size, head), np.zeros(at.size, np.int64), (most, most))


_LEAST: Final = 17
"""Bytes of the smallest PMT (object id, OMKey, size), and of the smallest pulse (object id, version 2), in a map."""
