"""Worker processes that do not run the user's script again, and end with the process that started them."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection, process
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.managers import SyncManager
from pathlib import Path
from types import ModuleType
from typing import Any, Final


class _Worker(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802
        with _without_script():
            return SpawnProcess._Popen(process_obj)


# Not loky (3.7, measured beside this): it takes two to three times as long to start, its workers stay when their parent
# is killed, and a daemonic process cannot start them either. It would let workers run classes of the user's script.
class Context(SpawnContext):
    """Start fresh processes that import nothing but what their tasks need; they are never forked.

    Python's own context imports the script that is running into each of them, so that one without the line
    `if __name__ == "__main__":` would begin all over again there. Tasks must not be functions of that script.
    """

    def __init__(self) -> None:
        super().__init__()
        self.workers: list[_Worker] = []

    def Process(self, *args: Any, **options: Any) -> _Worker:  # type: ignore[override]  # noqa: N802
        """Make a process."""
        made = _Worker(*args, **options)
        self.workers.append(made)
        return made

    def queue(self) -> Any:
        """Return a queue that survives the killing of a worker."""
        manager = SyncManager(ctx=self)
        try:
            manager.start(begin)
        except BaseException:  # Ctrl-C while it starts, after which nothing would end it
            self.stop()
            raise
        self.workers.pop()
        return manager.Queue()

    def stop(self) -> None:
        """End all workers at once, whatever they do."""
        for worker in self.workers:
            if worker.is_alive():
                worker.terminate()

    def why_broken(self) -> str:
        """Say what ended a worker."""
        for worker in self.workers:
            worker.join(1)  # its end is known a moment before its exit code
        codes = [
            worker.exitcode for worker in self.workers if worker.exitcode not in {None, 0, -signal.SIGTERM}
        ]
        killed = f" by signal {-codes[0]}" if codes and codes[0] < 0 else ""
        hint = (
            ", probably because memory ran out: use fewer processes (`jobs`)"
            if killed == " by signal 9"
            else ""
        )
        return f"a worker process was killed{killed}{hint}"


@contextmanager
def pool(
    n: int, context: Context, initializer: Callable[..., None], *initargs: Any
) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of processes; if the block is left by an error or Ctrl-C, they end and what is queued is dropped.

    Their temporary files lie in one folder, which is removed whatever became of them.
    """
    with (
        tempfile.TemporaryDirectory(prefix="icecol-", ignore_cleanup_errors=True) as folder,
        ProcessPoolExecutor(
            n, mp_context=context, initializer=_prepare, initargs=(folder, initializer, *initargs)
        ) as executor,
    ):
        try:
            yield executor
        except BaseException:
            context.stop()
            executor.shutdown(wait=False, cancel_futures=True)
            for worker in context.workers:
                worker.join(1)  # or it could still write into the folder
            raise


def _prepare(folder: str, initializer: Callable[..., None], *initargs: Any) -> None:
    tempfile.tempdir = folder
    initializer(*initargs)


def begin() -> None:
    """Prepare a worker: it leaves Ctrl-C to the process that started it, and ends when that one does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = process.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


SHARES: Final = ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE", "OMP_NUM_THREADS")
"""Variables in which batch systems say how many CPUs a job has: Slurm, and HTCondor and others as for OpenMP."""


def usable() -> int:
    """Return how many CPUs this process may use.

    It is the least of its affinity, the quota of its control groups, and what a batch system says (`SHARES`).
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    told = [
        int(value) for name in SHARES if (value := os.environ.get(name, "")).isdecimal() and int(value) > 0
    ]
    return max(1, min(allowed, *told, _quota(Path("/sys/fs/cgroup"), Path("/proc/self/cgroup"))))


def processes(jobs: int | None, most: int) -> int:
    """Return how many processes to start: `jobs`, or one for each CPU that may be used, and not more than `most`."""
    if jobs is not None and jobs < 1:
        msg = f"jobs is {jobs}: give the number of processes, at least 1, or None for one per core"
        raise ValueError(msg)
    return min(jobs or usable(), max(most, 1))


def _quota(root: Path, own: Path) -> int:
    """Return how many CPUs the control groups of this process (Linux, version 1 or 2) grant, rounded up."""
    least = 1 << 20
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return least
    for _, controllers, name in lines:
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / controllers if controllers else root
        group = Path(name.lstrip("/"))
        for folder in (top / group, *(top / parent for parent in group.parents)):
            try:
                if controllers:
                    limit = [
                        (folder / f"cpu.cfs_{what}_us").read_text().strip() for what in ("quota", "period")
                    ]
                else:
                    limit = (folder / "cpu.max").read_text().split()
            except OSError:
                continue
            if limit[0] not in {"max", "-1"}:
                least = min(least, -(-int(limit[0]) // int(limit[1])))
    return least


@contextmanager
def _without_script() -> Iterator[None]:
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


__all__ = ["Context", "begin", "pool", "processes", "usable"]
