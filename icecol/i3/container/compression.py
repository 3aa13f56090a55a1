"""Byte streams of compressed files: the codec is told by the first bytes, whatever the file is called.

Raw, gzip (many members), bzip2 (many streams), Zstandard (many frames) and xz are read; each is written by the
ending of the file name. A stream that is cut or damaged gives all bytes before the damage and then one error.
Inside may be a tar archive: the members whose names end in `.i3`, `.i3.gz` and so on are then read as one stream, in
their order. JSON is taken for messages of the realtime system (`icecol.i3.container.alerts`). Other formats that are
known by their first bytes are refused by name: they are not damaged.
"""

from __future__ import annotations

import bz2
import io
import lzma
import re
import sys
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Final, Protocol

from icecol.errors import FormatError, UnsupportedError

_READ: Final = 1 << 17
_XZ_MEMORY: Final = 2 << 30
"""Bytes that reading an xz stream may take: more than the largest dictionary that `xz` makes asks for (1.5 GiB)."""
_ZSTD_WINDOW: Final = 1 << 31 if sys.maxsize > 1 << 32 else 1 << 30
"""The largest window that the library makes and reads: one beyond it is damage."""
_BLOCK: Final = tarfile.BLOCKSIZE
_PAX: Final = re.compile(rb"^\d+ (path|size)=([^\n]*)\n", re.MULTILINE)
"""A record of an extended tar header: its length, a name, a value."""

_JSON: Final = re.compile(rb"(\xef\xbb\xbf)?\s*(\{\s*[\"}]|\[\s*[][{\"\d\-tfn])")
"""How an object or a list begins."""

MAGIC: Final = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
}

FOREIGN: Final = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"PAR1": "a Parquet file",
    b"root": "a ROOT file",
    b"SIMPLE  =": "a FITS file",
    b"\x93NUMPY": "a NumPy file",
    b"SQLite format 3\0": "an SQLite database",
    b"PK\x03\x04": "a zip archive (unpack it)",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive (unpack it)",
    b"\x04\x22\x4d\x18": "compressed by lz4 (decompress it)",
    b"\x1f\x9d": "compressed by compress (decompress it)",
    b"version https://git-lfs": "a Git LFS pointer (run `git lfs pull`)",
    b"<!doctype html": "a web page: the download failed",
    b"<html": "a web page: the download failed",
    b"<?xml": "an XML file",
}
"""What other files begin with, in lower case for text."""

SUFFIXES: Final = {".gz": "gzip", ".bz2": "bzip2", ".zst": "zstd", ".xz": "xz"}

LEVELS: Final = {"gzip": 6, "bzip2": 6, "zstd": 11, "xz": 6}
"""Levels used when writing: IceTray's own defaults where it has one."""


class ByteStream(Protocol):
    """What reading needs: fill a buffer, return how many bytes (0 at the end), FormatError when damaged."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer and return how many bytes were put there."""
        ...


def sniff(head: bytes) -> str:
    """Name the codec of a file from its first bytes: gzip, bzip2, zstd, xz or raw."""
    for magic, codec in MAGIC.items():
        if head.startswith(magic):
            return codec
    if head[:4] == b"\x50\x2a\x4d\x18":  # a skippable Zstandard frame may come first
        return "zstd"
    return "raw"


class Raw:
    """Bytes of an uncompressed file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer and return how many bytes were put there."""
        return self._file.readinto(buffer)  # type: ignore[attr-defined]


