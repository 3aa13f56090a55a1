"""`icecol compile`: machine code for processes that only load it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from icecol.cli.program import stderr, stdout


def compile_ahead(
    features: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FEATURE",
            help="Features of icecol.reco, or simulation, conversion, frames, histogram; by default, everything.",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the machine code; by default, that of this user."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Number of processes; by default, one per core.")
    ] = None,
    portable: Annotated[
        bool,
        typer.Option(
            "--portable",
            help="For all processors with the instructions of x86-64-v3, not for this one alone.",
        ),
    ] = False,
) -> None:
    """Compile features ahead, so that jobs on other machines find their machine code in ICECOL_CACHE.

    What is there already is not compiled again.

      icecol compile --cache /data/icecol-cache --portable
      ICECOL_CACHE=/data/icecol-cache python job.py
    """
    from icecol import ahead

    begin, functions, cpu, failed = time.perf_counter(), 0, 0.0, 0
    for done in ahead.compile_ahead(features or (), cache=cache, jobs=jobs, portable=portable):
        functions += len(done.functions)
        cpu += done.cpu
        if done.error is not None:
            failed += 1
            stderr.print(f"icecol: {done.name}: {done.error}", style="bold red", markup=False)
        else:
            what = f"{len(done.functions)} compiled" if done.functions else "nothing to compile"
            stdout.print(f"{done.name:<32} {what:<18} {done.cpu:6.1f} s", markup=False)
    wall = time.perf_counter() - begin
    stdout.print(
        f"{functions} functions in {wall:.1f} s ({cpu:.1f} s of processor time)",
        style="bold",
        highlight=False,
    )
    if failed:
        raise typer.Exit(1)
