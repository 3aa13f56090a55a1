"""Splitting of events into sub-events."""

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


@feature(cost=50)
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
    """Return the sub-events of each event, as IceTray's I3TopologicalSplitter.

    Sub-events are clusters of causally connected pulses, and noise connects clusters: give it a cleaned series.

    Parameters
    ----------
    pulses
        Pulse series, with a geometry. Pulses of DOMs that are not in it and pulses at NaN are dropped. As in IceTray,
        all pulses of modules other than IceCube's in-ice DOMs, such as IceTop's and the Upgrade's, are connected with
        one another and with none of IceCube's: select IceCube's in-ice DOMs first.
    multiplicity
        Number of connected DOMs that make a sub-event.
    time_window
        Time (ns) within which they must be hit.
    xy_dist
        Maximum horizontal distance (m) of connected DOMs.
    z_dom_dist
        Maximum distance of connected DOMs on the same string, in DOM spacings.
    time_cone
        Maximum difference (ns) between the time difference of connected pulses and the light travel time in vacuum.
    members
        Members of the new series.

    Returns
    -------
    pl.Expr
        A struct of the members, each a list of lists: the sub-events in order of time, and the pulses of each. Make
        rows of them with `explode_subevents`. Pulses of no sub-event are dropped. A list is empty without sub-events
        and null where the series is null.

    Raises
    ------
    ValueError
        multiplicity, time_window, xy_dist or time_cone is not positive and finite.
    GeometryError
        The pulses have no geometry.

    Examples
    --------
    >>> from icecol import Geometry
    >>> keys = [36 << 16 | om << 8 for om in (20, 21, 22, 23)]  # two tracks down string 36, 1 ms apart
    >>> frame = pl.DataFrame(
    ...     {"P.time": [[t + 50.0 * k for k in range(4) for t in (0, 1e6)]], "P.omkey": [np.repeat(keys, 2)]}
    ... )
    >>> split = topological_split(Pulses("P", Geometry.nominal()), members=("time",))
    >>> frame.select(split.struct.field("time")).item().to_list()
    [[0.0, 50.0, 100.0, 150.0], [1000000.0, 1000050.0, 1000100.0, 1000150.0]]
    """
    for name, value in {
        "multiplicity": multiplicity,
        "time_window": time_window,
        "xy_dist": xy_dist,
        "time_cone": time_cone,
    }.items():
        if not 0 < value < math.inf:
            msg = f"`{name}` must be positive and finite, found {value!r}"
            raise ValueError(msg)
    g = pulses.geometry
    if g is not None:  # of_icecube goes by string and OM number where the module type is unknown
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
    """Give each sub-event a row of its own, with an ordinary pulse series.

    Parameters
    ----------
    events
        A dataset, a lazy frame or a table with the result of `topological_split`.
    pulses
        Key of that result, such as `pulses.named("Topo")`.

    Returns
    -------
    pl.LazyFrame
        One row per sub-event; events without sub-events have none. The column `<key>.sub_event_id` numbers the
        sub-events of an event from 0, and all other columns are repeated.

    Raises
    ------
    MissingColumnError
        There is no such pulse series.

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