class Members:
    """Concatenated gzip members, bzip2 streams or xz streams, one decompressor after another."""

    def __init__(
        self, file: BinaryIO, codec: str, new: Callable[[], Any], errors: tuple[type[Exception], ...]
    ) -> None:
        self._file, self._codec, self._new, self._errors = file, codec, new, errors
        self._decompressor: Any = None
        self._pending = b""
        self._begun = False
        self._failed: str | None = None  # no exception: its traceback holds whoever reads, and his buffers

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer and return how many bytes were put there."""
        if self._failed is not None:
            raise FormatError(self._failed)
        while True:
            if self._decompressor is None:
                if not self._next_member():
                    return 0
                self._decompressor = self._new()
            if not self._pending and self._decompressor.needs_input:
                self._pending = self._file.read(_READ)
                if not self._pending:
                    self._fail(f"{self._codec} stream ends in the middle: the file was cut")
            try:
                # in small steps, since a step that meets damage gives nothing
                data = self._decompressor.decompress(self._pending, min(len(buffer), _READ))
            except self._errors as err:
                if str(err).startswith("Memory usage limit"):
                    msg = f"{self._codec} stream needs more than {_XZ_MEMORY >> 30} GiB of memory: compress it anew"
                    raise UnsupportedError(msg) from None
                self._fail(f"damaged {self._codec} stream: {err}")
            self._pending = b""
            if self._decompressor.eof:
                self._pending = self._decompressor.unused_data
                self._decompressor = None
            if data:
                buffer[: len(data)] = data
                return len(data)

    def _next_member(self) -> bool:
        # zero padding after a member is allowed, as in gzip itself
        while True:
            self._pending = (self._pending or self._file.read(_READ)).lstrip(b"\x00" if self._begun else b"")
            if self._pending:
                self._begun = True
                return True
            if not self._file.peek(1):  # type: ignore[attr-defined]
                return False

    def _fail(self, msg: str) -> None:
        self._failed = msg
        raise FormatError(msg)


# `backports.zstd` (1.8; it is Python 3.14's `compression.zstd`) would fit into `Members`, but takes a quarter more time
# for each byte (320 against 403 MB/s), as it cannot fill a buffer, and gives nothing of the blocks before a damage.
class Zstd:
    """Concatenated Zstandard frames, decompressed straight into the caller's buffer."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._given = file, 0
        self._begin = file.tell() if file.seekable() else -1  # what cannot go back is salvaged from the start
        self._open(stepwise=self._begin < 0)

    def _open(self, *, stepwise: bool) -> None:
        import zstandard

        self._stepwise = stepwise
        self._source = _ZstdSource(self._file, stepwise=stepwise)
        source: Any = self._source
        self._reader = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(
            source, read_size=_READ, read_across_frames=True
        )
        self._error: type[Exception] = zstandard.ZstdError

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer and return how many bytes were put there."""
        try:
            n = int((self._reader.readinto1 if self._stepwise else self._reader.readinto)(buffer[:_READ]))
        except self._error as err:
            if not self._given and "ictionary" in str(err):
                msg = "zstd stream that needs a dictionary: compress it without one"
                raise UnsupportedError(msg) from None
            if self._stepwise:
                msg = f"damaged zstd stream: {err}"
                raise FormatError(msg) from None
            return self._salvage(buffer)
        if n == 0 and not self._source.whole:
            msg = "zstd stream ends in the middle: the file was cut"
            raise FormatError(msg)
        self._given += n
        return n

    def _salvage(self, buffer: memoryview) -> int:
        """Begin anew, one block at a time.

        The library gives nothing of a request in which it meets damage: so all blocks before the damage are given.
        """
        self._file.seek(self._begin)
        self._open(stepwise=True)
        left = self._given
        while left:
            left -= int(self._reader.readinto1(buffer[: min(left, len(buffer))]))
        return self.readinto(buffer)


class _ZstdSource:
    """Pass on a file's bytes and follow the block headers, to know at the end whether a frame was cut.

    The library ends a cut stream as if it were whole. Layout: RFC 8878, section 3.1. `stepwise` passes on no more
    than one block at a time.
    """

    def __init__(self, file: BinaryIO, *, stepwise: bool) -> None:
        self._file, self._stepwise = file, stepwise
        self._steps = self._follow()
        self._want = next(self._steps)
        self._head = b""
        self._rest = b""

    @property
    def whole(self) -> bool:
        """Whether all bytes so far end with a frame (True as well for what is no frame: the library tells)."""
        return self._want == (4, True) and not self._head and not self._rest

    def read(self, n: int) -> bytes:
        data = self._rest or self._file.read(n)
        at = 0
        while at < len(data):
            need, keep = self._want
            take = min(need - len(self._head) if keep else need, len(data) - at)
            if keep:
                self._head += data[at : at + take]
            at += take
            if (keep and len(self._head) < need) or (not keep and take < need):
                if not keep:
                    self._want = (need - take, False)
                break
            head, self._head = self._head, b""
            self._want = self._steps.send(head)
            while self._want[0] == 0:
                self._want = self._steps.send(b"")
            if self._stepwise and not keep:
                break
        self._rest = data[at:]
        return data[:at]

    @staticmethod
    def _follow() -> Any:
        while True:
            magic = int.from_bytes((yield (4, True)), "little")
            if magic >> 4 == 0x184D2A5:  # skippable
                size = int.from_bytes((yield (4, True)), "little")
                yield (size, False)
                continue
            descriptor = (yield (1, True))[0]
            single = descriptor >> 5 & 1
            size_bytes = (single, 2, 4, 8)[descriptor >> 6]
            yield ((0 if single else 1) + (0, 1, 2, 4)[descriptor & 3] + size_bytes, False)
            last = 0
            while not last:
                header = int.from_bytes((yield (3, True)), "little")
                last = header & 1
                yield (1 if header >> 1 & 3 == 1 else header >> 3, False)
            if descriptor >> 2 & 1:
                yield (4, False)


class Ahead:
    """A stream whose first block was looked at; `head` is what it begins with.

    Errors that are no damage get the `name` of the file; damage is named by who knows its frame.
    """

    def __init__(self, stream: ByteStream, name: str) -> None:
        self._stream, self._name = stream, name
        self._failed: str | None = None
        self.head = b""
        block = memoryview(bytearray(_BLOCK))
        while len(self.head) < _BLOCK:
            try:
                n = self._more(block[: _BLOCK - len(self.head)])
            except FormatError as err:
                self._failed = str(err)
                break
            if n == 0:
                break
            self.head += block[:n]
        self._left = self.head

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer and return how many bytes were put there."""
        if self._left:
            n = min(len(self._left), len(buffer))
            buffer[:n], self._left = self._left[:n], self._left[n:]
            return n
        if self._failed is not None:
            raise FormatError(self._failed)
        return self._more(buffer)

    def _more(self, buffer: memoryview) -> int:
        try:
            return self._stream.readinto(buffer)
        except UnsupportedError as err:
            msg = f"{self._name}: {err}"
            raise UnsupportedError(msg) from None
        except OSError as err:
            raise OSError(err.errno, err.strerror or str(err), self._name) from err


