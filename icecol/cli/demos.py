"""`icecol demo` and `icecol study`: analyses of simulated events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from icecol.cli.program import stdout


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for all files.")] = Path("icecol-demo"),
    events: Annotated[int, typer.Option("--events", "-n", min=2)] = 3000,
    seed: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """Run a whole analysis on simulated events: no data, no network, about a minute the first time.

    [dim]icecol demo[/]
    """
    from icecol import demo as demonstration

    demonstration.run(out, events=events, seed=seed, console=stdout)


def study(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for study.json and the plots.")] = Path(
        "icecol-study"
    ),
    muons: Annotated[int, typer.Option("--muons", min=0, help="Simulated muons; 0 leaves them out.")] = 600,
    cascades: Annotated[
        int, typer.Option("--cascades", min=0, help="Simulated cascades; 0 leaves them out.")
    ] = 600,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    losses: Annotated[
        bool, typer.Option("--losses/--no-losses", help="Let muons shine in single losses, or evenly.")
    ] = True,
) -> None:
    """Study how well reconstructions do on simulated muons and cascades: tables, plots, and one JSON file.

    Angles of the track fits by zenith and charge, energies by true energy, and vertices and times of cascades.

    [dim]icecol study --muons 2000 -o study[/]
    """
    from icecol import study as resolution

    if muons + cascades == 0:
        msg = "there is nothing to study without --muons and without --cascades"
        raise typer.BadParameter(msg, param_hint="--muons")
    resolution.run(out, muons=muons, cascades=cascades, seed=seed, losses=losses, console=stdout)
