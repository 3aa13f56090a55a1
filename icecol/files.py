"""Writing files whole or not at all (aside, synced to disk, then renamed), and checksums taken on the way through.

Every file that icecol makes is written this way, so that neither an error nor a crash leaves half a file under its
name. What is at the path before stays there until the new file is complete.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, Self

import google_crc32c
import numpy as np

from icecol.places import is_remote, local, place
from icecol.stores import Object, Status

SUFFIX: Final = ".tmp"
"""Ending of the hidden files that are still being written."""

_NO_SYNC: Final = frozenset(
    {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES, errno.EPERM, errno.EISDIR}
)
"""How a file system says that a folder cannot be synced, or opened for it: the file itself is on disk all the same."""
_OF_WRITING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""Errors without a file name that can only come from the file being written."""
_SHOWN: Final = 5
_NAME: Final = 50
"""Characters of the target's name in that of the temporary file: names have a maximum length."""


@contextmanager
def whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a hidden path beside `path` to write to; after the block the file has its name, after an error it is gone.

    A link is followed. A pipe or device is written to directly.

    Raises
    ------
    OSError
        Of writing: it names `path`, not the hidden file. Where nothing can be written, before the block begins.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.txt"
    >>> with whole(path) as aside:
    ...     _ = aside.write_text("complete")
    >>> path.read_text(), [p.name for p in path.parent.iterdir()]
    ('complete', ['a.txt'])
    """
    target = local(path)
    if target.exists() and not target.is_file() and not target.is_dir():
        yield target
        return
    aside = temporary(target)
    _try_to_write(aside, target)
    try:
        yield aside
        commit(aside, target)
    except OSError as err:
        aside.unlink(missing_ok=True)
        if _is_of(err, aside):
            raise _naming(err, aside, target) from err
        raise
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a hidden folder beside `path` to write into; after the block it has its name, after an error it is gone.

    Raises
    ------
    OSError
        There is something at the path already that is not an empty folder, or nothing can be written there.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "tables"
    >>> with whole_folder(path) as aside:
    ...     _ = (aside / "a.txt").write_text("complete")
    >>> [p.name for p in path.iterdir()]
    ['a.txt']
    """
    target = local(path)
    if target.exists() and not target.is_dir():
        text = "there is a file of that name, and this makes a folder: choose another name"
        raise NotADirectoryError(errno.ENOTDIR, text, str(target))
    if target.is_dir() and any(target.iterdir()):
        inside = ", ".join(repr(p.name) for p in sorted(target.iterdir())[:_SHOWN])
        text = f"the folder is not empty (it has {inside}): choose another one, or remove it"
        raise FileExistsError(errno.EEXIST, text, str(target))
    aside = temporary(target)
    try:
        aside.mkdir()
    except OSError as err:
        raise _naming(err, aside, target) from err
    try:
        yield aside
        for inside_it in aside.rglob("*"):
            _sync(inside_it)
        aside.replace(_place(target))
        _sync_folder(_place(target).parent)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def write(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a small file whole or not at all; see `whole`."""
    with whole(path) as aside:
        aside.write_bytes(content)


def temporary(target: Path) -> Path:
    """Make up the hidden name under which `target` is written until it is complete."""
    place = _place(target)
    return place.with_name(f".{place.name[:_NAME]}.{os.getpid()}-{secrets.token_hex(3)}{SUFFIX}")


def commit(aside: Path, target: Path) -> None:
    """Sync a file that was written under its `temporary` name and give it its own."""
    place = _place(target)
    try:
        _sync(aside)
        aside.replace(place)
        _sync_folder(place.parent)
    except OSError as err:
        raise _naming(err, aside, target) from err


def _place(target: Path) -> Path:
    return Path(os.path.realpath(target)) if target.is_symlink() else target


def _is_of(err: OSError, aside: Path) -> bool:
    named = err.filename is not None and Path(os.fsdecode(err.filename)) == aside
    return named or str(aside) in str(err) or (err.filename is None and err.errno in _OF_WRITING)


def _try_to_write(aside: Path, target: Path) -> None:
    """Raise what would be raised at the end, after all the work, or by a library that tells less."""
    if target.is_dir():
        text = "this is a folder: give the name of a file"
        raise IsADirectoryError(errno.EISDIR, text, str(target))
    try:
        aside.touch()
        aside.unlink()
    except OSError as err:
        raise _naming(err, aside, target) from err


def _naming(err: OSError, aside: Path, target: Path) -> OSError:
    """Make the same error of the file that was to be written, saying what to do where that is known."""
    folder = _place(target).parent
    if err.errno == errno.ENOENT and not folder.exists():
        return FileNotFoundError(
            errno.ENOENT, f"there is no folder {str(folder)!r}: make it first", str(target)
        )
    if err.errno == errno.ENOTDIR:
        return NotADirectoryError(errno.ENOTDIR, f"{str(folder)!r} is not a folder", str(target))
    if err.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        text = f"nothing may be written into the folder {str(folder)!r} ({err.strerror}): choose another one"
        return OSError(err.errno, text, str(target))
    text = (err.strerror or str(err)).replace(str(aside), str(target))
    return OSError(err.errno if err.errno is not None else errno.EIO, text, str(target))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Sync the entry of a renamed file, where the file system can."""
    try:
        _sync(folder)
    except OSError as err:
        if err.errno not in _NO_SYNC:
            raise


# -- checksums --------------------------------------------------------------------------------------------------------


class Checked(io.RawIOBase):
    """A binary file that takes the checksum (CRC-32C) of all bytes that are read or written through it, each once.

    Going back and reading bytes again does not change it.

    Examples
    --------
    >>> file = Checked(io.BytesIO(b"123456789"))
    >>> file.read()
    b'123456789'
    >>> file.size, file.checksum
    (9, 'crc32c:e3069283')
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._at = 0
        self._crc = 0
        self.size = 0
        """Bytes that the checksum covers."""

    @property
    def checksum(self) -> str:
        """Algorithm and value."""
        return f"crc32c:{self._crc:08x}"

    def readable(self) -> bool:
        """Return whether it can be read."""
        return bool(self._file.readable())

    def writable(self) -> bool:
        """Return whether it can be written."""
        return bool(self._file.writable())

    def seekable(self) -> bool:
        """Return whether it can go back."""
        return self.readable()

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer and return how many bytes were put there."""
        n = int(self._file.readinto(buffer) or 0)
        self._through(memoryview(buffer).cast("B")[:n])
        return n

    def write(self, data: Any, /) -> int:
        """Write all bytes."""
        view = memoryview(data).cast("B")
        left = view
        while left:
            left = left[self._file.write(left) :]  # an unbuffered file may take a part of it
        self._through(view)
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go back to bytes that were read, or forward, reading what lies between."""
        to = offset if whence == os.SEEK_SET else self._at + offset
        if whence == os.SEEK_END or to < 0:
            msg = "a file whose checksum is taken is read from its beginning, not from its end"
            raise io.UnsupportedOperation(msg)
        self._at = self._file.seek(min(to, self.size))
        while self._at < to and self.read(min(to - self._at, _BLOCK)):
            pass
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()

    def _through(self, data: memoryview) -> None:
        self._at += len(data)
        new = self._at - self.size
        if new > 0:
            # the library takes an array without a copy, but not a memoryview
            self._crc = int(google_crc32c.extend(self._crc, np.frombuffer(data[-new:], np.uint8)))
            self.size = self._at


_BLOCK: Final = 1 << 20


class Facts(NamedTuple):
    """What was found out about an input file while it was read."""

    size: int
    modified: int
    """Time of the last change, in nanoseconds since 1970."""
    checksum: str


class Input:
    """An input file, or an object of a store, that is read once, whole, with its checksum taken on the way.

    Raises
    ------
    ValueError
        It is a pipe or a device.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.i3"
    >>> _ = path.write_bytes(b"123456789")
    >>> with Input(path) as one:
    ...     _ = one.file.read(3)
    ...     one.finish().checksum
    'crc32c:e3069283'
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = place(path)
        if not is_remote(self.path) and self.path.exists() and not self.path.is_file():
            msg = f"{self.path} is not a regular file: it is read in pieces and by several processes; save it to a file"
            raise ValueError(msg)
        raw: Any = self.path.open("rb", buffering=0)
        self._checked = Checked(raw)
        self._before = raw.before if isinstance(raw, Object) else os.fstat(raw.fileno())
        self.file: BinaryIO = io.BufferedReader(self._checked, _BUFFER)
        """What it is read through."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def finish(self) -> Facts:
        """Read what is left of it and return the facts.

        Raises
        ------
        OSError
            The file has changed since it was opened.
        """
        while self.file.read(_BLOCK):
            pass
        before: Any = self._before
        after: Any = self.path.stat(fresh=True) if is_remote(self.path) else self.path.stat()
        found = [
            s if isinstance(s, Status) else (s.st_size, s.st_mtime_ns, s.st_ino, s.st_dev)
            for s in (before, after)
        ]
        if found[0] != found[1] or self._checked.size != before.st_size:
            msg = (
                f"{self.path} changed while it was being read (it had {before.st_size:,} bytes and now has "
                f"{after.st_size:,}): nothing of it is recorded; run again when it is complete"
            )
            raise OSError(msg)
        return Facts(before.st_size, before.st_mtime_ns, self._checked.checksum)


_BUFFER: Final = 1 << 17


def distinct(paths: Iterable[Path]) -> list[Path]:
    """Leave out files that were given before, perhaps by another spelling of their path or through a link.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> (folder / "a.i3").touch(), (folder / "b.i3").symlink_to("a.i3")
    (None, None)
    >>> [path.name for path in distinct([folder / "a.i3", folder / "b.i3", folder / "." / "a.i3"])]
    ['a.i3']
    """
    found: dict[object, Path] = {}
    for path in paths:
        if is_remote(path):
            found.setdefault(path.url, place(path))
            continue
        status = path.stat() if path.exists() else None
        linked = status is not None and status.st_nlink > 1
        found.setdefault(
            (status.st_dev, status.st_ino) if status and linked else os.path.realpath(path), path
        )
    return list(found.values())


def checksum(path: str | os.PathLike[str]) -> str:
    """Read a file and return its checksum, as in `crc32c:e3069283`."""
    with Input(path) as one:
        return one.finish().checksum


__all__ = [
    "Checked",
    "Facts",
    "Input",
    "checksum",
    "commit",
    "distinct",
    "temporary",
    "whole",
    "whole_folder",
    "write",
]
