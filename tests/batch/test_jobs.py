"""`jobs`, `execution`, `merging`, `kinds`, `analysis`, `results`, `versions`: planned jobs give what `run` does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import analyses
import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol.batch import execution, jobs, results
from icecol.batch.adding import Parts
from icecol.batch.versions import differences, versions
from icecol.errors import DatasetError, JobError

HERE = Path(__file__).parent
HIST = {"expression": "Fit.energy", "bins": 8, "range": [0, 4]}


@pytest.fixture(scope="module")
def ds(tmp_path_factory):
    return analyses.dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture
def job(ds, tmp_path):
    spec = {"inputs": [str(ds.path)], "per_chunk": 2, "analysis": "analyses.py:analyze"}
    return ic.batch.plan(spec, tmp_path / "job", base=HERE)


def run_all(job):
    for i in range(len(job.chunks)):
        assert ic.batch.run_chunk(job, i)


def test_a_merged_job_is_what_run_gives_to_the_last_bit(ds, job):
    for i in (2, 0, 1):
        assert ic.batch.run_chunk(job, i)
    found = ic.batch.merge(job)
    assert analyses.same(found, ic.batch.run(analyses.analyze, ds, executor="local", per_chunk=2))
    assert analyses.same(ic.batch.load(job.folder), found)
    record = json.loads((job.folder / "result" / "record.json").read_bytes())
    assert (record["chunks"], record["missing"], record["versions"]) == (3, [], versions())
    assert [one["path"] for one in record["inputs"]] == [part.path for part in ds.manifest.parts]
    assert len(list((job.folder / "result" / "rows").iterdir())) == 1


def test_a_chunk_that_is_done_is_not_run_again(job):
    assert ic.batch.run_chunk(job, 0)
    before = (job.place(0) / "record.json").read_bytes()
    assert not ic.batch.run_chunk(job, 0)
    assert (job.place(0) / "record.json").read_bytes() == before
    assert ic.batch.run_chunk(job, 0, again=True)
    assert ic.batch.status(job).done == (0,)


def test_missing_chunks_are_named_and_left_out_on_request(ds, job):
    ic.batch.run_chunk(job, 1)
    with pytest.raises(JobError, match=r"2 of 3 chunks .* are missing: 0,2; run them"):
        ic.batch.merge(job)
    assert not (job.folder / "result").exists()
    found = ic.batch.merge(job, allow_missing=True)
    assert found["events"] == sum(part.rows for part in ds.manifest.parts[2:4])
    assert json.loads((job.folder / "result" / "record.json").read_bytes())["missing"] == [0, 2]
    with pytest.raises(JobError, match="none of number 3"):
        ic.batch.run_chunk(job, 3)


def test_nothing_done_is_nothing_to_merge(job):
    with pytest.raises(JobError, match=r"no chunk .* is done"):
        ic.batch.merge(job, allow_missing=True)
    with pytest.raises(JobError, match="has not been merged"):
        ic.batch.load(job)


def test_chunks_of_other_versions_are_not_merged_silently(job, monkeypatch):
    run_all(job)
    record = job.place(1) / "record.json"
    content = json.loads(record.read_bytes())
    content["versions"]["polars"] = "0.1"
    record.write_text(json.dumps(content))
    found = ic.batch.status(job)
    assert (found.done, found.missing) == ((0, 2), ())
    assert found.outdated == {1: f"polars 0.1 instead of {versions()['polars']}"}
    with pytest.raises(
        JobError, match=r"1 of 3 chunks .* other versions: 1 \(chunk 1 by polars 0.1 instead of"
    ):
        ic.batch.merge(job)
    ic.batch.merge(job, allow_versions=True)
    assert "1" in json.loads((job.folder / "result" / "record.json").read_bytes())["other_versions"]
    assert ic.batch.run_chunk(job, 1)
    assert ic.batch.status(job).done == (0, 1, 2)


def test_a_machine_with_other_versions_is_refused(job, monkeypatch):
    monkeypatch.setattr(execution, "versions", lambda: {**versions(), "numpy": "1.0"})
    with pytest.raises(JobError, match=r"planned with other versions .*: numpy 1\.0 instead of"):
        ic.batch.run_chunk(job, 0)
    assert ic.batch.run_chunk(job, 0, allow_versions=True)
    assert list(ic.batch.status(job).outdated) == [0]


def test_results_of_another_plan_do_not_count(ds, job, tmp_path):
    run_all(job)
    other = ic.batch.plan({**job.spec, "per_chunk": 3}, tmp_path / "other", base=HERE)
    job.place(0).rename(other.place(0))
    assert ic.batch.status(other).done == ()
    assert ic.batch.run_chunk(other, 0)


def test_what_failed_is_on_record_until_it_is_done(ds, tmp_path):
    code = tmp_path / "own.py"
    code.write_text(
        "from pathlib import Path\n"
        f"def analyze(ds):\n    if not Path({str(tmp_path / 'ok')!r}).exists():\n"
        "        raise KeyError('no such thing')\n    return ds.rows\n"
    )
    job = ic.batch.plan(
        {"inputs": [str(ds.path)], "analysis": "own.py:analyze"}, tmp_path / "job", base=tmp_path
    )
    with pytest.raises(KeyError):
        ic.batch.run_chunk(job, 0)
    assert ic.batch.status(job).failed == {0: "KeyError: 'no such thing'"}
    with pytest.raises(JobError, match=r"missing: 0 \(KeyError: 'no such thing'\)"):
        ic.batch.merge(job)
    assert sorted(p.name for p in (job.folder / "chunks").iterdir()) == ["00000.error"]
    (tmp_path / "ok").touch()
    assert ic.batch.run_chunk(job, 0)
    assert ic.batch.status(job).failed == {}
    assert ic.batch.merge(job) == 35


def test_the_code_of_a_job_is_that_of_its_plan(ds, tmp_path):
    code = tmp_path / "own.py"
    code.write_text("def analyze(ds):\n    return 1\n")
    job = ic.batch.plan(
        {"inputs": [str(ds.path)], "analysis": "own.py:analyze"}, tmp_path / "job", base=tmp_path
    )
    code.write_text("def analyze(ds):\n    return 2\n")
    ic.batch.run_chunk(job, 0)
    assert ic.batch.merge(job) == 1
    (job.folder / "own.py").write_text("def analyze(ds):\n    return 3\n")
    with pytest.raises(JobError, match="has changed since the job was planned"):
        ic.batch.run_chunk(job, 0, again=True)


@pytest.mark.slow
def test_a_killed_chunk_leaves_nothing_and_is_run_again(ds, tmp_path):
    (tmp_path / "own.py").write_text(
        "import time\nfrom pathlib import Path\n"
        f"def analyze(ds):\n    mark = Path({str(tmp_path / 'slept')!r})\n"
        "    if not mark.exists():\n        mark.touch()\n        time.sleep(600)\n    return ds.rows\n"
    )
    job = ic.batch.plan(
        {"inputs": [str(ds.path)], "analysis": "own.py:analyze"}, tmp_path / "job", base=tmp_path
    )
    command = [sys.executable, "-m", "icecol", "run", str(job.folder), "--jobs", "1"]
    for number, code in ((signal.SIGTERM, 143), (signal.SIGKILL, -9)):
        (tmp_path / "slept").unlink(missing_ok=True)
        with subprocess.Popen(command) as process:
            while not (tmp_path / "slept").exists():
                time.sleep(0.05)
            begin = time.monotonic()
            process.send_signal(number)
            assert process.wait() == code
            assert time.monotonic() - begin < 10
        names = [p.name for p in (job.folder / "chunks").iterdir()]
        assert ic.batch.status(job).missing == (0,)
        assert names == [] if number == signal.SIGTERM else ic.batch.status(job).begun == (0,)
    assert subprocess.run(command, check=True).returncode == 0
    assert ic.batch.merge(job) == 35


def test_many_at_once_may_run_the_same_chunk(job):
    threads = [
        threading.Thread(target=ic.batch.run_chunk, args=(job, 0), kwargs={"again": True}) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ic.batch.status(job).done == (0,)
    assert not [p for p in (job.folder / "chunks").iterdir() if p.name.startswith(".")]


# -- without code -----------------------------------------------------------------------------------------------------


def test_a_job_without_code_counts_fills_and_writes(ds, tmp_path):
    (tmp_path / "job.toml").write_text(
        f'inputs = ["{ds.path}"]\nper_chunk = 2\nweight = "Fit.energy"\n'
        '[cuts]\nhigh = "Fit.energy > 2.0"\n[histograms.energy]\nexpression = "Fit.energy"\nbins = 8\nrange = [0, 4]\n'
        '[tables.selected]\ncolumns = ["I3EventHeader.run_id", "Fit.*"]\n'
    )
    job = ic.batch.plan(ic.batch.read_job(tmp_path / "job.toml"), tmp_path / "job")
    run_all(job)
    found = ic.batch.merge(job)
    events = ds.scan()
    cuts = ic.Cuts(high=pl.col("Fit.energy") > 2.0)
    whole = ic.cutflow(events, cuts, "Fit.energy")
    assert found["events"] == 35
    assert found["cutflow"]["n"].to_list() == whole["n"].to_list()
    np.testing.assert_allclose(found["cutflow"]["sumw"], whole["sumw"], rtol=1e-12)
    h = ic.hist.fill(cuts.apply(events), ic.hist.regular("Fit.energy", 8, 0, 4), weight="Fit.energy")
    np.testing.assert_allclose(found["histograms"]["energy"].values(), h.values(), rtol=1e-12)
    chosen = cuts.apply(events).select("I3EventHeader.run_id", "Fit.energy").collect()
    assert found["tables"]["selected"].collect().equals(chosen)


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({}, "has no inputs"),
        ({"inputs": ["d"]}, "neither an analysis nor cuts"),
        ({"inputs": ["d"], "cuts": {"a": "x > 1"}, "feature": []}, "no 'feature'; did you mean 'features'"),
        ({"inputs": ["d"], "cuts": ["x > 1"]}, r"cuts is \['x > 1'\]; give a table"),
        ({"inputs": ["d"], "histograms": {"x": {"bins": 3}}}, "histogram 'x' needs a range"),
        ({"inputs": ["d"], "features": ["Q=charge"], "cuts": {"a": "x > 1"}}, "need its pulses"),
        ({"inputs": ["d"], "conversion": {}, "cuts": {"a": "x > 1"}}, "not several: conversion, cuts"),
        ({"inputs": ["d"], "conversion": {"jobs": 3}}, r"\[conversion\] has no 'jobs'"),
        ({"simulation": {"generator": {"generator": "muons"}}}, "needs dataset, files, events"),
        ({"simulation": {"generator": {"generator": "muon"}, "dataset": 1, "files": 2, "events": 3}}, "'muons'"),
        ({"inputs": ["d"], "analysis": "analyses.py:none"}, "give a file and a function"),
    ],
)  # fmt: skip
def test_what_a_job_cannot_be_is_said_when_it_is_planned(ds, tmp_path, spec, error):
    if spec.get("inputs"):
        spec = {**spec, "inputs": [str(ds.path)]}
    with pytest.raises(ValueError, match=error):
        ic.batch.plan(spec, tmp_path / "job", base=HERE)
    assert not (tmp_path / "job").exists()


def test_a_folder_that_is_no_job_is_refused(job, tmp_path):
    with pytest.raises(JobError, match=r"it has no plan\.json"):
        ic.batch.status(tmp_path)
    with pytest.raises(JobError, match="is a job already"):
        ic.batch.plan(dict(job.spec), job.folder)
    (tmp_path / "file").touch()
    with pytest.raises(JobError, match="neither a job nor empty"):
        ic.batch.plan(dict(job.spec), tmp_path)
    (job.folder / "plan.json").write_text("{")
    with pytest.raises(JobError, match="is damaged"):
        ic.batch.open_job(job.folder)


def test_an_input_that_changed_since_the_plan_is_refused(tmp_path):
    ic.sim.write(tmp_path / "a.i3", ic.sim.events(3, seed=1))
    (tmp_path / "own.py").write_text("def analyze(ds):\n    return ds.rows\n")
    spec = {"inputs": ["a.i3"], "analysis": "own.py:analyze", "convert": {"pulses": ["InIcePulses"]}}
    job = ic.batch.plan(spec, tmp_path / "job", base=tmp_path)
    assert ic.batch.run_chunk(job, 0)
    assert ic.batch.merge(job) == 3
    ic.sim.write(tmp_path / "a.i3", ic.sim.events(4, seed=1))
    with pytest.raises(DatasetError, match=r"checksum .* when the job was planned"):
        ic.batch.run_chunk(job, 0, again=True)


# -- conversions and simulations --------------------------------------------------------------------------------------


def test_a_conversion_in_chunks_is_that_in_one(tmp_path):
    for k in range(3):
        ic.sim.write(tmp_path / f"{k}.i3", ic.sim.events(3 + k, seed=k), run_id=k)
    spec = {
        "inputs": ["*.i3"],
        "per_chunk": 2,
        "conversion": {"pulses": ["InIce*"], "keys": ["I3EventHeader"]},
    }
    job = ic.batch.plan(spec, tmp_path / "job", base=tmp_path)
    run_all(job)
    made = ic.batch.merge(job)
    whole = ic.convert.i3(tmp_path / "*.i3", tmp_path / "d.icecol", jobs=1, **spec["conversion"])
    assert made.scan().collect().equals(whole.scan().collect())
    assert made.manifest.sources == whole.manifest.sources
    assert made.manifest.settings == {**whole.manifest.settings, "nfiles": 3}
    made.verify()


def test_a_simulation_in_chunks_is_that_in_one(tmp_path):
    generator = {"generator": "muons", "energy": [1e3, 1e4]}
    spec = {"per_chunk": 2, "simulation": {"generator": generator, "dataset": 7, "files": 3, "events": 4}}
    job = ic.batch.plan(spec, tmp_path / "job")
    run_all(job)
    made = ic.batch.merge(job)
    whole = ic.sim.simulate(
        ic.sim.muons(energy=(1e3, 1e4)), tmp_path / "d.icecol", dataset=7, n_files=3, n=4, jobs=1
    )
    assert made.scan().collect().equals(whole.scan().collect())
    assert made.manifest.settings == whole.manifest.settings
    assert made.manifest.settings["nfiles"] == 3


# -- results on disk --------------------------------------------------------------------------------------------------


def test_results_are_read_as_they_were(tmp_path):
    events = pl.DataFrame({"x": [0.5, 1.5]})
    h = ic.hist.fill(events, ic.hist.regular("x", 2, 0, 2))
    flow = ic.cutflow(events, ic.Cuts(a=pl.col("x") > 1))
    value = {
        "n": 3, "f": [0.1, float("inf"), None], "pair": (np.int32(4), np.float32(0.25)), "h": h,
        "both": ic.hist.Bundle(a=h), "flow": flow, "t": events, "array": np.arange(4.0).reshape(2, 2),
        "a/b": {"c": events}, "a_b": {"c": h}, "result": events,
    }  # fmt: skip
    results.save(value, tmp_path)
    found = results.load(tmp_path)
    assert list(found) == list(value)
    assert (found["n"], found["f"], found["pair"]) == (3, [0.1, float("inf"), None], (4, 0.25))
    assert (found["h"], found["both"]["a"], found["a_b"]["c"]) == (h, h, h)
    assert found["flow"].equals(flow)
    assert type(found["flow"]) is type(flow)
    assert all(t.equals(events) for t in (found["t"], found["a/b"]["c"], found["result"]))
    assert np.array_equal(found["array"], value["array"])


def test_results_that_have_no_form_on_disk_are_refused(tmp_path):
    with pytest.raises(TypeError, match="named by text, not by 3"):
        results.save({3: 1}, tmp_path)
    with pytest.raises(TypeError, match="'z' is complex"):
        results.save({"z": 1j}, tmp_path)
    (tmp_path / "result.json").write_text("[1")
    with pytest.raises(ValueError, match="is damaged"):
        results.load(tmp_path)


def test_tables_without_rows_keep_their_columns(tmp_path):
    pl.DataFrame({"x": [1.0], "l": [[1]], "s": ["a"]}).clear().write_parquet(tmp_path / "a.parquet")
    (tmp_path / "out").mkdir()
    made = results.compacted(Parts((tmp_path / "a.parquet",)), tmp_path / "out", ("t",))
    assert made.scan().collect().schema == pl.read_parquet(tmp_path / "a.parquet").schema


def test_versions_tell_copies_of_icecol_apart(tmp_path):
    assert {"icecol", "code", "python", "numpy", "polars"} <= versions().keys()
    assert differences(versions(), versions()) == ""
    assert differences({"a": "1"}, {"b": "2"}) == "a unknown instead of 1, b 2 instead of unknown"


def test_numbers_are_written_in_ranges():
    assert jobs.numbers([]) == ""
    assert jobs.numbers([3, 1, 2, 7]) == "1-3,7"
