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

from icecol.hist.text import name_of, with_unit


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """An axis of a histogram, made by `regular`, `log`, `variable`, `integer` or `category`.

    Attributes
    ----------
    expr
        The values: a number or a list of numbers per event (or strings, for a category axis).
    name
        Short name; by default, that of the column or alias, or the text of a computed expression.
    label
        Axis label for plots. If None: the name, with the unit of the column if `icecol.facts` knows it.
    unit
        Unit that follows the label in plots; if None, and there is no label either, that of the column if known.
    kind
        How the values are binned.
    bins, start, stop
        Number of bins and range of regular, log and integer axes; a start or stop of None is taken from the data.
    edges
        Bin edges of a variable axis.
    categories
        Bins of a category axis; None adds a bin for each new value encountered.

    Examples
    --------
    >>> axis = regular("LineFit.zenith", 20, 0, 3.2)
    >>> axis.name, axis.kind, axis.bins, axis.unit
    ('LineFit.zenith', 'regular', 20, None)
    """

    expr: pl.Expr
    name: str
    label: str | None
    kind: Literal["regular", "log", "variable", "integer", "category"]
    unit: str | None = None
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
    unit: str | None = None,
) -> Axis:
    """Make an axis of equal-width bins over [start, stop), with underflow and overflow.

    Parameters
    ----------
    values
        Column name or expression; a list column is filled with all its elements.
    bins
        Number of bins.
    start, stop
        Range, in the unit of the values. None means the smallest or largest finite value, both of which are then
        inside; this takes another pass over the data. The bins of integers get integer edges, so that each holds
        equally many of them.
    label
        Axis label for plots, such as "zenith / rad"; by default, the name, with the unit of the column if known.
    name
        Name of the axis; by default, that of the column or alias, or the text of a computed expression.
    unit
        Unit, written after the label: `label="zenith", unit="rad"` gives "zenith / rad".

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
    return _ranged("regular", values, bins, start, stop, label, name, unit)


def log(
    values: str | pl.Expr,
    bins: int,
    start: float | None = None,
    stop: float | None = None,
    *,
    label: str | None = None,
    name: str | None = None,
    unit: str | None = None,
) -> Axis:
    """Make an axis of logarithmically spaced bins over [start, stop), with start > 0.

    Values of 0 and below count as underflow.

    Parameters
    ----------
    values, bins, label, name, unit
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
    axis = _ranged("log", values, bins, start, stop, label, name, unit)
    if None not in (start, stop) and math.log(start) == math.log(stop):  # type: ignore[arg-type]
        msg = (
            f"log axis {axis.name!r} goes from {start!r} to {stop!r}, which have the same logarithm as floats"
        )
        raise ValueError(msg)
    return axis


def variable(
    values: str | pl.Expr,
    edges: Iterable[float],
    *,
    label: str | None = None,
    name: str | None = None,
    unit: str | None = None,
) -> Axis:
    """Make an axis with the given bin edges, plus underflow and overflow.

    It is several times slower to fill than `regular` and `log`, which are the better choice for evenly spaced bins.

    Parameters
    ----------
    values
        Column name or expression; a list column is filled with all its elements.
    edges
        Bin edges, at least two, in increasing order.
    label, name, unit
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
    return Axis(_expr(values), title, label, "variable", unit, edges=numbers)


def integer(
    values: str | pl.Expr,
    start: int,
    stop: int,
    *,
    label: str | None = None,
    name: str | None = None,
    unit: str | None = None,
) -> Axis:
    """Make an axis with one bin for each of the integers start, ..., stop - 1, plus underflow and overflow.

    Parameters
    ----------
    values
        Column name or expression of integers or booleans; a list column is filled with all its elements.
    start, stop
        First integer, and the one after the last.
    label, name, unit
        As for `regular`.

    Raises
    ------
    ValueError
        If the start is not below the stop, or integers lie beyond 2^52, where a float cannot tell them apart.

    Examples
    --------
    >>> integer("n_channels", 0, 100).bins
    100
    """
    if max(abs(int(start)), abs(int(stop))) > 1 << 52:
        msg = (
            f"axis {_name(values, name)!r} goes from {start} to {stop}, but integers beyond 2^52 cannot be told apart "
            "as floats: subtract an offset first, as in hist.integer(pl.col('id') - offset, 0, 100)"
        )
        raise ValueError(msg)
    return _ranged("integer", values, int(stop) - int(start), int(start), int(stop), label, name, unit)


def category(
    values: str | pl.Expr,
    categories: Iterable[str] | Iterable[int] | None = None,
    *,
    label: str | None = None,
    name: str | None = None,
    unit: str | None = None,
) -> Axis:
    """Make an axis with one bin for each string or integer, such as a filter name or a PDG code.

    Parameters
    ----------
    values
        Column name or expression of strings, integers or booleans (which become "true" and "false").
    categories
        The bins; all other values count as overflow. None means a bin for each value, in order of appearance.
    label, name, unit
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
    chosen: Any = None if categories is None else tuple(_plain(c) for c in categories)
    title = _name(values, name)
    if chosen is not None and (
        not chosen or len(set(chosen)) < len(chosen) or len({type(c) for c in chosen}) > 1
    ):
        msg = f"categories of axis {title!r} must be distinct strings or distinct integers; found {chosen!r}"
        raise ValueError(msg)
    return Axis(_expr(values), title, label, "category", unit, categories=chosen)


