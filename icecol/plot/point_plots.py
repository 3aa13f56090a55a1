"""Plots of ratios, efficiencies and profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from icecol.plot.figure import new_axes
from icecol.plot.histogram import next_color, say_blind, set_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from icecol.hist import Points


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
    color = next_color(ax) if color is None else color
    if log:
        ax.set_yscale("log")
    edges = np.asarray(p.edges)
    drawn = np.isfinite(p.values()) & np.isfinite(edges[:-1]) & np.isfinite(edges[1:])
    if style == "errorbar":
        centers = np.asarray(p.axes[0].centers)[drawn]
        widths = centers - edges[:-1][drawn], edges[1:][drawn] - centers
        # the value of a mean or median may lie outside of the band that was asked for
        errors = np.maximum(p.errors()[:, drawn], 0)
        ax.errorbar(
            centers,
            p.values()[drawn],
            errors,
            widths,
            fmt="o",
            markersize=3,
            linewidth=1,
            color=color,
            label=label,
        )
    else:
        values, low, high = (np.where(drawn, v, np.nan) for v in (p.values(), p.low, p.high))
        ax.stairs(values, edges, baseline=None, linewidth=1.4, color=color, label=label)
        ax.stairs(high, edges, baseline=low, fill=True, color=color, alpha=0.25, linewidth=0)
    set_axis(ax, "x", p.axes[0])
    ax.set_ylabel(p.label)
    say_blind(ax, p)
    if label is not None:
        ax.legend(frameon=False)
    return ax
