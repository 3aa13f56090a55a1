from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import icecol.i3.pulses.resolve as resolve_module
from icecol.errors import FormatError, MissingColumnError
from icecol.i3.archive import OMKey, new, record
from icecol.i3.frames.files import open_i3
from icecol.i3.frames.frame import Frame
from icecol.i3.pulses.resolve import PULSE, resolve, std_sort

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
    return {k: v["time"].tolist() for k, v in resolve(frame, key).items()}


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
        (mask("Pulses", [1, 0], [1, 1]), "2 bits for 3 photomultipliers"),
        (mask("Pulses", [1, 0, 0], [1]), "1 bits for the 2 pulses"),
        (mask("Pulses", [1, 0, 1], [1, 1]), "masks of 1 photomultipliers where 2 are set"),
    ],
)
def test_masks_that_do_not_fit_are_told(bad, why):
    frame = some_frame()
    frame["Mask"] = bad
    with pytest.raises(FormatError, match=f"mask 'Mask' does not fit to 'Pulses': {why}"):
        frame.pulses("Mask")


def test_what_refers_to_nothing_or_to_itself_is_told():
    frame = some_frame()
    frame["Mask"] = mask("Pulse", [1], [1])
    frame["Loop"] = new("I3RecoPulseSeriesMapUnion", sources=["Pulses", "Loop"])
    with pytest.raises(
        MissingColumnError, match=r"no object 'Pulse' in the frame \(wanted by 'Mask'\); .*'Pulses'"
    ):
        frame.pulses("Mask")
    with pytest.raises(FormatError, match="'Loop' refers to itself: Loop -> Loop"):
        frame.pulses("Loop")
    frame["x"] = 1.0
    with pytest.raises(FormatError, match="'x' is an object of class I3Double"):
        frame.pulses("x")


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
    found = resolve(frame, "SPE")
    assert found[A]["charge"].tolist() == [np.float32(3 * (1 / 1.5)), np.float32(3 * (1 / 1.25))]
    assert found[B]["charge"].tolist() == [3, 3]
    frame["I3Calibration"] = record("I3Calibration")(dom_cal={A: dom})
    with pytest.raises(MissingColumnError, match="nothing for OMKey"):
        frame.pulses("SPE")


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
    with pytest.raises(FormatError, match="I3SuperDST is damaged"):
        unpack(superdst([stamp(0, 1, stop=0)], [header(1, 1)], slc=[0x33]))
    with pytest.raises(FormatError, match="I3SuperDST is damaged"):
        unpack(superdst([stamp(0, 1)], [header(1, 1)]))


# -- std::sort ------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(allow_nan=False), max_size=200))
def test_sorting_sorts(keys):
    order = std_sort(keys)
    assert sorted(order) == list(range(len(keys)))
    assert [keys[i] for i in order] == sorted(keys)


@given(st.lists(st.integers(0, 3).map(float), max_size=16))
def test_up_to_sixteen_equal_times_keep_their_order(keys):
    assert std_sort(keys) == sorted(range(len(keys)), key=keys.__getitem__)


@pytest.mark.parametrize(
    ("keys", "order"),
    [
        ([0.0] * 17, [8, 16, 15, 14, 13, 12, 11, 10, 9, 0, 7, 6, 5, 4, 3, 2, 1]),
        ([0.0, 1.0] * 10, [0, 2, 18, 4, 6, 16, 8, 10, 14, 12, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1]),
    ],
)
def test_more_than_sixteen_equal_times_are_ordered_as_by_libstdcxx(keys, order):
    assert std_sort(keys) == order


def test_keys_that_defeat_the_pivot_are_sorted_by_heap(monkeypatch):
    called = []
    heap_sort = resolve_module._heap_sort
    monkeypatch.setattr(resolve_module, "_heap_sort", lambda *args: (called.append(args), heap_sort(*args)))
    keys = adversary(400)
    assert [keys[i] for i in std_sort(keys)] == sorted(keys)
    assert called


def adversary(n):
    """Make keys whose median of three is always among the smallest."""
    half = n // 2
    keys = [0.0] * n
    for i in range(half):
        keys[i] = float(i + 1 if i % 2 == 0 else half + i + half % 2)
        keys[half + i] = float(2 * (i + 1))
    return keys


def test_nan_comes_last():
    assert std_sort([2.0, float("nan"), 1.0]) == [2, 0, 1]


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
