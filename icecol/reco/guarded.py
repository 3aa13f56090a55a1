"""Users' kernels in a plan: several series, lists, double precision, and errors that name the kernel and the event."""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.errors import KernelError
from icecol.reco.binding import inputs, values
from icecol.reco.jagged import Array, Jagged, doubles, frozen, jagged, lists, struct
from icecol.reco.watch import in_loop, mapped

if TYPE_CHECKING:
    from icecol.reco.decorator import Kernel

_IDS: Final = r"^I3EventHeader\.(run_id|event_id|sub_event_id)$"
"""Columns that identify an event, where the frame has them."""
_MOST: Final = 20_000
"""Pulses up to which an event that failed is computed again in Python, for the line and the message."""


@dataclass(frozen=True, slots=True)
class _Series:
    """One pulse series of a kernel: names of its arguments begin with `prefix`."""

    prefix: str
    pulses: Pulses
    members: list[str]
    columns: list[str]
    read: list[str]
    geometry: list[Any]

    def event(self, pulse: Jagged, i: int) -> dict[str, Array]:
        """Return the arrays that a kernel gets for an event, by name."""
        a, b = pulse.offsets[i], pulse.offsets[i + 1]
        found = {m: v[a:b] for m, v in zip(self.read, pulse.values, strict=True)}
        order: Any = slice(None)
        rows = np.empty(0, np.int64)
        if "omkey" in found:
            order = np.argsort(found["omkey"], kind="stable")
        if self.columns and self.pulses.geometry is not None:
            rows = self.pulses.geometry.rows(found["omkey"][order])
            order, rows = order[rows >= 0], rows[rows >= 0]
        arrays = {m: found[m][order] for m in self.members}
        arrays |= {c: getattr(self.pulses.geometry, c)[rows] for c in self.columns}
        return {f"{self.prefix}{name}": array for name, array in arrays.items()}


def guarded_expr(kernel: Kernel, pulses: Pulses, parameters: Mapping[str, Any]) -> pl.Expr:
    """Return a user's kernel over its series as a struct expression."""
    from icecol.reco.codegen import arguments, of_series

    function = kernel.function
    members, columns, defaults = arguments(function, kernel.series)
    given = dict(parameters)
    series = [_Series("", pulses, members, columns, *inputs(function, pulses, members, columns))]
    for name in kernel.series:
        if name not in given:
            msg = f"kernel {function.__name__!r} needs a second pulse series: give {name}=Pulses(...), or its name"
            raise TypeError(msg)
        further = given.pop(name)
        further = pulses.named(further) if isinstance(further, str) else further
        of = of_series(function, name)
        members, columns = ([n.removeprefix(f"{name}_") for n in part] for part in of)
        series.append(
            _Series(f"{name}_", further, members, columns, *inputs(function, further, members, columns))
        )
    numbers, fixed = values(kernel, given, defaults)
    rest = [p for p in defaults if p not in kernel.events]
    scalars = {n: t for k, (n, t) in enumerate(kernel.fields.items()) if k not in kernel.lists()}

    def event(pulses: Sequence[Jagged], number: Sequence[Array], i: int) -> dict[str, Any]:
        arrays = {a: v for s, p in zip(series, pulses, strict=True) for a, v in s.event(p, i).items()}
        of_event = {e: float(v[i]) for e, v in zip(numbers, number, strict=True)}
        return arrays | of_event | dict(zip(rest, fixed, strict=True))

    def run(columns: Sequence[pl.Series]) -> pl.Series:
        events, taken = [], 0
        for s in series:
            pulse = jagged(columns[taken : taken + len(s.read)])
            events.append(Jagged(pulse.offsets, tuple(doubles(v) for v in pulse.values), pulse.present))
            taken += len(s.read)
        n = len(events[0])
        if not n:
            return pl.Series(columns[0].name, [], pl.Struct(dict(kernel.fields)))
        present = np.logical_and.reduce(
            [np.ones(n, bool), *(e.present for e in events if e.present is not None)]
        )
        number = [s.cast(pl.Float64).fill_null(float("nan")).to_numpy() for s in columns[taken:-1]]
        number = [frozen(np.broadcast_to(v, n)) for v in number]
        arrays = [a for s, e in zip(series, events, strict=True) for a in (e.offsets, *e.values, *s.geometry)]
        out, at = np.full((len(kernel.fields), n), np.nan), np.full(1, -1)
        try:
            found = in_loop(kernel.loop(), present, at, *arrays, *number, *fixed, out)
        except Exception as err:
            if (i := int(at[0])) < 0:
                raise _not_compiled(kernel, event(events, number, 0), err) from err
            size = int(np.diff(events[0].offsets)[i])
            raise _failed(kernel, event(events, number, i), _named(columns[-1], i, size), size, err) from err
        return _fields(columns[0].name, kernel, scalars, out, found, None if present.all() else present)

    read = [pl.col(s.pulses.column(m)) for s in series for m in s.read]
    ids = pl.struct(pl.lit(0, pl.Int8).alias(""), pl.col(_IDS))
    return mapped([*read, *numbers.values(), ids], run, function.__name__, pl.Struct(dict(kernel.fields)))


