"""The correction of charges by the mean single-photoelectron charge of each PMT."""

from __future__ import annotations

import numpy as np

from icecol.i3.pulses.pulse_batch import CALIBRATION, F32, F64, I32, Bytes, Ints
from icecol.jit.cache import kept


@kept(error_model="numpy")
def correct_charges(
    status: Ints,
    rows: Ints,
    om: I32,
    sensors: Ints,
    flags: Bytes,
    charge: F32,
    known: I32,
    atwd: F64,
    fadc: F64,
) -> None:
    """Divide the charges by the mean SPE charge of each PMT, for the digitiser of the pulse."""
    for r in range(status.size):
        for s in range(rows[r], rows[r + 1]):
            k = np.searchsorted(known, om[s])
            if k >= known.size or known[k] != om[s]:
                status[r] = CALIBRATION
                break
            for p in range(sensors[s], sensors[s + 1]):
                mean = atwd[k] if flags[p] & 2 else fadc[k]
                factor = 1.0 if np.isnan(mean) else 1.0 / mean
                charge[p] = np.float32(np.float64(charge[p]) * factor)
