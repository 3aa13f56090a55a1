"""Processors that machine code is made for: this one, or all that have the instructions of x86-64-v3."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Final

from llvmlite.binding import get_host_cpu_features

NAME: Final = "x86-64-v3"
_INSTRUCTIONS: Final = (
    "avx",
    "avx2",
    "bmi",
    "bmi2",
    "cx16",
    "f16c",
    "fma",
    "lzcnt",
    "movbe",
    "popcnt",
    "sse4.2",
)
FEATURES: Final = ",".join(f"+{i}" for i in _INSTRUCTIONS)
PORTABLE: Final = {"NUMBA_CPU_NAME": NAME, "NUMBA_CPU_FEATURES": FEATURES}
"""Environment of a process that makes code for all processors with these instructions (Intel 2013, AMD 2015)."""


def targets(codegen: Any) -> Iterator[tuple[str, ...]]:
    """Yield descriptions of what this process can run: first what it makes itself, then what others may have made."""
    triple, name, features = codegen.magic_tuple()
    yield triple, name, features
    if (name, features) != (NAME, FEATURES) and _runs_portable():
        yield triple, NAME, FEATURES


@functools.cache
def _runs_portable() -> bool:
    found = get_host_cpu_features()
    return all(found.get(i, False) for i in _INSTRUCTIONS)
