"""Simulation in jobs: a dataset number and file numbers give seeds, and these the same events on any machine.

What a job does stands in a card, a small JSON file: the generator, the detector, how many events are thrown, and the
numbers of dataset and file, which are the seed. A card is either made into an .i3 file, or read as one would be,
straight into a dataset. So all that conversions offer is there: processes, resuming, records, checksums, the manifest.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import pyarrow as pa

from icecol import files as storage
from icecol.convert.processes import Context, begin, pool, processes
from icecol.convert.run import Progress, from_source
from icecol.convert.source import Found, Reader
from icecol.detector.geometry import Geometry
from icecol.errors import FormatError
from icecol.places import local
from icecol.sim import files
from icecol.sim.bundle import bundles
from icecol.sim.generation import generate
from icecol.sim.muon import muons
from icecol.sim.neutrino import neutrinos
from icecol.sim.source import table_of

if TYPE_CHECKING:
    from icecol.dataset.scan import Dataset
    from icecol.sim.columns import Events
    from icecol.sim.thrown import Generator

GENERATORS: Final = {"neutrinos": neutrinos, "bundles": bundles, "muons": muons}
FORM: Final = "icecol simulation"
"""What a card says it is."""


class Cards(Reader):
    """Reads cards as if they were files of events: by simulating them."""

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry

    def settings(self) -> dict[str, Any]:
        """Return the name of the form: all else stands in the cards."""
        return {"form": "simulation"}

    def read(self, path: Path, file: BinaryIO, found: Found) -> Iterator[pa.Table]:
        """Yield the events of a card."""
        card = _card(path, file.read())
        events = _simulated(card, self._geometry)
        found.frames = card["n"]  # a card of which no event triggered was read, too
        found.streams.update({files.STREAM: len(events)})
        if len(events):
            yield table_of(events, card["dataset"])


def _card(path: Path, data: bytes) -> dict[str, Any]:
    try:
        card = json.loads(data)
    except ValueError as err:
        msg = f"{path} is not a card of a simulation: {err}"
        raise FormatError(msg) from err
    if not isinstance(card, dict) or card.get("form") != FORM:
        msg = f"{path} is not a card of a simulation"
        raise FormatError(msg)
    return card


def _simulated(card: Mapping[str, Any], geometry: Geometry) -> Events:
    how = dict(card["generator"])
    make: Any = GENERATORS[how.pop("generator")]
    made = generate(
        make(**how), card["n"], seed=(card["dataset"], card["file"]), geometry=geometry, **card["detector"]
    )
    return replace(made, first_event=card["file"] * card["n"])


def _write(path: Path, card: Mapping[str, Any], geometry: Geometry) -> None:
    files.write(path, _simulated(card, geometry), run_id=card["dataset"])


def simulate(
    generator: Generator,
    output: str | os.PathLike[str],
    *,
    dataset: int,
    n_files: int | Iterable[int],
    n: int,
    geometry: Geometry | None = None,
    jobs: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **detector: Any,
) -> Dataset | list[Path]:
    """Simulate a dataset in parallel, as .i3 files or straight into a dataset.

    The numbers of the dataset and of a file are the seed of its events: they are the same however many processes work,
    and whichever files are made where. A run that was killed goes on where it stopped when it is called again.

    Parameters
    ----------
    generator
        What is thrown: `neutrinos`, `muons` or `bundles`.
    output
        Folder of the dataset to make; or, with a suffix of .i3 files, a name with `{file}`, as in
        `nugen.{file:06d}.i3.zst`, next to which a GCD file is written.
    dataset
        Number of the dataset, which becomes the run number.
    n_files
        How many files, or the numbers of those to make.
    n
        Number thrown per file.
    geometry
        The detector; by default, `Geometry.nominal()`. `icecol.convert.read_geometry` has that of a GCD file.
    jobs
        Number of processes; by default one per core, at most one per file.
    overwrite
        Replace a dataset, or files, that are there.
    progress
        As for `icecol.convert.from_source`; for datasets.
    detector
        Further arguments of `generate`, such as `charge` or `efficiency`.

    Returns
    -------
    Dataset or list of Path
        With `nfiles` in the settings of its manifest, which `icecol.weight` uses.

    Raises
    ------
    DatasetError
        If the dataset is there and shall not be replaced.
    ValueError
        If a number that cannot be is negative, or a name of files has no `{file}`.

    Examples
    --------
    >>> import tempfile
    >>> from icecol import sim
    >>> ds = simulate(
    ...     sim.neutrinos("nue", energy=(1e4, 1e5)),
    ...     f"{tempfile.mkdtemp()}/nue.icecol",
    ...     dataset=21001,
    ...     n_files=2,
    ...     n=20,
    ...     jobs=1,
    ... )
    >>> ds.manifest.settings["nfiles"], len(ds.manifest.sources)
    (2, 2)
    """
    numbers = list(range(n_files)) if isinstance(n_files, int) else [int(k) for k in n_files]
    if dataset < 0 or n < 1 or not numbers or min(numbers) < 0 or len(set(numbers)) < len(numbers):
        msg = (
            "`dataset` and the numbers of files must be 0 or more, each once, and `n` 1 or more; "
            f"found {dataset}, {numbers[:5]} and {n}"
        )
        raise ValueError(msg)
    place = Geometry.nominal() if geometry is None else geometry
    cards = [
        {
            "form": FORM,
            "dataset": int(dataset),
            "file": k,
            "n": int(n),
            "generator": dict(generator.settings),
            "detector": detector,
        }
        for k in numbers
    ]
    name = os.fspath(output)
    if ".i3" in local(name).name:
        return _to_files(name, cards, place, jobs, overwrite=overwrite)
    return _to_dataset(local(name), cards, place, jobs, overwrite=overwrite, progress=progress)


def _to_dataset(
    output: Path, cards: list[dict[str, Any]], geometry: Geometry, jobs: int | None, *, overwrite: bool,
    progress: Progress | None,
) -> Dataset:  # fmt: skip
    folder = output.with_name(f"{output.name}.cards")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for card in cards:
        path = folder / f"{card['dataset']:06d}_{card['file']:06d}.json"
        data = json.dumps(card, indent=1).encode()
        # an equal one stays as it is, so that what was made of it counts as done
        if not path.is_file() or path.read_bytes() != data:
            storage.write(path, data)
        paths.append(path)
    made = from_source(
        Cards(geometry), paths, output, geometry=geometry, jobs=jobs, overwrite=overwrite, progress=progress,
        allow_empty=True, settings={"nfiles": len(cards), **cards[0], "file": None},
    )  # fmt: skip
    shutil.rmtree(folder)
    return made


def _to_files(
    name: str, cards: list[dict[str, Any]], geometry: Geometry, jobs: int | None, *, overwrite: bool
) -> list[Path]:
    try:
        paths = [Path(name.format(file=card["file"], dataset=card["dataset"])) for card in cards]
    except (KeyError, IndexError, ValueError) as err:
        msg = f"{name!r} is not a name with {{file}} and {{dataset}} alone: {err!r}"
        raise ValueError(msg) from err
    if len(set(paths)) < len(paths):
        msg = f"{name!r} names the same file for several numbers: put {{file:06d}} into it"
        raise ValueError(msg)
    gcd = paths[0].parent / f"GCD_{cards[0]['dataset']}.i3.gz"
    gcd.parent.mkdir(parents=True, exist_ok=True)
    if overwrite or not gcd.is_file():
        files.write_gcd(gcd, geometry, dark_rate=cards[0]["detector"].get("dark_rate", 500.0))
    open_ones = [(p, c) for p, c in zip(paths, cards, strict=True) if overwrite or not p.is_file()]
    work = partial(_write, geometry=geometry)
    workers = processes(jobs, len(open_ones))
    if workers == 1:
        for path, card in open_ones:
            work(path, card)
        return paths
    with pool(workers, Context(), begin) as executor:
        for done in [executor.submit(work, path, card) for path, card in open_ones]:
            done.result()
    return paths
