"""The triggers of simulated events and of raw data, by the rules of `icecol.reco.triggers`."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol.detector.dom_sets import dom_table
from icecol.jit.cache import kept
from icecol.reco.jagged import frozen
from icecol.reco.kernels.smt import launches, majorities
from icecol.reco.kernels.string_trigger import clusters
from icecol.reco.triggers import CONFIG_ID
from icecol.sim import chain, sensor
from icecol.sim.columns import Triggers

F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]


class Condition(NamedTuple):
    """So many launches within a time in ns; for string triggers, on so many consecutive DOMs."""

    threshold: int
    window: float
    coherence: int
    doms: str


SMT8: Final = CONFIG_ID["InIceSMT"]
CONDITIONS: Final = {
    # DOMs of DeepCore count, as in `chain`
    SMT8: Condition(chain.majority_hits, chain.majority_window, 0, "InIce"),
    CONFIG_ID["InIceString"]: Condition(5, 1500.0, 7, "IceCube"),
    CONFIG_ID["DeepCoreSMT"]: Condition(3, 2500.0, 0, "IC86EDC fiducial"),
}
"""What makes each trigger, by its configuration ID."""


@kept(error_model="numpy")
def _found(
    offsets: I64,
    time: F64,
    flags: npt.NDArray[np.uint8],
    omkey: npt.NDArray[np.int32],
    dead_time: float,
    threshold: int,
    window: float,
    coherence: int,
    doms: npt.NDArray[np.uint8],
) -> tuple[I64, F64, F64]:
    """Return event, start and end of all triggers of one kind."""
    event, start, end = np.empty(time.size, np.int64), np.empty(time.size), np.empty(time.size)
    n = 0
    for i in range(offsets.size - 1):
        s = slice(offsets[i], offsets[i + 1])
        hits, of = launches(time[s], flags[s], omkey[s], dead_time, doms)
        if coherence > 0:
            begin, stop = clusters(hits, omkey[s][of], threshold, window, coherence)
        else:
            begin, stop = majorities(np.sort(hits), threshold, window)
        for k in range(begin.size):
            event[n], start[n], end[n] = i, begin[k], stop[k]
            n += 1
    return event[:n], start[:n], end[:n]


def find(
    offsets: I64,
    time: F64,
    flags: npt.NDArray[np.uint8],
    omkey: npt.NDArray[np.int32],
    *,
    dead_time: float = sensor.launch,
    smt8: tuple[F64, F64] | None = None,
) -> Triggers:
    """Return all triggers of events whose pulses are sorted by omkey and time.

    Parameters
    ----------
    offsets, time, flags, omkey
        Pulses of events; those in local coincidence count.
    dead_time
        Time in ns for which pulses belong to a launch; 0 for launches.
    smt8
        Begin and length of the SMT-8 trigger that read out each event, NaN for none, if that is known.
    """
    values = [frozen(a) for a in (offsets, time, flags, omkey)]
    parts = [
        (code, *_found(*values, float(dead_time), *how[:3], dom_table(how.doms)))
        for code, how in CONDITIONS.items()
        if code != SMT8 or smt8 is None
    ]
    if smt8 is not None:
        begin, length = smt8
        there = np.flatnonzero(np.isfinite(begin))
        parts.insert(0, (SMT8, there, begin[there], (begin + length)[there]))
    event, start, end = (np.concatenate([part[k] for part in parts]) for k in (1, 2, 3))
    config_id = np.repeat([part[0] for part in parts], [part[1].size for part in parts])
    order = np.lexsort((start, event))
    counts = np.bincount(event, minlength=offsets.size - 1)
    return Triggers(
        np.concatenate([[0], np.cumsum(counts)]),
        config_id[order].astype(np.int32),
        start[order],
        (end - start)[order],
    )
