"""Decoded columns as Arrow columns: names, types, units and nulls, in buffers that Arrow takes over without a copy.

In: the `Columns` of the objects of one class (`icecol.i3.columns`). Out: a field and an array for each of its members;
maps from names to values become one column per name.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from icecol.dataset import schema as schemas
from icecol.errors import SchemaError
from icecol.i3.columns.compiler import Leaf
from icecol.i3.columns.fixed_names import Pattern
from icecol.i3.columns.passes import Columns
from icecol.jit.cache import kept

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Column = tuple[pa.Field, pa.Array]

ARROW: Final[dict[str, pa.DataType]] = {
    "bool": pa.bool_(), "u8": pa.uint8(), "i8": pa.int8(), "u16": pa.uint16(), "i16": pa.int16(),
    "u32": pa.uint32(), "i32": pa.int32(), "u64": pa.uint64(), "i64": pa.int64(), "f32": pa.float32(),
    "f64": pa.float64(), "str": pa.string(),
}  # fmt: skip

_JUNE_LEAPS: Final = frozenset({1972, 1981, 1982, 1983, 1985, 1992, 1993, 1994, 1997, 2012, 2015})
"""Years with a leap second at the end of June, after which the time since new year is a second ahead of UTC."""


def row_index(source: Ints | None) -> pa.Array | None:
    """Make indices that put values at their rows; rows without one are null."""
    return None if source is None else pa.array(source, mask=source < 0)


# -- one key --------------------------------------------------------------------------------------------------------


class ByRows:
    """Arrays of one class whose objects belong to several keys, cut up by key without a copy."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        names = {leaf.name: i for i, leaf in enumerate(columns.program.leaves)}
        self._leaves: list[Leaf] = []
        arrays: list[pa.Array] = []
        for i, leaf in enumerate(columns.program.leaves):
            if leaf.name.endswith("?"):
                continue
            self._leaves.append(leaf)
            arrays.append(_nest(columns, *_values(columns, i, names.get(f"{leaf.name}?"))))
            if leaf.name.endswith("utc_daq_time") and leaf.group == 0:
                stem = leaf.name.removesuffix("utc_daq_time")
                doc = "UTC, cut to whole nanoseconds"
                self._leaves.append(Leaf(stem.rstrip("_") or "time", "i64", 0, "", doc))
                arrays.append(_timestamps(columns.values[names[f"{stem}utc_year"]], columns.values[i]))
        self._batch = pa.RecordBatch.from_arrays(arrays, names=[leaf.name for leaf in self._leaves])

    def columns(self, key: str, begin: int, n: int, source: Ints | None) -> list[Column]:
        """Return the columns of a key whose objects are those from `begin` on, put at the rows of `source`."""
        part = self._batch.slice(begin, n)
        if source is not None and self._leaves:
            part = part.take(row_index(source))
        return list(zip(self._fields(key), part.columns, strict=True))

    def _fields(self, key: str) -> list[pa.Field]:
        program = self._columns.program
        about = (key, program.name, program.version, *program.versions.items())
        if about not in _FIELDS:
            types = self._batch.schema.types
            _FIELDS[about] = [
                _field(f"{key}.{leaf.name}", dtype, leaf)
                for leaf, dtype in zip(self._leaves, types, strict=True)
            ]
        return _FIELDS[about]


_FIELDS: dict[tuple[Any, ...], list[pa.Field]] = {}
"""Fields of the columns of a key by its class, as making them anew for every batch takes longer than the rest."""


@lru_cache(maxsize=65536)
def _cached_field(
    name: str, dtype: pa.DataType, unit: str, doc: str, enum: tuple[tuple[str, int], ...]
) -> pa.Field:
    if enum:
        return schemas.field(name, dtype, unit, doc, enum=", ".join(f"{v}: {n}" for n, v in enum))
    return schemas.field(name, dtype, unit, doc)


def _field(name: str, dtype: pa.DataType, leaf: Leaf) -> pa.Field:
    return _cached_field(name, dtype, leaf.unit, leaf.doc, leaf.enum)


