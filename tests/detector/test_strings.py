"""`icecol.detector.strings`: every table of strings is what the positions of the strings say."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from icecol import Geometry
from icecol.detector.strings import CORNERS, EDGE, LAYERS, LOW_UP_EDGE

NOMINAL = Geometry.nominal()
LAST = (NOMINAL.om == 60) & (NOMINAL.string < 79)
PLACE = {
    int(s): (x, y) for s, x, y in zip(NOMINAL.string[LAST], NOMINAL.x[LAST], NOMINAL.y[LAST], strict=True)
}


def neighbours(string: int, metres: float = 160.0) -> set[int]:
    x, y = PLACE[string]
    return {s for s, (a, b) in PLACE.items() if s != string and np.hypot(x - a, y - b) < metres}


def test_the_edge_is_the_strings_with_fewer_than_six_neighbours():
    # VHESelfVeto: a string with less than 6 others within 160 m is at the boundary. String 72 has five, and so belongs
    # to the edge, as it does for I3VetoModule; I3LowUpFilter_13 alone has a table without it.
    assert tuple(s for s in PLACE if len(neighbours(s)) < 6) == EDGE
    assert neighbours(72) == {64, 65, 71, 73, 78}
    assert LAYERS[86][-1] == EDGE
    assert set(EDGE) - set(LOW_UP_EDGE) == {72}
    assert len(LOW_UP_EDGE) == 27


@pytest.mark.parametrize("detector", LAYERS)
def test_layers_part_the_strings_of_a_detector(detector):
    strings = [s for layer in LAYERS[detector] for s in layer]
    assert len(strings) == len(set(strings)) == detector


def test_corners_are_those_of_the_scale_calculator():
    # I3ScaleCalculator::GetOuterStrings of phys-services, string by string (IC79 and IC86: the SMOOTH ones)
    assert CORNERS["IC9"] == (21, 50, 59, 39, 38)
    assert CORNERS["IC22"] == (21, 50, 74, 73, 78, 65, 46, 38)
    assert CORNERS["IC40"] == (21, 50, 74, 73, 78, 75, 60, 52, 53, 44, 46, 38)
    assert CORNERS["IC79"] == (2, 6, 50, 74, 73, 78, 75, 41)
    assert CORNERS["IC86"] == (1, 6, 50, 74, 73, 78, 75, 31)


@pytest.mark.parametrize("name", [n for n in CORNERS if n != "IC80"])
def test_corners_go_around_the_detector_and_the_outline_does_not_cross_itself(name):
    corners = np.array([PLACE[s] for s in CORNERS[name]])
    edges = list(zip(corners, np.roll(corners, -1, axis=0), strict=True))

    def turn(a, b, c):
        return np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    for i, (a, b) in enumerate(edges):
        for c, d in edges[i + 2 : len(edges) - (i == 0)]:
            assert turn(a, b, c) == turn(a, b, d) or turn(c, d, a) == turn(c, d, b)
    x, y = corners.T
    assert x @ np.roll(y, -1) > y @ np.roll(x, -1)  # counterclockwise


def test_no_layer_or_corner_changes_by_accident():
    text = repr((sorted(LAYERS.items()), sorted(CORNERS.items())))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "8fe1903ea6d00745"
