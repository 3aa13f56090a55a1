"""HDF5 as IceTray's hdfwriter (tableio) writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from icecol.convert.tableio_names import OF_PARTICLE, OF_TRIGGER, UNITS_OF
from icecol.coordinates import mjd
from icecol.dataset.events import Events
from icecol.detector.geometry import split_omkey
from icecol.errors import needs
from icecol.export.contents import (
    HEADER,
    Array,
    about,
    by_key,
    chosen,
    dense,
    is_list,
    is_number,
    need,
    pieces,
    tell_left_out,
    together,
    told,
)  # fmt: skip
from icecol.files import whole

IDENTITY: Final = (
    ("Run", "<u4"),
    ("Event", "<u4"),
    ("SubEvent", "<u4"),
    ("SubEventStream", "<i4"),
    ("exists", "u1"),
)
_OF_HEADER: Final = {"Run": "run_id", "Event": "event_id", "SubEvent": "sub_event_id"}
_RENAMED: Final = {member: name for name, member in OF_PARTICLE.items()}
_OF_TRIGGERS: Final = {member: name for name, member in OF_TRIGGER.items()}
_UNITS: Final = {unit: name for name, unit in UNITS_OF.items()}
_CHUNK: Final = 1 << 12
_PAIR: Final = (".condition_passed", ".prescale_passed")


def hdf5(events: Events, out: str | Path, *, columns: str | Sequence[str] | None = None) -> Path:
    """Write events into an HDF5 file with the tables of IceTray's tableio, which pandas, h5py and simweights read.

    Each key is a table with the members that IceTray's converters give it, after `Run`, `Event`, `SubEvent`,
    `SubEventStream` and `exists`. Lists are ragged tables with one row for each value, and `__I3Index__` has their
    first and last rows. Pulses have `string`, `om`, `pmt` and `vector_index`, and beside IceTray's members `flags`.

    Parameters
    ----------
    events : Dataset, LazyFrame or DataFrame
        Events with `I3EventHeader.event_id`, and `.run_id`, without which the run is 0.
    out : path
        The file to write.
    columns : names or patterns, optional
        Columns to write beside the header; by default all.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    MissingColumnError
        The events have no header, or a pattern of `columns` matches nothing.
    MissingDependencyError
        h5py is not installed.

    Warns
    -----
    UserWarning
        Columns of text, times and nested lists are left out. A number that is null although its key is there is NaN,
        or 0 if it is an integer.

    Examples
    --------
    >>> import icecol as ic, h5py, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> ds = ic.sim.to_dataset(ic.sim.events(3, seed=1), f"{folder}/sim.icecol")
    >>> path = ic.export.hdf5(ds, f"{folder}/sim.h5", columns=["MCPrimary.*", "InIcePulses.*"])
    >>> with h5py.File(path) as file:
    ...     sorted(file), file["MCPrimary"]["energy"].shape
    (['I3EventHeader', 'InIcePulses', 'MCPrimary', '__I3Index__'], (3,))
    """
    try:
        import h5py
    except ImportError as err:
        raise needs("h5py", "hdf5", "writing HDF5 files") from err  # noqa: EM101
    every = chosen(events, None)
    names = every.collect_schema()
    need(names, [f"{HEADER}.event_id"], "HDF5 of tableio")
    head = [n for n in names if n.startswith(f"{HEADER}.")]
    wanted = names if columns is None else [*head, *chosen(events, columns).collect_schema()]
    frame = every.select(list(dict.fromkeys(wanted)))
    plan = _Plan(frame.collect_schema(), told(events, frame.collect_schema()))
    stream = f"{HEADER}.sub_event_stream"
    codes: dict[str, int] = {}
    if stream in names:
        streams = every.select(pl.col(stream).unique().sort()).collect().to_series().drop_nulls()
        codes = {name: i for i, name in enumerate(streams)}
    with whole(out) as aside, h5py.File(aside, "w") as file:
        file.attrs.update(about(events))
        tables = {name: _Table(file, name, parts, codes) for name, parts in plan.tables.items()}
        for batch in pieces(plan.prepared(frame)):
            identity = _identity(batch, codes)
            for table in tables.values():
                table.append(batch, identity)
    tell_left_out("HDF5 of tableio", plan.left_out, "text, times or nested lists")
    return Path(out)


class _Plan:
    """Which columns go into which table: by name of the table, member and column."""

    def __init__(self, schema: Mapping[str, Any], known: Mapping[str, tuple[str, str]]) -> None:
        self.tables: dict[str, _Parts] = {HEADER: _Parts(scalars={}, lists={}, known=known, schema=schema)}
        self.left_out: list[str] = []
        self._times = [
            which
            for which in ("start", "end")
            if {f"{HEADER}.{which}_time_utc_year", f"{HEADER}.{which}_time_utc_daq_time"} <= set(schema)
        ]
        self.tables[HEADER].scalars.update(
            {
                f"time_{which}_{name}": column
                for which in self._times
                for name, column in (
                    ("utc_daq", f"{HEADER}.{which}_time_utc_daq_time"),
                    ("mjd", f"__{which}_mjd"),
                )
            }
        )
        for key, members in by_key(schema).items():
            if key == HEADER:
                continue
            scalars = {m: c for m, c in members.items() if is_number(schema[c])}
            lists = {m: c for m, c in members.items() if is_list(schema[c])}
            self.left_out += [c for m, c in members.items() if m not in scalars and m not in lists]
            if scalars:
                self.tables[key] = _Parts(_written(scalars), {}, known, schema)
            if lists and not scalars:
                self.tables[key] = _Parts({}, _written(lists), known, schema)
            elif lists:  # a table has one or many rows per event
                self.tables |= {f"{key}_{m}": _Parts({}, {m: c}, known, schema) for m, c in lists.items()}

    def prepared(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Return the frame with the dates of its header."""
        return frame.with_columns(
            mjd(f"{HEADER}.{which}_time").alias(f"__{which}_mjd") for which in self._times
        )


