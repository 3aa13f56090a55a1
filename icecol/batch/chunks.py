"""Chunks: some parts of a dataset, or some files of frames, which an analysis sees as a dataset of their own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from icecol import files
from icecol.convert.i3_reader import i3
from icecol.dataset import manifest as manifests
from icecol.dataset.scan import Dataset, open_dataset
from icecol.dataset.several import Datasets, folders_of
from icecol.errors import DatasetError
from icecol.i3.frames.files import files_of
from icecol.places import is_remote, place, recorded, version

CHUNK_BYTES: Final = 256 << 20
"""Bytes, as they are on disk, of the inputs of a chunk, unless their number is given."""
CHUNKS: Final = 10_000
"""Maximum number of chunks, unless the number of inputs of each is given."""


@dataclass(frozen=True, slots=True)
class Input:
    """A part of a dataset, or a file."""

    path: str
    """Path in the folder of the dataset, or absolute path of the file."""
    size: int
    checksum: str = ""
    """Algorithm and value, as in `crc32c:1a2b3c4d`; empty if it was not taken."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one task works on.

    Attributes
    ----------
    dataset
        Folder of the dataset; empty if the inputs are files.
    inputs
        Its parts, or the files.
    nfiles
        Number of files of the whole job, which weights of simulation are divided by; a dataset has its own.
    runs
        The runs whose events are seen; None for all.
    """

    dataset: str
    inputs: tuple[Input, ...]
    nfiles: int = 0
    runs: tuple[int, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as a plan stores it."""
        return asdict(self)

    def describe(self) -> str:
        """Name its inputs in a few words.

        >>> Chunk("", (Input("/data/a.i3", 10), Input("/data/b.i3", 10)), 2).describe()
        '/data/a.i3 and 1 more'
        """
        more = f" and {len(self.inputs) - 1} more" if len(self.inputs) > 1 else ""
        first = place(self.dataset) / self.inputs[0].path if self.dataset else self.inputs[0].path
        return f"{first}{more}"


def chunk_from_json(found: Mapping[str, Any]) -> Chunk:
    """Make a chunk of what `Chunk.to_json` returned."""
    runs = found["runs"]
    inputs = tuple(Input(**one) for one in found["inputs"])
    return Chunk(found["dataset"], inputs, found["nfiles"], None if runs is None else tuple(runs))


Inputs = str | os.PathLike[str] | Dataset | Datasets | Iterable[str | os.PathLike[str] | Dataset]


def chunks_of(inputs: Inputs, per_chunk: int | None = None, *, checksums: bool = False) -> list[Chunk]:
    """Divide datasets, or files, into chunks.

    Parameters
    ----------
    inputs
        A dataset, a file, their names or patterns of them, or several.
    per_chunk
        Number of parts or files in each chunk; by default, some 256 MB.
    checksums
        Read files to take their checksums; the parts of a dataset have theirs.

    Raises
    ------
    ValueError
        If there is nothing, both datasets and files, or fewer than one input per chunk is asked for.
    FileNotFoundError
        If a file does not exist or a pattern matches nothing.
    DatasetError
        If a folder is not a complete dataset.
    """
    if per_chunk is not None and per_chunk < 1:
        msg = f"per_chunk is {per_chunk}: give the number of parts or files in each chunk, at least 1"
        raise ValueError(msg)
    datasets, names = _sorted_out(inputs)
    runs = None if not isinstance(inputs, Datasets) or inputs.runs is None else tuple(inputs.runs)
    if datasets and names:
        msg = f"inputs are datasets or files, not both: {datasets[0].path} and {names[0]}"
        raise ValueError(msg)
    if datasets:
        several = [
            Chunk(str(ds.path), tuple(group), runs=runs)
            for ds in datasets
            for group in _groups(
                [Input(p.path, p.bytes, p.checksum) for p in ds.manifest.parts],
                per_chunk,
                sum(len(other.manifest.parts) for other in datasets),
            )
        ]
    else:
        paths = files.distinct(files_of(names))
        found = [Input(recorded(p), p.stat().st_size, files.checksum(p) if checksums else "") for p in paths]
        several = [Chunk("", tuple(group), len(found)) for group in _groups(found, per_chunk, len(found))]
    if not several:
        msg = "there is nothing to work on: the inputs have no events"
        raise ValueError(msg)
    return several


def _sorted_out(inputs: Inputs) -> tuple[list[Dataset], list[Path]]:
    """Return the datasets, and the names of files."""
    several = [inputs] if isinstance(inputs, str | os.PathLike | Dataset) else list(inputs)
    datasets: list[Dataset] = []
    names: list[Path] = []
    for one in several:
        if isinstance(one, Dataset):
            datasets.append(one)
            continue
        matches = [Path(one)] if place(one).is_dir() else files_of_any(one)
        for path in matches:
            if path.is_dir() or (is_remote(path) and (path / manifests.NAME).is_file()):
                datasets.append(open_dataset(path))
            else:
                names.append(path)
    return datasets, names


def files_of_any(name: str | os.PathLike[str]) -> list[Path]:
    """Return what a name or pattern stands for: folders of datasets, or else files."""
    return folders_of(name) or files_of(name)


def _groups(inputs: Sequence[Input], per_chunk: int | None, total: int) -> Iterator[list[Input]]:
    least = -(-total // CHUNKS)
    group: list[Input] = []
    size = 0
    for one in inputs:
        full = len(group) >= per_chunk if per_chunk else len(group) >= least and size + one.size > CHUNK_BYTES
        if group and full:
            yield group
            group, size = [], 0
        group.append(one)
        size += one.size
    if group:
        yield group


@contextmanager
def opened(chunk: Chunk, convert: Mapping[str, Any] | None = None) -> Iterator[Any]:
    """Give a chunk as a dataset: the parts of one (`Datasets` if it is of some runs), or files converted into one.

    That is temporary, and where TMPDIR says.

    Parameters
    ----------
    chunk
        The chunk.
    convert
        Options of `icecol.convert.i3` for files.

    Raises
    ------
    DatasetError
        If the inputs are not those that the chunk was made of.
    """
    if chunk.dataset:
        part = _part_of(chunk)
        yield part if chunk.runs is None else Datasets([part], chunk.runs)
        return
    paths = [place(one.path) for one in chunk.inputs]
    with tempfile.TemporaryDirectory(prefix="icecol-") as folder:
        options = {"jobs": 1, "allow_empty": True, **(convert or {})}
        settings = {"nfiles": chunk.nfiles, **(options.pop("settings", None) or {})}
        ds = i3(paths, Path(folder) / "chunk.icecol", settings=settings, **options)
        checksums = {source.path: source.checksum for source in ds.manifest.sources}
        for one in chunk.inputs:
            if one.checksum and checksums[one.path] != one.checksum:
                msg = f"{one.path} has checksum {checksums[one.path]}, and {one.checksum} when the job was planned"
                raise DatasetError(msg)
        yield ds


def _part_of(chunk: Chunk) -> Dataset:
    path = place(chunk.dataset)
    ds = _dataset(path, version(path / manifests.NAME))
    there = {part.path: part for part in ds.manifest.parts}
    for one in chunk.inputs:
        if one.path not in there or there[one.path].checksum != one.checksum:
            msg = f"{path} has changed since the chunks were made: {one.path} is not part of it any more; plan again"
            raise DatasetError(msg)
    parts = tuple(there[one.path] for one in chunk.inputs)
    return Dataset(path, replace(ds.manifest, parts=parts))


@lru_cache(maxsize=8)
def _dataset(path: Path, _version: object) -> Dataset:
    return open_dataset(path, tell=False)
