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
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol.convert.geometry import WANTED, from_objects, read_geometry
from icecol.convert.i3_columns import TableMaker
from icecol.dataset import schema as schemas
from icecol.dataset.pulses import MEMBERS, SERIES, Pulses
from icecol.detector.geometry import Geometry
from icecol.errors import GeometryError, MissingColumnError, SchemaError, did_you_mean
from icecol.i3.archive import decode, new
from icecol.i3.archive.objects import member_names, plain
from icecol.i3.classes import reco
from icecol.i3.container.mixing import mix, new_order
from icecol.i3.container.raw import encode_frame
from icecol.i3.container.scanner import scan
from icecol.i3.frames.frame import Frame
from icecol.i3.pulses.batch import PULSE_CLASSES
from icecol.i3.pulses.series import PulseSeries
from icecol.reco.decorator import Kernel

Values: TypeAlias = dict[str, Any]
"""Fields of a result; a result that is one number has the field `value`."""

PARTICLE: Final = ("x", "y", "z", "zenith", "azimuth")
"""Fields that make a result a track."""
OF_PARTICLE: Final = (*PARTICLE, "time", "energy", "length", "speed", "fit_status")
"""Fields that go into its I3Particle."""
TRACK: Final = 40
"""I3Particle::InfiniteTrack."""
CLASSES: Final = {
    frozenset(member_names(layout.name)): layout.name
    for layout in reversed(reco.CLASSES)
    if plain(layout.name, layout.version) is not None
}
"""Classes of fit parameters and cut variables, those of numbers alone, by their members."""


