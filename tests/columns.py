"""The page of columns: `python tests/columns.py > docs/columns.md`. Every class is converted."""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import icecol as ic
from icecol.dataset import schema as schemas
from icecol.i3.archive.kinds import is_frame_object
from icecol.i3.classes import FAMILIES
from icecol.i3.columns.compiler import flattens
from icecol.i3.coverage import TITLES

TOP = """\
# Columns

The columns that a key of each class becomes, with types, units and meanings as they stand in the schema of a dataset
(`ds.schema`, `icecol info --columns`), and those of the tables beside the events. Generated: every class is converted.
How keys become columns, and what null means: [data model](data-model.md). Versions and evidence: [classes](classes.md).

A key `Key` of class I3Particle becomes `Key.x`, `Key.y` and so on. An old version of a class may lack members; their
columns are then null, or absent if no file has them.
"""
TABLES = {
    "geometry": "`ds.geometry`: a row for each PMT",
    "calibration": "`ds.calibration`: a row for each PMT",
    "detector_status": "`ds.detector_status`: a row for each PMT",
    "trigger_status": "`ds.trigger_status`: a row for each trigger",
}
BY_NAME = "One column for each name in the map, `Key.NAME`"


def converted(folder: Path) -> pa.Schema:
    """Convert a frame that has an object of each class, under its name."""
    frame = ic.Frame("P")
    for name in (c.name for family in FAMILIES.values() for c in family):
        if is_frame_object(name) and flattens(name):
            frame[name] = ic.new(name)
    ic.write_i3(folder / "all.i3", [frame])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no event header
        return ic.convert.i3(folder / "all.i3", folder / "all.icecol", jobs=1).schema


def by_class(schema: pa.Schema) -> dict[str, list[pa.Field]]:
    """Return the columns of each class."""
    found: dict[str, list[pa.Field]] = {}
    for column in schema:
        found.setdefault(schemas.class_of(column), []).append(column)
    return found


def kind(dtype: pa.DataType) -> str:
    """Name a type in a few letters: i32, f64, list<f64>.

    >>> kind(pa.large_list(pa.float64())), kind(pa.uint8()), kind(pa.bool_())
    ('list<f64>', 'u8', 'bool')
    """
    if pa.types.is_list(dtype) or pa.types.is_large_list(dtype):
        return f"list<{kind(dtype.value_type)}>"
    if pa.types.is_fixed_size_list(dtype):
        return f"{kind(dtype.value_type)}[{dtype.list_size}]"
    if pa.types.is_dictionary(dtype):
        return kind(dtype.value_type)
    if pa.types.is_struct(dtype):
        return f"struct<{', '.join(f'{f.name}: {kind(f.type)}' for f in dtype)}>"
    text = str(dtype).removeprefix("large_")
    for long, short in (("uint", "u"), ("int", "i"), ("double", "f64"), ("float", "f32"), ("halff32", "f16")):
        text = text.replace(long, short)
    return text


def rows(columns: Iterable[pa.Field]) -> Iterator[str]:
    """Yield the rows of a table of columns, without the key."""
    yield from ("| column | type | unit | meaning |", "|---|---|---|---|")
    for column in columns:
        name = column.name.partition(".")[2] or column.name
        meaning = schemas.doc(column).replace("|", "\\|")
        yield f"| `{name}` | {kind(column.type)} | {schemas.unit(column)} | {meaning} |"


def page(of_classes: Mapping[str, list[pa.Field]], tables: Mapping[str, pa.Schema]) -> str:
    """Make the page in Markdown."""
    lines = [TOP, "## Tables of the detector", ""]
    for name, schema in tables.items():
        lines += [f"### {name}", "", f"{TABLES[name]}.", "", *rows(schema), ""]
    for family, classes in FAMILIES.items():
        known = [c.name for c in classes if is_frame_object(c.name) and flattens(c.name)]
        lines += [f"## {TITLES[family]}", ""] if known else []
        for name in known:
            lines += [f"### {name}", ""]
            lines += [*rows(of_classes[name]), ""] if name in of_classes else [f"{BY_NAME}.", ""]
    return "\n".join(lines).rstrip() + "\n"


def made() -> str:
    """Convert all there is, and return the page."""
    with tempfile.TemporaryDirectory() as at:
        folder = Path(at)
        ic.sim.write(folder / "sim.i3", ic.sim.events(1, seed=1), gcd=folder / "GCD.i3")
        ic.convert.i3(folder / "sim.i3", folder / "sim.icecol", gcd=folder / "GCD.i3", jobs=1)
        tables = {name: pq.read_schema(folder / "sim.icecol" / f"{name}.parquet") for name in TABLES}
        return page(by_class(converted(folder)), tables)


if __name__ == "__main__":
    sys.stdout.write(made())
