"""Cosmic rays: the flux of each nucleus."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, NamedTuple

import polars as pl

from icecol.weight.flux import Flux, of_types


class Nucleus(NamedTuple):
    """A nucleus, and its three populations in Gaisser's model."""

    charge: int
    mass: int
    norms: tuple[float, float, float]
    """In m^-2 s^-1 sr^-1 GeV^(index - 1)."""
    indices: tuple[float, float, float]


CUTOFFS: Final = (4e6, 3e7, 2e9)
"""Rigidities (GV) at which the populations end."""

H3A: Final = MappingProxyType(
    {
        2212: Nucleus(1, 1, (7860, 20, 1.7), (2.66, 2.4, 2.4)),
        1000020040: Nucleus(2, 4, (3550, 20, 1.7), (2.58, 2.4, 2.4)),
        1000070140: Nucleus(7, 14, (2200, 13.4, 1.14), (2.63, 2.4, 2.4)),
        1000130270: Nucleus(13, 27, (1430, 13.4, 1.14), (2.67, 2.4, 2.4)),
        1000260560: Nucleus(26, 56, (2120, 13.4, 1.14), (2.63, 2.4, 2.4)),
    }
)
"""The model H3a of Gaisser, Astropart. Phys. 35 (2012) 801, by PDG code: H, He, N, Al, Fe."""


def h3a() -> Flux:
    """Make the cosmic-ray flux H3a of Gaisser (Astropart. Phys. 35 (2012) 801), for protons, He, N, Al and Fe.

    Other nuclei have none: a simulation must have been made with these five.

    Examples
    --------
    >>> from icecol import weight
    >>> f"{weight.h3a().at(1e6, pdg_encoding=2212):.2e} GeV^-1 cm^-2 s^-1 sr^-1"
    '7.55e-17 GeV^-1 cm^-2 s^-1 sr^-1'
    """
    return Flux(lambda e, _c, p: of_types({code: _flux(e, nucleus) for code, nucleus in H3A.items()}, p))


def _flux(energy: pl.Expr, nucleus: Nucleus) -> pl.Expr:
    parts = [
        norm * 1e-4 * energy.pow(-index) * (-energy / (cutoff * nucleus.charge)).exp()
        for norm, index, cutoff in zip(nucleus.norms, nucleus.indices, CUTOFFS, strict=True)
    ]
    return pl.sum_horizontal(parts)
