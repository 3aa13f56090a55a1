"""Seeded radius-time cleaning."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from icecol.reco.kernels.order import order

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@njit(cache=True, nogil=True, error_model="numpy")
def seeded_rt(
    offsets: I64, time: F64, x: F64, y: F64, z: F64, seed: Mask, radius: float = 150.0, window: float = 1000.0
) -> Mask:
    """Select the pulses that are linked to a seed: seeded radius-time cleaning of many events.

    Two pulses are linked when their sensors are at most `radius` m apart (those of one sensor are) and their
    times differ by less than `window` ns. Seeds are selected, then whatever is linked to a selected pulse, until
    nothing is added.
    With HLC pulses as seeds and the defaults this is IceCube's `SRTInIcePulses` (module I3SeededRTCleaning, seeds
    AllHLCHits, no dust layer correction). Pulses with NaN time are never selected.

    Parameters
    ----------
    offsets
        First pulse of each event, and the number of pulses: n + 1 numbers.
    time
        In ns, of each pulse.
    x, y, z
        Position in m of the sensor of each pulse.
    seed
        Which pulses are seeds.

    Examples
    --------
    >>> import numpy as np
    >>> at = np.zeros(3)
    >>> seeded_rt(
    ...     np.array([0, 3]), np.array([0.0, 900.0, 1900.0]), at, at, at, np.array([True, False, False])
    ... )
    array([ True,  True, False])
    """
    out = np.zeros(time.size, np.bool_)
    for event in range(offsets.size - 1):
        start, stop = offsets[event], offsets[event + 1]
        rank = order(time[start:stop])
        n = rank.size
        while n > 0 and np.isnan(time[start + rank[n - 1]]):
            n -= 1
        queue = np.empty(n, np.int64)
        head = tail = 0
        for k in range(n):
            if seed[start + rank[k]]:
                out[start + rank[k]] = True
                queue[tail] = k
                tail += 1
        while head < tail:
            k = queue[head]
            head += 1
            i = start + rank[k]
            for step in (-1, 1):
                m = k + step
                while 0 <= m < n and abs(time[start + rank[m]] - time[i]) < window:
                    j = start + rank[m]
                    if not out[j]:
                        dx, dy, dz = x[j] - x[i], y[j] - y[i], z[j] - z[i]
                        if dx * dx + dy * dy + dz * dz <= radius * radius:
                            out[j] = True
                            queue[tail] = m
                            tail += 1
                    m += step
    return out
