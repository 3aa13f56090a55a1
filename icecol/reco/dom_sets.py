"""Named parts of the detector, as sets of sensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from icecol.dataset.geometry import omkey

DOM_SETS: Final[Mapping[str, tuple[tuple[Iterable[int], Iterable[int]], ...]]] = {
    "IceCube": ((range(1, 79), range(1, 61)),),
    "DeepCore": ((range(79, 87), range(1, 61)),),
    "IceTop": ((range(1, 82), range(61, 65)),),
    "IC86 fiducial": (((26, 27, 35, 36, 37, 45, 46), range(39, 61)), (range(79, 87), range(11, 61))),
    "IC86EDC fiducial": (
        ((25, 26, 27, 34, 35, 36, 37, 44, 45, 46, 47, 54), range(39, 61)),
        (range(79, 87), range(11, 61)),
    ),
}
"""Strings and sensors of each set; the fiducial ones are the DeepCoreFiducialDOMs of IceTray's DOMS("IC86"), ...."""


def dom_set(name: str) -> npt.NDArray[np.int32]:
    """Return the omkeys of a named set, sorted.

    >>> dom_set("IC86 fiducial").size
    554
    """
    if name not in DOM_SETS:
        msg = f"there is no set of sensors {name!r}; there are {', '.join(map(repr, DOM_SETS))}"
        raise ValueError(msg)
    return sorted_keys(omkey(s, om) for strings, oms in DOM_SETS[name] for s in strings for om in oms)


def sorted_keys(keys: Iterable[Any]) -> npt.NDArray[np.int32]:
    """Return numbers as a sorted array without repetition."""
    return np.unique(np.array(list(keys), np.int32))
