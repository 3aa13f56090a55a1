"""Histograms of one and two axes as plots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import boost_histogram as bh
import numpy as np

from icecol.plot.figure import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from icecol.hist import Hist


def hist1d(
    h: Hist,
    ax: Axes | None = None,
    *,
    style: Literal["steps", "errorbar", "band"] = "steps",
    density: bool = False,
    log: bool = False,
    label: str | None = None,
    color: Any = None,
    note: bool = True,
) -> Axes:
    """Draw a histogram of one axis with its errors, sqrt(sum of squared weights).

    Parameters
    ----------
    h
        Histogram; its axis label, with the unit, becomes the x label. A log axis is drawn logarithmically.
    ax
        Axes to draw on; a new figure if None.
    style
        `steps`: a line and error bars; `errorbar`: points with bars as wide as the bins, as for data;
        `band`: a line in a band of one error to either side.
    density
        Draw the content divided by the sum and the bin width, in the inverse unit of the axis.
    log
        Logarithmic y axis. Empty bins leave a gap.
    label
        Text of the legend.
    color
        Any matplotlib colour; the next one of the cycle if None.
    note
        Write the under- and overflow, NaN and missing weight below the right end, where there is any.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with the artists added.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If the histogram has more than one axis, or an unknown style.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist, plot
    >>> h = hist.fill(pl.LazyFrame({"q": [2.0, 20.0, 30.0]}), hist.log("q", 4, 1, 100, label="charge / PE"))
    >>> ax = plot.hist1d(h, label="data")
    >>> ax.get_xlabel(), ax.get_xscale()
    ('charge / PE', 'log')
    """
    if h.ndim != 1:
        msg = f"hist1d draws one axis, and this histogram has {h.ndim}: project it first, as in h.project(0)"
        raise ValueError(msg)
    if style not in ("steps", "errorbar", "band"):
        msg = f"style must be 'steps', 'errorbar' or 'band'; found {style!r}"
        raise ValueError(msg)
    ax = new_axes() if ax is None else ax
    bottom = ax.get_ylim()[0] if ax.has_data() else np.inf
    shown = h.normalized(density=True) if density else h
    inside = np.isfinite(h.edges)
    bins = inside[:-1] & inside[1:]
    edges, values, errors, centers = (
        h.edges[inside],
        shown.values()[bins],
        shown.errors()[bins],
        h.axes[0].centers[bins],
    )
    below = errors
    if log:
        values = np.where(values > 0, values, np.nan)
        below = np.minimum(errors, 0.999 * values)  # a bar that reaches 0 would vanish
        ax.set_yscale("log")
    if color is None:
        (probe,) = ax.plot([], [])  # stairs do not follow the colour cycle
        color = probe.get_color()
        probe.remove()
    if style == "errorbar":
        widths = (centers - edges[:-1], edges[1:] - centers)
        ax.errorbar(
            centers,
            values,
            (below, errors),
            widths,
            fmt="o",
            markersize=3,
            linewidth=1,
            color=color,
            label=label,
        )
    else:
        ax.stairs(values, edges, baseline=None if log else 0, linewidth=1.4, color=color, label=label)
        if style == "band":
            ax.stairs(
                values + errors,
                edges,
                baseline=values - below,
                fill=True,
                color=color,
                alpha=0.25,
                linewidth=0,
            )
        else:
            ax.errorbar(centers, values, (below, errors), fmt="none", elinewidth=1, color=color)
    _set_axis(ax, "x", h, 0)
    ax.set_ylabel(_content_label(h, density=density))
    lowest = np.nanmin(values, initial=np.inf)
    wanted = lowest / 3 if log else min(lowest, 0.0)
    if np.isfinite(wanted) and (log or lowest >= 0):
        ax.set_ylim(bottom=min(bottom, wanted), auto=None)  # later histograms may still raise the top
    if label is not None:
        ax.legend(frameon=False)
    if note:
        _note(ax, h)
    return ax


def hist2d(
    h: Hist,
    ax: Axes | None = None,
    *,
    log: bool = False,
    density: bool = False,
    cmap: str = "viridis",
    note: bool = True,
) -> Axes:
    """Draw a histogram of two axes as a colour map with a colour bar; empty bins stay white.

    Parameters
    ----------
    h
        Histogram; its first axis is drawn along x.
    ax
        Axes to draw on; a new figure if None.
    log
        Logarithmic colour scale.
    density
        Draw the content divided by the sum and the bin area.
    cmap
        Name of a matplotlib colour map.
    note
        Write the weight outside of the bins, where there is any.

    Returns
    -------
    matplotlib.axes.Axes
        The axes of the map.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If the histogram has not two axes.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist, plot
    >>> events = pl.LazyFrame({"x": [0.5, 1.5], "y": [1.5, 1.5]})
    >>> ax = plot.hist2d(hist.fill(events, hist.regular("x", 2, 0, 2), hist.regular("y", 2, 0, 2)))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x', 'y')
    """
    if h.ndim != 2:
        msg = f"hist2d draws two axes, and this histogram has {h.ndim}"
        raise ValueError(msg)
    ax = new_axes(6.4, 4.8) if ax is None else ax
    from matplotlib.colors import LogNorm, Normalize

    values = (h.normalized(density=True) if density else h).values()
    filled = np.ma.masked_where((values <= 0) if log else (values == 0), values)
    empty = filled.count() == 0
    low, high = (1.0, 10.0) if empty else (float(filled.min()), float(filled.max()))
    if low == high:
        low, high = (low / 2, high * 2) if log else (min(low, 0.0), max(high, 0.0))
    norm = LogNorm(low, high) if log else Normalize(min(low, 0.0), high)
    ax.grid(visible=False)
    mesh = ax.pcolormesh(*h.edges, filled.T, norm=norm, cmap=cmap, rasterized=True)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02)
    bar.set_label(_content_label(h, density=density))
    _set_axis(ax, "x", h, 0)
    _set_axis(ax, "y", h, 1)
    if note:
        _note(ax, h)
    return ax


def _set_axis(ax: Axes, which: Literal["x", "y"], h: Hist, i: int) -> None:
    """Label one direction by the axis of the histogram; log where its bins are, names for categories."""
    axis = h.axes[i]
    ends = np.asarray(axis.edges)[[0, -1]]
    ax.set(**{f"{which}label": h.labels[i]})
    if isinstance(axis, (bh.axis.StrCategory, bh.axis.IntCategory)):
        ax.set(**{f"{which}ticks": axis.centers, f"{which}ticklabels": [str(c) for c in axis]})
    elif getattr(axis, "transform", None) == bh.axis.transform.log:
        ax.set(**{f"{which}scale": "log"})
    if np.isfinite(ends).all() and ends[0] < ends[1]:
        ax.set(**{f"{which}lim": ends})


def _content_label(h: Hist, *, density: bool) -> str:
    if density:
        return "probability density"
    counted = np.array_equal(h.values(flow=True), h.variances(flow=True))
    return "entries per bin" if counted else "sum of weights per bin"


def _note(ax: Axes, h: Hist) -> None:
    """Say how much weight lies outside of the bins; a second histogram on the same axes adds its line."""
    parts = _outside(h)
    if not parts:
        return
    text = ", ".join(f"{name} {weight:.4g}" for name, weight in parts.items())
    notes = sum(t.get_gid() == "outside" for t in ax.texts)
    ax.annotate(
        text,
        (1, 1),
        xycoords="axes fraction",
        xytext=(0, 4 + 10 * notes),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize="x-small",
        color="0.4",
        gid="outside",
    )


def _outside(h: Hist) -> dict[str, float]:
    """Weights that no drawn bin shows, by the reason."""
    found: dict[str, float] = {}
    if h.ndim == 1:
        values = h.values(flow=True)
        traits = h.axes[0].traits
        found["underflow"] = float(values[0]) if traits.underflow else 0.0
        found["overflow"] = float(values[-1]) if traits.overflow else 0.0
    else:
        found["out of range"] = h.sum(flow=True) - h.sum()
    found |= {"NaN": h.nan.sumw, "missing": h.missing.sumw}
    return {name: weight for name, weight in found.items() if weight}
