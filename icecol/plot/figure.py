"""Figures, made without pyplot and written atomically."""

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


def new_axes(width: float = 6.4, height: float = 4.4, *, projection: str | None = None) -> Axes:
    """Make a figure with a single panel (size in inches), without pyplot.

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
    ax = figure.add_subplot(projection=projection)
    # notebooks display objects by this method, which nothing but pyplot gives to a figure
    ax._repr_png_ = figure._repr_png_ = lambda: _png(figure)  # type: ignore[attr-defined]
    if projection is None:
        style(ax)
    return ax


def style(ax: Axes) -> None:
    """Draw ticks inwards and a thin grid behind the data."""
    ax.set_axisbelow(True)
    ax.grid(visible=True, which="major", color="0.9", linewidth=0.6)
    ax.tick_params(which="both", direction="in", top=True, right=True)


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


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
