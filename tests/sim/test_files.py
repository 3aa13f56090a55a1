from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from icecol import sim
from icecol.convert.i3_reader import i3 as convert_i3
from icecol.detector.geometry import Geometry
from icecol.i3.archive import decode, encode
from icecol.i3.container.raw import raw_frames
from icecol.i3.frames.files import open_i3
from icecol.sim import particles


@pytest.fixture(scope="module")
def events():
    return sim.events(30, seed=11)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, events):
    path = tmp_path_factory.mktemp("sim")
    sim.write(path / "events.i3.zst", events, gcd=path / "gcd.i3.zst", run_id=7)
    return path


def read(path):
    return [(f.stop, {o.key: o for o in f.objects}) for f in raw_frames(path)]


@pytest.fixture(scope="module")
def frames(folder):
    return read(folder / "events.i3.zst")


@pytest.fixture(scope="module")
def gcd(folder):
    return read(folder / "gcd.i3.zst")


def test_every_event_is_a_q_and_a_p_frame(frames, events):
    assert "".join(stop for stop, _ in frames) == "QP" * len(events)


def test_every_object_is_what_the_generic_encoder_writes(frames):
    for _, objects in frames:
        for key, span in objects.items():
            assert encode(decode(span.blob)) == span.blob, key


def test_pulse_series_come_back(frames, events):
    hits = events.pulses
    for i in range(len(events)):
        s = slice(hits.offsets[i], hits.offsets[i + 1])
        series = decode(frames[2 * i][1]["InIcePulses"].blob)
        keys = [k.string << 16 | k.om << 8 | k.pmt for k, v in series.items() for _ in range(len(v))]
        assert keys == hits.omkey[s].tolist()
        pulses = np.concatenate(list(series.values()))
        for member in ("time", "charge", "width", "flags"):
            assert pulses[member].tolist() == getattr(hits, member)[s].tolist(), member


def test_masks_select_the_cleaned_pulses(frames, events):
    hits = events.pulses
    for i in range(len(events)):
        s = slice(hits.offsets[i], hits.offsets[i + 1])
        everything, cleaned = (
            decode(frames[2 * i + 1][1][k].blob) for k in ("SplitInIcePulses", "SRTInIcePulses")
        )
        assert everything.source == "InIcePulses"
        assert cleaned.source == "SplitInIcePulses"
        assert sum(m.sum() for m in everything.element_masks) == hits.omkey[s].size
        assert sum(m.sum() for m in cleaned.element_masks) == hits.srt[s].sum()
        hit = np.unique(hits.omkey[s])
        assert hit[cleaned.key_mask].tolist() == np.unique(hits.omkey[s][hits.srt[s]]).tolist()


