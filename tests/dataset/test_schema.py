from __future__ import annotations

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecol.dataset import schema as schemas
from icecol.errors import SchemaError

TYPES = {
    "A.x": pa.float64(),
    "A.n": pa.int32(),
    "P.time": pa.list_(pa.float64()),
    "B.ok": pa.bool_(),
    "S.s": pa.string(),
}
some_columns = st.lists(st.sampled_from(sorted(TYPES)), unique=True).map(
    lambda n: pa.schema([(k, TYPES[k]) for k in n])
)


def unite(*found: pa.Schema) -> pa.Schema:
    return schemas.unite((f"{i}.i3", schema) for i, schema in enumerate(found))


def test_a_field_carries_unit_and_meaning():
    column = schemas.field("LineFit.zenith", pa.float64(), unit="rad", doc="zenith", paper="x")
    assert (schemas.unit(column), schemas.doc(column)) == ("rad", "zenith")
    assert column.metadata[b"paper"] == b"x"
    assert schemas.unit(pa.field("a", pa.int8())) == ""


@given(some_columns, some_columns, some_columns)
def test_the_union_is_associative_and_keeps_the_order_of_first_appearance(a, b, c):
    assert unite(unite(a, b), c).equals(unite(a, unite(b, c)))
    assert unite(a, b, c).names == list(dict.fromkeys(a.names + b.names + c.names))
    assert unite(a, a).equals(unite(a))


def test_the_union_keeps_metadata_of_the_first_and_lets_every_column_be_null():
    a = pa.schema([schemas.field("A.x", pa.float64(), unit="m").with_nullable(nullable=False)])
    b = pa.schema([schemas.field("A.x", pa.float64(), unit="km")])
    united = unite(a, b)
    assert schemas.unit(united.field("A.x")) == "m"
    assert united.field("A.x").nullable


@pytest.mark.parametrize(
    ("a", "b"),
    [(pa.int32(), pa.int64()), (pa.float32(), pa.float64()), (pa.float64(), pa.list_(pa.float64()))],
    ids=str,
)
def test_a_type_conflict_names_column_key_files_and_types(a, b):
    with pytest.raises(SchemaError) as err:
        unite(pa.schema([("Fit.x", a)]), pa.schema([("Other.y", a)]), pa.schema([("Fit.x", b)]))
    for part in ("'Fit.x'", "'Fit'", "0.i3", "2.i3", f" {a} ", f" {b} "):
        assert part in str(err.value)


def test_text_gives_the_schema_back_with_metadata():
    schema = pa.schema(
        [schemas.field("P.time", pa.list_(pa.float64()), unit="ns", doc="since trigger: µs → ns")]
    )
    assert schemas.from_text(schemas.to_text(schema)).equals(schema, check_metadata=True)


def test_align_reorders_and_fills_with_nulls():
    schema = pa.schema([("a", pa.int8()), ("P.time", pa.list_(pa.float64())), ("b", pa.string())])
    aligned = schemas.align(pa.table({"b": ["x", "y"], "a": pa.array([1, 2], pa.int8())}), schema)
    assert aligned.schema.equals(schema)
    assert aligned.to_pydict() == {"a": [1, 2], "P.time": [None, None], "b": ["x", "y"]}


EVERY_KIND = pa.table(
    {
        "K.f64": pa.array([1.5, None, float("inf"), -0.0]),
        "K.i32": pa.array([1, 2, None, -4], pa.int32()),
        "K.u64": pa.array([1, 2**64 - 1, None, 0], pa.uint64()),
        "K.b": [True, None, False, True],
        "K.s": ["x", None, "", "µ"],
        "K.t": pa.array([0, 1, None, 2**60], pa.timestamp("ns", "UTC")),
        "P.time": [[1.0, 2.0], [], None, [1e300]],
        "P.charge": pa.array([[1, 2], [], None, [0.25]], pa.list_(pa.float32())),
        "P.flags": pa.array([[1, 255], [], None, [0]], pa.list_(pa.uint8())),
        "P.omkey": pa.array([[1 << 16, -5], [], None, [2**31 - 1]], pa.list_(pa.int32())),
        "P.mask.x": [[True, False], [], None, [True]],
        "N.names": [["a"], [], None, ["b", "c"]],
        "N.nested": pa.array([[[1.0], []], [], None, [[2.0]]], pa.list_(pa.list_(pa.float64()))),
    }
)


@pytest.mark.parametrize("sample", [None, EVERY_KIND], ids=["by type", "by sample"])
def test_polars_reads_every_kind_of_column_exactly(tmp_path, sample):
    path = tmp_path / "a.parquet"
    pq.write_table(EVERY_KIND, path, **schemas.column_options(EVERY_KIND.schema, sample))
    assert pl.read_parquet(path).equals(pl.from_arrow(EVERY_KIND))
    assert pl.read_parquet(path).schema == schemas.to_polars(EVERY_KIND.schema)


def encodings(table: pa.Table, path) -> dict[str, tuple[str, ...]]:
    pq.write_table(table, path, **schemas.column_options(table.schema, table))
    group = pq.read_metadata(path).row_group(0)
    return {group.column(i).path_in_schema: group.column(i).encodings for i in range(group.num_columns)}


def test_leaves_get_the_encoding_their_values_ask_for(tmp_path):
    values = [[float(i + 100 * j) for i in range(100)] for j in range(100)]
    table = pa.table(
        {
            "P.time": values,
            "P.charge": pa.array([[0.25 * (i % 7) for i in row] for row in values], pa.list_(pa.float32())),
            "P.flags": pa.array([[1] * 100] * 100, pa.list_(pa.uint8())),
            "K.x": [row[0] for row in values],
        }
    )
    found = encodings(table, tmp_path / "a.parquet")
    assert "BYTE_STREAM_SPLIT" in found["P.time.list.element"]
    assert "RLE_DICTIONARY" in found["P.charge.list.element"]
    assert "RLE_DICTIONARY" in found["P.flags.list.element"]
    assert set(found["K.x"]) == {"PLAIN", "RLE"}


def test_only_scalars_have_statistics(tmp_path):
    pq.write_table(EVERY_KIND, tmp_path / "a.parquet", **schemas.column_options(EVERY_KIND.schema))
    group = pq.read_metadata(tmp_path / "a.parquet").row_group(0)
    for i in range(group.num_columns):
        assert group.column(i).is_stats_set == (".list" not in group.column(i).path_in_schema)
