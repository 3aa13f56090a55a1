"""Pulse series of single frames, using the compiled code for batches.

A frame asks the batch it was read with (`BatchPulses`), which then resolves the key for all of its frames. What this
cannot answer, such as a frame edited or made in memory, is resolved as a batch of one frame (`pulses_of`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from icecol.errors import FormatError, IcecolError, MissingColumnError, did_you_mean
from icecol.i3.archive import OMKey, UnknownObject
from icecol.i3.container.mixing import Events, mix, new_order
from icecol.i3.container.walk import Batch
from icecol.i3.pulses.batch import PULSE_CLASSES, PulseResolver
from icecol.i3.pulses.pulse_batch import (
    CALIBRATION,
    COUNT,
    F32,
    F64,
    I32,
    MANY,
    OK,
    PARENT,
    REASONS,
    Bytes,
    Ints,
    PulseBatch,
)
from icecol.i3.pulses.series import DEEPEST, MOST_PULSES, PulseSeries


class Objects(Protocol):
    """What is needed from a frame: its objects by key, decoded and as bytes."""

    def __contains__(self, key: object) -> bool: ...

    def __iter__(self) -> Iterator[str]: ...

    def __getitem__(self, key: str) -> Any: ...

    def raw(self, key: str) -> bytes:
        """Return the serialized bytes of an object."""
        ...


# -- one frame --------------------------------------------------------------------------------------------------------


class _Blobs:
    """Objects of one frame in the form of a batch: bytes in one buffer, to which keys are added on demand."""

    __slots__ = ("at", "buf", "size")

    def __init__(self) -> None:
        self.buf: Bytes = np.zeros(0, np.uint8)
        self.at: Ints = np.zeros(0, np.int64)
        self.size: Ints = np.zeros(0, np.int64)

    @property
    def n_bytes(self) -> int:
        """Size of all objects."""
        return self.buf.size

    def add(self, blob: bytes) -> int:
        """Append an object; return its number. Arrays handed out earlier stay as they are."""
        self.at = np.append(self.at, self.buf.size)
        self.size = np.append(self.size, len(blob))
        self.buf = np.concatenate([self.buf, np.frombuffer(blob, np.uint8)])
        return self.at.size - 1


class _OneFrame:
    """A frame as the only row of a batch."""

    def __init__(self, frame: Objects) -> None:
        self.n = 1
        self.batch = _Blobs()
        self._frame = frame
        self._numbers: dict[str, I32] = {}

    def objects(self, key: str) -> I32:
        """Return the number of the object under a key in the batch, -1 where there is none."""
        if key not in self._numbers:
            number = self.batch.add(self._frame.raw(key)) if key in self._frame else -1
            self._numbers[key] = np.full(1, number, np.int32)
        return self._numbers[key]


def pulses_of(frame: Objects, key: str) -> PulseBatch:
    """Resolve the pulses under a key of one frame, sensors without pulses included, as a batch of one row.

    Raises
    ------
    MissingColumnError
        If the key, or one that it refers to, does not exist.
    FormatError
        If it is not a pulse series, a mask does not match its source series, or there is a circular reference.
    """
    resolver = PulseResolver(_OneFrame(frame))
    batch = resolver.series(key)
    if batch.status[0] != OK:
        raise _reason(frame, resolver, key, ())
    return batch


def series_of(frame: Objects, key: str) -> PulseSeries:
    """Return the pulses under a key of one frame; see `pulses_of`."""
    batch = pulses_of(frame, key)
    return PulseSeries(batch.omkey(), *batch.leaves())


def _reason(frame: Objects, resolver: PulseResolver, key: str, by: tuple[str, ...]) -> IcecolError:
    """Return the error that says why a key, or one that it refers to, could not be resolved."""
    if key in by:
        return FormatError(f"pulse series {key!r} refers to itself: {' -> '.join((*by, key))}")
    if key not in frame:
        wanted = f" (needed by {by[-1]!r})" if by else ""
        meant = did_you_mean(key, frame, "keys")
        return MissingColumnError(f"no object {key!r} in the frame{wanted}; {meant}")
    obj = frame[key]
    name = obj.i3class
    if name not in PULSE_CLASSES:
        return FormatError(f"{key!r} is an object of class {name}, not a pulse series")
    if isinstance(obj, UnknownObject):
        return FormatError(f"{key!r} is a {name} of version {obj.version}, which is not known")
    for source in _sources(obj):
        if resolver.series(source).status[0] != OK:
            return _reason(frame, resolver, source, (*by, key))
    status = int(resolver.series(key).status[0])
    if status == PARENT:  # and yet its sources are sound: the resolver gave up on the way to them
        first = (*by, key)[0]
        return FormatError(f"pulse series {first!r} is a chain of more than {DEEPEST} references")
    if status == COUNT:
        why = _mismatch(obj, resolver.series(obj.source))
        return FormatError(f"mask {key!r} does not match its source {obj.source!r}: {why}")
    if status == MANY:
        n = len(obj.sources)
        return FormatError(f"{key!r}, a union of {n} series, has more than {MOST_PULSES} pulses")
    if status == CALIBRATION:
        return _without_calibration(frame, resolver, obj)
    why = REASONS.get(status, "its header is damaged")
    if name == "I3SuperDST":
        why = "version 0 cannot be unpacked" if obj.charge_stamps is None else f"the object is damaged: {why}"
    return FormatError(f"pulses of {name} {key!r} cannot be read: {why}")


def _sources(obj: Any) -> list[str]:
    """List the keys of the series that an object refers to."""
    if obj.i3class == "I3RecoPulseSeriesMapMask":
        return [obj.source]
    if obj.i3class == "I3RecoPulseSeriesMapUnion":
        return list(obj.sources)
    return [obj.pulses_key] if hasattr(obj, "pulses_key") else []


def _mismatch(mask: Any, source: PulseBatch) -> str:
    """Describe how a mask differs from its source."""
    selected = np.asarray(mask.key_mask, np.bool_)
    n_selected = int(np.count_nonzero(selected))
    if selected.size != source.om.size:
        return f"{selected.size} bits for {source.om.size} PMTs"
    if n_selected != len(mask.element_masks):
        return f"masks for {len(mask.element_masks)} PMTs, but {n_selected} are selected"
    sizes, sensors = np.diff(source.sensors)[selected].tolist(), source.om[selected].tolist()
    return next(
        f"{bits.size} bits for the {n} pulses of {_key(om)}"
        for bits, n, om in zip(mask.element_masks, sizes, sensors, strict=True)
        if bits.size != n
    )


def _without_calibration(frame: Objects, resolver: PulseResolver, obj: Any) -> IcecolError:
    """Describe what a charge correction lacks."""
    name, source = obj.calibration_key, obj.pulses_key
    if name not in frame:
        return MissingColumnError(
            f"no calibration {name!r} in the frame, which the charges of {source!r} need"
        )
    known = frame[name].dom_cal
    keys = map(_key, resolver.series(source).om.tolist())
    return MissingColumnError(
        f"calibration {name!r} has no entry for {next(key for key in keys if key not in known)}"
    )


def _key(omkey: int) -> OMKey:
    return OMKey(omkey >> 16, omkey >> 8 & 0xFF, omkey & 0xFF)


# -- frames of a batch ------------------------------------------------------------------------------------------------


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
    """The pulses of each frame of a batch, for as long as the batch exists.

    A key is usually requested in one frame or in all of them. So the first frame to ask for it gets no answer (it makes
    a batch of its own), and the second triggers the resolution of the key in all frames.

    Parameters
    ----------
    batch : Batch
    order : sequence of int
        Stop letters, in the order in which they appeared before the batch.
    foreign : collection of object
        Lenders from other files, whose objects are not in the batch; kept for the frames to compare with.
    wanted : set of str
        Keys that frames have requested so far; updated here.
    """

    __slots__ = ("_batch", "_events", "_found", "_order", "_resolvers", "_stops", "_wanted", "foreign")

    def __init__(
        self, batch: Batch, order: Sequence[int], foreign: Collection[object], wanted: set[str]
    ) -> None:
        self._batch: Batch | None = batch
        self._order, self._wanted = order, wanted
        self.foreign = foreign
        self._stops = batch.stop.tolist()
        self._events: dict[int, Events] = {}
        self._resolvers: dict[int, PulseResolver] = {}
        self._found: dict[tuple[int, str], _Series] = {}

    def close(self) -> None:
        """Release the batch; nothing is resolved from now on."""
        self._batch = None
        self._events.clear()
        self._resolvers.clear()
        self._found.clear()

    def series(self, i: int, key: str) -> PulseSeries | None:
        """Return the pulses of frame i, or None if they cannot be resolved for any reason."""
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
            self._events[stop].frames.tolist(), made.status.tolist(), offsets, offsets[1:], strict=False
        ):
            if status == OK:
                places[i] = a, b
        found = self._found[stop, key] = _Series(places, made.omkey(), *made.leaves())
        return found

    def _resolver(self, batch: Batch, stop: int) -> PulseResolver:
        if stop not in self._resolvers:
            order = new_order()
            order[: len(self._order)] = np.array(self._order, np.int64)
            self._events[stop] = mix(batch, chr(stop), order)
            self._resolvers[stop] = PulseResolver(self._events[stop])
        return self._resolvers[stop]
