"""Identities of new particles, given as IceTray gives them: a number for the process and a serial number in it."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from itertools import count


@cache
def _of_process(pid: int) -> tuple[int, Iterator[int]]:
    name = f"{time.time_ns()} {pid} {uuid.getnode()}"
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little"), count()


def major_id() -> int:
    """Return the number of this process: another one in each process, also after a fork."""
    return _of_process(os.getpid())[0]


def minor_id() -> int:
    """Return the next serial number of this process."""
    return next(_of_process(os.getpid())[1])
