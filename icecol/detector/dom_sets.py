"""Named parts of the detector, as sets of DOMs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol.detector.geometry import omkey, split_omkey
from icecol.errors import GeometryError, did_you_mean

DomSet: TypeAlias = tuple[tuple[Iterable[int], Iterable[int]], ...]
"""A set of DOMs, as groups of strings with the OM numbers that belong to the set on each of them."""


def _in_deepcore(around: Iterable[int], first: int, dense: Iterable[int]) -> DomSet:
    """Return the fiducial DOMs: from OM `first` down on the surrounding strings, from OM 11 down on the dense ones."""
    return (around, range(first, 61)), (dense, range(11, 61))


def _around_deepcore(
    strings: Iterable[int], around: Iterable[int], first: int, dense: Iterable[int]
) -> DomSet:
    """Return the DOMs of the strings that are not fiducial."""
    others = sorted({*strings} - {*around, *dense})
    return (others, range(1, 61)), (around, range(1, first)), (dense, range(1, 11))


_IC86 = range(1, 87)
_IC79 = sorted({*_IC86} - {1, 7, 14, 22, 31, 79, 80})
_IC59 = sorted({*_IC79} - {8, 9, 15, 16, 23, 24, 25, 32, 33, 34, 35, 41, 42, 43, 51, 81, 82, 84, 85, 86})
_CENTRE = (26, 27, 35, 36, 37, 45, 46)
_WIDER = (*_CENTRE, 25, 34, 44, 47, 54)
_WIDEST = (*_WIDER, 16, 17, 18, 19, 24, 28, 33, 38, 43, 48, 53, 55, 56, 57, 62, 63)
_DEEPCORE: Final[Mapping[str, tuple[Iterable[int], Iterable[int], int, Iterable[int]]]] = {
    "IC59": (_IC59, (26, 27, 36, 37, 45, 46), 41, (83,)),
    "IC79": (_IC79, _CENTRE, 39, range(81, 87)),
    "IC86": (_IC86, _CENTRE, 39, range(79, 87)),
    "IC86EDC": (_IC86, _WIDER, 39, range(79, 87)),
    "IC86TwoLayVeto": (_IC86, _WIDEST, 39, range(79, 87)),
}

DOM_SETS: Final[Mapping[str, DomSet]] = MappingProxyType(
    {
        "InIce": ((_IC86, range(1, 61)),),
        "IceCube": ((range(1, 79), range(1, 61)),),
        "DeepCore": ((range(79, 87), range(1, 61)),),
        "IceTop": ((range(1, 82), range(61, 65)),),
        **{f"{name} fiducial": _in_deepcore(*parts[1:]) for name, parts in _DEEPCORE.items()},
        **{f"{name} veto": _around_deepcore(*parts) for name, parts in _DEEPCORE.items()},
    }
)
"""The named sets of DOMs. The fiducial sets are the DeepCoreFiducialDOMs of IceTray's DOMS("IC86") and so on, the veto
sets its DeepCoreVetoDOMs: all other in-ice DOMs of that detector. "IC86EDC fiducial" is DOM set 6 of the triggers."""


def dom_set(name: str) -> npt.NDArray[np.int32]:
    """Return the omkeys of a named set of DOMs, in ascending order.

    Parameters
    ----------
    name
        Name in `DOM_SETS`.

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
        msg = f"there is no DOM set {name!r}: give the name of a set or omkeys; {did_you_mean(name, DOM_SETS, 'sets')}"
        raise GeometryError(msg)
    return sorted_keys(
        np.concatenate([omkey(*np.meshgrid(*map(list, part))).ravel() for part in DOM_SETS[name]])
    )


def sorted_keys(keys: Iterable[Any]) -> npt.NDArray[np.int32]:
    """Return the unique numbers as a sorted array of i32."""
    return np.unique(np.array(keys if isinstance(keys, np.ndarray) else list(keys), np.int32))


def dom_table(doms: str | Iterable[int]) -> npt.NDArray[Any]:
    """Return a set of DOMs as a table of 0 and 1 for kernels: `table[string, om]`.

    Parameters
    ----------
    doms
        A name in `DOM_SETS`, or omkeys.

    Returns
    -------
    array of u1
        Read-only, up to the largest string and OM number of the set.

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
        msg = f"the strings of a set of DOMs must be 0 or more, found string {int(string.min())}"
        raise GeometryError(msg)
    table = np.zeros((int(string.max(initial=0)) + 1, int(om.max(initial=0)) + 1), np.uint8)
    table[string, om] = 1
    table.setflags(write=False)
    return table
