"""Blindness: what may be looked at in a dataset, kept in its manifest and applied wherever its events are read.

It protects from accidents, not from intent: the Parquet files hold everything and stay readable by other tools.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    import polars as pl

Range: TypeAlias = tuple[float | None, float | None]
"""From (inclusive) and to (exclusive); None for no limit."""

RUN: Final = "I3EventHeader.run_id"
EVENT: Final = "I3EventHeader.event_id"


@dataclass(frozen=True, slots=True)
class Burn:
    """A burn sample: a part of the runs or events, chosen by their numbers and a seed, that may be looked at."""

    fraction: float
    """Part that is kept, on average."""
    seed: int
    by: Literal["run", "event"]

    def describe(self) -> str:
        """Describe it.

        >>> Burn(0.1, 1, "run").describe()
        'burn sample, 10 %'
        """
        return f"burn sample, {100 * self.fraction:.4g} %"

    def keep(self) -> pl.Expr:
        """Return whether an event belongs to it; all sub-events of an event do, or none."""
        import polars as pl

        return uniform(self.seed, *((RUN,) if self.by == "run" else (RUN, EVENT))) < pl.lit(self.fraction)


@dataclass(frozen=True, slots=True)
class Veil:
    """Columns that are hidden or scrambled, or events that are left out, everywhere or in a region."""

    how: Literal["hide", "scramble", "drop"]
    columns: tuple[str, ...] = ()
    region: Mapping[str, Range] = field(default_factory=dict)
    """Ranges of columns that an event must all lie in; empty for everywhere."""
    seed: int = 0
    period: float = 2 * math.pi
    """Scrambled values are shifted by a random part of it, and stay within it."""
    name: str = ""
    """What is blind, in words."""

    def describe(self) -> str:
        """Describe it.

        >>> Veil("scramble", ("Fit.azimuth",), {"E.energy": (6e4, None)}, name="right ascension").describe()
        'blind: right ascension scrambled for E.energy >= 60000'
        """
        what = self.name or ", ".join(self.columns) or "events"
        parts = [
            f"{column} {sign} {limit:g}"
            for column, (low, high) in self.region.items()
            for sign, limit in ((">=", low), ("<", high))
            if limit is not None
        ]
        done = {"hide": "hidden", "scramble": "scrambled", "drop": "left out"}[self.how]
        return f"blind: {what} {done}{' for ' if parts else ''}{' and '.join(parts)}"

    def covers(self, floats: frozenset[str]) -> pl.Expr:
        """Return whether an event lies in the region; one that has no value for it counts as inside."""
        import polars as pl

        inside = [pl.lit(value=True)]
        for column, (low, high) in self.region.items():
            value = pl.col(column).fill_nan(None) if column in floats else pl.col(column)
            if low is not None:
                inside.append((value >= low).fill_null(value=True))
            if high is not None:
                inside.append((value < high).fill_null(value=True))
        return pl.all_horizontal(inside)

    def veiled(self, column: str, floats: frozenset[str]) -> pl.Expr:
        """Return what may be seen of a column."""
        import polars as pl

        value, covered = pl.col(column), self.covers(floats)
        if self.how == "hide":
            return pl.when(~covered).then(value).alias(column)
        shifted = (value + self.period * uniform(self.seed, RUN, EVENT)) % self.period
        return pl.when(covered).then(shifted).otherwise(value).alias(column)


@dataclass(frozen=True, slots=True)
class Act:
    """A change of what may be seen: when, by whom, and why."""

    time: str
    """UTC, in ISO form."""
    user: str
    what: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Blinding:
    """What may be seen of a dataset, and how that has changed."""

    burn: Burn | None = None
    veils: tuple[Veil, ...] = ()
    acts: tuple[Act, ...] = ()
    """All changes, the oldest first."""

    @property
    def active(self) -> bool:
        """Whether anything is blind."""
        return self.burn is not None or bool(self.veils)

    @property
    def fraction(self) -> float:
        """Part of the events, and of the livetime, that is left."""
        return 1.0 if self.burn is None else self.burn.fraction

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that are hidden or scrambled."""
        return tuple(dict.fromkeys(column for veil in self.veils for column in veil.columns))

    def describe(self) -> str:
        """Describe what is blind, as figures show it; empty if nothing is."""
        veils = (veil.describe() for veil in self.veils)
        return "; ".join([*([self.burn.describe()] if self.burn is not None else []), *veils])

    def apply(self, events: pl.LazyFrame) -> pl.LazyFrame:
        """Keep what may be seen, given all events of the dataset."""
        import polars as pl

        if not self.active:
            return events
        floats = frozenset(name for name, dtype in events.collect_schema().items() if dtype.is_float())
        seen = [self.burn.keep()] if self.burn is not None else []
        seen += [~veil.covers(floats) for veil in self.veils if veil.how == "drop"]
        veiled = {column: veil.veiled(column, floats) for veil in self.veils for column in veil.columns}
        return events.filter(pl.all_horizontal(seen) if seen else pl.lit(value=True)).with_columns(**veiled)

    def to_json(self) -> dict[str, Any]:
        """Return it as the manifest stores it."""
        return asdict(self)


def from_json(found: Mapping[str, Any] | None) -> Blinding:
    """Read what `Blinding.to_json` returned; nothing is blind in a manifest without it."""
    if found is None:
        return Blinding()
    veils = (
        Veil(
            **{
                **veil,
                "columns": tuple(veil["columns"]),
                "region": {column: (low, high) for column, (low, high) in veil["region"].items()},
            }
        )
        for veil in found["veils"]
    )
    burn = None if found["burn"] is None else Burn(**found["burn"])
    return Blinding(burn, tuple(veils), tuple(Act(**act) for act in found["acts"]))


def uniform(seed: int, *columns: str) -> pl.Expr:
    """Return numbers in [0, 1) that depend on integers and a seed alone, on any machine and in every version.

    They are what SplitMix64 (G. Steele et al., OOPSLA 2014) makes of the numbers.

    >>> import polars as pl
    >>> pl.DataFrame({"a": [1, 2]}).select(uniform(0, "a").round(4)).to_series().to_list()
    [0.5666, 0.5912]
    """
    import polars as pl

    def u64(value: int) -> pl.Expr:
        return pl.lit(value % 2**64, dtype=pl.UInt64)

    state = u64(seed)
    for column in columns:
        state = (state ^ pl.col(column).cast(pl.UInt64)) + u64(0x9E3779B97F4A7C15)
        state = (state ^ state // u64(2**30)) * u64(0xBF58476D1CE4E5B9)
        state = (state ^ state // u64(2**27)) * u64(0x94D049BB133111EB)
        state ^= state // u64(2**31)
    return (state // u64(2**11)).cast(pl.Float64) * 2.0**-53
