"""The command line, `icecol ...`: arguments, progress and printing; all work is done by the library.

Exit codes: 0 all right, 1 an error or damaged input, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from typer.core import TyperGroup

from icecol.errors import IcecolError

if TYPE_CHECKING:
    import polars as pl

    from icecol.dataset.pulses import Pulses
    from icecol.dataset.scan import Dataset
    from icecol.hist import Hist
    from icecol.i3.container import Damage
    from icecol.i3.survey import Survey

# Libraries that take time to load are imported in the commands that need them: `icecol --help` must be quick.

_out: Final = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
_err: Final = Console(stderr=True, highlight=False, soft_wrap=True)


class _Commands(TyperGroup):
    """Turns the errors of all commands into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _err.print("icecol: interrupted", style="yellow")
            raise typer.Exit(130) from None
        except (IcecolError, OSError, ValueError, TypeError) as err:
            if ctx.params.get("debug") or isinstance(err, BrokenPipeError):
                raise
            _fail(err)
        except Exception as err:
            if ctx.params.get("debug") or not type(err).__module__.startswith("polars"):
                raise
            _fail(err)


def _fail(err: Exception) -> None:
    _err.print("icecol: error:", style="bold red", end=" ")
    _err.print(str(err).strip() or repr(err), markup=False)
    raise typer.Exit(1) from err


app = typer.Typer(
    cls=_Commands,
    name="icecol",
    help="Columnar analysis of neutrino-telescope events: reads IceCube's .i3 files without IceTray.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _warn(message: Warning | str, *_where: Any, **_more: Any) -> None:
    _err.print("icecol: warning:", style="bold yellow", end=" ")
    _err.print(str(message), markup=False)


def main() -> None:
    """Run the command line."""
    warnings.showwarning = _warn
    app()


def _version(show: bool) -> None:
    if show:
        from icecol import __version__

        _out.print(f"icecol {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del debug, version  # seen by _Commands and _version


_CutOption = Annotated[
    list[str] | None,
    typer.Option("--cut", "-c", metavar="NAME=EXPR", help="A named cut; may be repeated, order counts."),
]
_FeatureOption = Annotated[
    list[str] | None,
    typer.Option(
        "--feature",
        "-f",
        metavar="[NAME=]FEATURE",
        help="Such as linefit, LineFit=improved_linefit, 'ToI=tensor_of_inertia(min_hits=5)', or a kernel of "
        "your own, kernels.py:early_late. Its fields are the columns NAME.field. May be repeated.",
    ),
]
_PulsesOption = Annotated[
    str | None, typer.Option("--pulses", "-p", metavar="KEY", help="The pulse series that features read.")
]
_WeightOption = Annotated[
    str | None, typer.Option("--weight", "-w", metavar="EXPR", help="Weight of an event.")
]


# -- convert ----------------------------------------------------------------------------------------------------------


@app.command()
def convert(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DATASET", help="Folder to make.")],
    files: Annotated[list[str] | None, typer.Argument(help="Files or patterns, of any compression.")] = None,
    gcd: Annotated[Path | None, typer.Option(help="GCD file with the sensors.")] = None,
    keys: Annotated[
        list[str] | None,
        typer.Option("--keys", "-k", help="Frame keys to take, as patterns; all by default."),
    ] = None,
    pulses: Annotated[
        list[str] | None, typer.Option("--pulses", "-p", help="Pulse series to take; all by default.")
    ] = None,
    stream: Annotated[
        list[str] | None, typer.Option("--stream", "-s", help="Sub-event streams; all by default.")
    ] = None,
    stop: Annotated[str, typer.Option(help="Frames that are rows: P (physics) or Q (DAQ).")] = "P",
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Processes; one a core by default.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a finished dataset.")] = False,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Be content with the good frames of damaged files.")
    ] = False,
    files_from: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Read the names of files from here, one a line.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify/--no-verify", help="Check every checksum.")] = True,
) -> None:
    """Convert .i3 files into a dataset of Parquet files: one row an event.

    A run that was interrupted goes on where it stopped when the same command is given again. Damage is reported with
    file, frame and byte offset; all good frames are kept, and the exit code is 1 unless --skip-damaged is given.

    [dim]icecol convert Level2_*.i3.zst --gcd GCD.i3.gz -p "SRT*" -o level2.icecol[/]
    """
    import icecol as ic
    from icecol.i3.stream import files_of

    names = [*(files or []), *(_lines(files_from) if files_from else [])]
    if not names:
        msg = "give the files to convert, or --files-from"
        raise typer.BadParameter(msg, param_hint="FILES")
    paths = files_of(names)
    begin = time.perf_counter()
    done = {"events": 0, "bytes": 0, "files": 0}
    with _progress(len(paths), done) as progress:
        try:
            dataset = ic.convert.i3(
                paths,
                out,
                gcd=gcd,
                keys=_listed(keys),
                pulses=_listed(pulses),
                streams=_listed(stream),
                stop=stop,
                jobs=jobs,
                overwrite=overwrite,
                skip_damaged=True,
                verify=verify,
                progress=progress,
            )
        except KeyboardInterrupt:
            _err.print(
                f"icecol: interrupted: {done['files']} of {len(paths)} files are done; "
                "give the same command again to go on",
                style="yellow",
            )
            raise typer.Exit(130) from None
    seconds = time.perf_counter() - begin
    size = dataset.manifest.bytes / 1e6
    _out.print(
        f"{out}: {dataset.rows:,} events, {len(dataset.schema.names)} columns, {size:,.1f} MB from {len(paths)} files "
        f"in {seconds:.1f} s ({_rates(done, seconds)})",
        soft_wrap=True,
    )
    if dataset.geometry is not None and gcd is None:
        _err.print(
            "no --gcd: sensors are those that the files have, or else the nominal detector's", style="dim"
        )
    damaged = [s for s in dataset.manifest.sources if s.status != "ok"]
    for source in damaged:
        for message in source.messages:
            if message.startswith(source.path):
                _err.print(f"damaged: {message}", style="yellow", markup=False)
    if damaged and not skip_damaged:
        _err.print(
            f"icecol: error: {len(damaged)} of {len(dataset.manifest.sources)} files are damaged; {out} has all good "
            "frames (--skip-damaged accepts that)",
            style="red",
        )
        raise typer.Exit(1)


