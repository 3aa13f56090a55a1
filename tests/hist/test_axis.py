from __future__ import annotations

import math

import polars as pl
import pytest

from icecol import hist


def test_name_is_the_column_and_label_is_left_open_unless_given():
    axis = hist.regular("LineFit.zenith", 3, 0, 1)
    assert (axis.name, axis.label) == ("LineFit.zenith", None)
    axis = hist.regular(pl.col("LineFit.zenith").cos().alias("cz"), 3, 0, 1, label="cos zenith")
    assert (axis.name, axis.label) == ("cz", "cos zenith")


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
    ],
)
def test_an_axis_that_cannot_be_is_an_error_that_names_it(make, match):
    with pytest.raises(ValueError, match=match):
        make()
