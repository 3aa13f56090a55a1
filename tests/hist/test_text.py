from __future__ import annotations

import polars as pl
import pytest

from icecol.hist.text import name_of, text, unit_of

A, B, X = pl.col("a"), pl.col("b"), pl.col("Fit.x")


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (X, "Fit.x"),
        (X.log10(), "Fit.x.log10()"),
        (X.log(2), "Fit.x.log(2)"),
        (X.list.max(), "Fit.x.list.max()"),
        (A / (B + 1), "a / (b + 1)"),
        ((A - 5).abs() ** 2, "(a - 5).abs().pow(2)"),
        (2.5 * A - 3 * (A - B), "(2.5 * a) - (3 * (a - b))"),
        ((A + B) * (A - B), "(a + b) * (a - b)"),
        (A.is_between(1, 2), "a.is_between(1, 2)"),
        (pl.col("S").struct.field("zenith"), "S.zenith"),
        (pl.when(A > 2).then(1).otherwise(B), "when(a > 2).then(1).otherwise(b)"),
        (A.map_batches(abs, return_dtype=pl.Float64), "a.map()"),
        (pl.lit(0.5), "0.5"),
    ],
)
def test_text_is_what_one_would_type(expr, expected):
    assert text(expr) == expected
    assert name_of(expr.alias("q")) == "q"


def test_long_text_is_cut_in_the_middle():
    written = text(pl.sum_horizontal([f"column_{i}" for i in range(20)]))
    assert (len(written), written[:8], written[-11:]) == (59, "column_0", " column_19)")
    assert "…" in written


def test_units_are_known_after_a_change_to_degrees_or_radians_only():
    assert [unit_of(e, None) for e in (A.degrees(), A.radians(), A.degrees().abs(), A)] == [
        "deg",
        "rad",
        "",
        "",
    ]
    assert unit_of(A.degrees().alias("angle"), None) == "deg"
