"""How far muons go, and what is left of their energy: mean losses, dE/dX = -(a + b E), without straggling."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

F64: TypeAlias = npt.NDArray[np.float64]

ionization: Final = 0.259
"""a: loss by ionization in GeV per m of water (Chirkin and Rhode, hep-ph/0407075, ice)."""
radiation: Final = 0.363e-3
"""b: relative loss by radiation per m of water."""
ice: Final = 0.921585
"""Density of the ice around the detector, g/cm^3: m of water in a m."""


def muon_range(energy: F64) -> F64:
    """Return the mean range of muons, in m of water.

    >>> muon_range(np.array([1e3, 1e6])).round()
    array([ 2414., 19962.])
    """
    return np.log1p(energy * radiation / ionization) / radiation


def muon_energy(energy: F64, way: F64) -> F64:
    """Return the mean energy (GeV) of muons after some m of water; 0 of those that have stopped.

    >>> muon_energy(np.array([1e3, 1e3]), np.array([0.0, 2500.0]))
    array([1000.,    0.])
    """
    rest = ionization / radiation
    return np.maximum((energy + rest) * np.exp(-radiation * way) - rest, 0.0)
