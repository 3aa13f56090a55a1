"""Which events are shown, from anything that holds events: files, datasets, columns, frames, simulation."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import polars as pl

from icecol.convert.geometry import read_geometry
from icecol.convert.i3_reader import I3Reader
from icecol.dataset import manifest as manifests
from icecol.dataset import schema as schemas
from icecol.dataset.events import Events
from icecol.dataset.facts import facts
from icecol.dataset.pulses import keys_of
from icecol.dataset.scan import Dataset, open_dataset
from icecol.dataset.several import Datasets
from icecol.detector.geometry import Geometry
from icecol.errors import DamagedFileError, MissingColumnError, did_you_mean
from icecol.i3.frames.files import files_of, open_i3
from icecol.i3.frames.frame import Frame
from icecol.names import matches, plain
from icecol.places import is_remote, place
from icecol.sim.columns import Events as Simulated
from icecol.view import frames as of_frames

Shown: TypeAlias = Events | Simulated | Frame | str | Path | Iterable[str | Path | Frame]
"""What can be shown."""

Gcd: TypeAlias = str | Path | Geometry | None

FIRST = (
    "SRTInIcePulses",
    "SplitInIcePulsesSRT",
    "SplitInIcePulses",
    "OfflinePulses",
    "InIcePulses",
    "SplitUncleanedInIcePulses",
    "InIceDSTPulses",
)
"""Pulse series to begin with, the first that an event has; the others follow in the order of their names."""

_NEAR: Final = 1000  # rows: so many are read at once, if they are neighbours
_RUN, _EVENT = "I3EventHeader.run_id", "I3EventHeader.event_id"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some events, one per row, with their detector and pulse series, in the order in which they are shown."""

    events: pl.DataFrame
    geometry: Geometry
    series: tuple[str, ...]
    source: str
    units: Mapping[str, str]
    blind: str = ""
    """What is blind in the events, in words; empty if nothing is."""


def choose(
    events: Shown,
    *,
    run: int | None = None,
    event: int | Sequence[int] | None = None,
    n: int = 1,
    pulses: str | Iterable[str] | None = None,
    gcd: Gcd = None,
    stop: str = "P",
) -> Chosen:
    """Choose the events that `icecol.plot.view` shows; see there."""
    if n < 1:
        msg = f"n is the number of events to show, at least 1; found {n}"
        raise ValueError(msg)
    wanted = _wanted(run, event)
    patterns = None if pulses is None else (pulses,) if isinstance(pulses, str) else tuple(pulses)
    given = gcd if isinstance(gcd, Geometry) or gcd is None else read_geometry(gcd)
    found = None if isinstance(events, str | os.PathLike) and _is_dataset(events) else _frames(events)
    if found is not None:
        stream, source = found
        chosen = _of_frames(stream, source, wanted, patterns, n=n, stop=stop, gcd=gcd, geometry=given)
    else:
        chosen = _of_columns(_dataset(events), wanted, patterns, n=n, geometry=given)
    if not chosen.events.height:
        raise MissingColumnError(_nothing(chosen.source, run, event, stop))
    return chosen


def _wanted(run: int | None, event: int | Sequence[int] | None) -> Callable[[int, int], bool] | None:
    if run is None and event is None:
        return None
    numbers = None if event is None else {event} if isinstance(event, int) else {*event}
    return lambda r, e: (run is None or r == run) and (numbers is None or e in numbers)


def _nothing(source: str, run: int | None, event: int | Sequence[int] | None, stop: str) -> str:
    what = "events" if stop == "P" else f"{stop} frames"
    if run is None and event is None:
        return f"{source} has no {what}"
    numbers = () if event is None else (event,) if isinstance(event, int) else tuple(event)
    which = ([] if run is None else [f"run {run}"]) + [f"event {number}" for number in numbers]
    return f"{source} has no {what} of {', '.join(which)}"


