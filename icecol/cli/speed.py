"""`icecol bench`: how fast a feature is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from icecol.cli.expressions import PulsesOption, as_usage
from icecol.cli.program import stdout


def bench(
    feature: Annotated[
        str,
        typer.Argument(
            metavar="FEATURE",
            help="A feature such as linefit, 'spe_fit, BFGS' or 'linefit(min_hits=5)', or a kernel or function of your "
            "own, module:function or kernels.py:function.",
        ),
    ],
    events: Annotated[
        Path | None,
        typer.Argument(metavar="EVENTS", help="A dataset or an .i3 file; by default, simulated muons."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="OTHER", help="Run another feature in turn with it, and compare the answers."),
    ] = None,
    pulses: PulsesOption = None,
    gcd: Annotated[Path | None, typer.Option(help="GCD file for an .i3 file.")] = None,
    size: Annotated[int, typer.Option(min=8, max=1000, help="Pulses of a simulated event, about.")] = 60,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Relative difference up to which answers agree.")
    ] = 1e-9,
    repeat: Annotated[int, typer.Option(min=1, help="Runs of each way after one to warm up.")] = 3,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Leave out rivals, fresh processes, and events of 3,000 pulses on."),
    ] = False,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep all figures as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Plot the time of a pulse.")] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="OLD.json", help="Compare the times with those of an earlier run.")
    ] = None,
) -> None:
    """Measure how fast a feature is: bare loop, lazy plan, frame by frame, rivals, floors; answers are compared.

    Needs no data, and takes less than a minute. Answers that differ are printed, and are no error.

      icecol bench linefit --json linefit.json
      icecol bench linefit --against improved_linefit --compare linefit.json
    """
    from icecol.speed.measure import SIZES
    from icecol.speed.measure import bench as measure
    from icecol.speed.result import load
    from icecol.speed.subject import subject_of

    old = None if compare is None else load(compare)
    with as_usage("FEATURE"):
        subject_of(feature)
    with as_usage("--against"):
        other = None if against is None else subject_of(against).name
    found = measure(
        feature,
        against=other,
        events=events,
        pulses=pulses,
        gcd=gcd,
        size=size,
        sizes=[n for n in SIZES if n <= 1000] if quick else SIZES,
        tolerance=tolerance,
        repeat=repeat,
        rivals=not quick,
        fresh=not quick,
    )
    for shown in found.tables():
        stdout.print(shown)
        stdout.print()
    differ = found.disagreements()
    for line in found.lines():
        stdout.print(line, style="bold red" if line in differ else None, soft_wrap=True)
    if old is not None:
        from icecol.speed.result import comparison

        stdout.print()
        stdout.print(comparison(found, old))
        if old.about["machine"] != found.about["machine"]:
            stdout.print(f"{compare} is of another machine: {old.about['machine']}", style="yellow")
    if json is not None:
        stdout.print(f"{found.save(json)}: {found.rows.height} figures", soft_wrap=True)
    if plot is not None:
        from icecol.plot import save

        save(found.plot(), plot)
        stdout.print(str(plot), soft_wrap=True)
