"""Tar archives as one stream: the .i3 files and realtime alerts in them, one after another."""

from __future__ import annotations

import io
import re
import tarfile
import warnings
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, BinaryIO, Final, TypeAlias

from icecol.errors import FormatError, UnsupportedError
from icecol.i3.container.compression import ByteStream, packed

_READ: Final = 1 << 17
BLOCK: Final = tarfile.BLOCKSIZE
"""Bytes of a header, of which a member fills a multiple."""
_PAX: Final = re.compile(rb"^\d+ (path|size)=([^\n]*)\n", re.MULTILINE)
"""A record of an extended tar header: its length, a name, a value."""

_READ_ALONE: Final = re.compile(r"\.(i3\.(lz4|lzma|br|Z|zip|7z|rar)|tar(\.\w+)?|tgz|tbz2?|txz|zip|7z|rar)$")
"""Names of members that may hold events, but are not read here."""

Unpacked: TypeAlias = Callable[[BinaryIO, str], tuple[ByteStream, str]]
"""What gives the decompressed bytes of an open file with a name, and its codec."""


def is_tar(head: bytes) -> bool:
    """Return whether bytes begin as a tar archive does: with the header of a member, which has a checksum."""
    if len(head) < BLOCK or head.startswith(b"[i3]"):
        return False
    try:
        tarfile.TarInfo.frombuf(head[:BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


class Tar:
    """The members of a tar archive whose names end in `.i3`, or `.i3` and a codec, one after another.

    So are those named `.json`, if they are realtime alerts. All bytes before a cut are given, which the library's own
    reader does not do. `unpacked` opens members that are not raw frames. Archives among the members are not read, which
    a warning says.
    """

    def __init__(self, stream: ByteStream, name: str, unpacked: Unpacked) -> None:
        self._stream, self._name, self._unpacked = stream, name, unpacked
        self._left = 0  # bytes of the member that is read
        self._padding = 0  # bytes behind it
        self._member: tuple[str, ByteStream] | None = None  # what it is decompressed by
        self._others: list[str] = []
        self._found = False
        self._failed: str | None = None

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer and return how many bytes were put there."""
        if self._failed is not None:
            raise FormatError(self._failed)
        try:
            while self._member is not None or self._left or self._next():
                n = self._of_member(buffer) if self._member is not None else self.stored(buffer)
                if n:
                    return n
                self._skip(self._left)
                self._left, self._member = 0, None
        except FormatError as err:
            self._failed = str(err)
            raise
        return 0

    def stored(self, buffer: memoryview) -> int:
        """Fill the buffer with bytes of the member as they are stored; 0 at its end."""
        n = self._some(buffer[: self._left]) if self._left else 0
        self._left -= n
        return n

    def _of_member(self, buffer: memoryview) -> int:
        assert self._member is not None
        name, stream = self._member
        try:
            n = stream.readinto(buffer)
        except UnsupportedError:
            if not _may_be_alert(name):
                raise
            self._others.append(name)
            return 0
        except FormatError as err:
            msg = f"{err} (in {name!r}; what follows it in the archive was not read)"
            raise FormatError(msg) from None
        self._found = self._found or n > 0
        return n

    def _open(self, name: str) -> bool:
        """Open the member that is next if it is compressed, or alerts; tell whether it is to be read."""
        if not packed(name) and not _may_be_alert(name):
            return True
        file = io.BufferedReader(_Stored(self), _READ)
        try:
            self._member = name, self._unpacked(file, f"{self._name}: {name!r}")[0]
        except UnsupportedError:
            if not _may_be_alert(name):
                raise
            return False
        return True

    def _next(self) -> bool:
        """Go to the next member that is read; return whether there is one."""
        self._take(self._padding)
        name, size = "", -1  # those of extended headers count
        while any(header := self._take(BLOCK, may_end=True)):  # a block of zeros ends the archive
            try:
                info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
            except tarfile.HeaderError as err:
                msg = f"damaged tar archive: {err}"
                raise FormatError(msg) from None
            if info.size < 0:
                msg = f"a member of {info.size} bytes in a tar archive"
                raise FormatError(msg)
            if info.type in {tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE}:
                data = self._take(info.size)
                self._take(-info.size % BLOCK)
                if info.type == tarfile.XHDTYPE:
                    records = dict(_PAX.findall(data))
                    name = records.get(b"path", b"").decode("utf-8", "surrogateescape") or name
                    size = int(records[b"size"][:20]) if records.get(b"size", b"").isdigit() else size
                else:
                    name = data.rstrip(b"\0").decode("utf-8", "surrogateescape")
                continue
            name, size = name or info.name, info.size if size < 0 else size
            padding = -size % BLOCK
            if info.isreg() and _plain(name).endswith((".i3", ".json")):
                self._found = self._found or not _may_be_alert(name)
                self._left, self._padding = size, padding
                if self._open(name):
                    return True
                size, self._left = self._left, 0
            if info.isreg() or info.type not in tarfile.SUPPORTED_TYPES:
                self._skip(size + padding)
            self._others.append(name)
            name, size = "", -1
        self._padding = 0
        if not self._found:
            listed = ", ".join(map(repr, self._others[:5])) or "none"
            msg = f"{self._name} is a tar archive without .i3 files; its members: {listed}"
            raise UnsupportedError(msg)
        if alone := [name for name in self._others if _READ_ALONE.search(name)]:
            more = f" and {len(alone) - 3} more" if len(alone) > 3 else ""
            msg = f"{self._name}: {', '.join(map(repr, alone[:3]))}{more} in this archive cannot be read: unpack it"
            warnings.warn(msg, stacklevel=2)
        return False

    def _some(self, buffer: memoryview) -> int:
        n = self._stream.readinto(buffer)
        if n == 0:
            msg = "tar archive ends in the middle of a member: the file was cut"
            raise FormatError(msg)
        return n

    def _take(self, n: int, *, may_end: bool = False) -> bytes:
        """Return the next n bytes; none at all where the archive may end."""
        if n > 1 << 20:
            msg = f"a header of {n} bytes in a tar archive"
            raise FormatError(msg)
        block = memoryview(bytearray(n))
        at = 0
        while at < n:
            more = self._stream.readinto(block[at:]) if may_end and at == 0 else self._some(block[at:])
            if more == 0:
                return b""
            at += more
        return bytes(block)

    def _skip(self, n: int) -> None:
        block = memoryview(bytearray(min(n, _READ)))
        while n:
            n -= self._some(block[:n])


def _plain(name: str) -> str:
    """Return the name of a member without the ending of its codec."""
    return name.removesuffix(PurePath(name).suffix) if packed(name) else name


def _may_be_alert(name: str) -> bool:
    return _plain(name).endswith(".json")


class _Stored(io.RawIOBase):
    """The bytes of a member of a tar archive, as a file."""

    def __init__(self, archive: Tar) -> None:
        self._archive = archive

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return self._archive.stored(memoryview(buffer).cast("B"))
