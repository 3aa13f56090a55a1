"""`ic.kernel`: from a function over the pulses of one event to a feature, and the `Kernel` that stands for it."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, overload

import polars as pl

from icecol.dataset.pulses import MEMBERS, Pulses
from icecol.detector.geometry import COLUMNS
from icecol.reco.binding import bind
from icecol.reco.feature import KERNEL, Feature, made_by, series_of, with_cost
from icecol.reco.plan import event_expr

_ONE: Final = threading.Lock()
_NUMBERS: Final = (
    *(pl.Float64, pl.Float32, pl.Boolean),
    *(pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64),
)


@dataclass(frozen=True, slots=True)
class Kernel:
    """A formula over the pulses of one event, with the name and type of each number that it returns.

    Call it with a `Pulses` handle to get an expression. `on` runs the plain Python function on arrays. With `array` the
    function returns its numbers in an array, and is compiled once however many they are.

    Attributes
    ----------
    function
        The function, as it was written or compiled by numba.
    fields
        Name and Polars type of each number that it returns.
    ok
        Fields that are null where the field fit_status is not 0.
    events
        Names of the parameters that have one number per event.
    array
        Whether the function returns its numbers in an array.
    series
        Names of further pulse series, whose members are arguments with that prefix.
    boundscheck, cost
        As for `ic.kernel`.

    Examples
    --------
    >>> import numpy as np
    >>> @kernel(mean=pl.Float64, n=pl.Int32)
    ... def times(time):
    ...     return time.mean(), time.size
    >>> list(times.fields), times.on(np.array([1.0, 2.0, 6.0]))
    (['mean', 'n'], (np.float64(3.0), 3))
    """

    function: Callable[..., Any]
    fields: Mapping[str, Any]
    ok: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    array: bool = False
    series: tuple[str, ...] = ()
    boundscheck: bool = True
    cost: float = KERNEL

    def on(self, *arrays: Any, **parameters: Any) -> Any:
        """Run the plain Python function, not compiled, on the arrays of one event: for debugging.

        Parameters
        ----------
        arrays
            One array of numbers for each member of the series that the function takes, in the order of its arguments.
        parameters
            Its parameters by name.

        Examples
        --------
        >>> import icecol as ic, numpy as np, polars as pl
        >>> @ic.kernel(n=pl.Int32)
        ... def late(time, after=0.0):
        ...     return (time > after).sum()
        >>> late.on(np.array([1.0, 2.0, 6.0]), after=1.5)
        np.int64(2)
        """
        return getattr(self.function, "py_func", self.function)(*arrays, **parameters)

    def lists(self) -> tuple[int, ...]:
        """Return the places of the fields that are lists.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> @ic.kernel(n=pl.Int32, late=pl.List(pl.Float64))
        ... def late(time):
        ...     return time.size, time[time > 5.0]
        >>> late.lists()
        (1,)
        """
        return tuple(k for k, dtype in enumerate(self.fields.values()) if dtype == pl.List)

    def loop(self) -> Any:
        """Return the compiled loop over events (see `icecol.reco.codegen.event_loop` for its arguments)."""
        return compile_loop(
            self.function,
            events=self.events,
            n_fields=0 if self.array else len(self.fields),
            series=self.series,
            lists=self.lists(),
            guarded=not _own(self.function),
            boundscheck=self.boundscheck,
        )

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
        series = series_of(self.function, pulses)
        return made_by(
            self.expr(series, parameters), Feature(self, series.key, (), parameters, series.geometry)
        )

    def expr(self, pulses: Pulses, parameters: Mapping[str, Any]) -> pl.Expr:
        """Return the struct expression; a parameter in `events` is an expression or the name of a column.

        Parameters
        ----------
        pulses
            The series.
        parameters
            The function's parameters by name; those that are not given keep their defaults.

        Examples
        --------
        >>> import icecol as ic, polars as pl
        >>> @ic.kernel(n=pl.Int32)
        ... def late(time, after=0.0):
        ...     return (time > after).sum()
        >>> late.expr(ic.Pulses("Hits", None), {"after": 5.0}).meta.root_names()
        ['Hits.time']
        """
        if not _own(self.function):
            from icecol.reco.guarded import guarded_expr

            return with_cost(guarded_expr(self, pulses, parameters), self.cost)
        members, numbers, loop = bind(self, pulses, parameters)
        columns = [pulses.column(m) for m in members]
        return with_cost(event_expr(loop, columns, self.fields, events=numbers, ok=self.ok), self.cost)


def kernel(
    function: None = None,
    /,
    *,
    events: Sequence[str] = (),
    series: Sequence[str] = (),
    boundscheck: bool = True,
    cost: float = KERNEL,
    **fields: Any,
) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a feature of a function over one event.

    The names of the function's arguments choose the arrays that it gets: the members of a pulse series (time, charge,
    width, flags, omkey) and the columns of the geometry (x, y, z, string, om, relative_efficiency, ...), one value a
    pulse, floating-point numbers in double precision. Further arguments are parameters; give them defaults. Pulses are
    sorted by omkey, as IceTray's maps are, when the kernel asks for omkey or the geometry; those of sensors that are
    not in the geometry are left out when it asks for the geometry.

    The function is compiled by numba when it is first used: numbers and numpy only. It returns one number a field (the
    number itself if there is one field), NaN for "no answer", which is null in a plan, and an array for a field that is
    a list. It is not called where the series is null; all fields are null there. Its machine code is kept on disk
    until the function, or anything that it uses, changes: functions and constants of other modules, too.

    Parameters
    ----------
    function
        Nothing: write `@kernel(n=pl.Int32)`, with the fields, above the function.
    events
        Names of parameters that have one number an event, such as a true energy or the direction of a seed: they are
        given as expressions, or names of columns. Null arrives as NaN.
    series
        Names of further pulse series: with `series=["late"]`, the arguments late_time, late_charge, late_x, ... are
        those of the series that is given as the parameter `late`. The kernel is called where no series is null.
    boundscheck
        Check every index, also in the compiled functions that the kernel calls: an error names the kernel, the event
        and the line. It costs 0.6 ns per pulse in a loop of sums that takes 2.4, and less in others. Negative indices
        count from the end, as in Python. False is for kernels that are tested: there, an index past the end reads the
        pulses of another event.
    cost
        Processor time for an event of some 60 pulses, in microseconds: of the features that it is given together,
        `with_features` computes cheap ones first, and spares the others where a cut on those fails.
    fields
        Name and Polars type of what the function returns: a number, a bool, or a list of these.

    Raises
    ------
    TypeError
        No field, or one of a type that a kernel cannot return; a function without pulses; a name in `events` or
        `series` that is no argument.

    Examples
    --------
    >>> @kernel(mean=pl.Float64, n_late=pl.Int32)
    ... def late(time, charge, *, after=10.0):
    ...     return (time * charge).sum() / charge.sum(), (time > after).sum()
    >>> frame = pl.DataFrame({"P.time": [[0.0, 20.0], None], "P.charge": [[3.0, 1.0], None]})
    >>> from icecol import with_features
    >>> with_features(frame, Late=late(Pulses("P"))).select("Late.mean", "Late.n_late").collect().rows()
    [(5.0, 1), (None, None)]

    A number an event, a second series, and a list:

    >>> @kernel(residual=pl.List(pl.Float64), n_other=pl.Int32, events=["start"], series=["other"])
    ... def residuals(time, other_time, start):
    ...     return time - start, other_time.size
    >>> frame = pl.DataFrame({"P.time": [[5.0, 7.0]], "Q.time": [[1.0]], "Vertex.time": [4.0]})
    >>> found = with_features(frame, R=residuals(Pulses("P"), other=Pulses("Q"), start="Vertex.time"))
    >>> found.select("R.residual", "R.n_other").collect().row(0)
    ([1.0, 3.0], 1)
    """
    if not fields or function is not None:
        msg = "name the numbers that the kernel returns: @kernel(early=pl.Float64, late=pl.Float64)"
        raise TypeError(msg)
    for name, dtype in fields.items():
        inner = dtype.inner if isinstance(dtype, pl.List) else dtype
        if inner not in _NUMBERS:
            msg = (
                f"a kernel cannot return the field {name!r} of type {dtype!r}: give a number (pl.Float64, pl.Int32, "
                "...), pl.Boolean, or a list of one, such as pl.List(pl.Float64)"
            )
            raise TypeError(msg)
    options = (_tuple(events), _tuple(series))

    def decorate(function: Callable[..., Any]) -> Kernel:
        _check(function, *options)
        return Kernel(
            function,
            dict(fields),
            events=options[0],
            series=options[1],
            boundscheck=boundscheck,
            cost=float(cost),
        )

    return decorate


