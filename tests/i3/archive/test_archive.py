"""Objects from bytes and back, whatever the class.

`arrays`, `blobs`, `codecs`, `containers`, `keys`, `kinds`, `masks`, `objects`,
`old_values`, `reader`, `reading`, `at_once`, `types`, `writing`.
"""

from __future__ import annotations

import math
import pickle
import struct
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecol.errors import FormatError
from icecol.i3.archive import (
    FrameMap,
    OMKey,
    Record,
    Tree,
    UnknownObject,
    blobs,
    class_name,
    decode,
    encode,
    new,
    record,
)
from icecol.i3.archive.containers import Alternative
from icecol.i3.classes import CLASSES
from icecol.i3.container.raw import raw_frames

OPENING = "0001 0200 {size} {name} 01{version} 00000000 0100 01000000"


def opening(name, version=0):
    size = struct.pack("<I", len(name)).hex()
    return bytes.fromhex(OPENING.format(size=size, name=name.encode().hex(), version=f"{version:02x}"))


PULSES = bytes.fromhex(
    "0000 02000000"  # map with two keys
    "0000 0102 02000000 24000000 39000000 00"  # pair, OMKey(36, 57, 0) with its header and id
    "0000 01000000"  # vector with one pulse
    "0103 03000000 000000000000f03f 0000003f 00000041 04"
    "04000000 24000000 3a000000 00"  # OMKey(36, 58, 0): no headers any more
    "02000000"
    "05000000 0000000000000040 0000803f 00000041 07"
    "06000000 0000000000000840 00000040 00000041 07"
)


# -- bytes to objects -----------------------------------------------------------------------------------------------


def test_numbers_read_as_the_format_says():
    blob = opening("I3Double") + struct.pack("<d", 2.5)
    assert len(blob) == 36
    assert class_name(blob) == "I3Double"
    assert decode(blob).value == 2.5
    assert encode(decode(blob)) == blob


def test_a_pulse_map_reads_as_a_dict_of_arrays():
    blob = opening("I3RecoPulseSeriesMap") + PULSES
    pulses = decode(blob)
    assert list(pulses) == [OMKey(36, 57, 0), OMKey(36, 58, 0)]
    assert pulses[36, 58, 0].time.tolist() == [2.0, 3.0]
    assert pulses[36, 57, 0].flags.tolist() == [4]
    assert [p.charge for p in pulses[36, 58, 0]] == [1.0, 2.0]
    assert encode(pulses) == blob


def test_an_old_pulse_keeps_its_version_when_it_is_written():
    head = b"\0\0\1\0\0\0" + PULSES[6:29]  # one key with one pulse
    blob = (
        opening("I3RecoPulseSeriesMap") + head + bytes.fromhex("0102 03000000 0000803f 0000003f 00000041 04")
    )
    pulses = decode(blob)
    assert pulses[36, 57, 0].time.dtype == np.float32
    assert pulses.versions == {"I3RecoPulse": (1, 2)}
    assert encode(pulses) == blob


def test_key_of_an_old_version_has_a_base_and_no_pmt():
    blob = opening("I3VectorOMKey") + bytes.fromhex("0000 01000000 0100 02000000 03000000 24000000 39000000")
    keys = decode(blob)
    assert keys.value == [OMKey(36, 57, 0)]
    assert encode(keys) == blob


def test_enumerations_have_names_and_unknown_numbers_stay():
    particle = record("I3Particle")(shape=40)
    assert decode(encode(particle)).shape.name == "InfiniteTrack"
    particle.shape = 41
    assert decode(encode(particle)).shape == 41


def test_members_of_a_base_class_belong_to_the_object():
    fit = record("MillipedeFitParams")(logl=1.0, ndof=3, qtotal=2.0)
    again = decode(encode(fit))
    assert (again.logl, again.ndof, again.qtotal) == (1.0, 3, 2.0)


def test_polymorphic_pointers_name_their_class_once():
    gaussian = record("SPEChargeDistribution::Gaussian")(amplitude=1.0, mean=2.0, sigma=3.0)
    exponential = record("SPEChargeDistribution::Exponential")(amplitude=1.0, width=2.0)
    dom = record("I3DOMCalibration")()
    dom.combined_spe_charge_distribution.pdfs = [exponential, gaussian, exponential, gaussian]
    blob = encode(record("I3Calibration")(dom_cal={OMKey(1, 2, 0): dom}))
    assert blob.count(b"SPEChargeDistribution::Gaussian") == 1
    again = decode(blob).dom_cal[1, 2, 0].combined_spe_charge_distribution.pdfs
    assert [pdf.i3class.rpartition(":")[2] for pdf in again] == ["Exponential", "Gaussian"] * 2
    assert again[0] is again[2]  # one object, written once: the second time by its id
    assert encode(decode(blob)) == blob


