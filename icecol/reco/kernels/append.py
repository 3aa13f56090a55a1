"""An array that grows as values are added to it."""

from __future__ import annotations

import numpy as np

from icecol.jit.function import compiled


@compiled
def append(flat, used, values):
    """Put values after the first `used` ones; return how many there are then, and the array or a larger one."""
    end = used + values.size
    if end > flat.size:
        grown = np.empty(max(end, 2 * flat.size))
        grown[:used] = flat[:used]
        flat = grown
    for j in range(values.size):
        flat[used + j] = values[j]
    return end, flat
