"""Which sensor is what: IceCube's DOMs in the ice, sensors in the ice of any kind, and those on the surface."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from icecol.detector.geometry import Geometry

ICECUBE: Final = 20
"""I3OMGeo.OMType of IceCube's DOMs in the ice."""
SURFACE: Final = (30, 40, 50)
"""I3OMGeo.OMType of IceTop, scintillators and IceAct telescopes."""
_UNKNOWN: Final = 0
_HIGH: Final = 1000.0  # m; the surface is at 1950 m, the highest module in the ice at 574 m


def icecube_numbers(string: Any, om: Any) -> Any:
    """Return whether string and OM numbers are those of a DOM of IC86 in the ice: strings 1-86, OMs 1-60.

    Other detectors use these numbers too; with a geometry, `of_icecube` also looks at the type of each sensor.

    >>> icecube_numbers(86, 60), icecube_numbers(36, 61), icecube_numbers(87, 1)
    (True, False, False)
    """
    return (string >= 1) & (string <= 86) & (om >= 1) & (om <= 60)


def surface_numbers(string: Any, om: Any) -> Any:
    """Return whether string and OM numbers are those of IceTop (OMs 61-64) or a scintillator (65, 66) at a station.

    >>> surface_numbers(81, 64), surface_numbers(36, 60), surface_numbers(92, 62)
    (True, False, False)
    """
    return (string >= 1) & (string <= 81) & (om >= 61) & (om <= 66)


def of_icecube(geometry: Geometry) -> npt.NDArray[np.bool_]:
    """Return which sensors are IceCube's DOMs in the ice, and neither IceTop's nor the Upgrade's.

    Their type decides; in a geometry without types, their string and OM numbers do.

    Examples
    --------
    >>> nominal = Geometry.nominal(icetop=True)
    >>> int(of_icecube(nominal).sum()), len(nominal)
    (5160, 5484)
    """
    if geometry.om_type.any():
        return np.asarray(geometry.om_type == ICECUBE)
    return np.asarray(icecube_numbers(geometry.string, geometry.om))


def in_ice(geometry: Geometry) -> npt.NDArray[np.bool_]:
    """Return which sensors are in the ice (or water): all but IceTop's and others on the surface.

    The type of a sensor decides; where it is not known, one with the numbers of IceTop counts as on the surface if it
    is high up, so that a detector with more than 60 modules on a string keeps all of them.

    Examples
    --------
    >>> nominal = Geometry.nominal(icetop=True)
    >>> int(in_ice(nominal).sum()), len(nominal)
    (5160, 5484)
    """
    numbered = surface_numbers(geometry.string, geometry.om) & (geometry.z > _HIGH)
    by_type = np.isin(geometry.om_type, SURFACE)
    return np.asarray(~np.where(geometry.om_type == _UNKNOWN, numbered, by_type))
