"""Online filters: their conditions as expressions, reproducible prescales, and a table of rates and bandwidths.

In: events with the features that a filter reads. Out: cuts, the columns of a filter mask, a table of rates. Open
`online` first, which has the filters; `prescales` makes masks of them, and `bandwidth` counts what they keep.
"""

from __future__ import annotations

from icecol.filters.bandwidth import event_bytes, rates
from icecol.filters.online import FILTERS, INPUTS, Filter, conditions
from icecol.filters.prescales import apply, prescale_passed

__all__ = [
    "FILTERS",
    "INPUTS",
    "Filter",
    "apply",
    "conditions",
    "event_bytes",
    "prescale_passed",
    "rates",
]


def __dir__() -> list[str]:
    return __all__
