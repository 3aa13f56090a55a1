"""`reference`, `positions`: what a feature starts from, and where the DOMs are."""

from __future__ import annotations

import polars as pl
import pytest

from icecol import Geometry, Pulses
from icecol.errors import GeometryError
from icecol.reco.positions import geometry_of, good_in_ice
from icecol.reco.reference import member, optional_member, present

FITS = pl.DataFrame(
    {
        "F.zenith": [1.0, None, None],
        "F.fit_status": [0, 30, None],
        "G.zenith": [1.0, None, 2.0],
    }
)
STRUCT = pl.struct(zenith="F.zenith", fit_status="F.fit_status")


@pytest.mark.parametrize("reference", ["F", STRUCT])
def test_a_fit_that_failed_is_there(reference):
    assert FITS.select(present(reference, "zenith")).to_series().to_list() == [True, True, False]


def test_a_particle_without_a_status_is_there_where_it_has_the_member():
    assert FITS.select(present("G", "zenith")).to_series().to_list() == [True, False, True]


@pytest.mark.parametrize("reference", ["F", STRUCT])
def test_members_and_those_that_may_be_missing(reference):
    found = FITS.select(
        a=member(reference, "zenith"),
        b=optional_member(reference, "zenith", 7.0),
        c=optional_member(reference, "speed", 0.3),
        d=optional_member(reference, "speed", None),
    )
    assert found.to_dict(as_series=False) == {
        "a": [1.0, None, None],
        "b": [1.0, 7.0, 7.0],
        "c": [0.3] * 3,
        "d": [None] * 3,
    }


def test_a_series_without_positions_says_what_needs_them():
    with pytest.raises(GeometryError, match=r"a veto needs the positions.*Pulses\('P', geometry\)"):
        geometry_of(Pulses("P"), "a veto")
    nominal = Geometry.nominal()
    assert geometry_of(Pulses("P", nominal), "a veto") is nominal


def test_bad_doms_and_those_on_the_surface_are_left_out():
    nominal = Geometry.nominal(icetop=True)
    bad = Geometry.from_columns(nominal.table().with_columns(bad=(pl.col("string") == 5)))
    assert good_in_ice(nominal).sum() == 5160
    assert good_in_ice(bad).sum() == 5100
