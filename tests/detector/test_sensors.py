"""`icecol.detector.sensors`: which sensor is what, with and without known types."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from icecol import Geometry
from icecol.detector.sensors import icecube_numbers, in_ice, of_icecube, surface_numbers


def upgrade(shared_data) -> Geometry:
    return Geometry.read_parquet(shared_data / "geometry" / "icecube_upgrade.parquet")


def test_the_upgrade_has_icecubes_doms_its_own_modules_and_a_surface(shared_data):
    g = upgrade(shared_data)
    ours, ice = of_icecube(g), in_ice(g)
    assert int(ours.sum()) == 5087
    assert set(g.om_type[ours]) == {20}
    assert set(g.om_type[ice & ~ours]) == {110, 120, 130}
    assert g.om[ice].max() == 123
    assert set(g.om_type[~ice]) == {30, 40, 50}
    assert (g.z[~ice] > 1900).all()


def test_numbers_tell_the_same_where_no_type_is_known(shared_data):
    g = upgrade(shared_data)
    bare = Geometry.from_columns(g.table().drop("om_type"))
    assert not bare.om_type.any()
    numbered = g.om_type != 50  # the IceAct telescope has numbers of its own
    assert (of_icecube(bare) == of_icecube(g))[numbered].all()
    assert (in_ice(bare) == in_ice(g))[numbered].all()


def test_a_sensor_without_a_type_beside_others_with_one_is_not_icecubes_but_may_be_in_the_ice():
    g = Geometry.from_columns(
        {
            "string": [1, 2, 87, 3],
            "om": [60, 1, 1, 61],
            "x": [0.0] * 4,
            "y": [0.0] * 4,
            "z": [0.0, 0.0, 0.0, 1950.0],
            "om_type": [0, 130, 0, 0],
        }
    )
    assert not of_icecube(g).any()
    assert in_ice(g).tolist() == [True, True, False, True]


def test_a_detector_with_longer_and_more_strings_is_all_in_the_ice():
    string, om = (a.ravel() for a in np.meshgrid(np.arange(1, 121), np.arange(1, 101)))
    g = Geometry.from_columns(
        {"string": string, "om": om, "x": 20.0 * string, "y": 0.0 * om, "z": -16.0 * om}
    )
    assert in_ice(g).all()
    assert of_icecube(g).sum() == 86 * 60


@pytest.mark.parametrize(
    ("string", "om", "icecube", "surface"),
    [(1, 1, True, False), (86, 60, True, False), (86, 61, False, False), (81, 61, False, True), (1, 66, False, True),
     (1, 67, False, False), (82, 61, False, False), (87, 1, False, False), (0, 1, False, False), (1, 0, False, False),
     (-3, 1, False, False)],
)  # fmt: skip
def test_numbers_of_icecube_and_of_the_surface(string, om, icecube, surface):
    assert (icecube_numbers(string, om), surface_numbers(string, om)) == (icecube, surface)


def test_numbers_may_be_columns():
    frame = pl.DataFrame({"string": [1, 90], "om": [60, 60]})
    assert frame.select(icecube_numbers(pl.col("string"), pl.col("om"))).to_series().to_list() == [
        True,
        False,
    ]
