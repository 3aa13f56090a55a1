"""Frames are mappings whose untouched objects keep their bytes (`frames.frame`)."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest

from icecol.errors import FormatError, MissingColumnError
from icecol.i3.archive import encode, new, record
from icecol.i3.classes import type_name
from icecol.i3.frames.files import open_i3
from icecol.i3.frames.frame import Frame, Mixer, as_object

FILES = [
    "oscNext_genie_level3_v02",
    "oscNext_genie_level7_v02",
    "oscNext_noise_level3_v02",
    "upgrade_genie_step4_140028_000998",
]


def blob(value):
    return encode(new("I3Double", value=value))


def frame(stop, **values):
    return Frame(stop, [(key, "I3PODHolder<double>", blob(v)) for key, v in values.items()])


def values(f):
    return {key: f[key].value for key in f}


# -- a frame by itself ----------------------------------------------------------------------------------------------


def test_objects_are_decoded_once():
    f = frame("P", a=1.0)
    assert f["a"] is f["a"]


def test_plain_values_become_frame_objects():
    f = Frame("P")
    f.update({"i": 3, "b": True, "x": 2.5, "s": "text", "w": {"weight": 1.0}})
    assert [f.class_name(key) for key in "ibxsw"] == [
        "I3Int",
        "I3Bool",
        "I3Double",
        "I3String",
        "I3MapStringDouble",
    ]
    with pytest.raises(TypeError, match="complex 1j is not a frame object"):
        f["z"] = 1j


@pytest.mark.parametrize(
    ("value", "name", "back"),
    [
        (np.int64(3), "I3Int", 3),
        (np.bool_(True), "I3Bool", True),
        (np.float32(0.5), "I3Double", 0.5),
        (np.str_("s"), "I3String", "s"),
        (2**31, "I3UInt64", 2**31),
        (-(2**31), "I3Int", -(2**31)),
        ([1, 2], "I3VectorInt", [1, 2]),
        ((1, 2**40), "I3VectorInt64", [1, 2**40]),
        ([1, 2.5], "I3VectorDouble", [1.0, 2.5]),
        ([True, False], "I3VectorBool", [True, False]),
        (["a", "b"], "I3VectorString", ["a", "b"]),
        (np.arange(3.0), "I3VectorDouble", [0.0, 1.0, 2.0]),
        (np.arange(0, dtype=np.int16), "I3VectorInt", []),
        ({}, "I3MapStringDouble", {}),
        ({"a": 1}, "I3MapStringInt", {"a": 1}),
        ({"a": 1, "b": 0.5}, "I3MapStringDouble", {"a": 1.0, "b": 0.5}),
        ({"a": True}, "I3MapStringBool", {"a": True}),
        ({"a": np.float32(0.5)}, "I3MapStringDouble", {"a": 0.5}),
    ],
)
def test_what_python_and_numpy_have_becomes_the_class_that_holds_it(value, name, back):
    f = Frame("P")
    f["k"] = value
    assert f.class_name("k") == name
    again = Mixer().mix(Frame("P", [("k", f.type_name("k"), f.raw("k"))]))["k"]
    assert (dict(again) if isinstance(again, dict) else np.asarray(again.value).tolist()) == back


@pytest.mark.parametrize(
    "value", [[], [1, "a"], [True, 1], {1: 2.0}, {"a": [1.0]}, {"a": 2**40}, np.ones((2, 2)), None]
)
def test_what_no_class_holds_is_refused(value):
    with pytest.raises(TypeError, match=r"is not a frame object; `ic\.new`"):
        Frame("P")["k"] = value


def test_a_number_that_no_class_holds_is_refused():
    with pytest.raises(FormatError, match="cannot hold value=-1099511627776"):
        Frame("P")["k"] = -(2**40)


def test_pulses_of_a_frame_become_a_map_of_pulses(shared_data):
    path = shared_data / "i3" / "real" / "oscNext_genie_level7_v02_first_5_frames.i3.gz"
    n = 0
    for f in open_i3(path):
        if f.stop == "P":
            f["Copied"] = series = f.pulses("SRTInIcePulses")
            assert f.class_name("Copied") == "I3RecoPulseSeriesMap"
            again = f.pulses("Copied")
            for member in ("omkey", "time", "charge", "width", "flags"):
                np.testing.assert_array_equal(getattr(again, member), getattr(series, member))
            n += len(series)
    assert n > 50


def test_putting_one_object_leaves_the_bytes_of_the_others():
    f = frame("P", a=1.0, b=2.0)
    before = f.raw("b")
    _ = f["b"]
    f["a"] = 5.0
    del f["a"]
    f["c"] = 7.0
    assert f.raw("b") == before
    assert f.own_keys() == ("b", "c")


def test_a_renamed_object_keeps_its_bytes_and_keys_stay_sorted():
    f = frame("P", a=1.0, b=2.0)
    before = f.raw("a")
    f.rename("a", "c")
    assert f.raw("c") == before
    assert f.own_keys() == ("b", "c")
    assert f.encoded() == frame("P", b=2.0, c=1.0).encoded()
    for key, to, error in (("x", "y", MissingColumnError), ("b", "c", ValueError), ("b", "c d", ValueError)):
        with pytest.raises(error):
            f.rename(key, to)


def test_only_a_frames_own_objects_can_be_renamed():
    mixer = Mixer()
    mixer.mix(frame("Q", a=1.0))
    f = mixer.mix(frame("P", b=2.0))
    with pytest.raises(MissingColumnError, match="'a' in this P frame itself"):
        f.rename("a", "c")


def test_keys_with_white_space_are_refused():
    for key in ("", "a b", "a\tb"):
        with pytest.raises(ValueError, match="frame key"):
            Frame("P")[key] = 1.0


def test_a_missing_key_is_told_with_similar_ones():
    with pytest.raises(MissingColumnError, match="'LineFit'"):
        frame("P", LineFit=1.0)["Linefit"]


def test_a_damaged_object_is_told_with_its_key():
    f = Frame("P", [("a", "I3PODHolder<double>", blob(1.0)[:-1])])
    with pytest.raises(FormatError, match="object 'a' of this P frame: I3Double version 0"):
        f["a"]


def test_a_frame_lists_itself_as_icetray_does():
    f = Frame("P")
    f["LineFit"] = record("I3Particle")()
    assert repr(f) == "[ I3Frame (Physics):\n  'LineFit' [Physics] ==> I3Particle (150)\n]"


# -- mixing ---------------------------------------------------------------------------------------------------------


def test_own_objects_win_and_the_first_stop_wins_between_others():
    mixer = Mixer()
    mixer.mix(frame("G", g=1.0))
    mixer.mix(frame("S", dup=1.0, s=11.0))
    q = mixer.mix(frame("Q", dup=2.0, q=3.0))
    assert values(q) == {"g": 1.0, "dup": 2.0, "s": 11.0, "q": 3.0}
    p = mixer.mix(frame("P"))
    assert values(p) == {"g": 1.0, "dup": 1.0, "s": 11.0, "q": 3.0}
    assert {key: p.stop_of(key) for key in p} == {"g": "G", "dup": "S", "s": "S", "q": "Q"}
    assert p.own_keys() == ()


def test_physics_frames_lend_nothing_and_a_new_frame_replaces_its_stop():
    mixer = Mixer()
    mixer.mix(frame("Q", q=1.0))
    mixer.mix(frame("P", p=1.0))
    assert values(mixer.mix(frame("P"))) == {"q": 1.0}
    assert values(mixer.mix(frame("Q", r=2.0))) == {"r": 2.0}
    assert values(mixer.mix(frame("P"))) == {"r": 2.0}


def test_other_letters_mix_both_ways():
    mixer = Mixer()
    mixer.mix(frame("Q", q=1.0))
    assert values(mixer.mix(frame("X", x=2.0))) == {"q": 1.0, "x": 2.0}
    assert values(mixer.mix(frame("G"))) == {"q": 1.0, "x": 2.0}


def test_a_forgotten_stop_lends_nothing_until_its_next_frame():
    mixer = Mixer()
    mixer.mix(frame("S", a=1.0))
    mixer.mix(frame("Q", a=2.0, b=2.0))
    mixer.forget("S")
    assert values(mixer.mix(frame("P"))) == {"a": 2.0, "b": 2.0}
    mixer.mix(frame("S", a=3.0))
    assert values(mixer.mix(frame("P"))) == {"a": 3.0, "b": 2.0}


def test_taking_out_an_inherited_object_leaves_the_lender_alone():
    mixer = Mixer()
    mixer.mix(frame("Q", q=1.0))
    p = mixer.mix(frame("P"))
    del p["q"]
    assert "q" not in p
    assert "q" in mixer.mix(frame("P"))


# -- as IceTray reads real files ------------------------------------------------------------------------------------


def truth(shared_data, name):
    folder = shared_data / "truth" / "icetray" / name
    return (
        json.loads((folder / "frames.json").read_text()),
        json.loads((folder / "objects.json").read_text()),
        np.load(folder / "pulses.npz"),
    )


def real(shared_data, name):
    return open_i3(shared_data / "i3" / "real" / f"{name}_first_5_frames.i3.gz")


def spelling(name):
    return re.sub(r"__cxx11::|\s", "", name)


@pytest.mark.parametrize("name", FILES)
def test_frames_have_the_keys_that_icetray_sees(shared_data, name):
    listed, _, _ = truth(shared_data, name)
    frames = list(real(shared_data, name))
    assert len(frames) == len(listed)
    for f, wanted in zip(frames, listed, strict=True):
        assert f.stop == wanted["stop"]
        assert {k: (spelling(f.type_name(k)), f.stop_of(k), k in f.own_keys(), len(f.raw(k))) for k in f} == {
            k["key"]: (spelling(k["type"]), k["stop"], k["native"], k["size"]) for k in wanted["keys"]
        }


@pytest.mark.parametrize("name", FILES)
def test_pulses_are_those_of_icetray_bit_for_bit(shared_data, name):
    _, _, pulses = truth(shared_data, name)
    seen = set()
    for i, f in enumerate(real(shared_data, name)):
        for key in f:
            where = f"{i:05d}|{key}"
            if where not in pulses.files:
                continue
            seen.add(where)
            wanted, found = pulses[where], f.pulses(key)
            assert found.string.tolist() == wanted["string"].tolist()
            assert found.om.tolist() == wanted["om"].tolist()
            assert found.pmt.tolist() == wanted["pmt"].tolist()
            for member in ("time", "charge", "width", "flags"):
                assert getattr(found, member).tobytes() == wanted[member].tobytes(), (where, member)
    assert seen == set(pulses.files)


def plain(obj):
    """Bring an object into the form in which the truth is kept."""
    match obj.i3class:
        case "I3Particle":
            return {
                **{m: getattr(obj, m) for m in ("major_id", "minor_id", "pdg_encoding", "time", "energy")},
                **{m: getattr(obj, m) for m in ("length", "speed")},
                **{m: getattr(obj.pos, m) for m in "xyz"},
                **{m: getattr(obj.dir, m) for m in ("zenith", "azimuth")},
                **{m: getattr(obj, m).name for m in ("shape", "fit_status", "location_type")},
            }
        case "I3ParticleVect":
            return [plain(p) for p in obj]
        case "I3MCTree":
            return [
                {**plain(p), "depth": depth, "parent": parent, "n_children": len(obj.children(i))}
                for i, (p, depth, parent) in enumerate(zip(obj, obj.depth, obj.parent, strict=True))
            ]
        case "I3TriggerHierarchy":
            return [
                {
                    **{m: getattr(t.key, m).name for m in ("source", "type", "subtype")},
                    "config_id": t.key.config_id,
                    **{m: getattr(t, m) for m in ("fired", "time", "length")},
                    "depth": depth,
                }
                for t, depth in zip(obj, obj.depth, strict=True)
            ]
        case "I3EventHeader":
            ids = ("run_id", "sub_run_id", "event_id", "sub_event_id", "sub_event_stream")
            return {
                **{m: getattr(obj, m) for m in ids},
                "state": str(int(obj.state)),
                "start_time": plain_time(obj.start_time),
                "end_time": plain_time(obj.end_time),
            }
        case "I3Time":
            return plain_time(obj)
        case "I3FilterResultMap":
            return {k: [v.condition_passed, v.prescale_passed] for k, v in obj.items()}
        case "I3MapStringVectorDouble":
            return {k: v.tolist() for k, v in obj.items()}
        case "I3MapKeyVectorDouble" | "I3MapKeyVectorInt":
            return [[list(k), v.tolist()] for k, v in obj.items()]
        case "I3VectorOMKey":
            return [list(k) for k in obj]
        case "I3VectorDouble" | "I3VectorInt":
            return obj.value.tolist()
        case "I3Double" | "I3Int" | "I3Bool" | "I3String":
            return obj.value
        case "I3Position":
            return [obj.x, obj.y, obj.z]
        case "I3TimeWindow":
            return [obj.start, obj.stop]
        case "I3TimeWindowSeriesMap":
            return [[list(k), [list(w) for w in v]] for k, v in obj.items()]
        case "I3RecoPulseSeriesMapMask":
            return {"source": obj.source, "sum": sum(int(m.sum()) for m in obj.element_masks)}
        case "I3MapStringDouble" | "I3MapStringInt" | "I3MapStringBool":
            return dict(obj)
    members = {m: getattr(obj, m) for m in obj.names}
    return {m: plain(v) if hasattr(v, "i3class") else v for m, v in members.items()}


def plain_time(time):
    return {"utc_year": time.utc_year, "utc_daq_time": time.utc_daq_time}


def agrees(found, wanted):
    """Compare, NaN equal to NaN; of a dict all that we have."""
    if isinstance(found, dict):
        return all(agrees(v, wanted[k]) for k, v in found.items())
    if isinstance(found, list):
        return len(found) == len(wanted) and all(map(agrees, found, wanted))
    return found == wanted or (isinstance(found, float) and math.isnan(found) and math.isnan(wanted))


@pytest.mark.parametrize("name", FILES)
def test_objects_have_the_values_that_icetray_reads(shared_data, name):
    _, objects, _ = truth(shared_data, name)
    for f, wanted in zip(real(shared_data, name), objects, strict=True):
        for key, value in wanted["objects"].items():
            assert agrees(plain(f[key]), value), (f.class_name(key), key)


def test_type_names_are_those_that_icetray_writes(shared_data):
    with open_i3(shared_data / "i3" / "icetray_written.i3.zst") as frames:
        for f in frames:
            for key in f.own_keys():
                assert type_name(f.class_name(key)) == f.type_name(key).replace("<string", "<__cxx11::string")


def test_a_dict_of_texts_is_refused_as_icetray_reads_no_such_class():
    with pytest.raises(TypeError, match="IceTray has no class for a dict of strings"):
        as_object({"a": "b"})


@pytest.mark.parametrize(
    "name", ["OMKey", "ModuleKey", "TankKey", "TriggerKey", "I3ParticleID", "I3FrameObject"]
)
def test_keys_of_maps_and_bare_bases_are_no_frame_objects(name):
    with pytest.raises(TypeError, match=f"{name} is not a frame object"):
        Frame("P")["X"] = new(name)
