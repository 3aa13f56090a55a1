"""Cuts with missing values, against logic of three values in plain Python, one event after another."""

from __future__ import annotations

import math
import operator
import threading

import numpy as np
import polars as pl
import polars.selectors as cs
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol import Cuts, missing

NAN = math.nan
X, Y, F, VALUES = (pl.col(name) for name in ("x", "y", "f", "values"))

numbers = st.sampled_from([None, NAN, -math.inf, -2.0, 0.0, 0.5, 1.0, 3.0, math.inf])
limits = st.sampled_from([-2.0, 0.0, 0.5, 1.0, 3, math.inf, NAN])
rows = st.fixed_dictionaries(
    {"x": numbers, "y": numbers, "f": numbers, "values": st.none() | st.lists(numbers, max_size=4)}
)
COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}
COMPARE["!="] = operator.ne
COMPUTE = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def known(value):
    return None if value is None or value != value else value


# an expression is a pair: how to write it in Polars, and its value for a row in Python

columns = st.sampled_from(["x", "y", "f"]).map(lambda c: (pl.col(c), lambda row: known(row[c])))
literals = limits.map(lambda v: (pl.lit(v), lambda row: known(v)))


def computed(parts):
    name, (a, in_a), (b, in_b) = parts

    def value(row):
        left, right = in_a(row), in_b(row)
        return None if left is None or right is None else known(COMPUTE[name](left, right))

    return COMPUTE[name](a, b), value


def rooted(part):
    a, in_a = part
    return a.sqrt(), lambda row: None if (v := in_a(row)) is None or v < 0 else math.sqrt(v)


def largest(part):
    function, least = part
    return (
        getattr(VALUES.list, function)() + least,
        lambda row: (
            None
            if row["values"] is None or not (there := [v for v in map(known, row["values"]) if v is not None])
            else known({"max": max, "min": min}[function](there) + least)
        ),
    )


def filled(part):
    (a, in_a), value = part
    return a.fill_null(value), lambda row: value if (v := in_a(row)) is None else v


floats = st.recursive(
    columns | literals | st.tuples(st.sampled_from(["max", "min"]), st.sampled_from([0.0, 1.0])).map(largest),
    lambda inner: (
        st.tuples(st.sampled_from(list(COMPUTE)), inner, inner).map(computed)
        | inner.map(rooted)
        | st.tuples(inner, st.sampled_from([0.0, 1.0])).map(filled)
    ),
    max_leaves=4,
)


def compared(parts):
    name, (a, in_a), (b, in_b) = parts

    def value(row):
        left, right = in_a(row), in_b(row)
        return None if left is None or right is None else COMPARE[name](left, right)

    return COMPARE[name](a, b), value


def between(parts):
    (a, in_a), low, high = parts
    return a.is_between(low, high), lambda row: None if (v := in_a(row)) is None else low <= v <= high


def inverted(part):
    a, in_a = part
    return ~a, lambda row: None if (v := in_a(row)) is None else not v


def joined(parts):
    both, (a, in_a), (b, in_b) = parts

    def value(row):
        found = {in_a(row), in_b(row)}
        decides = not both
        return decides if decides in found else None if None in found else both

    return (a & b if both else a | b), value


whole = st.sampled_from([-2.0, 0.0, 1.0, 3.0])
booleans = st.recursive(
    st.tuples(st.sampled_from(list(COMPARE)), floats, floats).map(compared)
    | st.tuples(floats, whole, whole).map(between),
    lambda inner: inner.map(inverted) | st.tuples(st.booleans(), inner, inner).map(joined),
    max_leaves=5,
)
TYPES = {"x": pl.Float64, "y": pl.Float64, "f": pl.Float32, "values": pl.List(pl.Float64)}


@settings(max_examples=30)
@given(booleans, st.lists(rows, min_size=1, max_size=12))
def test_a_cut_is_true_where_logic_of_three_values_says_so(expression, rows):
    expr, value = expression
    events = pl.DataFrame(rows, schema=TYPES)
    expected = [value(row) is True for row in rows]
    for cut in (missing.cut(expr, events.schema), missing.cut(expr)):
        assert events.with_columns(passes=cut.fill_null(value=False))["passes"].to_list() == expected
    assert Cuts(c=expr).apply(events).collect().height == sum(expected)


