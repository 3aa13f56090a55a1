"""`icecol filter`: a stream of frames filtered online, as at the South Pole."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from icecol.cli.expressions import FeatureOption, PulsesOption, features_of
from icecol.cli.program import stdout
from icecol.terminal import frame

if TYPE_CHECKING:
    from icecol.filters import State


def filter_stream(
    source: Annotated[
        str, typer.Argument(help="A folder of .i3 files, a file, or - for frames on standard input.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="Folder for what is sent, held and monitored; a run goes on in its own."
        ),
    ],
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            "-F",
            metavar="NAME[/PRESCALE][=EXPR]",
            help="A filter: an SQL condition such as 'bright=Q.total > 1000', one of which every hundredth event is "
            "kept, as in 'minbias/100=true', or an online filter of IceCube by its name. May be repeated, the most "
            "important first.",
        ),
    ] = None,
    pulses: PulsesOption = None,
    feature: FeatureOption = None,
    gcd: Annotated[
        Path | None,
        typer.Option("--gcd", help="File with the geometry, if it does not come with the stream."),
    ] = None,
    stop: Annotated[
        str, typer.Option("--stop", help="Frames that are events: Q, those of the DAQ, or P.")
    ] = "Q",
    events: Annotated[int, typer.Option("--events", min=1, help="Write after this many events ...")] = 10_000,
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="... or after this time.")] = 10.0,
    bytes_per_day: Annotated[
        float | None, typer.Option("--bytes-per-day", help="Budget of what is sent, compressed.")
    ] = None,
    variables: Annotated[
        Path | None, typer.Option("--variables", metavar="FILE", help="TOML file of variables to histogram.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the prescales.")] = 0,
    watch: Annotated[bool, typer.Option("--watch", help="Wait for further files in the folder.")] = False,
    acknowledge: Annotated[
        bool,
        typer.Option(
            "--acknowledge",
            help="Print a line of JSON for each segment that is written, with the last run and event number.",
        ),
    ] = False,
) -> None:
    """Filter a stream of frames online: features, conditions, prescales, a budget; rates and histograms by the minute.

    Killed at any moment and started again, it goes on where it was; nothing is lost or sent twice.

      icecol filter incoming/ -o online -p InIcePulses -f Q=charge -F "bright=Q.total > 1000" -F "all/100=true"
    """
    import icecol as ic

    if not filters:
        msg = "give at least one filter, such as --filter 'bright=Q.total > 1000'"
        raise typer.BadParameter(msg, param_hint="--filter")
    if feature and pulses is None:
        msg = "features need --pulses KEY"
        raise typer.BadParameter(msg, param_hint="--pulses")
    chosen, prescales = _filters(filters)

    def told(state: State) -> None:
        sys.stdout.write(json.dumps({"segments": state.segments, "last": state.last}) + "\n")
        sys.stdout.flush()

    state = ic.filters.run(
        source,
        out,
        features=features_of(feature or [], pulses) if pulses is not None else {},
        filters=chosen,
        prescales=prescales,
        seed=seed,
        gcd=gcd,
        stop=stop,
        events=events,
        seconds=seconds,
        bytes_per_day=bytes_per_day,
        histograms=ic.hist.load_variables(variables) if variables is not None else None,
        watch=watch,
        acknowledge=told if acknowledge else None,
    )
    if not acknowledge and state.segments:
        stdout.print(frame(ic.filters.monitoring(out)))


def _filters(texts: list[str]) -> tuple[dict[str, Any], dict[str, float]]:
    """Read filters and their prescales."""
    from icecol.filters import FILTERS
    from icecol.filters.online import chosen
    from icecol.hist.text import parse

    found: dict[str, Any] = {}
    prescales: dict[str, float] = {}
    for text in texts:
        named, equals, condition = text.partition("=")
        name, slash, prescale = (part.strip() for part in named.partition("/"))
        if name in found:
            msg = f"two filters are named {name!r}"
            raise typer.BadParameter(msg, param_hint="--filter")
        if slash:
            try:
                prescales[name] = float(prescale)
            except ValueError:
                msg = f"{text!r}: the prescale {prescale!r} is not a number, as in minbias/100=true"
                raise typer.BadParameter(msg, param_hint="--filter") from None
        if not equals:
            chosen(name)
            found[name] = FILTERS[name]
            continue
        try:
            found[name] = parse(condition.strip())
        except ValueError as err:
            raise typer.BadParameter(str(err), param_hint="--filter") from err
    return found, prescales
