"""Variables that are declared once: expression, bins, label and unit by name."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from icecol.errors import MissingColumnError, did_you_mean
from icecol.hist.axis import Axis, category, integer, log, regular, variable
from icecol.hist.text import parse

_KEYS: Final = {"expression", "bins", "range", "edges", "categories", "kind", "label", "unit"}


class Variables(Mapping[str, Axis]):
    """Axes by name, for histograms, statistics and figures, and for `icecol hist --variables`; immutable.

    Parameters
    ----------
    axes
        A mapping of names to axes.
    named
        The same as keyword arguments. Each axis takes the name that it has here.

    Raises
    ------
    TypeError
        If a member is not an axis.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> variables = hist.Variables(
    ...     zenith=hist.regular(pl.col("LineFit.zenith").degrees(), 18, 0, 180, unit="deg"),
    ...     charge=hist.log("Q.total", 40, 1e1, 1e5, unit="PE"),
    ... )
    >>> events = pl.LazyFrame({"LineFit.zenith": [0.5, 1.0], "Q.total": [20.0, 50.0]})
    >>> hist.fill(events, variables["zenith"], variables["charge"]).labels
    ('zenith / deg', 'charge / PE')
    >>> list(hist.fill_many(events, variables))
    ['zenith', 'charge']
    """

    __slots__ = ("_axes",)

    def __init__(self, axes: Mapping[str, Axis] | None = None, /, **named: Axis) -> None:
        found = {**(axes or {}), **named}
        for name, axis in found.items():
            if not isinstance(axis, Axis):
                msg = f"variable {name!r} is {axis!r:.60}, not an axis such as hist.regular(column, bins, start, stop)"
                raise TypeError(msg)
        self._axes = {name: replace(axis, name=name) for name, axis in found.items()}

    def __getitem__(self, name: str) -> Axis:
        """Return one axis."""
        if name not in self._axes:
            msg = f"no variable {name!r}: {did_you_mean(name, self._axes, 'variables')}"
            raise MissingColumnError(msg)
        return self._axes[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, in order."""
        return iter(self._axes)

    def __len__(self) -> int:
        """Return the number of variables."""
        return len(self._axes)

    def __contains__(self, name: object) -> bool:
        """Return whether there is a variable of that name."""
        return name in self._axes

    def __repr__(self) -> str:
        inner = "".join(f"\n    {name}: {axis.kind} of {axis.expr}" for name, axis in self.items())
        return f"Variables({inner})" if inner else "Variables()"


def load_variables(path: str | os.PathLike[str]) -> Variables:
    r"""Read variables from a TOML file, with a table for each.

    Each table has an `expression` (a column or SQL expression; by default, the name of the table) and `bins` with an
    optional `range` (and `kind = "log"`), a `range` with `kind = "integer"`, `edges`, or `kind = "category"` with
    optional `categories`; and optionally a `label` and a `unit`.

    Parameters
    ----------
    path
        File to read.

    Raises
    ------
    ValueError
        If the file is not TOML, or a variable cannot be made; the message names it.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from icecol import hist
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "variables.toml"
    ...     _ = path.write_text('[charge]\nexpression = "Q.total"\nbins = 40\nrange = [1, 1e5]\nkind = "log"')
    ...     hist.load_variables(path)
    Variables(
        charge: log of col("Q.total"))
    """
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        msg = f"{os.fspath(path)} is not a TOML file: {err}"
        raise ValueError(msg) from err
    return declared(tables, os.fspath(path))


def declared(tables: Mapping[str, Any], where: str) -> Variables:
    """Make variables of tables as `load_variables` reads them; `where` is said in errors.

    Raises
    ------
    ValueError
        If a variable cannot be made; the message names it.
    """
    found = {}
    for name, table in tables.items():
        try:
            found[name] = _axis(name, table)
        except (TypeError, ValueError) as err:
            msg = f"variable {name!r} of {where}: {err}"
            raise ValueError(msg) from err
    return Variables(found)


def _axis(name: str, table: Any) -> Axis:
    if not isinstance(table, dict):
        msg = f"expected a table with keys such as expression and bins; found {table!r}"
        raise TypeError(msg)
    for key in table:
        if key not in _KEYS:
            msg = f"no key {key!r}: {did_you_mean(key, _KEYS, 'keys')}"
            raise ValueError(msg)
    expr = parse(str(table.get("expression", name)))
    titles: dict[str, Any] = {"name": name, "label": table.get("label"), "unit": table.get("unit")}
    kind = table.get("kind", "variable" if "edges" in table else "regular")
    ends = table.get("range", (None, None))
    if not isinstance(ends, (list, tuple)) or len(ends) != 2:
        msg = f"range must be two numbers; found {ends!r}"
        raise ValueError(msg)
    match kind:
        case "regular" | "log":
            if not isinstance(table.get("bins"), int):
                msg = f"a {kind} variable needs bins, a number of them; found {table.get('bins')!r}"
                raise TypeError(msg)
            return (regular if kind == "regular" else log)(expr, table["bins"], *ends, **titles)
        case "integer":
            if None in ends:
                msg = "an integer variable needs a range: its first integer, and the one after the last"
                raise ValueError(msg)
            return integer(expr, *ends, **titles)
        case "category":
            return category(expr, table.get("categories"), **titles)
        case "variable":
            return variable(expr, table.get("edges", ()), **titles)
    kinds = ("regular", "log", "integer", "category", "variable")
    msg = f"no kind {kind!r}: {did_you_mean(str(kind), kinds, 'kinds')}"
    raise ValueError(msg)