def _series(keys: Iterable[str], patterns: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the keys that match, those asked for first in the order asked, or else the usual ones first."""
    order = FIRST if patterns is None else patterns
    kept = [key for key in keys if patterns is None or matches(key, patterns)]
    return tuple(
        sorted(kept, key=lambda key: next((i for i, p in enumerate(order) if matches(key, (p,))), len(order)))
    )


def _dataset(events: Shown) -> Events | Simulated:
    return open_dataset(events) if isinstance(events, str | Path) else events  # type: ignore[return-value]


# -- frames --------------------------------------------------------------------------------------------------------


def _is_dataset(path: str | os.PathLike[str]) -> bool:
    found = place(path)
    return (found / manifests.NAME).is_file() if is_remote(found) else found.is_dir()


def _frames(events: Shown) -> tuple[Iterator[Frame], str] | None:
    """Return a stream of frames and what it is called, or None if these are columns."""
    if isinstance(events, Frame):
        return iter([events]), "a frame"
    if isinstance(events, pl.LazyFrame | pl.DataFrame | Dataset | Datasets | Simulated):
        return None
    if isinstance(events, str | os.PathLike):
        return _read([events]), place(events).name
    if not isinstance(events, Iterable):
        msg = (
            f"events are files, a dataset, columns, frames or simulated events; found {type(events).__name__}"
        )
        raise TypeError(msg)
    several = iter(events)
    first = next(several, None)
    if first is None:
        msg = "no files or frames to show: the list is empty"
        raise ValueError(msg)
    if isinstance(first, Frame):
        return (one for one in chain([first], several) if isinstance(one, Frame)), "frames"
    paths = [path for path in (first, *several) if isinstance(path, str | os.PathLike)]
    return _read(paths), ", ".join(place(path).name for path in paths)


def _read(paths: Sequence[str | os.PathLike[str]]) -> Iterator[Frame]:
    with open_i3(files_of(paths), skip_damaged=True) as stream:
        frame = None
        for frame in stream:
            yield frame
        for path, damage in stream.damages:
            if frame is None:
                raise DamagedFileError(damage.describe(path))
            warnings.warn(f"{plain(damage.describe(path))}; the frames there are not shown", stacklevel=2)


def _of_frames(
    stream: Iterable[Frame],
    source: str,
    wanted: Callable[[int, int], bool] | None,
    patterns: tuple[str, ...] | None,
    *,
    n: int,
    stop: str,
    gcd: Gcd,
    geometry: Geometry | None,
) -> Chosen:
    reader = I3Reader.of(stop=stop, gcd=gcd)
    seen: set[str] = set()
    found = of_frames.chosen(
        stream,
        stop=stop,
        wanted=wanted,
        series=lambda keys: next(iter(_series(keys, patterns)), None),
        n=n,
        seen=seen,
    )
    if not found:
        return Chosen(pl.DataFrame(), Geometry.nominal(), (), source, {})
    _require(_series(seen, patterns), seen, patterns, source)
    if geometry is None:
        geometry = of_frames.geometry_of(found[0]) or Geometry.nominal(icetop=True)
    rows, units = of_frames.columns(found, reader)
    return Chosen(rows, geometry, _series(_pulse_keys(rows.schema), patterns), source, units)


def _require(
    series: tuple[str, ...], known: Iterable[str], patterns: tuple[str, ...] | None, source: str
) -> None:
    if patterns is not None and not series:
        msg = f"{source} has no pulse series {', '.join(patterns)}; {did_you_mean(patterns[0], known, 'pulse series')}"
        raise MissingColumnError(msg)


# -- columns -------------------------------------------------------------------------------------------------------


def _pulse_keys(schema: pl.Schema) -> tuple[str, ...]:
    return keys_of([name for name, dtype in schema.items() if isinstance(dtype, pl.List)])


def _of_columns(
    events: Events | Simulated,
    wanted: Callable[[int, int], bool] | None,
    patterns: tuple[str, ...] | None,
    *,
    n: int,
    geometry: Geometry | None,
) -> Chosen:
    units: dict[str, str] = {}
    if isinstance(events, Dataset):
        lazy, source, own = events.scan(), events.path.name, events.geometry
        units = {column.name: schemas.unit(column) for column in events.schema}
    elif isinstance(events, Datasets):
        lazy, source, own = events.scan(), str(events), events.geometry
        units = {column.name: schemas.unit(column) for column in events.schema}
    elif isinstance(events, Simulated):
        lazy, source, own = events.to_polars().lazy(), "simulated events", events.geometry
    else:
        lazy, source, own = events.lazy(), "events", None
    geometry = geometry or own or Geometry.nominal(icetop=True)
    schema = lazy.collect_schema()
    keys = _pulse_keys(schema)
    series = _series(keys, patterns)
    _require(series, keys, patterns, source)
    return Chosen(
        _gather(lazy, _rows(lazy, schema, series, wanted, n)),
        geometry,
        series,
        source,
        units,
        str(facts(lazy).blinding or ""),
    )


def _gather(lazy: pl.LazyFrame, rows: list[int]) -> pl.DataFrame:
    """Return some rows in that order; those far apart are read one by one."""
    if not rows:
        return pl.DataFrame()
    first, last = min(rows), max(rows)
    if last - first < _NEAR:
        return lazy.slice(first, last - first + 1).collect()[[row - first for row in rows]]
    return pl.concat([lazy.slice(row, 1).collect() for row in rows])


def _rows(
    lazy: pl.LazyFrame,
    schema: pl.Schema,
    series: tuple[str, ...],
    wanted: Callable[[int, int], bool] | None,
    n: int,
) -> list[int]:
    """Return the numbers of the rows that are wanted, or of the n brightest."""
    if wanted is not None:
        for name in (_RUN, _EVENT):
            if name not in schema:
                msg = f"events are chosen by number, but there is no column {name!r}"
                raise MissingColumnError(msg)
        ids = lazy.select(_RUN, _EVENT).collect()
        return [i for i, (run, event) in enumerate(ids.iter_rows()) if wanted(run, event)]
    if not series:
        return list(range(lazy.select(pl.len()).collect().item()))[:n]
    usual = [pl.col(f"{key}.charge").list.eval(pl.element().fill_nan(0)).list.sum() for key in series]
    light = lazy.select(pl.coalesce(usual).fill_null(-1.0).alias("light")).collect()["light"]
    return [int(i) for i in np.argsort(-light.to_numpy(), kind="stable")[:n]]


__all__ = ["Chosen", "Gcd", "Shown", "choose"]
