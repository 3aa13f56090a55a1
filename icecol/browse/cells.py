"""Values as the text of a single cell."""

from __future__ import annotations

import datetime as dt
from enum import IntEnum
from typing import Any

import numpy as np

from icecol.i3.archive import Alternative, Record


def bare(value: Any) -> Any:
    """Unwrap a value: from an I3Vector, or an alternative of a variant."""
    while True:
        if isinstance(value, Alternative) or (isinstance(value, Record) and value.names == ("value",)):
            value = value.value
        else:
            return value


def exact(value: Any) -> str:
    """Format a value for one cell, numbers with all digits.

    Examples
    --------
    >>> exact(1 / 3), exact(2.0), exact("text")
    ('0.3333333333333333', '2.0', 'text')
    """
    value = bare(value)
    return str(value) if isinstance(value, float | np.floating) else cell(value)


def cell(value: Any) -> str:
    """Format a value for one cell, numbers with 7 digits.

    Examples
    --------
    >>> cell(1 / 3), cell(np.float32(0.1)), cell([1, 2]), cell(None)
    ('0.3333333', '0.1', '2 values', '-')
    """
    value = bare(value)
    if isinstance(value, np.generic):
        value = value.item()
    match value:
        case None:
            return "-"
        case IntEnum():
            return f"{enum_name(value)} ({int(value)})"
        case bool() | int():
            return str(value)
        case float():
            return f"{value:.7g}"
        case str():
            return "".join(c if c.isprintable() else "·" for c in value)
        case tuple():
            return f"({', '.join(enum_name(part) if isinstance(part, IntEnum) else cell(part) for part in value)})"
        case Record():
            return _summary(value)
        case np.ndarray() if value.ndim == 1 and not value.dtype.names and value.size:
            return f"[{', '.join(map(cell, value[:3]))}" + (
                f", ... {value.size:,} values]" if value.size > 3 else "]"
            )
        case dict():
            return count(len(value), "entry", "entries")
        case list() | np.ndarray():
            kind = value[0].i3class if len(value) and isinstance(value[0], Record) else ""
            return f"{len(value):,} {kind}" if kind else count(len(value), "value")
    return str(value)


def enum_name(value: Any) -> str:
    """Return the name of an enumerated value; other values as text."""
    return value.name if isinstance(value, IntEnum) else str(value)


def count(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun, whose plural ends in s unless given by `many`."""
    return f"{n:,} {one}" if n == 1 else f"{n:,} {many or one + 's'}"


def _summary(value: Record) -> str:
    """Format a small record for one cell; others show the name of their class."""
    match value.i3class:
        case "I3Position":
            return f"({', '.join(f'{v:.2f}' for v in (value.x, value.y, value.z))})"
        case "I3Direction" if value.zenith is not None:
            return f"zenith {np.degrees(value.zenith):.2f}°, azimuth {np.degrees(value.azimuth):.2f}°"
        case "I3Time":
            return utc(value.utc_year, value.utc_daq_time)
    return value.i3class


def utc(year: int, tenths: int) -> str:
    """Format a time in tenths of ns since the start of a year (leap seconds aside).

    Examples
    --------
    >>> utc(2014, 108790874074311225)
    '2014-05-06 21:58:07.4074311225'
    """
    seconds, rest = divmod(tenths, 10**10)
    if not 1 <= year <= 9999:
        return f"year {year}, {tenths} tenths of ns"
    begin = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
    return f"{begin + dt.timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}.{rest:010d}"
