"""Consoles and tables of rich that show names from files as they are: no markup, no control characters."""

from __future__ import annotations

from typing import Any

from rich.console import Console, ConsoleRenderable, RichCast
from rich.table import Table
from rich.text import Text

from icecol.names import plain


class PlainConsole(Console):
    """A console that prints text as it is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print text, or what rich renders."""
        rendered = (ConsoleRenderable, RichCast)
        super().print(*(o if isinstance(o, rendered) else plain(str(o)) for o in objects), **options)


class PlainTable(Table):
    """A table whose cells of text are shown as they are."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Add a row."""
        super().add_row(*(text(c) if isinstance(c, str) else c for c in cells), **options)


def text(value: str) -> Text:
    r"""Return text as it is.

    >>> text("[b]a\x1b").plain
    '[b]a\\x1b'
    """
    return Text(plain(value))


__all__ = ["PlainConsole", "PlainTable", "text"]
