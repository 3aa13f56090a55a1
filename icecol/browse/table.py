"""A table whose rows are made on demand: the form in which the browser shows everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Column:
    """Header of a column: name, unit, and whether its cells are right-aligned."""

    name: str
    unit: str = ""
    right: bool = False


Inner: TypeAlias = "tuple[str, Callable[[], View]]"


@dataclass(frozen=True, slots=True)
class View:
    """A table whose rows are made on demand.

    Attributes
    ----------
    columns : tuple of Column
    rows : int
        Number of rows.
    cells : function
        Row number to the texts of its cells.
    inner : function
        Row number to what the row opens: a name and a function that makes the view, or None.
    note : str
        What it is, in one line.
    wrong : bool
        The note reports a problem.
    profile : array of f64
        A curve to draw beside the note: the samples, or the charge over time. May be empty.
    """

    columns: tuple[Column, ...]
    rows: int
    cells: Callable[[int], tuple[str, ...]]
    inner: Callable[[int], Inner | None] = lambda _: None
    note: str = ""
    wrong: bool = False
    profile: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def lines(self, limit: int | None = None) -> list[tuple[str, ...]]:
        """Return the cells of the first rows."""
        return [self.cells(i) for i in range(self.rows if limit is None else min(limit, self.rows))]


def curve(values: npt.NDArray[np.float64], width: int, height: int = 1) -> list[str]:
    """Draw values as bars, in lines of text from top to bottom.

    Examples
    --------
    >>> curve(np.array([0.0, 1.0, 2.0, 3.0, 4.0]), 5)
    [' ▂▄▆█']
    """
    values = np.where(np.isfinite(values), values, 0.0)
    edges = np.linspace(0, values.size, min(width, values.size) + 1).astype(int)[:-1]
    means = np.add.reduceat(values, edges) / np.diff(np.append(edges, values.size))
    low, high = min(0.0, float(means.min())), float(means.max())
    steps = np.round((means - low) / ((high - low) or 1.0) * 8 * height).astype(int)
    return [
        "".join(" ▁▂▃▄▅▆▇█"[max(0, min(8, s - 8 * row))] for s in steps) for row in reversed(range(height))
    ]
