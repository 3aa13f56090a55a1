"""Objects of frames as tables of text: what the browser shows, made row by row when it is looked at.

Everything is a table: a record has a row for each member, with guides before those of nested records; a map a row for
each key; a pulse series a row for each pulse; a particle tree a row for each particle, with guides that show who came
from whom. What does not fit into a cell (a waveform in a record, a map in a map) is named there and can be opened.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol.errors import FormatError, IcecolError
from icecol.i3.archive import Alternative, Record, Tree
from icecol.i3.archive.objects import Table, is_base
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import CArray, Field, Map, Type, Vector
from icecol.i3.classes.own import per_class
from icecol.i3.frames.frame import Frame
from icecol.i3.pulses.series import PulseSeries


@dataclass(frozen=True, slots=True)
class Column:
    """Head of a column: name, unit, and whether its cells stand at the right."""

    name: str
    unit: str = ""
    right: bool = False


Inner: TypeAlias = "tuple[str, Callable[[], View]]"


@dataclass(frozen=True, slots=True)
class View:
    """A table whose rows are made when they are asked for.

    Attributes
    ----------
    columns : tuple of Column
    rows : int
        How many rows there are.
    cells : function
        Row number to the texts of its cells.
    inner : function
        Row number to what it opens to, a name and a function that makes the view, or None.
    note : str
        What it is, in one line.
    wrong : bool
        The note is bad news.
    profile : array of f64
        A curve to draw beside the note: the samples, or the charge over time. May be empty.
    """

    columns: tuple[Column, ...]
    rows: int
    cells: Callable[[int], tuple[str, ...]]
    inner: Callable[[int], Inner | None] = lambda _: None
    note: str = ""
    wrong: bool = False
    profile: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def lines(self, limit: int | None = None) -> list[tuple[str, ...]]:
        """Return the cells of the first rows."""
        return [self.cells(i) for i in range(self.rows if limit is None else min(limit, self.rows))]


# -- views of the objects of a frame ----------------------------------------------------------------------------------


def views(frame: Frame, key: str, *, width: int = 16) -> dict[str, Callable[[], View]]:
    """Return the ways in which an object can be looked at, best first.

    Parameters
    ----------
    frame : Frame
    key : str
        One of its keys.
    width : int
        Bytes in a line of the hex dump.

    Returns
    -------
    dict
        `pulses` for what stands for pulses, `members` for what has a layout, `bytes` for everything; each is a
        function that makes the view.
    """
    try:
        name = frame.class_name(key)
    except FormatError:
        name = ""
    found: dict[str, Callable[[], View]] = {}
    if name in PULSES:
        found["pulses"] = lambda: pulses_view(frame, key)
    if name in CLASSES:
        found["members"] = lambda: look(frame[key], name)
    found["bytes"] = lambda: _unread(frame, key, name, width)
    return found


def _unread(frame: Frame, key: str, name: str, width: int) -> View:
    blob = frame.raw(key)
    why = "" if name in CLASSES else f"no layout of {name or frame.type_name(key)} is known"
    return hex_view(blob, width=width, note=why)


PULSES: Final = frozenset(
    {
        "I3RecoPulseSeriesMap",
        "I3RecoPulseSeriesMapMask",
        "I3RecoPulseSeriesMapUnion",
        "I3RecoPulseSeriesMapApplySPECorrection",
        "I3RecoPulseSeriesMapCombineByModule",
        "I3SuperDST",
        "I3RecoHitSeriesMap",
    }
)
"""Classes that stand for pulses."""


def pulses_view(frame: Frame, key: str) -> View:
    """Show the pulses under a key, one a row, with masks and unions applied.

    Raises
    ------
    MissingColumnError, FormatError
        They cannot be had: what is masked is not there or does not fit.
    """
    pulses = frame.pulses(key)
    obj = frame[key]
    note = _sum(pulses)
    if isinstance(obj, Record) and obj.i3class == "I3RecoPulseSeriesMapMask":
        note += f"; {len(pulses):,} of {len(frame.pulses(obj.source)):,} of {obj.source!r}"
    elif isinstance(obj, Record) and obj.i3class == "I3RecoPulseSeriesMapUnion":
        note += f"; union of {', '.join(map(repr, obj.sources))}"
    string, om, pmt = pulses.string, pulses.om, pulses.pmt
    has_pmt = bool(pmt.any())

    def cells(i: int) -> tuple[str, ...]:
        flags = int(pulses.flags[i])
        return (
            *(str(k[i]) for k in ((string, om, pmt) if has_pmt else (string, om))),
            f"{pulses.time[i]:.1f}",
            f"{pulses.charge[i]:.3f}",
            f"{pulses.width[i]:.1f}",
            " ".join(name for bit, name in _FLAGS if flags & bit) or "-",
        )

    keys = [Column(name, right=True) for name in ("string", "om", "pmt")[: 3 if has_pmt else 2]]
    numbers = [
        Column("time", "ns", right=True),
        Column("charge", "PE", right=True),
        Column("width", "ns", right=True),
    ]
    columns = (*keys, *numbers, Column("flags"))
    return View(columns, len(pulses), cells, note=note, profile=_charge_over_time(pulses))


_FLAGS: Final = ((1, "LC"), (2, "ATWD"), (4, "FADC"))


def _sum(pulses: PulseSeries) -> str:
    n = len(pulses)
    if not n:
        return "no pulses"
    total = float(pulses.charge.sum(dtype=np.float64))
    sensors = np.unique(pulses.omkey).size
    begin, end = float(pulses.time.min()), float(pulses.time.max())
    return (
        f"{n:,} pulse{'s' * (n > 1)} on {sensors:,} sensor{'s' * (sensors > 1)}, {total:,.1f} PE, "
        f"{begin:,.0f} to {end:,.0f} ns"
    )


def _charge_over_time(pulses: PulseSeries) -> npt.NDArray[np.float64]:
    """Return the charge in 240 bins between the first and the last pulse, 1 % of them left out at either end."""
    time = pulses.time[np.isfinite(pulses.time)]
    if len(pulses) < 2 or time.size < len(pulses):
        return np.zeros(0)
    begin, end = np.quantile(time, [0.01, 0.99])
    return np.histogram(time, 240, (begin, max(end, begin + 1)), weights=pulses.charge)[0].astype(np.float64)


def hex_view(blob: bytes, *, width: int = 16, offset: int = 0, note: str = "", wrong: bool = False) -> View:
    """Show bytes in hexadecimal and as text.

    Examples
    --------
    >>> hex_view(b"[i3] frame", width=8).lines()
    [('00000000', '5b 69 33 5d 20 66 72 61', '[i3] fra'), ('00000008', '6d 65', 'me')]
    """

    def cells(i: int) -> tuple[str, ...]:
        part = blob[i * width : (i + 1) * width]
        readable = "".join(chr(b) if 32 <= b < 127 else "·" for b in part)
        return f"{offset + i * width:08x}", part.hex(" "), readable

    size = f"{len(blob):,} bytes"
    return View(
        (Column("offset"), Column("bytes"), Column("text")),
        -(-len(blob) // width),
        cells,
        note=note if wrong else f"{size}: {note}" if note else size,
        wrong=wrong,
    )


def failed(error: IcecolError) -> View:
    """Say why there is nothing to see."""
    return View((), 0, lambda _: (), note=str(error), wrong=True)


# -- views of values --------------------------------------------------------------------------------------------------


def look(value: Any, of: Type = "") -> View:
    """Show any decoded value as a table.

    Parameters
    ----------
    value : object, or part of one
    of : type
        Its type in the layouts, which knows units and meaning.

    Examples
    --------
    >>> from icecol.i3.archive import new
    >>> look(new("I3MapStringDouble", {"NEvents": 10.0, "OneWeight": 2.5})).lines()
    [('NEvents', '10.0'), ('OneWeight', '2.5')]
    """
    value = _bare(value)
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
                (Column("text"),), len(lines), lambda i: (cell(lines[i]),), note=_count(len(lines), "line")
            )
    return View((Column("value"),), 1, lambda _: (exact(value),))


def _bare(value: Any) -> Any:
    """Take a value out of what only wraps it: an I3Vector, an alternative."""
    while True:
        if isinstance(value, Alternative) or (isinstance(value, Record) and value.names == ("value",)):
            value = value.value
        else:
            return value


def _opens(value: Any) -> bool:
    """Tell whether there is more in a value than its cell shows."""
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
        member, of = _bare(rows[i].value), rows[i].field.type
        return (rows[i].field.name, lambda: look(member, of)) if _opens(member) else None

    columns = (Column("member"), Column("value"), *(Column(name) for name, _ in shown))
    return View(columns, len(rows), cells, inner, f"{value.i3class}: {CLASSES[value.i3class].doc}")


def _members(value: Record, guide: str | None) -> Iterator[_Member]:
    """Yield the members of a record, each followed by its own; `guide` stands before them, none at the top."""
    known = fields(value.i3class)
    names = [name for name in value.names if getattr(value, name) is not None]
    for name in names:
        last = name == names[-1]
        member = getattr(value, name)
        yield _Member("" if guide is None else guide + ("└ " if last else "├ "), member, known[name])
        if isinstance(_bare(member), Record):
            yield from _members(_bare(member), "" if guide is None else guide + ("  " if last else "│ "))


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
    """Name the class of what a container holds in the end; empty if it is none.

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
    values = [_bare(v) for v in value.values()]
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
        _count(len(keys), "entry", "entries"),
    )


