from __future__ import annotations

import re

import analyses
import pytest

import icecol as ic
from icecol.batch import condor
from icecol.errors import JobError


@pytest.fixture
def job(tmp_path):
    ds = analyses.dataset(tmp_path, 3)
    return ic.batch.plan(
        {"inputs": [str(ds.path)], "per_chunk": 1, "cuts": {"a": "Fit.energy > 2"}}, tmp_path / "my job"
    )


def test_files_have_the_chunks_that_are_not_done(job):
    ic.batch.run_chunk(job, 1)
    dag, chunks, merge = condor.write(job, {"request_memory": "4 GB"}, at_once=7)
    text = chunks.read_text()
    assert "queue chunk in (0, 2)\n" in text
    assert "request_memory = 4 GB\n" in text
    assert "request_memory = 2 GB" not in text
    assert "max_materialize = 7\n" in text
    assert f"""arguments = "-m icecol run '{job.folder}' --jobs 1 --chunk $(chunk)"\n""" in text
    assert f"merge '{job.folder}'" in merge.read_text()
    assert re.findall(r"^(?:JOB|RETRY|PARENT).*", dag.read_text(), re.MULTILINE)[2:] == [
        f"JOB merge {merge}",
        "PARENT chunks CHILD merge",
    ]


def test_chunks_that_fail_may_be_left_out(job):
    dag, _, merge = condor.write(job, {}, allow_missing=True)
    assert f"FINAL merge {merge}\n" in dag.read_text()
    assert "--allow-missing" in merge.read_text()


def test_nothing_is_written_where_all_is_done(job):
    for i in range(3):
        ic.batch.run_chunk(job, i)
    assert condor.write(job, {}) == []


def test_a_machine_without_condor_is_told(job, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(JobError, match="no condor_submit_dag"):
        condor.submit(condor.write(job, {}))


@pytest.mark.services
def test_condors_own_bindings_read_the_submit_files(job):
    htcondor = pytest.importorskip("htcondor2", reason="the bindings of HTCondor are not installed")
    _, chunks, merge = condor.write(job, {})
    submit = htcondor.Submit(chunks.read_text())
    assert submit["arguments"] == f"\"-m icecol run '{job.folder}' --jobs 1 --chunk $(chunk)\""
    assert [item["chunk"] for item in submit.itemdata()] == ["0", "1", "2"]
    assert htcondor.Submit(merge.read_text())["request_cpus"] == "1"
