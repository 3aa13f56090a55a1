"""Analyses in chunks, on one machine or on a cluster: `ic.batch.run`, and jobs that are planned, run and merged.

`chunks.py` divides datasets or files, `adding.py` adds results in a tree, `running.py` runs a function by processes,
Dask or any executor. For machines that cannot be connected to, `jobs.py` plans a job of the `kinds.py`, runs its chunks
and merges what they made.
"""

from __future__ import annotations

from icecol.batch.jobs import Job, Status, load, merge, open_job, plan, run_chunk, status
from icecol.batch.kinds import read_job
from icecol.batch.running import run

__all__ = ["Job", "Status", "load", "merge", "open_job", "plan", "read_job", "run", "run_chunk", "status"]


def __dir__() -> list[str]:
    return __all__