def test_an_object_id_may_stand_for_an_earlier_object():
    # two pointers to one I3Configuration: the second has the class number and the id alone
    config = record("I3ConfigurationImpl")(class_name="Module", instance_name="it", parameters=[])
    tray = record("I3TrayInfo")(module_configs={"a": config, "b": config})
    again = decode(encode(tray))
    assert again.module_configs["a"] is again.module_configs["b"]
    assert encode(again) == encode(tray)


def test_empty_masks_keep_the_form_they_had():
    mask = new("I3RecoPulseSeriesMapMask", source="Pulses")
    blob = encode(mask)
    spare = blob.replace(b"Pulses\0\0\0\0\0", b"Pulses\0\0\1\0\x08\0")
    assert len(spare) == len(blob) + 1
    assert decode(spare).key_mask.size == 0
    assert encode(decode(spare)) == spare
    assert encode(decode(blob)) == blob


# -- trees ----------------------------------------------------------------------------------------------------------


def particles(n):
    return [record("I3Particle")(minor_id=i) for i in range(n)]


def test_tree_bits_are_a_walk_in_which_zero_ends_a_list():
    tree = Tree("I3MCTree", particles(3), [0, 1, 0])
    blob = encode(tree)
    at = len(opening("I3MCTree"))
    assert blob[at : at + 16] == struct.pack("<IIQ", 7, 1, 0b0010011)
    assert decode(blob) == tree
    assert decode(blob).parent == [-1, 0, -1]


@pytest.mark.parametrize("n", [0, 1, 32767, 32768, 40000])
@pytest.mark.slow
def test_trees_of_many_chunks_read_back(n):
    depth = [min(i, 3) for i in range(n)]
    nodes = [record("I3Particle")(minor_id=7)] * n
    blob = encode(Tree("I3MCTree", nodes, depth))
    again = decode(blob)
    assert (len(again), again.depth) == (n, depth)
    assert encode(again) == blob


@pytest.mark.parametrize("name", ["I3MCTree", "I3TriggerHierarchy"])
def test_very_deep_trees_read_back(name):
    n = 5000
    node = record("I3Particle" if name == "I3MCTree" else "I3Trigger")()
    blob = encode(Tree(name, [node] * n, range(n)))
    assert decode(blob).depth == list(range(n))


def test_nodes_are_put_into_a_tree_behind_their_siblings():
    tree = Tree("I3MCTree")
    root = tree.add("root")
    first = tree.add("first", root)
    tree.add("second", root)
    tree.add("grandchild", first)
    tree.add("other root")
    assert list(tree) == ["root", "first", "grandchild", "second", "other root"]
    assert tree.depth == [0, 1, 2, 1, 0]
    assert tree.parent == [-1, 0, 1, 0, -1]
    assert tree.children(root) == [1, 3]


def test_a_tree_without_a_way_to_a_node_is_refused():
    with pytest.raises(ValueError, match="depth 2 after a node of depth 0"):
        Tree("I3MCTree", particles(2), [0, 2])


# -- what cannot be read --------------------------------------------------------------------------------------------


def test_an_unknown_class_keeps_its_bytes():
    blob = opening("I3Nonesuch", 3) + b"abc"
    obj = decode(blob)
    assert obj == UnknownObject("I3Nonesuch", 3, blob)
    assert encode(obj) == blob


def test_a_newer_version_than_known_keeps_its_bytes():
    blob = opening("I3Particle", 6) + b"abc"
    assert decode(blob) == UnknownObject("I3Particle", 6, blob)


def test_members_without_a_layout_keep_the_bytes_of_the_whole():
    blob = opening("I3StationHitMap") + bytes.fromhex("0000 01000000 0000 01000000 0100 02000000")
    assert isinstance(decode(blob), UnknownObject)
    empty = opening("I3StationHitMap") + bytes.fromhex("0000 00000000")
    assert decode(empty) == {}


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\0\1\2",
        b"\0\1\2\0\xff\xff\xff\xff",
        b"abcdefghijkl",
        opening("I3Double"),
        opening("I3Double") + b"123",
    ],
)
def test_damaged_blobs_are_told(blob):
    with pytest.raises(FormatError):
        decode(blob)


