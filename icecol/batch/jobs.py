"""Jobs for machines that cannot be connected to: planned in a folder, run chunk by chunk anywhere, and merged.

The folder of a job has its `plan.json`, a copy of the code of the analysis, and a folder for each finished chunk in
`chunks/`, which appears under its name when it is whole. So a chunk is done or it is not, whatever became of the
machine that it ran on, and any number of them can run at the same time.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import secrets
import shutil
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from icecol import files
from icecol.batch import results
from icecol.batch.adding import Tree
from icecol.batch.chunks import Chunk, chunk_from_json
from icecol.batch.kinds import chunks_for, kind_of, made_by
from icecol.batch.running import begin_worker as _begin
from icecol.batch.running import work
from icecol.batch.versions import differences, versions
from icecol.convert.processes import Context, pool, processes, usable
from icecol.dataset.scan import Dataset, open_dataset
from icecol.dataset.uniting import unite
from icecol.errors import DatasetError, JobError, WorkerError

PLAN: Final = "plan.json"
CHUNKS: Final = "chunks"
RESULT: Final = "result"
RECORD: Final = "record.json"
"""Name of the record beside a result: versions, machine, times, inputs."""
DATASET: Final = "dataset.icecol"
"""Name of the dataset that a chunk, or the job, makes."""


@dataclass(frozen=True, slots=True)
class Job:
    """A planned job: what `plan` wrote, and `open_job` reads.

    Attributes
    ----------
    folder
        Its folder.
    spec
        What is to be done, as its TOML file says it, with paths made absolute.
    chunks
        The chunks, or the numbers of files of a simulation.
    versions
        Versions that it was planned with.
    code
        Digest of the file of its analysis, a copy of which lies in the folder; empty if it has none.
    key
        Digest of all of that: results of another plan are not mixed up with its own.
    """

    folder: Path
    spec: Mapping[str, Any]
    chunks: Sequence[Chunk | tuple[int, ...]]
    versions: Mapping[str, str]
    code: str
    key: str

    def place(self, i: int) -> Path:
        """Return the folder of a finished chunk.

        Parameters
        ----------
        i
            Number of the chunk.
        """
        return self.folder / CHUNKS / f"{i:05d}"


@dataclass(frozen=True, slots=True)
class Status:
    """How far a job is.

    Attributes
    ----------
    n
        Number of chunks.
    done
        Numbers of those that are done.
    outdated
        What differs, for those that were made by other versions, by number.
    failed
        Last line of the error of those that failed and were not done since, by number.
    begun
        Numbers of those that were begun and are not done: they run, or were killed.
    """

    n: int
    done: tuple[int, ...]
    outdated: Mapping[int, str]
    failed: Mapping[int, str]
    begun: tuple[int, ...]

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers of the chunks that are not done, for whatever reason."""
        there = {*self.done, *self.outdated}
        return tuple(i for i in range(self.n) if i not in there)


