"""`slurm`: the scripts, and where Slurm is installed, a real array on one node whose task is killed and requeued."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import analyses
import pytest

import icecol as ic
from icecol.batch import slurm
from icecol.errors import JobError

SPEC = {"per_chunk": 1, "cuts": {"a": "Fit.energy > 2"}, "tables": {"t": {"columns": ["*"]}}}


@pytest.fixture
def job(tmp_path):
    ds = analyses.dataset(tmp_path, 4)
    return ic.batch.plan({**SPEC, "inputs": [str(ds.path)]}, tmp_path / "job")


def test_scripts_have_the_chunks_that_are_not_done(job):
    ic.batch.run_chunk(job, 1)
    chunks, merge = slurm.write(job, {"time": "1:00:00", "exclusive": ""}, at_once=2)
    text = chunks.read_text()
    assert text.startswith("#!/bin/bash\n#SBATCH --job-name=job\n")
    assert "#SBATCH --array=0,2-3%2\n" in text
    assert "#SBATCH --time=1:00:00\n#SBATCH --exclusive\n" in text
    assert text.endswith(f'-m icecol run {job.folder} --jobs 1 --chunk "$SLURM_ARRAY_TASK_ID"\n')
    assert merge.read_text().endswith(f"-m icecol merge {job.folder}\n")
    assert slurm.write(job, {}, allow_missing=True)[1].read_text().endswith(" --allow-missing\n")


def test_nothing_is_written_where_all_is_done(job):
    for i in range(4):
        ic.batch.run_chunk(job, i)
    assert slurm.write(job, {}) == []


def test_a_machine_without_slurm_is_told(job, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(JobError, match="no sbatch"):
        slurm.submit(slurm.write(job, {}))


# -- Slurm itself -----------------------------------------------------------------------------------------------------

CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/munge.socket,cred_expire=15
CryptoType=crypto/munge
SlurmctldPort=26817
SlurmdPort=26818
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
ReturnToService=2
JobRequeue=1
KillWait=5
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture
def cluster(tmp_path_factory, monkeypatch):
    """Slurm on this machine alone, started and stopped."""
    for program in ("munged", "slurmctld", "slurmd", "sbatch"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            pytest.skip(f"{program} is not installed (Debian: slurmctld, slurmd, slurm-client, munge)")
    if os.geteuid() != 0:
        pytest.skip("the daemons of Slurm are started as root")
    folder = Path("/tmp") / f"icecol-slurm-{os.getpid()}"  # sockets have short paths
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    subprocess.run(["chown", "-R", "munge:munge", folder / "munge"], check=True)
    (folder / "munge").chmod(0o711)
    host = subprocess.run(["hostname", "-s"], capture_output=True, text=True, check=True).stdout.strip()
    conf = folder / "slurm.conf"
    conf.write_text(CONFIG.format(host=host, folder=folder, cpus=os.cpu_count()))
    monkeypatch.setenv("SLURM_CONF", str(conf))
    options = [f"--{name}={folder}/munge/{file}" for name, file in (
        ("key-file", "key"), ("socket", "munge.socket"), ("pid-file", "munged.pid"), ("log-file", "munged.log"),
        ("seed-file", "seed"),
    )]  # fmt: skip
    commands = [
        ["runuser", "-u", "munge", "--", "/usr/sbin/munged", "--foreground", *options],
        ["/usr/sbin/slurmctld", "-D", "-f", conf],
        ["/usr/sbin/slurmd", "-D", "-f", conf, "-N", host],
    ]
    started = []
    try:
        for command in commands:
            with (folder / f"{len(started)}.out").open("wb") as out:
                started.append(
                    subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
                )
            time.sleep(1)
        wait_for(lambda: "idle" in output("sinfo", "-h", "-o", "%T"), 60)
        yield folder
    finally:
        subprocess.run(["scancel", "--user=root"], check=False)
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.5)


@pytest.mark.services
def test_a_job_array_gives_the_same_bits_also_when_a_task_was_killed_and_requeued(cluster, tmp_path):
    ds = analyses.dataset(tmp_path, 4)
    mark = tmp_path / "began"
    (tmp_path / "own.py").write_text(
        f"import sys, time\nfrom pathlib import Path\nsys.path += {sys.path!r}\n"
        "from analyses import analyze as whole\n"
        f"def analyze(ds):\n    mark = Path({str(mark)!r})\n"
        "    if not mark.exists():\n        mark.touch()\n        time.sleep(600)\n    return whole(ds)\n"
    )
    spec = {"inputs": [str(ds.path)], "per_chunk": 1, "analysis": "own.py:analyze"}
    job = ic.batch.plan(spec, tmp_path / "job", base=tmp_path)
    said = slurm.submit(slurm.write(job, {}, at_once=1))
    array = said.split("array ")[1].split(",")[0]
    wait_for(mark.exists, 240)
    subprocess.run(["scontrol", "requeue", f"{array}_0"], check=True)
    wait_for(
        lambda: output("squeue", "-h") == "" or "DependencyNeverSatisfied" in output("squeue", "-h"), 500
    )
    logs = "\n".join(p.read_text() for p in sorted((job.folder / "logs").iterdir()))
    assert ic.batch.status(job).missing == (), logs
    found = ic.batch.load(job)
    assert analyses.same(found, ic.batch.run(analyses.analyze, ds, executor="local", per_chunk=1))


@pytest.mark.services
def test_workers_that_dask_jobqueue_submits_give_the_same_bits(cluster, tmp_path):
    jobqueue = pytest.importorskip("dask_jobqueue")
    distributed = pytest.importorskip("distributed")
    ds = analyses.dataset(tmp_path, 4)
    paths = f"export PYTHONPATH={':'.join(filter(None, sys.path))}"
    with (
        jobqueue.SLURMCluster(
            cores=1,
            processes=1,
            memory="1GB",
            walltime="00:10:00",
            interface="lo",
            job_script_prologue=[paths],
            job_directives_skip=["--mem"],  # the memory of the one node is not configured
            log_directory=str(tmp_path),
            scheduler_options={"dashboard_address": None},
        ) as workers,
        distributed.Client(workers) as client,
    ):
        workers.scale(jobs=1)
        client.wait_for_workers(1, timeout=240)
        assert "dask-worker" in output("squeue", "-h", "-o", "%j")
        found = ic.batch.run(analyses.analyze, ds, executor=client, per_chunk=1)
    assert analyses.same(found, ic.batch.run(analyses.analyze, ds, executor="local", per_chunk=1))
