"""Inverse of a small matrix by Gauss and Jordan, the largest element of a column first."""

from __future__ import annotations

import numpy as np

from icecol.jit.function import compiled


@compiled
def inverse(matrix):
    """Return the inverse of a square matrix, and whether it has one (a matrix with NaN has one of NaN)."""
    n = matrix.shape[0]
    a, out = matrix.copy(), np.zeros((n, n))
    for i in range(n):
        out[i, i] = 1.0
    for i in range(n):
        top = i
        for j in range(i + 1, n):
            if abs(a[j, i]) > abs(a[top, i]):
                top = j
        if a[top, i] == 0.0:
            return out, False
        for k in range(n):
            a[i, k], a[top, k] = a[top, k], a[i, k]
            out[i, k], out[top, k] = out[top, k], out[i, k]
        scale = 1.0 / a[i, i]
        for k in range(n):
            a[i, k] *= scale
            out[i, k] *= scale
        for j in range(n):
            factor = a[j, i]
            if j != i:
                for k in range(n):
                    a[j, k] -= factor * a[i, k]
                    out[j, k] -= factor * out[i, k]
    return out, True
