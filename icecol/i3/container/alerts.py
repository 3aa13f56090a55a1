"""Messages of IceCube's realtime system, as they were sent: JSON with the frames of one event, as a stream of frames.

A message has its frames in `value.data` (2016, 2017) or `value.data.frames` (2023): pairs of a stop letter and a text,
which is base64 of zlib of a pickle of one I3Frame. The pickle is never loaded. Its opcodes are read, which must
be the few that pickling a frame gives, and the longest string among them is the frame as in an .i3 file: a BINSTRING if
Python 2 wrote it; if Python 3 did, a BINUNICODE with one character per byte or, from protocol 3 on, the bytes.

The rest of the message is added to its DAQ frame, so that the physics frame inherits it:

- `AlertMessage` (I3String): all of it as JSON, without the frames;
- `Alert` (I3MapStringDouble): the numbers of `value` and `value.data`, such as `nch` and `qtot`; true is 1;
- `Alert_reco_splinempe`, ... (I3MapStringDouble): the numbers of an object inside, under the names that lead there;
- `Alert_eventtime`, ... (I3String): a text.

`zen` and `azi` are called `zenith` and `azimuth`, as in I3Particle. What is null has no member.
"""

from __future__ import annotations

import base64
import io
import json
import pickletools
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from icecol.errors import FormatError, UnsupportedError
from icecol.i3.archive import FrameObject, class_name, encode, new
from icecol.i3.classes import type_name
from icecol.i3.container.checksums import checksum

if TYPE_CHECKING:
    from icecol.i3.container.compression import ByteStream

MAX_TEXT: Final = 256 << 20
"""Bytes of JSON that one file may have: it is parsed in memory. One message has 0.1 to 0.5 MB."""
MAX_PICKLE: Final = 64 << 20
"""Bytes that a frame may decompress to. The largest seen, of calibration, have 0.7 MB."""

_GAP: Final = re.compile(r"[\s,]*")
_MEMBER: Final = re.compile(r"\w{1,60}", re.ASCII)
"""Names of the message that become keys and members."""
_DEPTH: Final = 4
"""How many levels of objects in a message become keys."""
_NAMES: Final = {"zen": "zenith", "azi": "azimuth"}
_OPENING: Final = b"[i3]" + struct.pack("<IBB", 6, 0, 0)
"""How a frame of container version 6 begins, before its stop letter."""


