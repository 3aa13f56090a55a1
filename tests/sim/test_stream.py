"""`stream`: raw data as they come, their triggers, and the events that they are split into."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol import sim
from icecol.detector.geometry import Geometry
from icecol.sim import bundle, sensor
from icecol.sim.stream import DARK


@pytest.fixture(scope="module")
def stream():
    return sim.raw(0.02, seed=5)


@pytest.fixture(scope="module")
def events(stream):
    return stream.events()


def test_a_seed_gives_the_same_stream_and_another_one_another():
    first, again, other = (sim.raw(0.001, seed=k) for k in (1, 1, 2))
    for name in ("omkey", "time", "charge", "width", "flags", "source"):
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes()
    assert first.time.tobytes() != other.time.tobytes()


def test_muons_come_at_their_rate_and_every_dom_has_its_noise(stream):
    n = stream.bundles.offsets.size - 1
    expected = bundle.rate(700.0, 1300.0) * 0.02
    assert abs(n - expected) < 4 * np.sqrt(expected)
    dark = stream.source == DARK
    assert np.unique(stream.omkey[dark]).size > 5000
    efficiency = stream.geometry.relative_efficiency
    high, standard = (
        np.isin(stream.omkey[dark], stream.geometry.omkey[efficiency == e]).sum() / (efficiency == e).sum()
        for e in (1.35, 1.0)
    )
    assert high / standard == pytest.approx(1.35, rel=0.1)
    # noise below the threshold of a launch is lost, and within one
    assert 400 < standard / 0.02 < 500


def test_pulses_are_in_order_within_the_span_and_apart(stream):
    same = np.diff(stream.omkey) == 0
    assert (np.diff(stream.omkey) >= 0).all()
    assert (np.diff(stream.time)[same] > sensor.merge - 1).all()
    assert stream.time.min() >= 0
    assert stream.time.max() < 0.02 * 1e9


def test_hits_in_local_coincidence_have_a_neighbor_and_those_of_noise_mostly_none(stream):
    string, om = stream.omkey >> 16, stream.omkey >> 8 & 0xFF
    hard = stream.flags == sensor.hlc
    assert 0.02 < hard.mean() < 0.2
    assert (stream.source[~hard] == DARK).mean() > 0.9
    starts = np.flatnonzero(hard)[:200]
    for i in starts.tolist():
        near = (string == string[i]) & (np.abs(om - om[i]) <= 2) & (om != om[i])
        near &= np.abs(stream.time - stream.time[i]) <= sensor.lc_window + sensor.launch
        assert (near & hard).any()


def test_trigger_rates_are_those_of_the_detector(stream):
    rate = {code: (stream.triggers.config_id == code).sum() / stream.seconds for code in (1006, 1007, 1011)}
    # 2.1, 2.2 and 0.25 kHz in JINST 12 (2017) P03012; 45 triggers are some 15 %
    assert 1300 < rate[1006] < 3300
    assert 1300 < rate[1007] < 3300
    assert 50 < rate[1011] < 600


def test_events_are_the_readouts_of_all_triggers(stream, events):
    start, stop = stream.windows()
    found = stream.triggers
    assert len(events) == start.size
    for begin, length in zip(found.time, found.length, strict=True):
        assert ((start <= begin - 4000) & (stop >= begin + length + 6000)).sum() == 1
    assert events.triggers.config_id.size == found.config_id.size
    inside = ((stream.time[:, None] >= start) & (stream.time[:, None] < stop)).sum(axis=0)
    assert np.diff(events.pulses.offsets).tolist() == inside.tolist()
    for i in range(len(events)):
        t = events.pulses.time[slice(*events.pulses.offsets[i : i + 2])]
        assert t.min() >= 6000 - 1
        assert t.max() < events.stop[i]
        assert events.triggers.time[events.triggers.offsets[i]] == 10_000


def test_overlapping_readouts_are_one_event(stream):
    start, stop = stream.windows()
    assert (start[1:] > stop[:-1]).all()
    assert len(stream.triggers.time) > start.size
    single = 10_000 + stream.triggers.length.max()
    assert (stop - start).min() >= 10_000
    assert (stop - start).max() > min(single, 12_000)


def test_an_event_has_the_bundles_whose_light_it_has_and_the_brightest_first(stream, events):
    start, stop = stream.windows()
    of = stream.bundles
    several = 0
    for i in range(len(events)):
        own = (stream.time >= start[i]) & (stream.time < stop[i]) & (stream.source >= 0)
        charge = np.bincount(stream.source[own], stream.charge[own], minlength=of.offsets.size - 1)
        rows = slice(*events.tree.offsets[i : i + 2])
        heads = np.flatnonzero(events.tree.parent[rows] < 0)
        wanted = np.argsort(-charge, kind="stable")[: (charge > 0).sum()]
        assert events.tree.energy[rows][heads].tolist() == of.energy[of.offsets[wanted]].tolist()
        assert (events.tree.energy[rows].size) == sum(np.diff(of.offsets)[wanted])
        for k, parent in enumerate(events.tree.parent[rows].tolist()):
            assert parent == -1 or parent in heads.tolist()
            assert parent < k
        if wanted.size:
            assert events.truth.energy[i] == of.energy[of.offsets[wanted[0]]]
            shift = of.time[of.offsets[wanted[0]]] - events.truth.time[i]
            assert shift == pytest.approx(start[i] - 6000)
        several += wanted.size > 1
    assert several > 0


def test_the_dataset_is_that_of_the_converted_file(events, tmp_path):
    sim.write(tmp_path / "a.i3", events, gcd=tmp_path / "g.i3")
    file = ic.convert.i3(tmp_path / "a.i3", tmp_path / "a", gcd=tmp_path / "g.i3", jobs=1).scan().collect()
    direct = sim.to_dataset(events, tmp_path / "b").scan().collect()
    assert {"I3TriggerHierarchy.config_id", "MCMostEnergeticTrack.energy", "I3MCTree.parent"} <= set(
        direct.columns
    )
    for name in direct.columns:
        assert file[name].equals(direct[name], null_equal=True), name


def test_headers_have_the_time_in_the_stream(events):
    frames = [frame for frame in sim.frames(events) if frame.stop == "Q"]
    begin = [frame["I3EventHeader"].start_time.utc_daq_time for frame in frames]
    assert begin == [round(10 * t) for t in events.start]
    end = [frame["InIcePulsesTimeRange"].stop for frame in frames]
    assert end == events.stop.tolist()


def test_noise_alone_makes_coincidences_and_hardly_a_trigger():
    dark = sim.raw(0.01, seed=3, generator=sim.bundles(radius=1.0, height=1.0))
    assert dark.bundles.offsets.size == 1
    assert (dark.source == DARK).all()
    assert 0 < (dark.flags == sensor.hlc).mean() < 0.05
    assert (dark.triggers.config_id == 1006).sum() == 0


def test_the_launches_of_all_doms_count_the_first_one_too():
    five = Geometry.from_columns(
        {
            "string": [1] * 5,
            "om": [1, 2, 3, 4, 5],
            "x": [0.0] * 5,
            "y": [0.0] * 5,
            "z": [-17.0 * k for k in range(5)],
        }
    )
    # 5 MHz for 5 us: each DOM launches at once, and only once
    noisy = sim.raw(5e-6, seed=1, dark_rate=5e6, geometry=five, generator=sim.bundles(radius=1.0, height=1.0))
    assert np.unique(noisy.omkey).size == 5
    assert noisy.triggers.config_id.tolist() == [1007]
    first = noisy.time[np.flatnonzero(np.diff(noisy.omkey, prepend=0))]
    assert noisy.triggers.time.tolist() == [first.min()]
    assert noisy.triggers.length.tolist() == [np.ptp(first)]


def test_a_stream_without_triggers_has_no_events(tmp_path):
    quiet = sim.raw(1e-6, seed=1, dark_rate=0.0, generator=sim.bundles(radius=1.0, height=1.0))
    assert len(quiet) == 0
    events = quiet.events()
    assert len(events) == 0
    assert events.to_polars().height == 0
    sim.write(tmp_path / "a.i3", events)


def test_events_without_muons_have_no_particle(events):
    bright = sim.raw(
        0.002, seed=9, dark_rate=30_000.0, generator=sim.bundles(radius=1.0, height=1.0)
    ).events()
    assert len(bright) > 0
    table = bright.to_polars()
    assert table["MCPrimary.energy"].null_count() == table.height
    assert set(table.columns) == set(events.to_polars().columns)
    frame = next(f for f in sim.frames(bright) if f.stop == "P")
    assert "MCPrimary" not in frame
    assert table.select(pl.col("I3MCTree.energy").list.len().sum()).item() == 0


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="`seconds` must be positive; found 0"):
        sim.raw(0, seed=1)
    with pytest.raises(ValueError, match="bundles without biases"):
        sim.raw(0.001, seed=1, generator=sim.bundles(energy_bias=1.0))
    with pytest.raises(ValueError, match="`dark_rate` must be 0 or more; found -1"):
        sim.raw(0.001, seed=1, dark_rate=-1)
    with pytest.raises(ValueError, match="'bulk' or 'layers'; found 'salt'"):
        sim.raw(0.001, seed=1, ice="salt")
