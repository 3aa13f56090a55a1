"""Histograms as tables, as objects of the package hist, as text, and as HTML for notebooks."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import boost_histogram as bh
import numpy as np
import polars as pl

from icecol.errors import needs

if TYPE_CHECKING:
    from icecol.hist.histogram import Hist
    from icecol.hist.points import Points

_WIDTH, _HEIGHT = 360, 160


def to_frame(h: Hist) -> pl.DataFrame:
    """Return the bins as a table, the last axis running fastest."""
    return bins_of(h.axes, h.names).with_columns(
        value=pl.Series(h.values().ravel()),
        variance=pl.Series(h.variances().ravel()),
    )


def points_to_frame(points: Points) -> pl.DataFrame:
    """Return points as a table, the last axis running fastest; a value that does not exist is null."""
    names = tuple(getattr(a, "name", "") for a in points.axes)
    columns = {"value": points.values(), "low": points.low, "high": points.high}
    return bins_of(points.axes, names).with_columns(
        **{k: pl.Series(v.ravel()).fill_nan(None) for k, v in columns.items()}
    )


def bins_of(axes: Any, names: tuple[str, ...]) -> pl.DataFrame:
    """Return the ends of each bin (`x low`, `x high`), or its category, for all axes."""
    shape = tuple(len(a) for a in axes)
    columns: dict[str, pl.Series] = {}
    for i, (axis, given) in enumerate(zip(axes, names, strict=True)):
        name = given or f"axis {i}"
        index = np.indices(shape, np.intp)[i].ravel()
        if isinstance(axis, (bh.axis.StrCategory, bh.axis.IntCategory)):
            columns[name] = pl.Series(list(axis))[index]
        else:
            edges = np.asarray(axis.edges)
            columns |= {f"{name} low": pl.Series(edges[index]), f"{name} high": pl.Series(edges[index + 1])}
    return pl.DataFrame(columns)


def to_hist(h: Hist) -> Any:
    """Return a copy as `hist.Hist`; the counts of NaN and null stay behind."""
    try:
        import hist
    except ImportError as err:
        raise needs("hist", "hist", "Hist.to_hist") from err  # noqa: EM101
    return hist.Hist(h.bh.copy())


def show(h: Hist, **options: Any) -> None:
    """Print a histogram of one axis as bars of characters."""
    try:
        import histoprint
    except ImportError as err:
        raise needs("histoprint", "hist", "Hist.show") from err  # noqa: EM101
    if h.ndim != 1:
        msg = f"only one axis can be printed, but this histogram has {h.ndim}: project it first, as in h.project(0)"
        raise ValueError(msg)
    histoprint.print_hist((h.values(), h.edges), **options)


def to_html(h: Hist) -> str:
    """Return a small drawing of one or two axes, with the sums below."""
    drawn = _steps(h) if h.ndim == 1 else _map(h) if h.ndim == 2 else ""
    return f'<div style="font-family: monospace">{drawn}<div>{html.escape(repr(h))}</div></div>'


def _steps(h: Hist) -> str:
    values = np.nan_to_num(h.values(), posinf=0.0, neginf=0.0)
    if not values.size:
        return ""
    top = max(values.max(), 0.0)
    low = min(values.min(), 0.0)
    x = np.linspace(0, _WIDTH, values.size + 1)
    y = _HEIGHT * (1 - (values - low) / ((top - low) or 1.0))
    zero = _HEIGHT * (1 - (0 - low) / ((top - low) or 1.0))
    path = f"M0,{zero:.1f}" + "".join(
        f"L{a:.1f},{v:.1f}L{b:.1f},{v:.1f}" for a, b, v in zip(x[:-1], x[1:], y, strict=True)
    )
    shape = f'<path d="{path}L{_WIDTH},{zero:.1f}Z" fill="#9ecae1" stroke="#3182bd"/>'
    return _svg(shape, _range(h, 0), "")


def _map(h: Hist) -> str:
    values = np.nan_to_num(h.values(), posinf=0.0, neginf=0.0)
    if not 0 < values.size <= 10_000:
        return ""
    shade = np.clip(values / (values.max() or 1.0), 0, 1)
    width, height = _WIDTH / values.shape[0], _HEIGHT / values.shape[1]
    cells = "".join(
        f'<rect x="{i * width:.1f}" y="{_HEIGHT - (j + 1) * height:.1f}" width="{width:.2f}" height="{height:.2f}" '
        f'fill="#3182bd" fill-opacity="{shade[i, j]:.2f}"/>'
        for i, j in zip(*np.nonzero(shade), strict=True)
    )
    return _svg(cells, _range(h, 0), _range(h, 1))


def _range(h: Hist, i: int) -> str:
    axis = h.axes[i]
    if isinstance(axis, (bh.axis.StrCategory, bh.axis.IntCategory)):
        ends = f"{len(axis)} categories"
    else:
        ends = f"{axis.edges[0]:.6g} to {axis.edges[-1]:.6g}"
    return html.escape(f"{h.labels[i]}: {ends}")


def _svg(shapes: str, below: str, above: str) -> str:
    text = '<text x="{}" y="{}" font-size="11" fill="currentColor">{}</text>'
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT + 36}" viewBox="0 -18 {_WIDTH} {_HEIGHT + 36}">'
        f"{text.format(0, -5, above)}{shapes}{text.format(0, _HEIGHT + 14, below)}</svg>"
    )
