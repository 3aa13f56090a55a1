"""Weights of simulated events: fluxes, effective areas, expected events.

`generation` says how the events of datasets were generated; its `weight(flux)` is an expression of the weight of each
event in Hz, for `with_columns`, histograms and cutflows. `nugen`, `genie` and `corsika` are shortcuts where the flux is
known already. All fluxes are in GeV^-1 cm^-2 s^-1 sr^-1, for each type of particle.
"""

from __future__ import annotations

from icecol.weight.atmospheric import conventional, prompt
from icecol.weight.cosmic_rays import h3a
from icecol.weight.datasets import bundles, corsika, generation, genie, nugen
from icecol.weight.effective import effective_area, effective_volume
from icecol.weight.external import daemonflux, nuflux
from icecol.weight.flux import Flux, broken_power_law, from_function, power_law, tabulated
from icecol.weight.generations import Generation
from icecol.weight.sums import Estimate, Totals, totals
from icecol.weight.surface import Surface
from icecol.weight.veto import passing_fraction, self_veto

__all__ = [
    "Estimate",
    "Flux",
    "Generation",
    "Surface",
    "Totals",
    "broken_power_law",
    "bundles",
    "conventional",
    "corsika",
    "daemonflux",
    "effective_area",
    "effective_volume",
    "from_function",
    "generation",
    "genie",
    "h3a",
    "nuflux",
    "nugen",
    "passing_fraction",
    "power_law",
    "prompt",
    "self_veto",
    "tabulated",
    "totals",
]


def __dir__() -> list[str]:
    return __all__