def test_headers_name_the_event_and_its_sub_event(frames):
    for i, (stop, objects) in enumerate(frames):
        header = decode(objects["I3EventHeader"].blob)
        assert (header.run_id, header.event_id) == (7, i // 2)
        assert header.sub_event_stream == ("" if stop == "Q" else "InIceSplit")
        assert header.end_time.utc_daq_time > header.start_time.utc_daq_time


def test_particles_are_the_truth_and_noise_has_none(frames, events):
    t = events.truth
    for i in range(len(events)):
        q, p = frames[2 * i][1], frames[2 * i + 1][1]
        tree = decode(q["I3MCTree"].blob)
        if t.kind[i] == particles.NOISE:
            assert len(tree) == 0
            assert "MCPrimary" not in p
            assert not {"I3MCWeightDict", "MuonWeightDict"} & set(q)
            continue
        particle = decode(p["MCPrimary"].blob)
        assert particle == tree[0]
        assert (particle.energy, particle.time) == (t.energy[i], t.time[i])
        assert (particle.dir.zenith, particle.dir.azimuth) == (t.zenith[i], t.azimuth[i])
        assert particle.pdg_encoding == (13 if t.kind[i] == particles.MUON else 12)
        own, other = "MuonWeightDict", "I3MCWeightDict"
        if t.kind[i] == particles.CASCADE:
            own, other = other, own
        weights = decode(q[own].blob)
        assert (weights["OneWeight"], weights["NEvents"]) == (t.one_weight[i], t.n_events[i])
        assert other not in q
        if t.kind[i] == particles.CASCADE:
            assert tree.parent == [-1, 0]
            assert decode(p["MCMostEnergeticCascade"].blob) == tree[1]


def test_weights_under_one_key_have_the_same_entries_in_all_frames(frames):
    found = {"I3MCWeightDict": set(), "MuonWeightDict": set()}
    for _, objects in frames:
        for key in found.keys() & objects.keys():
            found[key].add(tuple(decode(objects[key].blob)))
    assert [len(entries) for entries in found.values()] == [1, 1]


def test_triggers_are_under_a_global_trigger_that_lasts_as_long_as_they(frames, events):
    kinds = set()
    for i in range(len(events)):
        hierarchy = decode(frames[2 * i][1]["I3TriggerHierarchy"].blob)
        mask = decode(frames[2 * i][1]["FilterMask"].blob)
        triggered = bool(np.isfinite(events.trigger_time[i]))
        assert mask["SMT8"].condition_passed is triggered
        assert mask["MinBias"].prescale_passed is (i % 10 == 0)
        triggers = list(hierarchy)
        codes = [t.key.config_id for t in triggers]
        assert (1006 in codes) is triggered
        assert hierarchy.parent == [-1, *[0] * len(codes)][: len(codes)]
        if triggers:
            whole, *own = triggers
            assert (whole.key.source, whole.key.type, whole.key.config_id) == (40, 30, None)
            assert whole.time == min(t.time for t in own)
            assert whole.time + whole.length == pytest.approx(max(t.time + t.length for t in own))
            kinds.update((t.key.type, t.key.config_id) for t in own)
        if triggered:
            assert triggers[1 + codes[1:].index(1006)].time == 10_000
    assert kinds == {(0, 1006), (120, 1007), (0, 1011)}


def test_frames_are_those_of_the_file_and_p_sees_q(folder, events):
    made = list(sim.frames(events, run_id=7))
    with open_i3(folder / "events.i3.zst") as file:
        stored = list(file)
    assert [f.encoded() for f in made] == [f.encoded() for f in stored]
    assert list(made[1]) == list(stored[1])
    assert "I3TriggerHierarchy" in made[1]


def test_masks_resolve_to_the_pulses_of_the_event(events):
    hits = events.pulses
    for i, frame in enumerate(f for f in sim.frames(events) if f.stop == "P"):
        s = slice(hits.offsets[i], hits.offsets[i + 1])
        found = frame.pulses("SRTInIcePulses")
        assert found.time.tolist() == hits.time[s][hits.srt[s]].tolist()
        assert found.charge.tolist() == hits.charge[s][hits.srt[s]].tolist()


def test_frames_can_come_with_the_detector(events):
    made = sim.frames(events, gcd=True)
    assert [next(made).stop for _ in range(4)] == ["G", "C", "D", "Q"]
    assert "I3Geometry" in next(made)


def test_files_are_the_same_bytes_each_time(folder, events, tmp_path):
    sim.write(tmp_path / "again.i3.zst", sim.events(30, seed=11), run_id=7)
    assert (tmp_path / "again.i3.zst").read_bytes() == (folder / "events.i3.zst").read_bytes()


@pytest.mark.parametrize("suffix", ["i3", "i3.gz", "i3.bz2"])
def test_the_name_chooses_the_compression(events, frames, tmp_path, suffix):
    sim.write(tmp_path / f"events.{suffix}", events, run_id=7)
    assert read(tmp_path / f"events.{suffix}") == frames


def test_the_gcd_file_holds_the_geometry(gcd, events):
    assert [stop for stop, _ in gcd] == ["G", "C", "D"]
    g = events.geometry
    omgeo = decode(gcd[0][1]["I3Geometry"].blob).omgeo
    assert [k.string << 16 | k.om << 8 | k.pmt for k in omgeo] == g.omkey.tolist()
    assert [m.position.z for m in omgeo.values()] == g.z.tolist()
    assert {m.omtype for m in omgeo.values()} == {20}


def facing(quaternion):
    x, y, z, w = quaternion.x, quaternion.y, quaternion.z, quaternion.w
    return 2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)


