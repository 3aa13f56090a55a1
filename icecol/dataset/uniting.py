"""One dataset of several: their parts, records and tables, with the numbers of files and livetimes added."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from icecol.dataset import schema as schemas
from icecol.dataset import writer
from icecol.dataset.folder import CALIBRATION, DETECTOR_STATUS, EVENTS, GEOMETRY, SIMULATION, TRIGGER_STATUS
from icecol.dataset.making import making
from icecol.dataset.manifest import Manifest, Part, Source
from icecol.dataset.records import Record
from icecol.dataset.scan import Dataset, open_dataset
from icecol.errors import DatasetError, GeometryError

ADDED: Final = ("livetime", "nfiles")
"""Settings that are added; all others must be equal."""


def unite(datasets: Sequence[Dataset], target: str | Path, *, overwrite: bool = False) -> Dataset:
    """Make one dataset of several; their parts are linked if that is possible, and copied if not.

    Parameters
    ----------
    datasets
        The datasets, all made in the same way.
    target
        Folder of the dataset to make.
    overwrite
        Replace a finished dataset.

    Raises
    ------
    DatasetError
        If there is none, they were made in different ways, have a source in common, or some are blind.
    GeometryError
        If they have different detectors.
    SchemaError
        If a column has different types.
    """
    if not datasets:
        msg = "there are no datasets to unite"
        raise DatasetError(msg)
    settings = united_settings(datasets)
    _require_one_detector(datasets)
    with making(target, overwrite=overwrite) as folder:
        every = [(ds, record) for ds in datasets for record in records_of(ds)]
        records = [_linked(record, ds, folder, f"{i:05d}") for i, (ds, record) in enumerate(every)]
        twice = _twice([source.path for record in records for source in record.sources])
        if twice:
            msg = f"{twice} is in two of the datasets: its events would be counted twice"
            raise DatasetError(msg)
        first = datasets[0].path
        for name in (GEOMETRY, CALIBRATION, DETECTOR_STATUS, TRIGGER_STATUS):
            if (first / name).exists():
                shutil.copy2(first / name, folder / name)
        writer.complete(folder, records, settings)
    return open_dataset(target)


def united_settings(datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Return the settings of all, with livetimes and numbers of files added."""
    first = dict(datasets[0].manifest.settings)
    for ds in datasets:
        own = ds.manifest.settings
        if ds.manifest.blinding.active:
            msg = f"{ds.path} is blind: unite datasets first, and blind them then"
            raise DatasetError(msg)
        for name in {*first, *own} - set(ADDED):
            if own.get(name) != first.get(name):
                msg = (
                    f"{datasets[0].path} and {ds.path} were made in different ways: {name} is {first.get(name)!r} and "
                    f"{own.get(name)!r}"
                )
                raise DatasetError(msg)
    for name in ADDED:
        values = [ds.manifest.settings.get(name) for ds in datasets]
        if any(value is not None for value in values):
            if None in values:
                msg = f"{datasets[values.index(None)].path} has no {name}, which others have: it cannot be added"
                raise DatasetError(msg)
            first[name] = sum(value for value in values if value is not None)
    return first


def records_of(ds: Dataset) -> list[Record]:
    """Divide a dataset into records: the fewest files whose events are in parts of their own.

    Raises
    ------
    DatasetError
        If the manifest does not tell which events are of which file.
    """
    manifest = ds.manifest
    simulation = simulation_of(ds, manifest.sources)
    made: list[tuple[list[Source], list[Part]]] = []
    sources: list[Source] = []
    parts: list[Part] = []
    waiting = list(manifest.parts)
    balance = 0  # events of the sources less rows of the parts
    for source in manifest.sources:
        sources.append(source)
        balance += source.events
        while balance > 0 and waiting:
            parts.append(waiting.pop(0))
            balance -= parts[-1].rows
        if balance == 0 and parts:
            made.append((sources, parts))
            sources, parts = [], []
    if sources or not made:
        made.append((sources, parts))
    named = all({s.path for s in of} >= set(part.sources) for of, several in made for part in several)
    if balance or waiting or not named:
        msg = (
            f"the manifest of {ds.path} does not tell which events are of which file: convert its files anew"
        )
        raise DatasetError(msg)
    return [_record(ds, manifest, of, several, simulation) for of, several in made if of]


def _record(
    ds: Dataset,
    manifest: Manifest,
    sources: list[Source],
    parts: list[Part],
    simulation: Mapping[str, pa.Table],
) -> Record:
    names = {source.path for source in sources}
    return Record(
        tuple(sources),
        tuple(parts),
        manifest.schema,
        (str(ds.path),) * len(manifest.schema),
        {path: table for path, table in simulation.items() if path in names},
    )


def _linked(record: Record, ds: Dataset, folder: Path, stem: str) -> Record:
    """Link the parts of a record of a dataset into the folder of another."""
    parts = []
    for i, part in enumerate(record.parts):
        name = f"{EVENTS}/part-{stem}-{i}.parquet"
        _link(ds.path / part.path, folder / name)
        parts.append(replace(part, path=name))
    return replace(record, parts=tuple(parts))


def simulation_of(ds: Dataset, sources: Sequence[Source]) -> dict[str, pa.Table]:
    """Return the S frames of some sources of a dataset, as tables by the path of the source."""
    if not (ds.path / SIMULATION).exists():
        return {}
    import pyarrow.compute as pc  # takes long to import

    table = pq.read_table(ds.path / SIMULATION)
    rows = table.remove_column(0)
    found = {s.path: rows.filter(pc.equal(table.column(0), s.path)) for s in sources}
    return {path: schemas.align(some, rows.schema) for path, some in found.items() if some.num_rows}


def _require_one_detector(datasets: Sequence[Dataset]) -> None:
    first = datasets[0].geometry
    for ds in datasets[1:]:
        other = ds.geometry
        same = other is first if other is None or first is None else other.equals(first)
        if not same:
            msg = f"{ds.path} has another geometry than {datasets[0].path}: convert with one GCD file (`gcd`)"
            raise GeometryError(msg)


def _twice(names: Sequence[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        target.unlink()
        _link(source, target)
    except OSError as err:
        if err.errno not in {
            errno.EXDEV,
            errno.EPERM,
            errno.ENOTSUP,
            errno.EOPNOTSUPP,
            errno.EMLINK,
            errno.ENOSYS,
        }:
            raise
        shutil.copy2(source, target)
