from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from icecol import hist


def test_name_is_the_column_and_label_is_left_open_unless_given():
    axis = hist.regular("LineFit.zenith", 3, 0, 1)
    assert (axis.name, axis.label) == ("LineFit.zenith", None)
    axis = hist.regular(pl.col("LineFit.zenith").cos().alias("cz"), 3, 0, 1, label="cos zenith")
    assert (axis.name, axis.label) == ("cz", "cos zenith")


def test_a_computed_axis_is_named_by_its_text_so_that_two_of_one_column_differ():
    df = pl.DataFrame({"x": [1.0, 10.0]})
    h = hist.fill(df, hist.regular(pl.col("x").log10(), 2, 0, 2), hist.regular("x", 2, 0, 20))
    assert h.names == h.labels == ("x.log10()", "x")
    assert h.project("x.log10()").values().tolist() == [1, 1]
    with pytest.raises(ValueError, match="two axes are named 'x'; give one another name"):
        hist.fill(df, hist.regular("x", 2, 0, 2), hist.regular("x", 3, 0, 2))


def test_the_unit_follows_the_label():
    df = pl.DataFrame({"zenith": [0.1]})
    axes = [
        hist.regular("zenith", 2, 0, 2, label="zenith", unit="rad"),
        hist.regular(pl.col("zenith").degrees(), 2, 0, 2),
        hist.regular(pl.col("zenith").cos(), 2, 0, 2, unit=""),
        hist.regular(pl.col("zenith").degrees().alias("angle"), 2, 0, 2, label="angle"),
    ]
    assert hist.fill(df, *axes).labels == ("zenith / rad", "zenith.degrees() / deg", "zenith.cos()", "angle")


def test_categories_may_be_numbers_of_numpy_and_truth_values():
    df = pl.DataFrame({"n": [1, 2, 2], "ok": [True, False, True]})
    assert hist.fill(df, hist.category("n", np.array([2, 1]))).values().tolist() == [2, 1]
    assert hist.fill(df, hist.category("ok", [True, False])).values().tolist() == [2, 1]


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: hist.regular("x", 0, 0, 1), "axis 'x' has 0 bins"),
        (lambda: hist.regular("x", 3, 1, 1), "start must be below its stop"),
        (lambda: hist.regular("x", 3, 0, math.inf), "both finite"),
        (lambda: hist.log("x", 3, 0, 1), "must start above 0"),
        (lambda: hist.variable("x", [0]), "two or more increasing"),
        (lambda: hist.variable("x", [0, 2, 1]), "two or more increasing"),
        (lambda: hist.variable("x", [0, math.nan, 1]), "two or more increasing"),
        (lambda: hist.category("x", []), "distinct strings or distinct integers"),
        (lambda: hist.category("x", ["a", "a"]), "distinct strings or distinct integers"),
        (lambda: hist.category("x", ["a", 1]), "distinct strings or distinct integers"),
        (lambda: hist.integer("x", 3, 3), "start must be below its stop"),
        (lambda: hist.integer("x", 0, 2**53), "integers beyond 2\\^52 cannot be told apart"),
    ],
)
def test_an_axis_that_cannot_be_is_an_error_that_names_it(make, match):
    with pytest.raises(ValueError, match=match):
        make()
