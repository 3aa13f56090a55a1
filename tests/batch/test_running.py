"""`running`, `chunks`: an analysis in chunks gives the same wherever it runs, also when workers are killed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import analyses
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from analyses import analyze, same

import icecol as ic
from icecol.batch.chunks import CHUNK_BYTES, Chunk, Input, chunks_of, opened
from icecol.dataset.manifest import Manifest, Part
from icecol.errors import DatasetError, WorkerError


@pytest.fixture(scope="module")
def ds(tmp_path_factory):
    return analyses.dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def local(ds):
    return ic.batch.run(analyze, ds, executor="local", per_chunk=1)


def test_the_sum_over_chunks_is_that_of_the_whole(ds, local):
    whole = analyze(ds)
    assert local["events"] == whole["events"] == 35
    assert local["sum"] == pytest.approx(whole["sum"], rel=1e-12)
    assert local["rows"].lazy().collect().equals(whole["rows"].collect())
    np.testing.assert_allclose(local["energy"].values(), whole["energy"].values(), rtol=1e-12)
    assert local["flow"]["n"].to_list() == whole["flow"]["n"].to_list()


@pytest.mark.slow
def test_processes_and_threads_give_the_same_bits(ds, local):
    told = []
    found = ic.batch.run(analyze, ds, jobs=2, per_chunk=1, progress=lambda *done: told.append(done))
    assert same(found, local)
    assert told == [(i + 1, 5) for i in range(5)]
    with ThreadPoolExecutor(3) as pool:
        assert same(ic.batch.run(analyze, ds, executor=pool, per_chunk=1), local)


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(ds, local, recwarn):
    (ds.path.parent / "killed").unlink(missing_ok=True)
    with pytest.warns(UserWarning, match="killed by signal 9.*tried again"):
        found = ic.batch.run(analyses.killed_once, ds, jobs=2, per_chunk=1)
    assert same(found, local)


@pytest.mark.slow
def test_a_chunk_that_kills_its_workers_is_named(ds):
    with (
        pytest.warns(UserWarning, match="tried again"),
        pytest.raises(WorkerError, match=r"2 times; 5 chunks .* chunk 0 \(.*parquet\)"),
    ):
        ic.batch.run(analyses.killed_always, ds, jobs=1, per_chunk=1, retries=1)


@pytest.mark.parametrize("executor", ["local", pytest.param("processes", marks=pytest.mark.slow)])
def test_an_error_of_the_analysis_says_in_which_chunk(ds, executor):
    with pytest.raises(KeyError, match="no such thing") as caught:
        ic.batch.run(analyses.broken, ds, executor=executor, jobs=1)
    assert "in chunk 0:" in caught.value.__notes__[0]


def test_lazy_frames_become_files_and_are_scanned(ds, local, tmp_path):
    found = ic.batch.run(analyze, ds, executor="local", per_chunk=2, out=tmp_path / "out")
    assert isinstance(found["rows"], pl.LazyFrame)
    assert found["rows"].collect().equals(local["rows"])
    assert sorted(p.name for p in (tmp_path / "out" / "rows").iterdir()) == [
        f"part-0000{i}.parquet" for i in range(3)
    ]


def test_a_function_without_a_module_runs_in_processes(ds):
    extra = 3

    def count(ds):
        return ds.rows + extra

    assert ic.batch.run(count, ds, jobs=1, per_chunk=1) == 35 + 5 * extra


def test_i3_files_are_converted_chunk_by_chunk_and_leave_nothing_behind(tmp_path, monkeypatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    for k in range(3):
        ic.sim.write(tmp_path / f"{k}.i3", ic.sim.events(4 + k, seed=k), run_id=k)

    def count(ds):
        assert ds.path.is_relative_to(temporary)
        assert ds.manifest.settings["nfiles"] == 3
        return {"rows": ds.rows, "keys": int("InIcePulses" in ds.keys)}

    options = {"keys": "I3EventHeader", "pulses": "no"}
    with pytest.warns(UserWarning, match="matched no key"):
        found = ic.batch.run(count, tmp_path / "*.i3", executor="local", per_chunk=2, convert=options)
    assert found == {"rows": 15, "keys": 0}
    assert list(temporary.iterdir()) == []


def test_executors_that_are_none_are_refused(ds):
    with pytest.raises(ValueError, match="executor is 'procesess'"):
        ic.batch.run(analyze, ds, executor="procesess")


def test_dask_gives_the_same_bits_also_after_a_lost_worker(ds, local):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    (ds.path.parent / "killed").touch()
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert same(ic.batch.run(analyze, ds, executor=client, per_chunk=1), local)


@pytest.mark.slow
def test_dask_survives_a_killed_worker(ds, local):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    (ds.path.parent / "killed").unlink(missing_ok=True)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        found = ic.batch.run(analyses.killed_once, ds, executor=cluster.scheduler_address, per_chunk=1)
    assert same(found, local)
    assert (ds.path.parent / "killed").exists()


# -- chunks -----------------------------------------------------------------------------------------------------------


def test_chunks_have_all_parts_once_and_in_order(ds):
    for per_chunk in (1, 2, 3, 5, 9):
        chunks = chunks_of(ds, per_chunk)
        assert [len(c.inputs) for c in chunks[:-1]] == [per_chunk] * (len(chunks) - 1)
        assert [one.path for c in chunks for one in c.inputs] == [p.path for p in ds.manifest.parts]


def test_chunks_are_of_limited_size():
    sizes = [CHUNK_BYTES // 2] * 5 + [CHUNK_BYTES * 3, 1, 1]
    parts = tuple(Part(f"p{i}", 1, size) for i, size in enumerate(sizes))
    made = chunks_of(ic.Dataset(ic.__file__, Manifest(pa.schema([]), parts)))
    assert [len(c.inputs) for c in made] == [2, 2, 1, 1, 2]


def test_names_patterns_and_several_datasets_are_inputs(ds):
    assert len(chunks_of(str(ds.path), 1)) == len(chunks_of([ds.path.parent / "*.icecol"], 1)) == 5
    assert len(chunks_of(ic.open_dataset([ds.path]), 5)) == 1


def test_an_analysis_of_some_runs_sees_these_alone(ds):
    chosen = ic.open_dataset([ds.path]).of_runs([1, 3])
    assert len(chunks_of(chosen, 1)) == 2
    found = ic.batch.run(analyze, chosen, executor="local", per_chunk=1)
    assert found["events"] == 6 + 8
    own = ds.scan().filter(pl.col("I3EventHeader.run_id").is_in([1, 3]))
    assert found["sum"] == pytest.approx(own.collect()["Fit.energy"].sum(), rel=1e-12)
    fewer = ic.batch.run(analyze, chosen.of_runs([3]), executor="local")
    assert fewer["events"] == 8


def test_wrong_inputs_are_refused(ds, tmp_path):
    with pytest.raises(FileNotFoundError):
        chunks_of(tmp_path / "nothing*.i3")
    with pytest.raises(ValueError, match="datasets or files, not both"):
        chunks_of([ds.path, __file__])
    with pytest.raises(ValueError, match="per_chunk is 0"):
        chunks_of(ds, 0)


def test_a_chunk_of_a_dataset_that_has_changed_is_refused(ds):
    (chunk,) = chunks_of(ds)
    with opened(chunk) as part:
        assert part.rows == 35
    wrong = Chunk(chunk.dataset, (*chunk.inputs[:-1], Input("events/part-x.parquet", 1)))
    with pytest.raises(DatasetError, match=r"part-x\.parquet is not part of it any more"), opened(wrong):
        pass
