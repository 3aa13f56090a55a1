"""`icecol plan`, `run`, `status`, `merge` and `submit`: jobs in chunks, on one machine or a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from icecol.cli.expressions import CutOption, FeatureOption, PulsesOption, WeightOption, listed, parts_of
from icecol.cli.program import stderr, stdout
from icecol.cli.progress import lines
from icecol.places import recorded

JobArgument = Annotated[Path, typer.Argument(metavar="JOB", help="Folder of a job made by `icecol plan`.")]
VersionsOption = Annotated[
    bool,
    typer.Option(
        "--allow-versions", help="Accept versions other than those of the plan; they are on record."
    ),
]


def plan(
    job: Annotated[Path | None, typer.Argument(metavar="JOB.toml", help="What is to be done.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="Folder of the job; by default, JOB.job."),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", metavar="PATTERN", help="Datasets or .i3 files; may be repeated."),
    ] = None,
    per_chunk: Annotated[
        int | None,
        typer.Option(min=1, help="Files, or parts of a dataset, in each chunk; by default, some 256 MB."),
    ] = None,
    analysis: Annotated[
        str | None,
        typer.Option(metavar="FILE.py:FUNCTION", help="Function that takes a dataset and returns what adds."),
    ] = None,
    pulses: PulsesOption = None,
    feature: FeatureOption = None,
    cut: CutOption = None,
    weight: WeightOption = None,
    variables: Annotated[
        Path | None,
        typer.Option("--variables", metavar="FILE", help="TOML file of variables, each a histogram."),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(
            "--table", metavar="PATTERN", help="Columns of a table of the events that pass; may be repeated."
        ),
    ] = None,
    checksums: Annotated[
        bool, typer.Option("--checksums/--no-checksums", help="Read input files to take their checksums.")
    ] = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a job that is there, with all of its results.")
    ] = False,
) -> None:
    """Divide a job into chunks, each of which `icecol run` can do on any machine that sees the folder.

    What to do stands in a TOML file, or is given by options, or both.

      icecol plan job.toml
      icecol plan -i level2.icecol -p SRTInIcePulses -f Q=charge -c "bright=Q.total > 99" --table "Q.*" -o b.job
    """
    import tomllib

    import icecol as ic

    spec: dict[str, Any] = {} if job is None else ic.batch.read_job(job)
    given: dict[str, Any] = {
        "inputs": [recorded(name) for name in inputs or ()],
        "per_chunk": per_chunk,
        "analysis": _absolute(analysis),
        "pulses": pulses,
        "features": feature and [_absolute_feature(text) for text in feature],
        "weight": weight,
        "cuts": dict(_cut(text) for text in cut or ()),
        "histograms": variables and tomllib.loads(variables.read_text(encoding="utf-8")),
        "tables": table and {"selected": {"columns": listed(table)}},
    }
    spec |= {name: value for name, value in given.items() if value}
    folder = out or (None if job is None else job.with_suffix(".job"))
    if folder is None:
        msg = "give the folder of the job"
        raise typer.BadParameter(msg, param_hint="--out")
    base = Path() if job is None else job.parent
    made = ic.batch.plan(spec, folder, base=base, checksums=checksums, overwrite=overwrite)
    stdout.print(f"{folder}: {_chunks(len(made.chunks))}", soft_wrap=True)
    stdout.print(
        f"icecol run {folder}              all of them here; --chunk 0 one of them, on any machine",
        style="dim",
    )
    stdout.print(f"icecol submit {folder} --slurm   as a job array", style="dim")


def run(
    job: JobArgument,
    chunk: Annotated[
        list[str] | None,
        typer.Option(
            "--chunk", "-c", help="Chunks to run, as in 3 or 0-9; by default, all that are not done."
        ),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Number of processes; by default, one per core.")
    ] = None,
    allow_versions: VersionsOption = False,
    again: Annotated[bool, typer.Option("--again", help="Run chunks that are done once more.")] = False,
) -> None:
    """Run chunks of a job. One that is done is not run again; one that was killed leaves nothing behind.

    icecol run bright.job --chunk 7
    """
    import icecol as ic
    from icecol.batch.execution import run_chunks

    planned = ic.batch.open_job(job)
    chosen = list(range(len(planned.chunks))) if not chunk else _numbers(chunk)
    failed = 0
    with lines("chunks", len(chosen)) as count:
        for i, outcome in run_chunks(planned, chosen, jobs=jobs, allow_versions=allow_versions, again=again):
            count(1)
            if isinstance(outcome, Exception):
                failed += 1
                stderr.print(f"icecol: chunk {i}: {outcome}", style="red", markup=False)
            else:
                stdout.print(f"chunk {i}: {'done' if outcome else 'was done before'}")
    if failed:
        raise typer.Exit(1)


def status(job: JobArgument) -> None:
    """Show which chunks of a job are done, which failed and why, and which are missing. Exit code 0: all are done.

    icecol status bright.job
    """
    import icecol as ic
    from icecol.batch.jobs import numbers

    found = ic.batch.status(job)
    stdout.print(f"{job}: {len(found.done)} of {_chunks(found.n)} done")
    if found.outdated:
        i, why = next(iter(found.outdated.items()))
        stdout.print(
            f"by other versions: {numbers(found.outdated)} (chunk {i} by {why})",
            style="yellow",
            soft_wrap=True,
        )
    for i, why in found.failed.items():
        stdout.print(f"chunk {i} failed: {why}", style="red", soft_wrap=True)
    if found.begun:
        stdout.print(f"running or killed: {numbers(found.begun)}", soft_wrap=True)
    waiting = sorted({*found.missing} - {*found.failed, *found.begun})
    if waiting:
        stdout.print(f"not begun: {numbers(waiting)}", soft_wrap=True)
    if len(found.done) < found.n:
        raise typer.Exit(1)


def merge(
    job: JobArgument,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out chunks that are not done; they are on record.")
    ] = False,
    allow_versions: VersionsOption = False,
) -> None:
    """Add the results of all chunks of a job and write them into its folder `result`.

    icecol merge bright.job
    """
    import icecol as ic

    ic.batch.merge(job, allow_missing=allow_missing, allow_versions=allow_versions)
    folder = job / "result"
    stdout.print(f"{folder}: {', '.join(sorted(p.name for p in folder.iterdir()))}", soft_wrap=True)


def submit(
    job: JobArgument,
    slurm: Annotated[bool, typer.Option("--slurm", help="As a Slurm job array, by sbatch.")] = False,
    condor: Annotated[
        bool, typer.Option("--condor", help="As an HTCondor DAG, by condor_submit_dag.")
    ] = False,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", metavar="NAME=VALUE", help="Of the engine, such as time=2:00:00; may be repeated."
        ),
    ] = None,
    at_once: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of chunks that run at a time.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write the files, and submit nothing.")] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Merge even if chunks failed; they are on record.")
    ] = False,
) -> None:
    """Submit the chunks of a job that are not done, and their merging after them.

    icecol submit bright.job --slurm --option time=2:00:00 --option mem=4G
    """
    import icecol as ic
    from icecol.batch import condor as condors
    from icecol.batch import slurm as slurms

    if slurm == condor:
        msg = "give --slurm or --condor"
        raise typer.BadParameter(msg, param_hint="--slurm")
    planned = ic.batch.open_job(job)
    options = dict(text.partition("=")[::2] for text in option or ())
    engine: Any = slurms if slurm else condors
    paths = engine.write(planned, options, at_once=at_once, allow_missing=allow_missing)
    for path in paths:
        stdout.print(str(path), soft_wrap=True)
    if not paths:
        stdout.print(f"{job}: all chunks are done; `icecol merge {job}` adds their results")
    elif not dry_run:
        stdout.print(engine.submit(paths, allow_missing=allow_missing))


def doctor(
    job: Annotated[
        Path | None, typer.Option(metavar="JOB", help="Compare with what a job was planned with.")
    ] = None,
) -> None:
    """Check the environment of this machine: versions, compiled code, CPUs and temporary files.

    The exit code is 1 if something is wrong.

      icecol doctor --job bright.job
    """
    import os
    import shutil
    import tempfile

    import icecol as ic
    from icecol.batch.versions import differences, versions
    from icecol.convert.processes import usable
    from icecol.jit.cache import folders

    found, wrong = versions(), []
    for name, version in found.items():
        stdout.print(f"{name:<18} {version}")
    stdout.print(f"{'CPUs':<18} {usable()}")
    for place in folders():
        code = len(list(place.glob("*.nbc"))) if place.is_dir() else 0
        stdout.print(f"{'compiled code':<18} {place}: {code} functions", soft_wrap=True)
    first = folders()[0]
    above = next(p for p in (first, *first.absolute().parents) if p.exists())
    if not os.access(above, os.W_OK):
        wrong.append(
            f"{first} cannot be written: set NUMBA_CACHE_DIR, or fill ICECOL_CACHE by icecol compile --cache"
        )
    free = shutil.disk_usage(tempfile.gettempdir()).free
    stdout.print(f"{'temporary files':<18} {tempfile.gettempdir()}: {free / 1e9:.1f} GB free", soft_wrap=True)
    if free < 1e9:
        wrong.append(f"{tempfile.gettempdir()} has less than 1 GB: set TMPDIR")
    if job is not None and (differ := differences(ic.batch.open_job(job).versions, found)):
        wrong.append(f"{job} was planned with other versions: {differ}")
    for line in wrong:
        stderr.print(f"icecol: {line}", style="red", markup=False)
    if wrong:
        raise typer.Exit(1)


def _chunks(n: int) -> str:
    return f"{n:,} {'chunk' if n == 1 else 'chunks'}"


def _absolute(where: str | None) -> str | None:
    if where is None:
        return None
    path, _, name = where.rpartition(":")
    return f"{Path(path).absolute()}:{name}" if path.endswith(".py") else where


def _absolute_feature(text: str) -> str:
    where, colon, _ = parts_of(text)[1].rpartition(":")
    return text.replace(where, str(Path(where).absolute()), 1) if colon and where.endswith(".py") else text


def _cut(text: str) -> tuple[str, str]:
    name, _, rest = text.partition("=")
    if not rest.strip() or not name.strip():
        msg = f"{text!r} is not NAME=..., such as 'bright=Q.total > 100'"
        raise typer.BadParameter(msg, param_hint="--cut")
    return name.strip(), rest.strip()


def _numbers(texts: list[str]) -> list[int]:
    from icecol.cli.simulation import numbers_of

    return [k for text in texts for k in numbers_of(text, "--chunk", several=True)]
