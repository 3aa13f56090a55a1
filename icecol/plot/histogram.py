"""Plots of one- and two-dimensional histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import boost_histogram as bh
import numpy as np

from icecol.plot.figure import new_axes
from icecol.plot.look import SERIES, bin_label, closed, legend, look, mark_open, next_series, style
from icecol.plot.look import unit as unit_of
from icecol.plot.records import record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from icecol.hist import Hist, Points


@look()
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
    quantity: str = "",
) -> Axes:
    """Plot a one-dimensional histogram with its errors, sqrt(sum of squared weights).

    Parameters
    ----------
    h
        Histogram; its axis label, with the unit, becomes the x label. A log axis is drawn on a log scale. A
        bin that is open at one end is as wide as its neighbor, with an arrow at that end.
    ax
        Axes to draw on; a new figure if None.
    style
        `steps`: a step line with error bars; `errorbar`: points with error bars and bin widths, as for data;
        `band`: a step line in a band of ± one error.
    density
        Plot the probability density: the content divided by its sum and the bin width; open bins have none.
    log
        Use a logarithmic y axis; the steps of empty bins go down to its end.
    label
        Legend entry.
    color
        Any matplotlib color; if None, the next one in the cycle.
    note
        Note the weight in underflow, overflow, NaN and missing above the upper right corner, if there is any.
    quantity
        What the bins hold, as in `events` or `Hz`, for the y label; by default entries, or the sum of weights.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with the artists added.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If the histogram has more than one axis, or the style is unknown.

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
        msg = f"hist1d plots one axis, but this histogram has {h.ndim}: project it first, as in h.project(0)"
        raise ValueError(msg)
    if style not in ("steps", "errorbar", "band"):
        msg = f"style must be 'steps', 'errorbar' or 'band'; found {style!r}"
        raise ValueError(msg)
    ax = new_axes() if ax is None else ax
    bottom = ax.get_ylim()[0] if ax.has_data() else np.inf
    shown = h.normalized(density=True) if density else h
    edges, values, errors = closed(h.edges), shown.values(), shown.errors()
    if density:
        values = np.where(np.isfinite(np.diff(h.edges)), values, np.nan)
    centers = np.where(np.isfinite(h.axes[0].centers), h.axes[0].centers, (edges[1:] + edges[:-1]) / 2)
    points, below = values, errors
    if log:
        points = np.where(values > 0, values, np.nan)
        below = np.minimum(errors, 0.999 * points)  # a bar that reaches 0 would vanish
        ax.set_yscale("log")
    color, line, marker, width = next_series(ax, color)
    if style == "errorbar":
        widths = (centers - edges[:-1], edges[1:] - centers)
        drawn = ax.errorbar(
            centers, points, (below, errors), widths, fmt=marker, linewidth=1, color=color, label=label
        )
        drawn.lines[0].set_gid(SERIES)
    else:
        some = not log or np.any(values > 0)  # a log axis needs something
        step = ax.stairs(
            values if some else points,
            edges,
            baseline=0 if some else None,
            color=color,
            label=label,
            gid=SERIES,
        )
        step.set(linestyle=line, linewidth=width)
        if style == "band":
            ax.stairs(
                points + errors,
                edges,
                baseline=points - below,
                fill=True,
                color=color,
                alpha=0.25,
                linewidth=0,
            )
        else:
            ax.errorbar(centers, points, (below, errors), fmt="none", elinewidth=1, color=color)
    mark_open(ax, h.edges, edges, points, color)
    set_axis(ax, "x", h.axes[0])
    ax.set_ylabel(content_label(h, quantity, density=density))
    lowest = np.nanmin(points, initial=np.inf)
    wanted = lowest / 3 if log else min(lowest, 0.0)
    if np.isfinite(wanted) and (log or lowest >= 0):
        ax.set_ylim(bottom=min(bottom, wanted), auto=None)  # later histograms may still raise the top
    if note:
        _note(ax, h)
    say_blind(ax, h)
    record(ax, h)
    if label is not None or ax.get_legend() is not None:
        legend(ax)
    return ax


