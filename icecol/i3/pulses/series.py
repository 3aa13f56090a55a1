"""Pulses of one event as arrays (`PulseSeries`), the frame object that holds them, and limits of references."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from icecol.dataset.pulses import SERIES
from icecol.i3.archive.containers import FrameMap
from icecol.i3.archive.keys import OMKey
from icecol.i3.archive.objects import new

PULSE: Final = np.dtype([(member.name, f"<{member.dtype}") for member in SERIES if member.name != "omkey"])
"""A pulse of a given PMT, as in a pulse map."""

DEEPEST: Final = 100
"""Maximum depth of masks over masks."""

MOST_PULSES: Final = 1 << 22
"""Maximum number of pulses and PMTs in a union: unions of unions can describe any number in few bytes.

The pulses of one event in memory are then 90 MB, twice while they are sorted; a mask holds 2^19 pulses of a sensor, and
the brightest events of a cubic kilometre have some 10^6 pulses in all.
"""


@dataclass(frozen=True, slots=True)
class PulseSeries:
    """Pulses of one frame, ordered by OMKey and then as in the series.

    One array per member; `icecol.dataset.pulses.SERIES` has their types, units and meaning.
    """

    omkey: npt.NDArray[np.int32]
    time: npt.NDArray[np.float64]
    charge: npt.NDArray[np.float32]
    width: npt.NDArray[np.float32]
    flags: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return self.time.size

    @property
    def string(self) -> npt.NDArray[np.int32]:
        """String number of each pulse."""
        return self.omkey >> 16

    @property
    def om(self) -> npt.NDArray[np.int32]:
        """Module number of each pulse."""
        return self.omkey >> 8 & 0xFF

    @property
    def pmt(self) -> npt.NDArray[np.int32]:
        """PMT number of each pulse."""
        return self.omkey & 0xFF


def pulse_map(series: PulseSeries) -> FrameMap:
    """Convert pulses to a frame object, an I3RecoPulseSeriesMap; the pulses of a sensor keep their order.

    Parameters
    ----------
    series
        Pulses of one frame.

    Examples
    --------
    >>> one = np.ones(1)
    >>> series = PulseSeries(np.array([21 << 16 | 30 << 8], np.int32), one, one, one, one.astype(np.uint8))
    >>> [(key, len(pulses)) for key, pulses in pulse_map(series).items()]
    [(OMKey(string=21, om=30, pmt=0), 1)]
    """
    order = np.argsort(series.omkey, kind="stable")
    pulses = np.empty(order.size, PULSE)
    for member in PULSE.names or ():
        pulses[member] = getattr(series, member)[order]
    keys, begins = np.unique(series.omkey[order], return_index=True)
    made = {
        OMKey(key >> 16, key >> 8 & 0xFF, key & 0xFF): part
        for key, part in zip(keys.tolist(), np.split(pulses, begins[1:]), strict=bool(keys.size))
    }
    found: FrameMap = new("I3RecoPulseSeriesMap", made)
    return found
