"""The first pulse of each DOM, among pulses sorted by omkey."""

from __future__ import annotations

import numpy as np

from icecol.jit.function import compiled


@compiled
def first_pulses(omkey):
    """Return the index of the first pulse of each DOM, and the number of pulses at the end."""
    first = np.empty(omkey.size + 1, np.int64)
    n = 0
    for j in range(omkey.size):  # written without a branch on "next DOM", which is a coin toss
        first[n] = j
        n += j == 0 or omkey[j] != omkey[j - 1]
    first[n] = omkey.size
    return first[: n + 1]