def _is_rows(value: Any) -> bool:
    """Tell whether a value is a series of structs."""
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
        item = _bare(series[k][j])
        name = " ".join(([cell(keys[k])] if keys else []) + ([f"#{j}"] if numbered else []))
        return (name, lambda: look(item)) if isinstance(item, Record) or _opens(item) else None

    number = [Column("#", right=True)] if numbered else []
    n = int(ends[-1]) if ends.size else 0
    note = (f"{n:,} {cls}" if cls else _count(n, "value")) + (
        f" in {_count(len(keys), 'entry', 'entries')}" if keys and numbered else ""
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
    for name, member in ((name, _bare(getattr(value, name))) for name in value.names):
        of = fields(value.i3class)[name]
        if isinstance(member, Record):
            flat = f"{name}_" if of.flat is None else of.flat
            yield from _record_leaves(member, (*path, name), before + flat)
        elif member is not None:
            right = isinstance(member, int | float) and not isinstance(member, bool | IntEnum)
            yield (*path, name), Column(before + name, of.unit, right=right)


_FIRST: Final = ("energy", "zenith", "azimuth", "time", "length", "x", "y", "z", "shape")


def _ordered(leaves: list[tuple[Path, Column]]) -> list[tuple[Path, Column]]:
    """Put what one looks at first in a particle to the front."""
    names = [column.name for _, column in leaves]
    if not {"energy", "zenith"} <= set(names):
        return leaves
    return sorted(
        leaves, key=lambda leaf: _FIRST.index(leaf[1].name) if leaf[1].name in _FIRST else len(_FIRST)
    )


def _get(value: Any, path: Path) -> Any:
    for name in path:
        value = _bare(value[name] if isinstance(value, np.void) else getattr(value, name))
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
            note=_count(len(value), "pair"),
        )
    table = value.reshape(len(value), int(np.prod(value.shape[1:])))
    wide = [Column(str(j) if table.shape[1] > 1 else "value", right=True) for j in range(table.shape[1])]
    curve = (
        value.astype(np.float64)
        if value.ndim == 1 and value.size > 8 and value.dtype != bool
        else np.zeros(0)
    )
    note = _count(value.size, "value")
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
    """Show the nodes with guides that tell who came from whom."""
    first = tree[0] if tree else None
    leaves = _leaves(first, "") if tree else []
    names_known = tree.versions.get("I3Particle", (1, 5))[1] >= 5
    guides = _guides(tree)

    def inner(i: int) -> Inner:
        return _name(tree[i], known=names_known), lambda: look(tree[i])

    return View(
        (Column("particle" if _is_particle(first) else "node"), *(column for _, column in leaves)),
        len(tree),
        lambda i: (
            guides[i] + _name(tree[i], known=names_known),
            *(cell(_get(tree[i], path)) for path, _ in leaves),
        ),
        inner,
        _count(len(tree), "node") if not _is_particle(first) else _count(len(tree), "particle"),
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


def _name(node: Any, *, known: bool) -> str:
    """Name a node of a tree: a particle by its kind, a trigger by source and type."""
    if _is_particle(node):
        return particle_name(node.pdg_encoding) if known else f"type {node.pdg_encoding}"
    key = getattr(node, "key", None) if isinstance(node, Record) and "key" in node.names else None
    return " ".join(_enum_name(part) for part in key[:2]) if key is not None else ""


_PARTICLES: Final = {
    0: "unknown", 11: "EMinus", -11: "EPlus", 12: "NuE", -12: "NuEBar", 13: "MuMinus", -13: "MuPlus", 14: "NuMu",
    -14: "NuMuBar", 15: "TauMinus", -15: "TauPlus", 16: "NuTau", -16: "NuTauBar", 22: "Gamma", 111: "Pi0",
    211: "PiPlus", -211: "PiMinus", 130: "K0_Long", 310: "K0_Short", 321: "KPlus", -321: "KMinus", 221: "Eta",
    411: "DPlus", -411: "DMinus", 421: "D0", 431: "DsPlus", 2212: "PPlus", -2212: "PMinus", 2112: "Neutron",
    -2112: "NeutronBar", 3122: "Lambda", 3222: "SigmaPlus", 3112: "SigmaMinus", -2000001001: "Brems",
    -2000001002: "DeltaE", -2000001003: "PairProd", -2000001004: "NuclInt", -2000001005: "MuPair",
    -2000001006: "Hadrons", -2000001111: "ContinuousEnergyLoss",
}  # fmt: skip


def particle_name(code: int) -> str:
    """Name a particle by its PDG code, in IceTray's words.

    Examples
    --------
    >>> particle_name(-13), particle_name(1000080160), particle_name(4)
    ('MuPlus', 'nucleus Z=8 A=16', 'PDG 4')
    """
    if 1000000000 < code < 1100000000:
        return f"nucleus Z={code // 10000 % 1000} A={code // 10 % 1000}"
    return _PARTICLES.get(code, f"PDG {code}")


# -- cells ------------------------------------------------------------------------------------------------------------


def exact(value: Any) -> str:
    """Write a value into one cell, numbers with all their digits.

    Examples
    --------
    >>> exact(1 / 3), exact(2.0), exact("text")
    ('0.3333333333333333', '2.0', 'text')
    """
    value = _bare(value)
    return str(value) if isinstance(value, float | np.floating) else cell(value)


def cell(value: Any) -> str:
    """Write a value into one cell, numbers with 7 digits.

    Examples
    --------
    >>> cell(1 / 3), cell(np.float32(0.1)), cell([1, 2]), cell(None)
    ('0.3333333', '0.1', '2 values', '-')
    """
    value = _bare(value)
    if isinstance(value, np.generic):
        value = value.item()
    match value:
        case None:
            return "-"
        case IntEnum():
            return f"{_enum_name(value)} ({int(value)})"
        case bool() | int():
            return str(value)
        case float():
            return f"{value:.7g}"
        case str():
            return "".join(c if c.isprintable() else "·" for c in value)
        case tuple():
            return f"({', '.join(_enum_name(part) if isinstance(part, IntEnum) else cell(part) for part in value)})"
        case Record():
            return _summary(value)
        case np.ndarray() if value.ndim == 1 and not value.dtype.names and value.size:
            return f"[{', '.join(map(cell, value[:3]))}" + (
                f", ... {value.size:,} values]" if value.size > 3 else "]"
            )
        case dict():
            return _count(len(value), "entry", "entries")
        case list() | np.ndarray():
            kind = value[0].i3class if len(value) and isinstance(value[0], Record) else ""
            return f"{len(value):,} {kind}" if kind else _count(len(value), "value")
    return str(value)


def _enum_name(value: Any) -> str:
    return value.name if isinstance(value, IntEnum) else str(value)


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one}" if n == 1 else f"{n:,} {many or one + 's'}"


