"""The event display: one HTML page that opens from disk, with the light, the particles and the values of events.

In: events of any form (`source.py`: files, datasets, columns, frames, simulation; `frames.py` makes columns of the
latter). Out: a `Display` (`page.py`): what is in `assets/`, and the JSON that `record.py` makes of each event, with the
tracks and cascades that `particles.py` finds in it. Nothing in the page is loaded from elsewhere.
"""

from __future__ import annotations

from icecol.view.page import Display, view

__all__ = ["Display", "view"]


def __dir__() -> list[str]:
    return __all__
