"""Stacked histograms: simulation of several kinds, one upon the other, and data as points."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np

from icecol.plot.figure import new_axes
from icecol.plot.histogram import hist1d
from icecol.plot.look import closed, legend, look, next_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from icecol.hist import Hist


@look()
def stack(
    simulation: Mapping[str, Hist],
    data: Hist | None = None,
    ax: Axes | None = None,
    *,
    colors: Mapping[str, Any] | None = None,
    data_label: str = "data",
    log: bool = False,
    quantity: str = "",
) -> Axes:
    """Plot histograms stacked upon each other, with the statistical error of their sum, and data as points.

    Parameters
    ----------
    simulation
        One-dimensional histograms with the same bins by their label, the lowest first.
    data
        Histogram drawn as points with error bars, if any.
    ax
        Axes to draw on; a new figure if None.
    colors
        Any matplotlib colors by label; the next ones in the cycle for those that are not named.
    data_label
        Legend entry of the data.
    log
        Use a logarithmic y axis.
    quantity
        What the bins hold, for the y label, as in `hist1d`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with the artists added.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If there is nothing to plot, or a histogram has more than one axis or other bins than the first.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist, plot
    >>> axis = hist.regular("x", 2, 0, 2, label="x / m")
    >>> h = hist.fill(pl.LazyFrame({"x": [0.5, 1.5]}), axis)
    >>> ax = plot.stack({"muons": 2 * h, "neutrinos": h}, data=3 * h)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['neutrinos', 'muons', 'data']
    """
    every = [*simulation.values(), *([data] if data is not None else [])]
    if not every:
        msg = "there is nothing to stack: give at least one histogram"
        raise ValueError(msg)
    if any(h.ndim != 1 for h in every) or any(not np.array_equal(h.edges, every[0].edges) for h in every):
        msg = "stacked histograms have one axis, with the same bins in all of them"
        raise ValueError(msg)
    ax = new_axes() if ax is None else ax
    if simulation:
        total = reduce(add, simulation.values())
        hist1d(total, ax, style="band", log=log, color="0.3", note=data is None, quantity=quantity)
        edges = closed(total.edges)
        bottom = np.zeros(edges.size - 1)
        for label, h in simulation.items():
            top = bottom + h.values()
            color = (colors or {}).get(label)
            color = next_color(ax) if color is None else color
            area = ax.stairs(top, edges, baseline=bottom, fill=True, color=color, label=label, zorder=0.5)
            area.set(edgecolor="white", linewidth=0.8, alpha=0.8)  # a seam that stays in grey
            bottom = top
    if data is not None:
        hist1d(data, ax, style="errorbar", log=log, color="k", label=data_label, quantity=quantity)
    handles, labels = ax.get_legend_handles_labels()
    n = len(simulation)
    order = [*range(n - 1, -1, -1), *range(n, len(handles))]  # the topmost first, as they are drawn
    legend(ax, [handles[i] for i in order], [labels[i] for i in order])
    return ax
