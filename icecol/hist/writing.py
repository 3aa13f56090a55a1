"""Histograms written to files: JSON in the UHI schema, groups of HDF5 files, and Parquet with its metadata."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from boost_histogram.serialization import to_uhi

from icecol import files
from icecol.errors import needs

if TYPE_CHECKING:
    from icecol.hist.bundle import Bundle
    from icecol.hist.histogram import Hist

METADATA: Final = b"icecol.hist"
HDF5: Final = (".h5", ".hdf5", ".hdf")


def to_dict(h: Hist) -> dict[str, Any]:
    """Return a histogram in the UHI serialization schema, as plain lists and numbers.

    The counts of NaN and null are stored under `metadata`, as are the entries that `statistics=True` keeps.
    """
    content: dict[str, Any] = _plain(to_uhi(h.bh))
    content["metadata"] = content.get("metadata", {}) | {
        key: [tally.n, tally.sumw, tally.sumw2] for key, tally in (("nan", h.nan), ("missing", h.missing))
    }
    if h.data is not None:
        entries = {"names": h.data.names, "values": h.data.values, "weights": h.data.weights}
        if not np.array_equal(h.data.squares, h.data.weights**2):
            entries["squares"] = h.data.squares
        content["metadata"]["entries"] = _plain(entries)
    return content


def save(h: Hist | Bundle, path: str | os.PathLike[str], *, group: str | None = None) -> None:
    """Write a histogram or a bundle to a file, for `hist.load` to read back exactly as it was.

    Parameters
    ----------
    h
        What to write.
    path
        The suffix is the form. `.json`: strict JSON in the UHI schema, written atomically. `.h5`, `.hdf5`: a group of a
        new file, or of one that exists and keeps its other groups. `.parquet`: a table of the bins, as from
        `Hist.to_frame`, for other tools, with the histogram itself in the metadata of the file; written atomically.
    group
        Group of an HDF5 file; by default, its root. A group that exists is replaced.

    Raises
    ------
    ValueError
        If the suffix is none of these, or a group is given for another form.
    TypeError
        If a bundle is to be written as Parquet.
    MissingDependencyError
        If the form is HDF5 and h5py is not installed.

    Examples
    --------
    >>> import polars as pl, tempfile, pathlib
    >>> from icecol import hist
    >>> h = hist.fill(pl.LazyFrame({"x": [0.1, 0.2]}), hist.regular("x", 3, 0, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     hist.save(hist.Bundle(x=h), pathlib.Path(folder) / "all.json")
    ...     hist.load(pathlib.Path(folder) / "all.json")["x"] == h
    True
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if group is not None and suffix not in HDF5:
        msg = f"only an HDF5 file has groups, not {os.fspath(path)!r}: leave out group={group!r}, or end it in .h5"
        raise ValueError(msg)
    if suffix == ".json":
        files.write(target, _json(h).encode())
    elif suffix in HDF5:
        _write_hdf5(h, target, group)
    elif suffix == ".parquet":
        _write_parquet(h, target)
    else:
        msg = f"cannot tell the form of {os.fspath(path)!r}: end it in .json, .h5, .hdf5 or .parquet"
        raise ValueError(msg)


def _content(h: Hist | Bundle) -> dict[str, Any]:
    if isinstance(h, Mapping):
        return {"bundle": {name: _content(member) for name, member in h.items()}}
    return to_dict(h)


def _json(h: Hist | Bundle) -> str:
    return json.dumps(_strict(_content(h)), allow_nan=False)


def hdf5() -> tuple[Any, Any]:
    """Return h5py, and the module of uhi that knows the form.

    Raises
    ------
    MissingDependencyError
        If one is not installed.
    """
    try:
        import h5py
        import uhi.io.hdf5
    except ImportError as err:
        raise needs("h5py and uhi", "hist", "a histogram in an HDF5 file") from err  # noqa: EM101
    return h5py, uhi.io.hdf5


def _write_hdf5(h: Hist | Bundle, path: Path, group: str | None) -> None:
    h5py, form = hdf5()
    with h5py.File(path, "a") as file:
        _write_group(h, _new_group(file, group), form)


def _new_group(file: Any, group: str | None) -> Any:
    """Return an empty group; the root is emptied only of a histogram that it holds."""
    name = (group or "").strip("/")
    if name:
        if name in file:
            del file[name]
        return file.create_group(name)
    if "uhi_schema" in file.attrs or "bundle" in file.attrs:
        for key in list(file):
            del file[key]
        for key in list(file.attrs):
            del file.attrs[key]
    elif len(file):
        msg = f"{file.filename} holds other data: name a group for the histogram, as in group='zenith'"
        raise ValueError(msg)
    return file


def _write_group(h: Hist | Bundle, group: Any, form: Any) -> None:
    if isinstance(h, Mapping):
        group.attrs["bundle"] = list(h)
        for i, member in enumerate(h.values()):
            _write_group(member, group.create_group(f"member_{i}"), form)
    else:
        content = to_dict(h)
        entries = content["metadata"].pop("entries", None)
        form.write(group, content)
        if entries is not None:
            kept = group.create_group("entries")
            kept.attrs["names"] = entries.pop("names")
            for name, values in entries.items():
                kept.create_dataset(
                    name, data=np.asarray(values, np.float64), compression="gzip", shuffle=True
                )


def _write_parquet(h: Hist | Bundle, path: Path) -> None:
    import pyarrow.parquet as pq

    if isinstance(h, Mapping):
        msg = "a Parquet file holds one histogram: join those of the bundle by bundle.stack(), or use .json or .h5"
        raise TypeError(msg)
    table = h.to_frame().to_arrow()
    with files.whole(path) as aside:
        pq.write_table(table.replace_schema_metadata({METADATA: _json(h).encode()}), aside)


def _plain(value: Any) -> Any:
    """Turn arrays and numpy scalars into lists and numbers, which JSON preserves exactly."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def _strict(value: Any) -> Any:
    """Write what JSON has no number for as text: "inf", "-inf", "nan"."""
    if isinstance(value, dict):
        return {k: _strict(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_strict(v) for v in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
