"""Plots of histograms and resolutions; the only part of icecol that imports matplotlib, and only when called.

Every function draws on the axes it is given, or makes a figure of its own that no global state keeps, and
returns the axes. Such axes show themselves in a notebook; `plot.save` writes them to a file.
"""

from __future__ import annotations

from icecol.plot.figure import save
from icecol.plot.histogram import hist1d, hist2d
from icecol.plot.profiles import quantiles
from icecol.plot.resolutions import resolution

__all__ = ["hist1d", "hist2d", "quantiles", "resolution", "save"]


def __dir__() -> list[str]:
    return __all__
