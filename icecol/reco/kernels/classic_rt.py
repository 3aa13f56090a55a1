"""Classic radius-time cleaning: pulses without enough others near them in space and time are noise."""

from __future__ import annotations

import numpy as np

from icecol.jit.function import compiled


@compiled
def classic_rt(time, width, x, y, z, radius, window, multiplicity, use_width):
    """Return which pulses have more than `multiplicity` pulses within `radius` m and `window` ns, themselves included.

    Pulses last for use_width ns, or for their own width if that is negative. Two are near in time if they overlap,
    ends included, or if one begins less than `window` after the other ends.
    """
    n = time.size
    start = time.astype(np.float64)
    stop = start + (width.astype(np.float64) if use_width < 0 else np.full(n, use_width))
    keep = np.zeros(n, np.bool_)
    for i in range(n):
        near = 0
        for j in range(n):
            dx, dy, dz = x[i] - x[j], y[i] - y[j], z[i] - z[j]
            if dx * dx + dy * dy + dz * dz <= radius * radius:
                gap = start[j] - stop[i] if start[i] <= start[j] else start[i] - stop[j]
                near += gap <= 0.0 or gap < window
        keep[i] = near > multiplicity
    return keep
