"""`jagged`: between list columns and arrays, however the lists are stored."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecol.errors import SchemaError
from icecol.reco.jagged import jagged, struct, struct_of_lists

ROWS = st.lists(
    st.one_of(st.none(), st.lists(st.floats(allow_nan=False), max_size=5)), min_size=1, max_size=12
)


def rows(lists) -> list:
    """Return jagged columns as Python lists, None where an event is not there."""
    o = lists.offsets
    there = np.ones(len(lists), bool) if lists.present is None else lists.present
    return [
        [v[o[i] : o[i + 1]].tolist() for v in lists.values] if there[i] else None for i in range(len(lists))
    ]


@given(ROWS, st.data())
def test_any_slice_and_filter_comes_through(values, data):
    s = pl.Series("P.time", values, pl.List(pl.Float64))
    a, b = sorted(data.draw(st.tuples(st.integers(0, len(values)), st.integers(0, len(values)))))
    keep = data.draw(st.lists(st.booleans(), min_size=b - a, max_size=b - a))
    cut = s[a:b].filter(pl.Series(keep, dtype=pl.Boolean))
    expected = [None if v is None else [v] for v, k in zip(values[a:b], keep, strict=True) if k]
    assert rows(jagged([cut])) == expected


def test_columns_with_different_bases_are_one_series():
    time = pl.Series("P.time", [[9.0], [1.0, 2.0], [], [3.0]])[1:]
    charge = pl.Series("P.charge", [[1.0, 2.0], [], [3.0]])
    assert rows(jagged([time, charge])) == [[[1.0, 2.0], [1.0, 2.0]], [[], []], [[3.0], [3.0]]]


def test_offsets_begin_at_zero_and_arrays_are_read_only():
    lists = jagged([pl.Series("P.time", [[9.0], [1.0, 2.0]])[1:]])
    assert lists.offsets.tolist() == [0, 2]
    assert not lists.values[0].flags.writeable


def test_values_behind_a_null_are_not_seen():
    import pyarrow as pa

    hidden = pa.LargeListArray.from_arrays([0, 2, 3], pa.array([1.0, 2.0, 3.0]), mask=pa.array([True, False]))
    time = pl.Series("P.time", pl.from_arrow(hidden))
    charge = pl.Series("P.charge", [None, [4.0]], pl.List(pl.Float64))
    assert rows(jagged([time, charge])) == [None, [[3.0], [4.0]]]


def test_an_event_that_is_null_in_one_column_is_not_present():
    lists = jagged(
        [pl.Series("P.time", [[1.0], [2.0]]), pl.Series("P.charge", [None, [4.0]], pl.List(pl.Float32))]
    )
    assert rows(lists) == [None, [[2.0], [4.0]]]


def test_chunks_arrays_and_empty_columns_come_through():
    chunked = pl.concat([pl.Series("P.time", [[1.0]]), pl.Series("P.time", [[2.0, 3.0]])], rechunk=False)
    assert rows(jagged([chunked])) == [[[1.0]], [[2.0, 3.0]]]
    assert rows(jagged([pl.Series("P.time", [[1.0, 2.0]], pl.Array(pl.Float64, 2))])) == [[[1.0, 2.0]]]
    assert rows(jagged([pl.Series("P.time", [[], []])])) == [[[]], [[]]]
    assert rows(jagged([pl.Series("P.time", [], pl.List(pl.Float64))])) == []


@pytest.mark.parametrize(
    ("member", "given_type", "seen"),
    [
        ("time", pl.Int64, "f8"),
        ("time", pl.Float32, "f4"),
        ("charge", pl.Float64, "f8"),
        ("omkey", pl.Int64, "i4"),
    ],
)
def test_types_are_those_that_kernels_take(member, given_type, seen):
    assert jagged([pl.Series(f"P.{member}", [[1]], pl.List(given_type))]).values[0].dtype == seen


def test_a_column_of_nothing_has_the_type_of_its_member():
    assert jagged([pl.Series("P.charge", [None, []], pl.List(pl.Null))]).values[0].dtype == "f4"


def test_a_null_inside_a_list_is_refused_with_its_row():
    with pytest.raises(SchemaError, match=r"'P.time' has 1 nulls inside its lists, first in row 1"):
        jagged([pl.Series("P.time", [[1.0], [2.0, None]])])


def test_columns_of_different_shape_are_refused():
    with pytest.raises(
        SchemaError, match=r"'P.time' and 'P.charge' are not of one pulse series.* row 1 have 2 and 1"
    ):
        jagged([pl.Series("P.time", [[1.0], [2.0, 3.0]]), pl.Series("P.charge", [[1.0], [2.0]])])


@pytest.mark.parametrize(
    "column", [pl.Series("P.time", [1.0]), pl.Series("P.time", [["a"]])], ids=["flat", "text"]
)
def test_a_column_that_is_no_list_of_numbers_is_refused(column):
    with pytest.raises(SchemaError, match=r"column 'P.time' is .*expected a list of numbers"):
        jagged([column])


def test_fields_are_null_where_the_event_or_the_fit_is_missing():
    fields = {"fit_status": pl.Int32, "v": pl.Float64, "n": pl.Int32}
    out = np.array([[0, 20, 0], [np.nan, 1, 2], [3, 4, np.nan]])
    found = struct("F", fields, out, np.array([True, True, False]), ok=("v",)).to_list()
    assert found[0] == {"fit_status": 0, "v": None, "n": 3}
    assert found[1:] == [{"fit_status": 20, "v": None, "n": 4}, dict.fromkeys(fields)]


def test_a_kernel_with_other_numbers_than_fields_is_refused():
    with pytest.raises(SchemaError, match="feature 'F' has the fields a, b but the kernel gave 3"):
        struct("F", {"a": pl.Float64, "b": pl.Float64}, np.zeros((3, 1)), None)


def test_numbers_of_pulses_become_lists_of_events():
    found = struct_of_lists(
        "F",
        ["a", "b"],
        np.array([[1.0, 2.0], [3.0, np.nan]]),
        np.array([0, 0, 2, 2]),
        np.array([1, 1, 0]) > 0,
    )
    assert found.dtype == pl.Struct({"a": pl.List(pl.Float64), "b": pl.List(pl.Float64)})
    assert found.to_list() == [
        {"a": [], "b": []},
        {"a": [1.0, 2.0], "b": [3.0, None]},
        {"a": None, "b": None},
    ]
