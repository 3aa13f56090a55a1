"""Whole blobs: `decode` and `encode`, and the fast path for objects that begin like earlier ones."""

from __future__ import annotations

import struct
from typing import Any, Final

import icecol.i3.archive.codecs  # noqa: F401  (fills the table of codecs)
from icecol.errors import FormatError
from icecol.i3.archive.containers import FrameMap, Tree, UnknownObject, Versions
from icecol.i3.archive.fixed_size import Header, Shape, fixed, shape
from icecol.i3.archive.kinds import kind
from icecol.i3.archive.objects import FrameObject, Record, record
from icecol.i3.archive.reader import Read, Reader
from icecol.i3.archive.reading import read_members, read_steps, reader_of
from icecol.i3.archive.types import ROOT, ROOT_SLOT, TYPES, U32, OpaqueError, slot_of, steps_of
from icecol.i3.archive.writing import Writer, writer_of
from icecol.i3.classes import CLASSES
from icecol.i3.classes.own import on_change


def class_name(blob: bytes) -> str:
    """Return the export name of the class of a blob, which is at byte 4.

    Parameters
    ----------
    blob
        Serialized object.

    Raises
    ------
    FormatError
        The blob does not begin as an object does.

    Examples
    --------
    >>> from icecol.i3.archive import new
    >>> class_name(encode(new("I3Double", value=1.0)))
    'I3Double'
    """
    if len(blob) < 8 or blob[:4] != b"\x00\x01\x02\x00":
        msg = f"the object begins with {blob[:4].hex(' ') or 'nothing'}, not with 00 01 02 00"
        raise FormatError(msg)
    n = U32.unpack_from(blob, 4)[0]
    if n > len(blob) - 10:
        msg = f"class name of {n} bytes in an object of {len(blob)}"
        raise FormatError(msg)
    return blob[8 : 8 + n].decode("utf-8", "surrogateescape")


def decode(blob: bytes) -> FrameObject:
    """Decode a serialized object.

    Parameters
    ----------
    blob
        Serialized object.

    Returns
    -------
    Record, FrameMap, Tree or UnknownObject
        UnknownObject if the class has no known layout, or its version is newer than the newest known.

    Raises
    ------
    FormatError
        If the bytes do not match the layout, or there are extra bytes at the end.

    Examples
    --------
    >>> from icecol.i3.archive import new
    >>> decode(encode(new("I3MapStringInt", {"a": 1})))
    {'a': 1}
    """
    blob = bytes(blob)
    known = _OPENINGS.get(blob[: 20 + blob[4]] if len(blob) > 4 else b"")
    if known is not None:
        obj = known.read(blob)
        if obj is not None:
            return obj
    return _decode(blob)


def _decode(blob: bytes) -> FrameObject:
    """Decode a blob value by value."""
    name = class_name(blob)
    version = blob[9 + len(name.encode("utf-8", "surrogateescape"))]
    if name not in CLASSES:
        return UnknownObject(name, version, blob)
    reader = Reader(blob)
    try:
        obj = reader_of(ROOT)(reader)
    except OpaqueError:
        return UnknownObject(name, version, blob)
    except (FormatError, struct.error, RecursionError) as err:
        what = str(err) if isinstance(err, FormatError) else "unexpected end of data"
        what = "nested too deeply" if isinstance(err, RecursionError) else what
        msg = f"{name} version {version}: at byte {reader.at} of {reader.end}: {what}"
        raise FormatError(msg) from None
    if reader.at != reader.end:
        msg = f"{name} version {version}: {reader.end - reader.at} extra bytes at the end, from byte {reader.at}"
        raise FormatError(msg)
    if not isinstance(obj, Record | FrameMap | Tree):
        msg = f"{name} version {version} is not a frame object"
        raise FormatError(msg)
    obj.versions = reader.versions()
    _learn(name, reader)
    return obj


MOST_OPENINGS: Final = 1000
"""Maximum number of remembered openings of blobs."""
MOST_SHAPES: Final = 4
"""Maximum number of remembered shapes of one class of fixed size."""