def plan(
    spec: Mapping[str, Any],
    folder: str | os.PathLike[str],
    *,
    base: str | os.PathLike[str] = ".",
    checksums: bool = True,
    overwrite: bool = False,
) -> Job:
    """Plan a job: divide its inputs into chunks, and write all that is needed to run them into a folder.

    Parameters
    ----------
    spec
        What is to be done; the tables of its TOML file.
    folder
        Folder of the job, on a file system that the machines share.
    base
        Folder that relative paths in the job start from.
    checksums
        Take the checksums of input files, which reads them; each chunk then makes sure that its files are the same.
    overwrite
        Replace a job that is there, with all of its results.

    Returns
    -------
    Job

    Raises
    ------
    JobError
        If there is a job already, or the folder is not empty.
    ValueError
        If it is not clear what is to be done, or there is nothing to work on.
    FileNotFoundError
        If an input does not exist.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = ic.sim.to_dataset(ic.sim.events(30, seed=1), f"{folder}/sim.icecol")
    >>> charge = {"expression": "Q.total", "bins": 10, "range": [1, 1e4], "kind": "log"}
    >>> job = plan(
    ...     {
    ...         "inputs": ["sim.icecol"],
    ...         "pulses": "InIcePulses",
    ...         "features": ["Q=charge"],
    ...         "cuts": {"bright": "Q.total > 20"},
    ...         "histograms": {"charge": charge},
    ...     },
    ...     f"{folder}/job",
    ...     base=folder,
    ... )
    >>> run_chunk(job, 0)
    True
    >>> found = merge(job)
    >>> found["events"], found["cutflow"]["n"][1] == found["histograms"]["charge"].sum(flow=True)
    (30, True)
    """
    target = Path(folder).absolute()
    if target.is_dir() and any(target.iterdir()):
        if not (target / PLAN).exists():
            msg = f"{target} is neither a job nor empty: choose another folder"
            raise JobError(msg)
        if not overwrite:
            msg = f"{target} is a job already: run and merge it, or overwrite it (`overwrite=True`, --overwrite)"
            raise JobError(msg)
        shutil.rmtree(target)
    absolute, code = made_by(spec, Path(base))
    chunks = chunks_for(absolute, checksums=checksums)
    target.mkdir(parents=True, exist_ok=True)
    (target / CHUNKS).mkdir()
    if code is not None:
        shutil.copy2(code, target / code.name)
    content: dict[str, Any] = {
        "form": "icecol job",
        "versions": versions(),
        "spec": absolute,
        "code": "" if code is None else _digest(code),
        "chunks": [c.to_json() if isinstance(c, Chunk) else list(c) for c in chunks],
    }
    content["key"] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    files.write(target / PLAN, json.dumps(content, indent=1).encode())
    return open_job(target)


