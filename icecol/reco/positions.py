"""Where the DOMs are: the geometry behind a pulse series, for features that also use DOMs without pulses."""

from __future__ import annotations

import numpy as np

from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Geometry
from icecol.detector.sensors import in_ice
from icecol.errors import GeometryError
from icecol.reco.jagged import Array, frozen


def geometry_of(pulses: Pulses, what: str) -> Geometry:
    """Return the geometry of a series.

    Raises
    ------
    GeometryError
        It has none; the message says that `what` needs it.
    """
    if pulses.geometry is None:
        msg = (
            f"{what} needs the positions of the DOMs; give Pulses({pulses.key!r}, geometry) a geometry, such as that "
            "of the dataset"
        )
        raise GeometryError(msg)
    return pulses.geometry


def good_in_ice(geometry: Geometry) -> Array:
    """Return which sensors are in the ice and not on the list of bad DOMs."""
    return in_ice(geometry) & ~geometry.bad


def sensors_of(pulses: Pulses, what: str) -> tuple[Array, ...]:
    """Return omkey, x, y, z, facing (1: down) and relative efficiency of all good in-ice DOMs, sorted by omkey."""
    g = geometry_of(pulses, what)
    there = good_in_ice(g)
    efficiency = np.nan_to_num(g.relative_efficiency, nan=1.0)
    return tuple(frozen(a[there]) for a in (g.omkey, g.x, g.y, g.z, -g.dir_z, efficiency))
