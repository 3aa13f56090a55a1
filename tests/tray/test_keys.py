"""Keys are kept and deleted in Q and P frames alike, so that they are gone and not inherited again."""

from __future__ import annotations

import icecol as ic


def keys(files, module):
    tray = ic.Tray().add(ic.tray.read([files.gcd, files.events])).add(module)
    found = {}
    for frame in tray:
        found.setdefault(
            frame.stop, set(frame) - {"I3Geometry", "I3Calibration", "I3DetectorStatus", "BadDomsList"}
        )
    return found


def test_deleted_keys_are_gone_everywhere(files):
    before, after = keys(files, lambda frame: None), keys(files, ic.tray.delete(["InIcePulses", "MC*"]))
    assert before["P"] - after["P"] == {"InIcePulses", "MCPrimary", "MCMostEnergeticTrack"}
    assert after["Q"] == before["Q"] - {"InIcePulses"}


def test_kept_keys_and_the_header_stay_with_all_of_the_detector(files):
    after = keys(files, ic.tray.keep(["InIcePulses", "SRT*"]))
    assert after["Q"] == {"I3EventHeader", "InIcePulses"}
    assert after["P"] == {"I3EventHeader", "InIcePulses", "SRTInIcePulses"}
    frames = list(ic.Tray().add(files.gcd).add(ic.tray.keep("InIcePulses")))
    assert [frame.own_keys() for frame in frames] == [frame.own_keys() for frame in ic.open_i3(files.gcd)]
