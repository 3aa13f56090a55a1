"""Frames: mappings from keys to objects, decoded on demand, with the objects of older frames mixed in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError, MissingColumnError, did_you_mean
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
from icecol.i3.archive.keys import KEYS
from icecol.i3.archive.objects import checked, require_frame_object
from icecol.i3.classes import type_name
from icecol.i3.container.old_versions import TAG
from icecol.i3.container.raw import encode_frame
from icecol.i3.container.scanner import NEVER_KEPT
from icecol.i3.pulses.of_frames import BatchPulses, series_of
from icecol.i3.pulses.series import PulseSeries, pulse_map
from icecol.names import plain
from icecol.notebook import table

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
"""Names of the stops; any other letter is a user-defined stop."""


class _Entry:
    """One object of a frame: where it comes from, its bytes and, once requested, the object."""

    __slots__ = ("blob", "obj", "stop", "type_name")

    def __init__(self, stop: str, type_name: str, blob: bytes) -> None:
        self.stop = stop
        self.type_name = type_name
        self.blob = blob
        self.obj: FrameObject | None = None


class Layout:
    """Keys and type names of all frames that hold the same ones in the same order.

    Parameters
    ----------
    pairs : sequence of (key, type name)
        One pair per object, in file order.
    """

    __slots__ = ("canonical", "names_size", "numbers", "pairs", "unique")

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.pairs = tuple(pairs)
        self.numbers: dict[str, int | _Entry] = {key: i for i, (key, _) in enumerate(pairs)}
        self.unique = len(self.numbers) == len(pairs)
        encoded = [[text.encode("utf-8", "surrogateescape") for text in pair] for pair in pairs]
        self.names_size = sum(12 + len(key) + len(name) for key, name in encoded)
        keys = [key for key, _ in encoded]
        self.canonical = (
            self.unique and keys == sorted(keys) and not any(c in key for key in keys for c in b" \t\n")
        )


class Stored:
    """A frame as it is in a file, with entries for those of its objects that were requested.

    It refers to its bytes in the buffer the file was read into, and copies them only before they are overwritten there:
    most frames are gone by then.

    Parameters
    ----------
    stop : str
        Stop letter.
    layout : Layout
        Its keys and type names.
    place : (bytes-like, int, int, array of i64, array of i64, int)
        A buffer, and where the frame begins and ends in it; start and size of the objects in it, and which of them is
        the frame's first.
    checked : bool
        Whether its checksum was verified.
    """

    __slots__ = ("__weakref__", "_place", "checked", "entries", "layout", "stop")

    def __init__(self, stop: str, layout: Layout, place: Place, *, checked: bool) -> None:
        self.stop, self.layout, self.checked = stop, layout, checked
        self._place = place
        self.entries: dict[int, _Entry] = {}

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        kept = ("stop", "layout", "checked", "entries")
        return None, {name: getattr(self, name) for name in kept} | {"_place": self._own_place()}

    def _own_place(self) -> Place:
        buf, begin, end, at, size, first = self._place
        mine = slice(first, first + len(self.layout.pairs))
        return bytes(buf[begin:end]), 0, end - begin, at[mine] - begin, size[mine].copy(), 0

    def keep(self) -> None:
        """Copy the bytes out of the buffer."""
        self._place = self._own_place()

    def span(self, number: int = -1) -> bytes:
        """Return the bytes of an object by its number; by default, those of the whole frame."""
        while True:
            place = self._place
            buf, begin, end, at, size, first = place
            if number >= 0:
                begin = int(at[first + number])
                end = begin + int(size[first + number])
            found = bytes(buf[begin:end])
            if (
                self._place is place
            ):  # else another thread reads on, and these may be the bytes of a later frame
                return found

    def entry(self, number: int) -> _Entry:
        """Return an object by its number."""
        found = self.entries.get(number)
        if found is None:
            found = _Entry(self.stop, self.layout.pairs[number][1], self.span(number))
            self.entries[number] = found
        return found

    def as_written(self) -> bytes | None:
        """Return the bytes of the frame in the file if `encode_frame` would produce exactly these, else None."""
        if not (self.checked and self.layout.canonical):
            return None
        _, _, _, _, size, first = self._place
        n = len(_HEAD) + 9 + self.layout.names_size + int(size[first : first + len(self.layout.pairs)].sum())
        span = self.span()
        return span if len(span) == n and span.startswith(_HEAD) else None


Place = tuple["bytes | memoryview", int, int, npt.NDArray[np.int64], npt.NDArray[np.int64], int]
_HEAD: Final = TAG + b"\6\0\0\0\0\0"


class _Own:
    """Own objects of a frame by key: entries, or numbers in `stored`. Immutable, so that frames can share it."""

    __slots__ = ("entries", "stored")

    def __init__(self, entries: Mapping[str, int | _Entry], stored: Stored | None = None) -> None:
        self.entries = entries
        self.stored = stored

    def put(self, key: str, entry: int | _Entry) -> _Own:
        return _Own({**self.entries, key: entry}, self.stored)

    def without(self, key: str) -> _Own:
        return _Own({k: entry for k, entry in self.entries.items() if k != key}, self.stored)


_Place = tuple[_Own, int | _Entry]
_NOTHING: Final = _Own({})
_NONE: Final[frozenset[str]] = frozenset()


def _place(key: str, holders: Iterable[_Own]) -> _Place | None:
    """Find the first holder of a key."""
    for own in holders:
        entry = own.entries.get(key)
        if entry is not None:
            return own, entry
    return None


class Frame(MutableMapping[str, Any]):
    """A frame: a mapping of keys to objects.

    Objects are decoded on demand, and only once. Whatever is left untouched is written back byte for byte. Modifying
    an object that was read does not change what is written: assign it to its key again for that.

    Parameters
    ----------
    stop : str
        Stop letter: `P` (physics), `Q` (DAQ), `G` (geometry), ...
    objects : iterable of (key, type name, blob)
        Its own objects, as stored in a file.

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

    __slots__ = ("_hidden", "_lenders", "_mixed", "_own", "_read", "stop")

    def __init__(self, stop: str, objects: Iterable[tuple[str, str, bytes]] = ()) -> None:
        if len(stop) != 1:
            msg = f"a stop is a single letter, such as 'P', not {stop!r}"
            raise ValueError(msg)
        self._begin(stop, _Own({key: _Entry(stop, name, blob) for key, name, blob in objects}))

    def _begin(self, stop: str, own: _Own) -> None:
        self.stop = stop
        self._own = own
        self._mixed = _NOTHING  # its own objects when it was mixed: what they hid then stays hidden
        self._lenders: tuple[_Own, ...] = ()
        self._hidden = _NONE  # deleted here, though a lender still has it
        self._read: tuple[BatchPulses, int, _Own, tuple[_Own, ...]] | None = None

    def share(self, pulses: BatchPulses, i: int) -> None:
        """Register the frame, as it is now, as frame `i` of a batch whose pulses are resolved together.

        Parameters
        ----------
        pulses
            The batch, which resolves the pulses of a key for all of its frames at once.
        i
            Number of the frame in it.
        """
        self._read = pulses, i, self._own, self._lenders

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        return None, {name: getattr(self, name) for name in Frame.__slots__} | {"_read": None}

    def _find(self, key: str) -> _Place | None:
        entry = self._own.entries.get(key)
        if entry is not None:
            return self._own, entry
        return None if key in self._mixed.entries or key in self._hidden else _place(key, self._lenders)

    def _entry(self, key: str) -> _Entry:
        found = self._find(key)
        if found is None:
            msg = f"no object {key!r} in this {self.stop} frame; {did_you_mean(key, self, 'keys')}"
            raise MissingColumnError(msg)
        own, entry = found
        if isinstance(entry, _Entry):
            return entry
        assert own.stored is not None
        return own.stored.entry(entry)

    def _keys(self) -> set[str]:
        keys = {key for own in self._lenders for key in own.entries}
        keys -= self._mixed.entries.keys()
        keys -= self._hidden
        keys |= self._own.entries.keys()
        return keys

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
        entry = _Entry(self.stop, type_name(class_name(blob)), blob)
        entry.obj = obj
        self._own = self._own.put(key, entry)

    def __delitem__(self, key: str) -> None:
        self._entry(key)
        self._own = self._own.without(key)
        self._hidden |= {key}

    def rename(self, key: str, to: str) -> None:
        """Rename one of the frame's own objects; its bytes stay as they are.

        Parameters
        ----------
        key
            Current key of the object.
        to
            Its new key.

        Raises
        ------
        MissingColumnError
            If the frame itself has no such object.
        ValueError
            If there already is an object under the new key, or it is not a valid key.

        Examples
        --------
        >>> import icecol as ic
        >>> frame = ic.Frame("P")
        >>> frame["Charge"] = 12.5
        >>> frame.rename("Charge", "Qtot")
        >>> frame.own_keys()
        ('Qtot',)
        """
        _check_key(to)
        if key not in self._own.entries:
            msg = f"no object {key!r} in this {self.stop} frame itself; {did_you_mean(key, self.own_keys(), 'keys')}"
            raise MissingColumnError(msg)
        if to in self:
            msg = f"there is already an object {to!r} in this {self.stop} frame: delete it first"
            raise ValueError(msg)
        self._own = self._own.without(key).put(to, self._own.entries[key])

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._keys()))

    def __len__(self) -> int:
        return len(self._keys())

    def __repr__(self) -> str:
        lines = [f"[ I3Frame ({_stop_name(self.stop)}):"]
        for key in self:
            entry = self._entry(key)
            lines.append(f"  {key!r} [{_stop_name(entry.stop)}] ==> {entry.type_name} ({len(entry.blob)})")
        return plain("\n".join([*lines, "]"]))

    def _repr_html_(self) -> str:
        entries = {key: self._entry(key) for key in self}
        rows = ((key, _stop_name(e.stop), e.type_name, len(e.blob)) for key, e in entries.items())
        title = f"I3Frame ({_stop_name(self.stop)}): {len(self):,} keys"
        return table(["key", "stop", "type", "bytes"], rows, title=title, numbers=["bytes"])

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def own_keys(self) -> tuple[str, ...]:
        """Return the keys of the frame's own objects, which are written with it, in file order.

        Examples
        --------
        >>> import icecol as ic
        >>> frame = ic.Frame("P")
        >>> frame["Charge"] = 12.5
        >>> frame.own_keys()
        ('Charge',)
        """
        return tuple(self._own.entries)

    def stop_of(self, key: str) -> str:
        """Return the stop letter of the frame that the object under `key` comes from.

        Parameters
        ----------
        key
            A key of the frame.

        Raises
        ------
        MissingColumnError
            If the frame has no such key.

        Examples
        --------
        >>> import icecol as ic
        >>> frame = next(f for f in ic.sim.frames(ic.sim.events(1, seed=1)) if f.stop == "P")
        >>> frame.stop_of("I3MCTree"), frame.stop_of("SRTInIcePulses")
        ('Q', 'P')
        """
        return self._entry(key).stop

    def type_name(self, key: str) -> str:
        """Return the C++ type name that the file stores with the object under `key`.

        Parameters
        ----------
        key
            A key of the frame.

        Raises
        ------
        MissingColumnError
            If the frame has no such key.

        Examples
        --------
        >>> import icecol as ic
        >>> frame = ic.Frame("P")
        >>> frame["Charge"] = 12.5
        >>> frame.type_name("Charge")
        'I3PODHolder<double>'
        """
        return self._entry(key).type_name

    def class_name(self, key: str) -> str:
        """Return the class name of the object under `key` without decoding it.

        Parameters
        ----------
        key
            A key of the frame.

        Raises
        ------
        MissingColumnError
            If the frame has no such key.

        Examples
        --------
        >>> import icecol as ic
        >>> frame = ic.Frame("P")
        >>> frame["Charge"] = 12.5
        >>> frame.class_name("Charge")
        'I3Double'
        """
        return class_name(self._entry(key).blob)

    def raw(self, key: str) -> bytes:
        """Return the serialized bytes of the object under `key`.

        Parameters
        ----------
        key
            A key of the frame.

        Raises
        ------
        MissingColumnError
            If the frame has no such key.

        Examples
        --------
        >>> import icecol as ic
        >>> frame = ic.Frame("P")
        >>> frame["Charge"] = 12.5
        >>> len(frame.raw("Charge"))
        36
        """
        return self._entry(key).blob

    def pulses(self, key: str) -> PulseSeries:
        """Return the pulses under a key as arrays, with masks and unions applied.

        While a file is being read, they are resolved for many frames together once a second frame asks for the key.

        Parameters
        ----------
        key
            Key of a pulse series: a map, mask or union of pulses, or an I3SuperDST.

        Raises
        ------
        MissingColumnError
            If the key, or one that it refers to, does not exist.
        FormatError
            If the object is not a pulse series, or a mask does not match its source series.

        Examples
        --------
        >>> import icecol as ic
        >>> frame = next(f for f in ic.sim.frames(ic.sim.events(1, seed=1)) if f.stop == "P")
        >>> pulses = frame.pulses("SRTInIcePulses")
        >>> len(pulses), pulses.time[:2].round(1).tolist()
        (19, [12244.0, 11732.0])
        """
        found = None
        if self._read is not None:
            shared, i, own, lenders = self._read
            found = shared.series(i, key)
            if found is not None and not (
                self._own is own and self._lenders == lenders and not self._hidden and not shared.foreign
            ):
                # everything the series refers to must still be what the frame was read with, from this very file
                holders = (own, *lenders)
                if not all(
                    _is_same(_place(k, holders), self._find(k), shared.foreign) for k in shared.asked(i)
                ):
                    found = None
        return series_of(self, key) if found is None else found

    def encoded(self) -> bytes:
        """Encode the frame, with its own objects, in container version 6.

        Examples
        --------
        >>> import icecol as ic
        >>> frame = ic.Frame("P")
        >>> frame["Charge"] = 12.5
        >>> frame.encoded()[:4]
        b'[i3]'
        """
        own, stored = self._own, self._own.stored
        if (
            stored is not None
            and own.entries is stored.layout.numbers
            and self.stop == stored.stop
            and (span := stored.as_written()) is not None
        ):
            return span
        entries = [(key, self._entry(key)) for key in own.entries]
        return encode_frame(self.stop, [(key, e.type_name, e.blob) for key, e in entries])