def number_array(values: npt.NDArray[Any], dtype: pa.DataType, valid: Bools | None = None) -> pa.Array:
    """Make an Arrow array of numbers that shares the numpy buffer (booleans are packed into bits)."""
    if pa.types.is_boolean(dtype):
        buffer = pa.py_buffer(np.packbits(values != 0, bitorder="little"))
    else:
        buffer = pa.py_buffer(np.ascontiguousarray(values))
    bitmap, nulls = None, 0
    if valid is not None:
        nulls = int(valid.size - np.count_nonzero(valid))
        bitmap = pa.py_buffer(np.packbits(valid, bitorder="little")) if nulls else None
    return pa.Array.from_buffers(dtype, values.size, [bitmap, buffer], nulls)


def string_array(chars: npt.NDArray[Any], offsets: npt.NDArray[np.int32]) -> pa.Array:
    """Make an Arrow array of strings; bytes that are not UTF-8 are read as Latin-1."""
    raw = chars.view(np.uint8)
    if raw.size and raw.max() > 127:
        data = raw.tobytes()
        parts = [data[a:b] for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]
        return pa.array([_text(p) for p in parts], pa.string())
    return pa.StringArray.from_buffers(offsets.size - 1, pa.py_buffer(offsets), pa.py_buffer(raw))


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _values(columns: Columns, i: int, valid: int | None = None) -> tuple[pa.Array, int]:
    """Return the innermost array of a leaf and the group whose elements it holds."""
    leaf = columns.program.leaves[i]
    if leaf.kind == "str":
        return string_array(columns.values[i], columns.offsets[leaf.group]), columns.program.parents[
            leaf.group
        ]
    good = None if valid is None else columns.values[valid].view(np.uint8) != 0
    return number_array(columns.values[i], ARROW[leaf.kind], good), leaf.group


def _nest(columns: Columns, array: pa.Array, group: int, top: int = 0) -> pa.Array:
    """Wrap an array in the lists of its groups, up to the rows (or another group)."""
    while group != top:
        offsets = columns.offsets[group]
        kind = pa.list_(array.type)
        array = pa.Array.from_buffers(
            kind, offsets.size - 1, [None, pa.py_buffer(offsets)], 0, children=[array]
        )
        group = columns.program.parents[group]
    return array


def _timestamps(year: npt.NDArray[Any], daq: npt.NDArray[Any]) -> pa.Array:
    """Make UTC timestamps from years and tenths of nanoseconds since their start."""
    year, daq = year.view(np.int32).astype(np.int64), daq.view(np.int64)
    valid = (year >= 1970) & (year <= 2261) & (daq >= 0) & (daq < 367 * 86_400 * 10**10)
    years, index = np.unique(np.where(valid, year, 1970), return_inverse=True)
    start = (years - 1970).astype("datetime64[Y]").astype("datetime64[ns]").astype(np.int64)
    stamp = start[index] + daq // 10
    leaps = np.isin(years, list(_JUNE_LEAPS))
    if leaps.any():
        july = (years - 1970).astype("datetime64[Y]").astype("datetime64[M]") + np.timedelta64(6, "M")
        after = july.astype("datetime64[ns]").astype(np.int64) + 10**9
        stamp -= np.where(leaps[index] & (stamp >= after[index]), 10**9, 0)
    return number_array(np.where(valid, stamp, 0), pa.timestamp("ns", tz="UTC"), valid)


# -- maps with names --------------------------------------------------------------------------------------------------


@kept
def _pivot_index(
    offsets: npt.NDArray[np.int32], names: npt.NDArray[np.int32], column: Ints, out: npt.NDArray[np.int32]
) -> None:
    """Note for each name and row which element of the map has that name."""
    for row in range(offsets.size - 1):
        for j in range(offsets[row], offsets[row + 1]):
            out[column[names[j]], row] = j


