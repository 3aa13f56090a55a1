"""Statistics of counts: from histograms and a model to a p-value, an interval and a sentence.

>>> from icecol import stats
>>> model = stats.Model({"signal": [1.0, 3.0, 6.0], "background": [8.0, 3.0, 1.0]})
>>> print(model.test([9, 5, 8], "signal"))
22 observed, 22.0 expected without signal, p = 1.1e-04, 3.7 sigma one-sided (asymptotic, q0 = 13.6)

Needs `pip install 'icecol[stats]'` (scipy and iminuit).
"""

from __future__ import annotations

from icecol.stats.densities import unbinned
from icecol.stats.fitting import Fit, Scan
from icecol.stats.goodness import GoodnessOfFit, goodness_of_fit
from icecol.stats.histfactory import pyhf_workspace
from icecol.stats.inference import HypothesisTest, hypotest, pseudo_experiments
from icecol.stats.intervals import (
    Interval,
    coverage,
    feldman_cousins,
    feldman_cousins_on_off,
    poisson_interval,
)
from icecol.stats.likelihoods import log_likelihood, poisson_deviance
from icecol.stats.limits import CLs, Limit, cls, interval, sensitivity, upper_limit
from icecol.stats.model import Model
from icecol.stats.p_values import (
    asimov,
    combined_p_value,
    counting_discovery_potential,
    counting_p_value,
    counting_sensitivity,
    global_p_value,
    li_ma,
    p_value,
    significance,
)
from icecol.stats.point_sources import PointSource, point_source
from icecol.stats.report import sentence
from icecol.stats.templates import Component, Events, Parameter, events
from icecol.stats.trials import Trials

__all__ = [
    "CLs",
    "Component",
    "Events",
    "Fit",
    "GoodnessOfFit",
    "HypothesisTest",
    "Interval",
    "Limit",
    "Model",
    "Parameter",
    "PointSource",
    "Scan",
    "Trials",
    "asimov",
    "cls",
    "combined_p_value",
    "counting_discovery_potential",
    "counting_p_value",
    "counting_sensitivity",
    "coverage",
    "events",
    "feldman_cousins",
    "feldman_cousins_on_off",
    "global_p_value",
    "goodness_of_fit",
    "hypotest",
    "interval",
    "li_ma",
    "log_likelihood",
    "p_value",
    "point_source",
    "poisson_deviance",
    "poisson_interval",
    "pseudo_experiments",
    "pyhf_workspace",
    "sensitivity",
    "sentence",
    "significance",
    "unbinned",
    "upper_limit",
]


def __dir__() -> list[str]:
    return __all__
