"""Workers: how many, what becomes of them when they or their parent are killed, and what is said."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path

import pytest

import icecol as ic
from icecol.convert import processes
from icecol.errors import WorkerError


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("processes")
    for k in range(4):
        ic.sim.write(folder / f"{k}.i3", ic.sim.events(20, seed=k))
    return sorted(folder.iterdir())


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"own": "0::/job\n", "job/cpu.max": "max 100000"}, None),
        ({"own": "0::/job\n", "job/cpu.max": "250000 100000"}, 3),
        ({"own": "0::/a/b\n", "a/b/cpu.max": "max 100000", "a/cpu.max": "100000 100000"}, 1),
        ({"own": "0::/a/b\n", "cpu.max": "50000 100000"}, 1),
        ({"own": "4:memory:/x\n3:cpu,cpuacct:/job\n", "cpu,cpuacct/job/cpu.cfs_quota_us": "200000",
          "cpu,cpuacct/job/cpu.cfs_period_us": "100000"}, 2),
        ({"own": "3:cpu,cpuacct:/job\n", "cpu,cpuacct/job/cpu.cfs_quota_us": "-1",
          "cpu,cpuacct/job/cpu.cfs_period_us": "100000"}, None),
    ],
)  # fmt: skip
def test_the_quota_of_control_groups_is_kept(tmp_path, files, quota):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = processes._quota(tmp_path, tmp_path / "own")
    assert found == quota if quota else found > 1000


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_no_more_processes_than_cpus_that_may_be_used():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert processes.usable() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert 1 <= processes.usable() <= len(before)


def converted(paths: list[Path], out: Path) -> None:
    sys.exit(ic.convert.i3(paths, out, jobs=2).rows)


@pytest.mark.parametrize(
    ("told", "n"),
    [
        ({}, 8),
        ({"SLURM_CPUS_ON_NODE": "4"}, 4),
        ({"SLURM_CPUS_ON_NODE": "4", "SLURM_CPUS_PER_TASK": "3"}, 3),
        ({"OMP_NUM_THREADS": "2", "SLURM_CPUS_ON_NODE": "16"}, 2),
        ({"OMP_NUM_THREADS": "4,2", "SLURM_CPUS_ON_NODE": "0", "SLURM_CPUS_PER_TASK": ""}, 8),
        ({"OMP_NUM_THREADS": "64"}, 8),
    ],
)
def test_what_a_batch_system_says_is_kept(monkeypatch, told, n):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(processes, "_quota", lambda *_: 100)
    for name in processes.SHARES:
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert processes.usable() == n


def test_numbers_that_cannot_be_are_refused_before_anything_is_read(paths, tmp_path):
    for jobs in (0, -1):
        with pytest.raises(ValueError, match=f"jobs is {jobs}: give the number of processes, at least 1"):
            ic.convert.i3(paths, tmp_path / "d", jobs=jobs)
    for name, value in {"livetime": "x", "nfiles": 0, "Livetime": None}.items():
        settings = {name.lower(): value}
        with pytest.raises(ValueError, match=rf"settings\['{name.lower()}'\] is {value!r}: give a positive"):
            ic.convert.i3(paths, tmp_path / "d", settings=settings)
    assert not (tmp_path / "d").exists()


@pytest.mark.slow
def test_a_daemonic_process_converts(paths, tmp_path):
    worker = multiprocessing.get_context("spawn").Process(
        target=converted, args=(paths, tmp_path / "d"), daemon=True
    )
    worker.start()
    worker.join()
    assert worker.exitcode == 80


def kill(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_killed_worker_is_told_in_one_line_and_the_run_resumes(paths, tmp_path, monkeypatch):
    monkeypatch.setattr("icecol.convert.run._in_process", kill)
    with pytest.raises(
        WorkerError, match=r"was killed by signal 9, probably because memory ran out: .*run again"
    ):
        ic.convert.i3(paths, tmp_path / "d", jobs=2)
    monkeypatch.undo()
    assert ic.convert.i3(paths, tmp_path / "d", jobs=1).rows == 80


SCRIPT = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from icecol.convert.processes import Context, begin
context = Context()
queue = context.queue()
pool = ProcessPoolExecutor(2, mp_context=context, initializer=begin)
for _ in range(2):
    pool.submit(time.sleep, 100)
time.sleep(1)
print(*(w.pid for w in context.workers), queue._manager._process.pid, flush=True)
time.sleep(100)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.slow
def test_workers_end_with_the_process_that_started_them(number):
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True) as parent:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 3
        parent.send_signal(number)
        parent.wait()
    end = time.monotonic() + 20
    while any(_runs(pid) for pid in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(_runs(pid) for pid in workers)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_stopping_ends_workers_at_once_whatever_they_do():
    context = processes.Context()
    begun = time.monotonic()
    tasks: list[Future] = []

    def interrupted():
        with processes.pool(1, context, processes.begin) as pool:
            pool.submit(abs, 1).result()
            tasks.extend(pool.submit(time.sleep, 100) for _ in range(4))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert all(task.cancelled() or task.exception() is not None for task in tasks)
    assert time.monotonic() - begun < 90


def lost() -> None:
    tempfile.mkdtemp()
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("task", [tempfile.mkdtemp, lost])
def test_temporary_files_of_workers_go_with_them(tmp_path, monkeypatch, task):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with suppress(BrokenProcessPool), processes.pool(1, processes.Context(), processes.begin) as pool:
        assert Path(pool.submit(task).result()).parent.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_stopping_while_the_queue_starts_leaves_no_process(monkeypatch):
    """It was joined at the end of the program, which then hung."""

    def start(manager, _initializer):
        manager._ctx.Process(target=time.sleep, args=(100,)).start()
        raise KeyboardInterrupt

    monkeypatch.setattr(processes.SyncManager, "start", start)
    context = processes.Context()
    with pytest.raises(KeyboardInterrupt):
        context.queue()
    (process,) = context.workers
    process.join(60)
    assert process.exitcode == -signal.SIGTERM