def _is_same(was: _Place | None, now: _Place | None, foreign: Collection[object]) -> bool:
    """Return whether a key still has the object it was read with, and that from this file."""
    if was is None or now is None:
        return was is now
    return was[0] not in foreign and was[0].stored is now[0].stored and was[1] == now[1]


def _check_key(key: str) -> None:
    if not key or any(c in key for c in " \t\n"):
        msg = f"frame key {key!r} is empty or contains whitespace"
        raise ValueError(msg)


def _stop_name(stop: str) -> str:
    return STOPS.get(stop, f"'{stop}'")


def as_object(value: Any) -> FrameObject:
    """Convert a Python or numpy value to a frame object; frame objects are returned as they are.

    A bool, int, float or string becomes an I3Bool, I3Int (I3UInt64 from 2^31 on), I3Double or I3String. A list or array
    of these becomes an I3Vector, of Int64 if an int does not fit. A dict of numbers or bools by name becomes an
    I3MapString of Bool, Int or Double. Pulses become an I3RecoPulseSeriesMap.

    Parameters
    ----------
    value
        The value to convert.

    Raises
    ------
    TypeError
        If the value is none of these (`new` makes objects of any class by name), or of a class that stands only inside
        others.
    ValueError
        If it is an I3MCTree with two particles of one identity.

    Examples
    --------
    >>> as_object(True)
    I3Bool(value=True)
    >>> as_object({"energy": 1e3, "depth": -350})
    {'energy': 1000.0, 'depth': -350.0}
    """
    if isinstance(value, Record | FrameMap | Tree | UnknownObject):
        return checked(value)
    if isinstance(value, PulseSeries):
        return pulse_map(value)
    if isinstance(value, tuple(KEYS.values())):
        require_frame_object(type(value).__name__)
    plain: Any = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, bool | int | float | str):
        large = isinstance(plain, int) and plain >= 2**31
        return new("I3UInt64" if large else f"I3{_kind([plain])}".removesuffix("64"), value=plain)
    if isinstance(plain, dict) and all(isinstance(name, str) for name in plain):
        values = [v.item() if isinstance(v, np.generic) else v for v in plain.values()]
        kind = _kind(values) if values else "Double"
        if kind == "String":
            msg = "IceTray has no class for a dict of strings: put each under its own key, or write one JSON string"
            raise TypeError(msg)
        if kind in {"Bool", "Int", "Double"}:
            values = [float(v) for v in values] if kind == "Double" else values
            return new(f"I3MapString{kind}", dict(zip(plain, values, strict=True)))
    elif isinstance(plain, list | tuple | np.ndarray) and np.ndim(plain) == 1:
        values = plain.tolist() if isinstance(plain, np.ndarray) else list(plain)
        values = [v.item() if isinstance(v, np.generic) else v for v in values]
        kind = _kind(values or (np.zeros(1, plain.dtype).tolist() if isinstance(plain, np.ndarray) else []))
        if kind:
            return new(f"I3Vector{kind}", value=values)
    msg = f"{type(value).__name__} {value!r:.40} is not a frame object; `ic.new` makes one of any class"
    raise TypeError(msg)


