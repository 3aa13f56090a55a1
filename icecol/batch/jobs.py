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
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from icecol import files
from icecol.batch.chunks import Chunk, chunk_from_json
from icecol.batch.kinds import chunks_for, made_by
from icecol.batch.versions import differences, versions
from icecol.errors import DatasetError, JobError
from icecol.places import local

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

    Examples
    --------
    >>> import icecol as ic, polars as pl, tempfile
    >>> hits = pl.DataFrame(
    ...     {"event": [7, 7, 9], "t": [1.0, 2.5, 3.0], "string": [36, 36, 40], "om": [44, 45, 1]}
    ... )
    >>> ds = ic.convert.table(hits, f"{tempfile.mkdtemp()}/own.icecol")
    >>> job = ic.batch.plan(
    ...     {"inputs": [str(ds.path)], "cuts": {"a": "Pulses.time.list.len() > 1"}}, ds.path.parent / "job"
    ... )
    >>> job.folder.name, len(job.chunks), job.spec["cuts"]
    ('job', 1, {'a': 'Pulses.time.list.len() > 1'})
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

        Examples
        --------
        >>> import icecol as ic, polars as pl, tempfile
        >>> hits = pl.DataFrame(
        ...     {"event": [7, 7, 9], "t": [1.0, 2.5, 3.0], "string": [36, 36, 40], "om": [44, 45, 1]}
        ... )
        >>> ds = ic.convert.table(hits, f"{tempfile.mkdtemp()}/own.icecol")
        >>> job = ic.batch.plan(
        ...     {"inputs": [str(ds.path)], "cuts": {"a": "Pulses.time.list.len() > 1"}},
        ...     ds.path.parent / "job",
        ... )
        >>> job.place(0).relative_to(job.folder).as_posix()
        'chunks/00000'
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

    Examples
    --------
    >>> import icecol as ic
    >>> status = ic.batch.Status(n=4, done=(0, 1), outdated={}, failed={2: "MemoryError"}, begun=())
    >>> status.missing, status.failed
    ((2, 3), {2: 'MemoryError'})
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
    >>> job = ic.batch.plan(
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
    >>> ic.batch.run_chunk(job, 0)
    True
    >>> found = ic.batch.merge(job)
    >>> found["events"], found["cutflow"]["n"][1] == found["histograms"]["charge"].sum(flow=True)
    (30, True)
    """
    target = local(folder, "make the job").absolute()
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
        "code": "" if code is None else digest(code),
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
    >>> job = ic.batch.plan(
    ...     {"inputs": ["sim.icecol"], "cuts": {"a": "MCPrimary.energy > 0"}}, f"{folder}/job", base=folder
    ... )
    >>> ic.batch.open_job(f"{folder}/job") == job, len(job.chunks)
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
        by = done_by(job, i) if name in there else None
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


def done_by(job: Job, i: int) -> Mapping[str, str] | None:
    """Return the versions that a finished chunk was made by; None if it is not done."""
    try:
        record = json.loads((job.place(i) / RECORD).read_bytes())
        return record["versions"] if record["job"] == job.key else None
    except (OSError, ValueError, KeyError):
        return None


def _cause(lines: list[str]) -> str:
    """Return the line of a traceback that says what was wrong, and not the notes below it."""
    of_error = [line for line in lines if line and not line.startswith((" ", "in chunk ", "Traceback"))]
    return of_error[-1] if of_error else "failed"


@contextmanager
def aside_of(place: Path) -> Iterator[Path]:
    """Give a hidden folder to write into, and remove it if it is still there afterwards."""
    aside = place.with_name(f".{place.name}.{os.getpid()}-{secrets.token_hex(3)}{files.SUFFIX}")
    aside.mkdir(parents=True)
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def rename(aside: Path, place: Path) -> None:
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


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


__all__ = ["Job", "Status", "open_job", "plan", "status"]
