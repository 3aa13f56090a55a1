"""`icecol info`, `features`, `cutflow` and `hist`: inspect and analyse a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from icecol.cli.expressions import (
    CutOption,
    FeatureOption,
    PulsesOption,
    WeightOption,
    cuts_of,
    events_of,
    features_of,
    listed,
    parts_of,
    sql,
)
from icecol.cli.program import stdout
from icecol.terminal import frame, table

if TYPE_CHECKING:
    from rich.table import Table

    from icecol.dataset.scan import Dataset
    from icecol.detector.geometry import Geometry
    from icecol.hist import Hist


def info(
    dataset: Annotated[Path, typer.Argument(help="A dataset made by `icecol convert`.")],
    key: Annotated[
        str | None,
        typer.Option(
            "--key", "-k", metavar="PATTERN", help="Show the columns of keys that match this pattern."
        ),
    ] = None,
    columns: Annotated[
        bool, typer.Option("--columns", help="Show all columns, with types, units and meanings.")
    ] = False,
) -> None:
    """Show the contents of a dataset: events, parts, damaged sources, and a line for each key, or its columns.

    icecol info level2.icecol
    icecol info level2.icecol --key "SRT*"
    """
    import icecol as ic
    from icecol.dataset import schema as schemas
    from icecol.names import matches

    ds = ic.open_dataset(dataset)
    manifest = ds.manifest
    stdout.print(f"{ds.path}: {ds.rows:,} events, {len(ds.schema.names)} columns", style="bold")
    stdout.print(f"parts:    {len(manifest.parts):,}, {manifest.bytes / 1e6:,.1f} MB")
    if manifest.blinding.active:
        stdout.print(manifest.blinding.describe(), style="bold yellow", markup=False, soft_wrap=True)
    bad = [s for s in manifest.sources if s.status != "ok"]
    stdout.print(f"sources:  {len(manifest.sources):,}, {len(bad)} of them damaged")
    for source in bad:
        stdout.print(f"  {source.path}: {source.status}", style="yellow", soft_wrap=True)
        for line in source.describe():
            stdout.print(f"    {line}", soft_wrap=True)
    stdout.print(f"geometry: {_sensors(ds.geometry)}")
    stdout.print(f"pulses:   {', '.join(ds.pulse_keys) or 'none'}", soft_wrap=True)
    for saved in manifest.features:
        stdout.print(f"saved:    {saved.name} = {saved.describe()}", soft_wrap=True)
    stdout.print(f"made by:  icecol {manifest.icecol_version}, {dict(manifest.settings)}", soft_wrap=True)
    if key is None and not columns:
        stdout.print(_by_key(ds))
        stdout.print("columns:  --columns shows all, --key PATTERN those of some keys", style="dim")
        return
    shown = table("column", "type", "unit", "meaning")
    for column in ds.schema:
        if matches(schemas.key_of(column), (key or "*",)):
            shown.add_row(column.name, str(column.type), schemas.unit(column), schemas.doc(column))
    stdout.print(shown)


def _by_key(ds: Dataset) -> Table:
    """Return a table with a row for each key; `events` only where they were counted."""
    from icecol.notebook import shortened

    found = ds.contents()
    counted = ["events"] if found["events"].count() else []
    shown = table("key", "class", *counted, "members", "units", numbers=counted)
    for row in found.iter_rows(named=True):
        n = [f"{row[c]:,}" if row[c] is not None else "" for c in counted]
        units = ", ".join(dict.fromkeys(filter(None, row["units"])))
        shown.add_row(row["key"], row["class"] or "", *n, shortened(row["members"]), units)
    return shown


def _sensors(geometry: Geometry | None) -> str:
    if geometry is None:
        return "none"
    nominal = "nominal, " if geometry.table().equals(type(geometry).nominal().table()) else ""
    return f"{nominal}{len(geometry):,} sensors"


def features(
    dataset: Annotated[Path, typer.Argument(help="A dataset made by `icecol convert`.")],
    pulses: PulsesOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE.parquet", help="Output file.")
    ] = None,
    feature: FeatureOption = None,
    cut: CutOption = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="Additional columns to write, as a pattern; may be repeated.", metavar="PATTERN"),
    ] = None,
    save: Annotated[
        bool,
        typer.Option(
            "--save", help="Keep them beside the dataset, as columns; without -f, renew what is saved."
        ),
    ] = False,
    drop: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Remove a saved feature; may be repeated."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Number of processes for --save.")
    ] = None,
) -> None:
    """Compute pulse features and write them, with the run and event IDs, to a Parquet file, or beside the dataset.

    The default features are linefit, improved_linefit, tensor_of_inertia and charge. Events are streamed, so memory
    use is bounded.

      icecol features level2.icecol -p SRTInIcePulses -f LineFit=improved_linefit -f Q=charge -o features.parquet
      icecol features level2.icecol -p SRTInIcePulses -f LineFit=improved_linefit -f Q=charge --save
      icecol features level2.icecol --save
      icecol features level2.icecol --drop LineFit
    """
    if save or drop:
        _saved(dataset, pulses, feature, drop or [], jobs, save=save, others=[out, cut, column])
        return
    if out is None:
        msg = "give a file, or --save to keep them beside the dataset"
        raise typer.BadParameter(msg, param_hint="--out")
    import polars as pl

    import icecol as ic
    from icecol import files

    ds = ic.open_dataset(dataset)
    asked = feature or ["linefit", "improved_linefit", "tensor_of_inertia", "charge"]
    events, names = events_of(ds, pulses, asked, cut)
    computed = {parts_of(text)[0] for text in asked}
    wanted = [n for n in names if n in _ID_COLUMNS]
    wanted += [n for pattern in listed(column) or () for n in ds.columns(pattern)]
    wanted += [n for n in names if n.split(".")[0] in computed and n not in ds.schema.names]
    with files.whole(out) as aside:
        events.select(list(dict.fromkeys(wanted))).sink_parquet(aside)
    rows = pl.scan_parquet(out, glob=False).select(pl.len()).collect().item()
    stdout.print(f"{out}: {rows:,} events, {len(dict.fromkeys(wanted))} columns", soft_wrap=True)


def _saved(
    dataset: Path,
    pulses: str | None,
    feature: list[str] | None,
    drop: list[str],
    jobs: int | None,
    *,
    save: bool,
    others: list[object],
) -> None:
    """Save or remove features beside a dataset."""
    import icecol as ic

    if any(others):
        msg = "saved features are of all events and go into no file: leave out --out, --cut and --column"
        raise typer.BadParameter(msg, param_hint="--save")
    if feature and not save:
        msg = "features are given, and not saved: add --save"
        raise typer.BadParameter(msg, param_hint="--feature")
    if feature and pulses is None:
        msg = "features need --pulses KEY"
        raise typer.BadParameter(msg, param_hint="--pulses")
    if drop:
        ds = ic.drop_features(dataset, drop)
    if save:
        ds = ic.save_features(dataset, jobs=jobs, **features_of(feature or [], pulses or ""))
    for one in ds.manifest.features:
        stdout.print(f"{one.name} = {one.describe()}: {', '.join(one.schema.names)}", soft_wrap=True)
    n = len(ds.manifest.features)
    stdout.print(f"{dataset}: {ds.rows:,} events, {n} saved features")


_ID_COLUMNS: Final = tuple(
    f"I3EventHeader.{member}"
    for member in ("run_id", "sub_run_id", "event_id", "sub_event_id", "sub_event_stream")
)


def cutflow(
    dataset: Annotated[Path, typer.Argument(help="A dataset made by `icecol convert`.")],
    cut: CutOption = None,
    pulses: PulsesOption = None,
    feature: FeatureOption = None,
    weight: WeightOption = None,
    n_minus_one: Annotated[
        bool, typer.Option("--n-minus-one", help="Apply all cuts but one, leaving out each in turn.")
    ] = False,
) -> None:
    """Count the events that pass named cuts, applied one after another and each on its own.

    Cuts are SQL expressions over columns and features. What is missing (null, or NaN in the file), such as the zenith
    of a fit that failed, passes no comparison; n_nan counts the events in which a float column of the cut is missing.

      icecol cutflow level2.icecol -p SRTInIcePulses -f Q=charge -c "bright=Q.total > 100" -c "up=Q.n_pulses > 9"
    """
    import icecol as ic

    if not cut:
        msg = "give at least one cut, such as --cut 'bright=Q.total > 100'"
        raise typer.BadParameter(msg, param_hint="--cut")
    events, names = events_of(ic.open_dataset(dataset), pulses, feature)
    count = ic.n_minus_one if n_minus_one else ic.cutflow
    stdout.print(frame(count(events, cuts_of(cut, names), sql(weight, names) if weight else None)))


def hist(
    dataset: Annotated[Path, typer.Argument(help="A dataset made by `icecol convert`.")],
    column: Annotated[str, typer.Argument(help="Column, feature field or SQL expression to histogram.")],
    bins: Annotated[int, typer.Option("--bins", "-b", min=1, help="Number of bins.")] = 50,
    range_: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--range", "-r", metavar="START STOP", help="Range of the axis; by default, that of the data."
        ),
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Space the bins logarithmically.")] = False,
    label: Annotated[str | None, typer.Option(help="Axis label, such as 'charge / PE'.")] = None,
    variables: Annotated[
        Path | None,
        typer.Option(
            "--variables",
            metavar="FILE",
            help="TOML file of variables; COLUMN may then name one, which has its own bins, label and unit.",
        ),
    ] = None,
    cut: CutOption = None,
    pulses: PulsesOption = None,
    feature: FeatureOption = None,
    weight: WeightOption = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Output file: .json, .h5, .parquet, .png, .pdf or .svg; may be repeated.",
        ),
    ] = None,
) -> None:
    """Histogram a column and print it, or save it as JSON or as a plot.

    icecol hist level2.icecol Q.total -p SRTInIcePulses -f Q=charge --log --range 10 1e5 -o charge.png
    """
    import icecol as ic

    ds = ic.open_dataset(dataset)
    events, names = events_of(ds, pulses, feature, cut)
    declared = {} if variables is None else ic.hist.load_variables(variables)
    if column in declared:
        axis = declared[column]
    else:
        make = ic.hist.log if log else ic.hist.regular
        values = column if column in names else sql(column, names)
        axis = make(values, bins, *(range_ or (None, None)), label=label, name=column)
    h = ic.hist.fill(events, axis, weight=sql(weight, names) if weight else None)
    for path in out or ():
        if path.suffix in (".json", ".h5", ".hdf5", ".parquet"):
            h.save(path)
        else:
            ic.plot.save(ic.plot.hist1d(h), path)
        stdout.print(f"{path}: {h!r}", soft_wrap=True)
    if not out:
        _print_hist(h)


def _print_hist(h: Hist) -> None:
    values = h.values()
    width = max(values.max(), 1e-300)
    for low, high, value in zip(h.edges[:-1], h.edges[1:], values, strict=True):
        bar = "█" * round(40 * max(value, 0) / width)
        stdout.print(f"{low:>12.5g} to {high:<12.5g} {value:>12.6g} {bar}", no_wrap=True)
    stdout.print(repr(h), soft_wrap=True)
