"""Frames: keys to objects, decoded when asked for, with the objects of older frames mixed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any, Final

from icecol.errors import FormatError, MissingColumnError, close_names
from icecol.i3.archive import (
    FrameMap,
    FrameObject,
    Record,
    Tree,
    UnknownObject,
    class_name,
    decode,
    encode,
    new,
)
from icecol.i3.classes import type_name
from icecol.i3.container import encode_frame
from icecol.i3.resolve import PulseSeries, flat, resolve

STOPS: Final = {
    "I": "TrayInfo",
    "G": "Geometry",
    "C": "Calibration",
    "D": "DetectorStatus",
    "S": "Simulation",
    "Q": "DAQ",
    "P": "Physics",
    "N": "None",
}
"""Names of the stops; any other letter is a stop of the user's own."""


class _Entry:
    """One object of a frame: where it comes from, its bytes, and the object once it was asked for."""

    __slots__ = ("blob", "obj", "stop", "type_name")

    def __init__(self, stop: str, type_name: str, blob: bytes) -> None:
        self.stop = stop
        self.type_name = type_name
        self.blob = blob
        self.obj: FrameObject | None = None


class Frame(MutableMapping[str, Any]):
    """A frame: a mapping of keys to objects.

    Objects are decoded when they are asked for, and only once. What is not touched is written back with the very
    same bytes. An object that was read stays as it is in the file, whatever is done to it afterwards: put it again
    to have a change written.

    Parameters
    ----------
    stop : str
        Stop letter: `P` physics, `Q` data acquisition, `G` geometry, ...
    objects : iterable of (key, type name, blob)
        Its own objects as they are in a file.

    Examples
    --------
    >>> frame = Frame("P")
    >>> frame["Charge"] = 12.5
    >>> frame["Charge"].value
    12.5
    >>> frame
    [ I3Frame (Physics):
      'Charge' [Physics] ==> I3PODHolder<double> (36)
    ]
    """

    __slots__ = ("_inherited", "_own", "stop")

    def __init__(self, stop: str, objects: Iterable[tuple[str, str, bytes]] = ()) -> None:
        if len(stop) != 1:
            msg = f"a stop is one letter, not {stop!r}"
            raise ValueError(msg)
        self.stop = stop
        self._own = {key: _Entry(stop, name, blob) for key, name, blob in objects}
        self._inherited: dict[str, _Entry] = {}

    def _entry(self, key: str) -> _Entry:
        entry = self._own.get(key) or self._inherited.get(key)
        if entry is None:
            msg = f"no object {key!r} in this {self.stop} frame; there are {close_names(key, self)}"
            raise MissingColumnError(msg)
        return entry

    def __getitem__(self, key: str) -> Any:
        entry = self._entry(key)
        if entry.obj is None:
            try:
                entry.obj = decode(entry.blob)
            except FormatError as err:
                msg = f"object {key!r} of this {self.stop} frame: {err}"
                raise FormatError(msg) from err
        return entry.obj

    def __setitem__(self, key: str, value: Any) -> None:
        _check_key(key)
        obj = as_object(value)
        blob = encode(obj)
        entry = self._own[key] = _Entry(self.stop, type_name(class_name(blob)), blob)
        entry.obj = obj

    def __delitem__(self, key: str) -> None:
        self._entry(key)
        self._own.pop(key, None)
        self._inherited.pop(key, None)

    def rename(self, key: str, to: str) -> None:
        """Give one of its own objects another key; its bytes stay as they are.

        Raises
        ------
        MissingColumnError
            The frame itself has no such object.
        ValueError
            There is an object under the other key, or it is no key.
        """
        _check_key(to)
        if key not in self._own:
            msg = f"no object {key!r} of this {self.stop} frame itself; it has {close_names(key, self._own)}"
            raise MissingColumnError(msg)
        if to in self:
            msg = f"there is an object {to!r} in this {self.stop} frame: take it out first"
            raise ValueError(msg)
        self._own[to] = self._own.pop(key)

    def __contains__(self, key: object) -> bool:
        return key in self._own or key in self._inherited

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._own, *self._inherited}))

    def __len__(self) -> int:
        return len({*self._own, *self._inherited})

    def __repr__(self) -> str:
        lines = [f"[ I3Frame ({_stop_name(self.stop)}):"]
        for key in self:
            entry = self._entry(key)
            lines.append(f"  {key!r} [{_stop_name(entry.stop)}] ==> {entry.type_name} ({len(entry.blob)})")
        return "\n".join([*lines, "]"])

    def own_keys(self) -> tuple[str, ...]:
        """Return the keys of the frame's own objects, which are written with it, in file order."""
        return tuple(self._own)

    def stop_of(self, key: str) -> str:
        """Return the stop letter of the frame that an object comes from."""
        return self._entry(key).stop

    def type_name(self, key: str) -> str:
        """Return the C++ type name that stands beside an object in the file."""
        return self._entry(key).type_name

    def class_name(self, key: str) -> str:
        """Return the name of an object's class without decoding it."""
        return class_name(self._entry(key).blob)

    def raw(self, key: str) -> bytes:
        """Return an object as serialised bytes."""
        return self._entry(key).blob

    def pulses(self, key: str) -> PulseSeries:
        """Return the pulses under a key, with masks and unions applied, as arrays.

        Raises
        ------
        MissingColumnError
            The key, or one that it refers to, is not there.
        FormatError
            It is no pulse series, or a mask does not fit to what it masks.
        """
        return flat(resolve(self, key))

    def encoded(self) -> bytes:
        """Return the frame as bytes: its own objects, in container version 6."""
        return encode_frame(self.stop, [(key, e.type_name, e.blob) for key, e in self._own.items()])