def test_left_over_bytes_are_told_with_class_version_and_place():
    with pytest.raises(FormatError, match="I3Double version 0: 1 extra bytes at the end, from byte 36"):
        decode(opening("I3Double") + struct.pack("<d", 2.5) + b"x")


@pytest.mark.parametrize("n", [0xFFFFFFFE, 1 << 20])
@pytest.mark.parametrize("name", ["I3VectorDouble", "I3VectorString", "I3VectorOMKey", "I3MapStringDouble"])
def test_sizes_are_checked_before_memory_is_asked_for(name, n):
    header = b"" if name == "I3VectorDouble" else b"\0\0"
    with pytest.raises(FormatError, match="bytes are left"):
        decode(opening(name) + header + struct.pack("<I", n))


def test_a_length_of_64_bits_is_understood():
    blob = opening("I3String") + b"\xff\xff\xff\xff" + struct.pack("<Q", 2) + b"ab"
    assert decode(blob).value == "ab"


def test_particles_nested_without_end_are_told():
    # in version 0 a particle has particles inside
    parts = [opening("I3Particle")]
    for i in range(5000):
        ids = [struct.pack("<I", 6 * i + k) for k in range(6)]
        head = [b"\x01\0", b"\x01\0", b"\0\0"] if i == 0 else [b""] * 3
        parts += [b"".join(ids[:2])] if i else []
        parts += [bytes(24), head[0], *ids[2:4], bytes(24), head[1], *ids[4:6], bytes(48)]
        parts += [head[2], struct.pack("<I", 1)]
    with pytest.raises(FormatError, match="nested too deeply"):
        decode(b"".join(parts) + bytes(100))


def test_a_key_is_no_frame_object():
    blob = (
        bytes.fromhex("0001 0200 05000000") + b"OMKey" + bytes.fromhex("0102 00000000 01000000 02000000 03")
    )
    with pytest.raises(FormatError, match="OMKey version 2 is not a frame object"):
        decode(blob)


@given(st.data())
def test_any_damage_ends_in_a_format_error_or_an_object(data):
    blob = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(blob)))
    for damaged in (bytes(blob), bytes(blob[:cut])):
        try:
            found = decode(damaged)
        except FormatError:
            continue
        assert isinstance(found, Record | FrameMap | Tree | UnknownObject)


# -- objects to bytes -----------------------------------------------------------------------------------------------


def test_values_that_do_not_fit_are_told():
    with pytest.raises(FormatError, match="run_id=-1"):
        encode(record("I3EventHeader")(run_id=-1))
    with pytest.raises(FormatError, match="I3MapStringDouble"):
        encode(new("I3MapStringDouble", {"a": "b"}))


def test_unknown_members_are_told_with_similar_names():
    with pytest.raises(AttributeError, match="'energy'"):
        record("I3Particle")(energie=1.0)
    with pytest.raises(AttributeError, match="no member 'zenit'"):
        _ = record("I3Direction")().zenit


def test_unknown_classes_are_told_with_similar_names():
    with pytest.raises(FormatError, match="'I3Particle'"):
        record("I3Partikel")


def test_maps_are_written_in_the_order_of_their_keys():
    a = new("I3MapKeyDouble", {OMKey(2, 1): 1.0, OMKey(-1, 5): 2.0, OMKey(2, 1, 1): 3.0, OMKey(1, 60): 4.0})
    assert list(decode(encode(a))) == [(-1, 5, 0), (1, 60, 0), (2, 1, 0), (2, 1, 1)]
    b = new("I3MapStringInt", {"b": 1, "B": 2, "é": 3, "a": 4})
    assert list(decode(encode(b))) == ["B", "a", "b", "é"]


def test_objects_can_be_pickled():
    for blob in SAMPLES:
        obj = decode(blob)
        assert encode(pickle.loads(pickle.dumps(obj))) == blob


# -- reading what was written ---------------------------------------------------------------------------------------

u32 = st.integers(0, 2**32 - 1)
i32 = st.integers(-(2**31), 2**31 - 1)
f64 = st.floats(width=64)
text = st.text(max_size=8)
keys = st.builds(OMKey, st.integers(-100, 100), st.integers(0, 100), st.integers(0, 23))


def directions():
    return st.builds(lambda z, a: record("I3Direction")(zenith=z, azimuth=a), f64, f64)


