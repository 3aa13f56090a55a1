"""Analyses in chunks, on one machine or on a cluster: `ic.batch.run`, and jobs that are planned, run and merged.

`chunks.py` divides datasets or files, `adding.py` adds results in a tree, `running.py` runs a function by processes,
Dask or any executor. For machines that cannot be connected to, `jobs.py` plans a job of the `kinds.py`, `execution.py`
runs its chunks, and `merging.py` adds up what they made.
"""

from __future__ import annotations

from icecol.batch.execution import run_chunk
from icecol.batch.jobs import Job, Status, open_job, plan, status
from icecol.batch.kinds import read_job
from icecol.batch.merging import load, merge
from icecol.batch.running import run

__all__ = ["Job", "Status", "load", "merge", "open_job", "plan", "read_job", "run", "run_chunk", "status"]


def __dir__() -> list[str]:
    return __all__
