"""Jobs by HTCondor: a submit file with a process for each chunk, and a DAG that merges when all are done."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from icecol import files
from icecol.batch.jobs import Job, status
from icecol.errors import JobError

RETRIES = 3


def write(
    job: Job, options: Mapping[str, str], *, at_once: int | None = None, allow_missing: bool = False
) -> list[Path]:
    """Write the DAG and its submit files for the chunks that are not done; return them, none if all are done.

    Parameters
    ----------
    job
        The job.
    options
        Commands of the submit file, such as `{"request_memory": "4 GB"}`.
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
    names = ["chunks.sub", "merge.sub", "job.dag"]
    paths = [job.folder / name for name in names]
    run = _submit(job, f"run {_quoted(job.folder)} --jobs 1 --chunk $(chunk)", "chunk-$(chunk)", options)
    run += f"max_materialize = {at_once}\n" if at_once else ""
    run += f"queue chunk in ({', '.join(map(str, left))})\n"
    more = " --allow-missing" if allow_missing else ""
    merge = _submit(job, f"merge {_quoted(job.folder)}{more}", "merge", options) + "queue\n"
    kind = "FINAL" if allow_missing else "JOB"
    dag = [f"JOB chunks {paths[0]}", f"RETRY chunks {RETRIES}", f"{kind} merge {paths[1]}"]
    dag += [] if allow_missing else ["PARENT chunks CHILD merge"]
    for path, text in zip(paths, (run, merge, "\n".join([*dag, ""])), strict=True):
        files.write(path, text.encode())
    return [paths[2], *paths[:2]]


def submit(paths: Sequence[Path], *, allow_missing: bool = False) -> str:  # noqa: ARG001  # the DAG says it
    """Submit the DAG; return what HTCondor says.

    Raises
    ------
    JobError
        If `condor_submit_dag` is not there or refuses.
    """
    try:
        done = subprocess.run(
            ["condor_submit_dag", str(paths[0])], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        msg = (
            "there is no condor_submit_dag on this machine: submit on one that has HTCondor, or use --dry-run"
        )
        raise JobError(msg) from None
    if done.returncode:
        msg = f"condor_submit_dag refused: {(done.stderr or done.stdout).strip()}"
        raise JobError(msg)
    return done.stdout.strip()


def _submit(job: Job, arguments: str, log: str, options: Mapping[str, str]) -> str:
    asked = {"request_cpus": "1", "request_memory": "2 GB", **options}
    lines = {
        "executable": sys.executable,
        "arguments": f'"-m icecol {arguments}"',
        "initialdir": str(job.folder),
        "output": f"logs/{log}.out",
        "error": f"logs/{log}.err",
        "log": "logs/condor.log",
        "getenv": "PATH, PYTHONPATH, ICECOL_CACHE, NUMBA_CACHE_DIR",
        "should_transfer_files": "NO",
        **asked,
    }
    return "".join(f"{name} = {value}\n" for name, value in lines.items())


def _quoted(path: Path) -> str:
    """Quote an argument as HTCondor's new syntax has it: single quotes around, those within and double ones twice."""
    text = str(path).replace("'", "''").replace('"', '""')
    return f"'{text}'"
