"""How many requests reading a dataset in an object store takes, and how many bytes, beside those that are needed.

The server is moto's, on this machine: its times tell nothing, its requests are those of any other.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from common import Report, Table, parser

import icecol as ic

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from object_server import over_s3, upload

SERIES = "InIcePulses"


def made(folder: Path, parts: int, events: int) -> ic.Dataset:
    """Make a dataset of so many parts, one after another."""
    ds = None
    for run in range(parts):
        ic.sim.write(folder / "one.i3", ic.sim.events(events, seed=run), run_id=run)
        path = folder / f"{run}.i3"
        (folder / "one.i3").rename(path)
        ds = (
            ic.convert.i3(path, folder / "runs.icecol", jobs=1, settings={"nfiles": 1})
            if ds is None
            else ic.convert.append(ds.path, path, jobs=1)
        )
    assert ds is not None
    return ds


def needed(ds: ic.Dataset, columns: Sequence[str]) -> int:
    """Return the bytes of the footers of all parts and of the chunks of these columns (or what begins with them)."""
    n = 0
    for part in ds.manifest.parts:
        path = ds.path / part.path
        footer = pq.read_metadata(path)
        n += footer.serialized_size + 8
        for i in range(footer.num_row_groups):
            group = footer.row_group(i)
            for j in range(group.num_columns):
                chunk = group.column(j)
                name = chunk.path_in_schema.removesuffix(".list.element")
                n += chunk.total_compressed_size if name in columns else 0
    return n


def energies(ds: ic.Dataset) -> pl.DataFrame:
    return ds.scan().select("MCPrimary.energy").collect()


def charges(ds: ic.Dataset) -> pl.DataFrame:
    return ic.with_features(ds.scan(), Q=ic.reco.charge(ds.pulses(SERIES))).select("Q.total").collect()


def everything(ds: ic.Dataset) -> pl.DataFrame:
    return ds.scan().collect()


def measure(report: Report, s3: Any, ds: ic.Dataset, frames: Path) -> list[list[str]]:
    """Return the rows of the table for a dataset and a file of frames."""
    url, of_frames = upload(ds.path, f"{ds.path.parent.name}.icecol"), upload(frames, "frames.i3")
    n = len(ds.manifest.parts)
    rows = []

    def add(what: str, act: Callable[[], Any], floor: int) -> Any:
        s3.told()
        found = act()
        asked = s3.told()
        fetched = sum(size for _, _, size in asked)
        rows.append([f"{n:,}", what, f"{len(asked):,}", f"{fetched / 1e6:.2f}", f"{floor / 1e6:.2f}"])
        return found

    manifest = (ds.path / "manifest.json").stat().st_size
    there = add("open", lambda: ic.open_dataset(url), manifest)
    geometry = (ds.path / "geometry.parquet").stat().st_size
    series = [c for c in ds.columns(f"{SERIES}.*") if c.endswith(".charge")]
    for what, act, floor in (
        ("one column", energies, needed(ds, ["MCPrimary.energy"])),
        ("charge of a series", charges, needed(ds, series) + geometry),
        ("all columns", everything, needed(ds, ds.columns())),
    ):
        found = add(what, lambda act=act: act(there), floor)
        report.check(f"{n} parts: {what}", float(found.equals(act(ds))), 1.0)
    add("frames of a file", lambda: sum(1 for _ in ic.open_i3(of_frames)), frames.stat().st_size)
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser(__doc__, repeat=1)
    arguments.add_argument(
        "--parts", type=int, nargs="+", default=[1, 8], help="numbers of parts (%(default)s)"
    )
    arguments.add_argument("--events", type=int, default=200, help="events of each part (%(default)s)")
    args = arguments.parse_args(argv)
    report = Report("object_stores", {"parts": args.parts, "events": args.events})
    rows = []
    for parts in args.parts:
        with (
            tempfile.TemporaryDirectory() as name,
            pytest.MonkeyPatch.context() as patch,
            over_s3(patch) as s3,
        ):
            folder = Path(name)
            rows += measure(report, s3, made(folder, parts, args.events), folder / "0.i3")
    report.tables.append(
        Table("Requests to S3", ["parts", "what", "requests", "MB fetched", "MB needed"], rows)
    )
    return report.finish(args)


if __name__ == "__main__":
    sys.exit(main())
