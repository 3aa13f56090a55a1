"""Programs say what they can flatten, and every one that is made is well formed."""

from __future__ import annotations

import pytest
from each import each

from icecol.errors import FormatError
from icecol.i3.classes import CLASSES
from icecol.i3.columns import compiler as op
from icecol.i3.columns.compiler import NP_TYPES, compile_class, flattens

FLAT = [name for name in sorted(CLASSES) if flattens(name)]


def test_only_these_classes_have_no_columns() -> None:
    inside = ("I3Matrix", "I3SuperDST", "I3RecoPulseSeriesMapMask", "I3Configuration", "I3Ophelia")
    frame_level = {
        "I3MapStringStringDouble",
        "I3IceActTelescopeStringDoubleMap",
        "I3TrayInfo",
        "I3CompactKeyList",
        "I3StationHit",
        "I3StationHitMap",
    }
    gcd = {"SPEChargeDistribution", "I3DOMCalibration", "I3Calibration", "I3DetectorStatus"}
    gcd |= {"I3PMTCal", "I3PMTCalMap", "I3DEggStatus", "I3DEggStatusMap"}
    without = {n for n in CLASSES if not flattens(n) and not n.startswith(inside)}
    assert without == frame_level | gcd


@each("name", FLAT)
def test_programs_of_all_versions_are_well_formed(name: str) -> None:
    for version in range(CLASSES[name].version + 1):
        try:
            made = compile_class(name, version, {})
        except FormatError as err:
            assert "cannot become columns" in str(err)  # noqa: PT017
            continue
        n = len(made.code)
        assert made.code[-1, 0] == op.END
        names = [leaf.name for leaf in made.leaves]
        assert len(set(names)) == len(names)
        assert all(names)
        assert made.parents[0] == -1
        assert all(parent < group for group, parent in enumerate(made.parents))
        for what, a, b, _, _ in made.code.tolist():
            if what in {op.LOOP, op.NEXT, op.JUMP, op.TREE_BITS, op.TREE_COUNTS, op.TRIGGERS}:
                assert 0 <= a < n
            if what in {op.COPY, op.BULK, op.STR, op.EMIT, op.NAME, op.WIDEN, op.OPTIONAL}:
                assert 0 <= a < len(made.leaves)
            if what in {op.COPY, op.BULK}:
                assert b == NP_TYPES[made.leaves[a].kind]().itemsize
            if what == op.HDR:
                assert 0 <= a < len(made.slots)


def test_unknown_classes_and_newer_versions_are_refused() -> None:
    with pytest.raises(FormatError, match="unknown class 'I3Nothing'"):
        compile_class("I3Nothing", 0, {})
    with pytest.raises(FormatError, match="version 9 is newer than the newest known version, 5"):
        compile_class("I3Particle", 9, {})


def test_programs_are_made_once() -> None:
    assert compile_class("I3Particle", 5, {}) is compile_class("I3Particle", 5, {})
