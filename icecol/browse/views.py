"""The objects of a frame as tables: their pulses, their members, and their bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from icecol.browse.table import Column, View
from icecol.browse.values import look
from icecol.errors import FormatError, IcecolError
from icecol.i3.archive import Record
from icecol.i3.classes import CLASSES
from icecol.i3.frames.frame import Frame
from icecol.i3.pulses.batch import PULSE_CLASSES
from icecol.i3.pulses.series import PulseSeries


def views(frame: Frame, key: str, *, width: int = 16) -> dict[str, Callable[[], View]]:
    """Return the views of an object, best first.

    Parameters
    ----------
    frame : Frame
    key : str
        One of its keys.
    width : int
        Bytes in a line of the hex dump.

    Returns
    -------
    dict
        `pulses` for pulse series, `members` for objects of a known layout, `bytes` for everything; each is a
        function that makes the view.
    """
    try:
        name = frame.class_name(key)
    except FormatError:
        name = ""
    found: dict[str, Callable[[], View]] = {}
    if name in PULSE_CLASSES:
        found["pulses"] = lambda: pulses_view(frame, key)
    if name in CLASSES:
        found["members"] = lambda: look(frame[key], name)
    found["bytes"] = lambda: _unread(frame, key, name, width)
    return found


def _unread(frame: Frame, key: str, name: str, width: int) -> View:
    blob = frame.raw(key)
    why = "" if name in CLASSES else f"no layout of {name or frame.type_name(key)} is known"
    return hex_view(blob, width=width, note=why)


def pulses_view(frame: Frame, key: str) -> View:
    """Show the pulses under a key, one per row, with masks and unions applied.

    Raises
    ------
    MissingColumnError, FormatError
        They cannot be resolved: the source of a mask is missing or does not match it.
    """
    pulses = frame.pulses(key)
    obj = frame[key]
    note = _sum(pulses)
    if isinstance(obj, Record) and obj.i3class == "I3RecoPulseSeriesMapMask":
        note += f"; {len(pulses):,} of {len(frame.pulses(obj.source)):,} of {obj.source!r}"
    elif isinstance(obj, Record) and obj.i3class == "I3RecoPulseSeriesMapUnion":
        note += f"; union of {', '.join(map(repr, obj.sources))}"
    string, om, pmt = pulses.string, pulses.om, pulses.pmt
    has_pmt = bool(pmt.any())

    def cells(i: int) -> tuple[str, ...]:
        flags = int(pulses.flags[i])
        return (
            *(str(k[i]) for k in ((string, om, pmt) if has_pmt else (string, om))),
            f"{pulses.time[i]:.1f}",
            f"{pulses.charge[i]:.3f}",
            f"{pulses.width[i]:.1f}",
            " ".join(name for bit, name in _FLAGS if flags & bit) or "-",
        )

    keys = [Column(name, right=True) for name in ("string", "om", "pmt")[: 3 if has_pmt else 2]]
    numbers = [
        Column("time", "ns", right=True),
        Column("charge", "PE", right=True),
        Column("width", "ns", right=True),
    ]
    columns = (*keys, *numbers, Column("flags"))
    return View(columns, len(pulses), cells, note=note, profile=_charge_over_time(pulses))


_FLAGS: Final = ((1, "LC"), (2, "ATWD"), (4, "FADC"))


def _sum(pulses: PulseSeries) -> str:
    n = len(pulses)
    if not n:
        return "no pulses"
    total = float(pulses.charge.sum(dtype=np.float64))
    sensors = np.unique(pulses.omkey).size
    begin, end = float(pulses.time.min()), float(pulses.time.max())
    return (
        f"{n:,} pulse{'s' * (n > 1)} on {sensors:,} sensor{'s' * (sensors > 1)}, {total:,.1f} PE, "
        f"{begin:,.0f} to {end:,.0f} ns"
    )


def _charge_over_time(pulses: PulseSeries) -> npt.NDArray[np.float64]:
    """Return the charge in 240 bins between the first and the last pulse, 1 % of them left out at either end."""
    time = pulses.time[np.isfinite(pulses.time)]
    if len(pulses) < 2 or time.size < len(pulses):
        return np.zeros(0)
    begin, end = np.quantile(time, [0.01, 0.99])
    return np.histogram(time, 240, (begin, max(end, begin + 1)), weights=pulses.charge)[0].astype(np.float64)


def hex_view(blob: bytes, *, width: int = 16, offset: int = 0, note: str = "", wrong: bool = False) -> View:
    """Show bytes in hexadecimal and as text.

    Examples
    --------
    >>> hex_view(b"[i3] frame", width=8).lines()
    [('00000000', '5b 69 33 5d 20 66 72 61', '[i3] fra'), ('00000008', '6d 65', 'me')]
    """

    def cells(i: int) -> tuple[str, ...]:
        part = blob[i * width : (i + 1) * width]
        readable = "".join(chr(b) if 32 <= b < 127 else "·" for b in part)
        return f"{offset + i * width:08x}", part.hex(" "), readable

    size = f"{len(blob):,} bytes"
    return View(
        (Column("offset"), Column("bytes"), Column("text")),
        -(-len(blob) // width),
        cells,
        note=note if wrong else f"{size}: {note}" if note else size,
        wrong=wrong,
    )


def failed(error: IcecolError) -> View:
    """Say why there is nothing to see."""
    return View((), 0, lambda _: (), note=str(error), wrong=True)
