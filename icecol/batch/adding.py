"""What adds: the results of two chunks become one, and those of all chunks in a tree of fixed shape.

The shape depends on the number of chunks alone, and not on which of them was finished first. So sums of floating-point
numbers, which depend on the order, are the same to the last bit wherever and in whatever order the chunks were run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from icecol.hist import Bundle, Hist
from icecol.select import add_tables, is_table_of_counts


class Parts:
    """Parquet files that hold one table, in order: what a lazy frame among the results of a chunk becomes.

    Parameters
    ----------
    paths
        The files.
    """

    def __init__(self, paths: tuple[Path, ...] = ()) -> None:
        self.paths = paths

    def scan(self) -> pl.LazyFrame:
        """Scan them as one lazy frame; a column that some of them lack is null there."""
        frames = [pl.scan_parquet(path, glob=False) for path in self.paths]
        return pl.concat(frames, how="diagonal") if len(frames) > 1 else frames[0]

    def __repr__(self) -> str:
        return f"Parts({len(self.paths)} files)"


def add(a: Any, b: Any, where: str = "") -> Any:
    """Add the results of two parts of the events, the first before the second.

    Numbers, arrays and histograms are added, cutflow and N-1 tables too; other tables follow one another. Dictionaries
    are added by name, lists and tuples item by item. None stands for nothing.

    Parameters
    ----------
    a, b
        The results.
    where
        Name of the result, for the error.

    Raises
    ------
    TypeError
        If they do not add: text, truth values, things of two kinds.
    ValueError
        If histograms, arrays, lists or tables do not match.

    Examples
    --------
    >>> add({"n": 2, "sum": np.array([1.0, 2.0])}, {"n": 3, "sum": np.array([0.5, 0.0])})
    {'n': 5, 'sum': array([1.5, 2. ])}
    """
    if a is None or b is None:
        return require(b if a is None else a, where)
    if isinstance(a, Mapping) and isinstance(b, Mapping) and not isinstance(a, Bundle):
        names = [*a, *(name for name in b if name not in a)]
        return {name: add(a.get(name), b.get(name), _inside(where, name)) for name in names}
    if isinstance(a, list | tuple) and type(a) is type(b):
        if len(a) != len(b):
            msg = f"{_named(where)} has {len(a)} items in one part and {len(b)} in another: give as many in each"
            raise ValueError(msg)
        return type(a)([add(x, y, _inside(where, i)) for i, (x, y) in enumerate(zip(a, b, strict=True))])
    require(a, where)
    require(b, where)
    try:
        return _added(a, b)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as err:
        kind = TypeError if isinstance(err, TypeError) else ValueError
        msg = f"{_named(where)} does not add from one part of the events to the next: {err}"
        raise kind(msg) from err


def _added(a: Any, b: Any) -> Any:
    if isinstance(a, pl.DataFrame) and isinstance(b, pl.DataFrame):
        if is_table_of_counts(a) and is_table_of_counts(b):
            return add_tables(a, b)
        return pl.concat([a, b], how="vertical", rechunk=False)
    if isinstance(a, Parts) and isinstance(b, Parts):
        return Parts(a.paths + b.paths)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.shape != b.shape:
            msg = f"arrays of shapes {a.shape} and {b.shape}"
            raise ValueError(msg)
        return a + b
    numbers = (int, float, complex, np.number)
    if type(a) is type(b) or (isinstance(a, numbers) and isinstance(b, numbers)):
        return a + b
    msg = f"{type(a).__name__} and {type(b).__name__}"
    raise TypeError(msg)


def require(value: Any, where: str = "") -> Any:
    """Return what can be a result; raise TypeError for anything else, which names it."""
    if isinstance(value, Mapping) and not isinstance(value, Bundle):
        return {name: require(inner, _inside(where, name)) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([require(inner, _inside(where, i)) for i, inner in enumerate(value)])
    fits = isinstance(value, Hist | Bundle | pl.DataFrame | Parts | int | float | complex | np.number | None)
    array = isinstance(value, np.ndarray) and value.dtype.kind in "iufc"
    if isinstance(value, bool) or not (fits or array):
        msg = (
            f"{_named(where)} is {value!r:.60} ({type(value).__name__}), which does not add: give numbers, arrays, "
            "histograms, tables, or dictionaries and lists of these"
        )
        raise TypeError(msg)
    return value


def _inside(where: str, name: object) -> str:
    return f"{where}.{name}" if where else str(name)


def _named(where: str) -> str:
    return f"result {where!r}" if where else "the result"


class Tree:
    """The sum of the results of `n` chunks, which come in any order and are added as soon as neighbours are there.

    Parameters
    ----------
    n
        Number of chunks.

    Examples
    --------
    >>> tree = Tree(3)
    >>> for i in (2, 0, 1):
    ...     tree.put(i, {"n": i})
    >>> tree.total, tree.done
    ({'n': 3}, 3)
    """

    def __init__(self, n: int) -> None:
        self.total: Any = None
        """The sum, once all are there."""
        self.done = 0
        """Number of chunks that are in it."""
        self._n = n
        self._waiting: dict[tuple[int, int], Any] = {}

    def put(self, i: int, value: Any) -> None:
        """Add the result of one chunk; None for a chunk that is left out."""
        self.done += 1
        value = require(value)
        level, n = 0, self._n
        while n > 1:
            neighbour = i ^ 1
            if neighbour < n:
                if (level, neighbour) not in self._waiting:
                    self._waiting[level, i] = value
                    return
                other = self._waiting.pop((level, neighbour))
                value = add(other, value) if neighbour < i else add(value, other)
            level, i, n = level + 1, i // 2, (n + 1) // 2
        self.total = value
