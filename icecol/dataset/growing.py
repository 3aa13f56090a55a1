"""Changes of a finished dataset: files added, removed or replaced, parts compacted, while others read it.

A change writes new parts under new names and then a new manifest, in one step. What the old manifest lists is never
touched: who opened the dataset before goes on reading what it was. Parts that no manifest lists any more are removed
by a later change, a day after they were left.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from icecol.dataset import manifest as manifests
from icecol.dataset import saved, swap, writer
from icecol.dataset.folder import EVENTS, PROGRESS, own
from icecol.dataset.lock import Lock
from icecol.dataset.manifest import Source
from icecol.dataset.parts import PartWriter
from icecol.dataset.records import Record
from icecol.dataset.saved import Saved
from icecol.dataset.scan import Dataset, open_dataset
from icecol.dataset.uniting import records_of
from icecol.errors import DatasetError
from icecol.places import local

KEEP: Final = 86_400.0
"""Seconds for which parts that were left are kept for those who still read them."""


@dataclass
class Change:
    """A dataset that is held against other writers, and what it is to become.

    Attributes
    ----------
    dataset
        The dataset as it is.
    aside
        Hidden folder beside it, for what is being made.
    records
        Its files and their parts; what this holds in the end is what the dataset then has.
    settings
        Its settings, likewise.
    features
        Its saved features, likewise; those for parts that are left out go with these.
    keep
        Seconds for which parts that were left are kept.
    """

    dataset: Dataset
    aside: Path
    records: list[Record]
    settings: dict[str, Any]
    features: tuple[Saved, ...] = ()
    keep: float = KEEP

    @property
    def sources(self) -> list[Source]:
        """All source files."""
        return [source for record in self.records for source in record.sources]

    def adopt(self, records: Sequence[Record]) -> None:
        """Take parts that were made in the folder aside into the dataset, under names that were never used."""
        for record in records:
            stem = f"part-{secrets.token_hex(8)}"
            parts = [replace(p, path=f"{EVENTS}/{stem}-{i}.parquet") for i, p in enumerate(record.parts)]
            for old, new in zip(record.parts, parts, strict=True):
                (self.aside / old.path).rename(self.dataset.path / new.path)
            self.records.append(replace(record, parts=tuple(parts)))

    def remove(self, paths: Collection[str]) -> None:
        """Leave out source files; parts that they share with others are written anew without their events."""
        left = []
        for record in self.records:
            touched = {source.path for source in record.sources} & set(paths)
            left += self._without(record, touched) if touched else [record]
        self.records = left

    def compact(self) -> None:
        """Write all parts anew, as few as there can be."""
        if not any(record.parts for record in self.records):
            return
        self.records.sort(key=writer.place)
        every = self.records
        rows = (row for record in every for row in self._rows_of(record))
        merged = replace(
            every[0],
            sources=tuple(self.sources),
            simulation={path: table for record in every for path, table in record.simulation.items()},
        )
        self.records = [self._rewritten(merged, merged.sources, rows)]
        before = [part for record in every for part in record.parts]
        after = self.records[0].parts
        self.features = tuple(
            saved.cut_anew(self.dataset.path, feature, before, after) for feature in self.features
        )

    def _without(self, record: Record, paths: set[str]) -> list[Record]:
        kept = tuple(s for s in record.sources if s.path not in paths)
        if not kept:
            return []
        rows = ((path, table) for path, table in self._rows_of(record) if path not in paths)
        return [self._rewritten(record, kept, rows)]

    def _rewritten(
        self, record: Record, kept: tuple[Source, ...], rows: Iterator[tuple[str, pa.Table]]
    ) -> Record:
        with PartWriter(self.dataset.path / EVENTS, f"part-{secrets.token_hex(8)}") as part_writer:
            for path, table in rows:
                part_writer.append(table, path)
        parts = tuple(replace(part, path=f"{EVENTS}/{part.path}") for part in part_writer.parts)
        there = {source.path for source in kept}
        simulation = {path: table for path, table in record.simulation.items() if path in there}
        return replace(record, sources=kept, parts=parts, simulation=simulation)

    def _rows_of(self, record: Record) -> Iterator[tuple[str, pa.Table]]:
        """Yield the events of a record in order, each table from one source file."""
        left = [(source.path, source.events) for source in record.sources if source.events]
        for part in record.parts:
            with pq.ParquetFile(self.dataset.path / part.path) as file:
                for i in range(file.num_row_groups):
                    table = file.read_row_group(i)
                    begin = 0
                    while begin < table.num_rows:
                        path, n = left[0]
                        some = table.slice(begin, min(n, table.num_rows - begin))
                        yield path, some
                        begin += some.num_rows
                        left[0] = path, n - some.num_rows
                        if not left[0][1]:
                            left.pop(0)


@contextmanager
def changing(dataset: str | Path, *, keep: float = KEEP) -> Iterator[Change]:
    """Hold a finished dataset against other writers, and make it what `Change` says at the end of the block.

    Parameters
    ----------
    dataset
        Its folder.
    keep
        Seconds for which parts that were left are kept for those who still read them.

    Raises
    ------
    DatasetError
        If there is no such dataset, another process is writing it, or its manifest does not tell which events are of
        which file.
    """
    with holding(dataset) as (ds, aside, lock):
        target = ds.path
        (aside / EVENTS).mkdir(exist_ok=True)
        features = manifests.read(target / manifests.NAME).features
        change = Change(ds, aside, records_of(ds), dict(ds.manifest.settings), features, keep)
        yield change
        lock.check()
        writer.complete(
            target, change.records, change.settings, blinding=ds.manifest.blinding, keep=change.keep,
            schema=ds.manifest.schema, features=change.features,
        )  # fmt: skip


@contextmanager
def holding(dataset: str | Path) -> Iterator[tuple[Dataset, Path, Lock]]:
    """Hold a finished dataset against other writers; give it, a hidden folder beside it, and the lock.

    The folder is removed at the end, unless there are records of a conversion that can be resumed.

    Raises
    ------
    DatasetError
        If there is no such dataset, or another process is writing it.
    """
    target = local(dataset, "change").absolute()
    open_dataset(target, tell=False)
    aside = swap.beside(target)
    if not Lock.is_held(aside / PROGRESS):
        swap.settle(target, own(), PROGRESS)
    (aside / PROGRESS).mkdir(parents=True, exist_ok=True)
    with Lock(aside / PROGRESS, target) as lock:
        try:
            yield open_dataset(target, tell=False), aside, lock
        except BaseException:
            if not any((aside / PROGRESS).glob("*.json")):
                shutil.rmtree(aside, ignore_errors=True)
            raise
        shutil.rmtree(aside, ignore_errors=True)


def settings_after(
    change: Change, n_before: int, given: Mapping[str, Any] | None, *, same_time: bool = False
) -> dict[str, Any]:
    """Return the settings of a changed dataset: `given` ones, and the number of files if it was just that.

    Raises
    ------
    DatasetError
        If the dataset has a livetime or number of files that is not known after the change.
    """
    after = dict(change.settings) | dict(given or {})
    n = len(change.sources)
    for name in ("livetime", "nfiles"):
        if name not in change.settings or name in (given or {}) or (same_time and n == n_before):
            continue
        if name == "nfiles" and change.settings[name] == n_before:
            after[name] = n
            continue
        msg = (
            f"{change.dataset.path} has {name} = {change.settings[name]:g}, which is another one then: give that of "
            f"all its files after the change, settings={{{name!r}: ...}} (--{name})"
        )
        raise DatasetError(msg)
    return after


__all__ = ["Change", "changing", "holding", "settings_after"]
