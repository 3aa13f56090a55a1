"""What each way to store pulses means, for the compiled code and the naive resolver (`pulses`: series, of_frames)."""

from __future__ import annotations

import re

import numpy as np
import pytest
from naive_resolver import flat, resolve

from icecol.errors import FormatError, MissingColumnError
from icecol.i3.archive import OMKey, decode, new, record
from icecol.i3.frames.files import open_i3
from icecol.i3.frames.frame import Frame
from icecol.i3.pulses.of_frames import pulses_of
from icecol.i3.pulses.series import PULSE

A, B, C = OMKey(1, 1), OMKey(1, 2), OMKey(2, 1)


def pulses(*times):
    return np.array([(t, i + 1, 1, 7) for i, t in enumerate(times)], PULSE)


def some_frame():
    frame = Frame("P")
    frame["Pulses"] = new(
        "I3RecoPulseSeriesMap", {A: pulses(3.0, 1.0), B: pulses(), C: pulses(5.0, 6.0, 7.0)}
    )
    return frame


def mask(source, keys, *elements):
    return new(
        "I3RecoPulseSeriesMapMask",
        source=source,
        key_mask=np.array(keys, bool),
        element_masks=[np.array(e, bool) for e in elements],
    )


def times(frame, key):
    """Return the times of each photomultiplier, once both resolvers agree on the series."""
    plain = resolve(frame, key)
    batch, series, wanted = pulses_of(frame, key), frame.pulses(key), flat(plain)
    for member in ("omkey", "time", "charge", "width", "flags"):
        assert getattr(series, member).tobytes() == getattr(wanted, member).tobytes()
    assert batch.om.tolist() == [k.string << 16 | k.om << 8 | k.pmt for k in plain]
    assert np.diff(batch.sensors).tolist() == [len(v) for v in plain.values()]
    return {k: v["time"].tolist() for k, v in plain.items()}


def refusal(frame, key):
    """Return the error of a key, once both resolvers raise the same."""
    with pytest.raises((FormatError, MissingColumnError)) as plain:
        resolve(frame, key)
    with pytest.raises((FormatError, MissingColumnError)) as found:
        frame.pulses(key)
    assert (type(found.value), str(found.value)) == (type(plain.value), str(plain.value))
    return str(found.value)


# -- maps, masks, unions --------------------------------------------------------------------------------------------


def test_a_series_is_flat_in_the_order_of_keys_and_then_as_stored():
    series = some_frame().pulses("Pulses")
    assert len(series) == 5
    assert series.omkey.tolist() == [1 << 16 | 1 << 8] * 2 + [2 << 16 | 1 << 8] * 3
    assert series.time.tolist() == [3.0, 1.0, 5.0, 6.0, 7.0]
    assert (series.string.tolist()[-1], series.om.tolist()[-1], series.pmt.tolist()[-1]) == (2, 1, 0)


def test_negative_strings_keep_their_sign():
    frame = Frame("P")
    frame["Pulses"] = new("I3RecoPulseSeriesMap", {OMKey(-3, 5, 2): pulses(1.0)})
    series = frame.pulses("Pulses")
    assert (series.string[0], series.om[0], series.pmt[0]) == (-3, 5, 2)


def test_masks_of_masks_count_what_is_left():
    frame = some_frame()
    frame["Mask"] = mask("Pulses", [1, 0, 1], [0, 1], [1, 0, 1])
    frame["Mask2"] = mask("Mask", [0, 1], [0, 1])
    assert times(frame, "Mask") == {A: [1.0], C: [5.0, 7.0]}
    assert times(frame, "Mask2") == {C: [7.0]}


def test_a_mask_without_pulses_of_a_key_drops_the_key():
    frame = some_frame()
    frame["Mask"] = mask("Pulses", [1, 1, 0], [0, 0], [])
    assert times(frame, "Mask") == {}


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (mask("Pulses", [1, 0], [1, 1]), "2 bits for 3 PMTs"),
        (mask("Pulses", [1, 0, 0], [1]), "1 bits for the 2 pulses"),
        (mask("Pulses", [1, 0, 1], [1, 1]), "masks for 1 PMTs, but 2 are selected"),
    ],
)
def test_masks_that_do_not_fit_are_told(bad, why):
    frame = some_frame()
    frame["Mask"] = bad
    assert refusal(frame, "Mask").startswith(f"mask 'Mask' does not match its source 'Pulses': {why}")


def test_what_refers_to_nothing_or_to_itself_is_told():
    frame = some_frame()
    frame["Mask"] = mask("Pulse", [1], [1])
    frame["Loop"] = new("I3RecoPulseSeriesMapUnion", sources=["Pulses", "Loop"])
    assert re.match(
        r"no object 'Pulse' in the frame \(needed by 'Mask'\); .*'Pulses'", refusal(frame, "Mask")
    )
    assert "'Loop' refers to itself: Loop -> Loop" in refusal(frame, "Loop")
    frame["MaskOfMask"] = mask("Mask", [1], [1])
    assert "no object 'Pulse'" in refusal(frame, "MaskOfMask")
    frame["x"] = 1.0
    assert "'x' is an object of class I3Double" in refusal(frame, "x")


