"""Online filters: conditions as expressions, prescales, rates and bandwidths; and a stream of frames filtered by them.

In: events with the features that a filter reads. Out: cuts, the columns of a filter mask, a table of rates. Open
`online` first, which has the filters; `prescales` makes masks of them, and `bandwidth` counts what they keep.
`running` filters a stream in `segments` and notes what `monitoring` adds up.
"""

from __future__ import annotations

from icecol.filters.bandwidth import event_bytes, rates
from icecol.filters.online import FILTERS, INPUTS, Filter, conditions
from icecol.filters.prescales import apply, prescale_passed
from icecol.filters.recorded import histograms, monitoring
from icecol.filters.running import State, run

__all__ = [
    "FILTERS",
    "INPUTS",
    "Filter",
    "State",
    "apply",
    "conditions",
    "event_bytes",
    "histograms",
    "monitoring",
    "prescale_passed",
    "rates",
    "run",
]


def __dir__() -> list[str]:
    return __all__
