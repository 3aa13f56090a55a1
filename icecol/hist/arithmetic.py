"""Arithmetic of histograms: ratios, cumulative and differential histograms, normalization, rebinning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import boost_histogram as bh
import numpy as np

from icecol.hist.axis import categories_in_digits
from icecol.hist.points import Points

if TYPE_CHECKING:
    from icecol.hist.histogram import Hist


def require_equal_axes(a: Hist, b: Hist, what: str) -> None:
    """Refuse two histograms of different bins.

    Raises
    ------
    ValueError
        If the axes differ; `what` says what cannot be done with them.
    """
    if a.ndim != b.ndim or any(x != y for x, y in zip(a.axes, b.axes, strict=True)):
        msg = f"histograms with different axes cannot be {what}: {list(a.axes)} and {list(b.axes)}"
        raise ValueError(msg)


def add(a: Hist, b: Hist, what: str = "added") -> Any:
    """Add the bins of two histograms; categories are merged. `what` is said in the error.

    Raises
    ------
    ValueError
        If the axes differ.
    """
    try:
        total = _in_digits(a, b) + _in_digits(b, a)
    except ValueError as err:
        msg = f"histograms with different axes cannot be {what}: {list(a.axes)} and {list(b.axes)}"
        raise ValueError(msg) from err
    total.metadata = notes(a, b) or None
    total.inputs = inputs(a, b)
    return total


def notes(*histograms: Hist) -> str:
    """Return what of the events of any of several histograms is blind; each thing is said once."""
    return "; ".join(dict.fromkeys(part for h in histograms for part in h.note.split("; ") if part))


def inputs(*histograms: Hist) -> tuple[str, ...]:
    """Return the datasets that several histograms come from, each once."""
    return tuple(dict.fromkeys(path for h in histograms for path in h.inputs))


def ratio(a: Hist, b: Hist) -> Points:
    """Divide two independent histograms bin by bin, with the error of the ratio.

    The error is sqrt(s_a^2 + (a/b)^2 s_b^2) / b. For a subset of the entries of `b` use `hist.efficiency`, as it is
    not independent of them.

    Parameters
    ----------
    a, b
        Histograms with equal axes; `a / b` is the same.

    Returns
    -------
    Points
        The ratio, in an interval of ± one error; NaN where `b` is 0.

    Raises
    ------
    ValueError
        If the axes differ.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> x = hist.regular("x", 1, 0, 1)
    >>> data, expected = (hist.fill(pl.LazyFrame({"x": [0.5] * n}), x) for n in (8, 4))
    >>> hist.ratio(data, expected).values(), hist.ratio(data, expected).errors()[0].round(3)
    (array([2.]), array([1.225]))
    """
    require_equal_axes(a, b, "divided")
    top, bottom = a.values(), b.values()
    below = np.where(bottom == 0, np.nan, bottom)
    found = top / below
    error = np.sqrt(a.variances() + found**2 * b.variances()) / np.abs(below)
    return Points(tuple(a.axes), found, found - error, found + error, "ratio", notes(a, b))


def cumulated(h: Hist, *, reverse: bool) -> Any:
    """Sum the bins of one axis from below, underflow included, or from above, overflow included.

    Raises
    ------
    ValueError
        If there is more than one axis.
    """
    if h.ndim != 1:
        msg = f"cumulative needs one axis, not {h.ndim}: project first, as in h.project(0)"
        raise ValueError(msg)
    made = h.bh.copy()
    view = made.view(flow=True)
    for part in ("value", "variance"):
        view[part] = view[part][::-1].cumsum()[::-1] if reverse else view[part].cumsum()
    return made


def per_width(h: Hist, factor: float = 1.0) -> Any:
    """Scale by a factor and divide each bin by its width, or by its area; under- and overflow have none."""
    made = h.bh * factor
    widths = math.prod(made.axes.widths)  # broadcast to one array
    view = made.view(flow=False)
    view["value"] /= widths
    view["variance"] /= widths**2
    return made


def rebinned(h: Hist, bins: int | Sequence[float], axis: int) -> Any:
    """Join bins along an axis: `bins` of them each, what is left over becoming overflow, or all between new edges.

    Raises
    ------
    ValueError
        If the axis has fewer bins than are to be joined, or the new edges are not among its edges.
    TypeError
        If the axis holds categories.
    """
    old = h.axes[axis]
    if isinstance(old, (bh.axis.StrCategory, bh.axis.IntCategory)):
        msg = f"axis {h.names[axis]!r} holds categories, which cannot be joined by number"
        raise TypeError(msg)
    if isinstance(bins, int):
        if not 1 <= bins <= len(old):
            msg = f"axis {h.names[axis]!r} has {len(old)} bins; {bins} of them cannot be joined"
            raise ValueError(msg)
        return h.bh[{axis: slice(None, None, bh.rebin(bins))}]
    edges = np.asarray(bins, np.float64)
    at = np.searchsorted(old.edges, edges - 1e-9 * np.abs(edges)).clip(0, len(old))
    if (
        edges.size < 2
        or not np.all(np.diff(at) > 0)
        or not np.allclose(old.edges[at], edges, rtol=1e-9, atol=1e-300)
    ):
        wrong = edges[~np.isclose(old.edges[at], edges, rtol=1e-9, atol=1e-300)].tolist()
        msg = (
            f"new edges of axis {h.names[axis]!r} must be two or more increasing ones of its own; "
            f"{'not among them: ' + str(wrong) if wrong else 'found ' + str(edges.tolist())}"
        )
        raise ValueError(msg)
    part = h.bh[{axis: slice(int(at[0]), int(at[-1]))}]
    return part[{axis: slice(None, None, bh.rebin(groups=np.diff(at).tolist()))}]


def _in_digits(h: Hist, other: Hist) -> Any:
    """Return the bins with integer categories in digits where those of the other are, as some exceed 32 bits."""
    axes = [
        categories_in_digits(a)
        if isinstance(a, bh.axis.IntCategory) and isinstance(b, bh.axis.StrCategory)
        else a
        for a, b in zip(h.axes, other.axes, strict=False)
    ]
    if all(a is b for a, b in zip(axes, h.axes, strict=False)):
        return h.bh
    out = bh.Histogram(*axes, storage=bh.storage.Weight())
    out.view(flow=True)[...] = h.bh.view(flow=True)
    out.metadata, out.inputs = h.note or None, h.inputs
    return out
