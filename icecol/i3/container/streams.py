"""A file as one stream of bytes, however it is wrapped: in a codec, a tar archive, or alerts of the realtime system.

Other formats that are known by their first bytes are refused by name: they are not damaged.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO, Final

from icecol.errors import FormatError, UnsupportedError
from icecol.i3.container.compression import MAGIC, ByteStream, decompress, sniff
from icecol.i3.container.tar import BLOCK, Tar, is_tar
from icecol.places import place

_JSON: Final = re.compile(rb"(\xef\xbb\xbf)?\s*(\{\s*[\"}]|\[\s*[][{\"\d\-tfn])")
"""How an object or a list begins."""

FOREIGN: Final = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"PAR1": "a Parquet file",
    b"root": "a ROOT file",
    b"SIMPLE  =": "a FITS file",
    b"\x93NUMPY": "a NumPy file",
    b"SQLite format 3\0": "an SQLite database",
    b"PK\x03\x04": "a zip archive (unpack it)",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive (unpack it)",
    b"Rar!\x1a\x07": "a RAR archive (unpack it)",
    b"\x04\x22\x4d\x18": "compressed by lz4 (decompress it)",
    b"\xff\x06\x00\x00sNaPpY": "compressed by snappy (decompress it)",
    b"\x1f\x9d": "compressed by compress (decompress it)",
    b"\x5d\x00\x00": "compressed by lzma (decompress it)",
    **dict.fromkeys((b"x\x01", b"x\x9c", b"x\xda"), "compressed by zlib (decompress it)"),
    **{magic: f"compressed twice: decompressed once, it is still {codec}" for magic, codec in MAGIC.items()},
    b"ARROW1": "an Arrow file",
    b"\x89PNG": "a PNG image",
    b"%pdf": "a PDF document",
    b"\x7fELF": "a program",
    b"version https://git-lfs": "a Git LFS pointer (run `git lfs pull`)",
    b"<!doctype html": "a web page: the download failed",
    b"<html": "a web page: the download failed",
    b"<?xml": "an XML file",
}
"""What other files begin with, in lower case for text."""


_TEXT: Final = bytes(range(32, 127)) + b"\t\n\r\f"
"""What text is made of; frames have zeros, and not only in their first block."""


class Ahead:
    """A stream whose first block was looked at; `head` is what it begins with.

    Errors other than damage get the `name` of the file; damage is reported by whoever knows its frame.
    """

    def __init__(self, stream: ByteStream, name: str) -> None:
        self._stream, self._name = stream, name
        self._failed: str | None = None
        self.head = b""
        block = memoryview(bytearray(BLOCK))
        while len(self.head) < BLOCK:
            try:
                n = self._more(block[: BLOCK - len(self.head)])
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


def is_json(head: bytes) -> bool:
    """Return whether bytes begin as JSON does: an object, or a list. The tag `[i3]` is neither.

    >>> is_json(b' {"value"'), is_json(b"[ {"), is_json(b"[i3]"), is_json(b"{ it")
    (True, True, False, False)
    """
    return _JSON.match(head) is not None


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
        if stream.head.startswith(magic) or (magic[:1] in {b"<", b"%"} and text.startswith(magic)):
            msg = f"{name} is not an .i3 file but {what}"
            raise UnsupportedError(msg)
    if is_tar(stream.head):
        return Tar(stream, name, unpacked), "tar" if codec == "raw" else codec
    if is_json(stream.head):
        from icecol.i3.container.alerts import Alerts

        return Alerts(stream, name), "JSON" if codec == "raw" else codec
    begun = b"[i3]".startswith(stream.head)  # a file that was cut short, or is empty
    if not begun and not stream.head.strip(_TEXT) and b"[i3]" not in stream.head:
        msg = f"{name} is not an .i3 file but text: it begins with {stream.head[:20].decode()!r}"
        if b"," in stream.head.partition(b"\n")[0]:
            msg += (
                "; if it has a row per pulse, read it by pl.read_csv and make a dataset by ic.convert.table"
            )
        raise UnsupportedError(msg)
    return stream, codec


def open_stream(
    path: str | Path, file: BinaryIO | None = None, *, name: str | None = None
) -> tuple[ByteStream, BinaryIO, str]:
    """Open a file for reading whatever its compression.

    Parameters
    ----------
    path
        The file.
    file
        The same if it is open already, peekable and at its beginning.
    name
        What errors call it; by default its path.

    Returns
    -------
    stream, file, codec
        `stream.readinto` gives the decompressed bytes; close `file` when done.

    Raises
    ------
    UnsupportedError
        The file is of another format, or beyond a limit: also later, as it is read.
    """
    opened = place(path).open("rb") if file is None else file
    try:
        stream, codec = unpacked(opened, str(path) if name is None else name)
    except BaseException:
        if file is None:
            opened.close()
        raise
    return stream, opened, codec
