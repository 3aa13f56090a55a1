"""Facts about the events of a lazy frame: units and meanings of columns, datasets, settings, livetime.

A LazyFrame carries no metadata, so the facts are read off its plan: a column is followed from the end of the plan to
the Parquet files that it comes from, and these are looked up in their dataset's manifest. That works for plain Polars
code (filter, rename, join, concat), as the plan is all it needs. A subclass of LazyFrame would lose itself in a
`group_by`, and would keep one frame's facts through `concat`; a look-up by name alone would give radians to a
column that `with_columns` turned into degrees.

A column that is computed, aggregated, collected or foreign has no facts: to ask for one is an error, never a guess.
The plan is seen through Polars' node traverser, which is not a stable interface: a node that is not known here ends
the search in the same way. Hence nothing that must be safe, such as blinding, may depend on facts being there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any, Final

import polars as pl

from icecol.dataset import manifest as manifests
from icecol.dataset import saved
from icecol.dataset import schema as schemas
from icecol.dataset.events import Events, lazy_frame
from icecol.dataset.manifest import Manifest
from icecol.errors import DatasetError, MissingFactError
from icecol.places import is_remote, place

UNITS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("zenith", "azimuth", "ra", "dec"), "rad"),
    **dict.fromkeys(("x", "y", "z", "length"), "m"),
    **dict.fromkeys(("time", "width"), "ns"),
    **dict.fromkeys(("charge", "total"), "PE"),
    "energy": "GeV",
    "speed": "m/ns",
}
"""Units of the members of features, which are IceTray's: a kernel that returns a `zenith` returns it in rad."""


def unit_of(member: str, members: Collection[str]) -> str:
    """Return the unit of a member of a feature that has these members; empty if none is known.

    >>> unit_of("length", ["zenith", "length"]), unit_of("length", ["time", "length"])
    ('m', 'ns')
    """
    if member == "length" and "time" in members and "zenith" not in members:
        return "ns"  # how long a trigger lasts, not a track
    return UNITS.get(member, "")


_SHARED: Final = "__POLARS_CSER"
"""How Polars names what several expressions share."""
_SAME_ROWS: Final = {"Cache", "Distinct", "Filter", "SimpleProjection", "Slice", "Sort"}
_STACKED: Final = {"MergeSorted", "Union"}
_LEFT_FIRST: Final = {"Anti", "Cross", "Full", "Inner", "Left", "Semi"}
_UNREADABLE: Final = (
    AttributeError, IndexError, KeyError, NotImplementedError, TypeError, ValueError,
    pl.exceptions.PolarsError, pl.exceptions.PanicException,
)  # fmt: skip


def hidden(feature: str) -> str:
    """Return the name of the temporary column that holds the struct of a feature.

    >>> hidden("LineFit")
    '__LineFit'
    """
    return f"__{feature}"


@dataclass(frozen=True, slots=True)
class Column:
    """What is known of one column."""

    unit: str
    """Its unit; empty if dimensionless."""
    doc: str = ""
    """Its meaning; empty if undocumented."""


def facts(events: Events) -> Facts:
    """Find out what is known about the events of a frame, reading only the manifests of their datasets.

    Facts follow the columns of datasets, even if renamed, through filters, joins and concatenations; the members of
    features have units as well. They do not survive computation in the query, a `group_by` or a `collect`; in that
    case, ask the dataset: `ic.facts(ds)`.

    Parameters
    ----------
    events
        A dataset, or events from any query.

    Returns
    -------
    Facts
        `unit`, `doc` and `label` of a column, `sources`, `livetime`; unknown ones raise MissingFactError.

    Examples
    --------
    >>> import icecol as ic, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> ic.sim.write(folder / "muons.i3.zst", ic.sim.events(5, seed=1))
    >>> ds = ic.convert.i3(folder / "muons.i3.zst", folder / "muons.icecol", jobs=1)
    >>> events = ic.with_features(ds.scan(), Q=ic.reco.charge(ds.pulses("InIcePulses")))
    >>> ic.facts(events).unit("MCPrimary.zenith"), ic.facts(events).label("Q.total")
    ('rad', 'Q.total / PE')
    """
    lazy = lazy_frame(events)
    try:
        return Facts(_read(lazy._ldf.visit()))
    except _UNREADABLE:
        return Facts(_Node("", ()))


@dataclass(frozen=True, slots=True)
class _Node:
    """One step of a plan, as far as columns can be followed through it."""

    name: str
    schema: tuple[str, ...]
    inputs: tuple[_Node, ...] = ()
    made: Mapping[str, Any] | None = None
    """By name: the column it is (a string), a null (None), a field of a feature (`Column`), or computed (False)."""
    how: str = ""
    suffix: str = ""
    datasets: tuple[Path, ...] = ()
    whole: bool = True
    """All parts of the datasets are read, and no number of rows ends the step."""


