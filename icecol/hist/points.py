"""A value with its interval in each bin, as ratios, efficiencies and profiles have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol.hist.drawing import draw
from icecol.hist.export import points_to_frame

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """A value and an interval around it in each bin of a histogram; NaN in bins without an answer.

    Attributes
    ----------
    axes
        The axes of the histogram, of boost-histogram.
    low, high
        Ends of the interval of each bin.
    label
        What the values are, for plots.
    note
        What of the events is blind; empty if nothing is.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> x = hist.regular("x", 2, 0, 2)
    >>> a, b = (hist.fill(pl.LazyFrame({"x": v}), x) for v in ([0.5], [0.5, 0.6]))
    >>> a / b
    Points(ratio; x: 2 bins, 1 without a value)
    >>> (a / b).values()
    array([0.5, nan])
    """

    axes: tuple[Any, ...]
    _values: Floats
    low: Floats
    high: Floats
    label: str = ""
    note: str = ""

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @property
    def edges(self) -> Any:
        """Bin edges: an array or, for more than one axis, a tuple of arrays."""
        edges = tuple(np.asarray(a.edges) for a in self.axes)
        return edges[0] if self.ndim == 1 else edges

    def values(self) -> Floats:
        """Return the value of each bin.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> x = hist.regular("x", 2, 0, 2)
        >>> a, b = (hist.fill(pl.LazyFrame({"x": v}), x) for v in ([0.5, 1.5], [0.5, 0.6, 1.5]))
        >>> (a / b).values()
        array([0.5, 1. ])
        """
        return self._values

    def errors(self) -> Floats:
        """Return the distances to the lower and to the upper end of the interval, as matplotlib's `yerr`.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> x = hist.regular("x", 2, 0, 2)
        >>> a, b = (hist.fill(pl.LazyFrame({"x": v}), x) for v in ([0.5, 1.5], [0.5, 0.6, 1.5]))
        >>> (a / b).errors().round(3)
        array([[0.612, 1.414],
               [0.612, 1.414]])
        """
        return np.stack([self._values - self.low, self.high - self._values])

    def to_frame(self) -> pl.DataFrame:
        """Return a table of the bins: their ends or categories, `value`, `low` and `high`; null without an answer.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import hist
        >>> x = hist.regular("x", 2, 0, 2)
        >>> a, b = (hist.fill(pl.LazyFrame({"x": v}), x) for v in ([0.5], [0.5, 0.6]))
        >>> (a / b).to_frame()["value"].to_list()
        [0.5, None]
        """
        return points_to_frame(self)

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Plot the points of one axis, as `plot.points` does, whose options these are; returns the axes.

        Parameters
        ----------
        ax
            Axes to draw on; a new figure if None.
        options
            Those of `plot.points`.

        Examples
        --------
        >>> import icecol as ic, polars as pl, tempfile
        >>> x = ic.hist.regular("x", 2, 0, 2)
        >>> a, b = (ic.hist.fill(pl.LazyFrame({"x": v}), x) for v in ([0.5, 1.5], [0.5, 0.6, 1.5]))
        >>> ic.plot.save((a / b).plot(), f"{tempfile.mkdtemp()}/ratio.png").name
        'ratio.png'
        """
        return draw("points", self, ax, **options)

    def __repr__(self) -> str:
        axes = ", ".join(f"{getattr(a, 'name', '') or 'axis'}: {len(a)} bins" for a in self.axes)
        note = f"; {self.note}" if self.note else ""
        return f"Points({self.label}; {axes}, {int(np.isnan(self._values).sum())} without a value{note})"
