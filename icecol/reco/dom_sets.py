"""Named sets of sensors, and tables of a set for kernels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from icecol.dataset.geometry import split_omkey
from icecol.errors import GeometryError, close_names
from icecol.reco.jagged import Array, frozen

_AROUND_DEEPCORE: Final = (25, 26, 27, 34, 35, 36, 37, 44, 45, 46, 47, 54)
DOM_SETS: Final[Mapping[str, tuple[tuple[Iterable[int], range], ...]]] = MappingProxyType(
    {
        "InIce": ((range(1, 87), range(1, 61)),),
        "IceCube": ((range(1, 79), range(1, 61)),),
        "DeepCore": ((_AROUND_DEEPCORE, range(39, 61)), (range(79, 87), range(11, 61))),
    }
)
"""Sets as (strings, sensor numbers): the ice without its additions, that without DeepCore, and DeepCore's fiducial
volume in the full detector (IceTray's IC86EDC; DOM set 6 of the triggers)."""


def dom_set(doms: str | Iterable[int]) -> Array:
    """Return a set of sensors as a table of 0 and 1, `table[string, om]`.

    Parameters
    ----------
    doms
        A name in `DOM_SETS`, or omkeys.

    Raises
    ------
    GeometryError
        There is no set of that name, or an omkey has a negative string number.

    Examples
    --------
    >>> table = dom_set("DeepCore")
    >>> [int(table[36, om]) for om in (38, 39)], int(table.sum())
    ([0, 1], 664)
    """
    if isinstance(doms, str):
        if doms not in DOM_SETS:
            msg = f"no set of sensors {doms!r}; there are {close_names(doms, DOM_SETS)}, or give omkeys"
            raise GeometryError(msg)
        table = np.zeros((87, 61), np.uint8)
        for strings, oms in DOM_SETS[doms]:
            table[np.ix_(list(strings), list(oms))] = 1
        return frozen(table)
    string, om, _ = split_omkey(np.array(list(doms), np.int32))
    if (string < 0).any():
        msg = f"a set of sensors has the string {int(string.min())}; strings in a set are 0 or more"
        raise GeometryError(msg)
    table = np.zeros((int(string.max(initial=0)) + 1, int(om.max(initial=0)) + 1), np.uint8)
    table[string, om] = 1
    return frozen(table)
