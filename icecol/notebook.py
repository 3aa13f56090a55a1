"""What icecol shows in a notebook: one style of tables in which everything is escaped, whatever names files have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from html import escape
from typing import Final

from icecol.names import plain

_HEIGHT: Final = "24em"
"""Longer tables are scrolled."""
_LEFT: Final = "text-align: left; vertical-align: top; padding-right: 1em"
_RIGHT: Final = "text-align: right; vertical-align: top; padding-right: 1em"


def text(value: object) -> str:
    """Return a value as escaped text without control characters; nothing for None.

    >>> text("<b>"), text(None), text(1234567)
    ('&lt;b&gt;', '', '1,234,567')
    """
    if value is None:
        return ""
    return escape(
        plain(f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value))
    )


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str = "",
    note: str = "",
    numbers: Collection[str] = (),
) -> str:
    """Return an HTML table.

    Parameters
    ----------
    headings
        Column headings, in order.
    rows
        The cells of each row.
    title, note
        Text above and below the table.
    numbers
        Headings of the columns that are right-aligned.

    Examples
    --------
    >>> made = table(["key"], [["<script>"]], title="a < b")
    >>> "a &lt; b" in made, "<script>" in made
    (True, False)
    """
    styles = [_RIGHT if heading in numbers else _LEFT for heading in headings]
    head = "".join(f'<th style="{s}">{text(h)}</th>' for h, s in zip(headings, styles, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f'<td style="{s}">{text(c)}</td>' for c, s in zip(row, styles, strict=True))
        + "</tr>"
        for row in rows
    )
    above = f"<div><b>{text(title)}</b></div>" if title else ""
    below = f"<div>{text(note)}</div>" if note else ""
    inner = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else ""
    return f'<div>{above}<div style="max-height: {_HEIGHT}; overflow: auto">{inner}</div>{below}</div>'


def shortened(names: Sequence[str], most: int = 6) -> str:
    """Join names by commas, of many the first ones and how many there are.

    >>> shortened(["x", "y"]), shortened(["a", "b", "c", "d"], 2)
    ('x, y', 'a, b, ... (4)')
    """
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])}, ... ({len(names):,})"
