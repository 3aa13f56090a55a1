"""`icecol append`, `replace`, `remove`, `compact` and `catalogue`: datasets that grow, and many of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from icecol.cli.conversion import progress_of
from icecol.cli.program import stdout
from icecol.terminal import table

if TYPE_CHECKING:
    from icecol.dataset.scan import Dataset

DatasetArgument = Annotated[Path, typer.Argument(help="A dataset made by `icecol convert`.")]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Number of processes; by default, one per core.")
]
LivetimeOption = Annotated[
    float | None, typer.Option(help="Livetime (s) of the whole dataset after the change, if it has one.")
]
NfilesOption = Annotated[
    float | None, typer.Option(help="Number of files of the whole dataset, if it is not that of its sources.")
]
DamagedOption = Annotated[
    bool, typer.Option("--skip-damaged", help="Accept damaged files, keeping their intact frames.")
]


def append(
    dataset: DatasetArgument,
    files: Annotated[list[str], typer.Argument(help=".i3 files or glob patterns to add.")],
    jobs: JobsOption = None,
    livetime: LivetimeOption = None,
    nfiles: NfilesOption = None,
    skip_damaged: DamagedOption = False,
) -> None:
    """Add files to a dataset, converted as its other files were; others may read it meanwhile.

    icecol append level2.icecol new/Level2_*.i3.zst
    """
    import icecol as ic

    with progress_of(files) as progress:
        made = ic.convert.append(
            dataset,
            files,
            jobs=jobs,
            skip_damaged=skip_damaged,
            settings=_settings(livetime, nfiles),
            progress=progress,
        )
    _tell(dataset, made)


def replace(
    dataset: DatasetArgument,
    files: Annotated[
        list[str], typer.Argument(help="The new files, of the same paths or names as the old ones.")
    ],
    jobs: JobsOption = None,
    livetime: LivetimeOption = None,
    nfiles: NfilesOption = None,
    skip_damaged: DamagedOption = False,
) -> None:
    """Replace the events of files that were processed again.

    icecol replace level2.icecol pass2/Level2_Run00120042.i3.zst
    """
    import icecol as ic

    with progress_of(files) as progress:
        made = ic.convert.replace(
            dataset,
            files,
            jobs=jobs,
            skip_damaged=skip_damaged,
            settings=_settings(livetime, nfiles),
            progress=progress,
        )
    _tell(dataset, made)


def remove(
    dataset: DatasetArgument,
    files: Annotated[list[str], typer.Argument(help="Files of the dataset, by path or name.")],
    livetime: LivetimeOption = None,
    nfiles: NfilesOption = None,
) -> None:
    """Remove the events of files from a dataset.

    icecol remove level2.icecol Level2_Run00120042.i3.zst
    """
    import icecol as ic

    _tell(dataset, ic.convert.remove(dataset, files, settings=_settings(livetime, nfiles)))


def compact(
    dataset: DatasetArgument,
    purge: Annotated[
        bool,
        typer.Option(
            "--purge", help="Remove replaced parts at once, not after a day, when nobody reads them any more."
        ),
    ] = False,
) -> None:
    """Write the parts of a dataset anew, as few as there can be.

    icecol compact level2.icecol
    """
    import icecol as ic

    _tell(dataset, ic.convert.compact(dataset, purge=purge))


def catalogue(
    datasets: Annotated[list[str], typer.Argument(help="Datasets or patterns of them.")],
    runs: Annotated[
        Path | None,
        typer.Option("--runs", metavar="FILE.csv", help="List of good runs: only datasets that have some."),
    ] = None,
    time: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="FROM TO", help="Only runs that overlap with it (UTC)."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE.parquet", help="Output file.")
    ] = None,
) -> None:
    """List datasets with their events, runs, livetime, generator and versions.

    icecol catalogue "archive/*.icecol" --runs good_runs.csv --time 2016-05-01 2016-06-01
    """
    import icecol as ic

    several = ic.open_dataset(datasets)
    if runs is not None:
        several = several.of_runs(ic.runs.good_runs(runs), time=time)
    elif time is not None:
        msg = "times of runs are in a list of them: give it"
        raise typer.BadParameter(msg, param_hint="--runs")
    found = several.catalogue()
    if out is not None:
        from icecol import files

        with files.whole(out) as aside:
            found.write_parquet(aside)
    numbers = ["events", "parts", "MB", "livetime", "nfiles"]
    shown = table(
        "dataset",
        "events",
        "parts",
        "MB",
        "runs",
        "livetime",
        "nfiles",
        "generator",
        "icecol",
        numbers=numbers,
    )
    for row in found.iter_rows(named=True):
        ends = f"{row['first_run']} - {row['last_run']}" if row["first_run"] is not None else ""
        more = (_number(row["livetime"]), _number(row["nfiles"]), row["generator"] or "", row["icecol"])
        shown.add_row(
            row["path"], f"{row['events']:,}", f"{row['parts']:,}", f"{row['bytes'] / 1e6:,.1f}", ends, *more
        )
    stdout.print(shown)
    stdout.print(f"{len(several)} datasets, {several.rows:,} events in the parts that are read")


def _settings(livetime: float | None, nfiles: float | None) -> dict[str, Any]:
    given = {"livetime": livetime, "nfiles": nfiles}
    return {name: value for name, value in given.items() if value is not None}


def _tell(path: Path, ds: Dataset) -> None:
    manifest = ds.manifest
    stdout.print(
        f"{path}: {ds.rows:,} events of {len(manifest.sources):,} files in {len(manifest.parts):,} parts, "
        f"{manifest.bytes / 1e6:,.1f} MB",
        soft_wrap=True,
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
