"""The names and types that a frame object has in tables of IceTray's tableio, and in a dataset.

Verified with files that IceTray wrote: HDF5 by hdfwriter, Parquet by tableio 1.17.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from icecol.convert.rows import Array, Column, pulses
from icecol.dataset import schema as schemas
from icecol.dataset.facts import UNITS
from icecol.detector.geometry import omkey

HEADER: Final = "I3EventHeader"
INDEX: Final = ("Run", "Event", "SubEvent", "SubEventStream", "exists")
"""Columns that every table of tableio begins with."""
PULSE: Final = {"string", "om", "pmt", "vector_index", "time", "width", "charge"}
"""Columns of a pulse series."""
PARTICLE: Final = {"pdg_encoding", "location", "fit_status"}
TRIGGER: Final = {"source_id", "type_id", "subtype_id"}
OF_PARTICLE: Final = {"location": "location_type"}
OF_TRIGGER: Final = {"source_id": "source", "type_id": "type", "subtype_id": "subtype"}
"""Members by the names that they have in tables."""
_RENAMED: Final[Sequence[tuple[set[str], Mapping[str, str]]]] = (
    (PARTICLE, {**OF_PARTICLE, "type": ""}),  # the type is the PDG code again
    (TRIGGER, OF_TRIGGER),
)
_MASK: Final = re.compile("filter_?mask", re.IGNORECASE)
UNITS_OF: Final = {"radian": "rad", "Gm/s": "m/ns", "1e-10 s": "0.1 ns"}
"""Units by the names that they have in tables."""
_DAQ_PER_DAY: Final = 864_000_000_000_000  # tenths of ns
_DAY: Final = 86_400_000_000_000  # ns
_1970: Final = 40587  # as modified Julian date
_ORDINAL: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Told:
    """What a table says about one of its columns."""

    unit: str = ""
    doc: str = ""
    boolean: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """One column of a table, a value for each of its rows."""

    values: Array
    told: Told = field(default_factory=Told)


def members(key: str, table: Mapping[str, Member]) -> list[Column]:
    """Return the columns of an object, under the names of a dataset, a value for each row of its table."""
    names = {name for name in table if name not in INDEX}
    made: list[Column] = []
    if names >= PULSE:
        made, used = pulses(key, {name: member.values for name, member in table.items()})
        names -= {*used, "vector_index"}
    elif names >= {"string", "om", "pmt"}:
        keys = omkey(*(table[name].values for name in ("string", "om", "pmt")))
        doc = "sensor: string << 16 | om << 8 | pmt"
        made = [(schemas.field(f"{key}.omkey", pa.int32(), "", doc), pa.array(keys, pa.int32()))]
        names -= {"string", "om", "pmt"}
    renamed: dict[str, str] = {}
    for signature, changes in _RENAMED:
        if names >= signature:
            renamed.update(changes)
    for name, member in table.items():
        if name in names and (to := renamed.get(name, name)):
            made += _columns(f"{key}.{to}", member)
    return made


def _columns(name: str, member: Member) -> list[Column]:
    """Return the column of a member; two for the result of a filter, which is a pair of Booleans."""
    values, told = member.values, member.told
    if told.boolean or values.dtype == bool:
        values = values.astype(bool)
        if values.ndim == 2 and values.shape[1] == 2:
            docs = ("the event fulfils the filter's condition", "the event was kept by the filter's prescale")
            both = zip(("condition_passed", "prescale_passed"), docs, values.T, strict=True)
            return [
                (schemas.field(f"{name}.{which}", pa.bool_(), "", doc), pa.array(np.ascontiguousarray(v)))
                for which, doc, v in both
            ]
    if values.dtype == bool and _MASK.search(name.partition(".")[0]):  # of the pair, Parquet keeps the first
        doc = "the event fulfils the filter's condition"
        return [(schemas.field(f"{name}.condition_passed", pa.bool_(), "", doc), pa.array(values))]
    last = name.rpartition(".")[2]
    unit = UNITS_OF.get(told.unit, told.unit) if told.unit != "bool" else ""
    unit = unit or UNITS.get(last, "")
    if last == "depth":
        values = values.astype(np.int32)
    array = pa.array(np.ascontiguousarray(values.reshape(-1)))
    if values.ndim > 1:
        inner = values.size // max(len(values), 1)
        array = pa.ListArray.from_arrays(pa.array(np.arange(len(values) + 1, dtype=np.int32) * inner), array)
    return [(schemas.field(name, array.type, unit, told.doc), array)]


def header(
    identity: Mapping[str, Array], table: Mapping[str, Array], streams: Sequence[str | None] | None
) -> list[Column]:
    """Return the columns of the event header: the numbers that identify an event and, where known, its times."""
    made = [
        _of_header(name, pa.uint32(), identity[of].astype(np.uint32), doc=doc)
        for name, of, doc in (
            ("run_id", "Run", "run number"),
            ("event_id", "Event", "event number in the run"),
            ("sub_event_id", "SubEvent", "number of the sub-event in the event"),
        )
    ]
    if streams is not None:
        doc = "name of the splitter that made the sub-event"
        made.append(_of_header("sub_event_stream", pa.string(), streams, doc=doc))
    for which in ("start", "end"):
        if f"time_{which}_utc_daq" in table and f"time_{which}_mjd" in table:
            made += times(which, table[f"time_{which}_utc_daq"], table[f"time_{which}_mjd"])
    return made


def times(which: str, daq: Array, mjd: Array) -> list[Column]:
    """Return the columns of a time, given what tableio and GraphNeT keep: no year, but the date, which has it."""
    known = np.isfinite(mjd) & (mjd > 0)
    days = np.where(known, np.rint(np.where(known, mjd, _1970) - daq / _DAQ_PER_DAY) - _1970, 0).astype(
        np.int64
    )
    years, at = np.unique(days, return_inverse=True)
    # the beginning of a year, or a day off it through leap seconds
    year = np.array([date.fromordinal(int(d) + _ORDINAL + 1).year for d in years], np.int32)[at]
    begins = np.array([date(int(y), 1, 1).toordinal() - _ORDINAL for y in year], np.int64)
    mask = ~known
    name = f"{which}_time"
    stamp = pa.timestamp("ns", tz="UTC")
    times = pa.array(begins * _DAY + daq.astype(np.int64) // 10, pa.int64(), mask=mask).cast(stamp)
    return [
        _of_header(f"{name}_utc_year", pa.int32(), pa.array(year, pa.int32(), mask=mask), doc="UTC year"),
        _of_header(
            f"{name}_utc_daq_time",
            pa.int64(),
            pa.array(daq.astype(np.int64), pa.int64(), mask=mask),
            "0.1 ns",
            "time since the start of the UTC year",
        ),
        _of_header(name, stamp, times, doc="UTC, cut to whole nanoseconds"),
    ]


def _of_header(name: str, dtype: pa.DataType, values: object, unit: str = "", doc: str = "") -> Column:
    array = values if isinstance(values, pa.Array) else pa.array(values, dtype)
    return schemas.field(f"{HEADER}.{name}", dtype, unit, doc), array
