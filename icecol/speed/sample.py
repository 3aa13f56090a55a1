"""Events to time features on: simulated ones of any size, or those of a dataset, a table or files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

import icecol as ic
from icecol.dataset.pulses import MEMBERS, Pulses
from icecol.detector.geometry import Geometry
from icecol.errors import SchemaError

KEY: Final = "SRTInIcePulses"
DISTINCT: Final = 64
"""Different events among the simulated ones."""
_BASE: Final = (20, 1000)
"""Sizes of events that are simulated as they are; smaller ones are thinned out, larger ones overlaid."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Events as a table, with the key and the sensors of their pulses, and where they are from, in words."""

    frame: pl.DataFrame
    pulses: Pulses
    source: str
    events: Any = None

    @property
    def sizes(self) -> pl.Series:
        """Number of pulses of each event, 0 where there is no series."""
        return self.frame[self.pulses.column("time")].list.len().fill_null(0)

    @property
    def n_pulses(self) -> int:
        """Number of all pulses."""
        return int(self.sizes.sum())

    def tail(self, n: int) -> Sample:
        """Return the last n events."""
        return Sample(self.frame.tail(n), self.pulses, self.source, self.events)

    def take(self, n: int) -> Sample:
        """Return n events: the first of them, or all of them several times over."""
        pick = np.arange(n) % max(self.frame.height, 1)
        return Sample(self.frame[pick].rechunk(), self.pulses, self.source, self.events)


def simulated(size: int, geometry: Geometry | None = None) -> Sample:
    """Return muons of about so many pulses, as they are simulated: from 80 % to 120 %, of 20 to 1000 pulses.

    Examples
    --------
    >>> sample = simulated(60)
    >>> 48 * 64 <= sample.n_pulses <= 72 * 64
    True
    """
    events = _muons(size, (round(0.8 * size), round(1.2 * size)), geometry)
    return Sample(
        _table(events), Pulses(KEY, events.geometry), f"simulated muons of about {size} pulses", events
    )


def of_size(size: int, geometry: Geometry | None = None) -> Sample:
    """Return muons of just so many pulses: drawn from those of brighter muons, or of several overlaid.

    Examples
    --------
    >>> set(of_size(10).sizes)
    {10}
    """
    base = min(max(size, _BASE[0]), _BASE[1])
    events = _muons(base, (base, 3 * base), geometry)
    rng = np.random.default_rng(size)
    table = _table(events)
    table = table.filter(pl.col(f"{KEY}.time").list.len() >= base)  # cleaning may have taken some
    together = -(-size // base)
    columns = [f"{KEY}.{m}" for m in MEMBERS]
    rows = []
    for i in range(table.height):
        overlaid = table[(np.arange(together) + i) % table.height]
        flat = pl.DataFrame([overlaid[c].explode() for c in columns])
        chosen = flat[rng.permutation(flat.height)[:size]]
        rows.append(chosen.sort(f"{KEY}.omkey", f"{KEY}.time").select(pl.all().implode()))
    made = table.drop(columns).hstack(pl.concat(rows)).select(table.columns)
    return Sample(made, Pulses(KEY, events.geometry), f"muons of {size} pulses")


def _muons(size: int, bounds: tuple[int, int], geometry: Geometry | None) -> Any:
    low = 30.0 * size**0.9 if size < 300 else 10.0 * size
    return ic.sim.events(
        DISTINCT,
        seed=1,
        geometry=geometry,
        cascades=0,
        noise=0,
        energy=(max(low / 10, 100.0), low * 100),
        index=1.2,
        radius=400.0,
        dark_rate=0.0,
        n_pulses=bounds,
    )


def _table(events: Any) -> pl.DataFrame:
    frame: pl.DataFrame = events.to_polars()
    wanted = [f"{KEY}.{m}" for m in MEMBERS]
    return frame.select(*wanted, *(c for c in frame.columns if c.startswith("MCPrimary.")))


def given(events: Any, key: str | None, gcd: Any, most: int) -> Sample:
    """Return the first events of a dataset, a table or files, that have pulses under a key.

    Raises
    ------
    ValueError
        No key is given, and there are several series.
    SchemaError
        There is no series of that key.
    """
    source = str(events) if isinstance(events, str | Path) else type(events).__name__
    geometry: Geometry | None = None
    if isinstance(events, str | Path):
        is_dataset = (Path(events) / "manifest.json").exists()
        events = ic.open_dataset(events) if is_dataset else ic.scan_i3(events)
    if gcd is not None:
        from icecol.convert.geometry import read_geometry

        geometry = gcd if isinstance(gcd, Geometry) else read_geometry(gcd)
    elif hasattr(events, "geometry"):
        geometry = events.geometry
    lazy = events.scan() if hasattr(events, "scan") else events.lazy()
    names = lazy.collect_schema().names()
    series = [
        n.removesuffix(".omkey")
        for n in names
        if n.endswith(".omkey") and n.removesuffix("omkey") + "time" in names
    ]
    if key is None and len(series) != 1:
        msg = f"say which pulse series is to be read, pulses=...; there are {', '.join(series) or 'none'}"
        raise ValueError(msg)
    pulses = Pulses(key or series[0], geometry or Geometry.nominal())
    if pulses.key not in series:
        msg = f"there is no pulse series {pulses.key!r}; there are {', '.join(series) or 'none'}"
        raise SchemaError(msg)
    frame = lazy.filter(pl.col(pulses.column("time")).is_not_null()).head(most).collect()
    return Sample(frame.rechunk(), pulses, f"{frame.height} events of {source}")


def by_size(sample: Sample, fewest: int) -> dict[int, Sample]:
    """Split events by their numbers of pulses, in steps of the square root of ten; leave out groups of few."""
    counts = sample.sizes
    step = (counts.cast(pl.Float64).clip(lower_bound=1).log10() * 2).round()
    found = {}
    for s in step.unique().sort():
        part = sample.frame.filter(step == s)
        if part.height >= fewest:
            size = counts.filter(step == s).mean()
            found[round(float(size or 0))] = Sample(part.rechunk(), sample.pulses, sample.source)  # type: ignore[arg-type]
    return found


def with_seeds(sample: Sample, feature: Callable[[Pulses], pl.Expr]) -> Sample:
    """Add the first guesses LineFit and CLast, if the feature reads them and the events lack them."""
    from icecol.missing import columns_read

    there = {c.partition(".")[0] for c in sample.frame.columns}
    read = {c.partition(".")[0] for c in columns_read(feature(sample.pulses))}
    guesses: dict[str, Any] = {"LineFit": ic.reco.improved_linefit, "CLast": ic.reco.clast}
    wanted = {k: f(sample.pulses) for k, f in guesses.items() if k in read - there}
    if not wanted:
        return sample
    frame = ic.with_features(sample.frame, **wanted).collect()
    return Sample(frame, sample.pulses, sample.source, sample.events)
