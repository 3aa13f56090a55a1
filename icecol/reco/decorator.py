"""`ic.kernel`: from a function over the pulses of one event to a feature, and the `Kernel` that stands for it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, overload

import polars as pl

from icecol.dataset.pulses import MEMBERS, Pulses
from icecol.detector.geometry import COLUMNS, Lookup
from icecol.errors import GeometryError
from icecol.reco.feature import Feature
from icecol.reco.jagged import frozen
from icecol.reco.plan import event_expr


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
        """Return the compiled loop over events (see `icecol.reco.codegen.event_loop` for its arguments)."""
        return compile_loop(self.function, self.events, 0 if self.array else len(self.fields))

    @overload
    def __call__(self, pulses: Pulses, **parameters: Any) -> pl.Expr: ...

    @overload
    def __call__(self, pulses: str, **parameters: Any) -> Feature: ...

    def __call__(self, pulses: Pulses | str, **parameters: Any) -> pl.Expr | Feature:
        """Return the kernel over `pulses` as a struct expression; parameters replace the function's defaults.

        Of a series given by name it returns a `Feature`, which `with_features` binds to a dataset.

        Raises
        ------
        GeometryError
            The kernel asks for a column of the geometry and `pulses` has none.
        TypeError
            A parameter that the function does not have, or one without a default that is not given.
        """
        if isinstance(pulses, str):
            return Feature(self, pulses, (), parameters)
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
    >>> from icecol import with_features
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
    from icecol.reco.codegen import arguments

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
    """Compile the loop over events for a function, once (see `icecol.reco.codegen.event_loop`)."""
    from icecol.reco.codegen import compiled, event_loop

    dispatcher = function if hasattr(function, "py_func") else compiled(function)
    return event_loop(dispatcher, events=events, n_fields=n_fields)
