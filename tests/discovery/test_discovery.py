"""`sample`, `nature`, `analysis`, `figures`: the discovery from photons on."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import polars as pl
import pytest
from rich.console import Console

import icecol as ic
from icecol import discovery
from icecol.discovery import analysis, nature, sample
from icecol.errors import DatasetError

HOW = {"size": 0.04, "seed": 3, "trials": 12, "jobs": 1}


def quiet():
    return Console(file=io.StringIO(), width=160)


def numbers(found):
    return json.loads((found.folder / discovery.RESULT).read_text())


def test_pseudo_data_share_no_seed_with_what_is_expected():
    used = sample.dataset_numbers(1)
    by_role = {role: {n for (r, _), n in used.items() if r == role} for role, _ in used}
    assert len(set(used.values())) == len(used) == 11
    assert by_role["expectation"].isdisjoint(by_role["nature"])
    assert set(used.values()).isdisjoint(sample.dataset_numbers(2).values())


def test_expected_events_are_weights_times_the_livetime():
    nue = pl.DataFrame(
        {analysis.ENERGY: [1e5, 2e5], "weight_astro": [1e-8, 1e-8], "weight_prompt": [2e-9, 0.0]}
    )
    muons = pl.DataFrame({"weight_muons": [1.0, 3.0]})
    found = analysis.expected({"nue": nue, "muons": muons}, 662.0, 2.0, 1.0)
    seconds = 662 * 86400
    rows = {row[0]: row[1:] for row in found.rows()}
    assert rows["astro"][0] == pytest.approx(2e-8 * seconds * 1.5)
    assert rows["prompt"] == pytest.approx((2e-9 * seconds, 2e-9 * seconds, 1.0))
    assert rows["muons"] == pytest.approx((6.0, 6 * np.sqrt(10) / 4, 1.6))
    assert rows["conventional"] == (0.0, 0.0, 0.0)


def test_no_bin_is_impossible_and_muons_are_as_many_as_were_measured():
    one = {"energy": [1e5], "sin_dec": [0.1], "topology": ["track"]}
    fluxes = {f"weight_{name}": [1e-9] for name in ("astro", "conventional", "prompt")}
    tables = {
        "numu": pl.DataFrame({**one, analysis.ENERGY: [3e5], **fluxes}),
        "muons": pl.DataFrame({**one, "weight_muons": [7.0]}),
    }
    made = analysis.model(tables, days=331.0)
    norms = {"conventional": 0.0, "prompt": 0.0, "index": 2.0}
    muons = made.expected(astro=0.0, muons=1.0, **norms)
    assert muons.shape == (10, 5, 2)
    assert muons.sum() == pytest.approx(3.0)
    assert muons.min() == pytest.approx(3.0 * 0.05 / 100)
    assert muons.max() == pytest.approx(3.0 * (0.95 + 0.05 / 100))
    astro = made.expected(astro=1.0, muons=0.0, **norms)
    assert astro.sum() == pytest.approx(1e-9 * 331 * 86400 / 9)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DatasetError, match="something else"):
        discovery.run(tmp_path, console=quiet(), **HOW)
    (tmp_path / discovery.SETTINGS).write_text(json.dumps({"size": 1.0}))
    with pytest.raises(DatasetError, match="other settings"):
        discovery.run(tmp_path, console=quiet(), **HOW)
    with pytest.raises(ValueError, match="`size` and `trials` must be positive"):
        discovery.run(tmp_path / "new", size=0.0)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return discovery.run(tmp_path_factory.mktemp("discovery") / "out", console=quiet(), **HOW)


def copied(done, folder):
    """Copy a run without what follows the simulation, as one that was killed then."""
    left_out = shutil.ignore_patterns("data*", "events.parquet", "burn.json", discovery.RESULT)
    return shutil.copytree(done.folder, folder, ignore=left_out)


@pytest.mark.slow
def test_a_run_leaves_figures_events_without_truth_and_an_unblinding_in_the_manifest(done):
    names = {p.name for p in done.folder.iterdir()}
    assert {"raw.png", "rates.png", "events.png", "contour.png", "trials.png", "log.txt"} <= names
    ds = ic.open_dataset(done.folder / "data.icecol")
    assert "test statistic are fixed" in ds.manifest.blinding.acts[-1].reason
    assert not [c for c in ds.schema.names if c.startswith(("I3MC", "MC"))], "the data know no truth"
    assert done.events.height == numbers(done)["observed"] <= ds.rows
    assert (done.events["charge"] > sample.CHARGE).all()
    text = (done.folder / "log.txt").read_text()
    assert str(done.test)[:40] in text
    assert "burn sample:" in text


@pytest.mark.slow
def test_a_run_that_was_killed_ends_with_the_same_result(done, tmp_path):
    folder = copied(done, tmp_path / "again")
    (folder / "expected_nue.parquet").unlink()
    shutil.rmtree(folder / "expectation" / "nutau.icecol")
    again = discovery.run(folder, console=quiet(), **HOW)
    assert numbers(again) == numbers(done)
    assert again.events.equals(done.events)


@pytest.mark.slow
def test_without_an_astrophysical_flux_nature_has_background_alone_and_the_p_value_is_not_small(done):
    datasets = {kind: ic.open_dataset(done.folder / "nature" / f"{kind}.icecol") for kind in sample.KINDS}
    how = {"seed": 3, "seconds": 662 * sample.DAY, "index": 2.3, "muons": 6.0, "closest": 30}
    nothing, much = (nature.drawn(datasets, norm=norm, **how) for norm in (0.0, 100.0))
    assert nothing["nutau"].height == 0 < much["nutau"].height
    assert nothing["muons"].equals(much["muons"])
    tables = {k: pl.read_parquet(done.folder / f"expected_{k}.parquet") for k in sample.KINDS}
    made = analysis.model(tables)
    background = made.expected(astro=0.0, conventional=1.0, prompt=1.0, muons=1.0, index=2.0)
    counts = np.random.default_rng(5).poisson(background)
    assert made.test(counts, "astro", method="importance", n=60, seed=1).p > 0.01
