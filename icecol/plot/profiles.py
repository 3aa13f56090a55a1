"""Profiles: the median and quantiles of a quantity in bins of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from icecol.plot.figure import new_axes, new_figure
from icecol.plot.look import MOST, SERIES, closed, look, mark_open, next_series, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@look()
def quantiles(
    edges: Sequence[float],
    values_by_name: Mapping[str, Sequence[npt.ArrayLike]],
    ax: Axes | None = None,
    *,
    band: tuple[float, float] = (0.2, 0.8),
    x_label: str = "",
    y_label: str = "",
    log_x: bool = False,
    log_y: bool = False,
) -> Axes:
    """Plot the median of a quantity in bins of another, with bars from one quantile to another.

    Parameters
    ----------
    edges
        Bin edges, n + 1 numbers; a bin that is open at one end is drawn as wide as its neighbor, with
        an arrow at that end.
    values_by_name
        The values in each of the n bins, by name; NaNs are ignored, and a bin without values gets no point.
    ax
        Axes to draw on; a new figure if None, with panels side by side for more than four names.
    band
        Quantiles at the ends of the bars.
    x_label, y_label, log_x, log_y
        Label of each axis, and whether it is logarithmic.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with a point for each bin and name; those of the first panel if there are several.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If a name does not have one array per bin, or there are more than four names for the same axes.

    Examples
    --------
    >>> from icecol import plot
    >>> ax = plot.quantiles([0, 60, 90], {"SPE": [[1.0, 2.0, 3.0], [0.5, 1.5]]}, x_label="zenith / °")
    >>> ax.get_xlabel(), [text.get_text() for text in ax.get_legend().get_texts()]
    ('zenith / °', ['SPE'])
    """
    if len(values_by_name) > MOST:
        if ax is not None:
            msg = (
                f"{len(values_by_name)} series would hide one another: draw at most {MOST} on the same axes, and the "
                "others on axes (`ax`) beside them"
            )
            raise ValueError(msg)
        names = list(values_by_name)
        panels = [names[i : i + MOST] for i in range(0, len(names), MOST)]
        figure = new_figure(5.4 * len(panels), 4.4)
        options: dict[str, Any] = {
            "band": band,
            "x_label": x_label,
            "y_label": y_label,
            "log_x": log_x,
            "log_y": log_y,
        }
        row = figure.subplots(1, len(panels), sharey=True)
        for part, panel in zip(row, panels, strict=True):
            style(part)
            quantiles(edges, {name: values_by_name[name] for name in panel}, part, **options)
            part.label_outer()
        return row[0]
    shown = closed(edges, log=log_x)
    low, high = shown[:-1], shown[1:]
    ax = new_axes() if ax is None else ax
    place = np.sqrt(low * high) if log_x else (low + high) / 2
    n = len(values_by_name)
    for i, (name, parts) in enumerate(values_by_name.items()):
        if len(parts) != place.size:
            msg = f"{name!r} has values for {len(parts)} bins, but the edges define {place.size}"
            raise ValueError(msg)
        arrays = [np.asarray(p, float) for p in parts]
        good = [a[~np.isnan(a)] for a in arrays]
        nothing = [np.nan] * 3
        found = [np.quantile(g, [band[0], 0.5, band[1]]) if g.size else nothing for g in good]
        bottom, middle, top = np.array(found).T
        shift = (i - (n - 1) / 2) * 0.08  # side by side, so that bars do not hide each other
        at = place * (high / low) ** shift if log_x else place + shift * (high - low)
        color, _, marker, _ = next_series(ax)
        widths = (at - low, high - at)
        drawn = ax.errorbar(
            at,
            middle,
            (middle - bottom, top - middle),
            widths,
            fmt=marker,
            linewidth=1.2,
            color=color,
            label=name,
        )
        drawn.lines[0].set_gid(SERIES)
        mark_open(ax, edges, shown, middle, color)
    ax.set(xlabel=x_label, ylabel=y_label)
    if log_x:
        ax.set_xscale("log")
    if log_y:
        ax.set_yscale("log")
    # above, where it hides no bar
    ax.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize="small")
    return ax
