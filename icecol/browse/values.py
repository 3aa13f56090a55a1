"""Decoded values as tables of text, made row by row on demand.

Everything is a table: a record has a row for each member, with guides before those of nested records; a map a row for
each key; a particle tree a row for each particle, with guides that show which came from which. What does not fit into a
cell (a waveform in a record, a map in a map) is named there and can be opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol.browse.cells import bare, cell, count, enum_name, exact
from icecol.browse.table import Column, Inner, View
from icecol.i3.archive import Record, Tree
from icecol.i3.archive.arrays import Table
from icecol.i3.archive.kinds import is_base
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import CArray, Field, Map, Type, Vector
from icecol.i3.classes.own import per_class
from icecol.i3.classes.particle import particle_name


def look(value: Any, of: Type = "") -> View:
    """Show any decoded value as a table.

    Parameters
    ----------
    value : object, or part of one
    of : type
        Its type in the layouts, which has units and meaning.

    Examples
    --------
    >>> from icecol.i3.archive import new
    >>> look(new("I3MapStringDouble", {"NEvents": 10.0, "OneWeight": 2.5})).lines()
    [('NEvents', '10.0'), ('OneWeight', '2.5')]
    """
    value = bare(value)
    match value:
        case Tree():
            return _tree(value)
        case dict():
            return _map(value, of)
        case np.ndarray() if not isinstance(value, Table):
            return _array(value)
        case np.ndarray() | list():
            return _rows([value], [], of)
        case Record():
            return _record(value)
        case str() if _opens(value):
            lines = value.splitlines()
            return View(
                (Column("text"),), len(lines), lambda i: (cell(lines[i]),), note=count(len(lines), "line")
            )
    return View((Column("value"),), 1, lambda _: (exact(value),))


def _opens(value: Any) -> bool:
    """Return whether there is more in a value than its cell shows."""
    if isinstance(value, str):
        return len(value) > 40 or "\n" in value
    return isinstance(value, list | dict | np.ndarray) and len(value) > 0


@dataclass(frozen=True, slots=True)
class _Member:
    guide: str
    value: Any
    field: Field


def _record(value: Record) -> View:
    """Show members one below the other, those of nested records too."""
    rows = list(_members(value, None))
    shown = [
        (name, part)
        for name, part in (("unit", "unit"), ("meaning", "doc"))
        if any(getattr(r.field, part) for r in rows)
    ]

    def cells(i: int) -> tuple[str, ...]:
        row = rows[i]
        return (
            row.guide + row.field.name,
            exact(row.value),
            *(getattr(row.field, part) for _, part in shown),
        )

    def inner(i: int) -> Inner | None:
        member, of = bare(rows[i].value), rows[i].field.type
        return (rows[i].field.name, lambda: look(member, of)) if _opens(member) else None

    columns = (Column("member"), Column("value"), *(Column(name) for name, _ in shown))
    return View(columns, len(rows), cells, inner, f"{value.i3class}: {CLASSES[value.i3class].doc}")


def _members(value: Record, guide: str | None) -> Iterator[_Member]:
    """Yield the members of a record, each followed by its own; `guide` precedes them below the top level."""
    known = fields(value.i3class)
    names = [name for name in value.names if getattr(value, name) is not None]
    for name in names:
        last = name == names[-1]
        member = getattr(value, name)
        yield _Member("" if guide is None else guide + ("└ " if last else "├ "), member, known[name])
        if isinstance(bare(member), Record):
            yield from _members(bare(member), "" if guide is None else guide + ("  " if last else "│ "))


@per_class
def fields(name: str) -> dict[str, Field]:
    """Return the fields of a class and of its bases, by member name."""
    found: dict[str, Field] = {}
    for member in CLASSES[name].fields:
        if is_base(member):
            found |= fields(str(member.type))
        else:
            found[member.name or "value"] = member
    return found


def element(of: Type) -> str:
    """Return the name of the innermost class in a container; empty if there is none.

    Examples
    --------
    >>> element("I3MCPESeriesMap"), element("I3MapStringDouble")
    ('I3MCPE', '')
    """
    match of:
        case Vector(of=inner) | CArray(of=inner) | Map(value=inner):
            return element(inner)
        case str() if of in CLASSES:
            own = [member for member in CLASSES[of].fields if not is_base(member)]
            return element(own[0].type) if len(own) == 1 and own[0].name in {"", "value"} else of
    return ""


def _map(value: dict[Any, Any], of: Type) -> View:
    values = [bare(v) for v in value.values()]
    if values and all(_is_rows(v) for v in values):
        return _rows(values, list(value), of)
    if values and all(isinstance(v, Record) for v in values):
        return _rows([[v] for v in values], list(value), of, numbered=False)
    keys = list(value)
    key_columns = _key_columns(keys)

    def inner(i: int) -> Inner | None:
        return (cell(keys[i]), lambda: look(values[i])) if _opens(values[i]) else None

    numbers = all(
        isinstance(v, int | float | np.number) and not isinstance(v, IntEnum | bool) for v in values
    )
    return View(
        (*key_columns, Column("value", right=numbers)),
        len(keys),
        lambda i: (*_key_cells(keys[i]), exact(values[i])),
        inner,
        count(len(keys), "entry", "entries"),
    )


def _is_rows(value: Any) -> bool:
    """Return whether a value is a series of structs."""
    return isinstance(value, Table) or (isinstance(value, list) and all(isinstance(v, Record) for v in value))


def _rows(series: list[Any], keys: list[Any], of: Type, *, numbered: bool = True) -> View:
    """Show the elements of one series, or of many with their keys, one below the other."""
    ends = np.cumsum([len(values) for values in series])
    first = next((values[0] for values in series if len(values)), None)
    cls = first.i3class if isinstance(first, Record) else element(of)
    leaves = _leaves(first, cls)

    def place(i: int) -> tuple[int, int]:
        k = int(np.searchsorted(ends, i, "right"))
        return k, i - int(ends[k - 1] if k else 0)

    def cells(i: int) -> tuple[str, ...]:
        k, j = place(i)
        key = _key_cells(keys[k]) if keys else ()
        return (
            *key,
            *([str(j)] if numbered else []),
            *(cell(_get(series[k][j], path)) for path, _ in leaves),
        )

    def inner(i: int) -> Inner | None:
        k, j = place(i)
        item = bare(series[k][j])
        name = " ".join(([cell(keys[k])] if keys else []) + ([f"#{j}"] if numbered else []))
        return (name, lambda: look(item)) if isinstance(item, Record) or _opens(item) else None

    number = [Column("#", right=True)] if numbered else []
    n = int(ends[-1]) if ends.size else 0
    note = (f"{n:,} {cls}" if cls else count(n, "value")) + (
        f" in {count(len(keys), 'entry', 'entries')}" if keys and numbered else ""
    )
    return View((*_key_columns(keys), *number, *(c for _, c in leaves)), n, cells, inner, note)


Path: TypeAlias = tuple[str, ...]


def _leaves(value: Any, cls: str) -> list[tuple[Path, Column]]:
    """List what becomes a column: the members of a struct and of those in it, or the value itself."""
    if isinstance(value, Record):
        return _ordered(list(_record_leaves(value, (), "")))
    if isinstance(value, np.void):
        known = fields(cls) if cls in CLASSES else {}
        names = value.dtype.names or ()
        return [((n,), Column(n, known[n].unit if n in known else "", right=True)) for n in names]
    if hasattr(value, "_fields"):
        return [((name,), Column(name, right=True)) for name in value._fields]
    return [((), Column("value", right=isinstance(value, int | float)))]


def _record_leaves(value: Record, path: Path, before: str) -> Iterator[tuple[Path, Column]]:
    for name, member in ((name, bare(getattr(value, name))) for name in value.names):
        of = fields(value.i3class)[name]
        if isinstance(member, Record):
            flat = f"{name}_" if of.flat is None else of.flat
            yield from _record_leaves(member, (*path, name), before + flat)
        elif member is not None:
            right = isinstance(member, int | float) and not isinstance(member, bool | IntEnum)
            yield (*path, name), Column(before + name, of.unit, right=right)


_FIRST: Final = ("energy", "zenith", "azimuth", "time", "length", "x", "y", "z", "shape")


def _ordered(leaves: list[tuple[Path, Column]]) -> list[tuple[Path, Column]]:
    """Move the most important members of a particle to the front."""
    names = [column.name for _, column in leaves]
    if not {"energy", "zenith"} <= set(names):
        return leaves
    return sorted(
        leaves, key=lambda leaf: _FIRST.index(leaf[1].name) if leaf[1].name in _FIRST else len(_FIRST)
    )


def _get(value: Any, path: Path) -> Any:
    for name in path:
        value = bare(value[name] if isinstance(value, np.void) else getattr(value, name))
    return value


def _key_columns(keys: Sequence[Any]) -> list[Column]:
    if not keys:
        return []
    names = getattr(keys[0], "_fields", None)
    return (
        [Column(n, right=True) for n in names] if names else [Column("key", right=isinstance(keys[0], int))]
    )


def _key_cells(key: Any) -> tuple[str, ...]:
    return tuple(map(cell, key)) if hasattr(key, "_fields") else (cell(key),)


def _array(value: npt.NDArray[Any]) -> View:
    """Show numbers, pairs of numbers or a matrix, with the curve that they make."""
    if value.dtype.names:
        names = [Column(name, right=True) for name in value.dtype.names]
        return View(
            (Column("#", right=True), *names),
            len(value),
            lambda i: (str(i), *(cell(value[i][n]) for n in value.dtype.names or ())),
            note=count(len(value), "pair"),
        )
    table = value.reshape(len(value), int(np.prod(value.shape[1:])))
    wide = [Column(str(j) if table.shape[1] > 1 else "value", right=True) for j in range(table.shape[1])]
    curve = (
        value.astype(np.float64)
        if value.ndim == 1 and value.size > 8 and value.dtype != bool
        else np.zeros(0)
    )
    note = count(value.size, "value")
    if curve.size and np.isfinite(curve).any():
        note += f", {cell(float(np.nanmin(curve)))} to {cell(float(np.nanmax(curve)))}"
    return View(
        (Column("#", right=True), *wide),
        len(table),
        lambda i: (str(i), *map(cell, table[i])),
        note=note,
        profile=curve,
    )


def _tree(tree: Tree) -> View:
    """Show the nodes with guides that show which came from which."""
    first = tree[0] if tree else None
    leaves = _leaves(first, "") if tree else []
    guides = _guides(tree)

    def inner(i: int) -> Inner:
        return _name(tree[i]), lambda: look(tree[i])

    return View(
        (Column("particle" if _is_particle(first) else "node"), *(column for _, column in leaves)),
        len(tree),
        lambda i: (
            guides[i] + _name(tree[i]),
            *(cell(_get(tree[i], path)) for path, _ in leaves),
        ),
        inner,
        count(len(tree), "node") if not _is_particle(first) else count(len(tree), "particle"),
    )


def _guides(tree: Tree) -> list[str]:
    """Draw for each node of a tree the lines that lead to it."""
    last = [False] * len(tree)
    for i in {parent: i for i, parent in enumerate(tree.parent)}.values():
        last[i] = True
    below: list[str] = []
    guides: list[str] = []
    for i, depth in enumerate(tree.depth):
        del below[depth:]
        guides.append("" if depth == 0 else "".join(below[1:]) + ("└─ " if last[i] else "├─ "))
        below.append("   " if last[i] else "│  ")
    return guides


def _is_particle(value: Any) -> bool:
    return isinstance(value, Record) and value.i3class == "I3Particle"


def _name(node: Any) -> str:
    """Name a node of a tree: a particle by its kind, a trigger by source and type."""
    if _is_particle(node):
        return particle_name(node.pdg_encoding)
    key = getattr(node, "key", None) if isinstance(node, Record) and "key" in node.names else None
    return " ".join(enum_name(part) for part in key[:2]) if key is not None else ""
