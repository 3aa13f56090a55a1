"""Sorting inside kernels: far quicker to compile than numpy's, and stable."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from icecol.jit.cache import kept


@kept(error_model="numpy")
def before(a: float, b: float) -> bool:
    """Return whether `a` belongs before `b`; NaN belongs after all numbers."""
    return a < b or (np.isnan(b) and not np.isnan(a))


@kept(error_model="numpy")
def order(key: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the indices that sort the keys, equal keys in the order they come and NaN last: a merge sort.

    Examples
    --------
    >>> import numpy as np
    >>> order(np.array([3.0, 1.0, np.nan, 1.0]))
    array([1, 3, 0, 2])
    """
    n = key.size
    source, target = np.arange(n), np.empty(n, np.int64)
    width = 1
    while width < n:
        for start in range(0, n, 2 * width):
            middle, stop = min(start + width, n), min(start + 2 * width, n)
            i, j = start, middle
            for k in range(start, stop):
                if j < stop and (i >= middle or before(key[source[j]], key[source[i]])):
                    target[k] = source[j]
                    j += 1
                else:
                    target[k] = source[i]
                    i += 1
        source, target = target, source
        width *= 2
    return source
