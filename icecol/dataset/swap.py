"""Replacing a dataset by a new one made beside it, such that one of the two is complete at any time."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

from icecol.dataset import manifest as manifests

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2


def beside(dataset: Path) -> Path:
    """Return the hidden folder in which the replacement of a dataset is made."""
    return dataset.absolute().with_name(f".{dataset.absolute().name}.new")


def _before(dataset: Path) -> Path:
    """Return the hidden folder of a dataset that is being replaced."""
    return dataset.absolute().with_name(f".{dataset.absolute().name}.old")


def exchange(new: Path, dataset: Path, own: Collection[str]) -> None:
    """Put a complete new dataset in the place of an old one, and remove the old one.

    Files that do not belong to the old dataset (those that are not in `own`) move into the new one.
    """
    old = new
    if not _at_once(new, dataset):
        old = _before(dataset)
        dataset.rename(old)
        new.rename(dataset)
    _clear(old, dataset, own)


def settle(dataset: Path, own: Collection[str], progress: str) -> None:
    """Complete an exchange that was interrupted: one of two steps, or before the old dataset was removed.

    Parameters
    ----------
    own
        As for `exchange`.
    progress
        Name of the folder that a new dataset has until the exchange is complete.
    """
    old, new = _before(dataset), beside(dataset)
    if old.is_dir():
        if not dataset.exists():
            (new if (new / manifests.NAME).exists() else old).rename(dataset)
        if old.is_dir():
            _clear(old, dataset, own)
    if (
        (new / manifests.NAME).exists()
        and not (new / progress).exists()
        and (dataset / manifests.NAME).exists()
    ):
        _clear(new, dataset, own)  # exchanged at once: it is the old one


def empty(folder: Path, keep: str) -> None:
    """Remove everything in a folder except one entry."""
    for path in folder.iterdir():
        if path.name == keep:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _clear(old: Path, dataset: Path, own: Collection[str]) -> None:
    for path in old.iterdir():
        if path.name not in own and not os.path.lexists(dataset / path.name):
            path.rename(dataset / path.name)
    shutil.rmtree(old, ignore_errors=True)


def _at_once(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, if the system and the file system support it."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if call is None:
        return False
    if call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}:
        return False
    raise OSError(number, os.strerror(number), str(other))


__all__ = ["beside", "empty", "exchange", "settle"]
