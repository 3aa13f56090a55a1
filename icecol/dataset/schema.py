"""Column schemas: units and meanings as Arrow metadata, the union of many files' columns, Parquet encodings."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.types as pt

from icecol.errors import SchemaError

if TYPE_CHECKING:
    import polars as pl

LEVEL: Final = 1
"""zstd level: against level 3, scalar columns are as small, lists 1.5 % larger and written 12 % quicker."""
_SAMPLE_ROWS: Final = 1024
_SAMPLE_VALUES: Final = 4096
_SAMPLE_DISTINCT: Final = 512


def field(name: str, dtype: pa.DataType, unit: str = "", doc: str = "", **more: str) -> pa.Field:
    r"""Make the Arrow field of a column, with `unit`, `doc` and `more` as its metadata.

    A name that is not valid UTF-8 (and so contains lone surrogates) is taken as Latin-1, like other strings. A NUL, at
    which the name would end for other libraries, becomes the four characters `\x00`.

    Examples
    --------
    >>> import pyarrow as pa
    >>> field("LineFit.zenith", pa.float64(), unit="rad", doc="zenith angle the particle came from").metadata
    {b'unit': b'rad', b'doc': b'zenith angle the particle came from'}
    """
    if not name.isascii():
        raw = name.encode(
            "utf-8", "surrogateescape"
        )  # a name from a file may hold any bytes; a column's cannot
        try:
            raw.decode()
        except UnicodeDecodeError:
            name = raw.decode("latin-1")
    name = name.replace("\0", "\\x00")
    return pa.field(name, dtype, metadata={"unit": unit, "doc": doc, **more})


def unit(column: pa.Field) -> str:
    """Return the unit of a column; an empty string if it has none."""
    return (column.metadata or {}).get(b"unit", b"").decode()


def doc(column: pa.Field) -> str:
    """Return the meaning of a column; an empty string if undocumented."""
    return (column.metadata or {}).get(b"doc", b"").decode()


def key_of(column: str | pa.Field) -> str:
    """Return the frame key of a column: the part before the first dot, or what `of_keys` noted.

    >>> key_of("FilterMask.MuonFilter_13.condition_passed")
    'FilterMask'
    """
    if isinstance(column, str):
        return column.partition(".")[0]
    noted = (column.metadata or {}).get(_KEY)
    return key_of(column.name) if noted is None else str(json.loads(noted))


def class_of(column: pa.Field) -> str:
    """Return the class of the objects that a column comes from; an empty string if it is not known."""
    return (column.metadata or {}).get(_CLASS, b"").decode()


_KEY: Final = b"key"
_CLASS: Final = b"class"


def of_keys(
    columns: Mapping[str, Sequence[pa.Field]], classes: Mapping[str, str] | None = None
) -> list[pa.Field]:
    """Return the columns of some frame keys.

    They note the class of the key, if given, and their key where their names do not tell it (one with a dot).

    Raises
    ------
    SchemaError
        If two columns have the same name, as of a key `A.B` and of a map `A` with an entry `B`.
    """
    seen: dict[str, str] = {}
    made = []
    for key, fields in columns.items():
        of_class = (classes or {}).get(key)
        for column in fields:
            name = column.name
            if name in seen:
                both = " and ".join(sorted({repr(seen[name]), repr(key)}))
                msg = f"two columns have the same name, {name!r}: of key {both}; leave one out by `keys`"
                raise SchemaError(msg)
            seen[name] = key
            about = _with_class(column, name, of_class) if of_class else column
            if key_of(name) != key:  # as ASCII: a key may hold any bytes
                about = about.with_metadata({**(about.metadata or {}), _KEY: json.dumps(key)})
            made.append(about)
    return made


def _with_class(column: pa.Field, name: str, of_class: str) -> pa.Field:
    """Note a class in a column; of the same columns, as every batch has them, only once."""
    known = _NOTED.get((name, of_class))
    if known is None or not (known[0] is column or known[0].equals(column, check_metadata=True)):
        if len(_NOTED) >= _MOST_NOTED:
            _NOTED.clear()
        about = {**(column.metadata or {}), _CLASS: of_class.encode("utf-8", "replace")}
        known = _NOTED[name, of_class] = column, column.with_metadata(about)
    return known[1]


_NOTED: Final[dict[tuple[str, str], tuple[pa.Field, pa.Field]]] = {}
"""Columns by name and class: as they were given, and with the class noted."""
_MOST_NOTED: Final = 65536


def unite(named_schemas: Iterable[tuple[str | PurePath, pa.Schema]]) -> pa.Schema:
    """Unite the schemas of many files: every column once, in order of first appearance.

    Types are never widened: a column has one type or the union fails. Each column becomes nullable (a file
    may lack its key); its metadata are those of the first file that has it. Metadata of the schemas
    themselves (not of their columns) are dropped.

    Parameters
    ----------
    named_schemas
        Pairs of a file's name, for the error message, and its schema.

    Raises
    ------
    SchemaError
        If two files give a column different types.

    Examples
    --------
    >>> import pyarrow as pa
    >>> a, b = pa.schema({"K.x": pa.float64()}), pa.schema({"K.x": pa.float64(), "N.value": pa.int32()})
    >>> unite([("a.i3", a), ("b.i3", b)]).names
    ['K.x', 'N.value']
    """
    united = United()
    for name, schema in named_schemas:
        united.add(name, schema)
    return united.schema


class United:
    """The union of the schemas added so far, as `unite` makes it.

    >>> import pyarrow as pa
    >>> united = United()
    >>> united.add("a.i3", pa.schema({"K.x": pa.float64()}))
    True
    >>> united.add("b.i3", pa.schema({"K.x": pa.float64()}))
    False
    """

    def __init__(self) -> None:
        self.schema: pa.Schema = pa.schema([])
        """The union."""
        self._columns: dict[str, tuple[pa.Field, str | PurePath]] = {}
        self._last: pa.Schema = self.schema

    @property
    def origins(self) -> tuple[str, ...]:
        """The file that introduced each column."""
        return tuple(str(name) for _, name in self._columns.values())

    def add(self, name: str | PurePath, schema: pa.Schema, origins: Sequence[str] | None = None) -> bool:
        """Add the schema of a file, or a union and its `origins`; return whether it added columns.

        Raises as `unite` does.
        """
        if schema.equals(self._last, check_metadata=True):
            return False
        known = len(self._columns)
        for i, column in enumerate(schema):
            of = name if origins is None else origins[i]
            first, other = self._columns.setdefault(column.name, (column, of))
            if key_of(first) != key_of(column):
                msg = (
                    f"column {column.name!r} is of key {key_of(first)!r} in {other} but of key {key_of(column)!r} in "
                    f"{of}: convert these files into separate datasets, or leave out one of the keys"
                )
                raise SchemaError(msg)
            if first.type != column.type:
                where = f"in {other} but {column.type} in {of}"
                advice = "convert these files into separate datasets, or leave out the key (`keys`, `pulses`)"
                if other == of:
                    where = f"in some events of {of} but {column.type} in others"
                    advice = "leave out the key (`keys`, `pulses`)"
                msg = (
                    f"column {column.name!r} (key {key_of(column)!r}) is {first.type} {where}: a column has a single "
                    f"type; {advice}"
                )
                raise SchemaError(msg)
        self._last = schema
        if len(self._columns) == known:
            return False
        self.schema = pa.schema([column.with_nullable(nullable=True) for column, _ in self._columns.values()])
        return True


def align(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Align a table with a schema that has all its columns: reorder them, and fill missing ones with nulls."""
    if table.schema.equals(schema):
        return table
    present = set(table.schema.names)
    columns = [
        table.column(column.name) if column.name in present else pa.nulls(table.num_rows, column.type)
        for column in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def to_polars(schema: pa.Schema) -> pl.Schema:
    """Return the Polars schema of an Arrow schema, with the same names, order and types."""
    import polars as pl

    frame = pl.from_arrow(schema.empty_table())
    if not isinstance(frame, pl.DataFrame):  # pragma: no cover - a table always becomes a frame
        msg = f"an Arrow table became {type(frame).__name__}"
        raise SchemaError(msg)
    return frame.schema


def to_text(schema: pa.Schema) -> str:
    """Encode a schema with all its metadata as text (base64 of the Arrow serialization)."""
    return base64.b64encode(schema.serialize()).decode("ascii")


def from_text(text: str) -> pa.Schema:
    """Decode what `to_text` wrote."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))


def leaves(column: pa.Field) -> Iterator[tuple[str, pa.DataType, int]]:
    """Walk the Parquet leaves of a column: path, type, and how many lists it lies in.

    Examples
    --------
    >>> import pyarrow as pa
    >>> list(leaves(pa.field("P.time", pa.list_(pa.float64()))))
    [('P.time.list.element', DataType(double), 1)]
    """
    stack = [(column.name, column.type, 0)]
    while stack:
        path, dtype, depth = stack.pop()
        if pt.is_list(dtype) or pt.is_large_list(dtype) or pt.is_fixed_size_list(dtype):
            stack.append((f"{path}.list.element", dtype.value_type, depth + 1))
        elif pt.is_struct(dtype):
            stack += [
                (f"{path}.{dtype[i].name}", dtype[i].type, depth) for i in reversed(range(dtype.num_fields))
            ]
        else:
            yield path, dtype, depth


def column_options(schema: pa.Schema, sample: pa.Table | None = None) -> dict[str, Any]:
    """Choose encoding, compression and statistics of every Parquet leaf: keyword arguments of ParquetWriter.

    Scalar numbers are written plain under zstd: trying a dictionary costs four times as much as all the rest
    where most values are distinct, and makes the file larger. They alone carry statistics, since predicates
    prune row groups on them and on nothing else. Numbers of four or eight bytes in lists are byte-stream-split
    (times, sensor keys) unless the sample shows few distinct values (quantised charges, widths), which a
    dictionary holds best; so it does small integers and strings.

    Parameters
    ----------
    schema
        The columns to be written.
    sample
        The first rows to be written, or None to judge by type alone.
    """
    dictionary: list[str] = []
    split: dict[str, str] = {}
    statistics: list[str] = []
    for column in schema:
        name = column.name
        for end, depth, wide, boolean, primitive in _leaf_kinds(column.type):
            path = name + end
            if depth == 0:
                statistics.append(path)
                if not primitive:
                    dictionary.append(path)
            elif boolean:
                continue
            elif wide and not (sample is not None and _few_distinct(sample, name, depth)):
                split[path] = "BYTE_STREAM_SPLIT"
            else:
                dictionary.append(path)
    return {
        "compression": "zstd",
        "compression_level": LEVEL,
        "use_dictionary": dictionary or False,
        "column_encoding": split or None,
        "write_statistics": statistics or False,
    }


@lru_cache(maxsize=1024)
def _leaf_kinds(dtype: pa.DataType) -> list[tuple[str, int, bool, bool, bool]]:
    """Return what `column_options` asks of each leaf of a type: the rest of its path, depth, and what it holds."""
    return [
        (path, depth, _is_wide_number(leaf), pt.is_boolean(leaf), pt.is_primitive(leaf))
        for path, leaf, depth in leaves(pa.field("", dtype))
    ]


def _is_wide_number(dtype: pa.DataType) -> bool:
    return bool((pt.is_floating(dtype) or pt.is_integer(dtype)) and dtype.bit_width >= 32)


def _few_distinct(sample: pa.Table, name: str, depth: int) -> bool:
    """Return whether a column of lists of numbers begins with so few distinct values that a dictionary pays."""
    chunks = [chunk for chunk in sample.column(name).chunks if len(chunk) > chunk.null_count]
    if not chunks:
        return False
    values = chunks[0].slice(0, _SAMPLE_ROWS)
    for _ in range(depth):
        if not hasattr(values, "flatten"):
            return False
        values = values.flatten()
    values = values.slice(0, _SAMPLE_VALUES)
    if not pt.is_primitive(values.type):
        return False
    import pyarrow.compute as pc  # takes long to import

    distinct: int = pc.count_distinct(values).as_py()
    return distinct <= max(1, len(values) * _SAMPLE_DISTINCT // _SAMPLE_VALUES)
