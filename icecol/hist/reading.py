"""Histograms read from files and merged."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from boost_histogram.serialization import from_uhi

from icecol.errors import MissingColumnError, did_you_mean
from icecol.hist.bundle import Bundle
from icecol.hist.histogram import Hist, Tally
from icecol.hist.statistics import Statistics
from icecol.hist.writing import HDF5, METADATA, hdf5

_ARRAYS: Final = ("edges", "values", "variances")


def from_dict(content: Mapping[str, Any]) -> Hist:
    """Make a histogram of what `to_dict` returns.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is not in the UHI schema.
    """
    made = {**content, "axes": [dict(a) for a in content["axes"]], "storage": dict(content["storage"])}
    for part in (*made["axes"], made["storage"]):
        part |= {k: np.asarray(part[k], np.float64) for k in _ARRAYS if k in part}
    metadata = dict(made.get("metadata", {}))
    nan, missing = (_tally(metadata.pop(k, (0, 0, 0))) for k in ("nan", "missing"))
    entries = metadata.pop("entries", None)
    data = None if entries is None else _entries(entries)
    return Hist(from_uhi({**made, "metadata": metadata}), nan, missing, data)


def _entries(content: Mapping[str, Any]) -> Statistics:
    names = tuple(content["names"])
    weights = np.asarray(content["weights"], np.float64)
    values = np.asarray(content["values"], np.float64).reshape(len(names), weights.size)
    squares = content.get("squares")
    return Statistics(
        names, values, weights, weights**2 if squares is None else np.asarray(squares, np.float64)
    )


def load(path: str | os.PathLike[str], *, group: str | None = None) -> Hist | Bundle:
    """Read a histogram or a bundle written by `hist.save`, exactly as it was.

    Parameters
    ----------
    path
        File to read; its suffix is its form, as for `hist.save`.
    group
        Group of an HDF5 file; by default, its root.

    Returns
    -------
    Hist or Bundle
        What was saved.

    Raises
    ------
    ValueError
        If the file does not hold a histogram.
    MissingColumnError
        If there is no such group.
    MissingDependencyError
        If the form is HDF5 and h5py is not installed.

    Examples
    --------
    >>> import polars as pl, tempfile
    >>> from icecol import hist
    >>> h = hist.fill(pl.LazyFrame({"x": [0.1, 0.2]}), hist.regular("x", 3, 0, 3))
    >>> path = f"{tempfile.mkdtemp()}/x.json"
    >>> h.save(path)
    >>> load(path) == h
    True
    """
    source = Path(path)
    suffix = source.suffix.lower()
    if group is not None and suffix not in HDF5:
        msg = f"only an HDF5 file has groups, not {os.fspath(path)!r}: leave out group={group!r}"
        raise ValueError(msg)
    try:
        if suffix in HDF5:
            return _read_hdf5(source, group)
        return _of_content(
            _parquet_content(source) if suffix == ".parquet" else json.loads(source.read_bytes())
        )
    except (AttributeError, KeyError, TypeError, ValueError) as err:
        if isinstance(err, MissingColumnError):
            raise
        msg = f"{os.fspath(path)} is not a histogram written by hist.save: {err}"
        raise ValueError(msg) from err


def merge(parts: Iterable[Hist | Bundle | str | os.PathLike[str]]) -> Hist | Bundle:
    """Add partial results, such as those of the jobs of a batch system; files are read one by one.

    Parameters
    ----------
    parts
        Histograms with equal axes, bundles of them, or files that hold them. Categories are merged; of bundles,
        histograms of the same name are added.

    Returns
    -------
    Hist or Bundle
        Their sum.

    Raises
    ------
    ValueError
        If there is none, or the axes differ; the message names the file.

    Examples
    --------
    >>> import polars as pl
    >>> from icecol import hist
    >>> x = hist.regular("x", 2, 0, 2)
    >>> hist.merge(hist.fill(pl.LazyFrame({"x": [v]}), x) for v in (0.5, 1.5, 1.6)).values()
    array([1., 2.])
    """
    total: Any = None
    for part in parts:
        read = part if isinstance(part, (Hist, Bundle)) else load(part)
        try:
            total = read if total is None else total + read
        except (TypeError, ValueError) as err:
            which = "a part" if isinstance(part, (Hist, Bundle)) else os.fspath(part)
            msg = f"{which} does not add to those before it: {err}"
            raise ValueError(msg) from err
    if total is None:
        msg = "there is nothing to merge"
        raise ValueError(msg)
    return total


def _of_content(content: Any) -> Any:
    if "bundle" in content:
        return Bundle({name: _of_content(member) for name, member in content["bundle"].items()})
    return from_dict(content)


def _read_hdf5(path: Path, group: str | None) -> Any:
    h5py, form = hdf5()
    with h5py.File(path, "r") as file:
        name = (group or "").strip("/")
        if name and name not in file:
            msg = f"{os.fspath(path)} has no group {name!r}: {did_you_mean(name, file, 'groups')}"
            raise MissingColumnError(msg)
        return _read_group(file[name] if name else file, form)


def _read_group(group: Any, form: Any) -> Any:
    if "bundle" in group.attrs:
        return Bundle(
            {name: _read_group(group[f"member_{i}"], form) for i, name in enumerate(group.attrs["bundle"])}
        )
    content = form.read(group)
    if "entries" in group:
        kept = group["entries"]
        content["metadata"]["entries"] = {
            "names": kept.attrs["names"],
            **{name: kept[name][...] for name in kept},
        }
    return from_dict(content)


def _parquet_content(path: Path) -> Any:
    import pyarrow.parquet as pq

    metadata = pq.read_schema(path).metadata or {}
    if METADATA not in metadata:
        msg = f"its metadata have no {METADATA.decode()!r}"
        raise ValueError(msg)
    return json.loads(metadata[METADATA])


def _tally(content: Sequence[Any]) -> Tally:
    n, sumw, sumw2 = content
    return Tally(int(n), float(sumw), float(sumw2))
