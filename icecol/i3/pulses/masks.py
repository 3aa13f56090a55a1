"""Masks: which PMTs and pulses of their source they keep."""

from __future__ import annotations

import numpy as np

from icecol.i3.columns.heads import read_size
from icecol.i3.container.bits import load_u16, load_u32, same
from icecol.i3.pulses.pulse_batch import (
    ALIAS,
    COUNT,
    CUT,
    F32,
    F64,
    I32,
    OK,
    OPENING,
    PARENT,
    REST,
    VERSION,
    Bytes,
    Ints,
    PulseBatch,
    read_twice,
)
from icecol.jit.cache import kept


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
