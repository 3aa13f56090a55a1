"""An analysis run over datasets or files in chunks, here, in processes, or by anything that takes tasks."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import polars as pl

from icecol import files
from icecol.batch.adding import Parts, Tree, require
from icecol.batch.chunks import Chunk, Inputs, chunks_of, opened
from icecol.convert.processes import Context, begin, pool, processes, usable
from icecol.errors import WorkerError, needs
from icecol.places import local

if TYPE_CHECKING:
    from icecol.dataset.scan import Dataset

Analysis: TypeAlias = "Callable[[Dataset], Any]"
"""Takes a dataset and returns what adds."""
Progress = Callable[[int, int], None]
"""Called with the numbers of chunks that are done, and of all."""

RETRIES: Final = 2
"""How often a task is tried again whose worker was lost."""


def run(
    analyze: Analysis,
    inputs: Inputs,
    *,
    executor: str | Executor | Any = "processes",
    jobs: int | None = None,
    per_chunk: int | None = None,
    out: str | os.PathLike[str] | None = None,
    convert: Mapping[str, Any] | None = None,
    retries: int = RETRIES,
    progress: Progress | None = None,
) -> Any:
    """Run an analysis over datasets or `.i3` files in chunks, and add the results while it runs.

    The result is the same to the last bit with any executor and number of processes, and after workers were lost.

    Parameters
    ----------
    analyze
        Takes a dataset and returns what adds: numbers, arrays, histograms and bundles of them, tables of cutflows,
        other tables (which follow one another), and dictionaries and lists of these. A lazy frame is a table that is
        written to Parquet files in `out`, without ever being in memory as a whole.
    inputs
        A dataset, `.i3` files, their names or patterns, or several of these; also the good runs of several datasets
        (`Datasets.of_runs`). Files are converted chunk by chunk into
        temporary datasets, in the folder that TMPDIR names.
    executor
        `"processes"` on this machine; `"local"`, in this process, as one wants it to find an error; a
        `dask.distributed.Client` or the address of its scheduler, as in `"tcp://10.0.0.1:8786"`; or any
        `concurrent.futures.Executor`.
    jobs
        Number of processes; by default one per available CPU.
    per_chunk
        Number of parts or files in each chunk; by default, some 256 MB.
    out
        Folder for the files of tables that are returned as lazy frames. Without it, they are collected.
    convert
        Options of `icecol.convert.i3` for files, such as `{"gcd": "GCD.i3.gz", "pulses": "SRT*"}`. Their setting
        `nfiles` is by default the number of all files, so that weights of simulation add up over the chunks.
    retries
        How often a chunk is tried again whose worker was lost.
    progress
        Called with (chunks done, chunks) after each.

    Returns
    -------
    object
        What `analyze` returns, added over all chunks. A table in files is a LazyFrame over them.

    Raises
    ------
    TypeError
        If a result does not add.
    ValueError
        If there is nothing to work on, or results do not match.
    WorkerError
        If workers are lost again and again.
    MissingDependencyError
        If the function is defined in a script or notebook and cloudpickle is not installed.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> ds = ic.sim.to_dataset(ic.sim.events(30, seed=1), f"{tempfile.mkdtemp()}/sim.icecol")
    >>> def analyze(ds):
    ...     events = ic.with_features(ds, Q=ic.reco.charge("InIcePulses"))
    ...     charge = ic.hist.fill(events, ic.hist.log("Q.total", 10, 1e0, 1e4))
    ...     return {"events": ds.rows, "charge": charge}
    >>> found = run(analyze, ds, executor="local")
    >>> found["events"], found["charge"].sum(flow=True)
    (30, 30.0)
    """
    chunks = chunks_of(inputs, per_chunk)
    folder = None if out is None else local(out).absolute()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    task = partial(work, folder=folder, convert=dict(convert or {}))
    tree = Tree(len(chunks))
    for i, result in _results(task, analyze, chunks, executor, jobs, retries):
        tree.put(i, result)
        if progress is not None:
            progress(tree.done, len(chunks))
    return scanned(tree.total)


def work(
    analyze: Analysis, i: int, chunk: Chunk, *, folder: Path | None, convert: Mapping[str, Any] | None
) -> Any:
    """Return the result of one chunk; lazy frames in it are written to files of the folder, or collected."""
    try:
        with opened(chunk, convert) as ds:
            return require(_settled(analyze(ds), folder, f"{i:05d}"))
    except Exception as err:
        err.add_note(f"in chunk {i}: {chunk.describe()}")
        raise


def _settled(value: Any, folder: Path | None, stem: str, where: tuple[str, ...] = ()) -> Any:
    """Write or collect the lazy frames of a result."""
    if isinstance(value, pl.LazyFrame):
        if folder is None:
            return value.collect(engine="streaming")
        path = folder.joinpath(*(_safe(name) for name in where or ("table",)), f"part-{stem}.parquet")
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.whole(path) as aside:
            value.sink_parquet(aside, compression="zstd", maintain_order=True)
        return Parts((path,))
    if isinstance(value, dict):
        return {name: _settled(inner, folder, stem, (*where, str(name))) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_settled(v, folder, stem, (*where, str(k))) for k, v in enumerate(value)])
    return value


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in name).lstrip(".") or "_"


def scanned(value: Any) -> Any:
    """Return a result with lazy frames in place of the files that they are in."""
    if isinstance(value, Parts):
        return value.scan()
    if isinstance(value, dict):
        return {name: scanned(inner) for name, inner in value.items()}
    return type(value)([scanned(inner) for inner in value]) if isinstance(value, list | tuple) else value


# -- where it runs ----------------------------------------------------------------------------------------------------


def _results(
    task: Callable[..., Any],
    analyze: Analysis,
    chunks: list[Chunk],
    executor: Any,
    jobs: int | None,
    retries: int,
) -> Iterator[tuple[int, Any]]:
    """Yield the number and result of each chunk, as they are finished."""
    if executor == "local":
        for i, chunk in enumerate(chunks):
            yield i, task(analyze, i, chunk)
        return
    work_on = partial(_unpickled, task, _pickled(analyze))
    if executor == "processes":
        yield from _in_processes(work_on, dict(enumerate(chunks)), processes(jobs, len(chunks)), retries)
        return
    with _taking_tasks(executor, retries) as taker:
        yield from _finished({taker.submit(work_on, i, chunk): i for i, chunk in enumerate(chunks)})


def _finished(futures: dict[Future[Any], int]) -> Iterator[tuple[int, Any]]:
    left = set(futures)
    try:
        while left:
            done, left = wait(left, return_when=FIRST_COMPLETED)
            for future in done:
                yield futures.pop(future), future.result()
    except BaseException:
        for future in left:
            future.cancel()
        raise


def _in_processes(
    work_on: Callable[..., Any], left: dict[int, Chunk], n: int, retries: int
) -> Iterator[tuple[int, Any]]:
    """Run chunks in processes; when one is lost, begin again with the chunks that are left."""
    threads = max(1, usable() // n)
    for attempt in range(retries + 1):
        context = Context()
        try:
            with pool(n, context, begin_worker, threads) as workers:
                for i, result in _finished({workers.submit(work_on, i, c): i for i, c in left.items()}):
                    del left[i]
                    yield i, result
            return  # noqa: TRY300
        except BrokenProcessPool as err:
            why = context.why_broken()
            if attempt == retries:
                first = next(iter(left))
                msg = (
                    f"{why}, {retries + 1} times; {len(left)} chunks are not done, the first of them chunk {first} "
                    f"({left[first].describe()}): run it by executor='local' to see why"
                )
                raise WorkerError(msg) from err
            warnings.warn(f"{why}; its chunk is tried again", stacklevel=4)


def begin_worker(threads: int) -> None:
    """Prepare a worker, whose share of the CPUs is its one pool of threads."""
    begin()
    os.environ.setdefault("POLARS_MAX_THREADS", str(threads))  # before Polars is imported
    os.environ.setdefault("NUMBA_NUM_THREADS", str(threads))


@contextmanager
def _taking_tasks(executor: Any, retries: int) -> Iterator[Executor]:
    """Give something with `submit` and futures of the standard library."""
    if isinstance(executor, Executor):
        yield executor
        return
    try:
        import distributed
    except ImportError as err:
        if isinstance(executor, str) and "://" in executor:
            raise needs("dask.distributed", "dask", f"executor={executor!r}") from err  # noqa: EM101
        distributed = None
    if distributed is not None and isinstance(executor, str) and "://" in executor:
        with distributed.Client(executor) as client:
            yield client.get_executor(retries=retries, pure=False)
    elif distributed is not None and isinstance(executor, distributed.Client):
        yield executor.get_executor(retries=retries, pure=False)
    else:
        msg = (
            f"executor is {executor!r:.80}: give 'processes', 'local', a dask.distributed Client, the address of its "
            "scheduler such as 'tcp://10.0.0.1:8786', or a concurrent.futures.Executor"
        )
        raise ValueError(msg)


def _pickled(analyze: Analysis) -> bytes:
    """Return a function as bytes; one of a script or notebook with its code."""
    try:
        import cloudpickle
    except ImportError:
        if "<" in getattr(analyze, "__qualname__", "<") or getattr(analyze, "__module__", None) == "__main__":
            what = (
                f"{getattr(analyze, '__name__', 'an analysis')!r}, defined in a script or notebook, elsewhere"
            )
            raise needs("cloudpickle", "batch", f"running {what}") from None  # noqa: EM101
        return pickle.dumps(analyze)
    return bytes(cloudpickle.dumps(analyze))


def _unpickled(task: Callable[..., Any], analyze: bytes, i: int, chunk: Chunk) -> Any:
    return task(_function(analyze), i, chunk)


@lru_cache(maxsize=4)
def _function(analyze: bytes) -> Analysis:
    found: Analysis = pickle.loads(analyze)
    return found


__all__ = ["run"]