EVENTS = pl.DataFrame(
    {
        "x": [1.0, NAN, 3.0, None],
        "y": [6.0, 6.0, NAN, 6.0],
        "f": pl.Series([1.0, NAN, 3.0, None], dtype=pl.Float32),
        "n": [1, 2, 3, None],
        "values": [[1.0, NAN], [NAN], None, [3.0]],
        "pair": pl.Series([[1.0, NAN], [3.0, 4.0], None, [NAN, NAN]], dtype=pl.Array(pl.Float64, 2)),
        "deep": [[[1.0, NAN]], [[NAN], []], [], None],
        "fit": [{"a": NAN, "b": 1}, {"a": 2.0, "b": 1}, {"a": 3.0, "b": 2}, None],
    }
)


@pytest.mark.parametrize(
    ("cut", "passing"),
    [
        ((X > 2) | (Y > 5), [0, 1, 2, 3]),
        ((X > 2) | (Y > 7), [2]),
        (~(X < 5), []),
        (~(X < 2), [2]),
        (X != 3, [0]),
        (X.is_null(), [1, 3]),
        (X.is_not_null(), [0, 2]),
        (X.fill_null(9) > 5, [1, 3]),
        (X.mean() < X, [2]),
        (X**0 > 0, [0, 2]),
        (pl.max_horizontal(X, Y) > 6, []),
        (X.is_in([1.0, NAN]), [0]),
        (pl.when(X > 0).then(X).otherwise(Y) > 1, [1, 2, 3]),
        ((Y - Y) / (X - X) > -1, []),
        (X.log() - X.log() >= 0, [0, 2]),
        (X.cast(pl.Int64) > 2, [2]),
        (X.map_batches(lambda s: s * 2, return_dtype=pl.Float64, is_elementwise=True) > 2, [2]),
        (X.over("n") > 2, [2]),
        ((X > 2).alias("named"), [2]),
        (F > 2, [2]),
        (pl.lit(2) < F, [2]),
        (pl.any_horizontal(pl.col("x", "f") > 2), [2]),
        (pl.all_horizontal(pl.col("x", "n") > 2), [2]),
        (pl.any_horizontal(pl.col("^[xf]$") > 2), [2]),
        (VALUES.list.max() > 0, [0, 3]),
        (VALUES.list.len() > 0, [0, 1, 3]),
        (VALUES.is_not_null(), [0, 1, 3]),
        (VALUES.list.eval(pl.element() > 2).list.any(), [3]),
        (VALUES.list.eval(pl.element().log() > 0).list.any(), [3]),
        (VALUES.list.agg(pl.element().mean()) > 0, [0, 3]),
        (pl.col("pair").arr.max() > 0, [0, 1]),
        (pl.col("deep").list.eval(pl.element().list.max()).list.max() > 0, [0]),
        (pl.col("fit").struct.field("a") > 0, [1, 2]),
        (pl.col("fit").struct.with_fields(pl.field("a").log()).struct.field("a") > 1, [2]),
        (X.is_nan(), [1]),
        (X.is_not_nan(), [0, 2]),
        (X.is_nan() | (X > 2), [1, 2]),
        (X.fill_nan(7) > 2, [1, 2]),
        ((X / Y).fill_nan(9) > 2, [1, 2]),
        ((X / Y).is_nan() & (Y > 5), [1]),
        (VALUES.list.eval(pl.element().is_nan()).list.any(), [0, 1]),
        (pl.lit(value=True), [0, 1, 2, 3]),
    ],
    ids=str,
)
def test_cuts_on_all_kinds_of_expressions(cut, passing):
    events = EVENTS.with_row_index("row").lazy()
    assert events.filter(missing.cut(cut, EVENTS.schema)).collect()["row"].to_list() == passing
    assert Cuts(c=cut).apply(events).collect(engine="streaming")["row"].sort().to_list() == passing