class _Opening:
    """How blobs that begin with the same class, version and base continue.

    Attributes
    ----------
    at : int
        Where the members begin.
    headers, types
        What is known at that point.
    """

    __slots__ = ("at", "headers", "read_rest", "shapes", "types")

    def __init__(self, name: str, version: int, base: Header) -> None:
        slot, base_slot = slot_of(name), slot_of("I3FrameObject")
        self.at = 20 + len(name)
        self.headers = {ROOT_SLOT: (0, 1), slot: (1, version), base_slot: base}
        self.types = {ROOT_SLOT: 0, base_slot: 1, slot: 2}
        self.shapes: list[tuple[Shape, Versions]] = []
        plan = read_steps(name, version)[1:]
        self.read_rest: Read
        if kind(name) == "record":
            cls = record(name)

            def read_record(r: Reader) -> Any:
                obj = cls.__new__(cls)
                read_members(r, obj, plan)
                return obj

            self.read_rest = read_record
        else:
            ((_, _, only),) = plan
            self.read_rest = (
                (lambda r: FrameMap(name, only(r)))
                if kind(name) == "map"
                else (lambda r: Tree(name, *only(r)))
            )

    def read(self, blob: bytes) -> FrameObject | None:
        """Decode such a blob; None if it is unusual or damaged."""
        obj: Any
        for made, versions in self.shapes:
            obj = made.read(blob)
            if obj is not None:
                obj.versions = dict(versions)
                return obj
        r = Reader(blob, quick=True)
        r.at = self.at
        r.headers, r.types = self.headers.copy(), self.types.copy()
        r.objects = [None, None]
        try:
            obj = self.read_rest(r)
        except (FormatError, struct.error, RecursionError, OpaqueError):
            return None
        if r.at != r.end:
            return None
        obj.versions = r.versions()
        return obj


_OPENINGS: Final[dict[bytes, _Opening]] = {}
on_change(_OPENINGS.clear)


def _learn(name: str, r: Reader) -> None:
    """Remember the opening of a blob that was read to its end."""
    slot, base_slot = slot_of(name), slot_of("I3FrameObject")
    (tracked, version), base = r.headers[slot], r.headers.get(base_slot, (0, 0))
    at = 20 + len(name.encode("utf-8", "surrogateescape"))
    opening = (
        b"\0\1\2\0" + U32.pack(at - 20) + r.data[8 : at - 12]
        + bytes((tracked, min(version, 255))) + U32.pack(0) + bytes((base[0], min(base[1], 255))) + U32.pack(1)
    )  # fmt: skip
    plan = steps_of(name, version)
    if (
        (tracked, base) != (1, (1, 0))
        or not r.data.startswith(opening)
        or at > 275
        or plan[0] != (None, None, "I3FrameObject")
        or (kind(name) != "record" and len(plan) != 2)
    ):
        return
    known = _OPENINGS.get(opening)
    if known is None:
        if len(_OPENINGS) >= MOST_OPENINGS:
            _OPENINGS.clear()
        known = _OPENINGS[opening] = _Opening(name, version, base)
    if fixed(name) and kind(name) == "record" and all(made.read(r.data) is None for made, _ in known.shapes):
        headers = {of: h for s, h in r.headers.items() if isinstance(of := TYPES[s], str)}
        found = shape(name, headers, {name, "I3FrameObject"}, opening=opening, first=2)
        if found is not None and found.read(r.data) is not None:
            if len(known.shapes) >= MOST_SHAPES:
                known.shapes.clear()
            known.shapes.append((found, r.versions()))


def encode(obj: FrameObject) -> bytes:
    """Serialize an object, in the versions it was read with or else the newest.

    Raises
    ------
    FormatError
        A member has a value that its type cannot hold.
    """
    if isinstance(obj, UnknownObject):
        return obj.blob
    if not isinstance(obj, Record | FrameMap | Tree):
        msg = f"{type(obj).__name__} is not a frame object; make one with `ic.new`"
        raise TypeError(msg)
    writer = Writer(obj.versions)
    try:
        writer_of(ROOT)(writer, obj)
    except (struct.error, AttributeError, TypeError, ValueError, RecursionError) as err:
        if isinstance(err, FormatError):
            raise
        msg = f"{obj.i3class} cannot be written: {err}"
        raise FormatError(msg) from err
    return b"".join(writer.parts)
