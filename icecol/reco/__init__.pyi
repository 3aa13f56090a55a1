# The public names of icecol.reco: what type checkers see, and what `__init__.py` imports on first use.

from .angles import opening_angle
from .angular_errors import cramer_rao, paraboloid
from .cascade_fits import cascade_fit, cascade_likelihood
from .charges import causal_qtot, charge, homogenized_qtot
from .cleaning import (
    charge_range,
    dom_set,
    dynamic_time_window,
    first_pulses,
    hlc_pulses,
    select_doms,
    slc_pulses,
    static_time_window,
    time_window,
)
from .cut_variables import i3cuts
from .decorator import Kernel, kernel
from .energies import muon_energy, truncated_energy
from .fill_ratios import fill_ratio, fill_ratio_lite
from .finite import finite_reco
from .first_guesses import clast, dipole_fit
from .hit_variables import (
    common_variables,
    direct_hits,
    hit_multiplicity,
    hit_statistics,
    time_characteristics,
    track_characteristics,
)
from .inertia import tensor_of_inertia
from .likelihood_fits import mpe_fit, spe_fit, track_likelihood
from .line_fits import improved_linefit, linefit
from .plan import event_expr, with_features
from .rt_cleaning import classic_rt, delay_cleaning, rt_veto, seeded_rt
from .selection import Selection
from .splitting import explode_subevents, topological_split
from .summaries import dom_summary
from .tracks import cherenkov
from .triggers import fired, smt, string_trigger, volume_trigger
from .vetoes import deepcore_veto, hese_veto, i3_veto, layer_veto
from .volumes import containment, containment_size, cylinder_size

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