def test_long_chains_are_told():
    frame = some_frame()
    for i in range(120):
        frame[f"U{i}"] = new("I3RecoPulseSeriesMapUnion", sources=[f"U{i - 1}" if i else "Pulses"])
    assert "'U119' is a chain of more than 100 references" in refusal(frame, "U119")
    assert len(times(frame, "U50")) == 3


def test_objects_of_unknown_versions_and_damaged_ones_are_told():
    frame = some_frame()
    blob = bytearray(frame.raw("Pulses"))
    blob[blob.index(b"Map") + 4] = 9
    frame["Pulses"] = decode(bytes(blob))
    assert "I3RecoPulseSeriesMap of version 9, which is not known" in refusal(frame, "Pulses")
    damaged = Frame("P", [("Pulses", "", some_frame().raw("Pulses")[:-3])])
    assert "object 'Pulses' of this P frame" in refusal(damaged, "Pulses")


def test_a_union_of_nothing_is_empty():
    frame = Frame("P")
    frame["Union"] = new("I3RecoPulseSeriesMapUnion", sources=[])
    assert times(frame, "Union") == {}


def test_a_union_keeps_empty_keys_and_sorts_by_time():
    frame = some_frame()
    frame["More"] = new("I3RecoPulseSeriesMap", {A: pulses(2.0), OMKey(0, 9): pulses(0.0)})
    frame["Union"] = new("I3RecoPulseSeriesMapUnion", sources=["Pulses", "More"])
    assert times(frame, "Union") == {OMKey(0, 9): [0.0], A: [1.0, 2.0, 3.0], B: [], C: [5.0, 6.0, 7.0]}


def test_photomultipliers_of_a_module_become_one():
    frame = Frame("P")
    frame["Pulses"] = new("I3RecoPulseSeriesMap", {OMKey(1, 1, 0): pulses(3.0), OMKey(1, 1, 7): pulses(1.0)})
    frame["Combined"] = new("I3RecoPulseSeriesMapCombineByModule", pulses_key="Pulses")
    assert times(frame, "Combined") == {OMKey(1, 1, 0): [1.0, 3.0]}


def test_charges_are_corrected_by_the_mean_of_their_digitizer():
    frame = Frame("P")
    series = np.array([(0, 3, 1, 7), (1, 3, 1, 4)], PULSE)
    frame["Pulses"] = new("I3RecoPulseSeriesMap", {A: series, B: series})
    dom = record("I3DOMCalibration")(mean_atwd_charge=1.5, mean_fadc_charge=1.25)
    frame["I3Calibration"] = record("I3Calibration")(dom_cal={A: dom, B: record("I3DOMCalibration")()})
    spe = {"pulses_key": "Pulses", "calibration_key": "I3Calibration"}
    frame["SPE"] = new("I3RecoPulseSeriesMapApplySPECorrection", **spe)
    times(frame, "SPE")
    found = resolve(frame, "SPE")
    assert found[A]["charge"].tolist() == [np.float32(3 * (1 / 1.5)), np.float32(3 * (1 / 1.25))]
    assert found[B]["charge"].tolist() == [3, 3]
    frame["I3Calibration"] = record("I3Calibration")(dom_cal={A: dom})
    assert "no entry for OMKey" in refusal(frame, "SPE")
    del frame["I3Calibration"]
    assert "no calibration 'I3Calibration' in the frame" in refusal(frame, "SPE")


def test_hits_are_pulses_of_one_photo_electron():
    frame = Frame("P")
    hits = np.array([(4.0, 1, 2)], [("time", "<f8"), ("id", "<i4"), ("source_index", "<i4")])
    frame["Hits"] = new("I3RecoHitSeriesMap", {A: hits})
    series = frame.pulses("Hits")
    assert (series.time[0], series.charge[0], series.width[0], series.flags[0]) == (4, 1, np.float32(3.3), 0)


def test_old_pulses_get_flags_from_their_digitizer():
    names = [("time", "<f8"), ("id", "<i4"), ("charge", "<f8"), ("width", "<f8"), ("source_index", "<i4")]
    obj = new(
        "I3RecoPulseSeriesMap",
        {A: np.array([(t, 0, 1.5, 2.5, s) for t, s in enumerate([0, 1, 5, 9])], names)},
    )
    obj.versions = {"I3RecoPulse": (1, 1)}
    frame = Frame("P")
    frame["Pulses"] = obj
    fresh = Frame("P", [("Pulses", "", frame.raw("Pulses"))])
    assert fresh.pulses("Pulses").flags.tolist() == [3, 5, 4, 0]
    assert fresh.pulses("Pulses").charge.dtype == np.float32


# -- I3SuperDST -----------------------------------------------------------------------------------------------------


def stamp(time, charge, *, hlc=0, stop=1):
    return time | charge << 8 | hlc << 14 | stop << 15


