"""Kernels and features as modules: the formulas of columns, on one frame.

An expression is evaluated on a table of one row, with the columns of that event as a conversion makes them. A kernel
can also run as the plain Python function that it is: nothing is compiled, and a debugger stops in it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol import missing
from icecol.convert.frame_objects import Make, object_maker
from icecol.convert.geometry import WANTED, from_objects, read_geometry
from icecol.convert.i3_columns import TableMaker
from icecol.dataset import schema as schemas
from icecol.dataset.pulses import MEMBERS, Pulses
from icecol.detector.geometry import Geometry
from icecol.errors import GeometryError, MissingColumnError, did_you_mean
from icecol.i3.archive import decode
from icecol.i3.container.mixing import mix, new_order
from icecol.i3.container.raw import encode_frame
from icecol.i3.container.walk import scan
from icecol.i3.frames.frame import Frame
from icecol.i3.pulses.batch import PULSE_CLASSES
from icecol.reco.decorator import Kernel

Values: TypeAlias = dict[str, Any]
"""Fields of a result; a result that is one number has the field `value`."""

Evaluation: TypeAlias = tuple[Values, Mapping[str, Any]]
"""Fields of a result and their Polars types."""


def is_feature(module: Any) -> bool:
    """Return whether something is a formula over columns: a kernel, an expression, or a function that returns one."""
    returns = getattr(module, "__annotations__", {}).get("return") if inspect.isfunction(module) else None
    return isinstance(module, Kernel | pl.Expr) or returns in {pl.Expr, "pl.Expr", "polars.Expr", "Expr"}


def feature(
    module: Any,
    *,
    output: str,
    pulses: str | None = None,
    gcd: str | Path | Geometry | None = None,
    compiled: bool = False,
    **parameters: Any,
) -> Callable[[Frame], None]:
    """Make a function of a frame of a formula over columns.

    The result goes under the key `output` as the frame objects that `icecol.convert.frame_objects` makes of it: a fit
    as an I3Particle with its parameters beside it, cut variables as their class, one number as an I3Double, I3Int or
    I3Bool. A null result, as where the frame has no such pulses, puts nothing. An expression that is true or false is a
    cut: NaN is read as null in it (see `icecol.missing`).

    Parameters
    ----------
    module
        A kernel, an expression, or a function that returns an expression.
    output
        Key of the result.
    pulses
        Key of the pulse series that the module reads.
    gcd
        Where the sensors come from: a GCD file or a Geometry; by default the geometry in the stream.
    compiled
        Run a kernel compiled, as in a plan, rather than as plain Python.
    parameters
        Further arguments of the module.

    Raises
    ------
    TypeError
        The module needs pulses, and no key is given, or it does not take these parameters.
    """
    evaluate = evaluation(module, pulses=pulses, gcd=gcd, compiled=compiled, parameters=parameters)

    @lru_cache(maxsize=8)
    def maker(types: tuple[tuple[str, Any], ...]) -> Make:
        return object_maker(output, dict(types))

    def put(frame: Frame) -> None:
        found = evaluate(frame)
        if found is None:
            return
        values, types = found
        for key, obj in maker(tuple(types.items()))(values).items():
            if key in frame.own_keys():
                msg = f"the frame already has an object {key!r}: choose another `output`, or delete it first"
                raise ValueError(msg)
            frame[key] = obj

    return put


def evaluation(
    module: Any,
    *,
    pulses: str | None,
    gcd: str | Path | Geometry | None,
    compiled: bool,
    parameters: Mapping[str, Any],
) -> Callable[[Frame], Evaluation | None]:
    """Return the function that computes the fields of a formula for a frame, None where they are null."""
    if (
        pulses is None
        and not isinstance(module, pl.Expr)
        and "pulses" in inspect.signature(module).parameters
    ):
        msg = f"a kernel or feature of pulses needs their key: pulses='SRTInIcePulses' (it is {module!r})"
        raise TypeError(msg)
    geometry_of = sensors(gcd)
    if isinstance(module, Kernel) and not (
        compiled or module.events or module.ok or module.series or module.lists()
    ):
        return _plain(module, str(pulses), geometry_of, parameters)

    @lru_cache(maxsize=8)
    def boolean(columns: tuple[tuple[str, Any], ...]) -> pl.Expr:
        return missing.logic(module, dict(columns))

    @lru_cache(maxsize=1)
    def expression(geometry: Geometry | None) -> pl.Expr:
        if isinstance(module, pl.Expr):
            return module
        given = {} if pulses is None else {"pulses": Pulses(pulses, geometry)}
        return module(**given, **parameters)

    def evaluate(frame: Frame) -> Evaluation | None:
        if pulses is not None and pulses not in frame:
            return None
        try:
            formula = expression(geometry_of(frame))
        except GeometryError as err:
            raise _no_geometry(str(err)) from err
        row = _row(frame, missing.columns_read(formula))
        if row is None:
            return None
        (found,) = row.select(formula.alias("value")).get_columns()
        if isinstance(module, pl.Expr) and found.dtype == pl.Boolean:  # a cut
            (found,) = row.select(boolean(tuple(row.schema.items())).alias("value")).get_columns()
        fields = found.struct.unnest().get_columns() if found.dtype == pl.Struct else [found]
        values = {field.name: _known(field[0]) for field in fields}
        if all(value is None for value in values.values()):
            return None
        return values, {field.name: field.dtype for field in fields}

    return evaluate


def _plain(
    kernel: Kernel,
    pulses: str,
    geometry_of: Callable[[Frame], Geometry | None],
    parameters: Mapping[str, Any],
) -> Callable[[Frame], Evaluation | None]:
    """Return the evaluation of a kernel as a Python function, on the arrays that the compiled one gets."""
    from icecol.reco.codegen import arguments

    members, columns, _ = arguments(kernel.function)
    inspect.signature(kernel.function).bind(**dict.fromkeys([*members, *columns]), **parameters)

    def evaluate(frame: Frame) -> Evaluation | None:
        if pulses not in frame:
            return None
        series = frame.pulses(pulses)
        rows = np.zeros(0, np.int64)
        order: Any = slice(None)
        if columns or "omkey" in members:
            order = np.argsort(series.omkey, kind="stable")
        geometry = geometry_of(frame) if columns else None
        if columns and geometry is None:
            msg = f"kernel {kernel.function.__name__!r} needs {', '.join(columns)} of the sensors"
            raise _no_geometry(msg)
        if geometry is not None:
            rows = geometry.rows(series.omkey[order])
            order, rows = order[rows >= 0], rows[rows >= 0]
        # a compiled loop adds up f32 in f64, but numpy adds an f32 to a number of Python in f32
        arrays = {m: _wide(getattr(series, m)[order]) for m in members}
        arrays |= {c: getattr(geometry, c)[rows] for c in columns}
        result = kernel.on(**arrays, **parameters)
        numbers = (result,) if len(kernel.fields) == 1 else result
        values = {name: _known(number) for name, number in zip(kernel.fields, numbers, strict=True)}
        return values, kernel.fields

    return evaluate


def _known(value: Any) -> Any:
    """Return None for NaN, an answer that does not exist."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _wide(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values.astype(np.float64) if values.dtype == np.float32 else values


