"""`icecol.detector.dom_sets`: named parts of the detector have the DOMs that IceTray's DOMS class gives them."""

from __future__ import annotations

import numpy as np
import pytest

from icecol.detector.dom_sets import DOM_SETS, dom_set, dom_table, sorted_keys
from icecol.detector.geometry import omkey, split_omkey
from icecol.errors import GeometryError

DETECTORS = {"IC59": 59 * 60, "IC79": 79 * 60, "IC86": 86 * 60, "IC86EDC": 86 * 60, "IC86TwoLayVeto": 86 * 60}


@pytest.mark.parametrize(
    ("name", "n"), [("InIce", 5160), ("IceCube", 4680), ("DeepCore", 480), ("IceTop", 324)]
)
def test_parts_have_as_many_doms_as_were_deployed(name, n):
    assert dom_set(name).size == n


@pytest.mark.parametrize("name", DETECTORS)
def test_fiducial_and_veto_doms_are_all_doms_in_the_ice_and_share_none(name):
    fiducial, veto = (dom_set(f"{name} {part}") for part in ("fiducial", "veto"))
    assert np.intersect1d(fiducial, veto).size == 0
    assert fiducial.size + veto.size == DETECTORS[name]
    assert (split_omkey(np.concatenate([fiducial, veto]))[1] <= 60).all()


def test_larger_fiducial_volumes_hold_the_smaller_ones():
    small, wide, widest = (
        set(dom_set(f"{n} fiducial").tolist()) for n in ("IC86", "IC86EDC", "IC86TwoLayVeto")
    )
    assert small < wide < widest
    assert {int(omkey(36, 39)), int(omkey(81, 11))} <= small
    assert not {int(omkey(36, 38)), int(omkey(81, 10))} & widest


def test_sets_are_sorted_and_without_repetition():
    for name in DOM_SETS:
        assert (np.diff(dom_set(name)) > 0).all(), name
    assert sorted_keys([3, 1, 3]).tolist() == [1, 3]


def test_a_table_has_a_one_for_each_dom_and_is_read_only():
    table = dom_table(dom_set("DeepCore"))
    assert (table.shape, int(table.sum())) == ((87, 61), 480)
    assert table[78, 1] == 0 < table[79, 1]
    with pytest.raises(ValueError, match="read-only"):
        table[0, 0] = 1
    assert dom_table([]).shape == (1, 1)


def test_what_is_not_a_set_is_refused():
    with pytest.raises(GeometryError, match="'IC86 fiducial'"):
        dom_set("IC86 fidicual")
    with pytest.raises(GeometryError, match="string -1"):
        dom_table([int(omkey(-1, 5))])
