"""Histograms of lazy frames, built on boost-histogram: axes, filling in one bounded pass, analysis, files.

>>> import polars as pl
>>> from icecol import hist
>>> events = pl.LazyFrame({"charge": [5.0, 20.0, 30.0, float("nan")], "weight": [1.0, 2.0, 3.0, 4.0]})
>>> h = hist.fill(events, hist.log("charge", 2, 1, 100, label="charge / PE"), weight="weight")
>>> h.values()
array([1., 5.])
>>> h.nan
Tally(n=1, sumw=4.0, sumw2=16.0)
"""

from __future__ import annotations

from boost_histogram.tag import loc, overflow, rebin, underflow

from icecol.hist.arithmetic import ratio
from icecol.hist.axis import Axis, category, integer, log, regular, variable
from icecol.hist.bundle import Bundle, unstack
from icecol.hist.comparison import Comparison, chi2_test, cramer_von_mises_test, ks_test
from icecol.hist.efficiencies import efficiency
from icecol.hist.filling import describe, fill, fill_many
from icecol.hist.fits import Fit, fit
from icecol.hist.histogram import Hist, Tally
from icecol.hist.points import Points
from icecol.hist.profiles import profile
from icecol.hist.reading import load, merge
from icecol.hist.statistics import Statistics
from icecol.hist.variables import Variables, load_variables
from icecol.hist.writing import save

__all__ = [
    "Axis",
    "Bundle",
    "Comparison",
    "Fit",
    "Hist",
    "Points",
    "Statistics",
    "Tally",
    "Variables",
    "category",
    "chi2_test",
    "cramer_von_mises_test",
    "describe",
    "efficiency",
    "fill",
    "fill_many",
    "fit",
    "integer",
    "ks_test",
    "load",
    "load_variables",
    "loc",
    "log",
    "merge",
    "overflow",
    "profile",
    "ratio",
    "rebin",
    "regular",
    "save",
    "underflow",
    "unstack",
    "variable",
]


def __dir__() -> list[str]:
    return __all__
