"""Splitting: from one event to the sub-events in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from icecol.dataset.events import Events, lazy_frame
from icecol.dataset.pulses import MEMBERS, Pulses
from icecol.detector.sensors import ICECUBE, of_icecube
from icecol.errors import MissingColumnError, did_you_mean
from icecol.reco.feature import feature
from icecol.reco.kernels.topological_split import topological_split as _topological_split
from icecol.reco.selection import Selection

_TOPOLOGICAL: Final = Selection(_topological_split, group=True)


@feature
def topological_split(
    pulses: Pulses,
    multiplicity: int = 4,
    time_window: float = 4000.0,
    *,
    xy_dist: float = 500.0,
    z_dom_dist: int = 30,
    time_cone: float = 1000.0,
    members: Sequence[str] = MEMBERS,
) -> pl.Expr:
    """Return the sub-events of each event, as IceTray's I3TopologicalSplitter makes them.

    Give it a cleaned series: it looks at clusters of pulses that light could have connected, and noise connects them.

    Parameters
    ----------
    pulses
        The series, with a geometry; pulses of sensors that it lacks are left out, as are those at NaN. As for IceTray,
        all pulses of sensors that are not IceCube's in the ice, IceTop's and those of the Upgrade's modules, are
        connected with one another, and with no pulse of IceCube: split those alone.
    multiplicity
        Number of connected sensors that make a sub-event.
    time_window
        Time in ns in which they must be hit.
    xy_dist
        Largest horizontal distance of connected sensors, in m.
    z_dom_dist
        Largest distance of connected sensors of one string, in sensors.
    time_cone
        Largest difference, in ns, between the times of connected pulses and the time that light in vacuum needs.
    members
        Members of the new series.

    Returns
    -------
    pl.Expr
        A struct of the members, each a list of lists: the sub-events in order of time, and the pulses of each. See
        `explode_subevents`. Pulses of no sub-event are left out; a list is empty without sub-events, null where the
        series is.
    """
    for name, value in {
        "multiplicity": multiplicity,
        "time_window": time_window,
        "xy_dist": xy_dist,
        "time_cone": time_cone,
    }.items():
        if not 0 < value < math.inf:
            msg = f"`{name}` must be larger than 0 and finite, found {value!r}"
            raise ValueError(msg)
    g = pulses.geometry
    if g is not None:  # where no type is known the numbers of the sensors tell it
        pulses = replace(
            pulses, geometry=replace(g, om_type=np.where(of_icecube(g), ICECUBE, 0).astype(np.int32))
        )
    return _TOPOLOGICAL(
        pulses,
        members,
        multiplicity=int(multiplicity),
        time_window=float(time_window),
        xy_dist=float(xy_dist),
        z_dom_dist=int(z_dom_dist),
        time_cone=float(time_cone),
    )


def explode_subevents(events: Events, pulses: Pulses | str) -> pl.LazyFrame:
    """Give each sub-event a row of its own, with an ordinary pulse series; events without sub-events have none.

    `pulses` names the series that was split, such as `pulses.named("Topo")`. The column `<key>.sub_event_id` counts
    the sub-events of an event from 0; all other columns are repeated.

    Examples
    --------
    >>> frame = pl.DataFrame({"event_id": [7, 8], "T.time": [[[1.0], [5.0, 6.0]], []]})
    >>> explode_subevents(frame, Pulses("T")).collect().rows()
    [(7, [1.0], 0), (7, [5.0, 6.0], 1)]
    """
    pulses = Pulses(pulses) if isinstance(pulses, str) else pulses
    lazy = lazy_frame(events)
    there = lazy.collect_schema().names()
    columns = [c for c in pulses.columns if c in there]
    if not columns:
        msg = (
            f"the frame has no column of {pulses.key!r}; {did_you_mean(pulses.columns[0], there, 'columns')}"
        )
        raise MissingColumnError(msg)
    number = f"{pulses.key}.sub_event_id"
    numbers = pl.int_ranges(pl.col(columns[0]).list.len(), dtype=pl.Int32)
    return lazy.with_columns(numbers.alias(number)).explode(
        *columns, number, empty_as_null=False, keep_nulls=False
    )
