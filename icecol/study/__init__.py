"""Resolution of the reconstructions on simulated events: directions and energies of muons, and cascades.

`muons` and `cascades` (`samples.py`) simulate and reconstruct events, one per row; `distribution` and `energies`
(`tables.py`) make tables of such rows; `run` (`report.py`) does all of it and writes plots and one JSON file, as
`icecol study` does. The ice of the simulation is homogeneous, as the fits assume, so real resolutions are worse.
"""

from __future__ import annotations

from icecol.study.report import ENERGY, Study, energy_plot, run
from icecol.study.samples import (
    CASCADE_FITS,
    CASCADE_SHAPES,
    MUON_ENERGIES,
    PULSES,
    TRACK_FITS,
    TRUTH,
    cascades,
    muons,
)
from icecol.study.tables import distribution, energies

__all__ = [
    "CASCADE_FITS",
    "CASCADE_SHAPES",
    "ENERGY",
    "MUON_ENERGIES",
    "PULSES",
    "TRACK_FITS",
    "TRUTH",
    "Study",
    "cascades",
    "distribution",
    "energies",
    "energy_plot",
    "muons",
    "run",
]
