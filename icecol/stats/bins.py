"""Likelihoods of many bins at once, compiled."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from icecol.jit.cache import kept
from icecol.stats.gamma_poisson import bin_logl

Floats = npt.NDArray[np.float64]


@kept(error_model="numpy")
def elementwise(kind: int, k: Floats, mu: Floats, s2: Floats) -> Floats:
    """Return ln L of each bin."""
    out = np.empty(k.size)
    for i in range(k.size):
        out[i] = bin_logl(kind, k[i], mu[i], s2[i])[0]
    return out


@kept(error_model="numpy")
def total(kind: int, k: Floats, mu: Floats, s2: Floats) -> float:
    """Return ln L of all bins."""
    log = 0.0
    for i in range(k.size):
        log += bin_logl(kind, k[i], mu[i], s2[i])[0]
    return log


@kept(error_model="numpy")
def slopes(kind: int, k: Floats, mu: Floats, s2: Floats) -> tuple[Floats, Floats]:
    """Return the slopes of ln L of each bin in mu and in s2."""
    in_mu, in_s2 = np.empty(k.size), np.empty(k.size)
    for i in range(k.size):
        _, in_mu[i], in_s2[i] = bin_logl(kind, k[i], mu[i], s2[i])
    return in_mu, in_s2
