"""Selections of pulses: a mask over the pulses of one event, as an expression that gives a smaller pulse series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from icecol.dataset.pulses import MEMBERS, Pulses
from icecol.errors import SchemaError
from icecol.reco.binding import bind
from icecol.reco.decorator import compile_loop
from icecol.reco.jagged import Array, frozen, jagged, leaves, lists
from icecol.reco.watch import in_loop, mapped


@dataclass(frozen=True, slots=True)
class Selection:
    """A function over the pulses of one event that tells for each whether it is kept, or the group it is in.

    Call it with a `Pulses` handle, the members that the new series is to have, and the function's parameters.

    Attributes
    ----------
    function
        The function, as it was written or compiled by numba.
    events
        Names of the parameters that have one number per event.
    group
        Whether it returns the number of a group for each pulse (negative for none), instead of whether the pulse is
        kept.

    Examples
    --------
    >>> import icecol as ic
    >>> early = ic.reco.Selection(lambda time, stop: time < stop)
    >>> early.on(np.array([10.0, 500.0, 70.0]), stop=100.0)
    array([ True, False,  True])
    """

    function: Callable[..., Any]
    events: tuple[str, ...] = ()
    group: bool = False

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
        >>> import icecol as ic, numpy as np
        >>> ic.reco.Selection(lambda time, stop: time < stop).on(np.array([10.0, 500.0, 70.0]), stop=100.0)
        array([ True, False,  True])
        """
        return getattr(self.function, "py_func", self.function)(*arrays, **parameters)

    def loop(self) -> Any:
        """Return the compiled loop over events (see `icecol.reco.codegen.event_loop` for its arguments)."""
        return compile_loop(self.function, events=self.events, n_fields=None)

    def __call__(
        self,
        pulses: Pulses,
        members: Sequence[str] = MEMBERS,
        *,
        flags: pl.Expr | None = None,
        charges: pl.Expr | None = None,
        **parameters: Any,
    ) -> pl.Expr:
        """Return the pulses that are kept as a struct of lists, one a member.

        `flags` replaces the flags that the function sees (the new series keeps those that are stored), `charges` the
        charges of the new series (the function sees those that are stored).
        """
        read, numbers, loop = bind(self, pulses, parameters)
        inputs = [pl.col(pulses.column(m)) if m != "flags" or flags is None else flags.alias(m) for m in read]

        def keep(offsets: Array, *values: Array) -> Array:
            n = int(offsets[-1])
            out = np.full(n, -1, np.int32) if self.group else np.zeros(n, np.bool_)
            in_loop(loop, offsets, *values, out)
            return out

        return pulses_expr(keep, pulses, members, inputs, numbers, group=self.group, charges=charges)


def pulses_expr(
    keep: Callable[..., Array],
    pulses: Pulses,
    members: Sequence[str],
    inputs: Sequence[pl.Expr],
    numbers: Sequence[pl.Expr] = (),
    *,
    group: bool = False,
    charges: pl.Expr | None = None,
) -> pl.Expr:
    """Return the pulses that `keep` selects, as a struct of list columns of the types that they have in `pulses`.

    Parameters
    ----------
    keep
        `keep(offsets, *inputs, *numbers)`, flat; returns a bool for every pulse, or the number of its group.
    pulses, members
        The series, and the members that are wanted of it.
    inputs
        List columns of one value a pulse.
    numbers
        Expressions of one number an event, f64 for `keep`; null arrives as NaN.
    group
        Give a list of lists: one list of pulses for each group 0, 1, ... of an event; pulses below 0 are left out.
    charges
        A list with a number for every pulse: the charges of the new series, of the type that they have here.
    """
    if not members:
        msg = f"a pulse series needs a member: choose some of {', '.join(MEMBERS)}"
        raise ValueError(msg)
    columns = {m: pulses.column(m) for m in members}
    taken = {m: pl.col(c) for m, c in columns.items()} | ({} if charges is None else {"charge": charges})
    dtypes = {m: pl.dtype_of(e) for m, e in taken.items()}

    def run(series: Sequence[pl.Series]) -> pl.Series:
        kept, read, rest = np.split(np.arange(len(series)), np.cumsum([len(columns), len(inputs)]))
        shape = jagged([series[k] for k in (*read, *kept)])
        n = len(shape)
        number = [series[k].cast(pl.Float64).fill_null(float("nan")).to_numpy() for k in rest]
        chosen = keep(
            shape.offsets, *shape.values[: len(read)], *(frozen(np.broadcast_to(v, n)) for v in number)
        )
        levels, take = (_grouped if group else _kept)(shape.offsets, chosen)
        made = [
            lists(m, levels, _values(series[k], shape.present, take), shape.present)
            for m, k in zip(columns, kept, strict=True)
        ]
        return pl.DataFrame(made).to_struct(series[0].name)

    dtype = pl.struct_with_fields({m: d.wrap_in_list() if group else d for m, d in dtypes.items()})
    return mapped([*taken.values(), *inputs, *numbers], run, "pulses", dtype)


