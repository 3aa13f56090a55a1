"""Stacked histograms: simulation of several kinds, one on top of the other, and data as points."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from icecol.plot.figure import new_axes
from icecol.plot.histogram import hist1d
from icecol.plot.look import closed, legend, look, next_color, style

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
    panel: Literal["ratio", "pull"] | None = None,
    quantity: str = "",
) -> Axes:
    """Plot histograms stacked on top of each other, with the statistical error of their sum, and data as points.

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
    panel
        Draw below, in `ax.child_axes[0]`, the ratio of data to simulation with the relative error of the latter as a
        band, or the pull, their difference in units of its error.
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
        If there is nothing to plot, or a histogram has more than one axis or other bins than the first, or a panel has
        no data or no simulation.

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
    if panel is not None and (data is None or not simulation):
        msg = f"a panel of the {panel} needs data and simulation"
        raise ValueError(msg)
    ax = new_axes(6.4, 4.4 if panel is None else 5.6) if ax is None else ax
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
    if panel is not None and data is not None:
        _panel(ax, data, total, panel)
    return ax


def _panel(ax: Axes, data: Hist, total: Hist, kind: str) -> None:
    """Compare data with simulation below the axes."""
    below = ax.inset_axes((0, -0.4, 1, 0.36), sharex=ax)
    style(below)
    edges = closed(total.edges)
    seen, expected, error = data.values(), total.values(), total.errors()
    spread = np.hypot(data.errors(), error)
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "ratio":
            y, bars, band, middle = seen / expected, data.errors() / expected, error / expected, 1.0
        else:
            y, bars, band, middle = (seen - expected) / spread, np.ones(seen.size), np.ones(seen.size), 0.0
    good = np.isfinite(y)
    centers = (edges[1:] + edges[:-1]) / 2
    if ax.get_xscale() == "log":
        centers = np.sqrt(edges[1:] * edges[:-1])
    band = np.where(np.isfinite(band), band, 0)
    below.stairs(
        middle + band, edges, baseline=middle - band, fill=True, color="0.3", alpha=0.25, linewidth=0
    )
    below.axhline(middle, color="0.3", linewidth=1)
    widths = (centers - edges[:-1])[good], (edges[1:] - centers)[good]
    below.errorbar(centers[good], y[good], bars[good], widths, fmt="o", color="k", linewidth=1)
    below.set(xlabel=ax.get_xlabel(), ylabel="data / simulation" if kind == "ratio" else "pull")
    if kind == "ratio":
        below.set_ylim(0, max(2.0, 1.1 * float(np.max(y[good], initial=1.0))))
    ax.set_xlabel("")
    ax.tick_params(axis="x", which="both", labelbottom=False)
    for _ in range(3):  # the layout finds the room for a panel in steps
        ax.figure.draw_without_rendering()  # type: ignore[union-attr]
