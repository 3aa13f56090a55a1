"""Figures: made without pyplot, written whole or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icecol import files
from icecol.errors import needs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def new_axes(width: float = 6.4, height: float = 4.4) -> Axes:
    """Make a figure of one panel (size in inches) that pyplot does not know of.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as err:
        raise needs("matplotlib", "plot", "icecol.plot") from err  # noqa: EM101
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    ax = figure.add_subplot()
    # a notebook shows an object by this method; without pyplot no one else gives it to a figure
    ax._repr_png_ = figure._repr_png_ = lambda: _png(figure)  # type: ignore[attr-defined]
    style(ax)
    return ax


def style(ax: Axes) -> None:
    """Set ticks inwards and a thin grid behind the data."""
    ax.set_axisbelow(True)
    ax.grid(visible=True, which="major", color="0.9", linewidth=0.6)
    ax.tick_params(which="both", direction="in", top=True, right=True)


def save(figure: Figure | Axes, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write a figure, or the figure of some axes; the file appears whole or not at all.

    Parameters
    ----------
    figure
        Figure or axes.
    path
        File to write; its suffix (.png, .pdf, .svg) says how.
    options
        Passed to `Figure.savefig`, such as `dpi=200`.

    Returns
    -------
    Path
        The file.

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
        msg = f"cannot tell the kind of figure from {os.fspath(path)!r}: end it in .png, .pdf or .svg"
        raise ValueError(msg)
    whole: Any = figure if hasattr(figure, "savefig") else figure.figure
    with files.whole(target) as aside:
        whole.savefig(aside, **{"format": target.suffix[1:], **options})
    return target


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
