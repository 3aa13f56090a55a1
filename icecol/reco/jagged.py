"""The one bridge between Polars lists and numpy: jagged columns in, a struct of features out.

Every other module sees offsets that begin at 0, flat values, and which events are there. What makes that less than
obvious: a sliced column keeps the offsets of the whole, and its values are the whole child; two columns of one frame
may have different bases; a filtered or null row may still have values behind it; lists may hold nulls; a list of
constant length may come as an Array; and Polars takes a result of the wrong length without a word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol.dataset.pulses import SERIES
from icecol.errors import SchemaError

Array: TypeAlias = npt.NDArray[Any]

_ALSO = {"f8": ("f4",), "f4": ("f8",)}
TYPES: Mapping[str, tuple[str, ...]] = {m.name: (m.dtype, *_ALSO.get(m.dtype, ())) for m in SERIES}
"""Types in which kernels take a member of a pulse series; any other is converted to the first."""


@dataclass(frozen=True, slots=True)
class Jagged:
    """Parallel list columns of n events: event i has `values[offsets[i]:offsets[i + 1]]`, if `present[i]`."""

    offsets: Array
    values: tuple[Array, ...]
    present: Array | None

    def __len__(self) -> int:
        """Return the number of events."""
        return int(self.offsets.size) - 1


def jagged(columns: Sequence[pl.Series]) -> Jagged:
    """Return list columns of equal shape as offsets and values, without a copy where that is possible.

    An event that is null in any column is not present and has no values. The arrays are read-only.

    Raises
    ------
    SchemaError
        A column is not a list, a list has nulls in it, or the lists of one event differ in length.
    """
    series = [_as_list(s) for s in columns]
    present = None
    if any(s.null_count() for s in series):
        present = np.ones(len(series[0]), bool)
        for s in series:
            present &= s.is_not_null().to_numpy()
    first: Array | None = None
    values = []
    for s in series:
        offsets, flat = leaves(s, present)
        if first is None:
            first = offsets
        elif not np.array_equal(first, offsets):
            row = int(np.flatnonzero(np.diff(first) != np.diff(offsets))[0])
            msg = (
                f"columns {series[0].name!r} and {s.name!r} are not of one pulse series: "
                f"their lists in row {row} have {np.diff(first)[row]} and {np.diff(offsets)[row]} values"
            )
            raise SchemaError(msg)
        wanted = TYPES.get(s.name.rpartition(".")[2], ("f8",))
        if s.dtype.inner == pl.Null or flat.dtype.str[1:] not in wanted:  # type: ignore[attr-defined]
            flat = frozen(flat.astype(wanted[0]))
        values.append(flat)
    if first is None:
        msg = "a kernel needs at least one column of pulses"
        raise SchemaError(msg)
    return Jagged(first, tuple(values), present)


def _as_list(s: pl.Series) -> pl.Series:
    if isinstance(s.dtype, pl.Array):
        s = s.arr.to_list()
    if not isinstance(s.dtype, pl.List) or not (s.dtype.inner.is_numeric() or s.dtype.inner == pl.Null):
        msg = f"column {s.name!r} is {s.dtype}, expected a list of numbers (one list an event)"
        raise SchemaError(msg)
    return s


def leaves(s: pl.Series, present: Array | None) -> tuple[Array, Array]:
    """Return the offsets from 0 and the values of one list column, with nothing behind events that are not there."""
    if s.dtype.inner == pl.Null:  # type: ignore[attr-defined]  # nothing but empty lists and nulls
        s = s.cast(pl.List(pl.Float64))
    arrow = s.to_arrow()
    offsets = arrow.offsets.to_numpy()
    leaves = arrow.values.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))
    offsets = offsets - offsets[0]
    holes = None
    if leaves.null_count:
        holes = leaves.is_null().to_numpy(zero_copy_only=False)
        leaves = leaves.fill_null(0)
    flat = leaves.to_numpy()
    if present is not None:
        lengths = np.where(present, np.diff(offsets), 0)
        if int(lengths.sum()) != flat.size:
            starts, offsets = offsets[:-1], np.concatenate([[0], np.cumsum(lengths)])
            take = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
            flat = flat[take]
            holes = holes if holes is None else holes[take]
    if holes is not None and holes.any():
        row = int(np.searchsorted(offsets, np.flatnonzero(holes)[0], side="right")) - 1
        msg = f"column {s.name!r} has {int(holes.sum())} nulls inside its lists, first in row {row}; fill or drop them"
        raise SchemaError(msg)
    return frozen(offsets), frozen(flat)


def lists(
    name: str, levels: Sequence[Array], values: Sequence[Any] | Array, present: Array | None
) -> pl.Series:
    """Return a list column of these values, null where not present, without a copy.

    `levels` has the offsets of the lists, and then those of the lists inside them if there are such.
    """
    import pyarrow as pa

    inner = pa.array(values)
    for offsets in levels[:0:-1]:
        inner = pa.LargeListArray.from_arrays(offsets, inner)
    absent = None if present is None else pa.array(~present)
    return pl.Series(name, pa.LargeListArray.from_arrays(levels[0], inner, mask=absent))


def frozen(array: Array) -> Array:
    """Return a contiguous read-only view: kernels are then compiled for one kind of array."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def doubles(array: Array) -> Array:
    """Return single-precision values in double precision, others as they are: sums of the former lose digits."""
    return frozen(array.astype(np.float64)) if array.dtype == np.float32 else array


def struct(
    name: str, fields: Mapping[str, Any], out: Array, present: Array | None, ok: Sequence[str] = ()
) -> pl.Series:
    """Return the rows of `out`, one a field, as a struct column of one value an event.

    Every field is null for an event that is not present; the fields in `ok` are null too where the field fit_status
    is not 0, as IceTray then writes no such object. NaN, an answer that does not exist, becomes null.
    """
    if len(out) != len(fields):
        msg = f"feature {name!r} has the fields {', '.join(fields)} but the kernel gave {len(out)}"
        raise SchemaError(msg)
    fitted = out[list(fields).index("fit_status")] == 0 if ok else None
    columns = []
    for (field, dtype), row in zip(fields.items(), out, strict=True):
        column = pl.Series(field, row, nan_to_null=True)  # at no cost
        column = _whole(column, row) if dtype == pl.Int32 else column.cast(dtype)
        mask = present
        if field in ok and fitted is not None:
            mask = fitted if mask is None else mask & fitted
        if mask is not None and not mask.all():
            column = column.zip_with(
                pl.Series(mask), pl.Series(field, [None], dtype).new_from_index(0, len(column))
            )
        columns.append(column)
    return pl.DataFrame(columns).to_struct(name)


def _whole(column: pl.Series, row: Array) -> pl.Series:
    """Return a column of whole numbers, null for NaN; ten times as fast where there is none."""
    with np.errstate(invalid="ignore"):
        cut = row.astype(np.int32)
    return pl.Series(column.name, cut) if (cut == row).all() else column.cast(pl.Int32)


def struct_of_lists(
    name: str,
    fields: Sequence[str],
    out: Array | Sequence[Array],
    offsets: Array,
    present: Array | None = None,
) -> pl.Series:
    """Return the rows of `out`, one a field with one number a pulse, as a struct column of lists, one list an event.

    Event i has the numbers from `offsets[i]` to `offsets[i + 1]`; every field is null for an event that is not present.
    NaN in a list, an answer that does not exist, becomes null.
    """
    columns = [
        lists(field, [offsets], pl.Series(row, nan_to_null=True).to_arrow(), present)
        for field, row in zip(fields, out, strict=True)
    ]
    return pl.DataFrame(columns).to_struct(name)
