"""Pulse series of single frames, resolved for all frames of a batch at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from icecol.i3.container import Batch
from icecol.i3.events import mix, new_order
from icecol.i3.pulses import I32, OK, PulseBatch, PulseResolver
from icecol.i3.resolve import PulseSeries


@dataclass(frozen=True, slots=True)
class _Series:
    """One key in all frames of a stop."""

    status: list[int]
    offsets: list[int]
    omkey: I32
    pulses: PulseBatch


class BatchPulses:
    """Give the pulses of each frame of a batch, as `resolve` does for one frame, as long as the batch is there.

    Compiled code pays off when several frames ask, so the first frame to ask for a key is not answered.

    Parameters
    ----------
    batch : Batch
    order : sequence of int
        Letters of the stops in the order in which they appeared before the batch.
    foreign : collection of object
        Lenders of other files, whose objects are not in the batch; kept for the frames to look at.
    wanted : set of str
        Keys that frames asked for so far; noted here.
    """

    __slots__ = ("_batch", "_found", "_order", "_resolvers", "_wanted", "foreign")

    def __init__(
        self, batch: Batch, order: Sequence[int], foreign: Collection[object], wanted: set[str]
    ) -> None:
        self._batch: Batch | None = batch
        self._order, self._wanted = order, wanted
        self.foreign = foreign
        self._resolvers: dict[str, tuple[PulseResolver, dict[int, int]]] = {}
        self._found: dict[tuple[str, str], _Series] = {}

    def close(self) -> None:
        """Let go of the batch: nothing is answered from now on."""
        self._batch = None
        self._resolvers.clear()
        self._found.clear()

    def series(self, i: int, key: str) -> PulseSeries | None:
        """Return the pulses of frame i; None where they cannot be given, whatever the reason."""
        if self._batch is None:
            return None
        if key not in self._wanted:
            self._wanted.add(key)
            return None
        stop = chr(self._batch.stop[i])
        resolver, rows = self._resolver(self._batch, stop)
        row = rows[i]
        found = self._found.get((stop, key))
        if found is None:
            made = resolver.series(key)
            found = _Series(made.status.tolist(), made.offsets().tolist(), made.omkey(), made)
            self._found[stop, key] = found
        if found.status[row] != OK:
            return None
        # copies: a frame may change its arrays, or keep them when the batch is gone
        a, b = found.offsets[row], found.offsets[row + 1]
        all_of = found.pulses
        return PulseSeries(
            found.omkey[a:b].copy(),
            all_of.time[a:b].copy(),
            all_of.charge[a:b].copy(),
            all_of.width[a:b].copy(),
            all_of.flags[a:b].copy(),
        )

    def asked(self, i: int) -> Collection[str]:
        """Return all keys that the series of frames like frame i may refer to; some more can be among them."""
        return () if self._batch is None else self._resolver(self._batch, chr(self._batch.stop[i]))[0].asked

    def _resolver(self, batch: Batch, stop: str) -> tuple[PulseResolver, dict[int, int]]:
        if stop not in self._resolvers:
            order = new_order()
            order[: len(self._order)] = np.array(self._order, np.int64)
            events = mix(batch, stop, order)
            rows = {i: row for row, i in enumerate(events.frames.tolist())}
            self._resolvers[stop] = PulseResolver(events), rows
        return self._resolvers[stop]
