"""Plots of histograms, what is computed from them, and resolutions; matplotlib is imported only when a plot is drawn.

Every function draws on the given axes, or on a new figure without global (pyplot) state, and returns the axes.
These display themselves in a notebook; `plot.save` writes them to a file.
"""

from __future__ import annotations

from icecol.plot.bundles import bundle
from icecol.plot.figure import save
from icecol.plot.histogram import hist1d, hist2d
from icecol.plot.point_plots import points
from icecol.plot.profiles import quantiles
from icecol.plot.resolutions import resolution
from icecol.plot.stacking import stack

__all__ = ["bundle", "hist1d", "hist2d", "points", "quantiles", "resolution", "save", "stack"]


def __dir__() -> list[str]:
    return __all__
