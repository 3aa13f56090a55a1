"""Plots of ratios, efficiencies and profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from icecol.plot.figure import new_axes
from icecol.plot.histogram import say_blind, set_axis
from icecol.plot.look import SERIES, closed, legend, look, mark_open, next_series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from icecol.hist import Points


@look()
def points(
    p: Points,
    ax: Axes | None = None,
    *,
    style: Literal["errorbar", "band"] = "errorbar",
    log: bool = False,
    label: str | None = None,
    color: Any = None,
) -> Axes:
    """Plot a ratio, an efficiency or a profile, each point with its interval.

    Parameters
    ----------
    p
        Points of one axis, from `hist.ratio`, `hist.efficiency` or `hist.profile`; bins without an answer are left out.
    ax
        Axes to draw on; a new figure if None.
    style
        `errorbar`: points with error bars and bin widths; `band`: a step line in a band.
    log
        Use a logarithmic y axis.
    label
        Legend entry.
    color
        Any matplotlib color; if None, the next one in the cycle.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with the artists added.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If the points have more than one axis, or the style is unknown.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist, plot
    >>> x = hist.regular("x", 2, 0, 2, label="x / m")
    >>> a, b = (hist.fill(pl.LazyFrame({"x": v}), x) for v in ([0.5, 1.5], [0.5, 0.6]))
    >>> ax = plot.points(a / b)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x / m', 'ratio')
    """
    if p.ndim != 1:
        msg = f"points are drawn along one axis, but these have {p.ndim}"
        raise ValueError(msg)
    if style not in ("errorbar", "band"):
        msg = f"style must be 'errorbar' or 'band'; found {style!r}"
        raise ValueError(msg)
    ax = new_axes() if ax is None else ax
    color, line, marker, width = next_series(ax, color)
    if log:
        ax.set_yscale("log")
    edges = closed(p.edges)
    drawn = np.isfinite(p.values())
    if style == "errorbar":
        centers = np.asarray(p.axes[0].centers)
        centers = np.where(np.isfinite(centers), centers, (edges[1:] + edges[:-1]) / 2)[drawn]
        widths = centers - edges[:-1][drawn], edges[1:][drawn] - centers
        # the value of a mean or median may lie outside of the band that was asked for
        errors = np.maximum(p.errors()[:, drawn], 0)
        shown = ax.errorbar(
            centers, p.values()[drawn], errors, widths, fmt=marker, linewidth=1, color=color, label=label
        )
        shown.lines[0].set_gid(SERIES)
    else:
        values, low, high = (np.where(drawn, v, np.nan) for v in (p.values(), p.low, p.high))
        step = ax.stairs(values, edges, baseline=None, color=color, label=label, gid=SERIES)
        step.set(linestyle=line, linewidth=width)
        ax.stairs(high, edges, baseline=low, fill=True, color=color, alpha=0.25, linewidth=0)
    mark_open(ax, p.edges, edges, p.values(), color)
    set_axis(ax, "x", p.axes[0])
    ax.set_ylabel(p.label)
    say_blind(ax, p)
    if label is not None or ax.get_legend() is not None:
        legend(ax)
    return ax