# -- what an event gives to a formula ---------------------------------------------------------------------------------


def sensors(gcd: str | Path | Geometry | None) -> Callable[[Frame], Geometry | None]:
    """Return the function that gives the geometry for a frame: the one given, or the current one of the stream."""
    if gcd is not None:
        fixed = gcd if isinstance(gcd, Geometry) else read_geometry(gcd)
        return lambda _frame: fixed

    def of_stream(frame: Frame) -> Geometry | None:
        if "I3Geometry" not in frame:
            return None
        return _decoded(tuple((key, frame.raw(key)) for key in WANTED if key in frame))

    return of_stream


@lru_cache(maxsize=4)
def _decoded(blobs: tuple[tuple[str, bytes], ...]) -> Geometry:
    """Make the geometry of serialised objects; to decode them takes seconds, to find them here nothing."""
    return from_objects({key: decode(blob) for key, blob in blobs})


def _no_geometry(what: str) -> GeometryError:
    return GeometryError(f"{what}; in a tray, read the GCD file first or give `gcd`")


def _key(frame: Frame, column: str) -> str:
    """Return the key of a column: of those that a frame has, the longest, as a key may have dots itself."""
    parts = column.split(".")
    keys = (".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))
    return next((key for key in keys if key in frame), schemas.key_of(column))


def _row(frame: Frame, names: Iterable[str]) -> pl.DataFrame | None:
    """Return some columns of one event, None where the frame lacks a key."""
    wanted: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        wanted.setdefault(_key(frame, name), []).append(name)
    made: list[pl.Series] = []
    for key, columns in wanted.items():
        if key not in frame:
            return None
        if frame.class_name(key) in PULSE_CLASSES:
            series = frame.pulses(key)
            there = {f"{key}.{m}": pl.Series(getattr(series, m)).implode() for m in MEMBERS}
        else:
            data = bytearray(encode_frame("P", [(key, frame.type_name(key), frame.raw(key))]))
            table = TableMaker(keys=(key,)).table(mix(scan(data), "P", new_order()))
            there = {c: pl.Series(table.column(c)) for c in table.column_names}
        for c in columns:
            if c not in there:
                msg = f"no column {c!r} of {key!r}, an object of class {frame.class_name(key)}; "
                raise MissingColumnError(msg + did_you_mean(c, there, "columns"))
        # a feature may also read a member that not every particle or fit has
        made += [v.alias(c) for c, v in there.items() if c in columns or c.startswith(f"{key}.")]
    return pl.DataFrame(made)
