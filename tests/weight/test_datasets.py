"""`datasets`, `generations`, `generators`: how events were thrown, as simweights understands it."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from made import NUCLEI, dataset, energies, nugen, shower_frame, showers

import icecol as ic
from icecol.errors import MissingColumnError, MissingFactError

simweights = pytest.importorskip("simweights")

EXACT = {"rtol": 1e-12, "atol": 0}
FLUX = ic.weight.power_law(1e-18, 2.3)


def flux_of_simweights(energy):
    return 1e-18 * (energy / 1e5) ** -2.3


def weights(ds, generation, flux=FLUX):
    """Weights of the events that were generated."""
    found = ds.scan().select(generation.weight(flux)).collect().to_series()
    return found.drop_nulls().to_numpy()


@pytest.mark.parametrize("name", ["oscNext_genie_level3_v02", "oscNext_genie_level7_v02"])
def test_genie_icetray_is_as_simweights_has_it(shared_data, tmp_path, name):
    path = shared_data / "i3" / "real" / f"{name}_first_5_frames.i3.gz"
    keys = ["I3MCWeightDict", "I3GENIEResultDict", "MCInIcePrimary"]
    ds = ic.convert.i3(path, tmp_path / "a", jobs=1, keys=keys)
    theirs = simweights.GenieWeighter(ds.tables, nfiles=10)
    mine = ic.weight.generation(ds, 10)
    assert ds.rows == 5
    assert np.allclose(weights(ds, mine), theirs.get_weights(flux_of_simweights), **EXACT)
    cosine = ds.scan().select(mine.cos_zenith.alias("c"), z=pl.col("MCInIcePrimary.zenith").cos()).collect()
    assert np.allclose(cosine["c"], cosine["z"])
    one = ds.scan().select(
        pl.col("I3MCWeightDict.OneWeight")
        / (10 * 408000 * pl.when(pl.col("I3GENIEResultDict.neu") > 0).then(0.7).otherwise(0.3))
    )
    assert np.allclose(weights(ds, mine, 1), one.collect().to_series(), rtol=1e-9)


@pytest.mark.filterwarnings("ignore:.*the geometry lacks the sensors")
def test_genie_reader_is_as_simweights_has_it_and_its_zenith_is_that_of_the_primary(shared_data, tmp_path):
    path = shared_data / "i3" / "real" / "upgrade_genie_step4_140028_000998_first_5_frames.i3.gz"
    keys = ["I3GenieResult", "I3MCWeightDict", "I3EventHeader"]
    ds = ic.convert.i3(path, tmp_path / "a", jobs=1, keys=keys)
    theirs = simweights.GenieWeighter(ds.tables)
    assert np.allclose(weights(ds, ic.weight.generation(ds)), theirs.get_weights(flux_of_simweights), **EXACT)
    one = ds.scan().select(pl.col("I3MCWeightDict.OneWeight") / 5000).collect().to_series()
    assert np.allclose(ds.scan().select(ic.weight.genie(ds)).collect().to_series(), one, rtol=1e-9)
    with ic.open_i3(path) as frames:
        frame = next(f for f in frames if "I3GenieResult" in f)
    zenith = frame["I3MCTree"][0].dir.zenith
    found = ds.scan().select(ic.weight.generation(ds).cos_zenith).collect().to_series()[0]
    assert found == pytest.approx(math.cos(zenith))
    with pytest.raises(ValueError, match="leave out `nfiles`"):
        ic.weight.generation(ds, 3)


@pytest.mark.parametrize("zenith", ["isotropic", "atmospheric"])
@pytest.mark.parametrize("index", [1.0, 2.0])
def test_own_simulation_with_muons_and_noise(tmp_path, zenith, index):
    events = ic.sim.events(40, seed=3, cascades=0.5, muons=0.3, noise=0.2, zenith=zenith, index=index)
    ds = ic.sim.to_dataset(events, tmp_path / "a")
    theirs = simweights.NuGenWeighter(ds.tables, nfiles=1)
    neutrinos = ds.scan().select(ic.weight.nugen(ds, FLUX)).collect().to_series().drop_nulls()
    assert neutrinos.len() == (events.truth.kind == 2).sum()
    assert np.allclose(neutrinos, theirs.get_weights(flux_of_simweights), **EXACT)
    one = ds.scan().select(ic.weight.generation(ds).weight(1.0)).collect().to_series()
    assert np.allclose(
        one.to_numpy(), events.truth.one_weight / events.truth.n_events, rtol=1e-9, equal_nan=True
    )
    assert one.null_count() == (events.truth.kind == 0).sum()


def test_own_simulation_by_way_of_a_file_needs_the_number_of_files(tmp_path):
    ic.sim.write(tmp_path / "a.i3", ic.sim.events(5, seed=1, muons=0, noise=0))
    ds = ic.convert.i3(tmp_path / "a.i3", tmp_path / "a", jobs=1)
    with pytest.raises(MissingFactError, match=r"made of 1 files.*give `nfiles`"):
        ic.weight.generation(ds)
    known = ic.convert.i3(tmp_path / "a.i3", tmp_path / "b", jobs=1, settings={"nfiles": 4})
    assert np.allclose(
        weights(known, ic.weight.generation(known)) * 2, weights(ds, ic.weight.generation(ds, 2))
    )
    assert np.allclose(
        weights(known, ic.weight.generation(known)) * 4, weights(ds, ic.weight.generation(ds, 1))
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"CylinderRadius": 700.0, "CylinderHeight": 1400.0, "TypeWeight": 0.3},
        {"InjectionSurfaceR": 900.0},
        {"InjectionSurfaceR": -1.0, "CylinderRadius": 500.0, "CylinderHeight": 1000.0},
    ],
    ids=["defaults", "cylinder", "circle", "surface"],
)
def test_nugen_is_as_simweights_has_it(tmp_path, seed, shape):
    rng = np.random.default_rng(seed)
    index, total = (1.0, 1.5, 2.0, 3.0)[seed], ("TotalWeight", "TotalInteractionProbabilityWeight")[seed % 2]
    zenith = (0.0, np.pi) if seed % 2 else (1.3, np.pi)
    ds = dataset(tmp_path / "a", nugen(rng, 60, index=index, total=total, zenith=zenith, **shape), nfiles=7)
    theirs = simweights.NuGenWeighter(ds.tables, nfiles=7).get_weights(flux_of_simweights)
    assert theirs.size == 52
    assert np.allclose(weights(ds, ic.weight.generation(ds)), theirs, **EXACT)


def test_several_datasets_share_the_sum_of_their_surfaces(tmp_path):
    rng = np.random.default_rng(5)
    shape = {"CylinderRadius": 700.0, "CylinderHeight": 1400.0}
    a = dataset(tmp_path / "a", nugen(rng, 50, index=2.0, **shape))
    b = dataset(tmp_path / "b", nugen(rng, 50, index=1.0, log_energy=(4, 7), types=(14, 12), **shape))
    c = dataset(tmp_path / "c", nugen(rng, 50, index=2.0, **shape), nfiles=1)
    theirs = sum(simweights.NuGenWeighter(ds.tables, nfiles=n) for ds, n in ((a, 3), (b, 5), (c, 1)))
    mine = ic.weight.generation([a, b, c], [3, 5, 1])
    every = pl.concat([ds.scan() for ds in (a, b, c)], how="diagonal").select(
        mine.weight(FLUX), mine.density()
    )
    every = every.drop_nulls().collect()
    assert np.allclose(every["weight"], theirs.get_weights(flux_of_simweights), **EXACT)
    assert sum(s.n_events for s in mine.surfaces if s.pdg_encoding == -14) == 0.5 * 1000 * (3 + 1)
    assert len(mine.surfaces) == 4
    apart = sum((ic.weight.generation(ds, n) for ds, n in ((a, 3), (b, 5), (c, 1))))
    assert set(apart.surfaces) == set(mine.surfaces)


def test_samples_of_different_generators_unite(tmp_path):
    rng = np.random.default_rng(6)
    a = dataset(tmp_path / "a", nugen(rng, 30, types=(12,), log_energy=(2, 5)), nfiles=1)
    own = ic.sim.to_dataset(ic.sim.events(20, seed=1, noise=0, energy=(1e2, 1e5)), tmp_path / "b")
    both = ic.weight.generation([a, own])
    frame = (
        pl.concat([a.scan(), own.scan()], how="diagonal")
        .with_columns(both.weight(1), both.density())
        .collect()
    )
    alone = pl.concat([a.scan().select(ic.weight.generation(a).weight(1)),
                       own.scan().select(ic.weight.generation(own).weight(1))]).collect()  # fmt: skip
    muons = frame["MuonWeightDict.OneWeight"].is_not_null()
    assert np.allclose(frame["weight"].filter(muons), alone["weight"].filter(muons))
    neutrinos = frame["I3MCWeightDict.NEvents"].is_not_null()
    assert (frame["weight"].filter(neutrinos) < alone["weight"].filter(neutrinos)).all()


def test_ways_that_cannot_be_told_apart_are_an_error(tmp_path):
    rng = np.random.default_rng(7)
    ds = dataset(tmp_path / "a", pl.concat([nugen(rng, 10), nugen(rng, 10, n_events=500)]))
    with pytest.raises(ValueError, match=r"several ways.*NEvents: 1000.0, 500.0.*a dataset of its own"):
        ic.weight.generation(ds, 1)


def test_an_event_outside_of_all_surfaces_has_no_weight(tmp_path):
    events = nugen(np.random.default_rng(8), 5)
    energy = pl.col("I3MCWeightDict.PrimaryNeutrinoEnergy")
    zenith = pl.col("I3MCWeightDict.PrimaryNeutrinoZenith")
    first = pl.int_range(pl.len()) == 0
    ds = dataset(
        tmp_path / "a",
        events.with_columns(pl.when(first).then(2e6).otherwise(energy).alias(energy.meta.output_name())),
    )
    assert ds.scan().select(ic.weight.nugen(ds, nfiles=1)).collect().to_series().is_null().to_list() == [
        True
    ] + 4 * [False]
    mine = ic.weight.generation(ds, 1)
    narrow = ic.weight.Generation(
        tuple(ic.weight.Surface(s.pdg_encoding, 1, 2, (1, 1e9), (-0.1, 0.1), 1) for s in mine.surfaces),
        mine.pdg_encoding, mine.energy, mine.cos_zenith, mine.factor,
    )  # fmt: skip
    inside = ds.scan().select(narrow.weight().is_not_null(), c=zenith.cos()).collect()
    assert inside["weight"].to_list() == inside["c"].is_between(-0.1, 0.1).to_list()


@pytest.mark.parametrize("nested", [False, True], ids=["tableio", "icecol"])
def test_triggered_corsika(tmp_path, nested):
    rng = np.random.default_rng(9)
    names = {"pdg": "primary_pdg_encoding", "energy": "primary_energy", "zenith": "primary_zenith"}
    events = showers(rng, 60, "I3CorsikaWeight", **(names if nested else {"pdg": "type"}))
    events = events.with_columns(pl.Series("I3CorsikaWeight.weight", 10 ** rng.uniform(-2, 2, 60)))
    frames = [shower_frame(p, 1000 * (i + 1)) for i, p in enumerate((2212, *NUCLEI, 2212))]
    ds = dataset(
        tmp_path / "a", events, [{f"I3PrimaryInjectorInfo.{k}": v for k, v in f.items()} for f in frames]
    )
    theirs = simweights.CorsikaWeighter(ds.tables).get_weights(simweights.GaisserH3a())
    mine = ic.weight.generation(ds)
    assert np.allclose(weights(ds, mine, ic.weight.h3a()), theirs, **EXACT)
    protons = next(s for s in mine.surfaces if s.pdg_encoding == 2212)
    assert protons.n_events == 1000 + 2000 + 7000


def test_corsika_reader_with_simulation_frames(tmp_path):
    rng = np.random.default_rng(10)
    events = showers(rng, 40, "PolyplopiaPrimary", pdg="pdg_encoding")
    frames = [shower_frame(p, 1000, oversampling=5) for p in NUCLEI]
    ds = dataset(tmp_path / "a", events, [{f"I3CorsikaInfo.{k}": v for k, v in f.items()} for f in frames])
    theirs = simweights.CorsikaWeighter(ds.tables).get_weights(simweights.GaisserH3a())
    found = ds.scan().select(ic.weight.corsika(ds, ic.weight.h3a())).collect().to_series()
    assert np.allclose(found, theirs, **EXACT)


def test_corsika_weight_maps(tmp_path):
    rng = np.random.default_rng(11)
    n = 40
    primary = showers(rng, n, "PolyplopiaPrimary", pdg="type")
    how = {
        "CylinderLength": 1600.0, "CylinderRadius": 800.0, "ThetaMin": 0.0, "ThetaMax": 1.2, "NEvents": 2e4,
        "PrimarySpectralIndex": -2.6, "EnergyPrimaryMin": 6e2, "EnergyPrimaryMax": 1e8, "OverSampling": 3.0,
    }  # fmt: skip
    columns = {f"CorsikaWeightMap.{k}": np.full(n, v) for k, v in how.items()}
    kind = primary["PolyplopiaPrimary.type"].cast(pl.Float64)
    ds = dataset(tmp_path / "a", primary.with_columns(kind.alias("CorsikaWeightMap.ParticleType"), **{
        k: pl.Series(v) for k, v in columns.items()}))  # fmt: skip
    theirs = simweights.CorsikaWeighter(ds.tables, nfiles=6).get_weights(simweights.GaisserH3a())
    found = ds.scan().select(ic.weight.corsika(ds, ic.weight.h3a(), nfiles=6)).collect().to_series()
    assert np.allclose(found, theirs, **EXACT)


def test_genie_icetray_with_several_ranges_of_energy_and_volumes(tmp_path):
    rng = np.random.default_rng(12)
    parts = []
    for low, high, volume, radius, n_events in ((0.0, 1.0, 1e8, 250.0, 1e5), (1.0, 3.0, 5e8, 400.0, 3e4)):
        n = 30
        how = {"GeneratorVolume": volume, "PowerLawIndex": 2.0, "MinEnergyLog": low, "MaxEnergyLog": high,
               "MinZenith": 0.0, "MaxZenith": np.pi, "NEvents": n_events, "InjectionSurfaceR": radius,
               "GlobalProbabilityScale": 1e-9 * radius}  # fmt: skip
        p = rng.normal(size=(3, n))
        parts.append(pl.DataFrame({
            **{f"I3MCWeightDict.{k}": np.full(n, v) for k, v in how.items()},
            "I3GENIEResultDict.neu": rng.choice([12, -12, 14], n).astype(np.int32),
            "I3GENIEResultDict.Ev": energies(rng, n, 2.0, 10**low, 10**high),
            "I3GENIEResultDict.wght": rng.random(n),
            "I3GENIEResultDict._glbprbscale": np.full(n, 1e-9 * radius),
            **{f"I3GENIEResultDict.p{a}v": v for a, v in zip("xyz", p, strict=True)},
        }))  # fmt: skip
    ds = dataset(tmp_path / "a", pl.concat(parts))
    theirs = simweights.GenieWeighter(ds.tables, nfiles=8).get_weights(flux_of_simweights)
    assert np.allclose(
        ds.scan().select(ic.weight.genie(ds, FLUX, nfiles=8)).collect().to_series(), theirs, **EXACT
    )
    assert len(ic.weight.generation(ds, 8).surfaces) == 6


def test_what_is_missing_is_named(tmp_path):
    ds = dataset(tmp_path / "a", pl.DataFrame({"I3MCWeightDict.NEvents": [1.0], "I3EventHeader.run_id": [1]}))
    with pytest.raises(MissingColumnError, match="I3MCWeightDict"):
        ic.weight.generation(ds, 1)
    with pytest.raises(MissingColumnError, match="I3GenieInfo and I3GenieResult"):
        ic.weight.genie(ds, nfiles=1)
    with pytest.raises(
        ValueError, match="must be one of 'genie', 'corsika', 'icecol', 'nugen'; found 'NuGen'"
    ):
        ic.weight.generation(ds, 1, generator="NuGen")
    with pytest.raises(ValueError, match="for each of one or more"):
        ic.weight.generation([ds, ds], [1])
    with pytest.raises(ValueError, match="a list with a number for each"):
        ic.weight.generation([ds, ds], 1)
    with pytest.raises(TypeError, match="a flux is"):
        ic.weight.Generation((), *[pl.col("a")] * 4).weight("honda")


def test_bundles_of_several_datasets_and_files_share_their_rate(tmp_path):
    one, two = (
        ic.sim.to_dataset(ic.sim.generate(ic.sim.bundles(), 400, seed=s), tmp_path / str(s)) for s in (1, 2)
    )
    key = pl.col("MuonBundleWeightDict.Weight") / pl.col("MuonBundleWeightDict.NEvents")

    def ratio(ds, expr):
        return ds.scan().select(expr / key).collect().to_series().drop_nulls().to_numpy()

    assert one.rows > 0
    assert np.allclose(ratio(one, ic.weight.bundles(one)), 1)
    assert np.allclose(ratio(one, ic.weight.bundles(one, nfiles=4)), 1 / 4)
    assert np.allclose(ratio(two, ic.weight.bundles([one, two])), 1 / 2)
    assert np.allclose(ratio(two, ic.weight.bundles([one, two], nfiles=[1, 4])), 1 / 5)


def test_without_a_flux_weights_are_for_one_of_1(tmp_path):
    ds = dataset(tmp_path / "a", nugen(np.random.default_rng(1), 50), nfiles=1)
    made = ic.weight.generation(ds)
    assert np.array_equal(
        weights(ds, made, 1.0), ds.scan().select(made.weight()).collect().to_series().drop_nulls()
    )
    found = ds.scan().select(ic.weight.nugen(ds)).collect().to_series().drop_nulls()
    assert np.array_equal(weights(ds, made, 1.0), found)
