"""One process compiles a function: others that need it wait, and find it on disk."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Final

LONGEST: Final = 300.0
"""Seconds after which a process waits no longer, and compiles the function itself."""


def take(path: Path) -> tuple[int, bool] | None:
    """Lock a file that is about to be made; return a handle for `give_back`, and whether another process held the lock.

    Return None where files cannot be locked, or after `LONGEST`.
    """
    try:
        import fcntl

        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(_lock(path), os.O_CREAT | os.O_RDWR, 0o666)
    except (ImportError, OSError):
        return None
    waited, end = False, time.monotonic() + LONGEST
    while time.monotonic() < end:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = True
            time.sleep(0.05)
        except OSError:
            break
        else:
            return handle, waited
    os.close(handle)
    return None


def give_back(path: Path, handle: int) -> None:
    """Let the next process go on."""
    with contextlib.suppress(OSError):
        _lock(path).unlink(missing_ok=True)
    os.close(handle)


def _lock(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")
