"""Chunks of a planned job are run: one of them anywhere, or several in the processes of one machine."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from icecol import files
from icecol.batch import results
from icecol.batch.chunks import Chunk
from icecol.batch.jobs import DATASET, RECORD, Job, aside_of, digest, done_by, now, open_job, rename
from icecol.batch.kinds import kind_of
from icecol.batch.running import begin_worker as _begin
from icecol.batch.running import work
from icecol.batch.versions import differences, versions
from icecol.convert.processes import Context, pool, processes, usable
from icecol.dataset.scan import Dataset
from icecol.errors import JobError, WorkerError


def run_chunk(
    job: str | os.PathLike[str] | Job, i: int, *, allow_versions: bool = False, again: bool = False
) -> bool:
    """Run one chunk of a job, unless it is done.

    Parameters
    ----------
    job
        The job, or its folder.
    i
        Number of the chunk, from 0.
    allow_versions
        Run it even if versions are not those that the job was planned with; they are on record, and `merge` asks again.
    again
        Run it even if it is done.

    Returns
    -------
    bool
        Whether it was run; False if it was done before.

    Raises
    ------
    JobError
        If there is no such chunk, or versions or code differ from those of the plan.
    Exception
        Whatever the analysis raises; it is also on record, for `status`.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = ic.sim.to_dataset(ic.sim.events(9, seed=1), f"{folder}/sim.icecol")
    >>> job = ic.batch.plan(
    ...     {"inputs": ["sim.icecol"], "cuts": {"a": "MCPrimary.energy > 0"}}, f"{folder}/job", base=folder
    ... )
    >>> run_chunk(job, 0), run_chunk(job, 0)
    (True, False)
    """
    job = open_job(job)
    _require_chunk(job, i)
    mine = versions()
    differ = differences(job.versions, mine)
    if differ and not allow_versions:
        msg = (
            f"{job.folder} was planned with other versions than those here: {differ}; use the same environment, plan "
            "it again, or allow it (`allow_versions=True`, --allow-versions)"
        )
        raise JobError(msg)
    place = job.place(i)
    if not again and done_by(job, i) == mine:
        return False
    failed = place.with_suffix(".error")
    begin, since = time.perf_counter(), now()
    try:
        with aside_of(place) as aside:
            inputs = _work(job, i, aside)
            record = {
                "job": job.key,
                "chunk": i,
                "versions": mine,
                "machine": platform.node(),
                "since": since,
                "seconds": round(time.perf_counter() - begin, 3),
                "inputs": inputs,
            }
            files.write(aside / RECORD, json.dumps(record, indent=1).encode())
            rename(aside, place)
    except Exception:
        files.write(failed, traceback.format_exc().encode())
        raise
    failed.unlink(missing_ok=True)
    return True


def run_chunks(
    job: Job, chosen: Sequence[int], *, jobs: int | None = None, **options: bool
) -> Iterator[tuple[int, bool | Exception]]:
    """Run chunks in processes; yield the number of each, and what `run_chunk` returned or raised, as they finish.

    Raises
    ------
    JobError
        If there is no such chunk.
    WorkerError
        If a worker was killed.
    """
    for i in chosen:
        _require_chunk(job, i)
    n = processes(jobs, len(chosen))
    if n == 1:
        for i in chosen:
            try:
                yield i, run_chunk(job, i, **options)
            except Exception as err:  # noqa: BLE001  # it is told, and the others are run
                yield i, err
        return
    context = Context()
    try:
        with pool(n, context, _begin, usable() // n or 1) as workers:
            futures = {workers.submit(run_chunk, job.folder, i, **options): i for i in chosen}
            for future in as_completed(futures):
                failure = future.exception()
                if isinstance(failure, Exception) and not isinstance(failure, BrokenProcessPool):
                    yield futures[future], failure
                else:
                    yield futures[future], future.result()
    except BrokenProcessPool as err:
        msg = f"{context.why_broken()}; chunks that are done are kept: run again to go on"
        raise WorkerError(msg) from err


def _work(job: Job, i: int, aside: Path) -> list[Any]:
    """Do the work of a chunk in a hidden folder; return what is known of its inputs."""
    chunk = job.chunks[i]
    kind = kind_of(job.spec)
    if isinstance(chunk, Chunk) and kind == "analysis":
        from icecol.batch.analysis import analysis_of

        spec = _with_own_code(job)
        result = work(analysis_of(spec), i, chunk, folder=aside, convert=job.spec.get("convert"))
        results.save(result, aside)
        return [{"dataset": chunk.dataset, **one} for one in chunk.to_json()["inputs"]]
    from icecol.batch.kinds import conversion, simulation

    made: Dataset
    if isinstance(chunk, Chunk):
        made = conversion(job.spec, chunk, aside / DATASET)
        return [{"path": s.path, "size": s.size, "checksum": s.checksum} for s in made.manifest.sources]
    made = simulation(job.spec, chunk, aside / DATASET)
    return [{"file": k, "dataset": job.spec["simulation"]["dataset"]} for k in chunk]


def _with_own_code(job: Job) -> dict[str, Any]:
    """Return the job with the path of its copy of the analysis, which must be the one that was planned."""
    spec = dict(job.spec)
    if not job.code:
        return spec
    where, _, name = spec["analysis"].rpartition(":")
    copy = job.folder / Path(where).name
    if digest(copy) != job.code:
        msg = f"{copy} has changed since the job was planned: plan it again, so that all chunks are made by one version"
        raise JobError(msg)
    folder = str(Path(where).parent)
    if folder not in sys.path:
        sys.path.append(folder)  # what it imports lies beside the original
    return {**spec, "analysis": f"{copy}:{name}"}


def _require_chunk(job: Job, i: int) -> None:
    if not 0 <= i < len(job.chunks):
        msg = f"{job.folder} has chunks 0 to {len(job.chunks) - 1}, and none of number {i}"
        raise JobError(msg)


__all__ = ["run_chunk", "run_chunks"]
