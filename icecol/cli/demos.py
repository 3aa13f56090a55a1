"""`icecol demo` and `icecol study`: analyses of simulated events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from icecol.cli.program import stdout


def demo(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output folder: icecol-demo or icecol-discovery.")
    ] = None,
    events: Annotated[int, typer.Option("--events", "-n", min=2, help="Number of simulated events.")] = 3000,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 1,
    discovery: Annotated[
        bool, typer.Option("--discovery", help="The discovery of 2013, from simulated photons to a p-value.")
    ] = False,
    size: Annotated[float, typer.Option(help="Discovery: part of the full simulation; 0.04 is quick.")] = 1.0,
    norm: Annotated[
        float, typer.Option(min=0, help="Discovery: flux that nature has, per flavor at 100 TeV, in 1e-18.")
    ] = 1.5,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Discovery: processes; by default, one per core."),
    ] = None,
) -> None:
    """Run a complete analysis on simulated events: needs no data and no network, takes about a minute the first time.

    With --discovery, that of the first high-energy neutrinos from beyond the atmosphere; one that was killed goes on.

      icecol demo --discovery -o icecol-discovery
    """
    if discovery:
        from icecol import discovery as found

        found.run(
            out or "icecol-discovery", size=size, seed=seed, norm=norm, jobs=jobs, console=stdout.console
        )
        return
    from icecol import demo as demonstration

    demonstration.run(out or "icecol-demo", events=events, seed=seed, console=stdout.console)


def study(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Output folder for study.json and the plots.")
    ] = Path("icecol-study"),
    muons: Annotated[
        int, typer.Option("--muons", min=0, help="Number of simulated muons; 0 skips the track fits.")
    ] = 600,
    cascades: Annotated[
        int, typer.Option("--cascades", min=0, help="Number of simulated cascades; 0 skips the cascade fits.")
    ] = 600,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 1,
    losses: Annotated[
        bool,
        typer.Option(
            "--losses/--no-losses", help="Simulate stochastic losses along muon tracks, or uniform emission."
        ),
    ] = True,
) -> None:
    """Study the resolution of the reconstructions on simulated muons and cascades: tables, plots and one JSON file.

    Angular resolution of the track fits by zenith and charge, energy resolution by true energy, and vertex and time
    resolution for cascades.

      icecol study --muons 2000 -o study
    """
    from icecol import study as resolution

    if muons + cascades == 0:
        msg = "there is nothing to study: --muons and --cascades are both 0"
        raise typer.BadParameter(msg, param_hint="--muons")
    resolution.run(out, muons=muons, cascades=cascades, seed=seed, losses=losses, console=stdout.console)
