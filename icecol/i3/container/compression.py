"""Codecs of files: told apart by their first bytes when reading, by the ending of the name when writing.

Raw, gzip (many members), bzip2 (many streams), Zstandard (many frames) and xz are read and written. A stream that is
cut or damaged gives all bytes before the damage, then one error.
"""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Final, Protocol

from icecol.errors import FormatError, UnsupportedError
from icecol.i3.container.zstd import Zstd

_READ: Final = 1 << 17
_XZ_MEMORY: Final = 2 << 30
"""Bytes that reading an xz stream may take: more than the largest dictionary that `xz` makes asks for (1.5 GiB)."""

MAGIC: Final = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
}

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
                    msg = f"{self._codec} stream needs more than {_XZ_MEMORY >> 30} GiB of memory: recompress it"
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


def packed(name: str) -> bool:
    """Return whether a name ends as that of a compressed file."""
    return PurePath(name).suffix in SUFFIXES


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
