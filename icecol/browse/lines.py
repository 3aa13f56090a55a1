"""The lines of text above the panes of the browser: the files, and the current frame."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from icecol.browse.cells import utc
from icecol.browse.index import DAMAGE, HEADER, Entry, Index
from icecol.browse.strip import COLOURS, INK, colour
from icecol.errors import IcecolError
from icecol.i3.frames.frame import STOPS, Frame
from icecol.names import plain


def title(index: Index, width: int, wanted: str = "") -> Text:
    """Return the names of the files (in `width` characters), what is known about them, and the search in progress."""
    names = ", ".join(path.name for path in index.paths[:3]) + (", ..." if len(index.paths) > 3 else "")
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(
        plain(names) if len(names) <= width else f"{names[: width - 9]}...{names[-6:]}", "bold #ffffff"
    )
    codecs = "+".join(dict.fromkeys(filter(None, index.codecs)))
    text.append(f"  {codecs} {size(index.bytes)}   ", "#7c8496")
    counts = index.counts()
    bad = counts.pop(DAMAGE, 0)
    n = sum(counts.values())
    text.append(f"{n:,} frame{'s' * (n != 1)}", "#c8ccd4")
    for stop, count in counts.items():
        text.append(f"  {count:,} ", "#7c8496").append(stop, f"bold {colour(stop)}")
    if bad:
        text.append(f"  {bad:,} damaged", f"bold {COLOURS[DAMAGE]}")
    if not index.done:
        share = index.bytes_read / max(index.bytes, 1)
        text.append(f"   indexing {share:.0%} ", "#e0b060").append("━" * round(10 * share), "#e0b060")
        text.append("━" * (10 - round(10 * share)), "#333d52")
    if wanted:
        text.append(f"   looking for {wanted} ...", "#e0b060")
    return text


def frame_line(entry: Entry, frame: Frame | None, *, name_file: bool) -> Text:
    """Return the stop, event, number of objects and position of a frame."""
    text = Text(no_wrap=True, overflow="ellipsis")
    name = "damaged" if entry.stop == DAMAGE else STOPS.get(entry.stop, "stop of the user's own")
    text.append(f" {entry.stop} ", f"bold {INK} on {colour(entry.stop)}").append(f" {name}", "bold #ffffff")
    if frame is not None and HEADER in frame:
        text.append(plain(_header(frame)), "#c8ccd4")
    if frame is not None and entry.stop != DAMAGE:
        own = len(frame.own_keys())
        text.append(f"   {own:,} own, {len(frame) - own:,} inherited", "#7c8496")
    where = f"{entry.path.name} byte " if name_file else "byte "
    text.append(f"   {f'{size(entry.size)} ' if entry.size else ''}at {where}{entry.offset:,}", "#7c8496")
    return text


def size(n: int) -> str:
    """Format a number of bytes.

    Examples
    --------
    >>> size(17), size(123456), size(2 * 10**9)
    ('17 B', '123 kB', '2.0 GB')
    """
    for unit, number in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n >= number:
            return f"{n / number:.1f} {unit}" if n < 100 * number else f"{n / number:.0f} {unit}"
    return f"{n} B"


def class_of(frame: Frame, key: str) -> str:
    """Return the class of an object, or the name of its type where it cannot be read."""
    try:
        return frame.class_name(key)
    except IcecolError:
        return frame.type_name(key)


def _header(frame: Frame) -> str:
    """Return which event a frame belongs to, in words."""
    try:
        header: Any = frame[HEADER]
        event = (
            f"{header.event_id}"
            if header.sub_event_id is None
            else f"{header.event_id}.{header.sub_event_id}"
        )
        stream = f"   {header.sub_event_stream}" if header.sub_event_stream else ""
        time = utc(header.start_time.utc_year, header.start_time.utc_daq_time)[:19]
    except (IcecolError, AttributeError):
        return "   (header cannot be read)"
    return f"   run {header.run_id} event {event}{stream}   {time}"
