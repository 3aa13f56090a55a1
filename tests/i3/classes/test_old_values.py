"""Members whose meaning changed have today's meaning, in objects too, and are written back (`old_values`)."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecol.i3.archive import OMKey, decode, encode, new
from icecol.i3.archive.containers import FrameMap, Tree
from icecol.i3.archive.objects import record
from icecol.i3.classes import CLASSES
from icecol.i3.classes.old_values import CHANGES, CORSIKA, RDMC, change_of


def pdg(version, code):
    return CHANGES["I3Particle"].today(version, {"pdg_encoding": np.array([code], np.int32)})["pdg_encoding"]


@pytest.mark.parametrize(
    ("version", "code", "expected"),
    [
        (0, 6, 13), (2, 5, -13), (2, 1, 22), (2, 3, 11), (2, 14, 2212), (2, 202, 14), (2, -100, 0), (2, 0, 0),
        (2, 3026, 1000260560), (2, 3002, 1000020040), (2, 1001, -2000001001), (2, 77, 0), (3, 0, 0), (3, 6, 13),
        (3, 66, 12), (4, 68, 14), (3, 402, 1000020040), (4, 5626, 1000260560), (3, -1001, -2000001001),
        (4, 9900, 2000009900), (4, 12345678, 0),
    ],
)  # fmt: skip
def test_particle_codes_become_pdg_codes(version, code, expected):
    assert pdg(version, code).tolist() == [expected]


def test_the_two_old_schemes_agree_on_leptons_but_not_on_neutrinos():
    assert all(RDMC[code] == CORSIKA[code] for code in (1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 14, 15))
    assert RDMC[202] == CORSIKA[68] == 14


def old(blob: bytes, name: str, version: int) -> bytes:
    """Change the version in the class header that follows a class's name."""
    at = blob.index(name.encode()) + len(name) + 1
    return blob[:at] + bytes((version,)) + blob[at + 1 :]


def in_version(obj, **versions):
    obj.versions = {name: (int(CLASSES[name].tracked), v) for name, v in versions.items()}
    return obj


def test_a_particle_of_version_3_is_a_muon_by_its_pdg_code():
    blob = old(encode(new("I3Particle", pdg_encoding=6, major_id=1, minor_id=2)), "I3Particle", 3)
    muon = decode(blob)
    assert (muon.pdg_encoding, muon.minor_id) == (13, 2)
    assert encode(muon) == blob
    assert encode(pickle.loads(pickle.dumps(muon))) == blob
    muon.pdg_encoding = -13
    assert encode(muon) == blob.replace((6).to_bytes(4, "little"), (5).to_bytes(4, "little"))


def test_a_code_without_a_meaning_is_unknown_and_still_written_back():
    blob = old(encode(new("I3Particle", pdg_encoding=77, major_id=1, minor_id=2)), "I3Particle", 3)
    assert decode(blob).pdg_encoding == 0
    assert encode(decode(blob)) == blob


def test_triggers_of_version_0_are_in_ns():
    made = Tree("I3TriggerHierarchy", [new("I3Trigger", time=3.0, length=50.0)] * 2, [0, 1])
    found = decode(encode(in_version(made, I3Trigger=0)))
    # what is written is the value in the unit of the version
    assert [t.time for t in found] == [pytest.approx(3.0)] * 2
    assert [t.stored["length"][1] for t in found] == [500.0] * 2
    assert encode(found) == encode(made)


def test_times_in_seconds_become_ns():
    track = record("I3MMCTrack")(ti=2e-6, xi=1.0)
    track.stored = {}
    vector = record("I3MMCTrackList")(value=[track])
    stored = decode(encode(in_version(vector, I3MMCTrack=0)))
    assert stored.value[0].ti == pytest.approx(2e-6)
    assert stored.value[0].stored["ti"][1] == pytest.approx(2e-15)
    plane = in_version(new("I3TopRecoPlaneFitParams", DeltaT=5e9), I3TopRecoPlaneFitParams=0)
    assert decode(encode(plane)).stored["DeltaT"] == (5e9, 5.0)


def test_voltages_of_doms_become_the_settings_that_they_came_from():
    values = {"spe_threshold": 1e-12, "mpe_threshold": 1e-11, "fe_pedestal": 2e-9}
    arrays = {m: np.array(v) for m, v in values.items()}
    today = CHANGES["I3DOMStatus"].today(4, arrays)
    amplified = 1e-3 * 9.6 * (1 + 2200 / 249)  # 1 mV behind the amplifier, in V
    assert today["spe_threshold"] == pytest.approx(1024 / 5 * (amplified + 2))
    assert today["mpe_threshold"] == pytest.approx(1024 / 5 * (amplified + 2))
    assert today["fe_pedestal"] == pytest.approx(4096 * 2 / 5)
    back = CHANGES["I3DOMStatus"].stored(4, today)
    assert {m: float(v) for m, v in back.items()} == pytest.approx(values)
    assert CHANGES["I3DOMStatus"].today(
        3, {"spe_threshold": np.array(0.0), "fe_pedestal": np.array(0.0)}
    ).keys() == {
        "spe_threshold",
        "fe_pedestal",
    }


def test_waveforms_of_old_versions_have_todays_digitizer_and_status():
    status = record("I3Waveform::StatusCompound")(status=0)
    status.channel = None
    wave = new("I3Waveform", source=1, waveform_information=[status])
    series = FrameMap("I3WaveformSeriesMap", {OMKey(1, 1, 0): [wave]})
    series.versions = {"I3Waveform": (1, 2), "I3Waveform::StatusCompound": (1, 2)}
    ((found,),) = decode(encode(series)).values()
    assert (found.source, found.stored["source"][1]) == (1, 10)
    (part,) = found.waveform_information
    assert (part.status.name, part.channel) == ("VIRGINAL", None)
    today = CHANGES["I3Waveform::StatusCompound"].today(2, {"status": np.array([0, 10, 20, 7])})
    assert today["status"].tolist() == [0, 2, 4, 4]


@given(
    st.sampled_from([(name, version) for name in CHANGES for version in range(CHANGES[name].before)]),
    st.data(),
)
def test_what_becomes_todays_value_comes_back(which, data):
    name, version = which
    change = change_of(name, version)
    members = [f.name for f in CLASSES[name].at(version) if f.name in change.members]
    numbers = (
        st.sampled_from((0, 10)) if name.startswith("I3Waveform") else st.sampled_from((1, 2, 3, 5, 6, 14))
    )
    stored = {
        m: np.array([data.draw(numbers)], "f8" if "time" in name or "DOM" in name else "i8") for m in members
    }
    again = change.stored(version, change.today(version, stored))
    assert again.keys() == stored.keys()
    assert all(again[m] == pytest.approx(stored[m]) for m in members)


def test_nothing_changed_in_todays_versions():
    for name, change in CHANGES.items():
        assert change_of(name, CLASSES[name].version) is None
        assert change_of(name, change.before - 1) is change
        names = {f.name for f in CLASSES[name].at(CLASSES[name].version)}
        assert names >= set(change.members)
