"""Python's collector of garbage, paused where many objects are made at once that all stay.

It walks over all objects that it knows, again and again while they become more, and finds nothing to free.
"""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Iterator

_lock = threading.Lock()
_pauses = 0
_was_on = False


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Pause the collector, in all threads, until the last of those that asked for it is done.

    >>> with paused():
    ...     gc.isenabled()
    False
    """
    global _pauses, _was_on  # noqa: PLW0603 (there is one collector)
    with _lock:
        if not _pauses:
            _was_on = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if not _pauses and _was_on:
                gc.enable()


__all__ = ["paused"]