class Facts:
    """What is known about the events of a frame; made by `facts`."""

    __slots__ = ("_plan",)

    def __init__(self, plan: _Node) -> None:
        self._plan = plan

    def unit(self, column: str) -> str:
        """Return the unit of a column; an empty string if it is dimensionless.

        Parameters
        ----------
        column
            Name of the column.

        Raises
        ------
        MissingFactError
            If it is not known, since the column is computed, collected or not from a dataset.
        """
        return self._known(column).unit

    def doc(self, column: str) -> str:
        """Return the meaning of a column; raises as `unit` does."""
        return self._known(column).doc

    def label(self, column: str) -> str:
        """Return an axis label for a column, such as `Q.total / PE`; raises as `unit` does."""
        unit = self.unit(column)
        return f"{column} / {unit}" if unit else column

    def knows(self, column: str) -> bool:
        """Return whether the unit of a column is known."""
        return isinstance(_trace(self._plan, column), Column)

    @property
    def sources(self) -> tuple[Path, ...]:
        """The folders of the datasets that the frame reads."""
        return tuple(dict.fromkeys(path for node in _nodes(self._plan) for path in node.datasets))

    @property
    def blinding(self) -> str:
        """What is blind in the datasets, as figures show it; empty if nothing is, or the datasets are not known."""
        found = (_manifest(path).blinding.describe() for path in self.sources)
        return "; ".join(dict.fromkeys(text for text in found if text))

    @property
    def livetime(self) -> float:
        """Total livetime (s) of the datasets, for burn samples of that part, regardless of the selection of events.

        Raises
        ------
        MissingFactError
            If a dataset has no `livetime` in its settings or is read only in part, or events come from elsewhere.
        """
        total = 0.0
        for path in _whole(self._plan):
            livetime = _manifest(path).settings.get("livetime")
            if not isinstance(livetime, (int, float)):
                msg = f"{path} has no livetime; give it when converting: settings={{'livetime': seconds}}"
                raise MissingFactError(msg)
            total += livetime * _manifest(path).blinding.fraction
        return total

    def __repr__(self) -> str:
        return f"Facts(sources={[str(s) for s in self.sources]})"

    def _known(self, column: str) -> Column:
        found = _trace(self._plan, column)
        if isinstance(found, Column):
            return found
        if column not in self._plan.schema and self._plan.schema:
            msg = f"the frame has no column {column!r}"
        else:
            msg = (
                f"nothing is known about {column!r} here, since the query does not take it unchanged from a dataset; "
                "ask the dataset, ic.facts(ds), or give it explicitly, as in label='zenith / deg'"
            )
        raise MissingFactError(msg)


def _read(visitor: Any) -> _Node:
    """Read the node that the visitor is at, and all below it."""
    here = visitor.get_node()
    schema = tuple(visitor.get_schema())
    children = []
    for child in visitor.get_inputs():
        visitor.set_node(child)
        try:
            children.append(_read(visitor))
        except _UNREADABLE:
            children.append(_Node("", ()))
    inputs = tuple(children)
    visitor.set_node(here)
    try:
        return _node(visitor, schema, inputs)
    except _UNREADABLE:
        return _Node("", schema, inputs)


def _node(visitor: Any, schema: tuple[str, ...], inputs: tuple[_Node, ...]) -> _Node:
    node = visitor.view_current_node()
    name = type(node).__name__
    match name:
        case "Scan":
            index = node.file_options.row_index
            found = _datasets_of([place(p) for p in node.paths]) if node.scan_type[0] == "parquet" else {}
            made = {} if index is None else {index[0]: False}
            whole = all(found.values()) and node.file_options.n_rows is None
            return _Node(name, schema, inputs, made, datasets=tuple(found), whole=whole)
        case "HStack" | "Select":
            exprs = node.exprs if name == "HStack" else node.expr
            types = visitor.get_schema()
            made = {e.output_name: _made(visitor, e, types) for e in exprs}
            return _Node(name, schema, inputs, made | {c: c for c in made.keys() & _veiled(inputs)})
        case "Join":
            how, suffix = node.options[0], node.options[3]
            known = how if isinstance(how, str) else ""
            return _Node(name, schema, inputs, how=known, suffix=suffix, whole=node.options[2] is None)
        case "MapFunction":
            what = node.function[0]
            if what == "row_index":
                return _Node("HStack", schema, inputs, {node.function[1]: False})
            return _Node("Cache" if what in {"explode", "hint_sorted", "rechunk"} else "", schema, inputs)
        case "Distinct":
            return _Node(name, schema, inputs, whole=node.options[3] is None)
    return _Node(name, schema, inputs, whole=getattr(node, "slice", None) is None)


def _veiled(inputs: tuple[_Node, ...]) -> set[str]:
    """Return the columns that blinding hides or scrambles: by the first expressions after the scan of a dataset."""
    node = inputs[0]
    while node.name == "Filter" or (node.made and all(c.startswith(_SHARED) for c in node.made)):
        node = node.inputs[0]
    return {column for path in node.datasets for column in _manifest(path).blinding.columns}


