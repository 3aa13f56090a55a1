"""Features of events, computed from their pulses, as Polars expressions."""

from __future__ import annotations

from icecol.reco.angles import opening_angle
from icecol.reco.charges import causal_qtot, charge, homogenized_qtot
from icecol.reco.features import Kernel, event_expr, kernel, with_features
from icecol.reco.inertia import tensor_of_inertia
from icecol.reco.likelihood_fits import mpe_fit, spe_fit, track_likelihood
from icecol.reco.line_fits import improved_linefit, linefit

__all__ = [
    "Kernel",
    "causal_qtot",
    "charge",
    "event_expr",
    "homogenized_qtot",
    "improved_linefit",
    "kernel",
    "linefit",
    "mpe_fit",
    "opening_angle",
    "spe_fit",
    "tensor_of_inertia",
    "track_likelihood",
    "with_features",
]
