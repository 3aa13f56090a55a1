"""Unions of series, and the PMTs of a module as one: pulses put together and sorted by time."""

from __future__ import annotations

import numpy as np

from icecol.i3.pulses.pulse_batch import F32, F64, I32, OK, PARENT, Bytes, Ints, PulseBatch, filled, only_good
from icecol.i3.pulses.std_sort import sort_sensors
from icecol.jit.cache import kept


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