def _made(visitor: Any, expr: Any, types: Mapping[str, Any]) -> Any:
    """Return what an expression makes (see `_Node.made`), given the types of the columns that there are."""
    try:
        found = visitor.view_expression(expr.node)
        match type(found).__name__:
            case "Column":
                return str(found.name)
            case "Literal" if found.value is None:
                return None
            case "Function" if str(found.function_data[0]).endswith("FieldByName"):
                key, dot, member = expr.output_name.rpartition(".")
                struct = visitor.view_expression(found.input[0])
                if (
                    dot
                    and found.function_data[1] == member
                    and getattr(struct, "name", "") == hidden(key)
                    and (unit := unit_of(member, [f.name for f in types[hidden(key)].fields]))
                ):
                    return Column(unit)
    except _UNREADABLE:
        return False
    return False


def _trace(node: _Node, column: str) -> Column | bool | None:
    """Follow a column to where it comes from: what is known of it, None if it is all null, else False."""
    made = node.made or {}
    if column in made and not isinstance(made[column], str):
        found: Column | bool | None = made[column]
        return found
    source = made.get(column, column)
    match node.name:
        case "Scan":
            return _agreed([_look_up(path, column) for path in node.datasets] or [False])
        case "HStack":
            return _trace(node.inputs[0], source)
        case "Select":
            return _trace(node.inputs[0], source) if column in made else False
        case "Join":
            return _trace_join(node, column)
        case name if name in _STACKED:
            return _agreed([_trace(child, column) for child in node.inputs])
        case "HConcat":
            return _agreed([_trace(child, column) for child in node.inputs if column in child.schema])
        case name if name in _SAME_ROWS:
            return _trace(node.inputs[0], column)
    return False


def _trace_join(node: _Node, column: str) -> Column | bool | None:
    left, right = node.inputs
    if column in left.schema and (column not in right.schema or node.how in _LEFT_FIRST):
        return _trace(left, column)
    if column in left.schema:
        return _agreed([_trace(left, column), _trace(right, column)])
    if column in right.schema:
        return _trace(right, column)
    return _trace(right, column.removesuffix(node.suffix))


def _agreed(found: list[Column | bool | None]) -> Column | bool | None:
    """Return what all sides say; a side that has only nulls has no say."""
    known = [f for f in found if f is not None]
    if not known:
        return None
    first = known[0]
    return first if all(f == first for f in known) else False


def _nodes(node: _Node) -> Iterator[_Node]:
    yield node
    for child in node.inputs:
        yield from _nodes(child)


def _whole(node: _Node) -> dict[Path, None]:
    """Return the datasets that the rows of a plan come from, if they come from nothing else."""
    if node.whole:
        if node.datasets:
            return dict.fromkeys(node.datasets)
        if node.name == "HConcat":  # events beside their saved features
            each = [_whole(child) for child in node.inputs]
            if all(found == each[0] for found in each):
                return each[0]
        if node.name in _STACKED:
            return {path: None for child in node.inputs for path in _whole(child)}
        joined = node.name == "Join" and node.how in {"Anti", "Inner", "Left", "Semi"}
        if joined or node.name in {*_SAME_ROWS, "HStack", "Select"} - {"Slice"}:
            return _whole(node.inputs[0])
    msg = (
        "the livetime is not known: events come from elsewhere, from part of a dataset, from a limited number of "
        f"rows or from a group_by (step {node.name or 'unknown'!r} of the plan); give it explicitly"
    )
    raise MissingFactError(msg)


def _look_up(dataset: Path, column: str) -> Column | bool:
    manifest = _manifest(dataset)
    schema = saved.with_columns(manifest.schema, manifest.features)
    i = schema.get_field_index(column)
    return Column(schemas.unit(schema.field(i)), schemas.doc(schema.field(i))) if i >= 0 else False


def _datasets_of(paths: list[Path]) -> dict[Path, bool]:
    """Return the datasets whose parts these files are, and whether they are all; none if a file is of no dataset."""
    found: dict[Path, bool] = {}
    left = set(paths)
    for path in paths:
        if path not in left:
            continue
        remote = is_remote(path)  # each look there is a request
        near = path.parents[1:2] if remote else path.parents[:2]
        folder = next((f for f in near if remote or (f / manifests.NAME).is_file()), None)
        if folder is None:
            return {}
        try:
            every = _files(_manifest(folder))
        except (DatasetError, OSError):
            return {}
        parts = next((some for names in every if path in (some := {folder / name for name in names})), None)
        if parts is None:
            return {}
        found[folder] = parts <= left
        left -= parts
    return found


def _files(manifest: Manifest) -> list[list[str]]:
    """Return the files of the events, and of each saved feature."""
    features = ([part.path for part in feature.parts] for feature in manifest.features)
    return [[part.path for part in manifest.parts], *features]


def _manifest(folder: Path) -> Manifest:
    path = folder / manifests.NAME
    # of a store, anew once a minute: a figure asks a dozen times
    return _manifest_at(path, int(monotonic() / 60) if is_remote(path) else path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _manifest_at(path: Path, _version: object) -> Manifest:
    return manifests.read(path)
