"""A kernel with its geometry and its parameters, ready to be called for the columns of events."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
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

    loop.__name__ = kernel.function.__name__  # a profile shows it
    return members, list(numbers.values()), loop


@lru_cache(maxsize=256)
def knows_ice(module: str) -> bool:
    """Return whether a module of icecol's kernels, or one that it imports, takes constants of the ice.

    >>> knows_ice("icecol.reco.kernels.cherenkov"), knows_ice("icecol.reco.kernels.linefit")
    (True, False)
    """
    if module in {"icecol.detector.medium", "icecol.detector.ice"}:
        return True
    if not module.startswith("icecol.reco."):
        return False
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    return any(
        knows_ice(name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        if name != module and _is_module(name)
    )


def _is_module(name: str) -> bool:
    if not name.startswith("icecol."):
        return False
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # of a name in a module
        return False


def inputs(
    function: Callable[..., Any], pulses: Pulses, members: Sequence[str], columns: Sequence[str]
) -> tuple[list[str], list[Any]]:
    """Return the members of a series that a loop reads for a kernel, and the arguments with the geometry of the series.

    Raises
    ------
    GeometryError
        There are columns, and the series has no geometry; or it is not in ice, and the kernel holds there alone.
    """
    if not columns:
        return list(members), []
    if pulses.geometry is None:
        msg = (
            f"kernel {function.__name__!r} needs {', '.join(columns)} of the sensors of "
            f"{pulses.key!r}; give Pulses(key, geometry) a geometry, such as that of the dataset"
        )
        raise GeometryError(msg)
    if pulses.geometry.medium != "ice" and knows_ice(function.__module__):
        msg = (
            f"{function.__name__!r} knows the optical properties of ice, and the sensors of {pulses.key!r} are in "
            f"{pulses.geometry.medium}: it has no answer there; for geometry alone, use a kernel of your own"
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
