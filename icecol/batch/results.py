"""Results on disk: `result.json`, with histograms, tables and arrays in files of their own beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from icecol import files, hist
from icecol.batch.adding import Parts, require
from icecol.dataset.parts import PartWriter
from icecol.select import as_table_of_counts

NAME: Final = "result.json"


def save(value: Any, folder: Path) -> None:
    """Write a result into a folder that exists.

    Parameters
    ----------
    value
        What adds, as `icecol.batch.adding.add` has it. Its `Parts` are in the folder already.
    folder
        The folder.

    Raises
    ------
    TypeError
        If it does not add, or names in it are not text.
    """
    content = _write(require(value), folder, ())
    files.write(folder / NAME, json.dumps(content, allow_nan=False, indent=1).encode())


def load(folder: Path) -> Any:
    """Read what `save` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no result in the folder.
    ValueError
        If it is damaged.
    """
    try:
        return _read(json.loads((folder / NAME).read_bytes()), folder)
    except (KeyError, TypeError, ValueError) as err:
        msg = f"{folder / NAME} is damaged: {err!r}"
        raise ValueError(msg) from err


def compacted(value: Any, folder: Path, where: tuple[str, ...] = ()) -> Any:
    """Write tables that are in many files into large ones in a folder, and return the result with these."""
    if isinstance(value, Mapping) and not isinstance(value, hist.Bundle):
        return {name: compacted(inner, folder, (*where, str(name))) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([compacted(inner, folder, (*where, str(i))) for i, inner in enumerate(value)])
    if not isinstance(value, Parts):
        return value
    place = _free(folder, where, "")
    place.mkdir()
    with PartWriter(place, "part") as writer:
        for path in value.paths:
            for table in _tables(path):
                writer.append(table, str(path))
    if not writer.parts:  # no rows at all: an empty file has the columns
        with files.whole(place / "part-0.parquet") as aside:
            pq.write_table(pq.read_table(value.paths[0]), aside)
        return Parts((place / "part-0.parquet",))
    return Parts(tuple(place / part.path for part in writer.parts))


def _tables(path: Path) -> Iterator[Any]:
    import pyarrow as pa

    with pq.ParquetFile(path) as file:
        for i in range(file.num_row_groups):
            table = file.read_row_group(i)
            yield table.cast(
                pa.schema([pa.field(c.name, _plain(c.type), metadata=c.metadata) for c in table.schema])
            )


def _plain(dtype: Any) -> Any:
    """Return the type without the large offsets that Polars has."""
    import pyarrow as pa
    import pyarrow.types as pt

    if pt.is_large_list(dtype):
        return pa.list_(_plain(dtype.value_type))
    if pt.is_large_string(dtype) or dtype == pa.string_view():
        return pa.string()
    return pa.binary() if pt.is_large_binary(dtype) or dtype == pa.binary_view() else dtype


def _write(value: Any, folder: Path, where: tuple[str, ...]) -> Any:
    if value is None or isinstance(value, int):
        return {"number": value}
    if isinstance(value, float):
        return {"number": value if math.isfinite(value) else str(value)}
    if isinstance(value, np.number):
        return (
            {"number": np.array(value).tolist()}
            if value.dtype.kind in "iu"
            else _write(float(value), folder, where)
        )
    if isinstance(value, Parts):
        return {"parts": [str(path.relative_to(folder)) for path in value.paths]}
    if isinstance(value, hist.Hist | hist.Bundle):
        path = _free(folder, where, ".json")
        value.save(path)
        return {"histogram": path.name}
    if isinstance(value, pl.DataFrame):
        path = _free(folder, where, ".parquet")
        with files.whole(path) as aside:
            value.write_parquet(aside)
        return {"table": path.name}
    if isinstance(value, np.ndarray):
        path = _free(folder, where, ".npy")
        with files.whole(path) as aside, aside.open("wb") as file:
            np.save(file, value, allow_pickle=False)
        return {"array": path.name}
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                msg = f"a result that is written to disk is named by text, not by {name!r}: use str({name!r})"
                raise TypeError(msg)
        return {"dict": {name: _write(inner, folder, (*where, name)) for name, inner in value.items()}}
    if isinstance(value, list | tuple):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_write(inner, folder, (*where, str(i))) for i, inner in enumerate(value)]}
    msg = f"result {'.'.join(where)!r} is {type(value).__name__}, which cannot be written to disk"
    raise TypeError(msg)


def _read(content: Any, folder: Path) -> Any:
    ((kind, value),) = content.items()
    match kind:
        case "number":
            return float(value) if isinstance(value, str) else value
        case "parts":
            return Parts(tuple(folder / name for name in value))
        case "histogram":
            return hist.load(folder / value)
        case "table":
            return as_table_of_counts(pl.read_parquet(folder / value, glob=False))
        case "array":
            return np.load(folder / value, allow_pickle=False)
        case "dict":
            return {name: _read(inner, folder) for name, inner in value.items()}
        case "list":
            return [_read(inner, folder) for inner in value]
        case "tuple":
            return tuple(_read(inner, folder) for inner in value)
    msg = f"unknown kind {kind!r}"
    raise ValueError(msg)


def _name(where: tuple[str, ...], taken: set[str], suffix: str = "") -> str:
    """Make a name of a file or folder that is readable and not taken."""
    stem = "".join(c if c.isalnum() or c in "._-" else "_" for c in ".".join(where)).lstrip(".") or "result"
    stem = "table" if f"{stem}{suffix}" == NAME else stem[:100]
    n = 0
    while f"{stem}{f'-{n}' if n else ''}{suffix}" in taken:
        n += 1
    return f"{stem}{f'-{n}' if n else ''}{suffix}"


def _free(folder: Path, where: tuple[str, ...], suffix: str) -> Path:
    return folder / _name(where, {path.name for path in folder.iterdir()}, suffix)
