"""Names of keys and columns, as they come from files: which patterns they match, and how they are printed."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache


@lru_cache(maxsize=65536)
def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a name matches one of several shell patterns (`*`, `?`, `[...]`), or is one of them literally.

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


def plain(text: str) -> str:
    r"""Write characters that would control a terminal, or change the direction of writing, as escapes.

    Line breaks stay.

    >>> plain("Fit\x1b[31m")
    'Fit\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