class Alerts:
    """The frames of all messages in a file: one message, a list of them, or one after another, as on lines.

    Frames before damage are given, then one error is raised.

    Parameters
    ----------
    stream : ByteStream
        The JSON.
    name : str
        The file, for the error of JSON that is not an alert.
    """

    def __init__(self, stream: ByteStream, name: str) -> None:
        self._frames = _frames(stream, name)
        self._left = memoryview(b"")
        self._failed: str | None = None

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer and return how many bytes were put there."""
        if self._failed is not None:
            raise FormatError(self._failed)
        try:
            self._left = self._left or memoryview(next(self._frames, b""))
        except FormatError as err:
            self._failed = str(err)
            raise
        n = min(len(self._left), len(buffer))
        buffer[:n], self._left = self._left[:n], self._left[n:]
        return n


# -- JSON -------------------------------------------------------------------------------------------------------------


def _frames(stream: ByteStream, name: str) -> Iterator[bytes]:
    text, cut = _text(stream, name)
    number = 0
    for message in _messages(text, cut):
        number += 1
        frames = _frames_of(message)
        if frames is None:
            why = "this is JSON, but not an alert: `value.data` is not a list of [stop, frame] pairs"
            if number > 1:
                msg = f"message {number}: {why}"
                raise FormatError(msg)
            msg = f"{name}: {why}"
            raise UnsupportedError(msg)
        event = next((i for stop in "QP" for i, (s, _) in enumerate(frames) if s == stop), -1)
        for i, (stop, packed) in enumerate(frames):
            try:
                frame = unpickled(_inflated(packed))
                yield _with(frame, objects_of(message)) if i == event else frame
            except FormatError as err:
                msg = f"message {number}, {stop!r} frame: {err}"
                raise FormatError(msg) from None
    if cut:
        raise FormatError(cut)
    if not number:
        msg = f"{name}: this is JSON, but not an alert: an empty list"
        raise UnsupportedError(msg)


def _text(stream: ByteStream, name: str) -> tuple[str, str]:
    """Return all text of a stream, and what ended it early, if anything did."""
    found = bytearray()
    block = memoryview(bytearray(1 << 20))
    cut = ""
    try:
        while n := stream.readinto(block):
            found += block[:n]
            if len(found) > MAX_TEXT:
                msg = f"{name}: JSON of more than {MAX_TEXT >> 20} MiB: split it into files of a few messages each"
                raise UnsupportedError(msg)
    except FormatError as err:
        cut = str(err)
    try:
        return found.decode("utf-8-sig"), cut
    except UnicodeDecodeError as err:
        cut = cut or f"JSON that is not UTF-8: {err.reason} at byte {err.start}"
        return found[: err.start].decode("utf-8-sig"), cut


def _messages(text: str, cut: str) -> Iterator[Any]:
    """Yield the values of a list, or those that follow one another, and stop at the first that is damaged."""
    decoder = json.JSONDecoder()
    at = _GAP.match(text).end()  # type: ignore[union-attr]
    listed = text.startswith("[", at)
    at += listed
    while (at := _GAP.match(text, at).end()) < len(text):  # type: ignore[union-attr]
        if listed and text[at] == "]":
            listed, at = False, at + 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as err:
            msg = cut or f"cut or damaged JSON: {str(err) or 'too many levels'} ({len(text):,} characters)"
            raise FormatError(msg) from None
        yield value
    if listed and not cut:
        msg = "the list of messages has no end: the file was cut"
        raise FormatError(msg)


def _frames_of(message: Any) -> list[tuple[str, str]] | None:
    """Return stops and texts of the frames of a message; None if it is not an alert."""
    value = message.get("value") if isinstance(message, dict) else None
    data = value.get("data") if isinstance(value, dict) else None
    frames = data.get("frames") if isinstance(data, dict) else data
    if not isinstance(frames, list) or not frames:
        return None
    pairs = [tuple(f) for f in frames if isinstance(f, list) and len(f) == 2]
    good = [pair for pair in pairs if all(isinstance(text, str) for text in pair) and len(pair[0]) == 1]
    return good if len(good) == len(frames) else None


# -- frames -----------------------------------------------------------------------------------------------------------


def _inflated(text: str) -> bytes:
    """Undo base64 and zlib."""
    try:
        packed = base64.b64decode("".join(text.split()), validate=True)
    except ValueError as err:
        msg = f"not base64: {err}"
        raise FormatError(msg) from None
    inflate = zlib.decompressobj()
    try:
        found = inflate.decompress(packed, MAX_PICKLE + 1)
    except zlib.error as err:
        msg = f"not compressed by zlib, or damaged: {err}"
        raise FormatError(msg) from None
    if len(found) > MAX_PICKLE:
        msg = f"it decompresses to more than {MAX_PICKLE >> 20} MiB"
        raise FormatError(msg)
    if not inflate.eof:
        msg = "zlib stream ends in the middle: the text was cut"
        raise FormatError(msg)
    return found


def unpickled(data: bytes) -> bytes:
    """Return the bytes of a frame out of its pickle (protocols 2 to 5), which is not loaded.

    Raises
    ------
    FormatError
        The opcodes are not those of one I3Frame.
    """
    steps = _globals([step for step in islice(_steps(data), _MOST_STEPS) if step[0] not in _MEMO])
    match steps:
        case [
            ("PROTO", 2 | 3 | 4 | 5), ("GLOBAL", "icecube.icetray I3Frame" | "icecube._icetray I3Frame"),
            ("EMPTY_TUPLE", _), ("REDUCE", _), ("EMPTY_DICT", _), *state, ("TUPLE2", _), ("BUILD", _), ("STOP", _),
        ]:  # fmt: skip
            pass
        case _:
            state = []
    match state:
        case [("SHORT_BINBYTES" | "BINBYTES" | "BINBYTES8", bytes(held))]:
            text = held.decode("latin-1")
        case [("BINSTRING" | "SHORT_BINSTRING", str(text))]:
            pass
        case [("GLOBAL", "_codecs encode"), ("BINUNICODE", str(text)), ("BINUNICODE", "latin1"), ("TUPLE2", _),
              ("REDUCE", _)]:  # fmt: skip
            pass
        case _:
            msg = "its pickle is not that of one I3Frame: " + " ".join(name for name, _ in steps)
            raise FormatError(msg)
    try:
        frame = text.encode("latin-1")
    except UnicodeEncodeError as err:
        msg = f"damaged pickle: character {text[err.start]!r} is not a byte"
        raise FormatError(msg) from None
    if not frame.startswith(b"[i3]"):
        msg = f"its pickle holds no frame: it begins with {frame[:8]!r}, not with the tag '[i3]'"
        raise FormatError(msg)
    return frame


def _globals(steps: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Put a STACK_GLOBAL and the two texts before it together, as a GLOBAL."""
    found: list[tuple[str, Any]] = []
    for name, argument in steps:
        match found[-2:]:
            case [(first, str(module)), (second, str(what))] if (
                name == "STACK_GLOBAL" and {first, second} <= _TEXTS
            ):
                if f"{module} {what}" not in _GLOBALS:
                    raise _foreign(name, f"{module} {what}")
                found[-2:] = [("GLOBAL", f"{module} {what}")]
            case _:
                found.append((name, argument))
    return found


