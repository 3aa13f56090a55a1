"""`sample`, `chain`: events that are what they say, from the particle to triggered pulses."""

from __future__ import annotations

import inspect

import numpy as np
import polars as pl
import pytest

from icecol import sim
from icecol.detector.geometry import Geometry
from icecol.sim import particles, primary


def rows(events, i):
    return slice(events.pulses.offsets[i], events.pulses.offsets[i + 1])


def fields(events):
    for part in (events.truth, events.pulses):
        for name in part.__dataclass_fields__:
            yield name, getattr(part, name)


def test_same_seed_same_bytes(sample):
    again = sim.events(300, seed=7)
    for (name, a), (_, b) in zip(fields(sample), fields(again), strict=True):
        assert a.tobytes() == b.tobytes(), name


def test_another_seed_gives_other_events(sample):
    assert sim.events(5, seed=8).pulses.time.tobytes() != sim.events(5, seed=7).pulses.time.tobytes()


def test_the_first_events_of_a_seed_do_not_depend_on_how_many_follow(sample):
    few = sim.events(20, seed=7)
    stop = few.pulses.offsets[-1]
    assert (few.pulses.offsets == sample.pulses.offsets[:21]).all()
    assert (few.pulses.time == sample.pulses.time[:stop]).all()
    np.testing.assert_array_equal(few.truth.energy, sample.truth.energy[:20])


def test_events_remember_every_setting(sample):
    parameters = set(inspect.signature(sim.events).parameters) - {"n", "geometry"}
    assert sample.settings.keys() == parameters
    few = sim.events(2, seed=5, muons=0.0, noise=0.0, n_pulses=(10, 400), efficiency=2.0)
    assert {name: few.settings[name] for name in ("muons", "n_pulses", "efficiency", "losses")} == {
        "muons": 0.0,
        "n_pulses": (10, 400),
        "efficiency": 2.0,
        "losses": False,
    }


def test_fractions_are_kept(sample):
    share = np.bincount(sample.truth.kind, minlength=3) / len(sample)
    assert share == pytest.approx([0.1, 0.7, 0.2], abs=0.07)
    assert set(sim.events(20, seed=1, muons=0, noise=0).truth.kind) == {particles.CASCADE}


