"""Kinds of jobs: analyses, conversions and simulations, and what the TOML file of each says."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from icecol.batch.chunks import Chunk, chunks_of
from icecol.convert.i3_reader import i3
from icecol.dataset.scan import Dataset
from icecol.errors import did_you_mean
from icecol.places import recorded

KEYS: Final = {
    "name": str, "inputs": list, "per_chunk": int, "analysis": str, "pulses": str, "features": list, "weight": str,
    "cuts": dict, "histograms": dict, "tables": dict, "convert": dict, "conversion": dict, "simulation": dict,
}  # fmt: skip
"""What a job may have, and of which type."""
CONVERSION: Final = {"gcd", "keys", "pulses", "streams", "stop", "skip_damaged", "verify", "settings"}
SIMULATION: Final = {"generator", "dataset", "files", "events", "gcd", "detector"}
_GIVEN: Final = {"analysis", "features", "cuts", "histograms", "tables", "pulses", "weight"}


def read_job(path: str | os.PathLike[str]) -> dict[str, Any]:
    r"""Read the TOML file of a job.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    ValueError
        If it is not TOML, or says something that no job has.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "job.toml"
    >>> _ = path.write_text('inputs = ["level2.icecol"]\n[cuts]\nbright = "Q.total > 100"')
    >>> read_job(path)
    {'inputs': ['level2.icecol'], 'cuts': {'bright': 'Q.total > 100'}}
    """
    try:
        spec = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        msg = f"{os.fspath(path)} is not a TOML file: {err}"
        raise ValueError(msg) from err
    try:
        check(spec)
    except ValueError as err:
        msg = f"{os.fspath(path)}: {err}"
        raise ValueError(msg) from err
    return spec


def check(spec: Mapping[str, Any]) -> None:
    """Check that a job has only what jobs have.

    Raises
    ------
    ValueError
        If not; the message names it.
    """
    for name, value in spec.items():
        if name not in KEYS:
            msg = f"a job has no {name!r}; {did_you_mean(name, KEYS, 'entries')}"
            raise ValueError(msg)
        kind = KEYS[name]
        if name == "inputs" and isinstance(value, str):
            continue
        if not isinstance(value, kind) or isinstance(value, bool):
            msg = f"{name} is {value!r:.60}; give a {'table' if kind is dict else kind.__name__}"
            raise ValueError(msg)  # noqa: TRY004  # of the user's file, as all else that is wrong in it
    for table, known in (("convert", CONVERSION), ("conversion", CONVERSION), ("simulation", SIMULATION)):
        for name in spec.get(table, {}):
            if name not in known:
                msg = f"[{table}] has no {name!r}; {did_you_mean(name, known, 'entries')}"
                raise ValueError(msg)
    kinds = [kind for kind in ("conversion", "simulation") if kind in spec]
    others = sorted(_GIVEN & spec.keys())
    if len(kinds) > 1 or (kinds and others):
        msg = f"a job is an analysis, a conversion or a simulation, and not several: {', '.join([*kinds, *others])}"
        raise ValueError(msg)


def kind_of(spec: Mapping[str, Any]) -> str:
    """Return `analysis`, `conversion` or `simulation`."""
    return next((kind for kind in ("conversion", "simulation") if kind in spec), "analysis")


def made_by(spec: Mapping[str, Any], base: Path) -> tuple[dict[str, Any], Path | None]:
    """Return a job with absolute paths, and the file of its analysis, if it has one; both are checked.

    Raises
    ------
    ValueError
        If it is not clear what is to be done.
    FileNotFoundError
        If a file does not exist.
    """
    check(spec)
    made = dict(spec)
    base = base.absolute()
    if "inputs" in made:
        given = [made["inputs"]] if isinstance(made["inputs"], str) else made["inputs"]
        made["inputs"] = [recorded(str(name), base) for name in given]
    elif kind_of(spec) != "simulation":
        msg = "the job has no inputs: give datasets or files, as in inputs = ['Level2_*.i3.zst']"
        raise ValueError(msg)
    for table in ("convert", "conversion", "simulation"):
        if "gcd" in made.get(table, {}):
            made[table] = {**made[table], "gcd": str(_existing(base / made[table]["gcd"]))}
    made["features"] = [_feature_with_path(text, base) for text in made.get("features", ())]
    code = None
    where, _, name = str(made.get("analysis", "")).rpartition(":")
    if where.endswith(".py"):
        code = _existing(base / where)
        made["analysis"] = f"{code}:{name}"
    if kind_of(spec) == "analysis":
        from icecol.batch.analysis import analysis_of

        analysis_of(made)
    return made, code


def chunks_for(spec: Mapping[str, Any], *, checksums: bool) -> list[Chunk] | list[tuple[int, ...]]:
    """Divide what a job works on into chunks: its inputs, or the numbers of the files of a simulation."""
    per_chunk = spec.get("per_chunk")
    if kind_of(spec) == "simulation":
        of = spec["simulation"]
        missing = [name for name in ("generator", "dataset", "files", "events") if name not in of]
        if missing:
            msg = f"[simulation] needs {', '.join(missing)}"
            raise ValueError(msg)
        generator_of(of)
        every = list(range(of["files"])) if isinstance(of["files"], int) else [int(k) for k in of["files"]]
        step = per_chunk or 1
        return [tuple(every[i : i + step]) for i in range(0, len(every), step)]
    chunks = chunks_of(spec["inputs"], per_chunk, checksums=checksums)
    if kind_of(spec) == "conversion" and chunks[0].dataset:
        msg = f"{chunks[0].dataset} is a dataset: a conversion takes files"
        raise ValueError(msg)
    return chunks


def conversion(spec: Mapping[str, Any], chunk: Chunk, target: Path) -> Dataset:
    """Convert the files of a chunk into a dataset, whose number of files is that of the chunk."""
    options = dict(spec["conversion"])
    settings = {**options.pop("settings", {}), "nfiles": len(chunk.inputs)}
    paths = [one.path for one in chunk.inputs]
    return i3(paths, target, jobs=1, allow_empty=True, settings=settings, **options)


def simulation(spec: Mapping[str, Any], files: tuple[int, ...], target: Path) -> Dataset:
    """Simulate files of a dataset by their numbers."""
    from icecol.convert.geometry import read_geometry
    from icecol.sim.jobs import simulate

    of = spec["simulation"]
    geometry = read_geometry(of["gcd"]) if "gcd" in of else None
    made = simulate(
        generator_of(of), target, dataset=of["dataset"], n_files=files, n=of["events"], geometry=geometry, jobs=1,
        **of.get("detector", {}),
    )  # fmt: skip
    if not isinstance(made, Dataset):
        msg = f"{target} is not the name of a dataset"
        raise TypeError(msg)
    return made


def generator_of(simulation: Mapping[str, Any]) -> Any:
    """Return what a simulation throws: `generator = {generator = "neutrinos", flavor = "numu", ...}`.

    Raises
    ------
    ValueError
        If there is no such generator, or it does not take these arguments.
    """
    from icecol.sim.jobs import GENERATORS

    how = dict(simulation["generator"])
    name = how.pop("generator", None)
    if name not in GENERATORS:
        msg = f"generator.generator is {name!r}; {did_you_mean(str(name), GENERATORS, 'generators')}"
        raise ValueError(msg)
    make: Any = GENERATORS[name]
    try:
        return make(**{key: tuple(v) if isinstance(v, list) else v for key, v in how.items()})
    except TypeError as err:
        msg = f"generator {name!r}: {err}"
        raise ValueError(msg) from err


def _existing(path: Path) -> Path:
    if not path.exists():
        msg = f"no file {str(path)!r}"
        raise FileNotFoundError(msg)
    return path


def _feature_with_path(text: str, base: Path) -> str:
    """Make the path of a kernel's file absolute, as in `Early=kernels.py:early_late(after=5)`."""
    from icecol.declared import parts_of

    _, what, _ = parts_of(text)
    where, colon, _ = what.rpartition(":")
    return text.replace(where, str(_existing(base / where)), 1) if colon and where.endswith(".py") else text