@look()
def hist2d(
    h: Hist,
    ax: Axes | None = None,
    *,
    log: bool = False,
    density: bool = False,
    columns: bool = False,
    contours: Sequence[float] = (),
    marginals: bool = False,
    cmap: str = "viridis",
    note: bool = True,
) -> Axes:
    """Plot a two-dimensional histogram as a color map with a color bar; empty bins stay white.

    Parameters
    ----------
    h
        Histogram; its first axis is drawn along x.
    ax
        Axes to draw on; a new figure if None.
    log
        Use a logarithmic color scale.
    density
        Plot the probability density: the content divided by its sum and the bin area.
    columns
        Plot the fraction of each column: the contents are divided by their sum at the same x.
    contours
        Fractions, such as `(0.5, 0.9)`: lines around the densest bins that hold as much of what is drawn.
    marginals
        Draw the sums of the rows and columns beside the map, in `ax.child_axes`.
    cmap
        Name of a matplotlib color map.
    note
        Note the weight outside the bins above the upper right corner, if there is any.

    Returns
    -------
    matplotlib.axes.Axes
        The axes of the map.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If the histogram does not have two axes, is to be both a density and fractions of columns, or a fraction is not
        between 0 and 1.

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
        msg = f"hist2d plots two axes, but this histogram has {h.ndim}"
        raise ValueError(msg)
    if density and columns:
        msg = "density and columns exclude each other"
        raise ValueError(msg)
    if not all(0 < fraction < 1 for fraction in contours):
        msg = f"contours are fractions between 0 and 1; found {tuple(contours)!r}"
        raise ValueError(msg)
    ax = new_axes(6.4, 6.4 if marginals else 4.8) if ax is None else ax
    from matplotlib.colors import LogNorm, Normalize

    values = (h.normalized(density=True) if density else h).values()
    if columns:
        sums = values.sum(axis=1, keepdims=True)
        values = np.divide(values, sums, out=np.zeros_like(values), where=sums != 0)
    filled = np.ma.masked_where((values <= 0) if log else (values == 0), values)
    empty = filled.count() == 0
    low, high = (1.0, 10.0) if empty else (float(filled.min()), float(filled.max()))
    if low == high:
        low, high = (low / 2, high * 2) if log else (min(low, 0.0), max(high, 0.0))
    norm = LogNorm(low, high) if log else Normalize(min(low, 0.0), high)
    ax.grid(visible=False)
    mesh = ax.pcolormesh(*h.edges, filled.T, norm=norm, cmap=cmap, rasterized=True)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02, location="bottom" if marginals else "right")
    bar.set_label("fraction of the column" if columns else content_label(h, "", density=density))
    if contours and not empty:
        _contours(ax, h, values * np.multiply.outer(*map(np.diff, h.edges)) if density else values, contours)
    set_axis(ax, "x", h.axes[0])
    set_axis(ax, "y", h.axes[1])
    above = _marginals(ax, h)[0] if marginals else ax
    if note:
        _note(above, h)
    say_blind(above, h)
    record(ax, h)
    return ax


def _marginals(ax: Axes, h: Hist) -> list[Axes]:
    """Draw the sums along either direction, with their errors, above and to the right of a map."""
    from matplotlib.ticker import MaxNLocator

    panels: list[Any] = []
    for i, place in enumerate([(0, 1.03, 1, 0.25), (1.03, 0, 0.25, 1)]):
        shared: dict[str, Any] = {"sharey": ax} if i else {"sharex": ax}
        panel: Any = ax.inset_axes(place, **shared)
        style(panel)
        sums, errors = h.values().sum(1 - i), np.sqrt(h.variances().sum(1 - i))
        edges = closed(h.edges[i])
        panel.stairs(sums, edges, orientation="horizontal" if i else "vertical", color="0.3", linewidth=1.2)
        centers = h.axes[i].centers
        where = (sums, centers) if i else (centers, sums)
        panel.errorbar(*where, **{"xerr" if i else "yerr": errors}, fmt="none", elinewidth=1, color="0.3")
        size: Any = panel.xaxis if i else panel.yaxis
        size.set_major_locator(MaxNLocator(3, prune="lower"))  # the lowest would stand on a number of the map
        size.set_label_text(content_label(h.project(i), "", density=False), fontsize="x-small")
        panel.set(**{"xlim" if i else "ylim": (min(0, sums.min()), None)})
        panel.tick_params(**{"labelleft" if i else "labelbottom": False}, which="both")
        panels.append(panel)
    return panels


def _contours(ax: Axes, h: Hist, contents: Any, fractions: Sequence[float]) -> None:
    """Draw lines around the densest bins that hold fractions of the contents."""
    from matplotlib.patheffects import withStroke

    dense = contents / np.multiply.outer(*(np.diff(_scaled(a)) for a in h.axes))  # in the area that is seen
    order = np.argsort(dense, axis=None)[::-1]
    held = np.cumsum(contents.ravel()[order])
    at = [min(int(np.searchsorted(held, f * held[-1] * (1 - 1e-12))), order.size - 1) for f in fractions]
    levels = {float(dense.ravel()[order[i]]): f for i, f in zip(at, fractions, strict=True)}
    drawn = ax.contour(
        *(a.centers for a in h.axes),
        dense.T,
        levels=sorted(levels),
        colors="black",
        linestyles=["-", "--", "-.", ":"],
    )
    halo: list[Any] = [withStroke(linewidth=3, foreground="white")]  # seen on any color, and in grey
    drawn.set_path_effects(halo)
    labels = ax.clabel(
        drawn, fmt={level: f"{100 * f:g} %" for level, f in levels.items()}, fontsize="x-small"
    )
    for label in labels:
        label.set_path_effects(halo)


def _scaled(axis: Any) -> Any:
    """Return the edges of an axis, of one that is drawn on a log scale their logarithms."""
    logarithmic = getattr(axis, "transform", None) == bh.axis.transform.log
    return np.log(axis.edges) if logarithmic else np.asarray(axis.edges)


def set_axis(ax: Axes, which: Literal["x", "y"], axis: Any) -> None:
    """Set up one direction from the histogram axis: label, log scale for log bins, names for categories."""
    ax.set(**{f"{which}label": getattr(axis, "label", "")})
    if isinstance(axis, (bh.axis.StrCategory, bh.axis.IntCategory)):
        ax.set(**{f"{which}ticks": axis.centers, f"{which}ticklabels": [str(c) for c in axis]})
    elif getattr(axis, "transform", None) == bh.axis.transform.log:
        ax.set(**{f"{which}scale": "log"})
    ends = closed(axis.edges)[[0, -1]]
    if ends[0] < ends[1]:
        ax.set(**{f"{which}lim": ends})


def content_label(h: Hist, quantity: str, *, density: bool) -> str:
    """Return the label of the direction that shows the contents."""
    if density:
        units = [unit for label in h.labels if (unit := unit_of(label))]
        return f"probability density per {' and '.join(units)}" if units else "probability density"
    counted = np.array_equal(h.values(flow=True), h.variances(flow=True))
    quantity = quantity or ("entries" if counted else "sum of weights")
    if h.ndim != 1:
        return f"{quantity} per bin"
    integer = isinstance(h.axes[0], (bh.axis.Integer, bh.axis.IntCategory, bh.axis.StrCategory))
    return bin_label(quantity, h.labels[0], h.edges, whole=integer)


def say_blind(ax: Axes, h: Hist | Points) -> None:
    """Note above the upper left corner what is blind in the events, once for all histograms that share it."""
    if h.note:
        corner(ax, h.note, color="C3")


@look()
def corner(ax: Axes, text: str = "", *, events: int | None = None, color: Any = "0.3") -> None:
    """Note above the upper left corner what a figure shows, such as simulation, and of how many events; once each.

    Parameters
    ----------
    ax
        The axes.
    text
        What it shows, as in `simulation` or `burn sample`.
    events
        Number of events.
    color
        Any matplotlib color.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist, plot
    >>> ax = plot.hist1d(hist.fill(pl.LazyFrame({"x": [0.1]}), hist.regular("x", 3, 0, 3)))
    >>> plot.corner(ax, "simulation", events=1234)
    >>> ax.texts[0].get_text()
    'simulation, 1,234 events'
    """
    number = "" if events is None else f"{events:,} event{'s' if events != 1 else ''}"
    line = ", ".join(part for part in (text, number) if part)
    said = [text.get_text() for text in ax.texts if text.get_gid() == "corner"]
    if not line or line in said:
        return
    ax.annotate(
        line,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 4 + 10 * len(said)),
        textcoords="offset points",
        va="bottom",
        fontsize="x-small",
        color=color,
        gid="corner",
    )


def _note(ax: Axes, h: Hist) -> None:
    """Note how much weight lies outside the bins; a second histogram on the same axes adds a line."""
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
    """Return the weight that is not in any drawn bin, by reason."""
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
