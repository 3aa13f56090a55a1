"""Figures, known to pyplot where it is used, and written atomically."""

from __future__ import annotations

import io
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icecol import files
from icecol.plot.look import look, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def new_axes(width: float = 6.4, height: float = 4.4, *, projection: str | None = None) -> Axes:
    """Make a figure with a single panel; where pyplot is imported it is its current figure.

    The size (inches) holds unless the user has set another.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    with look():
        figure = new_figure(width, height)
        ax = figure.add_subplot(projection=projection)
        ax._repr_png_ = figure._repr_png_  # type: ignore[attr-defined]
        if projection is None:
            style(ax)
    return ax


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure, as `new_axes` does."""
    from matplotlib import rcParams, rcParamsDefault
    from matplotlib.figure import Figure

    own = rcParams["figure.figsize"] == rcParamsDefault["figure.figsize"]
    size = (width, height) if own else rcParams["figure.figsize"]
    pyplot = sys.modules.get("matplotlib.pyplot")
    make = Figure if pyplot is None else pyplot.figure
    figure: Any = make(figsize=size, layout="constrained")
    # notebooks display objects by this method, which nothing but pyplot gives to a figure
    figure._repr_png_ = partial(_png, figure)
    return figure


def plain_numbers(ax: Axes) -> None:
    """Label logarithmic axes with 20, 100, ... instead of powers of ten."""
    from matplotlib.ticker import LogFormatter

    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(LogFormatter())
        axis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 0.4)))


def save(figure: Figure | Axes, path: str | os.PathLike[str], **options: Any) -> Path:
    """Save a figure, or the figure that some axes belong to. The file is written atomically.

    Parameters
    ----------
    figure
        Figure or axes to save.
    path
        File to write; its suffix (.png, .pdf or .svg) sets the format.
    options
        Passed to `Figure.savefig`, such as `dpi=200`.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        If the file name has no suffix.

    Examples
    --------
    >>> import polars as pl, tempfile, pathlib
    >>> from icecol import hist, plot
    >>> h = hist.fill(pl.LazyFrame({"x": [0.1, 0.2, 1.5]}), hist.regular("x", 3, 0, 3, label="x / m"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plot.save(plot.hist1d(h), pathlib.Path(folder) / "x.png").name
    'x.png'
    """
    target = Path(path)
    if not target.suffix:
        msg = f"cannot tell the file format from {os.fspath(path)!r}: end it in .png, .pdf or .svg"
        raise ValueError(msg)
    whole: Any = figure if hasattr(figure, "savefig") else figure.figure
    with files.whole(target) as aside:
        whole.savefig(aside, **{"format": target.suffix[1:], **options})
    return target


def _png(figure: Any) -> bytes | None:
    """Return the figure as PNG; None where the notebook shows what pyplot has at the end of the cell."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and "inline" in pyplot.get_backend() and figure.number in pyplot.get_fignums():
        return None
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
