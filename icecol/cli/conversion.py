"""`icecol convert`, `verify`, `export` and `to-i3`: from files to a dataset and back."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from icecol.cli.expressions import CutOption, FeatureOption, PulsesOption, events_of, listed, parts_of
from icecol.cli.program import stderr, stdout
from icecol.cli.progress import lines


def convert(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DATASET", help="Folder to create.")],
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Files, glob patterns, or folders of tables; their content tells the form."),
    ] = None,
    gcd: Annotated[
        Path | None,
        typer.Option(help="GCD file (or KM3NeT's .detx, .datx) to take the detector geometry from."),
    ] = None,
    keys: Annotated[
        list[str] | None,
        typer.Option("--keys", "-k", help="Frame keys to convert, as patterns; by default, all."),
    ] = None,
    pulses: Annotated[
        list[str] | None,
        typer.Option("--pulses", "-p", help="Pulse series to convert, as patterns; by default, all."),
    ] = None,
    stream: Annotated[
        list[str] | None,
        typer.Option("--stream", "-s", help="Sub-event streams to convert; by default, all."),
    ] = None,
    stop: Annotated[str, typer.Option(help="Frames that become rows: P (physics) or Q (DAQ).")] = "P",
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Number of processes; by default, one per core.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing dataset once the new one is complete.")
    ] = False,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Accept damaged files, keeping their intact frames.")
    ] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Make an empty dataset if the files have no events.")
    ] = False,
    files_from: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Read file names from here, one per line.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Check the checksum of every frame.")
    ] = True,
) -> None:
    """Convert files into a dataset of Parquet files: one row per event.

    Reads .i3 files, HDF5 and tables of IceTray's tableio, GraphNeT, Prometheus, KM3NeT's offline ROOT files, and
    Parquet files of pulses. --pulses, --stream, --stop and --no-verify are for .i3 files.

    An interrupted conversion resumes where it stopped when the same command is run again. Damage is reported with
    file, frame and byte offset; all intact frames are kept, and the exit code is 1 unless --skip-damaged is given.

      icecol convert Level2_*.i3.zst --gcd GCD.i3.gz -p "SRT*" -o level2.icecol
    """
    import icecol as ic
    from icecol.convert.forms import files_in
    from icecol.files import distinct

    names = [*(files or []), *(_lines(files_from) if files_from else [])]
    if not names:
        msg = "give the files to convert, or --files-from"
        raise typer.BadParameter(msg, param_hint="FILES")
    paths = distinct(files_in(names))
    begin = time.perf_counter()
    done = {"events": 0, "bytes": 0, "files": 0}
    of_i3: dict[str, tuple[Any, Any]] = {
        "pulses": (listed(pulses), None),
        "streams": (listed(stream), None),
        "stop": (stop, "P"),
        "verify": (verify, True),
    }
    with _progress(len(paths), done) as progress:
        try:
            dataset = ic.convert.files(
                paths,
                out,
                gcd=gcd,
                keys=listed(keys),
                jobs=jobs,
                overwrite=overwrite,
                skip_damaged=True,
                allow_empty=allow_empty,
                progress=progress,
                **{name: value for name, (value, default) in of_i3.items() if value != default},
            )
        except KeyboardInterrupt:
            stderr.print(
                f"icecol: interrupted: {done['files']} of {len(paths)} files are done; "
                "run the same command again to resume",
                style="yellow",
            )
            raise typer.Exit(130) from None
    seconds = time.perf_counter() - begin
    size = dataset.manifest.bytes / 1e6
    stdout.print(
        f"{out}: {dataset.rows:,} events, {len(dataset.schema.names)} columns, {size:,.1f} MB from {len(paths)} "
        f"{'file' if len(paths) == 1 else 'files'} "
        f"in {seconds:.1f} s ({_rates(done, seconds)})",
        soft_wrap=True,
    )
    if dataset.geometry is not None and gcd is None:
        stderr.print(
            "no --gcd: using the geometry in the files or, where there is none, the nominal detector",
            style="dim",
        )
    damaged = [s for s in dataset.manifest.sources if s.status != "ok"]
    for source in damaged:
        for line in source.describe_damage():
            stderr.print(f"damaged: {line}", style="yellow")
    if damaged and not skip_damaged:
        stderr.print(
            f"icecol: error: {len(damaged)} of {len(dataset.manifest.sources)} files are damaged; {out} has all "
            "intact frames (--skip-damaged accepts this)",
            style="red",
        )
        raise typer.Exit(1)


def verify(dataset: Annotated[Path, typer.Argument(help="A dataset made by `icecol convert`.")]) -> None:
    """Check the integrity of a dataset: the row count and checksum of every part against the manifest.

    icecol verify level2.icecol
    """
    import icecol as ic

    ds = ic.open_dataset(dataset)
    ds.verify()
    n = len(ds.manifest.parts)
    stdout.print(f"{dataset}: all {n:,} parts are as they were written", soft_wrap=True)


def _lines(name: str) -> list[str]:
    text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _rates(done: Mapping[str, int], seconds: float) -> str:
    seconds = max(seconds, 1e-3)
    return f"{done['events'] / seconds:,.0f} events/s, {done['bytes'] / 1e6 / seconds:,.0f} MB/s decompressed"


@contextmanager
def progress_of(files: list[str]) -> Iterator[Any]:
    """Show the progress of a conversion of files, given by names or patterns."""
    from icecol.files import distinct
    from icecol.i3.frames.files import files_of

    with _progress(len(distinct(files_of(files))), {"events": 0, "bytes": 0, "files": 0}) as progress:
        yield progress


@contextmanager
def _progress(n_files: int, done: dict[str, int]) -> Iterator[Any]:
    """Show a progress bar over the files with rates, or lines in a log, counting into `done`."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("files"),
        TextColumn("{task.fields[rates]}"), TimeElapsedColumn(),
    )  # fmt: skip
    begin = time.perf_counter()
    bars = Progress(*columns, console=stderr.console, transient=True, disable=not stderr.is_terminal)
    with bars as bar, lines("files", n_files) as log:
        task = bar.add_task("converting", total=n_files, rates="")

        def count(_file: str, events: int, n_bytes: int, files: int) -> None:
            # the events and the end of a file in one call: an earlier run converted it, so it says nothing about speed
            for name, n in (("events", 0 if files else events), ("bytes", n_bytes), ("files", files)):
                done[name] += n
            rates = _rates(done, time.perf_counter() - begin)
            bar.update(task, completed=done["files"], rates=rates)
            log(files, rates)

        yield count