def any_particle():
    return st.builds(
        lambda minor, major, shape, time, direction: record("I3Particle")(
            minor_id=minor, major_id=major, shape=shape, time=time, dir=direction
        ),
        i32,
        st.integers(0, 2**64 - 1),
        st.sampled_from([0, 10, 40, 77]),
        f64,
        directions(),
    )


@st.composite
def trees(draw):
    nodes = draw(st.lists(any_particle(), max_size=6))
    depth: list[int] = []
    for _ in nodes:
        depth.append(draw(st.integers(0, depth[-1] + 1 if depth else 0)))
    return Tree("I3MCTree", nodes, depth)


@st.composite
def pulse_maps(draw):
    dtype = [("time", "<f8"), ("charge", "<f4"), ("width", "<f4"), ("flags", "u1")]
    pulse = st.tuples(f64, st.floats(width=32), st.floats(width=32), st.integers(0, 255))
    found = draw(st.dictionaries(keys, st.lists(pulse, max_size=4), max_size=4))
    arrays = {key: np.array(found[key], dtype) for key in sorted(found)}
    return FrameMap("I3RecoPulseSeriesMap", arrays)


masks = st.builds(
    lambda source, key, elements: new(
        "I3RecoPulseSeriesMapMask",
        source=source,
        key_mask=np.array(key, bool),
        element_masks=[np.array(e, bool) for e in elements],
    ),
    text,
    st.lists(st.booleans(), max_size=20),
    st.lists(st.lists(st.booleans(), max_size=20), max_size=3),
)

alternatives = st.one_of(
    st.builds(Alternative, st.just(0), i32),
    st.builds(Alternative, st.just(1), f64),
    st.builds(Alternative, st.just(2), st.booleans()),
    st.builds(Alternative, st.just(3), st.lists(i32, max_size=3).map(lambda v: np.array(v, "<i4"))),
    st.builds(Alternative, st.just(4), st.lists(f64, max_size=3).map(lambda v: np.array(v, "<f8"))),
)

objects = st.one_of(
    f64.map(lambda v: new("I3Double", value=v)),
    text.map(lambda v: new("I3String", value=v)),
    st.lists(f64).map(lambda v: new("I3VectorDouble", value=np.array(v, "<f8"))),
    st.lists(keys, max_size=5).map(lambda v: new("I3VectorOMKey", value=v)),
    st.lists(text, max_size=5).map(lambda v: new("I3VectorString", value=v)),
    st.dictionaries(text, f64, max_size=5).map(lambda v: new("I3MapStringDouble", v)),
    st.dictionaries(text, alternatives, max_size=5).map(lambda v: new("I3GENIEResultDict", v)),
    st.lists(any_particle(), max_size=3).map(lambda v: new("I3ParticleVect", value=v)),
    any_particle(),
    trees(),
    pulse_maps(),
    masks,
)


@given(objects)
def test_objects_read_back_as_they_were_written(obj):
    blob = encode(obj)
    again = decode(blob)
    assert type(again) is type(obj)
    assert encode(again) == blob


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 2**40), st.integers(0, 2**40)), max_size=5))
def test_short_numbers_of_triggers_read_back(rows):
    from icecol.i3.archive.arrays import TRIGGERS

    obj = new("I3SuperDSTTriggerSeries", value=np.array(rows, TRIGGERS))
    assert decode(encode(obj)).value.tolist() == rows


def _samples():
    yield opening("I3RecoPulseSeriesMap") + PULSES
    yield encode(Tree("I3MCTree", particles(3), [0, 1, 0]))
    yield encode(new("I3MapStringDouble", {"a": 1.0, "b": math.nan}))
    yield encode(new("I3RecoPulseSeriesMapMask", source="x", key_mask=np.ones(9, bool)))
    yield encode(new("I3VectorString", value=["a", "bc"]))
    yield encode(record("I3EventHeader")(run_id=1))
    dom = record("I3DOMCalibration")()
    dom.combined_spe_charge_distribution.pdfs = [record("SPEChargeDistribution::Gaussian")()]
    yield encode(record("I3Calibration")(dom_cal={OMKey(1, 2): dom}))
    yield encode(Tree("I3TriggerHierarchy", [record("I3Trigger")()] * 3, [0, 1, 1]))


SAMPLES = list(_samples())


