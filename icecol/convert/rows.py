"""Tables with one row per pulse, particle or the like, as lists with one row per event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from icecol.dataset import schema as schemas
from icecol.dataset.pulses import SERIES
from icecol.detector.geometry import COLUMNS, omkey
from icecol.errors import FormatError, MissingColumnError, did_you_mean

Array: TypeAlias = npt.NDArray[Any]
Column: TypeAlias = tuple[pa.Field, pa.Array]

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("time", "dom_time", "t"),
    "charge": ("charge", "q"),
    "width": ("width",),
    "flags": ("flags",),
    "omkey": ("omkey",),
    **{name: (name, *COLUMNS[name].aliases) for name in ("string", "om", "pmt")},
    **{name: (*COLUMNS[name].aliases, name) for name in ("x", "y", "z")},
}
"""Names that programs give to the members of a pulse, and to the numbers and the position of its sensor."""
_FURTHER: Final = {"string": ("sensor_string_id",), "om": ("sensor_id",)}


class Rows:
    """Rows of a table in the order of their event, taken event by event without holding all of them.

    >>> rows = Rows(iter([pa.table({"event": [1, 1, 4], "t": [0.5, 1.5, 2.5]})]), "event", "hits.parquet")
    >>> table, counts = rows.take(np.array([1, 2]))
    >>> table["t"].to_pylist(), counts.tolist()
    ([0.5, 1.5], [2, 0])
    """

    def __init__(self, batches: Iterator[pa.Table], of_event: str, name: str) -> None:
        self._batches, self._event, self._name = batches, of_event, name
        self._held: pa.Table | None = None
        self._none: pa.Table | None = None

    def take(self, events: Array) -> tuple[pa.Table | None, Array]:
        """Return the rows of events, in ascending order and after those taken before, and the number of each's rows.

        A table that has come to its end still tells its columns, without rows; None is returned if it never had any.

        Raises
        ------
        FormatError
            There are rows of an event that is not among those asked for.
        """
        found = []
        while True:
            table = self._held if self._held is not None else next(self._batches, None)
            self._held = None
            if table is None:
                break
            self._none = table.slice(0, 0)
            ids = table[self._event].to_numpy()
            n = int(np.searchsorted(ids, events[-1], side="right"))
            found.append(table.slice(0, n))
            if n < ids.size:
                self._held = table.slice(n)
                break
        if not found:
            return self._none, np.zeros(events.size, np.int64)
        rows = pa.concat_tables(found)
        ids = rows[self._event].to_numpy()
        at = np.searchsorted(events, ids)
        unknown = events[np.minimum(at, events.size - 1)] != ids
        if unknown.any():
            msg = f"{self._name} has rows of event {ids[unknown][0]}, which the table of events lacks"
            raise FormatError(msg)
        return rows, np.bincount(at, minlength=events.size)

    def finish(self) -> None:
        """Raise FormatError if rows are left, which belong to no event."""
        left = self._held if self._held is not None else next(self._batches, None)
        while left is not None and not left.num_rows:
            left = next(self._batches, None)
        if left is not None:
            msg = f"{self._name} has rows of event {left[self._event][0]}, which the table of events lacks"
            raise FormatError(msg)


def listed(columns: Iterable[Column], counts: Array, absent: Array | None = None) -> list[Column]:
    """Make lists of columns: for each event so many of their rows, null where it is absent."""
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    mask = pa.array(absent) if absent is not None and absent.any() else None
    return [
        (column.with_type(pa.list_(column.type)), pa.ListArray.from_arrays(offsets, values, mask=mask))
        for column, values in columns
    ]


def pulses(
    key: str, rows: Mapping[str, Array], names: Mapping[str, str] | None = None
) -> tuple[list[Column], list[str]]:
    """Return the members of pulses, a value for each pulse, and the names of the columns that they were made of.

    `names` says which column is which member; otherwise they are known by the names that programs give them. A charge
    that is not there is 1 PE (a photon); of a width or flags that are not there, nothing is returned (see `unknown`).

    Raises
    ------
    MissingColumnError
        There is no time, or no sensor.
    """
    used: dict[str, str] = {}

    def find(member: str) -> Array | None:
        wanted = (names or {}).get(member)
        if wanted is not None and wanted not in rows:
            msg = f"there is no column {wanted!r} for {member!r}; {did_you_mean(wanted, rows, 'columns', 30)}"
            raise MissingColumnError(msg)
        known = (wanted,) if wanted else (*ALIASES[member], *_FURTHER.get(member, ()))
        name = next((name for name in known if name in rows), None)
        if name is None:
            return None
        used[member] = name
        return rows[name]

    def need(member: str) -> Array:
        values = find(member)
        if values is None:
            msg = (
                f"pulses {key!r} need a column for {member!r}, such as {', '.join(map(repr, ALIASES[member]))}: name "
                f"it, names={{{member!r}: ...}}; {did_you_mean(member, rows, 'columns', 30)}"
            )
            raise MissingColumnError(msg)
        return values

    values: dict[str, Array | None] = {"time": need("time")}
    keys = find("omkey")
    if keys is None:
        om, pmt = need("om"), find("pmt")
        keys = omkey(need("string"), om, 0 if pmt is None else pmt)
    values["omkey"] = np.asarray(keys)
    charge = find("charge")
    if charge is None:
        charge = np.ones(len(keys), np.float32)
    values["charge"] = charge
    values["width"], values["flags"] = find("width"), find("flags")
    if values["flags"] is None and "hlc" in rows:
        used["hlc"] = "hlc"
        values["flags"] = (rows["hlc"] > 0).astype(np.uint8)  # its awtd is not a flag, but width < 6 ns
    made = [
        (
            schemas.field(f"{key}.{m.name}", pa.from_numpy_dtype(np.dtype(m.dtype)), m.unit, m.doc),
            pa.array(np.asarray(values[m.name]).astype(m.dtype, copy=False)),
        )
        for m in SERIES
        if values[m.name] is not None
    ]
    return made, list(used.values())


def unknown(key: str, made: Iterable[Column], n: int) -> list[Column]:
    """Return null lists for the members of pulses that a form does not keep: what needs them has no answer."""
    have = {column.name for column, _ in made}
    return [
        (
            schemas.field(f"{key}.{m.name}", dtype, m.unit, f"{m.doc}; not kept by this form"),
            pa.nulls(n, dtype),
        )
        for m in SERIES
        if f"{key}.{m.name}" not in have
        for dtype in [pa.list_(pa.from_numpy_dtype(np.dtype(m.dtype)))]
    ]


def plain(values: pa.ChunkedArray | pa.Array) -> Array:
    """Return a column as numpy, where a null is NaN (of integers and Booleans with nulls: as floats)."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return np.asarray(array.to_numpy(zero_copy_only=False))
