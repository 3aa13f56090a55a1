"""Layouts are well formed and complete: `layout`, `verified` and every family.

The families are `basic`, `header`, `particle`, `pulses`, `trigger`, `detector`, `upgrade`, `surface`, `reco` and
`simulation`.
"""

from __future__ import annotations

import pytest
from each import each
from generated import VERSIONS, generate, plain
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol.errors import FormatError
from icecol.i3.archive import decode, encode, new, record
from icecol.i3.archive.keys import KEYS
from icecol.i3.archive.kinds import is_frame_object
from icecol.i3.classes import CLASSES, FAMILIES, type_name
from icecol.i3.classes.layout import (
    ARITHMETIC,
    BASE,
    CArray,
    Custom,
    Enum,
    Map,
    Pair,
    Pointer,
    RawPairs,
    Variant,
    Vector,
)
from icecol.i3.classes.own import OWN
from icecol.i3.frames.frame import Frame


def types_in(of):
    yield of
    match of:
        case Vector(of=inner) | CArray(of=inner):
            yield from types_in(inner)
        case Map(key=a, value=b) | Pair(first=a, second=b) | RawPairs(first=a, second=b):
            yield from types_in(a)
            yield from types_in(b)
        case Pointer():
            for name in (of.to, *of.derived):
                yield from types_in(name)
        case Variant():
            for inner in of.of:
                yield from types_in(inner)
        case Custom() if of.of:
            yield from types_in(of.of)


def test_every_layout_stands_in_one_family():
    assert len(CLASSES.keys() - OWN) == sum(len(family) for family in FAMILIES.values())


@each("name", CLASSES)
def test_types_of_a_layout_are_known(name):
    for field in CLASSES[name].fields:
        for of in types_in(field.type):
            assert not isinstance(of, str) or of in ARITHMETIC or of == "str" or of in CLASSES


@each("name", CLASSES)
def test_every_member_says_what_it_is(name):
    for field in CLASSES[name].fields:
        assert field == BASE or not field.name or field.doc


@each("name", CLASSES)
def test_members_of_one_version_have_different_names(name):
    layout = CLASSES[name]
    for version in range(layout.version + 1):
        names = [field.name for field in layout.at(version) if field.name]
        assert len(names) == len(set(names))


@each("name", CLASSES)
def test_enumerations_have_one_name_for_each_number(name):
    for field in CLASSES[name].fields:
        for of in types_in(field.type):
            if isinstance(of, Enum):
                assert len({number for _, number in of.values}) == len(of.values)


IN_FRAMES = [name for name in CLASSES if is_frame_object(name) and name not in {*KEYS, "I3FrameObject"}]


@each("name", IN_FRAMES)
def test_a_new_object_of_every_class_reads_back(name):
    obj = new(name)
    blob = encode(obj)
    again = decode(blob)
    assert again == obj
    assert encode(again) == blob


KNOWN = [
    (name, v) for name, v in VERSIONS if name not in {"I3FrameObject", "I3StationHit", "I3StationHitMap"}
]
"""Classes that have members, and whose members are known."""


def reads_back(name, version, seed):
    obj = generate(name, version, seed)
    blob = encode(obj)
    again = decode(blob)
    assert plain(again) == plain(obj)
    assert encode(again) == blob


@each(("name", "version"), KNOWN)
def test_every_class_reads_back_in_every_version(name, version):
    reads_back(name, version, 0)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(KNOWN), st.integers(1, 1 << 32))
def test_any_object_reads_back(which, seed):
    reads_back(*which, seed)


def test_classes_that_are_only_bases_are_not_made_and_lead_to_those_that_are():
    for name in (
        "I3CutValuesBase",
        "I3ExtraGeometryItem",
        "I3Surfaces::Surface",
        "I3Surfaces::SamplingSurface",
    ):
        assert not is_frame_object(name)
        with pytest.raises(FormatError, match=f"{name} is only a base of other classes: "):
            new(name)
    with pytest.raises(FormatError, match="I3CutValues, I3CascadeCutValues"):
        new("I3CutValuesBase")
    with pytest.raises(FormatError, match=r"PDF is only a base of other classes$"):
        new("SPEChargeDistribution::PDF")


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("I3Trigger", "I3TriggerHierarchy"),
        ("I3RecoPulse", "I3RecoPulseSeriesMap"),
        ("LinearFit", ""),
        ("I3TriggerStatus", "I3DetectorStatus"),
        ("I3Vector<I3CompressedPhoton>", "I3CompressedPhotonSeriesMap"),
    ],
)
def test_what_stands_only_inside_others_is_refused_by_frames(name, inside):
    frame = Frame("P")
    with pytest.raises(TypeError, match=f"{name} is not a frame object") as told:
        frame["Object"] = new(name)
    assert inside in str(told.value)
    assert "Object" not in frame


def test_a_tree_of_particles_of_one_identity_is_refused_by_frames():
    frame = Frame("Q")
    muon = new("I3Particle", pdg_encoding=13)
    with pytest.raises(ValueError, match=r"identity \(major_id, minor_id\) = \(\d+, \d+\)"):
        frame["I3MCTree"] = new("I3MCTree", [muon, muon])
    frame["I3MCTree"] = new("I3MCTree", [muon, new("I3Particle")])
    assert len(frame["I3MCTree"]) == 2


def test_type_names_are_those_of_icetray():
    assert type_name("I3MapKeyVectorInt") == "I3Map<OMKey, vector<int> >"
    assert type_name("I3Geometry") == "I3Geometry"
    assert type_name("I3PhotonSeriesMap") == "I3Map<ModuleKey, I3Vector<I3Photon> >"


def test_members_have_the_names_of_icetray():
    header = record("I3EventHeader")()
    assert header.start_time.utc_daq_time == 0
    particle = record("I3Particle")()
    assert particle.pos.names == ("x", "y", "z")
    assert particle.names[:3] == ("minor_id", "major_id", "parent_id")


def test_members_of_old_versions_stand_in_the_order_of_icetray():
    spe = [field.name for field in CLASSES["SPEChargeDistribution"].at(2)]
    assert spe[:4] == ["exp2_amp", "exp2_width", "exp1_amp", "exp1_width"]
    assert spe[4:] == ["compensation_factor", "slc_gaus_mean", "gaus_amp", "gaus_mean", "gaus_width"]
    assert [f.name for f in CLASSES["I3LinearizedMCTree"].at(0)][1:] == ["tree", "ranges", "stochastics"]
    assert [f.type for f in CLASSES["I3TWRFrag"].at(0)][:3] == ["i32", "i32", "f64"]
