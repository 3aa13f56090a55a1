"""`jobs`: numbers of dataset and file give the events, however they are shared out."""

from __future__ import annotations

import json

import polars as pl
import pytest

import icecol as ic
from icecol import sim
from icecol.errors import DatasetError, FormatError
from icecol.sim import jobs

NUE = sim.neutrinos("nue", energy=(1e4, 1e5), index=1.5)
SETTINGS = {"dataset": 21001, "n": 8}
ORDER = ("I3EventHeader.run_id", "I3EventHeader.event_id")


def rows(ds):
    return ds.scan().sort(ORDER).collect()


@pytest.fixture(scope="module")
def direct(tmp_path_factory):
    return sim.simulate(NUE, tmp_path_factory.mktemp("d") / "nue.icecol", n_files=3, jobs=1, **SETTINGS)


def test_a_dataset_knows_its_files_and_its_weights(direct):
    found = rows(direct)
    assert direct.manifest.settings["nfiles"] == 3
    assert set(found["I3EventHeader.run_id"]) == {21001}
    ids = found["I3EventHeader.event_id"]
    assert ids.n_unique() == ids.len()
    assert ids.max() < 24
    weight = direct.scan().sort(ORDER).select(ic.weight.nugen(direct)).collect().to_series()
    expected = found.select(pl.col("I3MCWeightDict.OneWeight") / (0.5 * 8 * 3)).to_series()
    assert ((weight / expected - 1).abs() < 1e-9).all()
    assert not list(direct.path.parent.glob("*.cards"))


def test_any_split_over_runs_gives_the_same_events(direct, tmp_path):
    parts = [sim.simulate(NUE, tmp_path / str(k), n_files=k, jobs=1, **SETTINGS) for k in ([0, 2], [1])]
    both = pl.concat([rows(ds) for ds in parts], how="diagonal").sort(ORDER)
    whole = rows(direct)
    assert both.select(whole.columns).equals(whole, null_equal=True)


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same_events(direct, tmp_path):
    made = sim.simulate(NUE, tmp_path / "a", n_files=3, jobs=2, **SETTINGS)
    assert rows(made).equals(rows(direct), null_equal=True)
    files = sim.simulate(NUE, tmp_path / "b.{file}.i3", n_files=3, jobs=2, **SETTINGS)
    assert [p.name for p in files] == ["b.0.i3", "b.1.i3", "b.2.i3"]


@pytest.mark.slow
def test_files_have_the_events_of_the_dataset_and_are_not_made_twice(direct, tmp_path):
    name = str(tmp_path / "nue.{dataset}.{file:03d}.i3.zst")
    files = sim.simulate(NUE, name, n_files=3, jobs=1, **SETTINGS)
    assert [p.name for p in files] == [f"nue.21001.{k:03d}.i3.zst" for k in range(3)]
    gcd = tmp_path / "GCD_21001.i3.gz"
    ds = ic.convert.i3(files, tmp_path / "a", gcd=gcd, jobs=1, settings={"nfiles": 3})
    whole = rows(direct)
    assert rows(ds).select(whole.columns).equals(whole, null_equal=True)
    before = [p.stat().st_mtime_ns for p in files]
    files[1].unlink()
    again = sim.simulate(NUE, name, n_files=3, jobs=1, **SETTINGS)
    after = [p.stat().st_mtime_ns for p in again]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]


def test_another_dataset_number_has_other_events(direct, tmp_path):
    other = sim.simulate(NUE, tmp_path / "a", n_files=1, jobs=1, dataset=21002, n=8)
    mine = set(rows(direct)["MCPrimary.energy"])
    assert not mine & set(rows(other)["MCPrimary.energy"])


def test_a_dataset_that_is_there_is_kept(direct):
    with pytest.raises(DatasetError):
        sim.simulate(sim.neutrinos("numu"), direct.path, n_files=1, jobs=1, **SETTINGS)


def test_what_is_no_card_is_refused(tmp_path):
    for data in (b"{", b"[]", json.dumps({"form": "other"}).encode()):
        with pytest.raises(FormatError, match="not a card of a simulation"):
            jobs._card(tmp_path / "a.json", data)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": 0}, "`n` 1 or more"),
        ({"n_files": [1, 1]}, "each once"),
        ({"n_files": 0}, "numbers of files"),
        ({"output": "a.i3"}, "names the same file"),
        ({"output": "a.{x}.i3"}, "is not a name with"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message, tmp_path):
    settings = {"output": "a.icecol", "n_files": 2, **SETTINGS, **wrong}
    output = tmp_path / settings.pop("output")
    with pytest.raises(ValueError, match=message):
        sim.simulate(NUE, output, jobs=1, **settings)


def test_files_without_an_event_that_triggered_are_whole_ones(tmp_path):
    faint = sim.neutrinos("numu", energy=(10, 11))
    ds = sim.simulate(faint, tmp_path / "a", dataset=1, n_files=2, n=5, jobs=1)  # a warning would be an error
    assert (ds.rows, [s.frames_read for s in ds.manifest.sources]) == (0, [5, 5])
