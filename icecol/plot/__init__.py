"""Plots of histograms, what is computed from them, resolutions, fits and tests; single events, and their display.

Matplotlib is imported only when a plot is drawn. Every function draws on the given axes, or on a new figure, which is
pyplot's current one where pyplot is imported, and returns the axes. These display themselves in a notebook; `plot.save`
writes them to a file. `view` alone makes no figure but a page, and needs no matplotlib.
"""

from __future__ import annotations

from icecol.plot.bundles import bundle
from icecol.plot.efficiencies import efficiency
from icecol.plot.event_figure import event
from icecol.plot.figure import save
from icecol.plot.histogram import corner, hist1d, hist2d
from icecol.plot.look import COLORS
from icecol.plot.point_plots import points
from icecol.plot.profiles import quantiles
from icecol.plot.records import record
from icecol.plot.resolutions import resolution
from icecol.plot.selections import cutflow, n_minus_one, rates
from icecol.plot.skies import sky
from icecol.plot.stacking import stack
from icecol.plot.statistics import fit, limits, pulls, scan, trials
from icecol.view import view

__all__ = [
    "COLORS",
    "bundle",
    "corner",
    "cutflow",
    "efficiency",
    "event",
    "fit",
    "hist1d",
    "hist2d",
    "limits",
    "n_minus_one",
    "points",
    "pulls",
    "quantiles",
    "rates",
    "record",
    "resolution",
    "save",
    "scan",
    "sky",
    "stack",
    "trials",
    "view",
]


def __dir__() -> list[str]:
    return __all__
