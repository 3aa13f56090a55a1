"""Kernels in a plan, as a profile sees them: which ran, over how many events, what it read, and how long its loop took.

Every function of a plan that runs over events is made by `mapped`, and calls its compiled loop by `in_loop`. Both cost
nothing while nobody watches.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import polars as pl


@dataclass(slots=True)
class Site:
    """A place in a plan where a function runs over events: what it computes, and the names it has in the plan."""

    function: str
    names: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the names that the user gave it, or that of the function."""
        return ", ".join(self.names) or self.function


class Call(NamedTuple):
    """One run over events: `loop` and `total` are seconds of processor time, in the compiled loop and in all."""

    site: Site
    columns: tuple[str, ...]
    events: int
    pulses: int
    loop: float
    total: float


_SITES: Final = "_sites_of_a_feature"
_watching: Final[list[list[Call]]] = []
_making: Final[ContextVar[tuple[str, list[Site]] | None]] = ContextVar("making", default=None)
_thread: Final = threading.local()


def mapped(
    columns: Sequence[pl.Expr], run: Callable[[Sequence[pl.Series]], pl.Series], name: str, return_dtype: Any
) -> pl.Expr:
    """Return an expression of a function over events that is called with these columns; a profile shows it as `name`.

    Examples
    --------
    >>> def double(series):
    ...     return series[0] * 2
    >>> frame = pl.LazyFrame({"x": [1, 2]})
    >>> with watching() as calls:
    ...     frame.select(mapped([pl.col("x")], double, "double", pl.Int64)).collect()["x"].to_list()
    [2, 4]
    >>> str(calls[0].site), calls[0].columns, sum(c.events for c in calls)
    ('double', ('x',), 2)
    """
    making = _making.get()
    site = Site(name if making is None else making[0])

    def seen(series: Sequence[pl.Series]) -> pl.Series:
        return _seen(site, run, series) if _watching else run(series)

    made = pl.map_batches(list(columns), seen, return_dtype=return_dtype, is_elementwise=True)
    if making is not None:
        making[1].append(site)
    vars(made)[_SITES] = [site]
    return made


def _seen(
    site: Site, run: Callable[[Sequence[pl.Series]], pl.Series], series: Sequence[pl.Series]
) -> pl.Series:
    outer, _thread.loop = getattr(_thread, "loop", 0.0), 0.0
    begin = time.thread_time()
    try:
        return run(series)
    finally:
        total = time.thread_time() - begin
        pulses = [int(s.list.len().sum()) for s in series if s.dtype == pl.List][:1]
        columns = tuple(s.name for s in series if s.dtype != pl.Struct and s.name not in ("", "literal"))
        call = Call(site, columns, len(series[0]), sum(pulses), _thread.loop, total)
        _thread.loop = outer
        for calls in _watching:
            calls.append(call)


def in_loop(loop: Callable[..., Any], *arguments: Any) -> Any:
    """Call a compiled loop over events; a profile has its time."""
    if not _watching:
        return loop(*arguments)
    begin = time.thread_time()
    try:
        return loop(*arguments)
    finally:
        _thread.loop = getattr(_thread, "loop", 0.0) + time.thread_time() - begin


@contextmanager
def watching() -> Iterator[list[Call]]:
    """Give a list in which every run of a function over events is noted, of all plans in this process."""
    calls: list[Call] = []
    _watching.append(calls)
    try:
        yield calls
    finally:
        _watching[:] = [c for c in _watching if c is not calls]


@contextmanager
def making(name: str) -> Iterator[list[Site]]:
    """Let what `mapped` makes in this block bear a name; give the list of these places."""
    sites: list[Site] = []
    token = _making.set((name, sites))
    try:
        yield sites
    finally:
        _making.reset(token)
        outer = _making.get()
        if outer is not None:
            outer[1].extend(sites)


def with_sites(expression: pl.Expr, sites: list[Site]) -> pl.Expr:
    """Note on an expression where functions run over events in it."""
    vars(expression)[_SITES] = sites
    return expression


def named(expression: pl.Expr, name: str) -> None:
    """Note the name that an expression has in a plan."""
    for site in vars(expression).get(_SITES, ()):
        if name not in site.names:
            site.names.append(name)
