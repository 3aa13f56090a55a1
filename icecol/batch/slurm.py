"""Jobs by Slurm: a job array with a task for each chunk, and one that merges when all of them are done."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from icecol import files
from icecol.batch.jobs import Job, numbers, status
from icecol.errors import JobError

CHUNKS = "chunks.slurm"
MERGE = "merge.slurm"


def write(
    job: Job, options: Mapping[str, str], *, at_once: int | None = None, allow_missing: bool = False
) -> list[Path]:
    """Write the scripts for the chunks that are not done; return them, none if all are done.

    Parameters
    ----------
    job
        The job.
    options
        Options of `sbatch`, such as `{"time": "2:00:00", "mem": "4G"}`.
    at_once
        Maximum number of chunks that run at a time.
    allow_missing
        Merge even if chunks fail.
    """
    left = status(job).missing
    if not left:
        return []
    logs = job.folder / "logs"
    logs.mkdir(exist_ok=True)
    most = f"%{at_once}" if at_once else ""
    asked = [f"--{name}={value}" if value else f"--{name}" for name, value in options.items()]
    name = str(job.spec.get("name") or job.folder.stem)
    of_array = [
        "--requeue",
        f"--array={numbers(left)}{most}",
        f"--output={logs}/chunk-%a.log",
        "--open-mode=append",
    ]
    chunks = _script([f"--job-name={name}", *of_array, *asked], ["run", job.folder, "--jobs", "1", "--chunk"])
    chunks = f'{chunks} "$SLURM_ARRAY_TASK_ID"\n'
    more = ["--allow-missing"] if allow_missing else []
    merge = _script(
        [f"--job-name={name}-merge", f"--output={logs}/merge.log", *asked], ["merge", job.folder, *more]
    )
    paths = [job.folder / CHUNKS, job.folder / MERGE]
    for path, text in zip(paths, (chunks, f"{merge}\n"), strict=True):
        files.write(path, text.encode())
    return paths


def submit(paths: Sequence[Path], *, allow_missing: bool = False) -> str:
    """Submit the scripts; the second begins when the first is done. Return the numbers of the jobs, in words.

    Raises
    ------
    JobError
        If `sbatch` is not there or refuses.
    """
    array = _sbatch("--parsable", str(paths[0]))
    when = "afterany" if allow_missing else "afterok"
    merging = _sbatch(
        "--parsable", f"--dependency={when}:{array}", "--kill-on-invalid-dep=yes", str(paths[1])
    )
    return f"submitted: job array {array}, and job {merging} to merge it"


def _script(options: Sequence[str], arguments: Sequence[object]) -> str:
    lines = ["#!/bin/bash", *(f"#SBATCH {option}" for option in options)]
    # exec: the signal that Slurm sends before it kills reaches icecol itself
    command = [sys.executable, "-m", "icecol", *map(str, arguments)]
    return "\n".join([*lines, f"exec {shlex.join(command)}"])


def _sbatch(*arguments: str) -> str:
    try:
        done = subprocess.run(["sbatch", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        msg = "there is no sbatch on this machine: submit on one that has Slurm, or write the files alone (--dry-run)"
        raise JobError(msg) from None
    if done.returncode:
        msg = f"sbatch refused: {done.stderr.strip()}"
        raise JobError(msg)
    return done.stdout.strip().partition(";")[0]
