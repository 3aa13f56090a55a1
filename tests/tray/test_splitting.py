"""P frames made of Q frames: their headers, what they inherit, masks that fit."""

from __future__ import annotations

import numpy as np
import pytest

import icecol as ic
from icecol.errors import TrayError
from icecol.i3.archive import OMKey, encode, new
from icecol.i3.frames.frame import Frame
from icecol.i3.pulses.series import PULSE
from icecol.tray import pulse_mask


def daq(files):
    """Q frames alone, as of a file that was not split."""
    return ic.Tray().add(files.events).add(lambda frame: False)


def test_a_null_split_gives_one_physics_frame_that_inherits_all(files):
    q, p = list(daq(files).add(ic.tray.split()))[:2]
    header = p["I3EventHeader"]
    assert (q.stop, p.stop, p.own_keys()) == ("Q", "P", ("I3EventHeader",))
    assert (header.sub_event_stream, header.sub_event_id) == ("NullSplit", 0)
    assert header.start_time == q["I3EventHeader"].start_time
    assert (header.run_id, header.event_id) == (7, 0)
    assert q["I3EventHeader"].sub_event_stream == ""
    assert p.raw("InIcePulses") == q.raw("InIcePulses")


def test_sub_events_are_numbered_and_have_their_pulses(files):
    def thirds(frame):
        rank = np.argsort(np.argsort(frame.pulses("InIcePulses").time, kind="stable"))
        return [rank * 3 // rank.size == i for i in range(3)]

    for frame in list(daq(files).add(ic.tray.split("Thirds", thirds, output="Part")))[:40]:
        if frame.stop == "Q":
            whole, times = frame.pulses("InIcePulses"), []
            continue
        assert frame["I3EventHeader"].sub_event_id == len(times)
        times.append(frame.pulses("Part").time)
        if len(times) == 3:
            assert np.concatenate([np.sort(t) for t in times]).tolist() == np.sort(whole.time).tolist()


def test_parts_may_be_any_objects_and_none(files):
    tray = daq(files).add(ic.tray.split("S", lambda frame: [1.5, new("I3Int", value=2)], output="X"))
    assert [frame["X"].value for frame in tray if frame.stop == "P"][:2] == [1.5, 2]
    assert {frame.stop for frame in daq(files).add(ic.tray.split("S", lambda frame: ()))} == {"Q"}


def test_two_splitters_give_two_streams_of_sub_events(files):
    tray = daq(files).add(ic.tray.split("A")).add(ic.tray.split("B"))
    names = [frame["I3EventHeader"].sub_event_stream for frame in tray]
    assert names[:3] == ["", "B", "A"]


def test_a_mask_selects_just_these_pulses():
    times = {OMKey(1, 1): [3.0, 1.0], OMKey(1, 2): [], OMKey(2, 1): [2.0, 5.0, 4.0]}
    frame = Frame("P")
    frame["P"] = new(
        "I3RecoPulseSeriesMap", {k: np.array([(t, 1, 1, 0) for t in v], PULSE) for k, v in times.items()}
    )
    frame["M"] = pulse_mask(frame, "P", [False, True, False, False, True])
    assert frame.pulses("M").time.tolist() == [1.0, 4.0]
    assert frame.pulses("M").omkey.tolist() == [1 << 16 | 1 << 8, 2 << 16 | 1 << 8]
    frame["N"] = pulse_mask(frame, "P", np.zeros(5))
    assert len(frame.pulses("N")) == 0
    with pytest.raises(ValueError, match="4 truth values for the 5 pulses of 'P': give one per pulse"):
        pulse_mask(frame, "P", [True] * 4)


def test_a_mask_is_that_of_the_simulation(files):
    checked = 0
    for frame in ic.open_i3(files.events):
        if frame.stop == "P":
            whole, kept = (frame.pulses(key) for key in ("SplitInIcePulses", "SRTInIcePulses"))
            there = set(zip(kept.omkey.tolist(), kept.time.tolist(), strict=True))
            keep = [x in there for x in zip(whole.omkey.tolist(), whole.time.tolist(), strict=True)]
            assert encode(pulse_mask(frame, "SplitInIcePulses", keep)) == frame.raw("SRTInIcePulses")
            checked += 1
    assert checked == 30


def test_a_daq_frame_without_header_is_refused():
    with pytest.raises(TrayError, match="no I3EventHeader, which its P frames need"):
        ic.Tray().add([Frame("Q")]).add(ic.tray.split()).run()
