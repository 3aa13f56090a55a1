"""Features: kernels over the pulses of one event as Polars expressions, and one run of each in a lazy plan."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl

from icecol.dataset.geometry import COLUMNS, Lookup
from icecol.dataset.pulses import MEMBERS, Pulses
from icecol.errors import GeometryError, MissingColumnError, close_names
from icecol.reco.jagged import frozen, jagged, struct


def with_features(frame: pl.LazyFrame | pl.DataFrame, **features: pl.Expr) -> pl.LazyFrame:
    """Add features to a frame: the fields of a struct expression `Name=...` become the columns `Name.field`.

    A feature may read columns of another one given beside it, in any order: a fit its seed, a direct-hit count its
    track. Each kernel runs once for all of its fields and not at all if none of them is used, and only over the events
    that survive the cuts on other columns. (A kernel's expression used directly runs once for every
    `.struct.field(...)` taken from it.)

    Raises
    ------
    MissingColumnError
        A column that a feature reads is not in the frame.

    Examples
    --------
    >>> frame = pl.DataFrame({"P.time": [[0.0, 1.0]], "P.charge": [[1.0, 2.5]], "P.omkey": [[65792, 65792]]})
    >>> from icecol import reco
    >>> with_features(frame, Q=reco.charge(Pulses("P"))).select("Q.total", "Q.n_hit_doms").collect().row(0)
    (3.5, 1)
    """
    lazy = frame.lazy()
    waiting = dict(features)
    while waiting:
        there = lazy.collect_schema().names()
        ready = {}
        for name, feature in waiting.items():
            others = waiting.keys() - {name}
            left = [c for c in feature.meta.root_names() if not {c, c.rpartition(".")[0]} & others]
            missing = [c for c in left if c not in there]
            if missing:
                msg = f"feature {name!r} reads the column {missing[0]!r}, which is not in the frame; "
                if missing[0].endswith(".fit_status"):
                    msg += f"a seed that is no fit gets it by with_columns(pl.lit(0).alias({missing[0]!r})); "
                raise MissingColumnError(msg + f"close to it: {close_names(missing[0], there)}")
            if len(left) == len(feature.meta.root_names()):
                ready[name] = feature
        if not ready:
            msg = f"features {', '.join(map(repr, waiting))} wait for one another: each reads columns of the next"
            raise MissingColumnError(msg)
        lazy = _with_columns(lazy, ready)
        waiting = {name: feature for name, feature in waiting.items() if name not in ready}
    return lazy


def _with_columns(lazy: pl.LazyFrame, features: Mapping[str, pl.Expr]) -> pl.LazyFrame:
    """Add features that read nothing of each other: one struct a kernel, its fields, and the struct dropped."""
    hidden = {name: f"__{name}" for name in features}
    lazy = lazy.with_columns(feature.alias(hidden[name]) for name, feature in features.items())
    schema = lazy.collect_schema()
    fields = []
    for name, column in hidden.items():
        dtype = schema[column]
        if isinstance(dtype, pl.Struct):
            fields += [pl.col(column).struct.field(f.name).alias(f"{name}.{f.name}") for f in dtype.fields]
        else:
            fields.append(pl.col(column).alias(name))
    return lazy.with_columns(fields).drop(list(hidden.values()))


def event_expr(
    loop: Callable[..., None],
    columns: Sequence[str],
    fields: Mapping[str, Any],
    arguments: Sequence[Any] = (),
    *,
    events: Sequence[pl.Expr] = (),
    ok: Sequence[str] = (),
) -> pl.Expr:
    """Return a loop over events as one struct expression.

    Parameters
    ----------
    loop
        `loop(offsets, *values, *events, *arguments, out)` with the flat values of each column, n + 1 offsets
        that begin at 0, and `out` of shape (fields, n), f64, to be filled.
    columns
        Names of list columns of equal shape.
    fields
        Name and Polars type of each field.
    arguments
        Passed through to the loop.
    events
        Expressions of one number an event, f64 in the loop; null arrives as NaN.
    ok
        Fields that are null where the field fit_status is not 0.

    Returns
    -------
    pl.Expr
        A struct. Where a list is null every field is null; an undefined number is NaN.
    """

    def run(series: Sequence[pl.Series]) -> pl.Series:
        lists = jagged(series[: len(columns)])
        n = len(lists)
        numbers = [s.cast(pl.Float64).fill_null(float("nan")).to_numpy() for s in series[len(columns) :]]
        out = np.empty((len(fields), n))
        loop(lists.offsets, *lists.values, *(frozen(np.broadcast_to(v, n)) for v in numbers), *arguments, out)
        return struct(series[0].name, fields, out, lists.present, ok)

    return pl.map_batches(
        [*(pl.col(c) for c in columns), *events],
        run,
        return_dtype=pl.Struct(dict(fields)),
        is_elementwise=True,
    )


def null_for_nan(feature: pl.Expr, *fields: str) -> pl.Expr:
    """Return a struct with null for NaN in some fields: those of an answer that an event need not have."""
    return feature.struct.with_fields(pl.field(f).fill_nan(None) for f in fields)


@dataclass(frozen=True, slots=True)
class Kernel:
    """A formula over the pulses of one event, with the name and type of each number that it returns.

    Call it with a `Pulses` handle to get an expression. `on` runs the plain Python function on arrays. With `array` the
    function returns its numbers in an array, and is compiled once however many they are.
    """

    function: Callable[..., Any]
    fields: Mapping[str, Any]
    ok: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    array: bool = False

    def on(self, *arrays: Any, **parameters: Any) -> Any:
        """Run the plain Python function, not compiled, on the arrays of one event: for debugging."""
        return getattr(self.function, "py_func", self.function)(*arrays, **parameters)

    def loop(self) -> Any:
        """Return the compiled loop over events (see `icecol.reco.loops.event_loop` for its arguments)."""
        return compile_loop(self.function, self.events, 0 if self.array else len(self.fields))

    def __call__(self, pulses: Pulses, **parameters: Any) -> pl.Expr:
        """Return the kernel over `pulses` as a struct expression; parameters replace the function's defaults.

        Raises
        ------
        GeometryError
            The kernel asks for a column of the geometry and `pulses` has none.
        TypeError
            A parameter that the function does not have, or one without a default that is not given.
        """
        return self.expr(pulses, parameters)

    def expr(self, pulses: Pulses, parameters: Mapping[str, Any]) -> pl.Expr:
        """Return the struct expression; a parameter in `events` is an expression or the name of a column."""
        members, numbers, loop = bind(self, pulses, parameters)
        columns = [pulses.column(m) for m in members]
        return event_expr(loop, columns, self.fields, events=numbers, ok=self.ok)


class Compiled(Protocol):
    """A function over the pulses of one event, with the compiled loop that calls it for every event."""

    @property
    def function(self) -> Callable[..., Any]:
        """The function over one event."""

    @property
    def events(self) -> tuple[str, ...]:
        """Names of the parameters that have one value an event."""

    def loop(self) -> Any:
        """Return the compiled loop over events."""


def bind(
    kernel: Compiled, pulses: Pulses, parameters: Mapping[str, Any]
) -> tuple[list[str], list[pl.Expr], Callable[..., None]]:
    """Give a kernel its geometry and its parameters.

    Returns the members of the pulses that it reads, the expressions of its numbers an event, and what remains of its
    loop: `loop(offsets, *members, *events, out)`.
    """
    members, columns, defaults = _arguments(kernel.function)
    _check(kernel, parameters, defaults)
    geometry: list[Any] = []
    if columns:
        if pulses.geometry is None:
            msg = (
                f"kernel {kernel.function.__name__!r} needs {', '.join(columns)} of the sensors of "
                f"{pulses.key!r}; give Pulses(key, geometry) a geometry, such as that of the dataset"
            )
            raise GeometryError(msg)
        lookup = pulses.geometry.lookup
        geometry += [Lookup(lookup.base, *(frozen(a) for a in lookup[1:]))]
        geometry += [frozen(getattr(pulses.geometry, c)) for c in columns]
        members = members if "omkey" in members else [*members, "omkey"]
    given = {**defaults, **parameters}
    numbers = [pl.col(e) if isinstance(e, str) else e for e in (given.pop(e) for e in kernel.events)]
    fixed = [given[p] for p in defaults if p not in kernel.events]

    def loop(offsets: Any, *rest: Any) -> None:
        values, numbers_, out = rest[: len(members)], rest[len(members) : -1], rest[-1]
        try:
            kernel.loop()(offsets, *values, *geometry, *numbers_, *fixed, out)
        except Exception as err:
            if type(err).__name__ != "TypingError":
                raise
            n = len(out) if out.ndim > 1 else 1
            msg = (
                f"kernel {kernel.function.__name__!r} cannot be compiled, or does not return {n} number"
                f"{'s' * (n > 1)}, one a field: {_first_line(err)}"
            )
            raise TypeError(msg) from err

    return members, numbers, loop


def _first_line(error: Exception) -> str:
    """Return the line of numba's message that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [
        line for line in lines if not line.startswith(("Failed", "During", "File", "def ", "[", "->", "<"))
    ]
    return (telling or lines or [""])[0]


