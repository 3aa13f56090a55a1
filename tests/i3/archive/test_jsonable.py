"""Objects of every kind become JSON that Python's own encoder accepts (`archive.jsonable`)."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from generated import VERSIONS, generate

from icecol.i3.archive import Alternative, OMKey, UnknownObject, new
from icecol.i3.archive.arrays import table
from icecol.i3.archive.jsonable import jsonable


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.inf, None),
        (np.float32(1.5), 1.5),
        (np.array([1.0, math.nan]), [1.0, None]),
        (b"\x00\xff", "00ff"),
        (Alternative(1, 2.5), 2.5),
        (OMKey(21, 30, 0), {"string": 21, "om": 30, "pmt": 0}),
        (UnknownObject("Foo", 3, b"\x01"), {"class": "Foo", "version": 3, "hex": "01"}),
        (table(np.array([(1.5, 7)], [("time", "f8"), ("flags", "u1")])), {"time": [1.5], "flags": [7]}),
    ],
)
def test_values_become_what_json_has(value, expected):
    assert jsonable(value) == expected


def test_enumerations_are_names_and_keys_of_maps_are_text():
    particle = jsonable(new("I3Particle", shape=40, fit_status=99))
    assert (particle["shape"], particle["fit_status"], particle["pos"]["x"]) == (40, 99, None)
    assert jsonable(new("I3Particle"))["fit_status"] == "NotSet"
    assert jsonable(new("I3MapKeyDouble", {OMKey(1, 2, 0): 3.0})) == {"1,2,0": 3.0}


def test_trees_are_lists_of_nodes_with_depth_and_parent():
    tree = new("I3MCTree", [new("I3Particle", pdg_encoding=c) for c in (14, 13)], [0, 1])
    assert [(n["depth"], n["parent"], n["node"]["pdg_encoding"]) for n in jsonable(tree)] == [
        (0, -1, 14),
        (1, 0, 13),
    ]


def test_objects_of_all_classes_can_be_dumped():
    for name, version in VERSIONS[::7]:
        if name not in {"I3StationHit", "I3StationHitMap"}:
            made = jsonable(generate(name, version, 3))
            assert json.loads(json.dumps(made, allow_nan=False)) == made
