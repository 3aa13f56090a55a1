"""Writing files whole or not at all: aside, synced to disk, then renamed.

Every file that icecol makes is written this way, so that neither an error nor a crash leaves half a file under its
name. What is at the path before stays there until the new file is complete.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SUFFIX: Final = ".tmp"
"""Ending of the hidden files that are still being written."""

_NO_SYNC: Final = frozenset(
    {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES, errno.EPERM, errno.EISDIR}
)
"""How a file system says that a folder cannot be synced, or opened for it: the file itself is on disk all the same."""
_OF_WRITING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""Errors without a file name that can only come from the file being written."""
_NAME: Final = 50
"""Characters of the target's name in that of the temporary file: names have a maximum length."""


@contextmanager
def whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a hidden path beside `path` to write to; after the block the file has its name, after an error it is gone.

    A link is followed. A pipe or device is written to directly.

    Raises
    ------
    OSError
        Of writing: it names `path`, not the hidden file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.txt"
    >>> with whole(path) as aside:
    ...     _ = aside.write_text("complete")
    >>> path.read_text(), [p.name for p in path.parent.iterdir()]
    ('complete', ['a.txt'])
    """
    target = Path(path)
    if target.exists() and not target.is_file() and not target.is_dir():
        yield target
        return
    aside = temporary(target)
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


def _naming(err: OSError, aside: Path, target: Path) -> OSError:
    """Make the same error of the file that was to be written."""
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


__all__ = ["commit", "temporary", "whole", "write"]