def test_numbers_in_a_cut_stay_exactly_as_they_are():
    values = np.random.default_rng(1).integers(0, 2**64, 2000, np.uint64).view(np.float64)
    values = np.concatenate([values[np.isfinite(values)][:300], [0.1, 2**53 + 1.0]])
    for value in values.tolist():
        events = pl.DataFrame({"x": [np.nextafter(value, -math.inf), value, np.nextafter(value, math.inf)]})
        for cut in (value < X, ~(value >= X), ~(value >= X), value < X + 0):
            assert events.filter(missing.cut(cut, events.schema)).height == 1
    big = pl.DataFrame({"n": [2**63 - 2, 2**63 - 1]})
    assert big.filter(missing.cut(pl.col("n") > 2**63 - 2, big.schema)).height == 1


def test_nan_of_any_sign_and_payload_is_missing():
    bits = np.array([0x7FF8000000000000, 0xFFF8000000000001, 0x7FF0000000000001], np.uint64)
    events = pl.DataFrame({"x": bits.view(np.float64)})
    for cut in (X > 1, ~(X < 1), X.is_not_null()):
        assert events.filter(missing.cut(cut, events.schema)).height == 0


@pytest.mark.parametrize(
    "cut", [X > 9000, X >= 9000, X < 1000, X.is_between(1, 5), X == 5, pl.lit(9000, pl.UInt16) < X], ids=str
)
def test_cuts_reach_the_parquet_reader_and_skip_row_groups(tmp_path, cut):
    file = tmp_path / "events.parquet"
    x = np.arange(10000.0)
    x[[5, 7000, 9500]] = NAN
    pq.write_table(pa.table({"x": x, "y": x}), file, row_group_size=1000)
    passing = Cuts(bright=cut, any=~(Y > 1e6)).apply(pl.scan_parquet(file))
    plan = passing.explain()
    assert "FILTER" not in plan
    assert plan.count("SELECTION") == 1
    assert plan.count('col("x")') == 1
    assert 'col("x").replace' not in plan  # a plain comparison, by which row groups are skipped
    expected = pl.DataFrame({"x": x}).fill_nan(None).filter(cut).height
    assert passing.select(pl.len()).collect().item() == expected


def test_a_function_that_cannot_be_copied_is_named():
    lock = threading.Lock()
    cut = X.map_batches(lambda s: lock and s, return_dtype=pl.Float64) > 1
    with pytest.raises(TypeError, match=r"cannot be pickled.*before the cut"):
        missing.cut(cut, EVENTS.schema)


def test_a_deep_expression_does_not_grow_beyond_its_size():
    expr = X
    for _ in range(40):
        expr = pl.max_horizontal(expr, Y)
    assert len(missing.cut(expr > 1, EVENTS.schema).meta.serialize()) < 10_000


def test_an_element_of_a_list_is_no_column_that_a_cut_reads():
    events = pl.DataFrame({"t": [[1.0, NAN], [NAN], [], None]})
    cut = pl.col("t").list.filter(pl.element() > 0).list.len() == 1
    assert missing.columns_read(cut) == ["t"]
    assert Cuts(one=cut).apply(events.with_row_index()).collect()["index"].to_list() == [0]


def test_the_columns_that_a_selector_stands_for_are_read():
    cut = pl.any_horizontal(cs.float() > 2) | (pl.col("n") > 0)
    schema = {"x": pl.Float64(), "s": pl.String(), "y": pl.Float32(), "n": pl.Int8()}
    assert missing.columns_read(cut, schema) == ["n", "x", "y"]
    assert missing.columns_read(pl.sum_horizontal(pl.col("^x|y$")), schema) == ["x", "y"]


def test_what_a_cut_asks_about_is_seen_as_it_is_in_its_comparisons_too():
    events = pl.DataFrame({"x": [1.0, NAN, 3.0, None]})
    assert Cuts(odd=(X > 2) & X.is_nan()).apply(events.with_row_index()).collect()["index"].to_list() == [1]
    assert Cuts(high=X > 2).apply(events.with_row_index()).collect()["index"].to_list() == [2]
