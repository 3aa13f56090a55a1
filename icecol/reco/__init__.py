"""Features of events, computed from their pulses, as Polars expressions."""

from __future__ import annotations

from icecol.reco.angles import opening_angle
from icecol.reco.charges import causal_qtot, charge, homogenized_qtot
from icecol.reco.cleaning import (
    charge_range,
    classic_rt,
    delay_cleaning,
    dynamic_time_window,
    first_pulses,
    hlc_pulses,
    seeded_rt,
    select_doms,
    slc_pulses,
    static_time_window,
    time_window,
)
from icecol.reco.dom_sets import dom_set
from icecol.reco.features import Kernel, event_expr, kernel, with_features
from icecol.reco.inertia import tensor_of_inertia
from icecol.reco.line_fits import improved_linefit, linefit
from icecol.reco.selection import Selection
from icecol.reco.splitting import explode_subevents, topological_split

__all__ = [
    "Kernel",
    "Selection",
    "causal_qtot",
    "charge",
    "charge_range",
    "classic_rt",
    "delay_cleaning",
    "dom_set",
    "dynamic_time_window",
    "event_expr",
    "explode_subevents",
    "first_pulses",
    "hlc_pulses",
    "homogenized_qtot",
    "improved_linefit",
    "kernel",
    "linefit",
    "opening_angle",
    "seeded_rt",
    "select_doms",
    "slc_pulses",
    "static_time_window",
    "tensor_of_inertia",
    "time_window",
    "topological_split",
    "with_features",
]
