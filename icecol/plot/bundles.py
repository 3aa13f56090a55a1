"""Plots of several histograms together: side by side or stacked, with a panel of ratios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from icecol.hist import Bundle, Hist
from icecol.plot.figure import new_axes
from icecol.plot.histogram import hist1d
from icecol.plot.stacking import stack

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def bundle(
    histograms: Bundle,
    ax: Axes | None = None,
    *,
    stacked: bool = False,
    data: str | None = None,
    log: bool = False,
    density: bool = False,
    colors: Mapping[str, Any] | None = None,
    note: bool = True,
) -> Axes:
    """Plot histograms of one axis together, with their names as legend.

    Parameters
    ----------
    histograms
        Histograms with equal axes.
    ax
        Axes to draw on; a new figure if None.
    stacked
        Draw them as areas on top of each other, the first one at the bottom, as `plot.stack` does.
    data
        Name of a histogram to draw as points with error bars, and never in the stack.
    log
        Use a logarithmic y axis.
    density
        Plot probability densities, each of its own; a stack has none.
    colors
        Color by name; the others take the next ones in the cycle.
    note
        Note the weight outside the bins, of each histogram, above the upper right corner.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with the artists added.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    MissingColumnError
        If no histogram has the name given as `data` or in `colors`.
    ValueError
        If there is no histogram, one has more than one axis, or a stack is to be drawn as densities.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist, plot
    >>> x = hist.regular("x", 2, 0, 2, label="x / m")
    >>> a, b, c = (hist.fill(pl.LazyFrame({"x": v}), x) for v in ([0.5], [0.5, 1.5], [0.5, 0.6, 1.5]))
    >>> ax = plot.bundle(hist.Bundle(muons=a, neutrinos=b, data=c), stacked=True, data="data")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['neutrinos', 'muons', 'data']
    """
    members = _members(histograms)
    if stacked and density:
        msg = "a stack cannot be drawn as densities, of which each is normalized on its own: scale the bundle instead"
        raise ValueError(msg)
    for name in (*(() if data is None else (data,)), *(colors or {})):
        histograms[name]
    points = None if data is None else members.pop(data)
    if stacked:
        return stack(members, points, ax, colors=colors, data_label=data or "", log=log)
    ax = new_axes() if ax is None else ax
    for name, h in members.items():
        hist1d(h, ax, density=density, log=log, label=name, color=(colors or {}).get(name), note=note)
    if points is not None:
        color = (colors or {}).get(data or "", "black")
        hist1d(points, ax, style="errorbar", density=density, log=log, label=data, color=color, note=note)
    return ax


def _members(histograms: Bundle) -> dict[str, Hist]:
    members = dict(histograms)
    if not members:
        msg = "there is no histogram to draw"
        raise ValueError(msg)
    for name, h in members.items():
        if not isinstance(h, Hist) or h.ndim != 1:
            msg = f"{name!r} is {h!r:.80}, not a histogram of one axis: project it first, as in bundle.map"
            raise ValueError(msg)
    return members