def to_i3(
    dataset: Annotated[Path, typer.Argument(help="A dataset made by `icecol convert`.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE.i3|FOLDER",
            help="A single output file, or a folder for one file per input.",
        ),
    ],
    files: Annotated[
        list[str] | None,
        typer.Argument(help="The .i3 files the events come from; by default, the sources of the dataset."),
    ] = None,
    cut: CutOption = None,
    pulses: PulsesOption = None,
    feature: FeatureOption = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key", "-k", metavar="KEY", help="Write the columns KEY.* into the frames; may be repeated."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace objects that already exist under these keys.")
    ] = False,
    drop: Annotated[
        str, typer.Option(metavar="STOPS", help="Stops of the frames to leave out, such as GCD.")
    ] = "",
    level: Annotated[int | None, typer.Option(help="Compression level; by default, that of IceTray.")] = None,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Keep the intact frames of damaged files.")
    ] = False,
) -> None:
    """Write the frames of the events that pass all cuts to .i3 files, with features as frame objects.

    Computed features are added to the frames under their names: a fit becomes an I3Particle with its parameters beside
    it, cut variables become their class, other numbers an I3MapStringDouble. All other objects are copied byte for
    byte, and IceTray can read the files.

      icecol to-i3 level2.icecol -p SRTInIcePulses -f Q=charge -c "bright=Q.total > 100" -o bright.i3.zst
    """
    import icecol as ic

    ds = ic.open_dataset(dataset)
    events, _ = events_of(ds, pulses, feature, cut)
    computed = [parts_of(text)[0] for text in feature or ()]
    written = ic.convert.to_i3(
        events,
        files or [source.path for source in ds.manifest.sources],
        out,
        features=[*computed, *(listed(key) or ())],
        replace=replace,
        drop=drop,
        skip_damaged=skip_damaged,
        level=level,
    )
    for path, n in written.items():
        stdout.print(f"{path}: {n:,} events", soft_wrap=True)


