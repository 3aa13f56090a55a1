"""Simulated events as a dataset, without a file of frames between."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from icecol.convert.i3_columns import TableMaker
from icecol.convert.run import collecting
from icecol.convert.source import Detector
from icecol.dataset.parts import ROW_GROUP_EVENTS
from icecol.dataset.scan import Dataset, open_dataset
from icecol.i3.container.mixing import mix, new_order
from icecol.i3.container.names import Names
from icecol.i3.container.raw import encode_frame
from icecol.i3.container.walk import scan
from icecol.sim import columns, files

if TYPE_CHECKING:
    from icecol.sim.columns import Events

NAME: Final = "simulated events"
"""What stands in the manifest for the path of a file."""


def to_dataset(
    events: Events,
    dataset: str | Path,
    *,
    run_id: int = columns.RUN_ID,
    overwrite: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Dataset:
    """Make a dataset of simulated events: the columns of `Events.to_polars`, as a conversion of their file has them.

    Parameters
    ----------
    events
        What `icecol.sim.events` returns.
    dataset, overwrite, settings
        As for `icecol.convert.i3`.
    run_id
        Run number of the events.

    Examples
    --------
    >>> import tempfile
    >>> from icecol import sim
    >>> sim.to_dataset(sim.events(3, seed=1), f"{tempfile.mkdtemp()}/muons.icecol").rows
    3
    """
    rows = table_of(events, run_id)
    made_by = {"form": "simulation", **events.settings}
    with collecting(NAME, dataset, made_by, overwrite=overwrite, more=settings) as into:
        into.detector = Detector(events.geometry)
        into.found.frames = len(events)
        into.found.streams.update({files.STREAM: len(events)})
        for at in range(0, len(events), ROW_GROUP_EVENTS):
            into.add(rows.slice(at, ROW_GROUP_EVENTS))
    return open_dataset(dataset)


def table_of(events: Events, run_id: int) -> pa.Table:
    """Return simulated events as the table that a conversion makes of their file."""
    frame = events.to_polars().with_columns(pl.lit(run_id, pl.UInt32).alias("I3EventHeader.run_id"))
    fields = _fields(events)
    schema = pa.schema([fields[name] for name in frame.columns if name in fields])
    return frame.select(schema.names).to_arrow().cast(schema)


def _fields(events: Events) -> dict[str, pa.Field]:
    """Return the fields of all columns, with unit and meaning, as the first events that have them do in a file."""
    found: dict[str, pa.Field] = {}
    first = set(np.unique(events.truth.kind, return_index=True)[1].tolist())
    first.update(int(t.pdg_encoding.argmin()) for t in events.particles.values() if len(events))
    first.update(int(t.pdg_encoding.argmax()) for t in events.particles.values() if len(events))
    for i in sorted(first):
        data = b"".join(encode_frame(stop, objects) for stop, objects in files.frames_of(events, i))
        batch = scan(bytearray(data), names=Names(), tray=False)
        found |= {field.name: field for field in TableMaker().table(mix(batch, "P", new_order())).schema}
    return found


__all__ = ["to_dataset"]
