"""Anything that holds events: a lazy frame, a data frame or a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, Union, runtime_checkable

import polars as pl

if TYPE_CHECKING:
    from icecol.dataset.scan import Dataset
    from icecol.dataset.several import Datasets

Events: TypeAlias = Union[pl.LazyFrame, pl.DataFrame, "Dataset", "Datasets"]
"""Events, one per row."""


@runtime_checkable
class Several(Protocol):
    """Several kinds of events by name, each with a weight of its own: `ic.Samples`."""

    def scan_each(self) -> Iterator[tuple[str, pl.LazyFrame, pl.Expr | None]]:
        """Yield the name, events and weight (None for data) of each."""

    def fill_many(self, histograms: Any, *, statistics: bool = False) -> Any:
        """Fill histograms of each."""

    def cutflow(self, cuts: Any) -> pl.DataFrame:
        """Count the events of each that pass cuts, one after the other."""

    def n_minus_one(self, cuts: Any) -> pl.DataFrame:
        """Count the events of each that pass all cuts but one."""


def lazy_frame(events: Events) -> pl.LazyFrame:
    """Return events as a lazy frame; for a dataset, a scan of all its parts."""
    if isinstance(events, (pl.LazyFrame, pl.DataFrame)):
        return events.lazy()
    if not hasattr(events, "scan"):
        own = (
            "; samples have methods of their own, such as with_features"
            if isinstance(events, Several)
            else ""
        )
        msg = f"expected a dataset, a lazy frame or a table; found {events!r:.80}{own}"
        raise TypeError(msg)
    return events.scan()


def expression(values: str | pl.Expr | float, what: str = "weight") -> pl.Expr:
    """Return a column by its name, an expression as it is, a number as a literal; `what` is said in the error."""
    if isinstance(values, str):
        return pl.col(values)
    if isinstance(values, (int, float)):
        return pl.lit(float(values))
    if not isinstance(values, pl.Expr):
        msg = f"`{what}` is a column or an expression, as in pl.col('w') * 2; found {values!r:.60}"
        raise TypeError(msg)
    return values


def own_weights(weight: str | pl.Expr | None) -> None:
    """Raise TypeError if a weight is given for samples, which have their own."""
    if weight is not None:
        msg = "samples have weights of their own, ic.Sample(events, weight=...): `weight` is for a dataset or a frame"
        raise TypeError(msg)
