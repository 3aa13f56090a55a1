"""Anything that holds events: a lazy frame, a data frame or a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, Union

import polars as pl

if TYPE_CHECKING:
    from icecol.dataset.scan import Dataset

Events: TypeAlias = Union[pl.LazyFrame, pl.DataFrame, "Dataset"]
"""Events, one per row."""


def lazy_frame(events: Events) -> pl.LazyFrame:
    """Return events as a lazy frame; for a dataset, a scan of all its parts."""
    return events.lazy() if isinstance(events, (pl.LazyFrame, pl.DataFrame)) else events.scan()
