"""ROOT files with one tree, or RNTuple, of events, through uproot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import polars as pl

from icecol.dataset.events import Events
from icecol.errors import needs
from icecol.export.contents import (
    about,
    by_key,
    chosen,
    dense,
    is_list,
    is_number,
    need_some,
    pieces,
    tell_left_out,
    together,
)
from icecol.files import whole

_ODD: Final = re.compile(r"\W")
_WHY: Final = "text, times or nested lists"


def root(
    events: Events,
    out: str | Path,
    *,
    columns: str | Sequence[str] | None = None,
    tree: str = "events",
    kind: Literal["TTree", "RNTuple"] = "TTree",
) -> Path:
    """Write events into a ROOT file, which ROOT, PyROOT and uproot read.

    A branch is named by key and member, `LineFit_zenith`; what is not a letter or digit becomes an underscore. Lists of
    one key share their length, `nInIcePulses`. A float that is null is NaN, an integer 0, and `LineFit_exists` tells
    whether the event has the key.

    Parameters
    ----------
    events : Dataset, LazyFrame or DataFrame
        The events.
    out : path
        The file to write.
    columns : names or patterns, optional
        Columns to write; by default all.
    tree
        Name of the tree.
    kind
        `TTree`, or `RNTuple`, which needs ROOT 6.34 or later to be read.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    MissingColumnError
        A pattern of `columns` matches nothing.
    ValueError
        Two columns would have the same name, or the lists of a key differ in length.
    SchemaError
        There is no column of numbers or lists of numbers.
    MissingDependencyError
        uproot is not installed.

    Warns
    -----
    UserWarning
        Times and nested lists are left out; in a TTree text is, too.

    Examples
    --------
    >>> import icecol as ic, tempfile, uproot
    >>> folder = tempfile.mkdtemp()
    >>> ds = ic.sim.to_dataset(ic.sim.events(3, seed=1), f"{folder}/sim.icecol")
    >>> path = ic.export.root(ds, f"{folder}/sim.root", columns=["MCPrimary.energy", "InIcePulses.*"])
    >>> with uproot.open(path) as file:
    ...     file["events"]["MCPrimary_energy"].array().tolist() == ds.scan().collect()[
    ...         "MCPrimary.energy"
    ...     ].to_list()
    True
    """
    try:
        import uproot
    except ImportError as err:
        raise needs("uproot", "root", "writing ROOT files") from err  # noqa: EM101
    frame = chosen(events, columns)
    schema = frame.collect_schema()
    kept = [name for name, dtype in schema.items() if is_number(dtype) or is_list(dtype)]
    left_out = [name for name in schema if name not in kept]
    need_some("ROOT", kept, left_out, _WHY)
    keys = by_key(kept)
    _refuse_same(keys)
    written: Any = None
    with whole(out) as aside, uproot.recreate(aside) as file:
        for batch in pieces(frame.select(kept)):
            branches = _branches(batch, keys)
            if written is None and kind == "TTree":
                written = file.mktree(tree, {name: _type(values) for name, values in branches.items()})
            if written is None:
                written = file.mkrntuple(tree, branches)
            else:
                written.extend(branches)
        file["about"] = "\n".join(f"{name}: {text}" for name, text in about(events).items())
    tell_left_out("ROOT", left_out, _WHY)
    return Path(out)


def _type(values: Any) -> Any:
    return values.dtype if isinstance(values, np.ndarray) else values.type.content


def _refuse_same(keys: dict[str, dict[str, str]]) -> None:
    seen: dict[str, str] = {}
    for key, members in keys.items():
        for member, column in members.items():
            other = seen.setdefault(_name(f"{key}.{member}"), column)
            if other != column:
                msg = f"{other!r} and {column!r} would both be {_name(column)!r} in ROOT: choose one by `columns`"
                raise ValueError(msg)


def _name(column: str) -> str:
    return _ODD.sub("_", column)


def _branches(batch: pl.DataFrame, keys: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Return the branches: numbers, and for the lists of each key records of as many values."""
    import awkward as ak

    made: dict[str, Any] = {}
    for key, members in keys.items():
        scalars = {m: c for m, c in members.items() if not isinstance(batch[c].dtype, pl.List)}
        for member, column in scalars.items():
            made[_name(column if column == key else f"{key}.{member}")] = dense(batch[column])
        nulls = batch.select(pl.any_horizontal(pl.col(list(members.values())).is_not_null())).to_series()
        if key not in scalars.values():
            made[_name(f"{key}.exists")] = nulls.to_numpy()
        lists = {m: c for m, c in members.items() if m not in scalars}
        if lists:
            found, counts, _ = together(key, batch, lists)
            records = {_name(m): ak.unflatten(values, counts) for m, values in found.items()}
            made[_name(key)] = ak.zip(records)
    return made
