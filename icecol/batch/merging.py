"""What the chunks of a planned job made is added up, and read."""

from __future__ import annotations

import json
import os
from typing import Any

from icecol import files
from icecol.batch import results
from icecol.batch.adding import Tree
from icecol.batch.jobs import DATASET, RECORD, RESULT, Job, aside_of, now, numbers, open_job, rename, status
from icecol.batch.kinds import kind_of
from icecol.batch.versions import versions
from icecol.dataset.scan import open_dataset
from icecol.dataset.uniting import unite
from icecol.errors import JobError


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
    >>> job = ic.batch.plan(
    ...     {"inputs": ["sim.icecol"], "cuts": {"a": "MCPrimary.energy > 0"}}, f"{folder}/job", base=folder
    ... )
    >>> _ = ic.batch.run_chunk(job, 0)
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
    with aside_of(target) as aside:
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
            "time": now(),
            "inputs": [one for r in records for one in r["inputs"]],
        }
        files.write(aside / RECORD, json.dumps(record, indent=1).encode())
        rename(aside, target)
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
    >>> job = ic.batch.plan(
    ...     {"inputs": ["sim.icecol"], "cuts": {"a": "MCPrimary.energy > 0"}}, f"{folder}/job", base=folder
    ... )
    >>> ic.batch.run_chunk(job, 0), merge(job)["events"], load(job)["events"]
    (True, 9, 9)
    """
    from icecol.batch.running import scanned

    job = open_job(job)
    target = job.folder / RESULT
    if not target.is_dir():
        msg = f"{job.folder} has not been merged: run its chunks, and `icecol merge {job.folder}`"
        raise JobError(msg)
    return open_dataset(target / DATASET) if (target / DATASET).is_dir() else scanned(results.load(target))


__all__ = ["load", "merge"]
