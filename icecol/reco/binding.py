"""A kernel with its geometry and its parameters, ready to be called for the columns of events."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import polars as pl

from icecol.dataset.pulses import Pulses
from icecol.detector.geometry import Lookup
from icecol.errors import GeometryError, did_you_mean
from icecol.reco.jagged import Array, doubles, frozen


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
    from icecol.jit.mark import own
    from icecol.reco.codegen import arguments

    members, columns, defaults = arguments(kernel.function)
    members, geometry = inputs(kernel.function, pulses, members, columns)
    numbers, fixed = values(kernel, parameters, defaults)
    wide = [] if own(kernel.function) else [doubles]

    def loop(offsets: Any, *rest: Any) -> None:
        read: Sequence[Array] = rest[: len(members)]
        for widen in wide:
            read = [widen(v) for v in read]
        kernel.loop()(offsets, *read, *geometry, *rest[len(members) : -1], *fixed, rest[-1])

    return members, list(numbers.values()), loop


def inputs(
    function: Callable[..., Any], pulses: Pulses, members: Sequence[str], columns: Sequence[str]
) -> tuple[list[str], list[Any]]:
    """Return the members of a series that a loop reads for a kernel, and the arguments with the geometry of the series.

    Raises
    ------
    GeometryError
        There are columns, and the series has no geometry.
    """
    if not columns:
        return list(members), []
    if pulses.geometry is None:
        msg = (
            f"kernel {function.__name__!r} needs {', '.join(columns)} of the sensors of "
            f"{pulses.key!r}; give Pulses(key, geometry) a geometry, such as that of the dataset"
        )
        raise GeometryError(msg)
    lookup = pulses.geometry.lookup
    geometry: list[Any] = [Lookup(lookup.base, *(frozen(a) for a in lookup[1:]))]
    geometry += [frozen(getattr(pulses.geometry, c)) for c in columns]
    return [*members, *({"omkey"} - set(members))], geometry


def values(
    kernel: Compiled, given: Mapping[str, Any], defaults: Mapping[str, Any]
) -> tuple[dict[str, pl.Expr], list[Any]]:
    """Return the expressions of the parameters that have one value an event, and the values of the others.

    Raises
    ------
    TypeError
        A parameter that the kernel does not have, or one without a default that is not given.
    """
    name = kernel.function.__name__
    for p in given:
        if p not in defaults:
            msg = f"kernel {name!r} has no parameter {p!r}; " + (
                did_you_mean(p, list(defaults), "parameters") if defaults else "it has none"
            )
            raise TypeError(msg)
    for p, default in defaults.items():
        if default is inspect.Parameter.empty and p not in given:
            msg = f"kernel {name!r} needs a value for {p!r}, which is no pulse member or geometry column"
            raise TypeError(msg)
    all_ = {**defaults, **given}
    numbers = {e: pl.col(v) if isinstance(v := all_.pop(e), str) else v for e in kernel.events}
    return {e: v if isinstance(v, pl.Expr) else pl.lit(v) for e, v in numbers.items()}, [
        all_[p] for p in defaults if p in all_
    ]