def superdst(stamps, headers, *, slc=(), hlc=(), icetop=(), extra=()):
    return new(
        "I3SuperDST",
        charge_stamps=np.array(stamps, "<u2"),
        dom_headers=np.array(headers, "<u2"),
        widths_inice_slc=np.array(slc, "u1"),
        widths_inice_hlc=np.array(hlc, "u1"),
        widths_icetop_slc=np.array(icetop, "u1"),
        extra_bytes=np.array(extra, "u1"),
    )


def unpack(obj):
    frame = Frame("Q")
    frame["I3SuperDST"] = obj
    times(frame, "I3SuperDST")
    return frame.pulses("I3SuperDST")


def header(string, om, slop=0):
    return (om - 1) | string << 6 | slop << 13


def test_superdst_times_begin_at_minus_512_and_count_on():
    series = unpack(superdst([stamp(10, 2), stamp(20, 2)], [header(3, 4), header(3, 5)], slc=[0x23]))
    assert series.time.tolist() == [-502.0, -482.0]
    assert series.charge.tolist() == [np.float32(0.125)] * 2
    assert series.width.tolist() == [8.0, 8.0]
    assert series.flags.tolist() == [4, 4]
    assert list(zip(series.string.tolist(), series.om.tolist(), strict=True)) == [(3, 4), (3, 5)]


def test_superdst_words_after_a_full_code_are_added():
    words = [stamp(255, 63, hlc=1, stop=0), 0xFFFF, 5, 2, stamp(255, 63, hlc=1), 1, 3]
    series = unpack(superdst(words, [header(1, 1, slop=7)], hlc=[0x20]))
    first = -512 + 2047 + 0xFFFF + 5
    assert series.time.tolist() == [first, first + 256]
    assert series.charge.tolist() == [np.float32(0.05 * 65 + 0.025), np.float32(0.05 * 66 + 0.025)]
    assert series.flags.tolist() == [7, 7]


def test_superdst_charges_in_icetop_are_logarithmic():
    series = unpack(superdst([stamp(0, 5)], [header(1, 61)], icetop=[0x14], extra=[100]))
    code = 5 | 100 << 6
    assert series.charge[0] == np.float32(10 ** (code * 9 / 16383 - 2))
    assert series.width[0] == 16


def test_superdst_width_runs_grow_by_four_bits():
    # 2 and then 1 for the same width: a run of 0x12
    words = [stamp(100, 1, stop=int(i == 17)) for i in range(18)]
    series = unpack(superdst(words, [header(1, 1)], slc=[0x21, 0x11]))
    assert len(series) == 18
    assert set(series.width.tolist()) == {2.0}


def test_superdst_pulses_that_overlap_are_cut_and_equal_times_share():
    words = [stamp(0, 1, stop=0), stamp(3, 1, stop=0), stamp(0, 1)]
    series = unpack(superdst(words, [header(1, 1)], slc=[0x33]))
    # the first is cut to 3 ns; the second, at the time of the third, takes half of it and moves behind it
    assert series.time.tolist() == [-512.0, -510.5, -509.0]
    assert series.width.tolist() == [1.5, 1.5, 8.0]


def test_superdst_that_ends_in_the_middle_is_told():
    frame = Frame("Q")
    frame["Cut"] = superdst([stamp(0, 1, stop=0)], [header(1, 1)], slc=[0x33])
    frame["NoWidths"] = superdst([stamp(0, 1)], [header(1, 1)])
    for key in ("Cut", "NoWidths"):
        with pytest.raises(FormatError, match="is damaged"):
            resolve(frame, key)
        with pytest.raises(FormatError, match=f"I3SuperDST '{key}' cannot be read: the object is damaged"):
            frame.pulses(key)


# -- as IceTray resolves --------------------------------------------------------------------------------------------


def test_series_written_by_icetray_with_ties_and_overlaps_are_equal(shared_data):
    import zstandard

    maps: dict[str, list[tuple]] = {}
    text = (shared_data / "truth" / "icetray_written.txt.zst").open("rb")
    with text, zstandard.ZstdDecompressor().stream_reader(text) as stream:
        lines = stream.read().decode().splitlines()
    for line in lines:
        match line.split():
            case ["MAP", name, _]:
                series = maps[name] = []
            case ["K", string, om, pmt, _]:
                omkey = int(string) << 16 | int(om) << 8 | int(pmt)
            case ["P", time, charge, width, flags]:
                series.append((omkey, float(time), np.float32(charge), np.float32(width), int(flags)))
    found = {}
    for frame in open_i3(shared_data / "i3" / "icetray_written.i3.zst"):
        for name in maps.keys() - found.keys():
            if name in frame.own_keys():
                s = frame.pulses(name)
                columns = (s.omkey.tolist(), s.time.tolist(), s.charge, s.width, s.flags.tolist())
                found[name] = list(zip(*columns, strict=True))
    assert found == maps
    assert sum(map(len, found.values())) == 836
