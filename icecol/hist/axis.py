"""Histogram axes: an expression and how its values are binned."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import boost_histogram as bh
import numpy as np
import polars as pl


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """An axis of a histogram, made by `regular`, `log`, `variable`, `integer` or `category`.

    Attributes
    ----------
    expr
        The values: a number or a list of numbers per event (or strings, for a category axis).
    name
        Short name; by default, that of the column.
    label
        Axis label for plots, with the unit. If None: the name, with the unit of the column if `icecol.facts` knows it.
    kind
        How the values are binned.
    bins, start, stop
        Number of bins and range of regular, log and integer axes; a start or stop of None is taken from the data.
    edges
        Bin edges of a variable axis.
    categories
        Bins of a category axis; None adds a bin for each new value encountered.
    """

    expr: pl.Expr
    name: str
    label: str | None
    kind: Literal["regular", "log", "variable", "integer", "category"]
    bins: int = 0
    start: float | None = None
    stop: float | None = None
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] | tuple[int, ...] | None = None


def regular(
    values: str | pl.Expr,
    bins: int,
    start: float | None = None,
    stop: float | None = None,
    *,
    label: str | None = None,
    name: str | None = None,
) -> Axis:
    """Make an axis of equal-width bins over [start, stop), with underflow and overflow.

    Parameters
    ----------
    values
        Column name or expression; a list column is filled with all its elements.
    bins
        Number of bins.
    start, stop
        Range, in the unit of the values. None means the smallest or largest finite value, which takes another
        pass over the data.
    label
        Axis label for plots, such as "zenith / rad"; by default, the name, with the unit of the column if known.
    name
        Name of the axis; by default, that of the column.

    Raises
    ------
    ValueError
        If there is not at least one bin, or the start is not below the stop.

    Examples
    --------
    >>> axis = regular("LineFit.zenith", 20, 0, 3.2, label="zenith / rad")
    >>> axis.name, axis.bins, axis.stop
    ('LineFit.zenith', 20, 3.2)
    """
    return _ranged("regular", values, bins, start, stop, label, name)


def log(
    values: str | pl.Expr,
    bins: int,
    start: float | None = None,
    stop: float | None = None,
    *,
    label: str | None = None,
    name: str | None = None,
) -> Axis:
    """Make an axis of logarithmically spaced bins over [start, stop), with start > 0.

    Values of 0 and below count as underflow.

    Parameters
    ----------
    values, bins, label, name
        As for `regular`.
    start, stop
        As for `regular`; a start of None means the smallest positive value.

    Raises
    ------
    ValueError
        If the start is not positive or not below the stop, or there is not at least one bin.

    Examples
    --------
    >>> log("Q.total", 40, 1e1, 1e5, label="charge / PE").kind
    'log'
    """
    if start is not None and not start > 0:
        msg = f"log axis {_name(values, name)!r} starts at {start!r}; it must start above 0"
        raise ValueError(msg)
    return _ranged("log", values, bins, start, stop, label, name)


def variable(
    values: str | pl.Expr, edges: Iterable[float], *, label: str | None = None, name: str | None = None
) -> Axis:
    """Make an axis with the given bin edges, plus underflow and overflow.

    It is several times slower to fill than `regular` and `log`, which are the better choice for evenly spaced bins.

    Parameters
    ----------
    values
        Column name or expression; a list column is filled with all its elements.
    edges
        Bin edges, at least two, in increasing order.
    label, name
        As for `regular`.

    Raises
    ------
    ValueError
        If the edges are not two or more increasing numbers.

    Examples
    --------
    >>> variable("n_string", [0, 1, 2, 5, 10, 86]).edges
    (0.0, 1.0, 2.0, 5.0, 10.0, 86.0)
    """
    numbers = tuple(float(e) for e in edges)
    title = _name(values, name)
    if len(numbers) < 2 or not all(a < b for a, b in pairwise(numbers)):
        msg = f"edges of axis {title!r} must be two or more increasing numbers; found {numbers!r}"
        raise ValueError(msg)
    return Axis(_expr(values), title, label, "variable", edges=numbers)


def integer(
    values: str | pl.Expr, start: int, stop: int, *, label: str | None = None, name: str | None = None
) -> Axis:
    """Make an axis with one bin for each of the integers start, ..., stop - 1, plus underflow and overflow.

    Parameters
    ----------
    values
        Column name or expression of integers or booleans; a list column is filled with all its elements.
    start, stop
        First integer, and the one after the last.
    label, name
        As for `regular`.

    Raises
    ------
    ValueError
        If the start is not below the stop.

    Examples
    --------
    >>> integer("n_channels", 0, 100).bins
    100
    """
    return _ranged("integer", values, int(stop) - int(start), int(start), int(stop), label, name)


def category(
    values: str | pl.Expr,
    categories: Iterable[str] | Iterable[int] | None = None,
    *,
    label: str | None = None,
    name: str | None = None,
) -> Axis:
    """Make an axis with one bin for each string or integer, such as a filter name or a PDG code.

    Parameters
    ----------
    values
        Column name or expression of strings, integers or booleans (which become "true" and "false").
    categories
        The bins; all other values count as overflow. None means a bin for each value, in order of appearance.
    label, name
        As for `regular`.

    Raises
    ------
    ValueError
        If the categories repeat, are empty, or mix strings and integers.

    Examples
    --------
    >>> category("primary.pdg_encoding", [14, -14]).categories
    (14, -14)
    """
    chosen: Any = None if categories is None else tuple(categories)
    title = _name(values, name)
    if chosen is not None and (
        not chosen or len(set(chosen)) < len(chosen) or len({type(c) for c in chosen}) > 1
    ):
        msg = f"categories of axis {title!r} must be distinct strings or distinct integers; found {chosen!r}"
        raise ValueError(msg)
    return Axis(_expr(values), title, label, "category", categories=chosen)


def boost_axis(axis: Axis) -> Any:
    """Make the boost-histogram axis for an axis whose range is known; categories start with the given ones."""
    match axis.kind:
        case "regular":
            made = bh.axis.Regular(axis.bins, axis.start, axis.stop)
        case "log":
            made = bh.axis.Regular(axis.bins, axis.start, axis.stop, transform=bh.axis.transform.log)
        case "variable":
            made = bh.axis.Variable(axis.edges)
        case "integer":
            made = bh.axis.Integer(axis.start, axis.stop)
        case "category":
            words = axis.categories and isinstance(axis.categories[0], str)
            make = bh.axis.StrCategory if words else bh.axis.IntCategory
            made = make(axis.categories or (), growth=axis.categories is None)
    made.name, made.label = axis.name, axis.name if axis.label is None else axis.label
    return made


def widened(low: float, high: float, *, logarithmic: bool) -> tuple[float, float]:
    """Widen a range of values by 0.5 % on either side, so that both ends lie inside the bins."""
    if logarithmic:
        a, b = math.log(low), math.log(high)
        margin = 0.005 * (b - a) or 0.5
        return math.exp(a - margin), math.exp(b + margin)
    margin = 0.005 * (high - low) or max(0.5, 0.005 * abs(high))
    return low - margin, high + margin


def _ranged(
    kind: Literal["regular", "log", "integer"],
    values: str | pl.Expr,
    bins: int,
    start: float | None,
    stop: float | None,
    label: str | None,
    name: str | None,
) -> Axis:
    title = _name(values, name)
    if any(x is not None and not np.isfinite(x) for x in (start, stop)) or (
        start is not None and stop is not None and not start < stop
    ):
        msg = f"axis {title!r} goes from {start!r} to {stop!r}; its start must be below its stop, both finite"
        raise ValueError(msg)
    if bins < 1:
        msg = f"axis {title!r} has {bins!r} bins; it needs at least one"
        raise ValueError(msg)
    return Axis(_expr(values), title, label, kind, bins=bins, start=start, stop=stop)


def _expr(values: str | pl.Expr) -> pl.Expr:
    return pl.col(values) if isinstance(values, str) else values


def _name(values: str | pl.Expr, name: str | None) -> str:
    return name or _expr(values).meta.output_name()
