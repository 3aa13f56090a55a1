"""One writer at a time: a lock file in the folder of a dataset that is being made."""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from icecol.errors import DatasetError

NAME: Final = "lock"
HEARTBEAT: Final = 15.0
"""Seconds between heartbeats of a writer: updates of the modification time of its lock file."""
STALE: Final = 300.0
"""Seconds without a heartbeat after which a lock counts as stale, left by a killed writer."""


class Lock:
    """Lock a folder against other writers, on this machine or others that share its file system.

    A stale lock is taken over with a warning: its process is no longer running (on this machine), or has given no
    heartbeat for five minutes (on another).

    Parameters
    ----------
    folder
        Folder of the lock file; it must exist.
    what
        What is locked, for the messages.

    Raises
    ------
    DatasetError
        If another process holds the lock; the message says which one, since when, and what to do.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with Lock(folder, folder):
    ...     [p.name for p in folder.iterdir()]
    ['lock']
    >>> list(folder.iterdir())
    []
    """

    def __init__(self, folder: Path, what: Path) -> None:
        self.path = folder / NAME
        self._what = what
        self._token = secrets.token_hex(8)
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        while not self._create():
            self._take_over()
        threading.Thread(target=self._beat, name="icecol lock", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._is_mine():
            self.path.unlink(missing_ok=True)

    def check(self) -> None:
        """Check that no other process has taken over the lock, as can happen if this one was suspended.

        Raises
        ------
        DatasetError
            If another process has.
        """
        if not self._is_mine():
            msg = (
                f"another process took over {self._what}, as this one gave no sign of life for {STALE:.0f} s: "
                "wait until it has finished, or run again"
            )
            raise DatasetError(msg)

    @staticmethod
    def is_held(folder: Path) -> bool:
        """Return whether a living process holds the lock of a folder."""
        try:
            age = time.time() - (folder / NAME).stat().st_mtime
        except OSError:
            return False
        return not _is_stale(age, _holder(folder / NAME))

    def _create(self) -> bool:
        content = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
            "token": self._token,
        }
        self.path.parent.mkdir(exist_ok=True)  # a writer that has just finished removes it
        try:
            descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file)
        return True

    def _take_over(self) -> None:
        """Remove a stale lock, or raise an error that says who holds it."""
        try:
            age = time.time() - self.path.stat().st_mtime
        except FileNotFoundError:
            return  # released just now
        holder = _holder(self.path)
        who = (
            f"process {holder.get('pid', '?')} on {holder.get('host', '?')}, since {holder.get('since', '?')}"
        )
        if not _is_stale(age, holder):
            msg = (
                f"{self._what} is being written by another process ({who}): wait until it has finished, or choose "
                f"another folder; if that process is not running any more, remove {self.path}"
            )
            raise DatasetError(msg)
        aside = self.path.with_name(f"{NAME}-{self._token}")
        try:
            self.path.rename(aside)
        except FileNotFoundError:
            return  # another process removed it
        if _holder(aside).get("token") != holder.get("token"):
            aside.rename(self.path)  # another process was faster, and this is its lock
            return
        aside.unlink()
        msg = f"{self._what}: taking over from {who}, which is not running any more or gives no sign of life"
        warnings.warn(msg, stacklevel=6)

    def _is_mine(self) -> bool:
        return bool(_holder(self.path).get("token") == self._token)

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            try:
                if self._is_mine():
                    os.utime(self.path)
            except OSError:
                continue  # it may be the disk: the next sign may come through


def _holder(path: Path) -> dict[str, Any]:
    """Return the contents of a lock file; empty if it is gone or being written."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_stale(age: float, holder: dict[str, Any]) -> bool:
    here = holder.get("host") == socket.gethostname()
    return age >= STALE or (here and not _is_running(int(holder.get("pid", 0))))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


__all__ = ["Lock"]
