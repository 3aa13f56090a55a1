"""`angles`: the angle between two directions."""

from __future__ import annotations

import math

import polars as pl
import pytest

from icecol.reco.angles import opening_angle


@pytest.mark.parametrize(
    ("zenith", "azimuth", "expected"),
    [(0.5, 0.2, 0.0), (0.5 + 1e-7, 0.2, 1e-7), (math.pi - 0.5, 0.2 + math.pi, math.pi)],
)
def test_opening_angle(zenith, azimuth, expected):
    row = pl.DataFrame({"A.zenith": [0.5], "A.azimuth": [0.2], "B.zenith": [zenith], "B.azimuth": [azimuth]})
    assert row.select(opening_angle("A", "B")).item() == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_there_is_no_angle_to_a_direction_that_is_not_there():
    row = pl.DataFrame(
        {
            "A.zenith": [math.nan, None],
            "A.azimuth": [1.0, 1.0],
            "B.zenith": [1.0, 1.0],
            "B.azimuth": [1.0, 1.0],
        }
    )
    assert row.select(opening_angle("A", "B")).to_series().to_list() == [None, None]
