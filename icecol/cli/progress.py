"""Progress where there is no terminal: a line in the log from time to time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from icecol.cli.program import stderr

EVERY: Final = 30.0
"""Seconds between two lines."""


@contextmanager
def lines(what: str, total: int) -> Iterator[Callable[..., None]]:
    """Give a function to call with the number of things done, and a remark; it writes a line now and then.

    On a terminal it writes nothing, as there is a progress bar, or a line for each thing anyway.
    """
    begin = last = time.monotonic()
    done = 0

    def count(n: int, remark: str = "") -> None:
        nonlocal done, last
        done += n
        now = time.monotonic()
        if not stderr.is_terminal and now - last >= EVERY:
            last = now
            more = f", {remark}" if remark else ""
            stderr.print(f"icecol: {done} of {total} {what} in {now - begin:.0f} s{more}")

    yield count
