"""Batches of events as numpy arrays, or torch tensors, for training: shuffled, by worker, never all in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import polars as pl

from icecol.dataset.events import Events, lazy_frame
from icecol.dataset.scan import Dataset
from icecol.errors import MissingDependencyError, SchemaError, UnsupportedError
from icecol.export.contents import Array, chosen, dense, flat, is_list, is_number, pieces

BUFFER: Final = 16384


def batches(
    events: Events,
    columns: str | Sequence[str],
    *,
    size: int = 256,
    padded: bool = True,
    shuffle: bool = True,
    seed: int = 0,
    buffer: int = BUFFER,
    worker: tuple[int, int] = (0, 1),
) -> Batches:
    """Return batches of events as numpy arrays, to be iterated over once per epoch.

    Parameters
    ----------
    events : Dataset, LazyFrame or DataFrame
        The events. Of a dataset, one part after the other is read, in random order if shuffled.
    columns : names or patterns
        Columns to take: numbers, or lists of numbers.
    size
        Events in a batch; the last may have fewer.
    padded
        Lists as arrays of (events, length of the longest), with 0 after their end, and beside them `<column>.mask`,
        which is True for values. Otherwise as values one after the other, and `<column>.offsets` of events + 1 numbers.
    shuffle
        Whether events come in random order: of the parts, and within a buffer of so many events (`buffer`).
    seed
        Of the order, which differs from epoch to epoch.
    buffer
        Events that are held and shuffled together.
    worker
        Number of this worker, and of all: each gets its own events, and together they get all of them once.

    Returns
    -------
    Batches
        Iterating yields a dictionary of arrays for each batch. A number that is null is NaN, or 0 if an integer; a list
        that is null is empty.

    Raises
    ------
    MissingColumnError
        A pattern of `columns` matches nothing.
    SchemaError
        A column is neither of numbers nor of lists of numbers.
    ValueError
        A size or buffer below 1, or a worker that is not among all.

    Examples
    --------
    >>> import icecol as ic, tempfile
    >>> ds = ic.sim.to_dataset(ic.sim.events(5, seed=1), f"{tempfile.mkdtemp()}/sim.icecol")
    >>> sets = ic.export.batches(ds, ["MCPrimary.energy", "InIcePulses.time"], size=2)
    >>> [batch["MCPrimary.energy"].shape for batch in sets]
    [(2,), (2,), (1,)]
    """
    if size < 1 or buffer < 1:
        msg = f"a batch and the buffer have at least one event; found size={size}, buffer={buffer}"
        raise ValueError(msg)
    if not 0 <= worker[0] < worker[1]:
        msg = f"`worker` is the number of this worker, from 0, and that of all; found {worker}"
        raise ValueError(msg)
    schema = chosen(events, columns).collect_schema()
    odd = [name for name, dtype in schema.items() if not is_number(dtype) and not is_list(dtype)]
    if odd:
        msg = f"column {odd[0]!r} is {schema[odd[0]]}, neither of numbers nor of lists of numbers"
        raise SchemaError(msg)
    return Batches(events, tuple(schema), size, padded, shuffle, seed, buffer, worker)


@dataclass
class Batches:
    """Batches of events; made by `batches`."""

    events: Events
    columns: tuple[str, ...]
    size: int
    padded: bool
    shuffle: bool
    seed: int
    buffer: int
    worker: tuple[int, int]
    epoch: int = field(default=0)
    """Number of the epoch that begins with the next iteration."""

    def __iter__(self) -> Iterator[dict[str, Array]]:
        """Yield the batches of one epoch."""
        random = np.random.default_rng([self.seed, self.epoch])  # the same for all workers
        self.epoch += 1
        left: pl.DataFrame | None = None
        for held in self._buffers(random):
            events = held if left is None else pl.concat([left, held])
            n = events.height // self.size * self.size
            for begin in range(0, n, self.size):
                yield self._arrays(events.slice(begin, self.size))
            left = events.slice(n)
        if left is not None and left.height:
            yield self._arrays(left)

    def _buffers(self, random: np.random.Generator) -> Iterator[pl.DataFrame]:
        """Yield so many events as are shuffled together."""
        held: list[pl.DataFrame] = []
        n = 0
        for batch in self._pieces(random):
            held.append(batch)
            n += batch.height
            if n >= self.buffer:
                yield self._ordered(pl.concat(held), random)
                held, n = [], 0
        if n:
            yield self._ordered(pl.concat(held), random)

    def _ordered(self, events: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        return events[random.permutation(events.height)] if self.shuffle else events

    def _pieces(self, random: np.random.Generator) -> Iterator[pl.DataFrame]:
        """Yield events of this worker: of whole parts where there are enough, else every so many."""
        number, workers = self.worker
        sources: list[Events] = [self.events]
        if isinstance(self.events, Dataset) and self.events.manifest.parts:
            manifest = self.events.manifest
            sources = [
                replace(self.events, manifest=replace(manifest, parts=(part,))) for part in manifest.parts
            ]
            if self.shuffle:
                sources = [sources[i] for i in random.permutation(len(sources))]
        by_part = len(sources) >= workers
        at = 0
        for source in sources[number::workers] if by_part else sources:
            for batch in pieces(lazy_frame(source).select(self.columns)):
                yield batch if by_part else batch.filter((np.arange(batch.height) + at) % workers == number)
                at += batch.height

    def _arrays(self, events: pl.DataFrame) -> dict[str, Array]:
        made: dict[str, Array] = {}
        for name in self.columns:
            if not isinstance(events[name].dtype, pl.List):
                made[name] = dense(events[name])
                continue
            values, counts, _ = flat(events[name])
            offsets = np.concatenate([[0], np.cumsum(counts)])
            if not self.padded:
                made |= {name: values, f"{name}.offsets": offsets}
                continue
            mask = np.arange(counts.max(initial=0)) < counts[:, None]
            padded = np.zeros(mask.shape, values.dtype)
            padded[mask] = values
            made |= {name: padded, f"{name}.mask": mask}
        return made


def torch(of: Batches) -> Any:
    """Return batches as a torch `IterableDataset` of tensors, for a `DataLoader` with `batch_size=None`.

    Each worker process of the loader reads events of its own. Workers have to be new processes, not forks, as Polars
    does not run in a fork: `multiprocessing_context="spawn"`. These start slowly (`persistent_workers=True` starts them
    once). In workers the order of events follows torch's seed
    (`torch.manual_seed`), too, and differs from epoch to epoch. Unsigned integers of up to 32 bits become the signed
    ones that hold them, with which torch computes.

    Parameters
    ----------
    of
        The batches, as `batches` returns them.

    Raises
    ------
    MissingDependencyError
        torch is not installed.
    UnsupportedError
        A worker is a fork: raised by the loader.

    Examples
    --------
    >>> sets = ic.export.batches(ds, ["InIcePulses.*", "MCPrimary.energy"])  # doctest: +SKIP
    >>> loader = torch.utils.data.DataLoader(
    ...     ic.export.torch(sets),
    ...     batch_size=None,
    ...     num_workers=4,
    ...     multiprocessing_context="spawn",
    ...     persistent_workers=True,
    ... )  # doctest: +SKIP
    """
    try:
        from torch import from_numpy
        from torch.utils.data import IterableDataset, get_worker_info
    except ImportError as err:
        msg = "ic.export.torch needs torch: install it as https://pytorch.org says for your machine"
        raise MissingDependencyError(msg) from err
    process = os.getpid()

    class Tensors(IterableDataset):
        def __reduce__(self) -> tuple[Any, ...]:
            return torch, (of,)  # a new process makes the class anew

        def __iter__(self) -> Iterator[dict[str, Any]]:
            if os.getpid() != process:
                msg = (
                    "a worker of the loader is a fork, in which Polars does not run: give the DataLoader "
                    "multiprocessing_context='spawn'"
                )
                raise UnsupportedError(msg)
            info = get_worker_info()
            own = of
            if info is not None:
                loader = info.seed - info.id  # differs from epoch to epoch, also where workers start anew
                own = replace(of, worker=(info.id, info.num_workers), epoch=of.epoch + loader)
            for batch in own:
                yield {name: from_numpy(_for_torch(array)) for name, array in batch.items()}
            if info is not None:
                of.epoch += 1

    return Tensors()


def _for_torch(array: Array) -> Array:
    """Return an array that torch can own and compute with."""
    signed = {"uint16": np.int32, "uint32": np.int64}.get(array.dtype.name, array.dtype)
    return np.require(array, signed, ["C", "W"])


__all__ = ["Batches", "batches", "torch"]