def is_feature(module: Any) -> bool:
    """Tell whether something is a formula over columns: a kernel, an expression, or a function that returns one."""
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

    The result goes under the key `output`: a track as I3Particle, what else belongs to it under `output` + "Params", of
    IceTray's class if one has just these members; one number as I3Double; several as an I3MapStringDouble. A null
    result, as where the frame has no such pulses, puts nothing. `Tray.add` says what the parameters are.
    """
    evaluate = evaluation(module, pulses=pulses, gcd=gcd, compiled=compiled, parameters=parameters)

    def put(frame: Frame) -> None:
        values = evaluate(frame)
        if values is not None:
            _put(frame, output, values)

    return put


def evaluation(
    module: Any,
    *,
    pulses: str | None,
    gcd: str | Path | Geometry | None,
    compiled: bool,
    parameters: Mapping[str, Any],
) -> Callable[[Frame], Values | None]:
    """Return the function that computes the fields of a formula for a frame, None where they are null."""
    if (
        pulses is None
        and not isinstance(module, pl.Expr)
        and "pulses" in inspect.signature(module).parameters
    ):
        msg = f"a kernel or feature of pulses needs their key: pulses='SRTInIcePulses' (it is {module!r})"
        raise TypeError(msg)
    geometry_of = sensors(gcd)
    if isinstance(module, Kernel) and not (compiled or module.events or module.ok):
        return _plain(module, str(pulses), geometry_of, parameters)

    @lru_cache(maxsize=1)
    def expression(geometry: Geometry | None) -> pl.Expr:
        if isinstance(module, pl.Expr):
            return module
        given = {} if pulses is None else {"pulses": Pulses(pulses, geometry)}
        return module(**given, **parameters)

    def evaluate(frame: Frame) -> Values | None:
        if pulses is not None and pulses not in frame:
            return None
        try:
            formula = expression(geometry_of(frame))
        except GeometryError as err:
            raise _no_geometry(str(err)) from err
        row = _row(frame, formula.meta.root_names())
        if row is None:
            return None
        value = row.select(formula.alias("value")).item()
        fields = value if isinstance(value, dict) else {"value": value}
        return None if all(v is None for v in fields.values()) else fields

    return evaluate


def _plain(
    kernel: Kernel,
    pulses: str,
    geometry_of: Callable[[Frame], Geometry | None],
    parameters: Mapping[str, Any],
) -> Callable[[Frame], Values | None]:
    """Return the evaluation of a kernel as a Python function, on the arrays that the compiled one gets."""
    from icecol.reco.codegen import arguments

    members, columns, _ = arguments(kernel.function)
    inspect.signature(kernel.function).bind(**dict.fromkeys([*members, *columns]), **parameters)

    def evaluate(frame: Frame) -> Values | None:
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
        return {
            name: None if dtype != pl.Float64 and number != number else number  # noqa: PLR0124
            for (name, dtype), number in zip(kernel.fields.items(), numbers, strict=True)
        }

    return evaluate


def _wide(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values.astype(np.float64) if values.dtype == np.float32 else values


# -- what an event gives to a formula ---------------------------------------------------------------------------------


def sensors(gcd: str | Path | Geometry | None) -> Callable[[Frame], Geometry | None]:
    """Return the function that gives the geometry for a frame: the one given, or that in force in the stream."""
    if gcd is not None:
        fixed = gcd if isinstance(gcd, Geometry) else read_geometry(gcd)
        return lambda _frame: fixed

    def in_force(frame: Frame) -> Geometry | None:
        if "I3Geometry" not in frame:
            return None
        return _decoded(tuple((key, frame.raw(key)) for key in WANTED if key in frame))

    return in_force


@lru_cache(maxsize=4)
def _decoded(blobs: tuple[tuple[str, bytes], ...]) -> Geometry:
    """Make the geometry of serialised objects; to decode them takes seconds, to find them here nothing."""
    return from_objects({key: decode(blob) for key, blob in blobs})


def _no_geometry(what: str) -> GeometryError:
    return GeometryError(f"{what}; in a tray, read the GCD file first or give `gcd`")


def _row(frame: Frame, names: Iterable[str]) -> pl.DataFrame | None:
    """Return some columns of one event, None where the frame lacks a key."""
    wanted: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        wanted.setdefault(schemas.key_of(name), []).append(name)
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
                msg = f"no column {c!r} of {key!r}, a {frame.class_name(key)}; "
                raise MissingColumnError(msg + did_you_mean(c, there, "columns"))
        # a feature may also read a member that not every particle or fit has
        made += [v.alias(c) for c, v in there.items() if c in columns or c.startswith(f"{key}.")]
    return pl.DataFrame(made)


# -- what a frame gets ------------------------------------------------------------------------------------------------


def _put(frame: Frame, output: str, values: Values) -> None:
    """Put the fields of a result into a frame."""
    if not set(PARTICLE) <= values.keys():
        _put_values(frame, output, values)
        return
    of = {name: values[name] for name in OF_PARTICLE if values.get(name) is not None}
    pos = new("I3Position", **{c: of.pop(c, math.nan) for c in "xyz"})
    direction = new("I3Direction", **{c: of.pop(c, math.nan) for c in ("zenith", "azimuth")})
    _put_new(frame, output, new("I3Particle", shape=TRACK, pos=pos, dir=direction, **of))
    rest = {name: value for name, value in values.items() if name not in OF_PARTICLE}
    if any(value is not None for value in rest.values()):
        _put_values(frame, f"{output}Params", rest)


def _put_values(frame: Frame, key: str, values: Values) -> None:
    """Put numbers into a frame, as the class that has these members, or else as a map or a number.

    Lists are pulses, if they are the members of a series, or else lists of numbers by name.
    """
    if any(isinstance(value, list) for value in values.values()):
        _put_lists(frame, key, values)
        return
    for name, value in values.items():
        if value is not None and not isinstance(value, bool | int | float | np.generic):
            msg = f"field {name!r} of {key!r} is a {type(value).__name__}, and a frame takes numbers only"
            raise SchemaError(msg)
    known = CLASSES.get(frozenset(values))
    if known is not None and None not in values.values():
        _put_new(frame, key, new(known, **values))
    elif len(values) == 1:
        (value,) = values.values()
        _put_new(frame, key, value if isinstance(value, bool) else float(value))
    else:
        numbers = {name: float(value) for name, value in values.items() if value is not None}
        _put_new(frame, key, new("I3MapStringDouble", numbers))


def _put_lists(frame: Frame, key: str, values: Values) -> None:
    for name, value in values.items():
        if not isinstance(value, list) or any(isinstance(v, list | str | dict) for v in value):
            msg = f"field {name!r} of {key!r} is no list of numbers, as the others are: no frame object holds them"
            raise SchemaError(msg)
    if set(values) == set(MEMBERS):
        _put_new(frame, key, PulseSeries(**{m.name: np.array(values[m.name], m.dtype) for m in SERIES}))
        return
    lists = {
        name: np.array([np.nan if v is None else v for v in value], float) for name, value in values.items()
    }
    _put_new(frame, key, new("I3MapStringVectorDouble", lists))


def _put_new(frame: Frame, key: str, value: Any) -> None:
    if key in frame.own_keys():
        msg = f"there is an object {key!r} in the frame already: choose another `output`, or delete it first"
        raise ValueError(msg)
    frame[key] = value
