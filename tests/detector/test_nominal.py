"""`icecol.detector.nominal`: the figures of IC86, by what is published of its layout."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from icecol.detector import nominal
from icecol.detector.geometry import Geometry


@pytest.fixture(scope="module")
def detector():
    return Geometry.nominal(icetop=True)


def test_there_are_86_strings_of_60_doms_and_81_stations_of_two_tanks(detector):
    in_ice = detector.om <= 60
    assert (int(in_ice.sum()), int((~in_ice).sum())) == (86 * 60, 81 * 4)
    assert [row[0] for row in nominal.STRINGS] == list(range(1, 87))
    assert {int(s) for s in detector.string[~in_ice]} == set(range(1, 82))
    assert (detector.z[~in_ice] > 1940).all()


def test_doms_of_a_string_are_17_m_apart_and_those_of_deepcore_10_and_7(detector):
    def steps(string):
        return -np.diff(detector.z[(detector.string == string) & (detector.om <= 60)])

    assert steps(30) == pytest.approx(np.full(59, 17.02), abs=0.05)
    deepcore = steps(84)
    assert deepcore[:9] == pytest.approx(np.full(9, 10.01), abs=0.02)
    assert deepcore[9] == pytest.approx(257.3, abs=0.1)  # the dust layer is left out
    assert np.median(deepcore[10:]) == pytest.approx(7.01, abs=0.02)
    assert np.abs(deepcore[10:] - 7.01).max() < 0.6  # what the survey shows beside even spacing


def test_strings_have_neighbours_at_125_m_and_deepcore_is_denser(detector):
    places = {row[0]: np.array(row[1:3]) for row in nominal.STRINGS}
    nearest = {s: min(np.hypot(*(places[s] - places[o])) for o in places if o != s) for s in places}
    outer = [d for s, d in nearest.items() if s < 79 and np.hypot(*places[s]) > 300]
    assert 100 < min(outer) < np.median(outer) < 130
    assert all(nearest[s] < 75 for s in range(79, 87))


def test_doms_of_high_quantum_efficiency_are_those_of_deepcore(detector):
    high = detector.relative_efficiency == nominal.HIGH_QE
    assert int(high.sum()) == sum(map(len, nominal.HIGH_QE_SENSORS.values()))
    assert high[(detector.string >= 81) & (detector.om <= 60)].all()
    assert not high[detector.string == 21].any()


def test_no_figure_has_changed_since_they_were_compared_with_a_gcd_file(detector):
    # `tests/convert/test_geometry.py` compares them, where there is such a file
    places = (np.stack([detector.x, detector.y, detector.z], 1) * 100).round()
    rows = np.column_stack([detector.omkey, places]).astype(np.int64)
    assert hashlib.sha256(rows.tobytes()).hexdigest()[:16] == "b78430bf352f6210"
