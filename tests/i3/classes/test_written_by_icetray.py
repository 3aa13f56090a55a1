"""Layouts of `upgrade`, `surface` and `detector` against objects written by IceTray 1.18, with its values of them."""

from __future__ import annotations

import json
import math

import pytest
from naive_launches import raw_atwd, raw_fadc

from icecol.i3.archive import ModuleKey, OMKey, class_name, decode, encode, new
from icecol.i3.container.raw import raw_frames


@pytest.fixture(scope="module")
def written(shared_data):
    """Return the objects by key, and their values as IceTray shows them."""
    path = shared_data / "i3" / "icetray_written_calibration_2.i3"
    if not path.exists():
        pytest.skip(f"no {path.name} in the real data")
    objects = {span.key: decode(span.blob) for frame in raw_frames(path) for span in frame.objects}
    return objects, json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def key_text(key) -> str:
    return f"{key.string},{key.om},{key.pmt}"


def same(ours: float, theirs: float) -> bool:
    return ours == pytest.approx(theirs, abs=1e-6) or (math.isnan(ours) and math.isnan(theirs))


def test_calibrations_of_deggs_have_icetrays_values(written):
    objects, values = written
    calibrations = {key_text(key): value for key, value in objects["DEggCal"].items()}
    assert calibrations.keys() == values["DEggCal"].keys()
    for key, expected in values["DEggCal"].items():
        ours = calibrations[key]
        for name in ("adc_baseline_rms", "pmt_transit_time", "pmt_transit_time_spread", "temperature"):
            assert same(getattr(ours, name), expected[name]), (key, name)
        for name in ("dac_baseline_relation", "hv_gain_relation"):
            line = getattr(ours, name)
            assert [line.slope, line.intercept] == pytest.approx(expected[name]), (key, name)
        assert all(same(getattr(ours.tau_params, name), v) for name, v in expected["tau_params"].items())


def test_charges_without_coincidence_of_icetop_have_icetrays_calibration(written):
    objects, values = written
    collection = objects["SLCCalCollection"]
    assert (collection.start_run, collection.end_run) == (118200, 118300)
    assert int(collection.provenance) == values["SLCCalCollection"]["provenance_int"]
    calibrations = {f"{key.string},{key.om}": value for key, value in collection.it_slc_cal.items()}
    assert calibrations.keys() == values["SLCCalMap"].keys()
    for key, expected in values["SLCCalMap"].items():
        ours = {name: getattr(calibrations[key], name) for name in expected}
        assert ours == pytest.approx(expected), key


def test_launches_have_icetrays_samples(written):
    objects, values = written
    launches = {f"{key.string},{key.om}": value for key, value in objects["Launches"].items()}
    assert launches.keys() == values["Launches"].keys()
    for key, expected in values["Launches"].items():
        for ours, theirs in zip(launches[key], expected, strict=True):
            assert ours.time == theirs["time"]
            assert [samples.tolist() for samples in raw_atwd(ours)] == theirs["raw_atwd"]
            assert raw_fadc(ours).tolist() == theirs["raw_fadc"]


def test_a_new_launch_has_a_channel_for_each_number_of_samples():
    launch = new("I3DOMLaunch")
    assert [list(channel) for channel in launch.compressed_atwd] == [[], [], [], []]
    two = new("I3DOMLaunchSeriesMap", {OMKey(1, 1, 0): [launch, new("I3DOMLaunch")]})
    assert decode(encode(two)) == two
    assert launch.compressed_atwd[0] is not new("I3DOMLaunch").compressed_atwd[0]


def test_a_new_particle_is_as_icetray_makes_it(written):
    objects, values = written
    ours = new("I3Particle")
    for stored, expected in zip(objects["TreeOfDefaults"], values["TreeOfDefaults"], strict=True):
        assert (ours.fit_status.name, int(ours.fit_status)) == (
            expected["fit_status"],
            expected["fit_status_int"],
        )
        assert ours.speed == stored.speed == expected["speed"]
        assert int(ours.shape) == expected["shape_int"]
        assert math.isnan(ours.dir.zenith)


def test_unset_particles_of_old_versions_read_as_in_icetray(written, shared_data):
    _, values = written
    for place, expected in values["regression"].items():
        if not isinstance(expected, dict):
            continue
        path = shared_data / "i3" / "regression" / f"{place.partition(':')[0]}.i3"
        (particle,) = (decode(span.blob) for frame in raw_frames(path) for span in frame.objects)
        assert particle.versions["I3Particle"][1] in {2, 3}
        assert particle.pdg_encoding == expected["pdg_encoding"] == 0
        for member in ("shape", "fit_status", "location_type"):
            assert getattr(particle, member).name == expected[member]


def test_numbers_of_icetrays_enumerations_have_its_names(shared_data):
    path = shared_data / "i3" / "icetray_written.i3.zst"
    objects = {span.key: span.blob for frame in raw_frames(path) for span in frame.objects}
    (status,) = (
        s for blob in objects.values() if class_name(blob) == "I3DetectorStatus" for s in [decode(blob)]
    )
    for trigger in status.trigger_status.values():
        assert [part.name for part in trigger.readout_settings] == ["ALL", "INICE"]
    dom = next(iter(status.dom_status.values()))
    unset = new("I3DOMStatus")
    for member in ("fb_state", "fb_mask", "status_atwd_a", "cable_type", "delta_compress", "slc_active"):
        assert getattr(unset, member) == getattr(dom, member), member
    waveforms = decode(objects["Waveforms"])
    for waveform in (w for series in waveforms.values() for w in series):
        assert (waveform.source & 7, waveform.source >> 4 & 1) == (1, 1)  # FADC, with local coincidence


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("I3EventHeader", {"run_id": 2**32 - 1, "sub_run_id": 2**32 - 1, "event_id": 2**32 - 1, "state": 20}),
        ("TriggerKey", {"source": 80, "type": 180, "subtype": 0, "config_id": None}),
        ("I3Trigger", {"time": 0.0, "length": 0.0, "fired": False}),
        ("I3MCHit", {"npe": 1, "hit_id": -1, "particle_minor_id": -1}),
        ("I3Waveform", {"time": 0.0, "bin_width": 0.0}),
        ("I3Waveform::StatusCompound", {"status": 4, "channel": -1}),
        ("I3DOMCalibration", {"dom_cal_version": "unknown"}),
        ("I3DOMStatus", {"trig_mode": -1, "lc_span": 2**31 - 1, "tx_mode": -1}),
        ("I3mDOMStatus", {"enabled": True, "trig_mode": -1, "readout_mode": -1}),
        ("I3LogLikelihoodFitParams", {"ndof": -1, "nmini": -1}),
        ("I3ParaboloidFitParams", {"ndof": -1, "pbfStatus": -1000}),
        ("I3LineFitParams", {"NHits": -(2**31)}),
    ],
)
def test_new_objects_have_the_values_of_icetrays_constructors(name, members):
    made = new(name)
    assert {member: getattr(made, member) for member in members} == members


def test_a_new_list_of_modules_is_the_word_for_an_empty_one():
    made = new("I3CompactKeyList")
    assert (made.words.dtype, made.words.tolist()) == ("u2", [0x8000])
    assert encode(made).endswith(b"\x00\x80")


def test_photons_are_kept_by_module():
    at_module = new("I3Vector<I3Photon>", value=[new("I3Photon", time=5.0)])
    photons = new("I3PhotonSeriesMap", {ModuleKey(1, 2): at_module})
    assert decode(encode(photons)) == photons
