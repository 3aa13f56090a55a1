"""Objects read at once are those read member by member: the same values of the same types, or the same refusal."""

from __future__ import annotations

import struct
from random import Random

import fuzz
import pytest
from generated import VERSIONS, generate

from icecol.i3.archive import OMKey, blobs, decode, encode, new
from icecol.i3.archive.fixed_size import fixed, inside, shape
from icecol.i3.container.raw import raw_frames

KINDS = [kind for kind in VERSIONS if kind[0] not in {"I3StationHitMap", "I3FrameObject"}]
"""All but the ones whose elements have no layout, and that cannot be in a frame by itself."""


def both(blob):
    """What comes out, read twice since the first object of a kind teaches how the others are read."""
    decode_twice = [fuzz.outcome(lambda: decode(blob)) for _ in range(2)]
    plain = fuzz.outcome(lambda: blobs._decode(blob))
    return plain, decode_twice


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.slow
def test_objects_of_every_class_and_version_are_the_same(seed):
    rng = Random(seed)
    for name, version in KINDS:
        for _ in range(2):
            blob = encode(generate(name, version, rng.randrange(1 << 30)))
            plain, quick = both(blob)
            for found in quick:
                fuzz.assert_alike(found, plain)
                assert encode(found) == blob


def test_damaged_objects_are_refused_with_the_same_words():
    rng = Random(5)
    for name, version in KINDS:
        whole = encode(generate(name, version, rng.randrange(1 << 30)))
        decode(whole)
        blob = fuzz.damaged(rng, whole)
        plain, quick = both(blob)
        for found in quick:
            fuzz.assert_alike(found, plain)


@pytest.mark.slow
def test_objects_of_real_files_are_the_same(shared_data):
    for path in sorted((shared_data / "i3" / "real").iterdir()):
        for frame in raw_frames(path):
            for _, _, blob in frame.objects:
                plain, quick = both(blob)
                for found in quick:
                    fuzz.assert_alike(found, plain)


def test_most_objects_of_real_files_are_read_at_once(shared_data):
    missed = total = 0
    for path in sorted((shared_data / "i3" / "real").iterdir()):
        for frame in raw_frames(path):
            for _, _, blob in frame.objects if frame.stop in "QP" else ():
                decode(blob)
                known = blobs._OPENINGS.get(blob[: 20 + blob[4]])
                total += 1
                missed += known is None or known.read(blob) is None
    assert missed == 0 < total


def test_a_shape_is_one_struct_of_ids_and_numbers():
    headers = {"I3Position": (1, 0), "I3FrameObject": (1, 0)}
    made = shape("I3Position", headers, set(headers))
    assert (made.code.format, made.ids, made.expected) == ("<IIddd", 2, ())
    position = made.build(made.numbers((5, 6, 1.0, 2.0, 3.0)))
    assert (position.x, position.y, position.z) == (1.0, 2.0, 3.0)


def test_headers_that_are_due_are_part_of_a_shape():
    made = shape("OMKey", {"OMKey": (1, 2)}, set())
    assert (made.code.format, made.expected) == ("<2sIiIB", (b"\1\2",))
    assert made.build(made.numbers((b"\1\2", 0, 5, 6, 7))) == OMKey(5, 6, 7)


@pytest.mark.parametrize("name", ["I3String", "I3TrayInfo", "I3MCTree", "I3MapStringDouble", "Nothing"])
def test_what_has_texts_and_lists_has_no_shape(name):
    assert not fixed(name)


def test_versions_with_lists_have_no_shape():
    """A particle of version 0 has a list of particles."""
    assert fixed("I3Particle")
    assert set(inside("I3Particle")) == {"I3Particle", "I3FrameObject", "I3Position", "I3Direction"}
    headers = dict.fromkeys(inside("I3Particle"), (1, 0))
    assert shape("I3Particle", headers, set(headers)) is None


def test_versions_of_one_class_are_told_apart():
    rng = Random(1)
    blobs = [
        encode(generate("I3Particle", version, rng.randrange(100))) for version in range(6) for _ in range(3)
    ]
    for blob in blobs + blobs[::-1]:
        plain, quick = both(blob)
        for found in quick:
            fuzz.assert_alike(found, plain)


def test_an_object_is_its_own():
    blob = encode(new("I3VectorDouble", value=[1.0, 2.0]))
    first, second = decode(blob), decode(blob)
    first.value[0] = 5.0
    first.versions["I3VectorDouble"] = (1, 0)
    assert (second.value[0], second.versions) == (1.0, {})
    blob = encode(new("I3Double", value=1.0))
    first, second, third = decode(blob), decode(blob), decode(blob)
    second.value = 3.0
    second.versions["I3Double"] = (1, 0)
    assert (third.value, third.versions, decode(blob).versions) == (1.0, {}, {})


def test_an_alias_to_a_part_is_read_member_by_member():
    """The second position stands for the one before, which only the plain reader knows of."""
    position = b"\x01\x00" + struct.pack("<II3d", 2, 3, 1.0, 2.0, 3.0)
    head = encode(new("I3VectorI3Position", value=[]))[:-6]
    blob = head + b"\0\0" + struct.pack("<I", 3) + position + struct.pack("<II3d", 4, 5, 4.0, 5.0, 6.0)
    blob += struct.pack("<I", 2)
    plain, quick = both(blob)
    for found in quick:
        fuzz.assert_alike(found, plain)
