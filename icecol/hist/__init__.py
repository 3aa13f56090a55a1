"""Histograms of lazy frames, built on boost-histogram: axes, filling in one bounded pass, arithmetic, files.

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
from icecol.hist.filling import fill, fill_many
from icecol.hist.histogram import Hist, Tally, load
from icecol.hist.points import Points

__all__ = [
    "Axis",
    "Hist",
    "Points",
    "Tally",
    "category",
    "fill",
    "fill_many",
    "integer",
    "load",
    "loc",
    "log",
    "overflow",
    "ratio",
    "rebin",
    "regular",
    "underflow",
    "variable",
]


def __dir__() -> list[str]:
    return __all__
