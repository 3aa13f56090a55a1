"""Tables on the terminal: one style for everything icecol prints."""

from __future__ import annotations

from collections.abc import Collection

from rich.table import Table


def table(*columns: str, numbers: Collection[str] = (), title: str | None = None) -> Table:
    """Return an empty table without rules: text is left-aligned and wraps, numbers are right-aligned and do not.

    Parameters
    ----------
    columns
        Column headings, in order.
    numbers
        Headings of the numeric columns.
    title
        Title line above the table.

    Examples
    --------
    >>> from rich.console import Console
    >>> made = table("key", "frames", numbers=["frames"])
    >>> made.add_row("I3Geometry", "1")
    >>> Console(width=40).print(made)  # doctest: +NORMALIZE_WHITESPACE
    key         frames
    I3Geometry       1
    """
    made = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        if name in numbers:
            made.add_column(name, justify="right", no_wrap=True)
        else:
            made.add_column(name, overflow="fold")
    return made