class _Parts:
    """The columns of one table, by the name that they have there."""

    def __init__(
        self,
        scalars: dict[str, str],
        lists: dict[str, str],
        known: Mapping[str, tuple[str, str]],
        schema: Mapping[str, Any],
    ) -> None:
        self.scalars, self.lists, self.schema = scalars, lists, schema
        self.known = known


def _written(members: Mapping[str, str]) -> dict[str, str]:
    renamed = {
        **_RENAMED,
        **(_OF_TRIGGERS if {"source", "type", "subtype", "config_id"} <= members.keys() else {}),
    }
    return {renamed.get(m, m): c for m, c in members.items()}


def _identity(batch: pl.DataFrame, codes: Mapping[str, int]) -> dict[str, Array]:
    found = {
        name: dense(batch[f"{HEADER}.{member}"])
        if f"{HEADER}.{member}" in batch.columns
        else np.zeros(batch.height)
        for name, member in _OF_HEADER.items()
    }
    stream = f"{HEADER}.sub_event_stream"
    text = batch[stream].to_list() if stream in batch.columns else [None] * batch.height
    found["SubEventStream"] = np.array([-1 if name is None else codes[name] for name in text], np.int32)
    return found


class _Table:
    """One table of the file and its index, to which rows are appended."""

    def __init__(self, file: Any, name: str, parts: _Parts, codes: Mapping[str, int]) -> None:
        self.parts, self._file, self._name, self._codes = parts, file, name, codes
        self._data: Any = None
        self._index: Any = None
        self._rows = 0

    def append(self, batch: pl.DataFrame, identity: Mapping[str, Array]) -> None:
        values, counts, present = self._values(batch)
        self._create(values)
        at = np.repeat(np.arange(batch.height), counts)
        rows = np.zeros(at.size, self._data.dtype)
        for name in identity:
            rows[name] = identity[name][at]
        rows["exists"] = present[at]
        for name, column in values.items():
            rows[name] = column
        _extend(self._data, rows)
        index = np.zeros(batch.height, self._index.dtype)
        for name in identity:
            index[name] = identity[name]
        index["exists"] = present
        index["stop"] = self._rows + np.cumsum(counts)
        index["start"] = index["stop"] - counts.astype(np.uint64)
        _extend(self._index, index)
        self._rows += at.size

    def _values(self, batch: pl.DataFrame) -> tuple[dict[str, Array], Array, Array]:
        """Return the columns of the table, the rows of each event, and which events have the key."""
        parts, n = self.parts, batch.height
        if not parts.lists:
            any_of = pl.any_horizontal(pl.col(list(parts.scalars.values())).is_not_null())
            present = (
                batch.select(any_of).to_series().to_numpy() if self._name != HEADER else np.ones(n, bool)
            )
            values = {m: dense(batch[c]) for m, c in parts.scalars.items()}
            return _paired(values), np.ones(n, np.int64), present
        found, counts, present = together(self._name, batch, parts.lists)
        return _of_sensors(found, counts), counts, present

    def _create(self, values: Mapping[str, Array]) -> None:
        if self._data is not None:
            return
        import h5py

        dtype = [
            *IDENTITY,
            *((name, v.dtype if v.dtype != bool else "u1", v.shape[1:]) for name, v in values.items()),
        ]
        if self._codes:
            dtype[3] = ("SubEventStream", h5py.enum_dtype(dict(self._codes), basetype="i4"))
        columns = {**self.parts.scalars, **self.parts.lists}
        data = _new(self._file, self._name, dtype, ragged=bool(self.parts.lists))
        for i, name in enumerate(data.dtype.names):
            unit, doc = self.parts.known.get(str(columns.get(name)), ("", ""))
            if name == "exists" or (name in values and values[name].dtype == bool):
                unit = "bool"
            texts = (("NAME", name), ("UNIT", _UNITS.get(unit, unit)), ("DOC", doc))
            data.attrs.update({f"FIELD_{i}_{what}": np.bytes_(text.encode()) for what, text in texts})
        places = [*dtype[:5], ("start", "<u8"), ("stop", "<u8")]
        self._data, self._index = data, _new(self._file, f"__I3Index__/{self._name}", places, ragged=False)


