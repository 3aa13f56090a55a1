"""Statistics of counts: likelihoods with the error of the simulation, significances, and confidence intervals.

Needs `pip install 'icecol[stats]'` (scipy and iminuit).
"""

from __future__ import annotations

from icecol.stats.intervals import (
    Interval,
    coverage,
    feldman_cousins,
    feldman_cousins_on_off,
    poisson_interval,
)
from icecol.stats.likelihoods import log_likelihood, poisson_deviance
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

__all__ = [
    "Interval",
    "asimov",
    "combined_p_value",
    "counting_discovery_potential",
    "counting_p_value",
    "counting_sensitivity",
    "coverage",
    "feldman_cousins",
    "feldman_cousins_on_off",
    "global_p_value",
    "li_ma",
    "log_likelihood",
    "p_value",
    "poisson_deviance",
    "poisson_interval",
    "significance",
]


def __dir__() -> list[str]:
    return __all__
