"""The bins of a log axis without logarithms: found by the leading bits of a value and one comparison."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

_CELLS: Final = 1 << 14
"""Most cells: 200 kB, more than which the second cache does not hold."""
_INFINITY: Final = int(np.array(np.inf).view(np.int64))


class Lookup(NamedTuple):
    """Cells of numbers that have the leading bits in common, with at most one edge of a bin in each.

    The value v lies in the cell `(bits of v >> shift) - origin`, or in the first or last one if there is no such cell,
    and in the bin `below[cell] + (v >= edge[cell])`; bin 0 is underflow.
    """

    shift: int
    origin: int
    below: npt.NDArray[np.int32]
    edge: npt.NDArray[np.float64]


def of_log(bins: int, start: float, stop: float) -> Lookup | None:
    """Return the cells of an axis with even bins of the logarithm; None if there are too many.

    The edges are where numpy's logarithms, filled into even bins, come to the next one: all ways to fill agree.

    Examples
    --------
    >>> np.nanmin(of_log(2, 1.0, 100.0).edge)
    np.float64(1.0)
    """
    if bins > _CELLS:
        return None
    edges = _edges(bins, start, stop)
    bits = edges.view(np.int64)
    for shift in range(51, 31, -1):  # cells of at most 31 bits
        cells = bits >> shift
        if cells[-1] - cells[0] >= _CELLS:
            return None
        if (np.diff(cells) > 0).all():
            break
    else:
        return None
    origin = int(cells[0]) - 1  # a cell more at each end, for what lies outside
    size = int(cells[-1]) - origin + 2
    edge = np.full(size, np.nan)  # which nothing is above, not even infinity
    edge[cells - origin] = edges
    below = np.searchsorted(cells, np.arange(size) + origin).astype(np.int32)
    return Lookup(shift, origin, below, edge)


def _edges(bins: int, start: float, stop: float) -> npt.NDArray[np.float64]:
    """Return the least number of each bin, and of overflow: found by halving, in the order of the bits."""
    low, width = math.log(start), math.log(stop) - math.log(start)
    k = np.arange(bins + 1)
    under, over = np.zeros(bins + 1, np.int64), np.full(bins + 1, _INFINITY)  # not in the bin; in it or above
    near = np.exp(low + k * (width / bins))
    for guess in (
        near * (1 - 1e-9),
        near * (1 + 1e-9),
    ):  # mostly right, which spares more than half of the steps
        bits = np.clip(guess.view(np.int64), 0, _INFINITY)
        reached = _reaches(bits, k, low, width, bins)
        under, over = np.where(reached, under, bits), np.where(reached, np.minimum(bits, over), over)
    while (over - under > 1).any():
        middle = under + (over - under) // 2
        reached = _reaches(middle, k, low, width, bins)
        under, over = np.where(reached, under, middle), np.where(reached, middle, over)
    return over.view(np.float64)


def _reaches(
    bits: npt.NDArray[np.int64], k: npt.NDArray[np.int64], low: float, width: float, bins: int
) -> npt.NDArray[np.bool_]:
    """Return whether the numbers with these bits lie in the bins k or above, by numpy's logarithm."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.floor((np.log(bits.view(np.float64)) - low) / width * bins) >= k)


__all__ = ["Lookup", "of_log"]
