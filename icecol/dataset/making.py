"""One writer at a time: the folder of a dataset that is being made, locked, and swapped in when it is complete."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from icecol.dataset import manifest as manifests
from icecol.dataset import swap
from icecol.dataset.folder import EVENTS, PROGRESS, own
from icecol.dataset.lock import Lock
from icecol.dataset.records import contents
from icecol.errors import DatasetError, UnknownStreamError
from icecol.places import local


@contextmanager
def making(dataset: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Hold a dataset that is to be made, or resume an unfinished one; give the folder to write into.

    A finished dataset that is overwritten stays as it is until the new one is complete: that is made in a hidden folder
    beside it, and the two are exchanged at the end. Where the block fails before any event is recorded, no folder is
    left behind.

    Parameters
    ----------
    overwrite
        Replace a finished dataset. Without it a finished dataset is an error.

    Raises
    ------
    DatasetError
        There is a finished dataset, or a folder that is not a dataset and not empty, or another process is writing it.
    """
    target = local(dataset, "make")
    if not any(Lock.is_held(folder / PROGRESS) for folder in (target, swap.beside(target))):
        swap.settle(target, own(), PROGRESS)
    _refuse(target, overwrite=overwrite)
    folder = swap.beside(target) if (target / manifests.NAME).exists() else target
    new = not folder.exists()
    (folder / PROGRESS).mkdir(
        parents=True, exist_ok=True
    )  # first: it says what the folder is to a job beside
    with Lock(folder / PROGRESS, target) as lock:
        _refuse(target, overwrite=overwrite)  # another process may have finished it just now
        if folder != target and (folder / manifests.NAME).exists():
            swap.empty(folder, keep=PROGRESS)  # of a run that was killed as it exchanged the two
        try:
            (folder / EVENTS).mkdir(exist_ok=True)
            yield folder
            lock.check()
        except BaseException as err:
            if new and (isinstance(err, UnknownStreamError) or not _has_events(folder)):
                shutil.rmtree(folder, ignore_errors=True)
            raise
        if (folder / manifests.NAME).exists():
            try:
                if folder != target:
                    swap.exchange(folder, target, own())
            finally:  # the lock is in it
                shutil.rmtree(target / PROGRESS, ignore_errors=True)


def _has_events(folder: Path) -> bool:
    """Return whether a group of files with events is recorded."""
    return any(content["parts"] for content in contents(folder))


def _refuse(target: Path, *, overwrite: bool) -> None:
    above = next(place for place in (target, *target.absolute().parents) if place.exists())
    if not above.is_dir():
        msg = f"{target} cannot be a dataset, as {above} is a file: a dataset is a folder; choose another name for it"
        raise DatasetError(msg)
    finished = (target / manifests.NAME).exists()
    if finished and not overwrite:
        msg = f"{target} is a finished dataset: choose another folder, or overwrite it (`overwrite=True`, --overwrite)"
        raise DatasetError(msg)
    if finished and _is_blind(target):
        msg = f"{target} is blind, and would not be if overwritten: `ic.unblind` it first, or choose another folder"
        raise DatasetError(msg)
    if not finished and target.is_dir() and not (target / PROGRESS).is_dir() and any(target.iterdir()):
        found = ", ".join(sorted(repr(p.name) for p in target.iterdir())[:5])
        msg = f"{target} is neither a dataset nor empty (it has {found}): choose another folder"
        raise DatasetError(msg)


def _is_blind(target: Path) -> bool:
    try:
        return manifests.read(target / manifests.NAME).blinding.active
    except (DatasetError, OSError):
        return False  # damaged, or of another version: it may be overwritten