def open_job(folder: str | os.PathLike[str] | Job) -> Job:
    """Read the plan of a job.

    Parameters
    ----------
    folder
        Its folder; a job itself is returned as it is.

    Raises
    ------
    JobError
        If there is none.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = ic.sim.to_dataset(ic.sim.events(9, seed=1), f"{folder}/sim.icecol")
    >>> job = plan(
    ...     {"inputs": ["sim.icecol"], "cuts": {"a": "MCPrimary.energy > 0"}}, f"{folder}/job", base=folder
    ... )
    >>> open_job(f"{folder}/job") == job, len(job.chunks)
    (True, 1)
    """
    if isinstance(folder, Job):
        return folder
    path = Path(folder).absolute()
    try:
        found = json.loads((path / PLAN).read_bytes())
        chunks = [chunk_from_json(c) if isinstance(c, dict) else tuple(c) for c in found["chunks"]]
        return Job(path, found["spec"], chunks, found["versions"], found["code"], found["key"])
    except (FileNotFoundError, NotADirectoryError):
        msg = f"{path} is not a job: it has no {PLAN}; plan it by `icecol plan job.toml`"
        raise JobError(msg) from None
    except (KeyError, TypeError, ValueError) as err:
        msg = f"{path / PLAN} is damaged ({err!r}): plan the job again"
        raise JobError(msg) from err


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
    >>> job = plan(
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
    if not again and _done_by(job, i) == mine:
        return False
    failed = place.with_suffix(".error")
    begin, since = time.perf_counter(), _now()
    try:
        with _aside(place) as aside:
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
            _rename(aside, place)
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


def status(job: str | os.PathLike[str] | Job) -> Status:
    """Find out which chunks of a job are done.

    Parameters
    ----------
    job
        The job, or its folder.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = ic.sim.to_dataset(ic.sim.events(9, seed=1), f"{folder}/sim.icecol")
    >>> job = plan(
    ...     {"inputs": ["sim.icecol"], "cuts": {"a": "MCPrimary.energy > 0"}}, f"{folder}/job", base=folder
    ... )
    >>> status(job).done, status(job).missing
    ((), (0,))
    """
    job = open_job(job)
    done, outdated, failed, begun = [], {}, {}, []
    there = {path.name for path in (job.folder / CHUNKS).iterdir()}
    asides = {name.split(".")[1] for name in there if name.startswith(".")}
    for i in range(len(job.chunks)):
        name = job.place(i).name
        by = _done_by(job, i) if name in there else None
        if by is not None:
            differ = differences(job.versions, by)
            if differ:
                outdated[i] = differ
            else:
                done.append(i)
        elif f"{name}.error" in there:
            lines = job.place(i).with_suffix(".error").read_text(encoding="utf-8").strip().splitlines()
            failed[i] = _cause(lines)
        elif name in asides:
            begun.append(i)
    return Status(len(job.chunks), tuple(done), outdated, failed, tuple(begun))


def merge(
    job: str | os.PathLike[str] | Job, *, allow_missing: bool = False, allow_versions: bool = False
) -> Any:
    """Add the results of all chunks, and write them into the folder `result` of the job.

    The result is the same to the last bit wherever and in whatever order the chunks were run.

    Parameters
    ----------
    job
        The job, or its folder.
    allow_missing
        Leave out chunks that are not done; they are on record in the result.
    allow_versions
        Take chunks that were made by other versions; they are on record, too.

    Returns
    -------
    object
        What the analysis returns, added; a table in files is a lazy frame. Of a conversion or simulation, the dataset.

    Raises
    ------
    JobError
        If chunks are missing or were made by other versions; the message names them.
    TypeError, ValueError
        If results do not add.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = ic.sim.to_dataset(ic.sim.events(9, seed=1), f"{folder}/sim.icecol")
    >>> job = plan(
    ...     {"inputs": ["sim.icecol"], "cuts": {"a": "MCPrimary.energy > 0"}}, f"{folder}/job", base=folder
    ... )
    >>> _ = run_chunk(job, 0)
    >>> merge(job)["events"]
    9
    """
    job = open_job(job)
    found = status(job)
    if found.missing and not allow_missing:
        why = next(iter(found.failed.values()), "")
        msg = (
            f"{len(found.missing)} of {found.n} chunks of {job.folder} are missing: {numbers(found.missing)}"
            f"{f' ({why})' if why else ''}; run them, or leave them out (`allow_missing=True`, --allow-missing)"
        )
        raise JobError(msg)
    if found.outdated and not allow_versions:
        first, why = next(iter(found.outdated.items()))
        msg = (
            f"{len(found.outdated)} of {found.n} chunks of {job.folder} were made by other versions: "
            f"{numbers(found.outdated)} (chunk {first} by {why}); run them again, or take them as they are "
            "(`allow_versions=True`, --allow-versions)"
        )
        raise JobError(msg)
    there = [i for i in range(found.n) if i not in found.missing]
    if not there:
        msg = f"no chunk of {job.folder} is done: there is nothing to merge"
        raise JobError(msg)
    kind = kind_of(job.spec)
    records = [json.loads((job.place(i) / RECORD).read_bytes()) for i in there]
    target = job.folder / RESULT
    with _aside(target) as aside:
        if kind == "analysis":
            tree = Tree(found.n)
            for i in range(found.n):
                tree.put(i, results.load(job.place(i)) if i in there else None)
            results.save(results.compacted(tree.total, aside), aside)
        else:
            unite([open_dataset(job.place(i) / DATASET) for i in there], aside / DATASET)
        record = {
            "job": job.key,
            "spec": job.spec,
            "versions": versions(),
            "chunks": found.n,
            "missing": list(found.missing),
            "other_versions": {str(i): why for i, why in found.outdated.items()},
            "machines": sorted({r["machine"] for r in records}),
            "seconds": round(sum(r["seconds"] for r in records), 3),
            "time": _now(),
            "inputs": [one for r in records for one in r["inputs"]],
        }
        files.write(aside / RECORD, json.dumps(record, indent=1).encode())
        if target.exists():
            shutil.rmtree(target)
        aside.rename(target)
    return load(job)


def load(job: str | os.PathLike[str] | Job) -> Any:
    """Read the result of a job that was merged.

    Parameters
    ----------
    job
        The job, or its folder.

    Raises
    ------
    JobError
        If it has not been merged.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = ic.sim.to_dataset(ic.sim.events(9, seed=1), f"{folder}/sim.icecol")
    >>> job = plan(
    ...     {"inputs": ["sim.icecol"], "cuts": {"a": "MCPrimary.energy > 0"}}, f"{folder}/job", base=folder
    ... )
    >>> run_chunk(job, 0), merge(job)["events"], load(job)["events"]
    (True, 9, 9)
    """
    from icecol.batch.running import scanned

    job = open_job(job)
    target = job.folder / RESULT
    if not target.is_dir():
        msg = f"{job.folder} has not been merged: run its chunks, and `icecol merge {job.folder}`"
        raise JobError(msg)
    return open_dataset(target / DATASET) if (target / DATASET).is_dir() else scanned(results.load(target))


def numbers(several: Iterable[int]) -> str:
    """Write numbers in ranges, as `--chunk` takes them.

    >>> numbers([0, 1, 2, 5, 7, 8])
    '0-2,5,7-8'
    """
    ranges: list[list[int]] = []
    for i in sorted(several):
        if ranges and i == ranges[-1][1] + 1:
            ranges[-1][1] = i
        else:
            ranges.append([i, i])
    return ",".join(f"{a}-{b}" if b > a else str(a) for a, b in ranges)


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
    if _digest(copy) != job.code:
        msg = f"{copy} has changed since the job was planned: plan it again, so that all chunks are made by one version"
        raise JobError(msg)
    folder = str(Path(where).parent)
    if folder not in sys.path:
        sys.path.append(folder)  # what it imports lies beside the original
    return {**spec, "analysis": f"{copy}:{name}"}


def _done_by(job: Job, i: int) -> Mapping[str, str] | None:
    """Return the versions that a finished chunk was made by; None if it is not done."""
    try:
        record = json.loads((job.place(i) / RECORD).read_bytes())
        return record["versions"] if record["job"] == job.key else None
    except (OSError, ValueError, KeyError):
        return None


def _require_chunk(job: Job, i: int) -> None:
    if not 0 <= i < len(job.chunks):
        msg = f"{job.folder} has chunks 0 to {len(job.chunks) - 1}, and none of number {i}"
        raise JobError(msg)


def _cause(lines: list[str]) -> str:
    """Return the line of a traceback that says what was wrong, and not the notes below it."""
    of_error = [line for line in lines if line and not line.startswith((" ", "in chunk ", "Traceback"))]
    return of_error[-1] if of_error else "failed"


@contextmanager
def _aside(place: Path) -> Iterator[Path]:
    """Give a hidden folder to write into, and remove it if it is still there afterwards."""
    aside = place.with_name(f".{place.name}.{os.getpid()}-{secrets.token_hex(3)}{files.SUFFIX}")
    aside.mkdir(parents=True)
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _rename(aside: Path, place: Path) -> None:
    """Give a finished chunk its name; if another process has been faster, or the chunk was run again, replace it."""
    for _ in range(100):
        try:
            aside.rename(place)
        except OSError as err:
            if err.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
            old = aside.with_name(f"{aside.name}.old")
            with suppress(FileNotFoundError):  # another process does the same
                place.rename(old)
            shutil.rmtree(old, ignore_errors=True)
        else:
            return
    msg = f"{place} is being written by another process: run the chunk again"
    raise DatasetError(msg)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


__all__ = ["Job", "Status", "load", "merge", "open_job", "plan", "run_chunk", "status"]
