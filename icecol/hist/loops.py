"""Compiled loops that fill one axis of even bins, to the last bit as boost-histogram does, in a third of its time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from icecol.jit.cache import kept

Floats = npt.NDArray[np.float64]


@kept(error_model="numpy")
def fill_weighted(
    values: Floats, weights: Floats, start: float, stop: float, sums: Floats
) -> tuple[int, float, float]:
    """Add weights and squared weights to the bins of `sums`, the first of which is underflow and the last overflow.

    Returns the number, the sum of weights and the sum of squared weights of the NaNs, which no bin gets.
    """
    bins, width = sums.shape[0] - 2, stop - start
    n, sumw, sumw2 = 0, 0.0, 0.0
    for i in range(values.size):
        w = weights[i]
        z = (
            values[i] - start
        ) / width  # divided first, as boost-histogram does: no other order rounds the same
        if z < 1:
            k = int(z * bins) + 1 if z >= 0 else 0
        elif z >= 1:
            k = bins + 1
        else:
            n += 1
            sumw += w
            sumw2 += w * w
            continue
        sums[k, 0] += w
        sums[k, 1] += w * w
    return n, sumw, sumw2


@kept(error_model="numpy")
def fill_counts(values: Floats, start: float, stop: float, sums: Floats) -> int:
    """Count the values in the bins of `sums`, as `fill_weighted` does with weights of 1; returns the number of NaNs."""
    bins, width = sums.shape[0] - 2, stop - start
    n = 0
    for i in range(values.size):
        z = (values[i] - start) / width
        if z < 1:
            k = int(z * bins) + 1 if z >= 0 else 0
        elif z >= 1:
            k = bins + 1
        else:
            n += 1
            continue
        sums[k, 0] += 1.0
        sums[k, 1] += 1.0
    return n
