"""Features of events, computed from their pulses, as Polars expressions."""

from __future__ import annotations

from icecol.reco.angles import opening_angle
from icecol.reco.charges import causal_qtot, charge, homogenized_qtot
from icecol.reco.cherenkov import cherenkov
from icecol.reco.common_variables import (
    direct_hits,
    hit_multiplicity,
    hit_statistics,
    time_characteristics,
    track_characteristics,
)
from icecol.reco.features import Kernel, event_expr, kernel, with_features
from icecol.reco.first_guesses import clast, dipole_fit
from icecol.reco.i3cuts import i3cuts
from icecol.reco.inertia import tensor_of_inertia
from icecol.reco.line_fits import improved_linefit, linefit
from icecol.reco.topology import fill_ratio, finite_reco
from icecol.reco.triggers import fired, smt, string_trigger
from icecol.reco.vetoes import containment, deepcore_veto, hese_veto, i3_veto, layer_veto

__all__ = [
    "Kernel",
    "causal_qtot",
    "charge",
    "cherenkov",
    "clast",
    "containment",
    "deepcore_veto",
    "dipole_fit",
    "direct_hits",
    "event_expr",
    "fill_ratio",
    "finite_reco",
    "fired",
    "hese_veto",
    "hit_multiplicity",
    "hit_statistics",
    "homogenized_qtot",
    "i3_veto",
    "i3cuts",
    "improved_linefit",
    "kernel",
    "layer_veto",
    "linefit",
    "opening_angle",
    "smt",
    "string_trigger",
    "tensor_of_inertia",
    "time_characteristics",
    "track_characteristics",
    "with_features",
]
