"""The convolution of Gamma density and Gaussian from a table: polynomials of degree 3 in xi^(1/4) and eta.

Tabulated is the logarithm of the integral of y^(xi - 1) exp(-eta y - y^2 / 2) over y, divided by Gamma(xi): the
parabolic cylinder function D_-xi(eta) exp(eta^2 / 4), which depends on neither rate nor jitter. It is good to 3e-7.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from icecol.jit.function import compiled

LEAST_XI, MOST_XI = 0.06, 38.0
LEAST_ETA, MOST_ETA = -30.0, 9.9
_ROOT, _ROOT_STEP, _N_ROOT = 0.494, 0.0278, 72
_ETA, _ETA_STEP, _N_ETA = -30.0, 0.125, 320
_N = 4
PER_XI, PER_ETA = 1.0 / (2.0 * _ROOT_STEP), 2.0 / _ETA_STEP
"""What a slope in the position within a cell, from -1 to 1, is multiplied with: by root / xi too, for that in xi."""
EXACT = np.empty((0, 0, _N, _N))
"""Instead of a table: every value is computed."""


@functools.cache
def pandel_table() -> Any:
    """Return coefficients: (cell in xi^(1/4), cell in eta, powers of eta and of xi^(1/4)); a cell is from -1 to 1."""
    places = np.cos((np.arange(_N) + 0.5) * np.pi / _N)
    xi = (_ROOT + _ROOT_STEP * (np.arange(_N_ROOT)[:, None] + 0.5 * (1 + places)).ravel()) ** 4
    eta = _ETA + _ETA_STEP * (np.arange(_N_ETA)[:, None] + 0.5 * (1 + places)).ravel()
    s = np.arange(-7.0, 4.0, 0.003)  # y = exp(s - exp(-s)): the integrand fades at both ends whatever xi is
    log_y = s - np.exp(-s)
    y = np.exp(log_y)
    shift = np.where(eta < 0, 0.5 * eta * eta, 0.0)
    log_gamma = np.array([math.lgamma(v) for v in xi])
    left = np.exp(xi[:, None] * log_y - log_gamma[:, None]) * (0.003 * (1 + np.exp(-s)))
    right = np.exp(-y[:, None] * eta - 0.5 * (y * y)[:, None] - shift)
    value = (np.log(left @ right) + shift).reshape(_N_ROOT, _N, _N_ETA, _N)
    solve = np.linalg.inv(np.vander(places, increasing=True))
    return np.ascontiguousarray(np.einsum("pa,iajb,qb->ijqp", solve, value, solve))


@compiled(inline="always")
def tabulated(xi, eta, table):
    """Return the value at (xi, eta), and its slopes in both; they must lie inside of the table."""
    root = math.sqrt(math.sqrt(xi))
    a, b = cells(root, eta)
    value, in_a, in_b = of_cell(a, b, table)
    return value, in_a * root * PER_XI / xi, in_b * PER_ETA


@compiled(inline="always")
def cells(root, eta):
    """Return where xi^(1/4) and eta lie, counted in cells of the table."""
    return (root - _ROOT) * (1.0 / _ROOT_STEP), (eta - _ETA) * (1.0 / _ETA_STEP)


@compiled(inline="always")
def of_cell(a, b, table):
    """Return the value at a place counted in cells, and its slopes in the positions within the cell.

    The four powers of xi^(1/4) stand side by side, so that one instruction does all of them.
    """
    i, j = int(a), int(b)
    a, b = 2.0 * (a - i) - 1.0, 2.0 * (b - j) - 1.0
    c = table[i, j]
    v0 = c[0, 0] + b * (c[1, 0] + b * (c[2, 0] + b * c[3, 0]))
    v1 = c[0, 1] + b * (c[1, 1] + b * (c[2, 1] + b * c[3, 1]))
    v2 = c[0, 2] + b * (c[1, 2] + b * (c[2, 2] + b * c[3, 2]))
    v3 = c[0, 3] + b * (c[1, 3] + b * (c[2, 3] + b * c[3, 3]))
    s0 = c[1, 0] + b * (2.0 * c[2, 0] + b * (3.0 * c[3, 0]))
    s1 = c[1, 1] + b * (2.0 * c[2, 1] + b * (3.0 * c[3, 1]))
    s2 = c[1, 2] + b * (2.0 * c[2, 2] + b * (3.0 * c[3, 2]))
    s3 = c[1, 3] + b * (2.0 * c[2, 3] + b * (3.0 * c[3, 3]))
    in_a = v1 + a * (2.0 * v2 + a * (3.0 * v3))
    return v0 + a * (v1 + a * (v2 + a * v3)), in_a, s0 + a * (s1 + a * (s2 + a * s3))
