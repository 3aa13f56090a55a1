"""Reconstruction: features of events, computed from their pulses, as Polars expressions.

In: a pulse series, by name or as the `Pulses` handle that `Dataset.pulses` returns, and the columns of fits that other
features start from. Out: one struct expression per feature, or for cleanings a smaller pulse series; `with_features`
adds them to a frame, each kernel running once, batch by batch, only over the events that survive the cuts.

Open `plan.py` first (`with_features`, and `event_expr` which turns a loop over events into an expression), then
`line_fits.py` for what a public function looks like. A `Kernel` (`decorator.py`) joins a function over one event, in
`kernels/`, with the names of its results; `codegen.py` writes and compiles the loop over events around it; `jagged.py`
is the only bridge between list columns and numpy arrays; `selection.py` is what cleanings are made of, `reference.py`
how a feature finds its track, vertex or seed, `positions.py` where the DOMs are. `testing.py` checks any feature, also
a user's.
"""

from __future__ import annotations

from icecol.detector.dom_sets import dom_set
from icecol.reco.angles import opening_angle
from icecol.reco.angular_errors import cramer_rao, paraboloid
from icecol.reco.cascade_fits import cascade_fit, cascade_likelihood
from icecol.reco.charges import causal_qtot, charge, homogenized_qtot
from icecol.reco.cleaning import (
    charge_range,
    dynamic_time_window,
    first_pulses,
    hlc_pulses,
    select_doms,
    slc_pulses,
    static_time_window,
    time_window,
)
from icecol.reco.cut_variables import i3cuts
from icecol.reco.decorator import Kernel, kernel
from icecol.reco.energies import muon_energy, truncated_energy
from icecol.reco.fill_ratios import fill_ratio, fill_ratio_lite
from icecol.reco.finite import finite_reco
from icecol.reco.first_guesses import clast, dipole_fit
from icecol.reco.hit_variables import (
    common_variables,
    direct_hits,
    hit_multiplicity,
    hit_statistics,
    time_characteristics,
    track_characteristics,
)
from icecol.reco.inertia import tensor_of_inertia
from icecol.reco.likelihood_fits import mpe_fit, spe_fit, track_likelihood
from icecol.reco.line_fits import improved_linefit, linefit
from icecol.reco.plan import event_expr, with_features
from icecol.reco.rt_cleaning import classic_rt, delay_cleaning, rt_veto, seeded_rt
from icecol.reco.selection import Selection
from icecol.reco.splitting import explode_subevents, topological_split
from icecol.reco.summaries import dom_summary
from icecol.reco.tracks import cherenkov
from icecol.reco.triggers import fired, smt, string_trigger, volume_trigger
from icecol.reco.vetoes import deepcore_veto, hese_veto, i3_veto, layer_veto
from icecol.reco.volumes import containment, containment_size, cylinder_size

__all__ = [
    "Kernel",
    "Selection",
    "cascade_fit",
    "cascade_likelihood",
    "causal_qtot",
    "charge",
    "charge_range",
    "cherenkov",
    "classic_rt",
    "clast",
    "common_variables",
    "containment",
    "containment_size",
    "cramer_rao",
    "cylinder_size",
    "deepcore_veto",
    "delay_cleaning",
    "dipole_fit",
    "direct_hits",
    "dom_set",
    "dom_summary",
    "dynamic_time_window",
    "event_expr",
    "explode_subevents",
    "fill_ratio",
    "fill_ratio_lite",
    "finite_reco",
    "fired",
    "first_pulses",
    "hese_veto",
    "hit_multiplicity",
    "hit_statistics",
    "hlc_pulses",
    "homogenized_qtot",
    "i3_veto",
    "i3cuts",
    "improved_linefit",
    "kernel",
    "layer_veto",
    "linefit",
    "mpe_fit",
    "muon_energy",
    "opening_angle",
    "paraboloid",
    "rt_veto",
    "seeded_rt",
    "select_doms",
    "slc_pulses",
    "smt",
    "spe_fit",
    "static_time_window",
    "string_trigger",
    "tensor_of_inertia",
    "time_characteristics",
    "time_window",
    "topological_split",
    "track_characteristics",
    "track_likelihood",
    "truncated_energy",
    "volume_trigger",
    "with_features",
]


def __dir__() -> list[str]:
    return __all__