def boost_axis(axis: Axis) -> Any:
    """Make the boost-histogram axis for an axis whose range is known; categories start with the given ones."""
    match axis.kind:
        case "regular":
            made = bh.axis.Regular(axis.bins, axis.start, axis.stop)
        case "log":
            made = bh.axis.Regular(axis.bins, axis.start, axis.stop, transform=bh.axis.transform.log)
        case "variable":
            made = bh.axis.Variable(axis.edges)
        case "integer" if fits_int32(axis.start, axis.stop):
            made = bh.axis.Integer(axis.start, axis.stop)
        case "integer":
            made = bh.axis.Regular(axis.bins, axis.start, axis.stop)
        case "category":
            made = category_axis(axis.categories or (), words=of_words(axis), growth=axis.categories is None)
    return titled(made, axis)


def category_axis(values: Iterable[Any], *, words: bool, growth: bool) -> Any:
    """Make a category axis; of integers beyond 32 bits, which boost-histogram cannot hold, one of their digits."""
    bins = list(values)
    if words or not fits_int32(*bins):
        return bh.axis.StrCategory([str(v) for v in bins], growth=growth)
    return bh.axis.IntCategory(bins, growth=growth)


def categories_in_digits(axis: Any) -> Any:
    """Make the category axis of strings that has the digits of one of integers."""
    made = bh.axis.StrCategory([str(v) for v in axis], growth=axis.traits.growth)
    made.name, made.label = getattr(axis, "name", ""), getattr(axis, "label", "")
    return made


def of_words(axis: Axis) -> bool:
    """Return whether the given categories of an axis are strings."""
    return bool(axis.categories) and isinstance((axis.categories or ("",))[0], str)


def fits_int32(*values: Any) -> bool:
    """Return whether all of these are integers that boost-histogram's axes of integers can hold.

    >>> fits_int32(0, 2**31 - 1), fits_int32(2**31)
    (True, False)
    """
    return all(-(2**31) <= v < 2**31 for v in values)


def titled(made: Any, axis: Axis) -> Any:
    """Give a boost-histogram axis the name and the label of an axis, with its unit."""
    made.name = axis.name
    made.label = with_unit(axis.name if axis.label is None else axis.label, axis.unit or "")
    return made


def _ranged(
    kind: Literal["regular", "log", "integer"],
    values: str | pl.Expr,
    bins: int,
    start: float | None,
    stop: float | None,
    label: str | None,
    name: str | None,
    unit: str | None,
) -> Axis:
    title = _name(values, name)
    if any(x is not None and not np.isfinite(x) for x in (start, stop)) or (
        start is not None and stop is not None and not start < stop
    ):
        msg = f"axis {title!r} goes from {start!r} to {stop!r}; its start must be below its stop, both finite"
        raise ValueError(msg)
    if not isinstance(bins, (int, np.integer)) or isinstance(bins, bool):
        msg = f"axis {title!r} has {bins!r} bins, which is not an integer"
        raise TypeError(msg)
    if bins < 1:
        msg = f"axis {title!r} has {bins!r} bins; it needs at least one"
        raise ValueError(msg)
    return Axis(_expr(values), title, label, kind, unit, bins=bins, start=start, stop=stop)


def _plain(category: Any) -> Any:
    """Return a category as Polars will: a truth value in words, a number of numpy as Python's."""
    if isinstance(category, (bool, np.bool_)):
        return "true" if category else "false"
    return category.item() if isinstance(category, np.generic) else category


def _expr(values: str | pl.Expr) -> pl.Expr:
    return pl.col(values) if isinstance(values, str) else values


def _name(values: str | pl.Expr, name: str | None) -> str:
    return name or name_of(_expr(values))
