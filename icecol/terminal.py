"""What icecol prints on a terminal; rich, which takes as long to load as all else, is loaded for what is printed."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console
    from rich.table import Table


class Terminal:
    """A console that prints text as it is, without markup and control characters.

    Parameters
    ----------
    options
        Those of `rich.console.Console`.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options

    @cached_property
    def console(self) -> Console:
        """The console of rich."""
        from icecol.rendering import PlainConsole

        return PlainConsole(**self._options)

    @property
    def is_terminal(self) -> bool:
        """Whether somebody looks on."""
        return self.console.is_terminal

    def print(self, *objects: Any, **options: Any) -> None:
        """Print text, or what rich renders."""
        self.console.print(*objects, **options)


def table(*columns: str, numbers: Collection[str] = (), title: str | None = None) -> Table:
    """Return an empty table without rules: text is left-aligned and wraps, numbers are right-aligned and do not.

    Cells of text are shown as they are, without markup and control characters.

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
    from icecol.rendering import PlainTable, text

    heading = None if title is None else text(title)
    made = PlainTable(
        title=heading, title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold"
    )
    for name in columns:
        if name in numbers:
            made.add_column(text(name), justify="right", no_wrap=True)
        else:
            made.add_column(text(name), overflow="fold")
    return made


def frame(rows: pl.DataFrame) -> Table:
    """Return a cutflow or N-1 table of `icecol.select` for the terminal, each number with its error.

    Parameters
    ----------
    rows
        A column of names, followed by columns of numbers; `<name>_error` is the error of `<name>`.

    Examples
    --------
    >>> import polars as pl
    >>> from rich.console import Console
    >>> rows = pl.DataFrame({"cut": ["all"], "n": [4], "eff": [0.5], "eff_error": [0.25]})
    >>> Console(width=40).print(frame(rows))  # doctest: +NORMALIZE_WHITESPACE
    cut  n         eff
    all  4  0.5 ± 0.25
    """
    columns = [name for name in rows.columns if not name.endswith("_error")]
    shown = table(*columns, numbers=columns[1:])
    for row in rows.iter_rows(named=True):
        shown.add_row(*(_cell(row[name], row.get(f"{name}_error")) for name in columns))
    return shown


def _cell(value: Any, error: float | None) -> str:
    if not isinstance(value, float):
        return "" if value is None else f"{value}"
    return f"{value:.4g}" if error is None else f"{value:.4g} ± {error:.2g}"
