"""The first answer of a process: what it takes to compile a feature, to load what was compiled, and memory.

`python -m icecol.speed.fresh FOLDER` computes the feature that `in_process` has put there, and prints what it took.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from icecol.speed.sample import Sample

FEW: Final = 8
"""Events of the first answer."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """What the first answer of a process took.

    Attributes
    ----------
    start
        Processor time in s until the feature could be computed: Python, Polars and the plan.
    first
        Processor time in s of the first answer, with compiling or loading machine code.
    compiled
        Number of functions that were compiled.
    memory
        Bytes by which the process grew when it computed all events, after the first answer.
    whole
        Bytes that the process had at most.
    """

    start: float
    first: float
    compiled: int
    memory: int
    whole: int


def cold_and_warm(sample: Sample, feature: pl.Expr) -> tuple[Fresh, Fresh]:
    """Compute a feature in a process that finds no machine code, and in one that finds that of the first.

    Raises
    ------
    ValueError
        The feature cannot be given to another process.
    """
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        try:
            (where / "feature").write_bytes(feature.meta.serialize())
        except Exception as err:
            msg = f"the feature cannot be given to another process ({type(err).__name__}: {err})"
            raise ValueError(msg) from err
        sample.frame.write_ipc(where / "events")
        empty = os.environ | {"NUMBA_CACHE_DIR": str(where / "cache"), "ICECOL_CACHE": ""}
        return in_process(where, empty), in_process(where, empty)


def in_process(folder: Path, environment: dict[str, str]) -> Fresh:
    """Compute what a folder has in a process of its own."""
    command = [sys.executable, "-m", "icecol.speed.fresh", str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"the feature cannot be computed in another process: {done.stderr.strip().splitlines()[-1:]}"
        raise ValueError(msg)
    return Fresh(**json.loads(done.stdout))


def main(folder: Path) -> Fresh:
    """Compute what a folder has, a few events first and then all, and return what it took."""
    feature = pl.Expr.deserialize((folder / "feature").read_bytes())
    events = pl.read_ipc(folder / "events")
    start = time.process_time()
    events.head(FEW).select(feature.alias("F"))
    first = time.process_time() - start
    before = _largest()
    events.select(feature.alias("F"))
    from icecol.jit.cache import made

    return Fresh(start, first, len(made), max(0, _largest() - before), _largest())


def _largest() -> int:
    """Return the most bytes that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    from dataclasses import asdict

    print(json.dumps(asdict(main(Path(sys.argv[1])))))  # noqa: T201
