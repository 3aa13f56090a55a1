"""Pulse series of single frames, resolved for all frames of a batch at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from icecol.i3.container.mixing import mix, new_order
from icecol.i3.container.scanner import Batch
from icecol.i3.pulses.batch import PulseResolver
from icecol.i3.pulses.maps import F32, F64, I32, OK, Bytes
from icecol.i3.pulses.resolve import PulseSeries


@dataclass(frozen=True, slots=True)
class _Series:
    """One key in all frames of a stop: where the pulses of each frame begin and end, nowhere where there are none."""

    places: list[tuple[int, int] | None]
    omkey: I32
    time: F64
    charge: F32
    width: F32
    flags: Bytes


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

    __slots__ = ("_batch", "_found", "_order", "_resolvers", "_stops", "_wanted", "foreign")

    def __init__(
        self, batch: Batch, order: Sequence[int], foreign: Collection[object], wanted: set[str]
    ) -> None:
        self._batch: Batch | None = batch
        self._order, self._wanted = order, wanted
        self.foreign = foreign
        self._stops = batch.stop.tolist()
        self._resolvers: dict[int, PulseResolver] = {}
        self._found: dict[tuple[int, str], _Series] = {}

    def close(self) -> None:
        """Let go of the batch: nothing is answered from now on."""
        self._batch = None
        self._resolvers.clear()
        self._found.clear()

    def series(self, i: int, key: str) -> PulseSeries | None:
        """Return the pulses of frame i; None where they cannot be given, whatever the reason."""
        found = self._found.get((self._stops[i], key))
        if found is None:
            if self._batch is None:
                return None
            if key not in self._wanted:
                self._wanted.add(key)
                return None
            found = self._resolved(self._batch, self._stops[i], key)
        place = found.places[i]
        if place is None:
            return None
        # copies: a frame may change its arrays, or keep them when the batch is gone
        a, b = place
        return PulseSeries(
            found.omkey[a:b].copy(),
            found.time[a:b].copy(),
            found.charge[a:b].copy(),
            found.width[a:b].copy(),
            found.flags[a:b].copy(),
        )

    def asked(self, i: int) -> Collection[str]:
        """Return all keys that the series of frames like frame i may refer to; some more can be among them."""
        return () if self._batch is None else self._resolver(self._batch, self._stops[i]).asked

    def _resolved(self, batch: Batch, stop: int, key: str) -> _Series:
        resolver = self._resolver(batch, stop)
        made = resolver.series(key)
        offsets = made.offsets().tolist()
        places: list[tuple[int, int] | None] = [None] * len(self._stops)
        for i, status, a, b in zip(
            resolver.events.frames.tolist(), made.status.tolist(), offsets, offsets[1:], strict=False
        ):
            if status == OK:
                places[i] = a, b
        found = self._found[stop, key] = _Series(places, made.omkey(), *made.leaves())
        return found

    def _resolver(self, batch: Batch, stop: int) -> PulseResolver:
        if stop not in self._resolvers:
            order = new_order()
            order[: len(self._order)] = np.array(self._order, np.int64)
            self._resolvers[stop] = PulseResolver(mix(batch, chr(stop), order))
        return self._resolvers[stop]