def _tuple(names: Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _check(function: Callable[..., Any], events: Sequence[str], series: Sequence[str]) -> None:
    """Check that a function takes pulses, and what `events` and `series` name."""
    from icecol.reco.codegen import arguments, of_series

    members, columns, parameters = arguments(function, series)
    name, there = function.__name__, ", ".join(inspect.signature(function).parameters) or "none"
    if not members and not columns:
        msg = (
            f"kernel {name!r} takes no pulses: its arguments are {there}; name some of "
            f"{', '.join(MEMBERS)}, {', '.join(c for c in COLUMNS if c != 'omkey')}"
        )
        raise TypeError(msg)
    for e in events:
        if e not in parameters:
            msg = (
                f"kernel {name!r} has no parameter {e!r} to take a number an event: its arguments are {there}"
            )
            raise TypeError(msg)
    for s in series:
        if not any(of_series(function, s)) or s in parameters:
            msg = (
                f"kernel {name!r} has no argument of the series {s!r}, such as {s}_time or {s}_charge: "
                f"its arguments are {there}"
            )
            raise TypeError(msg)


def _own(function: Callable[..., Any]) -> bool:
    from icecol.jit.mark import own

    return own(function)


def compile_loop(function: Callable[..., Any], *, boundscheck: bool = True, **options: Any) -> Any:
    """Compile the loop over events for a function, once (see `icecol.reco.codegen.event_loop` for the options).

    A function that is not icecol's own is compiled again, with all that it calls, when anything that it uses changes.
    """
    from icecol.jit.mark import mark

    given = (function, tuple(options.items()))
    with _ONE:  # else the threads of a plan each make, and compile, a loop of their own
        return _compiled(*given) if _own(function) else _compiled(*given, mark(function), boundscheck)


@functools.lru_cache(maxsize=512)
def _compiled(
    function: Callable[..., Any],
    options: tuple[tuple[str, Any], ...],
    _mark: Any = None,
    boundscheck: bool = False,  # noqa: FBT001, FBT002
) -> Any:
    from icecol.jit.fresh import fresh
    from icecol.reco.codegen import event_loop

    return event_loop(fresh(function, boundscheck=boundscheck), **dict(options))
