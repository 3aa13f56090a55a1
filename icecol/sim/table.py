"""Simulated events as a Polars table with the columns of a converted file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol import units
from icecol.sim import chain

if TYPE_CHECKING:
    from icecol.sim.sample import Events

run_id = 1
"""Run number of simulated events."""


def lists(values: npt.NDArray[Any], offsets: npt.NDArray[np.int64]) -> pl.Series:
    """Return a list column made of the values between offsets, without a copy."""
    import pyarrow as pa

    return pl.Series(pa.LargeListArray.from_arrays(offsets, values))


def table(events: Events) -> pl.DataFrame:
    """Return simulated events as a table, one row an event; see `Events.to_polars`."""
    truth, hits, n = events.truth, events.pulses, len(events)
    particle = pl.Series(truth.kind != chain.NOISE)
    track = pl.Series(truth.kind == chain.MUON)

    columns: dict[str, Any] = {
        "I3EventHeader.run_id": np.full(n, run_id, np.uint32),
        "I3EventHeader.sub_run_id": np.zeros(n, np.uint32),
        "I3EventHeader.event_id": np.arange(n, dtype=np.uint32),
        "I3EventHeader.sub_event_id": np.zeros(n, np.uint32),
        "I3EventHeader.sub_event_stream": ["InIceSplit"] * n,
        "FilterMask.SMT8.condition_passed": np.isfinite(events.trigger_time),
        "FilterMask.SMT8.prescale_passed": np.isfinite(events.trigger_time),
    }
    kept = np.concatenate([[0], np.cumsum(hits.srt)])[hits.offsets]
    for key, mask, offsets in (
        ("InIcePulses", slice(None), hits.offsets),
        ("SRTInIcePulses", hits.srt, kept),
    ):
        for member in ("time", "charge", "width", "flags", "omkey"):
            columns[f"{key}.{member}"] = lists(getattr(hits, member)[mask], offsets)
    frame = pl.DataFrame(columns)

    primary = {
        **{name: getattr(truth, name) for name in ("x", "y", "z", "zenith", "azimuth", "time", "energy")},
        "length": np.full(n, np.nan),
        "speed": np.full(n, units.c),
        "pdg_encoding": truth.pdg_encoding,
    }
    weight = {"OneWeight": truth.one_weight, "NEvents": truth.n_events}
    return frame.with_columns(
        *(pl.when(particle).then(pl.Series(v)).alias(f"MCPrimary.{k}") for k, v in primary.items()),
        *(
            pl.when(track).then(pl.Series(v)).alias(f"MCMostEnergeticTrack.{k}")
            for k, v in primary.items()
            if k in {"x", "y", "z", "zenith", "azimuth", "time", "energy", "pdg_encoding"}
        ),
        *(pl.when(particle).then(pl.Series(v)).alias(f"I3MCWeightDict.{k}") for k, v in weight.items()),
    )
