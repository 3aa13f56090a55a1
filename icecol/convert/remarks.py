"""Warnings after a conversion: of what was left out, what occurs twice, and what does not match."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.types as pt

from icecol.convert.source import Reader
from icecol.dataset.manifest import LeftOut, Source
from icecol.detector.sensors import surface_numbers

if TYPE_CHECKING:
    from icecol.dataset.scan import Dataset

Modules = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Modules that pulses are on, string << 8 | om, and the number of pulses of each."""

_MOST_TOLD: Final = 5


def tell(dataset: Dataset, reader: Reader) -> None:
    """Warn once about all objects that did not become columns, and once about options that match nothing."""
    _tell_twice(dataset)
    _tell_alike(dataset)
    tell_left_out(
        str(dataset.path),
        (left for source in dataset.manifest.sources for left in source.left_out),
        "the manifest",
    )
    if dataset.rows:
        tell_unused(str(dataset.path), reader.unused(dataset.manifest.schema.names))


def tell_left_out(where: str, left_out: Iterable[LeftOut], rest: str) -> None:
    """Warn once about objects that did not become columns; `rest` lists those that are too many to be named here."""
    told = sorted({left.describe() for left in left_out})
    if told:
        n = len(told) - _MOST_TOLD
        more = f"; and {n} more, see {rest}" if n > 0 else ""
        warnings.warn(f"{where}: {'; '.join(told[:_MOST_TOLD])}{more}", stacklevel=5)


def tell_without_frames(sources: Sequence[Source]) -> None:
    """Warn about files that are intact but empty."""
    found = [source for source in sources if not (source.frames_read or source.events or source.damage)]
    if found:
        more = f" (and {len(found) - 1} more files)" if len(found) > 1 else ""
        msg = f"{found[0].path} has no events ({found[0].size:,} bytes){more}: it may not have been written to its end"
        warnings.warn(msg, stacklevel=4)


def _tell_twice(dataset: Dataset) -> None:
    """Warn about files that have the same content, so that their events are counted twice."""
    first: dict[str, str] = {}
    twice = [
        f"{source.path} has the same content as {other}"
        for source in dataset.manifest.sources
        if source.events and (other := first.setdefault(source.checksum, source.path)) != source.path
    ]
    if twice:
        more = f" (and {len(twice) - 1} more)" if len(twice) > 1 else ""
        warnings.warn(f"{dataset.path}: {twice[0]}{more}: their events are counted twice", stacklevel=5)


def _tell_alike(dataset: Dataset) -> None:
    """Warn about columns whose names differ in case only."""
    alike: dict[str, list[str]] = {}
    for name in dataset.schema.names:
        alike.setdefault(name.casefold(), []).append(name)
    found = [" and ".join(map(repr, names)) for names in alike.values() if len(names) > 1]
    if found:
        more = f"; and {len(found) - 1} more" if len(found) > 1 else ""
        msg = f"{dataset.path}: columns differ in case only: {found[0]}{more}; programs such as DuckDB rename one"
        warnings.warn(msg, stacklevel=5)


def tell_unused(where: str, unused: Sequence[str]) -> None:
    """Warn about options that match nothing."""
    if unused:
        patterns = "the pattern " if len(unused) == 1 else "the patterns "
        msg = f"{where}: {patterns}{', '.join(unused)} matched no key; `icecol inspect FILE` lists the keys"
        warnings.warn(msg, stacklevel=5)


_MOST_OUTSIDE: Final = 0.01
_MODULES: Final = 1 << 16


def tell_outside(dataset: Dataset, found: Iterable[Modules | None]) -> None:
    """Warn if the geometry lacks the modules of more than a few pulses of the first events of each file."""
    if dataset.geometry is None:
        return
    counts = np.zeros(_MODULES, np.int64)
    for one in found:
        if one is not None:
            modules, n = one
            counts[modules] += n
    seen = np.flatnonzero(counts)
    # no geometry of the ice has the tanks
    tank = surface_numbers(seen >> 8, seen & 0xFF)
    outside = ~np.isin(seen, dataset.geometry.omkey >> 8) & ~tank
    lost, total = int(counts[seen[outside]].sum()), int(counts[seen[~tank]].sum())
    if lost > _MOST_OUTSIDE * total:
        strings = seen[outside] >> 8
        msg = (
            f"{dataset.path}: the geometry lacks the sensors of {lost:,} of {total:,} pulses (on strings "
            f"{strings[0]} to {strings[-1]}); features leave such pulses out: give the GCD file of that detector "
            "as `gcd`"
        )
        warnings.warn(msg, stacklevel=4)


def _are_keys(dtype: pa.DataType) -> bool:
    """Return whether a column has a list of sensors per event: other classes have one, or lists of lists."""
    return (pt.is_list(dtype) or pt.is_large_list(dtype)) and pt.is_integer(dtype.value_type)


def modules_of(table: pa.Table) -> Modules:
    """Return the modules, string << 8 | om, that all pulse series of a table have, and the pulses of each."""
    columns = [c.name for c in table.schema if c.name.endswith(".omkey") and _are_keys(c.type)]
    lists = [chunk.flatten() for name in columns for chunk in table.column(name).chunks]
    counts = np.bincount(
        np.concatenate([np.zeros(0, np.int64), *(np.asarray(keys) >> 8 for keys in lists)]).clip(
            0, _MODULES - 1
        ),
        minlength=_MODULES,
    )
    counts[[0, -1]] = 0  # not a module on a string
    seen = np.flatnonzero(counts)
    return seen, counts[seen]
