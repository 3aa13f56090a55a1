"""Plots of several histograms together: side by side or stacked, with a panel of ratios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from icecol.hist import Bundle, Hist
from icecol.plot.figure import new_axes
from icecol.plot.histogram import hist1d
from icecol.plot.look import MOST, look
from icecol.plot.stacking import stack

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@look()
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
    quantity: str = "",
) -> Axes:
    """Plot histograms of one axis together, with their names as legend; more than four as cumulative curves.

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
        return stack(members, points, ax, colors=colors, data_label=data or "", log=log, quantity=quantity)
    cumulative = len(histograms) > MOST
    if cumulative:
        members = {name: _share(h) for name, h in members.items()}
        points = None if points is None else _share(points)
    density = density and not cumulative
    ax = new_axes() if ax is None else ax
    for name, h in members.items():
        color = (colors or {}).get(name)
        hist1d(h, ax, density=density, log=log, label=name, color=color, note=note, quantity=quantity)
    if points is not None:
        color = (colors or {}).get(data or "", "black")
        options: dict[str, Any] = {
            "density": density,
            "log": log,
            "label": data,
            "note": note,
            "quantity": quantity,
        }
        hist1d(points, ax, style="errorbar", color=color, **options)
    if cumulative:
        ax.set_ylabel("fraction up to the end of the bin")
    return ax


def _share(h: Hist) -> Hist:
    """Return the fraction of the contents up to the end of each bin."""
    total = h.sum(flow=True)
    return h.cumulative() * (1 / total) if total else h


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