def _summary(value: Record) -> str:
    """Say a small record in one cell; others are named by their class."""
    match value.i3class:
        case "I3Position":
            return f"({', '.join(f'{v:.2f}' for v in (value.x, value.y, value.z))})"
        case "I3Direction" if value.zenith is not None:
            return f"zenith {np.degrees(value.zenith):.2f}°, azimuth {np.degrees(value.azimuth):.2f}°"
        case "I3Time":
            return utc(value.utc_year, value.utc_daq_time)
    return value.i3class


def utc(year: int, tenths: int) -> str:
    """Write a time that counts tenths of ns from the start of a year (leap seconds aside).

    Examples
    --------
    >>> utc(2014, 108790874074311225)
    '2014-05-06 21:58:07.4074311225'
    """
    seconds, rest = divmod(tenths, 10**10)
    if not 1 <= year <= 9999:
        return f"year {year}, {tenths} tenths of ns"
    begin = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
    return f"{begin + dt.timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}.{rest:010d}"


def curve(values: npt.NDArray[np.float64], width: int, height: int = 1) -> list[str]:
    """Draw values as bars of so many characters, the highest line first.

    Examples
    --------
    >>> curve(np.array([0.0, 1.0, 2.0, 3.0, 4.0]), 5)
    [' ▂▄▆█']
    """
    values = np.where(np.isfinite(values), values, 0.0)
    edges = np.linspace(0, values.size, min(width, values.size) + 1).astype(int)[:-1]
    means = np.add.reduceat(values, edges) / np.diff(np.append(edges, values.size))
    low, high = min(0.0, float(means.min())), float(means.max())
    steps = np.round((means - low) / ((high - low) or 1.0) * 8 * height).astype(int)
    return [
        "".join(" ▁▂▃▄▅▆▇█"[max(0, min(8, s - 8 * row))] for s in steps) for row in reversed(range(height))
    ]
