"""Pulses of one key in all rows of a batch: arrays, and why a row has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

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


def room_for(n: int) -> tuple[F64, F32, F32, Bytes]:
    """Return arrays for n pulses: times, charges, widths, flags."""
    return np.empty(n), np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.uint8)


def parts_of(batch: PulseBatch) -> tuple[Any, ...]:
    """Return the arrays of a batch, without its status."""
    return batch.rows, batch.om, batch.sensors, batch.time, batch.charge, batch.width, batch.flags


def only_good(batch: PulseBatch) -> PulseBatch:
    """Drop the pulses of rows that failed."""
    if not batch.status.any():
        return batch
    kept = batch.take(np.where(batch.status == OK, np.arange(batch.status.size), -1))
    return PulseBatch(batch.status, *parts_of(kept))