def export(
    dataset: Annotated[Path, typer.Argument(help="A dataset made by `icecol convert`.")],
    to: Annotated[
        str, typer.Option("--to", metavar="FORM", help="hdf5, root, rntuple, graphnet, skyllh or csv.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE|FOLDER", help="File to write; for graphnet, a folder."),
    ],
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column", "-k", help="Columns to write, as patterns; by default, all. May be repeated."
        ),
    ] = None,
    cut: CutOption = None,
    pulses: PulsesOption = None,
    feature: FeatureOption = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=VALUE",
            help="Further arguments: primary=KEY of graphnet; fit=KEY, energy=COLUMN, ang_err=COLUMN, truth=KEY, "
            "weight=COLUMN of skyllh.",
        ),
    ] = None,
) -> None:
    """Write the events that pass all cuts in the form of another program, with computed features.

    hdf5 has the tables of IceTray's tableio, root a TTree (rntuple an RNTuple), graphnet Parquet folders of the series
    given by --pulses, csv the columns with one value per event. What is blind in the dataset stays blind.

      icecol export level2.icecol --to hdf5 -k "LineFit.*" -k "I3MCWeightDict.*" -o level2.h5
    """
    import icecol as ic

    ds = ic.open_dataset(dataset)
    events, _ = events_of(ds, pulses, feature, cut)
    write, arguments = _writer(to, option or (), listed(column))
    if to == "graphnet":
        if pulses is None:
            msg = f"graphnet needs --pulses KEY; pulse series in {dataset}: {', '.join(ds.pulse_keys)}"
            raise typer.BadParameter(msg, param_hint="--pulses")
        arguments["pulses"] = ds.pulses(pulses)
    made = write(events, out, **arguments)
    for path in made if isinstance(made, list) else [made]:
        stdout.print(f"{path}: {path.stat().st_size / 1e6:,.1f} MB", soft_wrap=True)


def _writer(to: str, options: Iterable[str], columns: list[str] | None) -> tuple[Any, dict[str, Any]]:
    """Find the function that writes a form, and its arguments from texts such as `primary=MCPrimary`."""
    import icecol as ic

    forms: dict[str, tuple[Any, dict[str, Any], tuple[str, ...]]] = {
        "hdf5": (ic.export.hdf5, {"columns": columns}, ()),
        "root": (ic.export.root, {"columns": columns}, ("tree",)),
        "rntuple": (ic.export.root, {"columns": columns, "kind": "RNTuple"}, ("tree",)),
        "graphnet": (ic.export.graphnet, {}, ("primary",)),
        "skyllh": (ic.export.skyllh, {}, ("fit", "energy", "ang_err", "truth", "weight")),
        "csv": (ic.export.csv, {"columns": columns}, ()),
    }
    if to not in forms:
        msg = (
            f"{to!r} is not a form that can be written; forms: {', '.join(forms)} (and .i3 by `icecol to-i3`)"
        )
        raise typer.BadParameter(msg, param_hint="--to")
    write, arguments, known = forms[to]
    if columns and "columns" not in arguments:
        msg = f"{to} has columns of its own: {', '.join(f'--option {name}=...' for name in known)}"
        raise typer.BadParameter(msg, param_hint="--column")
    for text in options:
        name, _, value = (part.strip() for part in text.partition("="))
        if name not in known or not value:
            msg = f"{text!r} is not NAME=VALUE with a name that {to} has ({', '.join(known) or 'none'})"
            raise typer.BadParameter(msg, param_hint="--option")
        arguments[name] = value
    lacking = [name for name in known[:3] if to == "skyllh" and name not in arguments]
    if lacking:
        msg = f"skyllh needs {', '.join(f'--option {name}=...' for name in lacking)}"
        raise typer.BadParameter(msg, param_hint="--option")
    return write, arguments
