"""`generate`, `thrown`: events of any generator, with weights as simweights has them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol import sim
from icecol.sim.brightness import brightness, dark


@pytest.fixture(scope="module")
def made():
    return {
        flavor: sim.generate(sim.neutrinos(flavor, energy=(1e3, 1e6), index=1.5), 100, seed=(7, k))
        for k, flavor in enumerate(("nue", "numu", "nutau"))
    }


def fields(events):
    for name in (*events.tree.__dataclass_fields__,):
        yield f"tree.{name}", getattr(events.tree, name)
    for part in (events.truth, events.pulses):
        for name in part.__dataclass_fields__:
            yield name, getattr(part, name)


def test_a_seed_gives_the_same_events_and_another_one_others(made):
    again = sim.generate(sim.neutrinos("numu", energy=(1e3, 1e6), index=1.5), 100, seed=(7, 1))
    for (name, a), (_, b) in zip(fields(made["numu"]), fields(again), strict=True):
        assert a.tobytes() == b.tobytes(), name
    other = sim.generate(sim.neutrinos("numu", energy=(1e3, 1e6), index=1.5), 100, seed=(7, 2))
    assert other.truth.energy[:5].tolist() != again.truth.energy[:5].tolist()


def test_the_first_events_of_a_seed_do_not_depend_on_how_many_follow(made):
    few = sim.generate(sim.neutrinos("nue", energy=(1e3, 1e6), index=1.5), 30, seed=(7, 0))
    n = len(few)
    assert 5 < n < len(made["nue"])
    assert few.truth.energy.tolist() == made["nue"].truth.energy[:n].tolist()
    assert set(few.thrown["I3MCWeightDict"]["NEvents"]) == {30.0}


@pytest.mark.parametrize("flavor", ["nue", "numu", "nutau"])
def test_weights_are_those_of_simweights(made, flavor, tmp_path):
    simweights = pytest.importorskip("simweights")
    ds = sim.to_dataset(made[flavor], tmp_path / "a")
    mine = (
        ds.scan()
        .select(ic.weight.nugen(ds, ic.weight.power_law(1e-18, 2.5)))
        .collect()
        .to_series()
        .to_numpy()
    )
    theirs = simweights.NuGenWeighter(ds.tables, nfiles=1).get_weights(
        lambda energy: 1e-18 * (energy / 1e5) ** -2.5
    )
    np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    how = made[flavor].thrown["I3MCWeightDict"]
    flux = 1e-18 * (how["PrimaryNeutrinoEnergy"] / 1e5) ** -2.5
    np.testing.assert_allclose(mine, how["OneWeight"] * flux / (how["NEvents"] / 2), rtol=1e-9)
    assert ic.weight.generation(ds).types == tuple(sorted(ic.weight.generation(ds).types))


@pytest.mark.parametrize("flavor", ["numu", "nutau"])
def test_a_dataset_is_as_the_conversion_of_the_file(made, flavor, tmp_path):
    sim.write(tmp_path / "a.i3", made[flavor])
    file = ic.convert.i3(tmp_path / "a.i3", tmp_path / "a", jobs=1).scan().collect()
    direct = sim.to_dataset(made[flavor], tmp_path / "b").scan().collect()
    assert {"I3MCTree.energy", "MCMostEnergeticTrack.energy", "I3MCWeightDict.OneWeight"} <= set(
        direct.columns
    )
    for name in direct.columns:
        if name != "I3EventHeader.run_id":
            assert file[name].equals(direct[name], null_equal=True), name


def test_trees_are_read_back_with_their_generations(made, tmp_path):
    sim.write(tmp_path / "a.i3", made["nutau"])
    with ic.open_i3(tmp_path / "a.i3") as frames:
        first = next(f for f in frames if f.stop == "P")
        tree = first["I3MCTree"]
        assert tree[0].pdg_encoding in {16, -16}
        assert first["MCPrimary"].energy == tree[0].energy
        assert first["MCMostEnergeticCascade"].energy == max(
            p.energy for p in tree if abs(p.pdg_encoding) in {11, 2000001006}
        )


def test_only_events_that_triggered_are_there_and_pulses_belong_to_them(made):
    events = made["nue"]
    assert (events.trigger_time == 10_000).all()
    assert (np.diff(events.pulses.offsets) >= 8).all()
    charge = np.add.reduceat(events.pulses.charge, events.pulses.offsets[:-1])
    assert np.corrcoef(np.log(charge), np.log(brightness(events.tree.particles())))[0, 1] > 0.8
    t = events.truth
    assert np.abs(t.time - 10_000).max() < 15_000


def test_events_below_a_charge_are_left_out_with_nothing_else_changed(made):
    settings = sim.neutrinos("nue", energy=(1e3, 1e6), index=1.5)
    bright = sim.generate(settings, 100, seed=(7, 0), charge=500.0)
    charge = np.add.reduceat(made["nue"].pulses.charge.astype(float), made["nue"].pulses.offsets[:-1])
    assert bright.truth.energy.tolist() == made["nue"].truth.energy[charge >= 500].tolist()


def test_what_is_too_dark_to_simulate_would_not_trigger():
    thrown = sim.neutrinos("numu", energy=(1e2, 1e3)).throw(np.random.default_rng(1), 4000)
    light = brightness(thrown.at_detector.particles())
    events = sim.generate(sim.neutrinos("numu", energy=(1e2, 1e3)), 600, seed=3, dark_rate=500.0)
    found = brightness(events.tree.particles())
    assert (light < dark).mean() > 0.2
    assert (found > 10 * dark).mean() > 0.95


def test_no_events_is_an_empty_sample(tmp_path):
    empty = sim.generate(sim.neutrinos("numu"), 0, seed=1)
    assert len(empty) == 0
    assert empty.to_polars().height == 0
    assert sim.generate(sim.neutrinos("numu", energy=(10, 11)), 20, seed=1).to_polars().height == 0
    sim.write(tmp_path / "a.i3", empty)


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueError, match="`n` must be 0 or more; found -1"):
        sim.generate(sim.neutrinos("numu"), -1, seed=1)


@pytest.mark.slow
def test_triggered_samples_thrown_in_different_ways_agree_in_every_weighted_histogram():
    found = []
    for seed, settings in (
        (1, {"index": 1.6, "volume": True}),
        (2, {"index": 1.2, "radius": 650.0, "height": 1350.0, "dim": (2e3, 0.2)}),
    ):
        events = sim.generate(sim.neutrinos("nue", energy=(1e3, 1e5), **settings), 1500, seed=seed)
        how = events.thrown["I3MCWeightDict"]
        weight = how["OneWeight"] * how["PrimaryNeutrinoEnergy"] ** -2.0 / how["NEvents"]
        charge = np.add.reduceat(events.pulses.charge.astype(float), events.pulses.offsets[:-1])
        values = {
            "charge": np.log10(charge), "z": events.truth.z, "cos": np.cos(events.truth.zenith),
            "pulses": np.log10(np.diff(events.pulses.offsets)),
        }  # fmt: skip
        found.append((weight, values))
    for name, values in found[0][1].items():
        edges = np.quantile(values, np.linspace(0, 1, 7))
        sums = [np.histogram(v[name], edges, weights=w)[0] for w, v in found]
        squares = [np.histogram(v[name], edges, weights=w * w)[0] for w, v in found]
        chi2 = ((sums[0] - sums[1]) ** 2 / (squares[0] + squares[1])).sum()
        assert chi2 < 6 + 4 * np.sqrt(12), (name, chi2)


def test_a_frame_without_a_particle_has_null():
    events = sim.generate(sim.neutrinos("nutau", energy=(1e3, 1e5)), 100, seed=2)
    table = events.to_polars()
    muons = table.select(
        pl.col("I3MCTree.pdg_encoding").list.eval(pl.element().abs() == 13).list.any()
    ).to_series()
    assert table["MCMostEnergeticTrack.energy"].is_not_null().to_list() == muons.to_list()