# -- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_object_of_real_files_is_written_back_with_the_same_bytes(shared_data):
    files = [
        *sorted((shared_data / "i3" / "real").iterdir()),
        *sorted((shared_data / "i3" / "regression").glob("*/*.i3")),
        *sorted((shared_data / "i3").glob("*.i3*")),
    ]
    count: Counter[str] = Counter()
    for path in files:
        for frame in raw_frames(path):
            for key, _, blob in frame.objects:
                obj = decode(blob)
                assert not isinstance(obj, UnknownObject), key
                assert encode(obj) == blob, key
                count[obj.i3class] += 1
    assert count.total() >= 3209
    assert len(count) >= 85
    assert set(count) <= set(CLASSES)


def test_an_id_that_stands_for_an_object_of_another_class_is_told():
    position = b"\x01\x00" + struct.pack("<II3d", 2, 3, 1.0, 2.0, 3.0)
    blob = (
        opening("I3VectorI3Position")
        + b"\0\0"
        + struct.pack("<I", 2)
        + position
        + struct.pack("<I", 0)
        + bytes(28)
    )
    with pytest.raises(FormatError, match=r"object id 0|refers to"):
        decode(blob)


# -- many keys read at once -----------------------------------------------------------------------------------------


def pulse_map(counts, version=3):
    """A map of pulses as bytes; version 2 of the pulses has times of 4 bytes."""
    dtype = np.dtype(
        [("time", "<f8" if version == 3 else "<f4"), ("charge", "<f4"), ("width", "<f4"), ("flags", "u1")]
    )
    rng = np.random.default_rng(sum(counts))
    pulses = {}
    for i, n in enumerate(counts):
        pulses[OMKey(i // 3 - 1, i + 1, i % 3)] = series = np.zeros(n, dtype)
        for name in ("time", "charge", "width", "flags"):
            series[name] = rng.integers(0, 100, n)
    made = new("I3RecoPulseSeriesMap", pulses)
    made.versions = {"I3RecoPulse": (1, version)} if version != 3 else {}
    return encode(made)


def outcome(blob, read=decode):
    try:
        found = read(blob)
    except FormatError as err:
        return str(err)
    if not isinstance(found, FrameMap):
        return repr(found)
    parts = {
        key: (type(v), getattr(v, "dtype", None), v.tobytes() if isinstance(v, np.ndarray) else repr(v))
        for key, v in found.items()
    }
    return list(parts.items()), repr(found.versions)


def one_by_one(blob):
    """Give what comes out when every key is read by itself."""
    return outcome(blob, blobs._decode)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    "counts", [[], [0], [2], [0, 0, 0], [0, 1, 0, 5, 2], [3, 0, 1, 1], [1, 0, 0], [40] * 30]
)
def test_a_map_read_at_once_is_the_map_read_key_by_key(counts, version):
    blob = pulse_map(counts, version)
    decode(blob)  # teaches how such maps begin
    assert outcome(blob) == one_by_one(blob)
    assert encode(decode(blob)) == blob
    assert pickle.loads(pickle.dumps(decode(blob))) is not None


def test_damaged_maps_are_refused_as_key_by_key():
    blob = pulse_map([1, 0, 2, 1])
    assert isinstance(outcome(blob), tuple)
    for at in range(40, len(blob)):
        for flip in (1, 0x80, 0xFF):
            wrong = bytearray(blob)
            wrong[at] ^= flip
            assert outcome(bytes(wrong)) == one_by_one(bytes(wrong)), (at, flip)
    for end in range(40, len(blob)):
        assert outcome(blob[:end]) == one_by_one(blob[:end]), end


def test_arrays_of_one_map_do_not_share_values():
    found = decode(pulse_map([2, 3, 1]))
    before = [series["charge"].tolist() for series in found.values()]
    series = list(found.values())
    series[1]["charge"][:] = -1
    assert [s["charge"].tolist() for s in (series[0], series[2])] == [before[0], before[2]]


def test_an_object_of_one_value_takes_it_without_its_name_and_no_other_drops_what_is_given():
    assert new("I3Double", 3.0) == new("I3Double", value=3.0)
    assert list(new("I3VectorInt", [1, 2])) == [1, 2]
    for name, args, values in [
        ("I3Double", (1.0, 2.0), {}), ("I3Double", (1.0,), {"value": 2.0}), ("I3Particle", (5.0,), {}),
        ("I3EventHeader", (1, 2), {}), ("I3MCTree", ([],), {"x": 1}), ("I3MapStringDouble", (), {"a": 1.0}),
    ]:  # fmt: skip
        with pytest.raises(TypeError, match=name):
            new(name, *args, **values)
    with pytest.raises(AttributeError, match="did you mean 'value'"):
        new("I3Double", val=1.0)