def test_no_events_is_an_empty_sample():
    empty = sim.events(0, seed=1)
    assert len(empty) == 0
    assert empty.pulses.offsets.tolist() == [0]
    assert empty.to_polars().height == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": -1}, "`n` must be 0 or more; found -1"),
        ({"dark_rate": -1.0}, "`dark_rate` must be 0 or more"),
        ({"jitter": float("nan")}, "`jitter` must be 0 or more"),
        ({"muons": -1}, "fractions of a whole"),
        ({"energy": (10.0, 1.0)}, "0 < low < high"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        sim.events(**{"n": 1, "seed": 1, **wrong})


def test_pulses_are_sorted_by_omkey_and_time(sample):
    for i in range(len(sample)):
        s = rows(sample, i)
        order = np.lexsort((sample.pulses.time[s], sample.pulses.omkey[s]))
        assert (order == np.arange(order.size)).all()


def test_particles_trigger_at_ten_microseconds_and_noise_does_not(sample):
    particle = sample.truth.kind != particles.NOISE
    assert (sample.trigger_time[particle] == 10_000).all()
    assert np.isnan(sample.trigger_time[~particle]).all()
    assert (sample.trigger_length[particle] >= 0).all()


def test_readout_is_four_microseconds_before_to_six_after_the_trigger(sample):
    length = np.repeat(np.nan_to_num(sample.trigger_length), np.diff(sample.pulses.offsets))
    assert (sample.pulses.time >= 6000).all()
    assert (sample.pulses.time < 16_000 + length).all()


def test_eight_coincident_launches_are_in_every_triggered_event(sample):
    for i in np.flatnonzero(sample.truth.kind):
        s = rows(sample, i)
        hlc = sample.pulses.flags[s] == 7
        assert np.unique(sample.pulses.omkey[s][hlc]).size >= 4
        inside = hlc & (sample.pulses.time[s] >= 10_000)
        assert (inside & (sample.pulses.time[s] <= 10_000 + sample.trigger_length[i] + 1)).sum() >= 8


def test_flags_are_hlc_or_slc_and_coincidence_has_a_neighbour(sample):
    assert set(sample.pulses.flags) == {4, 7}
    partnered = []
    for i in range(100):
        s = rows(sample, i)
        key = sample.pulses.omkey[s]
        apart = np.abs(np.unique(key) - key[sample.pulses.flags[s] == 7][:, None])
        partnered.extend(((apart > 0) & (apart <= 2 << 8)).any(axis=1))
    assert np.mean(partnered) > 0.99  # a partner may lie outside the readout


def test_a_launch_without_coincidence_is_one_stamp(sample):
    for i in range(30):
        s = rows(sample, i)
        slc = sample.pulses.flags[s] == 4
        for k in np.unique(sample.pulses.omkey[s][slc]):
            time = sample.pulses.time[s][slc & (sample.pulses.omkey[s] == k)]
            gaps = np.diff(time)
            assert ((gaps <= 76) | (gaps > 6000)).all()


def test_charge_and_time_are_stored_in_steps(sample):
    assert sample.pulses.charge.dtype == np.float32
    steps = (sample.pulses.charge.astype(float) - 0.025) / 0.05
    small = sample.pulses.charge < 100
    assert steps[small] == pytest.approx(np.round(steps[small]), abs=1e-3)
    assert (sample.pulses.time == np.round(sample.pulses.time)).all()
    assert (np.log2(sample.pulses.width) % 1 == 0).all()


def test_dark_rate_is_that_of_the_readout():
    sample = sim.events(400, seed=3, muons=0, cascades=0)
    mean = np.diff(sample.pulses.offsets).mean()
    efficiency = Geometry.nominal().relative_efficiency.sum()
    above_threshold = 1 - 0.3 * (1 - np.exp(-0.25 / 0.45)) - 0.7 * 0.0058
    assert mean == pytest.approx(500e-9 * 10_000 * efficiency * above_threshold, rel=0.05)
    assert sample.pulses.noise.all()


def test_bad_sensors_see_nothing_and_tanks_are_left_out():
    geometry = Geometry.nominal(icetop=True)
    columns = {
        name: getattr(geometry, name) for name in ("string", "om", "x", "y", "z", "relative_efficiency")
    }
    off = geometry.string % 2 == 0
    sample = sim.events(5, seed=1, geometry=Geometry.from_columns({**columns, "bad": off}))
    assert ((sample.pulses.omkey >> 16) % 2 == 1).all()
    assert ((sample.pulses.omkey >> 8 & 0xFF) <= 60).all()


def test_light_arrives_at_its_geometric_time_or_later(sample):
    xyz = sample.geometry.xyz
    medians = []
    for i in np.flatnonzero(sample.truth.kind == particles.MUON)[:40]:
        s = rows(sample, i)
        signal = ~sample.pulses.noise[s]
        t = sample.truth
        e = np.array(primary.flight(t.zenith[i], t.azimuth[i]))
        at = xyz[sample.geometry.rows(sample.pulses.omkey[s][signal])] - [t.x[i], t.y[i], t.z[i]]
        along = at @ e
        d = np.linalg.norm(at - along[:, None] * e, axis=1)
        residual = sample.pulses.time[s][signal] - t.time[i] - (along + 0.917327398903 * d) / 0.299792458
        assert residual.min() > -12
        medians.append(np.median(residual))
    assert np.median(medians) < 400


def linefit(position, time):
    dt = time - time.mean()
    return (position * dt[:, None]).mean(axis=0) / (dt**2).mean()


def test_a_line_fit_points_back_along_the_muon(sample):
    angles = []
    for i in np.flatnonzero(sample.truth.kind == particles.MUON):
        s = rows(sample, i)
        use = sample.pulses.srt[s]
        if np.unique(sample.pulses.omkey[s][use]).size < 15:
            continue
        position = sample.geometry.xyz[sample.geometry.rows(sample.pulses.omkey[s][use])]
        v = linefit(position, sample.pulses.time[s][use])
        e = np.array(primary.flight(sample.truth.zenith[i], sample.truth.azimuth[i]))
        angles.append(np.degrees(np.arccos(v @ e / np.linalg.norm(v))))
    assert len(angles) > 100
    assert np.median(angles) < 5


def test_a_muon_of_1_tev_gives_tens_of_sensors_and_of_the_order_of_a_hundred_pulses():
    sample = sim.events(100, seed=2, cascades=0, noise=0, energy=(0.99e3, 1.01e3))
    doms = [np.unique(sample.pulses.omkey[rows(sample, i)]).size for i in range(100)]
    assert 30 < np.median(doms) < 120
    assert 50 < np.median(np.diff(sample.pulses.offsets)) < 200


def test_cleaning_keeps_light_and_drops_most_noise(sample):
    hits = sample.pulses
    hlc = hits.flags == 7
    assert hits.srt[hlc].all()
    assert hits.srt[~hits.noise].mean() > 0.8
    assert hits.srt[hits.noise].mean() < 0.15


def test_weighted_events_give_the_rate_of_a_flux():
    """A flux of muons of known rate through the disk: the triggered share of it, whatever the spectrum thrown."""
    rates = []
    for index in (1.5, 2.5):
        sample = sim.events(400, seed=5, cascades=0, noise=0, energy=(1e3, 1e4), index=index)
        flux = 1e-15 * (sample.truth.energy / 1e3) ** -2
        rates.append((sample.truth.one_weight * flux / sample.truth.n_events).sum())
    assert rates[0] == pytest.approx(rates[1], rel=0.15)


def test_bright_events_are_as_bright_as_asked():
    sample = sim.bright(10, pulses=300, seed=4)
    assert ((np.diff(sample.pulses.offsets) - 300).__abs__() <= 60).all()


def test_table_has_the_columns_and_types_of_a_dataset(sample):
    table = sample.to_polars()
    assert table.height == 300
    for member, dtype in {
        "time": pl.Float64, "charge": pl.Float32, "width": pl.Float32, "flags": pl.UInt8, "omkey": pl.Int32
    }.items():  # fmt: skip
        assert table.schema[f"SRTInIcePulses.{member}"] == pl.List(dtype)
    assert table["InIcePulses.time"].list.len().to_list() == np.diff(sample.pulses.offsets).tolist()
    assert table["SRTInIcePulses.charge"].list.len().sum() == sample.pulses.srt.sum()
    noise = pl.Series(sample.truth.kind == particles.NOISE)
    assert table.filter(noise)["MCPrimary.energy"].null_count() == noise.sum()
    assert table.filter(~noise)["MCPrimary.zenith"].null_count() == 0