def _steps(data: bytes) -> Iterator[tuple[str, Any]]:
    """Yield the opcodes of a pickle, each with its argument; `pickletools.genops` would read those of others too."""
    file = io.BytesIO(data)
    while code := file.read(1).decode("latin-1"):
        opcode = _OPCODES.get(code)
        if opcode is None or opcode.name not in _STEPS:
            raise _foreign("opcode", code) if opcode is None else _foreign(opcode.name)
        argument: Any = None
        try:
            if opcode.name == "GLOBAL":
                # two lines; the library's reader would undo escapes in them, and warn of wrong ones
                argument = b" ".join(file.readline().rstrip(b"\n") for _ in range(2)).decode("latin-1")
            elif opcode.arg is not None:
                argument = opcode.arg.reader(file)
        except ValueError as err:
            msg = f"damaged pickle: {err}"
            raise FormatError(msg) from None
        if opcode.name == "GLOBAL" and argument not in _GLOBALS:
            raise _foreign(opcode.name, argument)
        yield opcode.name, argument
        if opcode.name == "STOP":
            return
    msg = "damaged pickle: it has no end"
    raise FormatError(msg)


def _foreign(name: str, argument: str = "") -> FormatError:
    what = f"{name} {argument!r:.60}" if argument else name
    return FormatError(f"its pickle has {what}, which no I3Frame has: nothing of it was run")


_MEMO: Final = frozenset({"BINPUT", "LONG_BINPUT", "MEMOIZE", "FRAME"})
_TEXTS: Final = frozenset({"SHORT_BINUNICODE", "BINUNICODE"})
_GLOBALS: Final = frozenset({"icecube.icetray I3Frame", "icecube._icetray I3Frame", "_codecs encode"})
_STEPS: Final = _MEMO | frozenset(
    {"PROTO", "GLOBAL", "EMPTY_TUPLE", "REDUCE", "EMPTY_DICT", "TUPLE2", "BUILD", "STOP"}
    | {"BINSTRING", "SHORT_BINSTRING", "STACK_GLOBAL", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8"}
    | _TEXTS
)
_OPCODES: Final = {opcode.code: opcode for opcode in pickletools.opcodes}
_MOST_STEPS: Final = 64
"""A frame has 10 to 22 opcodes."""


def _with(frame: bytes, objects: Mapping[str, FrameObject]) -> bytes:
    """Append objects to an encoded frame. One of another version, or with a wrong checksum, is left as it is."""
    body, begin = frame[len(_OPENING) : -4], len(_OPENING) + 1
    if not frame.startswith(_OPENING) or struct.pack("<I", checksum(body)) != frame[-4:]:
        return frame
    n = struct.unpack_from("<I", frame, begin)[0]
    parts = [frame[begin - 1 : begin], struct.pack("<I", n + len(objects)), frame[begin + 4 : -4]]
    for key, obj in objects.items():
        blob = encode(obj)
        for text in (key.encode(), type_name(class_name(blob)).encode(), blob):
            parts += [struct.pack("<I", len(text)), text]
    body = b"".join(parts)
    return _OPENING + body + struct.pack("<I", checksum(body))


# -- values -----------------------------------------------------------------------------------------------------------


def objects_of(message: Mapping[str, Any]) -> dict[str, FrameObject]:
    """Make frame objects of what a message says beside its frames.

    >>> fit = {"zen": 1.57, "azi": 4.88, "pb_err1": None}
    >>> found = objects_of(
    ...     {"value": {"data": {"frames": [], "qtot": 830.4, "reco": {"spefit2": fit}}}, "prio": 2}
    ... )
    >>> found["AlertMessage"].value[:39], found["Alert"], found["Alert_reco_spefit2"]
    ('{"value": {"data": {"qtot": 830.4, "rec', {'qtot': 830.4}, {'zenith': 1.57, 'azimuth': 4.88})
    """
    value, data = dict(message["value"]), message["value"]["data"]
    inside = {k: v for k, v in data.items() if k != "frames"} if isinstance(data, dict) else {}
    del value["data"]
    text = json.dumps({**message, "value": {**value, **({"data": inside} if inside else {})}})
    found = {"AlertMessage": new("I3String", value=text)}
    return found | _flat("Alert", {**value, **inside}, _DEPTH)


def _flat(key: str, value: Mapping[str, Any], depth: int) -> dict[str, FrameObject]:
    named = {_NAMES.get(name, name): v for name, v in value.items() if _MEMBER.fullmatch(name)}
    numbers = {name: float(v) for name, v in named.items() if _is_number(v)}
    found: dict[str, FrameObject] = {key: new("I3MapStringDouble", numbers)} if numbers else {}
    for name, v in named.items():
        if isinstance(v, str):
            found[f"{key}_{name}"] = new("I3String", value=v.encode("utf-8", "replace").decode())
        elif isinstance(v, dict) and depth > 1:
            found |= _flat(f"{key}_{name}", v, depth - 1)
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 1 << 1023)
