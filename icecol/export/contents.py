"""What all exports share: events in batches, columns by key, and what is known about them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol.dataset import manifest as manifests
from icecol.dataset.events import Events, lazy_frame
from icecol.dataset.facts import facts
from icecol.errors import MissingColumnError, MissingFactError, SchemaError, did_you_mean

Array = npt.NDArray[Any]
BATCH_EVENTS: Final = 4096
HEADER: Final = "I3EventHeader"
_SHOWN: Final = 5
_AHEAD: Final = "POLARS_ROW_GROUP_PREFETCH_SIZE"
_ROW_GROUPS: Final = 4


def pieces(events: pl.LazyFrame, size: int = BATCH_EVENTS) -> Iterator[pl.DataFrame]:
    """Yield events in order, some at a time; if there are none, a frame without rows."""
    begun = False
    with _reading_little_ahead():
        batches = events.collect_batches(chunk_size=size, maintain_order=True, engine="streaming")
        first = next(batches, None)
    for batch in chain([] if first is None else [first], batches):
        for begin in range(0, batch.height, size):
            yield batch.slice(begin, size)
            begun = True
    if not begun:
        yield events.collect_schema().to_frame()


@contextmanager
def _reading_little_ahead() -> Iterator[None]:
    """Let queries that begin in this block read a few row groups ahead, unless the user has said how many.

    Otherwise Polars holds up to 512 of them, compressed, so that memory grows with the events of any usual dataset.
    """
    if _AHEAD in os.environ:
        yield
        return
    os.environ[_AHEAD] = str(_ROW_GROUPS)
    try:
        yield
    finally:
        os.environ.pop(_AHEAD, None)


def chosen(events: Events, columns: str | Iterable[str] | None) -> pl.LazyFrame:
    """Return events with the columns that match patterns.

    Raises
    ------
    MissingColumnError
        A pattern matches no column.
    """
    from icecol.names import matches

    frame = lazy_frame(events)
    if columns is None:
        return frame
    names = frame.collect_schema().names()
    found: dict[str, None] = {}
    for pattern in [columns] if isinstance(columns, str) else columns:
        some = [n for n in names if n == pattern] or [n for n in names if matches(n, (pattern,))]
        if not some:
            msg = f"the events have no column {pattern!r}; {did_you_mean(pattern, names, 'columns')}"
            raise MissingColumnError(msg)
        found |= dict.fromkeys(some)
    return frame.select(list(found))


def by_key(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the columns of each key, by member; one without a dot is its key's only member, `value`.

    >>> by_key(["Fit.x", "Fit.fit.y", "weight"])
    {'Fit': {'x': 'Fit.x', 'fit.y': 'Fit.fit.y'}, 'weight': {'value': 'weight'}}
    """
    found: dict[str, dict[str, str]] = {}
    for name in names:
        key, _, member = name.partition(".")
        found.setdefault(key, {})[member or "value"] = name
    return found


def is_number(dtype: Any) -> bool:
    """Return whether values of this type are numbers or Booleans."""
    return bool(dtype.is_numeric() and not dtype.is_decimal()) or dtype == pl.Boolean


def is_list(dtype: Any) -> bool:
    """Return whether values of this type are lists of numbers or Booleans."""
    return isinstance(dtype, pl.List) and is_number(dtype.inner)


def flat(column: pl.Series) -> tuple[Array, Array, Array]:
    """Return the values of lists one after the other, the number of each event's, and which events have a list."""
    present = column.is_not_null().to_numpy()
    counts = column.list.len().fill_null(0).to_numpy().astype(np.int64)
    values = column.filter(column.is_not_null() & (column.list.len() > 0)).explode()
    return dense(values), counts, present


def together(
    key: str, batch: pl.DataFrame, members: Mapping[str, str], unknown: float | None = None
) -> tuple[dict[str, Array], Array, Array]:
    """Return the values of all lists of a key, the number of each event's, and which events have the key.

    Where an event has the key but not one of its lists (as a form does not keep the flags of pulses), values are NaN or
    0 in the type of the list, or else `unknown`.

    Raises
    ------
    ValueError
        Lists of one event differ in length.

    Examples
    --------
    >>> hits = pl.DataFrame({"Hits.t": [[1.0, 2.0], None, [3.0]], "Hits.w": [[5.0, 6.0], None, None]})
    >>> values, counts, present = together("Hits", hits, {"t": "Hits.t", "w": "Hits.w"})
    >>> values["w"].tolist(), counts.tolist(), present.tolist()
    ([5.0, 6.0, nan], [2, 0, 1], [True, False, True])
    """
    lists = {member: flat(batch[column]) for member, column in members.items()}
    counts = np.maximum.reduce([own for _, own, _ in lists.values()])
    made = {}
    for member, (values, own, has) in lists.items():
        if (own[has] != counts[has]).any():
            msg = f"the lists of {key!r} differ in length: leave some out by `columns`"
            raise ValueError(msg)
        made[member] = values
        if values.size < counts.sum():
            dtype = values.dtype if unknown is None else np.result_type(values.dtype, np.float64)
            nothing = unknown if unknown is not None else np.nan if values.dtype.kind == "f" else 0
            made[member] = np.full(int(counts.sum()), nothing, dtype)
            made[member][np.repeat(has, counts)] = values
    return made, counts, np.logical_or.reduce([has for _, _, has in lists.values()])


def dense(column: pl.Series) -> Array:
    """Return numbers as numpy in their own type, where null is NaN or 0."""
    if column.null_count():
        column = column.fill_null(
            float("nan") if column.dtype.is_float() else False if column.dtype == pl.Boolean else 0
        )
    return column.to_numpy()


def told(events: Events, columns: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return unit and meaning of each column, empty where they are not known."""
    of = facts(events)
    found = {}
    for name in columns:
        try:
            found[name] = (of.unit(name), of.doc(name))
        except MissingFactError:
            found[name] = ("", "")
    return found


def about(events: Events) -> dict[str, str]:
    """Return where events come from, for the file: version, datasets, and what is blind in them."""
    import icecol

    folders = [events.path] if hasattr(events, "path") else list(facts(events).sources)
    blind = [manifests.read(folder / manifests.NAME).blinding.describe() for folder in folders]
    return {
        "icecol": icecol.__version__,
        "datasets": ", ".join(map(str, folders)),
        "blind": "; ".join(filter(None, blind)),
    }


def tell_left_out(form: str, names: Sequence[str], why: str) -> None:
    """Warn about columns that a form cannot hold."""
    if names:
        warnings.warn(f"{form} cannot hold {_first(names)} ({why}): left out", stacklevel=3)


def need_some(form: str, kept: Sequence[str], names: Sequence[str], why: str) -> None:
    """Raise SchemaError if a form can hold none of the columns, so that there is nothing to write."""
    if not kept:
        msg = f"{form} cannot hold {_first(names)} ({why}): choose other columns" if names else _NOTHING
        raise SchemaError(msg)


_NOTHING: Final = "the events have no columns, so there is nothing to write"


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(map(repr, names[:_SHOWN]))}{more}"


def need(schema: Mapping[str, Any], names: Iterable[str], what: str) -> None:
    """Raise MissingColumnError if columns are not there."""
    for name in names:
        if name not in schema:
            msg = f"{what} needs the column {name!r}; {did_you_mean(name, schema, 'columns')}"
            raise MissingColumnError(msg)
