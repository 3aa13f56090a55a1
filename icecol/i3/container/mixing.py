"""Which object each key has in each event of a batch, once the current frames of other stops have lent theirs.

The rule is IceTray's:

- of every stop but `P` and `I` (`NEVER_KEPT`) the latest frame is current, across files, until the next of that stop;
- a frame gets the objects of the current frames of all other stops;
- its own objects win; between two current frames, the stop that appeared first in the stream wins;
- a physics frame whose DAQ frame is lost to damage gets nothing from any DAQ frame.

It is applied in two places that share `NEVER_KEPT` but no code: here in one compiled pass that makes a table of
integers for a whole batch, and in `icecol.i3.frames.frame.Mixer`, where frames refer to one another's objects without
copying them, whoever made or edited them. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from icecol.i3.container.scanner import NEVER_KEPT
from icecol.i3.container.walk import Batch
from icecol.jit.cache import kept

Ints = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.int32]


@kept
def _mix(
    stop: npt.NDArray[np.uint8],
    first: Ints,
    pair: Ints,
    key_of: Ints,
    row_of: Ints,
    order: Ints,
    orphan: npt.NDArray[np.bool_],
    out: Matrix,
    twice: Ints,
) -> None:
    kept = np.full(256, -1, np.int64)
    for f in range(stop.size):
        letter = np.int64(stop[f])
        row = row_of[f]
        if row >= 0:
            for j in range(first[f], first[f + 1]):
                key = key_of[pair[j]]
                if key >= 0:
                    if out[row, key] >= 0:
                        twice[key] += 1
                    out[row, key] = j
            for k in range(order.size):
                other = order[k]
                if other < 0:
                    break
                if other == letter or kept[other] < 0 or (other == 81 and orphan[f]):
                    continue
                g = kept[other]
                for j in range(
                    first[g + 1] - 1, first[g] - 1, -1
                ):  # of a key that is there twice, the last counts
                    key = key_of[pair[j]]
                    if key >= 0 and out[row, key] < 0:
                        out[row, key] = j
                    elif key >= 0 and first[g] <= out[row, key] < first[g + 1]:
                        twice[key] += 1
        if letter not in NEVER_KEPT:
            kept[letter] = f
            for k in range(order.size):
                if order[k] == letter:
                    break
                if order[k] < 0:
                    order[k] = letter
                    break


@dataclass(slots=True)
class Events:
    """Events of one batch: `frames` are the frames that make rows, `objects(key)` their objects.

    `order` holds the stops in the order of their first appearance; hand the same array to every batch of a stream.
    """

    batch: Batch
    frames: Ints
    keys: dict[str, int]
    table: Matrix
    twice: dict[str, int]
    """Keys that a frame has twice or more: in how many rows an object is hidden by a later one. The last counts."""

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.frames.size

    def objects(self, key: str) -> npt.NDArray[np.int32]:
        """Return for each row the number of the object under a key in the batch, -1 where there is none."""
        if key not in self.keys:
            return np.full(self.n, -1, np.int32)
        return self.table[:, self.keys[key]]

    def select(self, rows: npt.NDArray[np.bool_]) -> Events:
        """Keep some rows."""
        return Events(
            self.batch, self.frames[rows], self.keys, np.asfortranarray(self.table[rows]), self.twice
        )


def new_order() -> Ints:
    """Return an empty record of the order in which stops appear in a stream."""
    return np.full(256, -1, np.int64)


def mix(batch: Batch, stop: str, order: Ints) -> Events:
    """Make the events of a batch: its fresh frames of one stop.

    An orphan gets nothing from a DAQ frame: its own is lost, and an older one belongs to another event.

    Parameters
    ----------
    batch : Batch
    stop : str
        Stop letter of the frames that are rows, usually `P` or `Q`.
    order : array of i64
        From `new_order()`, one for the whole stream; updated here.
    """
    key_of, keys = batch.names.keys()
    letters = batch.stop
    is_row = letters == ord(stop)
    is_row[: batch.fresh] = False
    frames = np.flatnonzero(is_row)
    row_of = np.full(letters.size, -1, np.int64)
    row_of[frames] = np.arange(frames.size)
    table = np.full((frames.size, max(len(keys), 1)), -1, np.int32)
    twice = np.zeros(max(len(keys), 1), np.int64)
    _mix(letters, batch.first, batch.pair, key_of, row_of, order, batch.orphan, table, twice)
    hidden = {key: int(twice[number]) for key, number in keys.items() if twice[number]}
    return Events(batch, frames, dict(keys), np.asfortranarray(table), hidden)


@kept
def _row_sizes(table: Matrix, size: Ints) -> Ints:
    out = np.zeros(table.shape[0], np.int64)
    for k in range(table.shape[1]):
        for row in range(table.shape[0]):
            if table[row, k] >= 0:
                out[row] += size[table[row, k]]
    return out


def pieces(events: Events, times: float = 4.0) -> Iterator[Events]:
    """Cut events into runs of rows that have objects of at most `times` the size of the batch, or into single rows.

    Many rows may inherit one large object, and each row of a table has values of its own. Objects of geometry,
    calibration, status and simulation frames are not counted, as they do not become columns of events.
    """
    batch = events.batch
    counts = np.repeat(~np.isin(batch.stop, np.frombuffer(b"IGCDS", np.uint8)), np.diff(batch.first))
    sizes = _row_sizes(events.table, np.where(counts, batch.size, 0))
    most = times * max(int((batch.end - batch.begin).sum()), 1)
    ends = np.cumsum(sizes)
    begin = 0
    while begin < events.n:
        before = ends[begin - 1] if begin else 0
        end = max(int(np.searchsorted(ends, before + most, side="right")), begin + 1)
        if begin == 0 and end >= events.n:
            yield events
            return
        rows = np.zeros(events.n, np.bool_)
        rows[begin:end] = True
        yield events.select(rows)
        begin = end
