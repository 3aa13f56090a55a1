"""`icecol view`: the event display."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from icecol.cli.program import stdout


def view(
    files: Annotated[
        list[str],
        typer.Argument(
            help=".i3 files or glob patterns, read as one stream (a GCD file first), or a dataset."
        ),
    ],
    run: Annotated[int | None, typer.Option("--run", "-r", help="Run number.")] = None,
    event: Annotated[
        list[int] | None, typer.Option("--event", "-e", help="Event number; may be given several times.")
    ] = None,
    number: Annotated[
        int,
        typer.Option("--number", "-n", min=1, help="Without --run and --event: show the N brightest events."),
    ] = 1,
    pulses: Annotated[
        list[str] | None,
        typer.Option(
            "--pulses", "-p", help="Pulse series to offer, or patterns; the first is shown. All by default."
        ),
    ] = None,
    gcd: Annotated[
        Path | None, typer.Option("--gcd", "-g", help="GCD file or geometry.parquet with the positions.")
    ] = None,
    stop: Annotated[str, typer.Option("--stop", help="Frames that are events: P or Q.")] = "P",
    out: Annotated[Path, typer.Option("--out", "-o", help="Page to write.")] = Path("event.html"),
    show: Annotated[bool, typer.Option("--open", help="Open the page in the default browser.")] = False,
) -> None:
    """Write an event display: one HTML page that opens from disk, without a network.

    The light in the detector over time, tracks and cascades, the charge of each DOM, and all values of the event.
    Without --run and --event it is the brightest event. Press ? on the page for its keys.

      icecol view Level2.i3.zst --event 42 -p SRTInIcePulses -o event.html
      icecol view GCD.i3.gz Level2.i3.zst -n 10
    """
    from icecol.view import view as display

    source = files[0] if len(files) == 1 else files
    made = display(source, run=run, event=event, n=number, pulses=pulses or None, gcd=gcd, stop=stop)
    written = made.save(out)
    stdout.print(f"{written}: {repr(made).removeprefix('Display(').removesuffix(')')}", soft_wrap=True)
    if show:
        webbrowser.open(written.absolute().as_uri())
