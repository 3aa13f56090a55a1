"""Sums of weights: rates, expected events and effective livetimes, each with its error."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import polars as pl

from icecol.dataset.events import Events, expression, lazy_frame
from icecol.errors import not_numbers
from icecol.hist.text import name_of
from icecol.select import require_columns

YEAR: Final = 365.25 * 86400.0
"""Seconds in a (Julian) year."""


class Estimate(NamedTuple):
    """A value with its standard error.

    Attributes
    ----------
    value
        The value.
    error
        Its standard error.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import weight
    >>> found = weight.totals(pl.DataFrame({"w": [1.0, 2.0, 2.0]}), "w").rate
    >>> found.value, found.error
    (5.0, 3.0)
    """

    value: float
    error: float


class Totals(NamedTuple):
    """Number of events and sums of powers of their weights; made by `totals`.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import weight
    >>> found = weight.totals(pl.DataFrame({"w": [1.0, 2.0, 2.0]}), "w")
    >>> found.n, found.sumw, found.expected(livetime=10.0)
    (3, 5.0, Estimate(value=50.0, error=30.0))
    """

    n: int
    """Number of events."""
    sumw: float
    """Sum of the weights."""
    sumw2: float
    """Sum of their squares."""
    sumw3: float
    """Sum of their third powers."""
    sumw4: float
    """Sum of their fourth powers."""

    @property
    def rate(self) -> Estimate:
        """Rate in Hz, if the weights are in Hz."""
        return self.expected(1.0)

    def expected(self, livetime: float = YEAR) -> Estimate:
        """Return the number of events expected in a livetime (s), with its statistical error from the simulation.

        Parameters
        ----------
        livetime
            In seconds; a year by default.

        Examples
        --------
        >>> import polars as pl
        >>> from icecol import weight
        >>> weight.totals(pl.DataFrame({"w": [1.0, 2.0, 2.0]}), "w").expected(livetime=10.0)
        Estimate(value=50.0, error=30.0)
        """
        return Estimate(self.sumw * livetime, math.sqrt(self.sumw2) * livetime)

    @property
    def effective_livetime(self) -> Estimate:
        """Livetime (s) to which the simulation is equivalent: sum of w over sum of w^2."""
        a, b = self.sumw, self.sumw2
        if b == 0:
            return Estimate(math.nan, math.nan)
        variance = self.sumw2 / b**2 + a**2 / b**4 * self.sumw4 - 2 * a / b**3 * self.sumw3
        return Estimate(a / b, math.sqrt(max(variance, 0.0)))

    @property
    def effective_events(self) -> float:
        """Number of events of equal weight that would have the same relative error."""
        return self.sumw**2 / self.sumw2 if self.sumw2 else 0.0


def totals(events: Events, weight: str | pl.Expr) -> Totals:
    """Sum up the weights of events in one pass.

    Parameters
    ----------
    events
        A dataset, lazy frame or data frame.
    weight
        Column or expression of the weight, in Hz for rates.

    Returns
    -------
    Totals
        With `rate`, `expected(livetime)` and `effective_livetime`, each a value and an error.

    Raises
    ------
    ValueError
        If a weight is NaN, infinite or null.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import weight
    >>> found = weight.totals(pl.LazyFrame({"w": [1.0, 2.0, 2.0]}), "w")
    >>> found.rate, found.effective_livetime.value
    (Estimate(value=5.0, error=3.0), 0.5555555555555556)
    """
    lf = lazy_frame(events)
    w = expression(weight)
    require_columns(lf.collect_schema(), {"weight": w})
    each = pl.col("w")
    row = (
        lf.select(w.cast(pl.Float64).alias("w"))
        .select(
            pl.len().alias("n"),
            *(each.pow(k).sum().alias(f"sumw{k}") for k in range(1, 5)),
            (~each.is_finite()).fill_null(value=True).sum().alias("bad"),
        )
        .collect(engine="streaming")
        .row(0, named=True)
    )
    if row["bad"]:
        why = "noise and data, which were not generated, have no weight"
        msg = f"{not_numbers(f'weight {name_of(w)!r}', row['bad'], row['n'])}; {why}"
        raise ValueError(msg)
    return Totals(row["n"], *(row[f"sumw{k}"] for k in range(1, 5)))