def kernel(**fields: Any) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a feature of a function over one event; `fields` name and type (Polars) the numbers that it returns.

    The names of its arguments choose the arrays it gets: the members of a pulse series (time, charge, width, flags,
    omkey) and the columns of the geometry (x, y, z, string, om, relative_efficiency, ...), one value a pulse. Further
    arguments are parameters; give them defaults. Pulses are sorted by omkey, as IceTray's maps are, when the kernel
    asks for omkey or the geometry; those of sensors that are not in the geometry are left out when it asks for the
    geometry. The function is compiled by numba: numbers and numpy only, NaN for "no answer" (null in a field of
    integers); one field is returned as the number itself. It is not called for a null list, and its fields are null
    there.

    Examples
    --------
    >>> @kernel(mean=pl.Float64, n_late=pl.Int32)
    ... def late(time, charge, *, after=10.0):
    ...     return (time * charge).sum() / charge.sum(), (time > after).sum()
    >>> frame = pl.DataFrame({"P.time": [[0.0, 20.0], None], "P.charge": [[3.0, 1.0], None]})
    >>> with_features(frame, Late=late(Pulses("P"))).select("Late.mean", "Late.n_late").collect().rows()
    [(5.0, 1), (None, None)]
    """
    if not fields:
        msg = "name the numbers that the kernel returns: @kernel(early=pl.Float64, late=pl.Float64)"
        raise TypeError(msg)

    def decorate(function: Callable[..., Any]) -> Kernel:
        members, columns, _ = _arguments(function)
        if not members and not columns:
            msg = (
                f"kernel {function.__name__!r} takes no pulses: its arguments are "
                f"{', '.join(inspect.signature(function).parameters) or 'none'}; name some of "
                f"{', '.join(MEMBERS)}, {', '.join(c for c in COLUMNS if c != 'omkey')}"
            )
            raise TypeError(msg)
        return Kernel(function, dict(fields))

    return decorate


def _arguments(function: Callable[..., Any]) -> tuple[list[str], list[str], dict[str, Any]]:
    from icecol.reco.loops import arguments

    return arguments(function)


def _check(kernel: Compiled, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    name = kernel.function.__name__
    for p in given:
        if p not in defaults:
            msg = f"kernel {name!r} has no parameter {p!r}; it has {', '.join(defaults) or 'none'}"
            raise TypeError(msg)
    for p, default in defaults.items():
        if default is inspect.Parameter.empty and p not in given:
            msg = f"kernel {name!r} needs a value for {p!r}, which is no pulse member or geometry column"
            raise TypeError(msg)


@functools.cache
def compile_loop(function: Callable[..., Any], events: tuple[str, ...], n_fields: int | None) -> Any:
    """Compile the loop over events for a function, once (see `icecol.reco.loops.event_loop`)."""
    from icecol.reco.loops import compiled, event_loop

    dispatcher = function if hasattr(function, "py_func") else compiled(function)
    return event_loop(dispatcher, events=events, n_fields=n_fields)
