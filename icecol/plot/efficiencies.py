"""Efficiency curves from columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from icecol import hist
from icecol.dataset.events import Events, expression, lazy_frame
from icecol.hist import Axis
from icecol.plot.figure import new_axes
from icecol.plot.look import look
from icecol.plot.point_plots import points
from icecol.plot.records import record
from icecol.select import Cuts

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@look()
def efficiency(
    events: Events,
    passed: pl.Expr | Mapping[str, pl.Expr],
    axis: Axis,
    ax: Axes | None = None,
    *,
    weight: str | pl.Expr | None = None,
) -> Axes:
    """Plot the fraction of events that pass a condition in bins of a quantity, with its interval.

    Parameters
    ----------
    events
        All events, those that fail included.
    passed
        A condition, or several by name, each a curve of its own; what is missing does not pass (see `ic.Cuts`).
    axis
        Quantity and bins.
    ax
        Axes to draw on; a new figure if None.
    weight
        Column or expression of the event weight.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, from 0 to 1.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    MissingColumnError
        If a column is missing.
    ValueError
        If a weight is null or not finite.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist, plot
    >>> events = pl.DataFrame({"e": [0.5, 0.6, 1.5], "q": [1.0, 9.0, 9.0]})
    >>> ax = plot.efficiency(
    ...     events, {"bright": pl.col("q") > 5}, hist.regular("e", 2, 0, 2, label="energy / TeV")
    ... )
    >>> ax.get_ylabel(), ax.lines[0].get_ydata().tolist()
    ('efficiency', [0.5, 1.0])
    """
    cuts = {"": passed} if isinstance(passed, pl.Expr) else dict(passed)
    lazy = lazy_frame(events)
    Cuts(cuts).apply(lazy)  # missing columns, and what is not a condition, are errors of the cut
    worth = expression(1.0 if weight is None else weight)
    decided = {
        name: (axis, hist.integer(Cuts({name: cut}).mask().cast(pl.Int64), 0, 2, label=f"passed {i}"))
        for i, (name, cut) in enumerate(cuts.items())
    }  # all cuts in one pass, as they may be of fits
    counts = hist.fill_many(lazy, decided, weight=worth)
    ax = new_axes() if ax is None else ax
    for name in cuts:
        points(hist.efficiency(counts[name][:, 1], counts[name].project(0)), ax, label=name or None)
    ax.set_ylim(0, max(1.0, ax.get_ylim()[1]))
    record(ax, lazy, cuts=cuts)
    return ax
