from __future__ import annotations

import polars as pl
import pytest

from icecol import Pulses, reco
from icecol.reco.testing import check_feature

FRAME = pl.DataFrame(
    {
        "P.time": [[1.0], [], None, [4.0, 2.0], [5.0]],
        "P.charge": [[2.0], [], None, [1.0, 0.5], [3.0]],
        "P.omkey": [[65792], [], None, [65792, 65793], [65793]],
        "x": [1.0, 2.0, 3.0, 4.0, 5.0],
    }
)


def test_a_feature_of_each_row_passes_and_is_returned():
    found = check_feature(reco.charge(Pulses("P")), FRAME)
    assert found.struct.field("total").to_list() == [2.0, 0.0, None, 1.5, 3.0]


@pytest.mark.parametrize(
    ("feature", "told"),
    [
        (pl.col("x").sum() + 0 * pl.col("x"), "slicing .* row 1 from 15.0 to 14.0"),
        (pl.col("x").shift(1), "slicing .* row 1 from 1.0 to None"),
        (pl.col("x").cum_count(), "slicing"),
        (pl.col("x").rank(descending=True), "filtering .* row 0 from 5.0 to 3.0"),
    ],
)
def test_a_feature_that_depends_on_other_rows_is_found_out(feature, told):
    with pytest.raises(AssertionError, match=told):
        check_feature(feature, FRAME)


def test_a_feature_whose_type_depends_on_the_rows_is_found_out():
    def run(s: pl.Series) -> pl.Series:
        return s.cast(pl.Int64) if len(s) < 5 else s

    with pytest.raises((AssertionError, pl.exceptions.PolarsError), match=r"Int64|Float64"):
        check_feature(pl.col("x").map_batches(run, return_dtype=pl.Float64), FRAME)
