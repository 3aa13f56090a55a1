from __future__ import annotations

import math

import pytest

from icecol import units


def test_a_number_without_a_unit_is_in_ns_m_gev_and_rad():
    assert units.ns == units.m == units.GeV == units.rad == 1


def test_units_are_multiples_of_each_other():
    assert (units.us, units.s) == (1000 * units.ns, 1e9 * units.ns)
    assert units.km == 1000 * units.m
    assert (units.TeV, units.PeV) == (1000 * units.GeV, 1e6 * units.GeV)
    assert 180 * units.deg == pytest.approx(math.pi, rel=1e-15)
    assert units.c * units.s == 299_792_458 * units.m  # exact by definition


def test_only_units_are_listed():
    assert set(dir(units)) == {"ns", "us", "s", "m", "km", "GeV", "TeV", "PeV", "rad", "deg", "c"}