def is_tar(head: bytes) -> bool:
    """Tell whether bytes begin as a tar archive does: with the header of a member, which has a checksum."""
    if len(head) < _BLOCK or head.startswith(b"[i3]"):
        return False
    try:
        tarfile.TarInfo.frombuf(head[:_BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def is_json(head: bytes) -> bool:
    """Tell whether bytes begin as JSON does: an object, or a list. The tag `[i3]` is none.

    >>> is_json(b' {"value"'), is_json(b"[ {"), is_json(b"[i3]"), is_json(b"{ it")
    (True, True, False, False)
    """
    return _JSON.match(head) is not None


class Tar:
    """The members of a tar archive whose names end in `.i3`, or `.i3` and a codec, one after another.

    All bytes before a cut are given, which the library's own reader does not do.
    """

    def __init__(self, stream: ByteStream, name: str) -> None:
        self._stream, self._name = stream, name
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
            return stream.readinto(buffer)
        except FormatError as err:
            msg = f"{err} (in {name!r}; what follows it in the archive was not read)"
            raise FormatError(msg) from None

    def _next(self) -> bool:
        """Go to the next member that is read; tell whether there is one."""
        self._take(self._padding)
        name, size = "", -1  # those of extended headers count
        while any(header := self._take(_BLOCK, may_end=True)):  # a block of zeros ends the archive
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
                self._take(-info.size % _BLOCK)
                if info.type == tarfile.XHDTYPE:
                    records = dict(_PAX.findall(data))
                    name = records.get(b"path", b"").decode("utf-8", "surrogateescape") or name
                    size = int(records[b"size"][:20]) if records.get(b"size", b"").isdigit() else size
                else:
                    name = data.rstrip(b"\0").decode("utf-8", "surrogateescape")
                continue
            name, size = name or info.name, info.size if size < 0 else size
            padding = -size % _BLOCK
            if info.isreg() and name.removesuffix(PurePath(name).suffix if packed(name) else "").endswith(
                ".i3"
            ):
                self._found, self._left, self._padding = True, size, padding
                if packed(name):
                    file = io.BufferedReader(_Stored(self), _READ)
                    self._member = name, unpacked(file, f"{self._name}: {name!r}")[0]
                return True
            if info.isreg() or info.type not in tarfile.SUPPORTED_TYPES:
                self._skip(size + padding)
            self._others.append(name)
            name, size = "", -1
        self._padding = 0
        if not self._found:
            listed = ", ".join(map(repr, self._others[:5])) or "none"
            msg = f"{self._name} is a tar archive without .i3 files; its members: {listed}"
            raise UnsupportedError(msg)
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


class _Stored(io.RawIOBase):
    """The bytes of a member of a tar archive, as a file."""

    def __init__(self, archive: Tar) -> None:
        self._archive = archive

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return self._archive.stored(memoryview(buffer).cast("B"))


def packed(name: str) -> bool:
    """Tell whether a name ends as that of a compressed file."""
    return PurePath(name).suffix in SUFFIXES


def unpacked(file: BinaryIO, name: str) -> tuple[ByteStream, str]:
    """Give the decompressed bytes of an open (peekable) file, and its codec: `raw` only if they are those of the file.

    Raises
    ------
    UnsupportedError
        It is of another format.
    """
    codec = sniff(file.peek(6)[:6])  # type: ignore[attr-defined]
    stream = Ahead(decompress(file, codec), name)
    text = stream.head[:64].lstrip().lower()
    for magic, what in FOREIGN.items():
        if stream.head.startswith(magic) or (magic.startswith(b"<") and text.startswith(magic)):
            msg = f"{name} is no .i3 file but {what}"
            raise UnsupportedError(msg)
    if is_tar(stream.head):
        return Tar(stream, name), "tar" if codec == "raw" else codec
    if is_json(stream.head):
        from icecol.i3.container.alerts import Alerts

        return Alerts(stream, name), "JSON" if codec == "raw" else codec
    return stream, codec


def open_stream(path: str | Path, file: BinaryIO | None = None) -> tuple[ByteStream, BinaryIO, str]:
    """Open a file for reading whatever its compression.

    Parameters
    ----------
    path
        The file.
    file
        The same if it is open already, peekable and at its beginning.

    Returns
    -------
    stream, file, codec
        `stream.readinto` gives the decompressed bytes; close `file` when done.

    Raises
    ------
    UnsupportedError
        The file is of another format, or beyond a limit: also later, as it is read.
    """
    opened = Path(path).open("rb") if file is None else file  # noqa: SIM115
    try:
        stream, codec = unpacked(opened, str(path))
    except BaseException:
        if file is None:
            opened.close()
        raise
    return stream, opened, codec


def decompress(file: BinaryIO, codec: str) -> ByteStream:
    """Give the decompressed bytes of an open (peekable) binary file."""
    if codec == "gzip":
        from isal import igzip_lib

        return Members(
            file,
            codec,
            lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP),
            (igzip_lib.error, EOFError),  # type: ignore[arg-type]
        )
    if codec == "bzip2":
        return Members(file, codec, bz2.BZ2Decompressor, (OSError, ValueError, EOFError))
    if codec == "xz":
        xz = partial(lzma.LZMADecompressor, memlimit=_XZ_MEMORY)
        return Members(file, codec, xz, (lzma.LZMAError, EOFError))
    if codec == "zstd":
        return Zstd(file)
    return Raw(file)


def codec_of(path: str | Path) -> str:
    """Name the codec that a file name asks for when writing: .gz .bz2 .zst .xz, else raw."""
    return SUFFIXES.get(Path(path).suffix, "raw")


def compressor(file: BinaryIO, codec: str, level: int | None = None) -> Any:
    """Give a writable stream that compresses into an open binary file; closing it finishes the stream only."""
    level = LEVELS.get(codec, 0) if level is None else level
    if codec == "gzip":
        import gzip

        return gzip.GzipFile(fileobj=file, mode="wb", compresslevel=level, mtime=0, filename="")
    if codec == "bzip2":
        return bz2.BZ2File(file, "wb", compresslevel=level)
    if codec == "xz":
        return lzma.LZMAFile(file, "wb", preset=level)
    if codec == "zstd":
        import zstandard

        return zstandard.ZstdCompressor(level=level, write_checksum=True).stream_writer(file, closefd=False)
    return _Plain(file)


class _Plain:
    """Write through, and leave the file open when closed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def close(self) -> None:
        self._file.flush()
