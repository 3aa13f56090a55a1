"""The pulses of I3SuperDST objects of a batch of events, in compiled passes."""

from __future__ import annotations

import numpy as np

from icecol.i3.columns.heads import opening, read_short_size
from icecol.i3.container.bits import load_u16, load_u32, same
from icecol.i3.pulses.pulse_batch import (
    ALIAS,
    CUT,
    F32,
    F64,
    I32,
    OK,
    OPENING,
    REST,
    Bytes,
    Ints,
    PulseBatch,
    read_twice,
)
from icecol.i3.pulses.std_sort import sort_sensors
from icecol.jit.cache import kept


@kept
def _compact(
    buf: Bytes, pos: int, end: int, has_header: bool, size_header: bool, width: int
) -> tuple[int, int, int]:
    """Read the head of a compact vector: number of elements (-1: bad), and where they begin and end."""
    for needed in (has_header, size_header):
        if needed:
            if pos + 2 > end or buf[pos] != 0 or buf[pos + 1] != 0:
                return -1, pos, pos
            pos += 2
    n, pos = read_short_size(buf, pos, end)
    if n < 0 or n > (end - pos) // width:
        return -1, pos, pos
    return n, pos, pos + n * width


@kept
def _next_width(buf: Bytes, stream: Ints) -> int:
    """Return the next code of a run-length stream (position, end, code, rest of the run); -1 at its end."""
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


@kept
def _overflow(buf: Bytes, word: int, n_words: int, base: int) -> tuple[int, int]:
    """Sum the raw words that follow a saturated code; (-1, word) if they are cut."""
    total = np.int64(0)
    while True:
        if word >= n_words:
            return -1, word
        value = np.int64(load_u16(buf, base + 2 * word))
        word += 1
        total += value
        if value != 65535:
            return total, word


@kept(error_model="numpy")
def _superdst(
    buf: Bytes, at: Ints, size: Ints, head: Bytes, status: Ints, rows: Ints, om: I32, sensors: Ints,
    time: F64, charge: F32, width: F32, flags: Bytes,
) -> tuple[int, int]:  # fmt: skip
    """Unpack I3SuperDST blobs; return the numbers of DOMs and pulses."""
    n_om = n_pulse = 0
    part = np.zeros((7, 2), np.int64)  # number of elements and position of each compact vector
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
        # Every pulse takes at least one word. The readouts are in order of time: note where each begins.
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


@kept
def _share(time: F64, width: F32, previous: int, i: int) -> None:
    if width[previous] == 0 and width[i] > 0:
        width[previous] = width[i]
    half = np.float32(width[previous] / np.float32(2))
    width[previous] = half
    width[i] = half
    time[i] = time[previous] + np.float64(half)


@kept
def _separate(sensors: Ints, time: F64, width: F32) -> None:
    """End each pulse where the next begins, and divide the width among pulses that begin together."""
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
    """Unpack I3SuperDST blobs, one a row: DOMs in key order, pulses in time order, overlaps removed."""
    head = opening("I3SuperDST", 1)
    most = int(size.sum()) // 2  # each DOM and each pulse is a word of two bytes
    batch = read_twice(_superdst, (buf, at, size, head), np.zeros(at.size, np.int64), (most, most))
    sort_sensors(batch.sensors, *batch.leaves())
    _separate(batch.sensors, batch.time, batch.width)
    return batch
