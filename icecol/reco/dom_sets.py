"""Named parts of the detector, as sets of sensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from icecol.dataset.geometry import omkey, split_omkey
from icecol.errors import GeometryError, close_names
from icecol.reco.jagged import Array, frozen

DOM_SETS: Final[Mapping[str, tuple[tuple[Iterable[int], Iterable[int]], ...]]] = MappingProxyType(
    {
        "InIce": ((range(1, 87), range(1, 61)),),
        "IceCube": ((range(1, 79), range(1, 61)),),
        "DeepCore": ((range(79, 87), range(1, 61)),),
        "IceTop": ((range(1, 82), range(61, 65)),),
        "IC86 fiducial": (((26, 27, 35, 36, 37, 45, 46), range(39, 61)), (range(79, 87), range(11, 61))),
        "IC86EDC fiducial": (
            ((25, 26, 27, 34, 35, 36, 37, 44, 45, 46, 47, 54), range(39, 61)),
            (range(79, 87), range(11, 61)),
        ),
    }
)
"""Strings and sensors of each set; the fiducial ones are the DeepCoreFiducialDOMs of IceTray's DOMS("IC86"), ..., and
"IC86EDC fiducial" is DOM set 6 of the triggers."""


def dom_set(name: str) -> npt.NDArray[np.int32]:
    """Return the omkeys of a named set, sorted.

    Raises
    ------
    GeometryError
        There is no set of that name.

    Examples
    --------
    >>> dom_set("IC86 fiducial").size
    554
    """
    if name not in DOM_SETS:
        msg = f"no set of sensors {name!r}; there are {close_names(name, DOM_SETS)}, or give omkeys"
        raise GeometryError(msg)
    return sorted_keys(omkey(s, om) for strings, oms in DOM_SETS[name] for s in strings for om in oms)


def sorted_keys(keys: Iterable[Any]) -> npt.NDArray[np.int32]:
    """Return numbers as a sorted array without repetition."""
    return np.unique(np.array(list(keys), np.int32))


def dom_table(doms: str | Iterable[int]) -> Array:
    """Return a set of sensors, a name in `DOM_SETS` or omkeys, as a table of 0 and 1 for kernels: `table[string, om]`.

    Raises
    ------
    GeometryError
        There is no set of that name, or an omkey has a negative string number.

    Examples
    --------
    >>> table = dom_table("IC86EDC fiducial")
    >>> [int(table[36, om]) for om in (38, 39)], int(table.sum())
    ([0, 1], 664)
    """
    keys = dom_set(doms) if isinstance(doms, str) else sorted_keys(doms)
    string, om, _ = split_omkey(keys)
    if (string < 0).any():
        msg = f"a set of sensors has the string {int(string.min())}; strings in a set are 0 or more"
        raise GeometryError(msg)
    table = np.zeros((int(string.max(initial=0)) + 1, int(om.max(initial=0)) + 1), np.uint8)
    table[string, om] = 1
    return frozen(table)
