"""Simple majority trigger."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

F64 = npt.NDArray[np.float64]


@njit(cache=True, nogil=True, error_model="numpy")
def majority(time: F64, threshold: int, window: float) -> tuple[float, float]:
    """Find the first simple majority trigger among time-ordered hits: (start, end) in ns, NaN if there is none.

    A window starts at a hit and is `window` ns long, end included; it is above threshold with `threshold` hits or
    more. The trigger lasts from the first hit of the first such window to the last hit of the last one that
    overlaps those before it. IceCube's SMT-8 is `majority(hlc_times, 8, 5000.0)`.

    Examples
    --------
    >>> import numpy as np
    >>> majority(np.arange(8) * 700.0, 8, 5000.0)
    (0.0, 4900.0)
    """
    start, end = np.nan, np.nan
    j = 0
    for i in range(time.size):
        if time[i] > end:
            break
        while j < time.size and time[j] - time[i] <= window:
            j += 1
        if j - i >= threshold:
            if np.isnan(start):
                start = time[i]
            end = time[j - 1]
    return start, end