def _kind(values: Sequence[Any]) -> str:
    """Return how class names call numbers, bools or strings; "" if the values are not of one kind."""
    if values and all(isinstance(v, bool) for v in values):
        return "Bool"
    if values and all(isinstance(v, str) for v in values):
        return "String"
    if not values or any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
        return ""
    if any(isinstance(v, float) for v in values):
        return "Double"
    return "Int" if all(-(2**31) <= v < 2**31 for v in values) else "Int64"


class Mixer:
    """Lend the objects of current frames to newer ones, by the rule in `icecol.i3.container.mixing`."""

    def __init__(self) -> None:
        self._kept: dict[str, _Own] = {}

    def mix(self, frame: Frame) -> Frame:
        """Give a frame what it inherits, and make it the current frame of its stop."""
        frame._lenders = tuple([own for stop, own in self._kept.items() if stop != frame.stop])
        frame._mixed, frame._hidden = frame._own, _NONE
        if ord(frame.stop) not in NEVER_KEPT:
            self._kept[frame.stop] = frame._own
        return frame

    def frame(self, stored: Stored) -> Frame:
        """Make a frame from what is stored in a file, and mix it."""
        frame = Frame.__new__(Frame)
        frame.stop, frame._read = stored.stop, None
        frame._own = _Own(stored.layout.numbers, stored)
        return self.mix(frame)

    def forget(self, stop: str) -> None:
        """Forget the current frame of a stop: after damage it is not known whether it still applies."""
        if stop in self._kept:
            self._kept[stop] = _NOTHING  # the order of the stops stays

    def in_force(self) -> dict[str, _Own]:
        """Return what is lent, by stop, in the order in which the stops appeared."""
        return dict(self._kept)