def _lines(name: str) -> list[str]:
    text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _listed(values: list[str] | None) -> list[str] | None:
    return [part for value in values for part in value.split(",") if part] if values else None


def _rates(done: Mapping[str, int], seconds: float) -> str:
    seconds = max(seconds, 1e-3)
    return f"{done['events'] / seconds:,.0f} events/s, {done['bytes'] / 1e6 / seconds:,.0f} MB/s decompressed"


@contextmanager
def _progress(n_files: int, done: dict[str, int]) -> Iterator[Any]:
    """Show a bar of files with rates, and count into `done`."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("files"),
        TextColumn("{task.fields[rates]}"), TimeElapsedColumn(),
    )  # fmt: skip
    begin = time.perf_counter()
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as bar:
        task = bar.add_task("converting", total=n_files, rates="")

        def count(_file: str, events: int, n_bytes: int, files: int) -> None:
            # events and end of a file at once: it was converted by an earlier run, and is no measure of speed
            for name, n in (("events", 0 if files else events), ("bytes", n_bytes), ("files", files)):
                done[name] += n
            bar.update(task, completed=done["files"], rates=_rates(done, time.perf_counter() - begin))

        yield count


# -- inspect ----------------------------------------------------------------------------------------------------------


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="An .i3 file of any compression.")],
    frames: Annotated[
        int | None, typer.Option("--frames", "-n", min=1, help="Show the first N frames, key by key.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", "-k", help="Show this object in the first frames that have it.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary, or with --frames the frames, as JSON.")
    ] = False,
    verify: Annotated[bool, typer.Option("--verify/--no-verify", help="Check every checksum.")] = True,
) -> None:
    """Show what an .i3 file holds: frames, keys with types and sizes, event streams, checksums, damage.

    The file is read as a stream, in bounded memory. The exit code is 1 if it is damaged.

    [dim]icecol inspect Level2.i3.zst --frames 5[/]
    [dim]icecol inspect Level2.i3.zst --key I3EventHeader[/]
    [dim]icecol inspect Level2.i3.zst --json --frames 5[/]
    """
    if as_json and key is not None:
        msg = "prints the summary or --frames; an object (--key) is printed as text alone"
        raise typer.BadParameter(msg, param_hint="--json")
    if as_json and frames is not None:
        _print_frames_json(file, frames, verify=verify)
        return
    if frames is not None or key is not None:
        _show_frames(file, frames or (1 if key else 0), key, verify=verify)
        return
    from icecol.i3.survey import survey

    found = survey(file, verify=verify)
    if as_json:
        print(json.dumps(_survey_dict(found), indent=1))
    else:
        _print_survey(found, verify=verify)
    if found.damages:
        raise typer.Exit(1)


def _show_frames(file: Path, n: int, key: str | None, *, verify: bool) -> None:
    from icecol.errors import MissingColumnError, close_names
    from icecol.i3.stream import open_i3

    seen: set[str] = set()
    shown = 0
    with open_i3(file, verify=verify) as stream:
        for index, frame in enumerate(stream):
            seen.update(frame)
            if key is None:
                _out.print(f"{index}:", frame, markup=False, soft_wrap=True)
            elif key in frame.own_keys():
                _out.print(f"frame {index} ({frame.stop}) {frame.type_name(key)}", style="bold", markup=False)
                _out.print(frame[key], markup=False, soft_wrap=True)
            else:
                continue
            shown += 1
            if shown >= n:
                return
    if key is not None and not shown:
        msg = f"no frame of {file} has {key!r}; keys like it: {close_names(key, seen)}"
        raise MissingColumnError(msg)


def _print_frames_json(file: Path, n: int, *, verify: bool) -> None:
    from itertools import islice

    from icecol.i3.survey import survey_frames

    damages: list[Damage] = []
    shown = [
        {
            "frame": f.index,
            "stop": f.stop,
            "version": f.version,
            "offset": f.offset,
            "run": f.run,
            "event": f.event,
            "sub_event": f.sub_event,
            "stream": f.stream,
            "objects": [
                {"key": key, "type": type_name, "bytes": size, "stop": stop}
                for key, type_name, size, stop in f.objects
            ],
        }
        for f in islice(survey_frames(file, verify=verify, damages=damages), n)
    ]
    print(json.dumps({"path": str(file), "frames": shown, "damages": _damages(damages)}, indent=1))
    if damages:
        raise typer.Exit(1)


def _damages(damages: Iterable[Damage]) -> list[dict[str, Any]]:
    return [{"frame": d.frame, "offset": d.offset, "message": d.message} for d in damages]


def _survey_dict(found: Survey) -> dict[str, Any]:
    return {
        "path": str(found.path),
        "codec": found.codec,
        "bytes": found.bytes,
        "content_bytes": found.content_bytes,
        "frames": sum(found.stops.values()),
        "stops": found.stops,
        "events": found.events,
        "streams": found.streams,
        "versions": {str(k): n for k, n in found.versions.items()},
        "checksums_right": found.checksums,
        "checksums_wrong": found.checksums_wrong,
        "checksums_not_compared": sum(found.stops.values()) - found.checksums,
        "keys": [
            {"stop": k.stop, "key": k.key, "type": k.type_name, "frames": k.frames, "bytes": k.bytes}
            for k in found.keys
        ],
        "damages": _damages(found.damages),
    }


def _print_survey(found: Survey, *, verify: bool) -> None:
    from rich.table import Table

    frames = sum(found.stops.values())
    _out.print(
        f"{found.path}: {found.codec}, {found.bytes / 1e6:,.2f} MB ({found.content_bytes / 1e6:,.2f} MB decompressed)",
        style="bold",
        markup=False,
        soft_wrap=True,
    )
    _out.print("frames:  ", ", ".join(f"{n:,} {s}" for s, n in found.stops.items()) or "none", markup=False)
    if found.events:
        _out.print(f"events:   {found.events:,}")
    if found.streams:
        _out.print("streams: ", ", ".join(f"{n:,} {s}" for s, n in found.streams.items()), markup=False)
    unchecked = frames - found.checksums
    if not verify:
        _out.print("checksums: not compared (--no-verify)")
    else:
        note = (
            f", {unchecked:,} of old container versions have none that can be compared" if unchecked else ""
        )
        wrong = f", {found.checksums_wrong:,} wrong" if found.checksums_wrong else ""
        _out.print(f"checksums: {found.checksums:,} right{wrong}{note}")
    for damage in found.damages:
        _out.print(f"damaged: {damage.describe(found.path)}", style="bold red", markup=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("stop", "key", "type"):
        table.add_column(name, overflow="fold")
    for name in ("frames", "bytes", "bytes/frame"):
        table.add_column(name, justify="right", no_wrap=True)
    for k in found.keys:
        table.add_row(
            k.stop, k.key, k.type_name, f"{k.frames:,}", f"{k.bytes:,}", f"{k.bytes / k.frames:,.0f}"
        )
    _out.print(table)


# -- browse -----------------------------------------------------------------------------------------------------------


@app.command()
def browse(
    files: Annotated[list[str], typer.Argument(help="Files or patterns, of any compression, as one stream.")],
    at: Annotated[
        str,
        typer.Option(
            "--at", "-a", help="Frame (17, last), event (e42, or 7/42 with its run), or next of a stop (P)."
        ),
    ] = "first",
    key: Annotated[str, typer.Option("--key", "-k", help="Key to look at.")] = "",
) -> None:
    """Browse the frames of .i3 files in the terminal: keys, objects as tables, damage.

    One can look at the first frames at once, while the rest is indexed. Compressed files are put aside in a temporary
    file of about their own size (TMPDIR says where), so that jumps back are quick. Press ? for the keys.

    [dim]icecol browse GCD.i3.gz Level2.i3.zst --at e42 --key SRTInIcePulses[/]
    """
    from icecol.browse import browse as run

    if not sys.stdout.isatty():
        msg = "there is no terminal to browse in; `icecol inspect` prints what a file holds"
        raise typer.BadParameter(msg, param_hint="FILES")
    run(files, at=at, key=key)


# -- info -------------------------------------------------------------------------------------------------------------


@app.command()
def info(
    dataset: Annotated[Path, typer.Argument(help="A dataset made by `icecol convert`.")],
    key: Annotated[
        str,
        typer.Option("--key", "-k", metavar="PATTERN", help="Only columns of keys that fit this pattern."),
    ] = "*",
) -> None:
    """Show what a dataset holds: events, parts, sources with damage, columns with types and units.

    [dim]icecol info level2.icecol --key "SRT*"[/]
    """
    import fnmatch

    from rich.table import Table

    import icecol as ic
    from icecol.dataset import schema as schemas

    ds = ic.open_dataset(dataset)
    manifest = ds.manifest
    _out.print(f"{ds.path}: {ds.rows:,} events, {len(ds.schema.names)} columns", style="bold", markup=False)
    _out.print(f"parts:    {len(manifest.parts):,}, {manifest.bytes / 1e6:,.1f} MB")
    bad = [s for s in manifest.sources if s.status != "ok"]
    _out.print(f"sources:  {len(manifest.sources):,}, {len(bad)} of them damaged")
    for source in bad:
        _out.print(f"  {source.path}: {source.status}", style="yellow", markup=False, soft_wrap=True)
        for message in source.messages:
            _out.print(f"    {message}", markup=False, soft_wrap=True)
    sensors = ds.geometry
    _out.print(f"geometry: {'none' if sensors is None else f'{len(sensors):,} sensors'}")
    _out.print(f"pulses:   {', '.join(ds.pulse_keys) or 'none'}", soft_wrap=True, markup=False)
    _out.print(
        f"made by:  icecol {manifest.icecol_version}, {dict(manifest.settings)}", soft_wrap=True, markup=False
    )
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("column", "type", "unit", "meaning"):
        table.add_column(name, overflow="fold")
    for column in ds.schema:
        if fnmatch.fnmatchcase(schemas.key_of(column.name), key):
            table.add_row(column.name, str(column.type), schemas.unit(column), schemas.doc(column))
    _out.print(table)


# -- features, cutflow, hist -------------------------------------------------------------------------------------------


@app.command()
def features(
    dataset: Annotated[Path, typer.Argument(help="A dataset made by `icecol convert`.")],
    pulses: Annotated[str, typer.Option("--pulses", "-p", metavar="KEY", help="The pulse series to read.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE.parquet", help="File to write.")],
    feature: _FeatureOption = None,
    cut: _CutOption = None,
    column: Annotated[
        list[str] | None, typer.Option(help="Further columns to write, as patterns.", metavar="PATTERN")
    ] = None,
) -> None:
    """Compute features of pulses and write them with the run and event numbers to a Parquet file.

    By default linefit, improved_linefit, tensor_of_inertia and charge. The events stream through; memory is bounded.

    [dim]icecol features level2.icecol -p SRTInIcePulses -f LineFit=improved_linefit -f Q=charge -o features.parquet[/]
    """
    import polars as pl

    import icecol as ic

    ds = ic.open_dataset(dataset)
    asked = feature or ["linefit", "improved_linefit", "tensor_of_inertia", "charge"]
    exprs = _features(asked, ds.pulses(pulses))
    events = ic.with_features(ds.scan(), **exprs)
    names = events.collect_schema().names()
    if cut:
        events = _cuts(cut, names).apply(events)
    wanted = [n for n in names if n in _ID_COLUMNS]
    wanted += [n for pattern in _listed(column) or () for n in ds.columns(pattern)]
    wanted += [n for n in names if n.split(".")[0] in exprs and n not in ds.schema.names]
    aside = out.with_name(f".{out.name}.part")
    try:
        events.select(list(dict.fromkeys(wanted))).sink_parquet(aside)
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)
    rows = pl.scan_parquet(out).select(pl.len()).collect().item()
    _out.print(f"{out}: {rows:,} events, {len(dict.fromkeys(wanted))} columns", markup=False, soft_wrap=True)


_ID_COLUMNS: Final = tuple(
    f"I3EventHeader.{member}"
    for member in ("run_id", "sub_run_id", "event_id", "sub_event_id", "sub_event_stream")
)


@app.command()
def cutflow(
    dataset: Annotated[Path, typer.Argument(help="A dataset made by `icecol convert`.")],
    cut: _CutOption = None,
    pulses: _PulsesOption = None,
    feature: _FeatureOption = None,
    weight: _WeightOption = None,
    n_minus_one: Annotated[bool, typer.Option("--n-minus-one", help="Leave out each cut in turn.")] = False,
) -> None:
    """Count the events that pass named cuts, in order and alone.

    Cuts are SQL expressions over columns and features. NaN is greater than any number there: a fit without an answer
    passes `zenith > 1.5`; the column n_nan counts such events, and `AND fit_status = 0` rejects them.

    [dim]icecol cutflow level2.icecol -p SRTInIcePulses -f Q=charge -c "bright=Q.total > 100" -c "up=Q.n_pulses > 9"[/]
    """
    import icecol as ic
    from icecol.demo import cutflow_table

    if not cut:
        msg = "give at least one, such as --cut 'bright=Q.total > 100'"
        raise typer.BadParameter(msg, param_hint="--cut")
    events, names = _events(ic.open_dataset(dataset), pulses, feature)
    count = ic.n_minus_one if n_minus_one else ic.cutflow
    _out.print(cutflow_table(count(events, _cuts(cut, names), _sql(weight, names) if weight else None)))


@app.command()
def hist(
    dataset: Annotated[Path, typer.Argument(help="A dataset made by `icecol convert`.")],
    column: Annotated[str, typer.Argument(help="Column, feature field or SQL expression.")],
    bins: Annotated[int, typer.Option("--bins", "-b", min=1)] = 50,
    range_: Annotated[
        tuple[float, float] | None,
        typer.Option("--range", "-r", metavar="START STOP", help="All, by default."),
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Bins of equal width in the logarithm.")] = False,
    label: Annotated[str | None, typer.Option(help="Label of the axis, such as 'charge / PE'.")] = None,
    cut: _CutOption = None,
    pulses: _PulsesOption = None,
    feature: _FeatureOption = None,
    weight: _WeightOption = None,
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", "-o", metavar="FILE", help=".json, .png, .pdf or .svg; may be repeated."),
    ] = None,
) -> None:
    """Fill a histogram of a column and print it, or write it as JSON or as a plot.

    [dim]icecol hist level2.icecol Q.total -p SRTInIcePulses -f Q=charge --log --range 10 1e5 -o charge.png[/]
    """
    import icecol as ic

    ds = ic.open_dataset(dataset)
    events, names = _events(ds, pulses, feature)
    if cut:
        events = _cuts(cut, names).apply(events)
    title = label or _title(ds, column)
    make = ic.hist.log if log else ic.hist.regular
    values = column if column in names else _sql(column, names)
    h = ic.hist.fill(
        events,
        make(values, bins, *(range_ or (None, None)), label=title, name=column),
        weight=_sql(weight, names) if weight else None,
    )
    for path in out or ():
        if path.suffix == ".json":
            h.save(path)
        else:
            ic.plot.save(ic.plot.hist1d(h), path)
        _out.print(f"{path}: {h!r}", markup=False, soft_wrap=True)
    if not out:
        _print_hist(h)


def _title(ds: Dataset, column: str) -> str:
    from icecol.dataset import schema as schemas

    unit = schemas.unit(ds.schema.field(column)) if column in ds.schema.names else ""
    return f"{column} / {unit}" if unit else column


def _print_hist(h: Hist) -> None:
    values = h.values()
    width = max(values.max(), 1e-300)
    for low, high, value in zip(h.edges[:-1], h.edges[1:], values, strict=True):
        bar = "█" * round(40 * max(value, 0) / width)
        _out.print(f"{low:>12.5g} to {high:<12.5g} {value:>12.6g} {bar}", markup=False, no_wrap=True)
    _out.print(repr(h), markup=False, soft_wrap=True)


def _events(ds: Dataset, pulses: str | None, feature: list[str] | None) -> tuple[pl.LazyFrame, list[str]]:
    """Return the events with the features that are asked for, and the names of all columns."""
    import icecol as ic

    events = ds.scan()
    if feature:
        if pulses is None:
            msg = f"features need --pulses KEY; pulse series of {ds.path}: {', '.join(ds.pulse_keys)}"
            raise typer.BadParameter(msg, param_hint="--pulses")
        events = ic.with_features(events, **_features(feature, ds.pulses(pulses)))
    return events, events.collect_schema().names()


def _named(text: str, option: str, example: str) -> tuple[str, str]:
    name, equals, rest = text.partition("=")
    if not equals or not name.strip() or not rest.strip():
        msg = f"{text!r} is not NAME=..., such as {example!r}"
        raise typer.BadParameter(msg, param_hint=option)
    return name.strip(), rest.strip()


def _cuts(texts: Iterable[str], names: list[str]) -> Any:
    import icecol as ic

    pairs = (_named(text, "--cut", "bright=Q.total > 100") for text in texts)
    return ic.Cuts({name: _sql(sql, names) for name, sql in pairs})


def _sql(text: str, names: list[str]) -> pl.Expr:
    """Make an expression of SQL; the dotted names of columns need no quotes."""
    import polars as pl

    from icecol.errors import MissingColumnError, close_names

    def quoted(match: re.Match[str]) -> str:
        token = match[0]
        if "." not in token or token[0] in "\"'":
            return token
        if token not in names:
            msg = f"no column {token!r}; columns like it: {close_names(token, names)}"
            raise MissingColumnError(msg)
        return f'"{token}"'

    try:
        return pl.sql_expr(re.sub(r"\"[^\"]*\"|'[^']*'|[A-Za-z_][\w.]*", quoted, text))
    except (pl.exceptions.SQLInterfaceError, pl.exceptions.SQLSyntaxError) as err:
        msg = f"{text!r} is no SQL expression: {err}"
        raise typer.BadParameter(msg) from err


# -- back into .i3 files ----------------------------------------------------------------------------------------------


@app.command("to-i3")
def to_i3(
    dataset: Annotated[Path, typer.Argument(help="A dataset made by `icecol convert`.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE.i3|FOLDER", help="One file for all, or a folder.")
    ],
    files: Annotated[
        list[str] | None,
        typer.Argument(help="The .i3 files that the events come from; those of the dataset by default."),
    ] = None,
    cut: _CutOption = None,
    pulses: _PulsesOption = None,
    feature: _FeatureOption = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key", "-k", metavar="KEY", help="Columns KEY.* to put into the frames; may be repeated."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let them take the place of objects under their keys.")
    ] = False,
    drop: Annotated[
        str, typer.Option(metavar="STOPS", help="Stop letters of frames to leave out, such as GCD.")
    ] = "",
    level: Annotated[int | None, typer.Option(help="Compression level; IceTray's own by default.")] = None,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Go on behind damaged places.")
    ] = False,
) -> None:
    """Write the frames of the events that pass all cuts, with features as frame objects, into .i3 files.

    Features that are computed go into the frames under their names: a fit becomes an I3Particle, numbers an
    I3MapStringDouble. All other objects keep their bytes. IceTray reads the files.

    [dim]icecol to-i3 level2.icecol -p SRTInIcePulses -f Q=charge -c "bright=Q.total > 100" -o bright.i3.zst[/]
    """
    import icecol as ic

    ds = ic.open_dataset(dataset)
    events, names = _events(ds, pulses, feature)
    if cut:
        events = _cuts(cut, names).apply(events)
    made = [_FEATURE.fullmatch(text.strip()) for text in feature or ()]
    computed = [match[1] or match[2].rpartition(":")[2] for match in made if match]
    written = ic.convert.to_i3(
        events,
        files or [source.path for source in ds.manifest.sources],
        out,
        features=[*computed, *(_listed(key) or ())],
        replace=replace,
        drop=drop,
        skip_damaged=skip_damaged,
        level=level,
    )
    for path, n in written.items():
        _out.print(f"{path}: {n:,} events", markup=False, soft_wrap=True)


# -- features by name -------------------------------------------------------------------------------------------------


_FEATURE: Final = re.compile(r"(?:(\w+)\s*=)?\s*([^(=]+?)\s*(\(.*\))?")
"""A feature on the command line: its name, what it is, arguments."""


def _features(texts: Iterable[str], pulses: Pulses) -> dict[str, pl.Expr]:
    found: dict[str, pl.Expr] = {}
    for text in texts:
        match = _FEATURE.fullmatch(text.strip())
        if match is None:
            msg = f"{text!r} is not [NAME=]FEATURE, such as LineFit=improved_linefit or linefit(min_hits=5)"
            raise typer.BadParameter(msg, param_hint="--feature")
        name, what, arguments = match.groups()
        name = name or what.rpartition(":")[2]
        if name in found:
            msg = f"two features are named {name!r}; name them, as in First={text}"
            raise typer.BadParameter(msg, param_hint="--feature")
        found[name] = _feature(what)(pulses, **_arguments(text, arguments))
    return found


def _feature(what: str) -> Any:
    """Find a feature of `icecol.reco`, or a user's kernel by file or module, as `kernels.py:early_late`."""
    import importlib
    import importlib.util

    import icecol as ic
    from icecol.errors import close_names

    where, colon, name = what.rpartition(":")
    if not colon:
        if name not in ic.reco.__all__ or name in _NO_FEATURES:
            known = [n for n in ic.reco.__all__ if n not in _NO_FEATURES]
            msg = f"no feature {name!r}; there are {close_names(name, known)}"
            raise typer.BadParameter(msg, param_hint="--feature")
        return getattr(ic.reco, name)
    if where.endswith(".py"):
        spec = importlib.util.spec_from_file_location(Path(where).stem, where)
        if spec is None or spec.loader is None or not Path(where).is_file():
            msg = f"no file {where!r}"
            raise typer.BadParameter(msg, param_hint="--feature")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(where)
    found = getattr(module, name, None)
    if not callable(found):
        msg = f"{where} has no kernel {name!r}"
        raise typer.BadParameter(msg, param_hint="--feature")
    return found


_NO_FEATURES: Final = frozenset({"Kernel", "event_expr", "kernel", "with_features"})


def _arguments(text: str, arguments: str | None) -> dict[str, Any]:
    """Read `(min_hits=5)` as keyword arguments that are plain values."""
    if arguments is None:
        return {}
    try:
        call = ast.parse(f"f{arguments}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or any(k.arg is None for k in call.keywords):
            raise ValueError  # noqa: TRY301
        return {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (ValueError, SyntaxError) as err:
        msg = f"{text!r}: arguments are written as (name=value, ...)"
        raise typer.BadParameter(msg, param_hint="--feature") from err


# -- demo -------------------------------------------------------------------------------------------------------------


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for all files.")] = Path("icecol-demo"),
    events: Annotated[int, typer.Option("--events", "-n", min=2)] = 3000,
    seed: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """Run a whole analysis on simulated events: no data, no network, about a minute the first time.

    [dim]icecol demo[/]
    """
    from icecol import demo as demonstration

    demonstration.run(out, events=events, seed=seed, console=_out)


# -- study ------------------------------------------------------------------------------------------------------------


@app.command()
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
    resolution.run(out, muons=muons, cascades=cascades, seed=seed, losses=losses, console=_out)


if __name__ == "__main__":
    main()