def of_pulses(kernel: Selection, pulses: Pulses) -> pl.Expr:
    """Return the f32 that a function over the pulses of one event gives for each of them, as lists."""
    read, _, loop = bind(kernel, pulses, {})

    def run(series: Sequence[pl.Series]) -> pl.Series:
        shape = jagged(series)
        out = np.zeros(int(shape.offsets[-1]), np.float32)
        in_loop(loop, shape.offsets, *shape.values, out)
        return lists(series[0].name, [shape.offsets], out, shape.present)

    columns = [pl.col(pulses.column(m)) for m in read]
    return mapped(columns, run, kernel.function.__name__, pl.List(pl.Float32))


def found_in(pulses: Pulses, other: Pulses) -> pl.Expr:
    """Return which pulses are in another series too: a list of bool, null where either series is.

    It has a pulse of the same sensor with the same time, charge, width and flags.
    """
    columns = [p.column(m) for p in (pulses, other) for m in MEMBERS]

    def run(series: Sequence[pl.Series]) -> pl.Series:
        here, there = jagged(series[: len(MEMBERS)]), jagged(series[len(MEMBERS) :])
        keys, wanted = (
            pl.DataFrame([np.repeat(np.arange(len(j)), np.diff(j.offsets)), *j.values]) for j in (here, there)
        )
        found = np.zeros(keys.height, np.bool_)
        found[keys.with_row_index("row").join(wanted, on=wanted.columns, how="semi")["row"].to_numpy()] = True
        present = [j.present for j in (here, there) if j.present is not None]
        there_too = np.logical_and.reduce(present) if present else None
        return lists(series[0].name, [here.offsets], found, there_too)

    return mapped([pl.col(c) for c in columns], run, "found_in", pl.List(pl.Boolean))


def _values(s: pl.Series, present: Array | None, take: Array) -> Sequence[Any] | Array:
    if not isinstance(s.dtype, pl.List):
        msg = f"column {s.name!r} is {s.dtype}; cast it to a list before pulses are selected from it"
        raise SchemaError(msg)
    if (
        s.dtype.inner == pl.Null
    ):  # nothing but empty lists and nulls, to which Polars gives the type of the plan
        return []
    return leaves(s, present)[1][take]


def _kept(offsets: Array, keep: Array) -> tuple[list[Array], Array]:
    """Return the offsets of the lists of those kept, and which they are."""
    return [np.concatenate([[0], np.cumsum(keep)])[offsets]], np.flatnonzero(keep)


def _grouped(offsets: Array, group: Array) -> tuple[list[Array], Array]:
    """Return the offsets of the lists of groups and of the groups, and the pulses group by group."""
    take = np.flatnonzero(group >= 0)
    event = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))[take]
    n_groups = np.zeros(offsets.size - 1, np.int64)
    np.maximum.at(n_groups, event, group[take] + 1)
    outer = np.concatenate([[0], np.cumsum(n_groups)])
    row = outer[event] + group[take]
    inner = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=outer[-1]))])
    return [outer, inner], take[np.argsort(row, kind="stable")]