def _check_key(key: str) -> None:
    if not key or any(c in key for c in " \t\n"):
        msg = f"frame key {key!r} is empty or has white space"
        raise ValueError(msg)


def _stop_name(stop: str) -> str:
    return STOPS.get(stop, f"'{stop}'")


def as_object(value: Any) -> FrameObject:
    """Make a frame object of a plain number, truth value, text or dict of numbers; leave others as they are.

    Examples
    --------
    >>> as_object(True)
    I3Bool(value=True)
    """
    if isinstance(value, Record | FrameMap | Tree | UnknownObject):
        return value
    if isinstance(value, bool):
        return new("I3Bool", value=value)
    if isinstance(value, int):
        return new("I3Int", value=value)
    if isinstance(value, float):
        return new("I3Double", value=value)
    if isinstance(value, str):
        return new("I3String", value=value)
    if isinstance(value, dict) and all(isinstance(k, str) and isinstance(v, float) for k, v in value.items()):
        return new("I3MapStringDouble", value)
    msg = f"{type(value).__name__} is no frame object; make one with `new`"
    raise TypeError(msg)


class Mixer:
    """Lend the objects of older frames to newer ones.

    The latest frame of every stop but `P` and `I` stays in force, across files. A frame gets the objects of all
    frames in force of other stops. Its own objects win; between two frames in force the stop that appeared first
    in the stream wins.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Frame] = {}

    def mix(self, frame: Frame) -> Frame:
        """Give a frame what it inherits, and keep it in force for those after it."""
        inherited: dict[str, _Entry] = {}
        for stop, kept in self._kept.items():
            if stop != frame.stop:
                for key, entry in kept._own.items():
                    inherited.setdefault(key, entry)
        for key in frame.own_keys():
            inherited.pop(key, None)
        frame._inherited = inherited
        if frame.stop not in {"P", "I"}:
            snapshot = Frame(frame.stop)
            snapshot._own = dict(frame._own)
            self._kept[frame.stop] = snapshot
        return frame

    def forget(self, stop: str) -> None:
        """Take the frame of a stop out of force: after damage it is not known whether it still is."""
        if stop in self._kept:
            self._kept[stop] = Frame(stop)  # the order of the stops stays