def by_name(key: str, columns: Columns, begin: int, n: int) -> list[Column]:
    """Make one column for each name in the maps of a key whose objects are those from `begin` on."""
    leaves = columns.program.leaves
    i = next(k for k, leaf in enumerate(leaves) if leaf.kind == "name")
    offsets = columns.offsets[leaves[i].group][begin : begin + n + 1]
    numbers = columns.values[i].view(np.int32)
    used = np.flatnonzero(np.bincount(numbers[offsets[0] : offsets[-1]], minlength=len(columns.names)))
    texts = {int(k): _text(columns.names.raw(int(k))) for k in used}
    order = sorted(texts, key=lambda k: texts[k])
    column = np.full(max(len(columns.names), 1), -1, np.int64)
    column[order] = np.arange(len(order))
    index = np.full((len(order), n), -1, np.int32)
    _pivot_index(offsets, numbers, column, index)
    names = [texts[k] for k in order]
    return (_variants if columns.program.shape == "variants" else _named)(key, columns, names, index)


def _named(key: str, columns: Columns, names: list[str], index: npt.NDArray[np.int32]) -> list[Column]:
    """Make the columns of maps whose values all have one type."""
    top = next(leaf.group for leaf in columns.program.leaves if leaf.kind == "name")
    n = index.shape[1]
    flat = index.ravel()
    valid = flat >= 0
    everywhere = bool(valid.all())
    made: list[list[Column]] = []
    for i, leaf in enumerate(columns.program.leaves):
        if leaf.kind == "name":
            continue
        # one array over all names, of which each name's is a part
        if leaf.group == top and leaf.kind != "str":
            whole = number_array(columns.values[i][flat], ARROW[leaf.kind], None if everywhere else valid)
        else:
            whole = _nest(columns, *_values(columns, i), top).take(pa.array(flat, mask=~valid))
        made.append(
            [
                (_named_field(key, name, leaf, whole.type), whole.slice(k * n, n))
                for k, name in enumerate(names)
            ]
        )
    return [column for of_name in zip(*made, strict=True) for column in of_name]


def pattern_fields(key: str, form: Pattern) -> list[pa.Field]:
    """Return the fields of the columns of maps of one layout: name by name, leaf by leaf."""
    leaves = [form.program.leaves[i] for i in form.leaves]
    return [_named_field(key, _text(name), leaf, ARROW[leaf.kind]) for name in form.names for leaf in leaves]


def _named_field(key: str, name: str, leaf: Leaf, dtype: pa.DataType) -> pa.Field:
    end = "" if leaf.name == "value" else f".{leaf.name}"
    return _field(f"{key}.{name}{end}", dtype, leaf)


_KINDS: Final = {
    1: (pa.int32(), False),
    2: (pa.float64(), False),
    4: (pa.bool_(), False),
    8: (pa.list_(pa.int32()), True),
    16: (pa.list_(pa.float64()), True),
    32: (pa.list_(pa.bool_()), True),
}
"""Type of a column by the alternative of its variants (as a bit), and whether it is a list."""


def _variants(key: str, columns: Columns, names: list[str], index: npt.NDArray[np.int32]) -> list[Column]:
    """Make the columns of maps of variants, each of the type its values have."""
    leaves = {leaf.name: i for i, leaf in enumerate(columns.program.leaves)}
    which = columns.values[leaves["which"]].view(np.int32)
    number = columns.values[leaves["number"]].view(np.float64)
    top = columns.program.leaves[leaves["which"]].group
    doc = columns.program.leaves[leaves["which"]].doc
    items = _nest(columns, *_values(columns, leaves["items"]), top)
    about = Leaf("", "", 0, "", doc)
    out: list[Column] = []
    n = index.shape[1]
    flat = index.ravel()
    there = flat >= 0
    numbers = number_array(number[flat], pa.float64(), there)
    kinds_of = np.where(there, 1 << which[flat], 0).reshape(index.shape)
    for k, (name, kinds) in enumerate(
        zip(names, np.bitwise_or.reduce(kinds_of, axis=1).tolist(), strict=True)
    ):
        if kinds not in _KINDS:
            msg = (
                f"column '{key}.{name}' has values of different types in different events: leave the key out"
            )
            raise SchemaError(msg)
        dtype, many = _KINDS[kinds]
        array = items.take(pa.array(index[k], mask=index[k] < 0)) if many else numbers.slice(k * n, n)
        array = array if dtype == array.type else array.cast(dtype)
        out.append((_field(f"{key}.{name}", array.type, about), array))
    return out