def _fields(
    name: str, kernel: Kernel, scalars: Mapping[str, Any], out: Array, found: Any, present: Array | None
) -> pl.Series:
    """Return what a loop gave as a struct column."""
    places = kernel.lists()
    rows = out[[k for k in range(len(out)) if k not in places]]
    for k, (field, dtype) in enumerate(kernel.fields.items()):
        of = found[2 * places.index(k) + 1] if k in places else out[k]
        _require_whole(kernel, field, dtype.inner if isinstance(dtype, pl.List) else dtype, of)
    try:
        made = (
            struct(name, scalars, rows, present, kernel.ok).struct.unnest().get_columns() if scalars else []
        )
        for k, field in enumerate(kernel.fields):
            if k in places:
                offsets, flat = found[2 * places.index(k) : 2 * places.index(k) + 2]
                inner = pl.Series(flat).fill_nan(None).cast(kernel.fields[field].inner)
                made.insert(k, lists(field, [offsets], inner.to_arrow(), present))
    except pl.exceptions.InvalidOperationError as err:
        msg = f"kernel {kernel.function.__name__!r} returned what its field cannot hold: {err}"
        raise KernelError(msg) from err
    return pl.DataFrame(made).to_struct(name)


def _require_whole(kernel: Kernel, field: str, dtype: Any, values: Array) -> None:
    """Refuse what a field of integers would round, instead of rounding it."""
    if dtype.is_integer():
        wrong = values[np.isfinite(values) & ((values != np.trunc(values)) | (np.abs(values) > 2.0**53))]
        if wrong.size:
            msg = (
                f"kernel {kernel.function.__name__!r} returned {wrong[0]:.17g} for its field {field!r} of {dtype}, "
                "which would be rounded: round it in the kernel, or make the field pl.Float64"
                if abs(wrong[0]) <= 2.0**53
                else f"kernel {kernel.function.__name__!r} returned {wrong[0]:.17g} for its field {field!r}: integers "
                "beyond 2^53 cannot be told apart, as results pass through double precision"
            )
            raise KernelError(msg)


# -- errors -----------------------------------------------------------------------------------------------------------


def _named(ids: pl.Series, i: int, size: int) -> str:
    """Return which event it is: by its header, if the frame has that, and by its place."""
    values = {k.rpartition(".")[2]: v for k, v in ids[i].items() if k}
    where = f"row {i} of its batch, {size} pulses"
    header = ", ".join(f"{k.removesuffix('_id').replace('_', '-')} {v}" for k, v in values.items())
    return f"{header} ({where})" if header else where


def _failed(kernel: Kernel, given: Mapping[str, Any], event: str, size: int, error: Exception) -> KernelError:
    """Make the error of a kernel that failed on an event; Python tells the line, which compiled code does not."""
    line = ""
    if size <= _MOST:
        try:
            kernel.on(**given)
        except Exception as err:  # noqa: BLE001  # the same again, but with a line
            if isinstance(err, type(error)):
                error, line = err, _line_of(kernel, err)
    what = f"{type(error).__name__}: {error}"
    return KernelError(f"kernel {kernel.function.__name__!r} failed on the event {event}: {what}{line}")


def _line_of(kernel: Kernel, error: Exception) -> str:
    file = getattr(kernel.function, "py_func", kernel.function).__code__.co_filename
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    return _line(file, frames[-1].lineno or 0) if frames else ""


def _line(file: str, number: int) -> str:
    return f"\n  {Path(file).name}, line {number}: {linecache.getline(file, number).strip()}"


def _not_compiled(kernel: Kernel, given: Mapping[str, Any], error: Exception) -> KernelError:
    """Make the error of a kernel that numba cannot compile, or that does not return its fields."""
    from numba import typeof

    from icecol.jit.fresh import fresh

    plain = getattr(kernel.function, "py_func", kernel.function)
    name, file = kernel.function.__name__, plain.__code__.co_filename
    types = {}
    for a, v in given.items():
        try:
            types[a] = typeof(frozen(v) if isinstance(v, np.ndarray) else v)
        except ValueError:
            what = (
                f"the parameter {a!r} of kernel {name!r} is a {type(v).__name__}, which numba does not know"
            )
            return KernelError(f"{what}: give a number, a string, a tuple of these, or an array")
    names = plain.__code__.co_varnames[: len(types)]
    said = f"kernel {name!r} cannot be compiled for {', '.join(f'{a}: {types[a]}' for a in names)}"
    try:
        compiled = fresh(kernel.function, boundscheck=kernel.boundscheck)
        compiled.compile(tuple(types[a] for a in names))
    except Exception as err:  # noqa: BLE001  # of the kernel alone, without the loop around it
        error = err
    else:
        returned = next(iter(compiled.overloads.values())).signature.return_type
        wrong = _wrong(kernel, returned)
        if wrong:
            return KernelError(f"kernel {name!r} {wrong}{_line(file, plain.__code__.co_firstlineno)}")
    found = re.findall(r'File "([^"]+)", line (\d+)', str(error))
    lines = [int(number) for where, number in found if Path(where).name == Path(file).name]
    return KernelError(f"{said}{_line(file, lines[0]) if lines else ''}\n{type(error).__name__}: {error}")


def _wrong(kernel: Kernel, returned: Any) -> str | None:
    """Return what is wrong with the type that a kernel returns, None if nothing is."""
    from numba import types

    fields = list(kernel.fields)
    n = len(fields)
    several = isinstance(returned, types.BaseTuple)
    parts = list(returned.types) if several else [returned]
    if len(parts) != n or (n == 1 and several):
        what = f"a tuple of {len(parts)}" if several else f"{returned}"
        wanted = (
            f"the number itself, for {fields[0]!r}" if n == 1 else f"a tuple of {n}, for {', '.join(fields)}"
        )
        return f"does not return {n} number{'s' * (n > 1)}, one a field: it returns {what}, not {wanted}"
    for k, (field, part) in enumerate(zip(fields, parts, strict=True)):
        if k in kernel.lists() and not (isinstance(part, types.Array) and part.ndim == 1):
            return f"returns {part} for the list {field!r}: return an array of one dimension"
        if k not in kernel.lists() and not isinstance(part, types.Number | types.Boolean):
            return f"returns {part} for {field!r}: return a number (NaN where there is no answer)"
    return None