def _new(file: Any, name: str, dtype: list[Any], *, ragged: bool) -> Any:
    data = file.create_dataset(
        name,
        (0,),
        np.dtype(dtype),
        maxshape=(None,),
        chunks=(_CHUNK,),
        compression="gzip",
        compression_opts=1,
    )
    attributes = {"CLASS": np.bytes_("TABLE"), "TITLE": np.bytes_(""), "VERSION": np.bytes_("3.0")}
    data.attrs.update({**attributes, "__I3RaggedTable__": np.array([ragged], "i1")})
    return data


def _extend(data: Any, rows: Array) -> None:
    n = len(data)
    data.resize((n + len(rows),))
    data[n:] = rows


def _paired(values: dict[str, Array]) -> dict[str, Array]:
    """Return the two Booleans of the result of a filter as one column, as tableio has them."""
    first, second = _PAIR
    made: dict[str, Array] = {}
    for name, column in values.items():
        stem = name.removesuffix(first).removesuffix(second)
        if stem != name and {stem + first, stem + second} <= values.keys():
            made[stem] = np.column_stack([values[stem + first], values[stem + second]])
        else:
            made[name] = column
    return made


def _of_sensors(values: dict[str, Array], counts: Array) -> dict[str, Array]:
    """Return values with the numbers of their sensors, and where they are pulses, the number of each in its PMT."""
    if "omkey" not in values:
        return values
    keys = values.pop("omkey").astype(np.int32)
    string, om, pmt = split_omkey(keys)
    numbers = {"string": string.astype(np.int32), "om": om.astype(np.uint32), "pmt": pmt.astype(np.uint32)}
    if not {"time", "charge", "width"} <= values.keys():
        return {**numbers, **values}
    of_event = np.repeat(np.arange(counts.size), counts)
    order = np.lexsort((np.arange(keys.size), keys, of_event))
    new = np.ones(keys.size, bool)
    new[1:] = (np.diff(of_event[order]) != 0) | (np.diff(keys[order]) != 0)
    begins = np.flatnonzero(new)
    place = np.empty(keys.size, np.uint64)
    place[order] = np.arange(keys.size) - np.repeat(begins, np.diff(np.append(begins, keys.size)))
    pulses = {m: values.pop(m).astype(np.float64) for m in ("time", "width", "charge")}
    return {**numbers, "vector_index": place, **pulses, **values}
