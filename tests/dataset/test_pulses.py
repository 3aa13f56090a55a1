"""`dataset.pulses`: the handle on a pulse series."""

from __future__ import annotations

import pytest

from icecol import Geometry, Pulses
from icecol.dataset.pulses import MEMBERS


def test_a_series_is_five_columns_of_its_key():
    assert MEMBERS == ("time", "charge", "width", "flags", "omkey")
    assert Pulses("S").columns == tuple(f"S.{member}" for member in MEMBERS)


def test_another_series_keeps_the_geometry():
    geometry = Geometry.nominal()
    cleaned = Pulses("S", geometry).named("T")
    assert (cleaned.key, cleaned.geometry is geometry) == ("T", True)


def test_a_member_that_no_series_has_is_refused_with_those_that_it_has():
    with pytest.raises(ValueError, match="no member 'x'; it has time, charge, width, flags, omkey"):
        Pulses("S").column("x")
