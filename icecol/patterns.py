"""Glob patterns for the names of keys and columns."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache


@lru_cache(maxsize=65536)
def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether a name matches one of several shell patterns (`*`, `?`, `[...]`), or is one of them literally.

    A name may hold brackets itself: it is found by that name, and what begins with it by that name and a `*`.

    >>> (
    ...     matches("LineFit", ("SPE*", "Line*")),
    ...     matches("Fit[1]", ("Fit[1]",)),
    ...     matches("Fit[1].x", ("Fit[1].*",)),
    ... )
    (True, True, True)
    """
    return any(
        name == pattern
        or (pattern.endswith("*") and name.startswith(pattern[:-1]))
        or fnmatchcase(name, pattern)
        for pattern in patterns
    )
