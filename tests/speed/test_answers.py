from __future__ import annotations

import polars as pl
import pytest

from icecol.speed.answers import agree, differences


def one(a, b, tolerance=1e-9):
    (row,) = differences(pl.DataFrame({"x": a}), pl.DataFrame({"x": b}), tolerance).iter_rows(named=True)
    return row


@pytest.mark.parametrize(
    ("a", "b", "differ", "missing", "first"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0, 0, None),
        ([1.0, 2.0], [1.0, 2.0 + 1e-10], 0, 0, None),
        ([1.0, 2.0], [1.0, 2.0 + 1e-8], 1, 0, 1),
        ([None, 2.0], [None, 2.0], 0, 0, None),
        ([None, 2.0], [1.0, 2.0], 1, 1, 0),
        ([0.0, 0.0], [0.0, 1e-30], 1, 0, 1),
        ([float("inf")], [float("inf")], 0, 0, None),
        ([float("inf")], [1.0], 1, 0, 0),
        ([True, False], [True, True], 1, 0, 1),
        ([1, 2, 4], [1, 2, 3], 1, 0, 2),
    ],
)
def test_numbers_differ_beyond_the_tolerance(a, b, differ, missing, first):
    row = one(a, b)
    assert (row["compared"], row["differ"], row["one_missing"], row["first"]) == (
        len(a),
        differ,
        missing,
        first,
    )


def test_the_difference_is_relative_to_the_larger_number():
    assert one([4.0], [5.0], 0.2)["differ"] == 0
    assert one([4.0], [5.0], 0.19)["differ"] == 1
    assert one([4.0], [5.0])["largest"] == pytest.approx(0.2)


def test_lists_are_compared_pulse_by_pulse_and_the_event_is_named():
    row = one([[1.0, 2.0], [], [3.0]], [[1.0, 2.0], [], [4.0]])
    assert (row["compared"], row["differ"], row["first"]) == (3, 1, 2)
    row = one([[1.0], [2.0], None], [[1.0], [2.0, 3.0], None])
    assert (row["differ"], row["first"]) == (1, 1)
    row = one([[1.0], None], [[1.0], [2.0]])
    assert (row["differ"], row["first"]) == (1, 1)


def test_only_columns_of_both_are_compared():
    found = differences(pl.DataFrame({"x": [1.0], "y": [1.0]}), pl.DataFrame({"y": [1.0], "z": [2.0]}), 0.0)
    assert found["field"].to_list() == ["y"]
    assert agree(found)
    assert not agree(found.clear())