def test_modules_face_where_the_geometry_says(tmp_path):
    directions = np.array([[0, 0, -1], [0, 0, 1], [1, 0, 0], [0.6, 0, -0.8], [-0.48, 0.6, 0.64]], float)
    columns = {name: np.zeros(5) for name in ("x", "y", "z")}
    names = dict(zip(("dir_x", "dir_y", "dir_z"), directions.T, strict=True))
    geometry = Geometry.from_columns({"string": np.ones(5, int), "om": np.arange(1, 6), **columns, **names})
    sim.write_gcd(tmp_path / "g.i3", geometry)
    omgeo = decode(read(tmp_path / "g.i3")[0][1]["I3Geometry"].blob).omgeo
    found = [facing(m.orientation.quaternion) for m in omgeo.values()]
    assert found == pytest.approx(directions, abs=1e-12)


def test_calibration_and_status_say_what_was_simulated(gcd):
    cal = decode(gcd[1][1]["I3Calibration"].blob).dom_cal
    assert {c.relative_dom_eff for c in cal.values()} == {1.0, 1.35}
    assert min(c.dom_noise_rate for c in cal.values()) == pytest.approx(500e-9)
    status = decode(gcd[2][1]["I3DetectorStatus"].blob)
    assert {
        k.config_id: v.trigger_settings for k, v in status.trigger_status.items() if k.config_id is not None
    } == {
        1006: {"threshold": "8", "timeWindow": "5000"},
        1007: {"multiplicity": "5", "timeWindow": "1500", "coherenceLength": "7"},
        1011: {"threshold": "3", "timeWindow": "2500"},
    }
    assert len(status.dom_status) == 5160


def test_bad_sensors_are_listed_and_have_no_voltage(tmp_path):
    zero = np.zeros(4)
    columns = {"string": [1, 1, 2, 2], "om": [1, 2, 1, 2], "x": zero, "y": zero, "z": zero}
    efficiency = np.array([1.0, 1.35, np.nan, 1.0])
    geometry = Geometry.from_columns(
        {**columns, "bad": [False, True, False, False], "relative_efficiency": efficiency}
    )
    sim.write_gcd(tmp_path / "g.i3", geometry)
    _, c, d = (objects for _, objects in read(tmp_path / "g.i3"))
    assert list(decode(d["BadDomsList"].blob)) == [(1, 2, 0)]
    status = decode(d["I3DetectorStatus"].blob).dom_status
    assert [s.pmt_hv > 0 for s in status.values()] == [True, False, True, True]
    found = [v.relative_dom_eff for v in decode(c["I3Calibration"].blob).dom_cal.values()]
    assert found == pytest.approx(efficiency, nan_ok=True)


def test_the_table_of_events_is_that_of_the_converted_file(folder, events, tmp_path):
    dataset = convert_i3(folder / "events.i3.zst", tmp_path / "d.icecol", gcd=folder / "gcd.i3.zst", jobs=1)
    table = events.to_polars().with_columns(pl.lit(7, pl.UInt32).alias("I3EventHeader.run_id"))
    stored = dataset.scan().select(table.columns).collect()
    assert_frame_equal(stored, table)
    assert set(dataset.geometry.pmt_hv.round(6)) == {1300.0}
    assert replace(dataset.geometry, pmt_hv=events.geometry.pmt_hv).equals(events.geometry)


def test_the_next_gcd_file_is_that_of_the_next_detector(tmp_path):
    """The frames of the last one are kept."""
    plain = Geometry.nominal()
    other = Geometry.nominal()
    other.relative_efficiency[3] = 1.35
    for name, geometry, rate in (
        ("a", plain, 500.0),
        ("b", other, 500.0),
        ("c", other, 600.0),
        ("d", plain, 500.0),
    ):
        sim.write_gcd(tmp_path / f"{name}.i3", geometry, dark_rate=rate)
    a, b, c, d = ((tmp_path / f"{name}.i3").read_bytes() for name in "abcd")
    assert a == d
    assert len({a, b, c}) == 3
