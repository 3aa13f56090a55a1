"""Events of a batch as an Arrow table: one row an event, `key.member` columns.

A key's objects are decoded over the whole batch (`icecol.i3.columns`, `icecol.i3.pulses`) into buffers that Arrow
takes over without a copy; here they get their names, types, units and nulls.
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from icecol.dataset import schema as schemas
from icecol.errors import FormatError
from icecol.i3.columns import Columns, decode
from icecol.i3.container import Names
from icecol.i3.events import Events
from icecol.i3.program import Leaf
from icecol.i3.pulses import ABSENT, OK, PULSE_CLASSES, REASONS, PulseResolver
from icecol.i3.waveforms import launches

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Column = tuple[pa.Field, pa.Array]

HEADER: Final = "I3EventHeader"

ARROW: Final[dict[str, pa.DataType]] = {
    "bool": pa.bool_(), "u8": pa.uint8(), "i8": pa.int8(), "u16": pa.uint16(), "i16": pa.int16(),
    "u32": pa.uint32(), "i32": pa.int32(), "u64": pa.uint64(), "i64": pa.int64(), "f32": pa.float32(),
    "f64": pa.float64(), "str": pa.string(),
}  # fmt: skip

PULSE_FIELDS: Final = (
    ("time", pa.float64(), "ns", "leading edge of the pulse"),
    ("charge", pa.float32(), "PE", "charge of the pulse"),
    ("width", pa.float32(), "ns", "width of the pulse"),
    ("flags", pa.uint8(), "", "bit 0: local coincidence (HLC), bit 1: ATWD, bit 2: FADC"),
    ("omkey", pa.int32(), "", "sensor: string << 16 | om << 8 | pmt"),
)

_JUNE_LEAPS: Final = frozenset({1972, 1981, 1982, 1983, 1985, 1992, 1993, 1994, 1997, 2012, 2015})
"""Years with a leap second at the end of June, after which the time since new year is a second ahead of UTC."""


@dataclass(slots=True)
class TableMaker:
    """Makes tables of the events of one stream of frames, and remembers what could not be turned into columns.

    Parameters
    ----------
    keys : sequence of str, or None
        Glob patterns of the keys to take besides pulses; None takes all that have a form as columns. A key named
        without wildcards is taken even if its class has none: its bytes become the column `key.blob`.
    pulses : sequence of str, or None
        Glob patterns of pulse series; None takes all of them.
    """

    keys: Sequence[str] | None = None
    pulses: Sequence[str] | None = None
    names: Names = field(default_factory=Names)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown: dict[str, str] = field(default_factory=dict)

    def table(
        self, events: Events, wanted: Callable[[str], bool] | None = None, *, stops: str = ""
    ) -> pa.Table:
        """Make the table of some events.

        Parameters
        ----------
        events : Events
        wanted : function of a column name, optional
            Which columns are needed; keys of which no column can be are not decoded.
        stops : str
            Stop letters whose keys are taken; by default all but geometry, calibration, status and simulation.
        """
        columns: list[Column] = []
        resolver = PulseResolver(events)
        for key in self._present(events, stops):
            if wanted is not None and not wanted(key):
                continue
            columns += self._key(events, resolver, key)
        fields = [f for f, _ in columns]
        if not columns:
            return pa.table({})
        return pa.Table.from_arrays([a for _, a in columns], schema=pa.schema(fields))

    def _present(self, events: Events, stops: str) -> list[str]:
        """Return the keys that frames of the right stops have, header first, then sorted."""
        batch = events.batch
        key_of, numbers = batch.names.keys()
        per_frame = np.isin(batch.stop, np.frombuffer(stops.encode(), np.uint8)) if stops else ~np.isin(
            batch.stop, np.frombuffer(b"IGCDS", np.uint8)
        )  # fmt: skip
        of_object = np.repeat(per_frame, np.diff(batch.first))
        have = np.zeros(len(numbers) + 1, bool)
        have[key_of[batch.pair[of_object]]] = True
        names = [name for name, i in numbers.items() if have[i]]
        return sorted(names, key=lambda name: (name != HEADER, name))

    def _key(self, events: Events, resolver: PulseResolver, key: str) -> list[Column]:
        wanted = key == HEADER or self.keys is None or _matches(key, tuple(self.keys))
        as_pulses = self.pulses is None or _matches(key, tuple(self.pulses))
        if not (wanted or as_pulses):
            return []
        classes = resolver.class_names(key)
        if not classes:
            return []
        if any(name in PULSE_CLASSES for name, _ in classes):
            return self._pulses(resolver, key) if as_pulses or self._named(key) else []
        return self._objects(events, key) if wanted else []

    def _named(self, key: str) -> bool:
        return self.keys is not None and key in self.keys

    def _pulses(self, resolver: PulseResolver, key: str) -> list[Column]:
        batch = resolver.series(key)
        for status, n in Counter(
            batch.status[(batch.status != OK) & (batch.status != ABSENT)].tolist()
        ).items():
            self.failures[key, REASONS[status]] += n
        offsets = batch.offsets()
        mask = batch.status != OK
        nulls = pa.array(mask) if mask.any() else None
        arrow_offsets = pa.array(offsets)
        return [
            (
                schemas.field(f"{key}.{name}", pa.list_(dtype), unit, doc),
                pa.ListArray.from_arrays(
                    arrow_offsets,
                    _numbers(batch.omkey() if name == "omkey" else getattr(batch, name), dtype),
                    mask=nulls,
                ),
            )
            for name, dtype, unit, doc in PULSE_FIELDS
        ]

    def _objects(self, events: Events, key: str) -> list[Column]:
        batch = events.batch
        objects = events.objects(key)
        rows = np.flatnonzero(objects >= 0)
        unique = objects[rows]
        index = np.arange(rows.size)
        if unique.size > 1 and not bool((np.diff(unique) > 0).all()):
            unique, index = np.unique(unique, return_inverse=True)
        at, size = batch.at[unique], batch.size[unique]
        found: dict[str, list[tuple[pa.Field, pa.Array, Ints]]] = {}
        results = decode(batch.buf, at, size, self.names)
        if results and results[-1].failed:
            for _, why in results[-1].failed:
                self.failures[key, why] += 1
            if self._named(key):
                return [_blobs(key, events, objects)]
        for columns in results:
            # row of each good object; several rows may share one
            where = np.full(unique.size, -1, np.int64)
            where[columns.good] = np.arange(columns.good.size)
            source = np.full(events.n, -1, np.int64)
            source[rows] = where[index]
            try:
                made = _columns(key, launches(columns))
            except FormatError as err:
                self.failures[key, str(err)] += columns.good.size
                continue
            for f, array in made:
                found.setdefault(f.name, []).append((f, array, source))
        out: list[Column] = []
        for parts in found.values():
            array = _spread(parts)
            out.append((parts[0][0].with_type(array.type), array))
        return out


@lru_cache(maxsize=4096)
def _matches(key: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(key, p) for p in patterns)


def _spread(parts: list[tuple[pa.Field, pa.Array, Ints]]) -> pa.Array:
    """Put values at their rows; rows without one are null."""
    arrays, sources = [a for _, a, _ in parts], [s for _, _, s in parts]
    index = sources[0]
    array = arrays[0]
    if len(parts) > 1:
        base = 0
        index = np.full(sources[0].size, -1, np.int64)
        for a, source in zip(arrays, sources, strict=True):
            index = np.where(source >= 0, source + base, index)
            base += len(a)
        if any(a.type != array.type for a in arrays):
            array = pa.concat_arrays([a.cast(_common(arrays)) for a in arrays])
        else:
            array = pa.concat_arrays(arrays)
    if index.size == len(array) and (
        index.size == 0 or (index[0] == 0 and bool((np.diff(index) == 1).all()))
    ):
        return array
    return array.take(pa.array(index, mask=index < 0))


def _common(arrays: list[pa.Array]) -> pa.DataType:
    names = {str(a.type) for a in arrays}
    if names <= {"float", "double", "int32", "bool", "uint8"}:
        return pa.float64()
    msg = f"one key gives columns of types {', '.join(sorted(names))}"
    raise FormatError(msg)


def _blobs(key: str, events: Events, objects: npt.NDArray[np.int32]) -> Column:
    batch = events.batch
    values = [
        batch.buf[batch.at[j] : batch.at[j] + batch.size[j]].tobytes() if j >= 0 else None
        for j in objects.tolist()
    ]
    return schemas.field(f"{key}.blob", pa.binary(), "", "the object as serialised"), pa.array(
        values, pa.binary()
    )


# -- one key --------------------------------------------------------------------------------------------------------


def _columns(key: str, columns: Columns) -> list[Column]:
    """Name and type the columns of one class; one row per decoded object."""
    if columns.program.shape == "names":
        return _named_values(key, columns)
    if columns.program.shape == "variants":
        return _variants(key, columns)
    out: list[Column] = []
    names = {leaf.name: i for i, leaf in enumerate(columns.program.leaves)}
    for i, leaf in enumerate(columns.program.leaves):
        if leaf.name.endswith("?"):
            continue
        array = _nest(columns, leaf.group, *_values(columns, i, names.get(f"{leaf.name}?")))
        out.append((_field(f"{key}.{leaf.name}", array.type, leaf), array))
        if leaf.name.endswith("utc_daq_time") and leaf.group == 0:
            stem = leaf.name.removesuffix("utc_daq_time")
            stamp = _timestamps(columns.values[names[f"{stem}utc_year"]], columns.values[i])
            doc = "UTC, cut to whole nanoseconds"
            out.append((schemas.field(f"{key}.{stem.rstrip('_') or 'time'}", stamp.type, "", doc), stamp))
    return out


@lru_cache(maxsize=65536)
def _cached_field(
    name: str, dtype: pa.DataType, unit: str, doc: str, enum: tuple[tuple[str, int], ...]
) -> pa.Field:
    if enum:
        return schemas.field(name, dtype, unit, doc, enum=", ".join(f"{v}: {n}" for n, v in enum))
    return schemas.field(name, dtype, unit, doc)


def _field(name: str, dtype: pa.DataType, leaf: Leaf) -> pa.Field:
    return _cached_field(name, dtype, leaf.unit, leaf.doc, leaf.enum)


def _numbers(values: npt.NDArray[Any], dtype: pa.DataType, valid: Bools | None = None) -> pa.Array:
    """Make an Arrow array of numbers that shares the numpy buffer (truth values are packed into bits)."""
    if pa.types.is_boolean(dtype):
        buffer = pa.py_buffer(np.packbits(values != 0, bitorder="little"))
    else:
        buffer = pa.py_buffer(np.ascontiguousarray(values))
    bitmap, nulls = None, 0
    if valid is not None:
        nulls = int(valid.size - np.count_nonzero(valid))
        bitmap = pa.py_buffer(np.packbits(valid, bitorder="little")) if nulls else None
    return pa.Array.from_buffers(dtype, values.size, [bitmap, buffer], nulls)


def _strings(chars: npt.NDArray[Any], offsets: npt.NDArray[np.int32]) -> pa.Array:
    """Make an Arrow array of strings; bytes that are no UTF-8 are taken for Latin-1."""
    raw = chars.view(np.uint8)
    if raw.size and raw.max() > 127:
        data = raw.tobytes()
        parts = [data[a:b] for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]
        return pa.array([_text(p) for p in parts], pa.string())
    return pa.StringArray.from_buffers(offsets.size - 1, pa.py_buffer(offsets), pa.py_buffer(raw))


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _values(columns: Columns, i: int, valid: int | None = None) -> tuple[pa.Array, int]:
    """Return the innermost array of a leaf and the group whose elements it holds."""
    leaf = columns.program.leaves[i]
    if leaf.kind == "str":
        return _strings(columns.values[i], columns.offsets[leaf.group]), columns.program.parents[leaf.group]
    good = None if valid is None else columns.values[valid].view(np.uint8) != 0
    return _numbers(columns.values[i], ARROW[leaf.kind], good), leaf.group


def _nest(columns: Columns, _: int, array: pa.Array, group: int, top: int = 0) -> pa.Array:
    """Wrap an array in the lists of its groups, up to the rows (or another group)."""
    while group != top:
        offsets = columns.offsets[group]
        kind = pa.list_(array.type)
        array = pa.Array.from_buffers(
            kind, offsets.size - 1, [None, pa.py_buffer(offsets)], 0, children=[array]
        )
        group = columns.program.parents[group]
    return array


def _timestamps(year: npt.NDArray[Any], daq: npt.NDArray[Any]) -> pa.Array:
    """Make UTC timestamps of year and tenths of nanoseconds since its start."""
    year, daq = year.view(np.int32).astype(np.int64), daq.view(np.int64)
    valid = (year >= 1970) & (year <= 2261) & (daq >= 0) & (daq < 367 * 86_400 * 10**10)
    years, index = np.unique(np.where(valid, year, 1970), return_inverse=True)
    start = (years - 1970).astype("datetime64[Y]").astype("datetime64[ns]").astype(np.int64)
    stamp = start[index] + daq // 10
    leaps = np.isin(years, list(_JUNE_LEAPS))
    if leaps.any():
        july = (years - 1970).astype("datetime64[Y]").astype("datetime64[M]") + 6
        after = july.astype("datetime64[ns]").astype(np.int64) + 10**9
        stamp -= np.where(leaps[index] & (stamp >= after[index]), 10**9, 0)
    return _numbers(np.where(valid, stamp, 0), pa.timestamp("ns", tz="UTC"), valid)


# -- maps with names --------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def _pivot_index(
    offsets: npt.NDArray[np.int32], names: npt.NDArray[np.int32], column: Ints, out: npt.NDArray[np.int32]
) -> None:
    """Note for each name and row which element of the map has that name."""
    for row in range(offsets.size - 1):
        for j in range(offsets[row], offsets[row + 1]):
            out[column[names[j]], row] = j


def _pivot(columns: Columns) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Return the names met, in order, and for each the element in every row (-1: none)."""
    i = next(k for k, leaf in enumerate(columns.program.leaves) if leaf.kind == "name")
    numbers = columns.values[i].view(np.int32)
    used = np.unique(numbers)
    texts = {
        int(k): _text(columns.names.arena[columns.names.start[k] :][: columns.names.size[k]].tobytes())
        for k in used
    }
    order = sorted(texts, key=lambda k: texts[k])
    column = np.full(max(len(columns.names), 1), -1, np.int64)
    column[order] = np.arange(len(order))
    out = np.full((len(order), columns.offsets[columns.program.leaves[i].group].size - 1), -1, np.int32)
    _pivot_index(columns.offsets[columns.program.leaves[i].group], numbers, column, out)
    return [texts[k] for k in order], out


def _named_values(key: str, columns: Columns) -> list[Column]:
    """Make one column for each name in a map (and member of its values)."""
    names, index = _pivot(columns)
    top = next(leaf.group for leaf in columns.program.leaves if leaf.kind == "name")
    out: list[Column] = []
    leaves = [(i, leaf) for i, leaf in enumerate(columns.program.leaves) if leaf.kind != "name"]
    full = (index >= 0).all(axis=1)
    for k, name in enumerate(names):
        element = index[k]
        valid = None if full[k] else element >= 0
        for i, leaf in leaves:
            member = f"{key}.{name}" if leaf.name == "value" else f"{key}.{name}.{leaf.name}"
            if leaf.group == top and leaf.kind != "str":
                array = _numbers(columns.values[i][element], ARROW[leaf.kind], valid)
            else:
                array = _nest(columns, 0, *_values(columns, i), top).take(pa.array(element, mask=element < 0))
            out.append((_field(member, array.type, leaf), array))
    return out


def _variants(key: str, columns: Columns) -> list[Column]:
    """Make one column for each name in a map of variants, of the type its values have."""
    names, index = _pivot(columns)
    leaves = {leaf.name: i for i, leaf in enumerate(columns.program.leaves)}
    which = columns.values[leaves["which"]].view(np.int32)
    number = columns.values[leaves["number"]].view(np.float64)
    top = columns.program.leaves[leaves["which"]].group
    doc = columns.program.leaves[leaves["which"]].doc
    items = _nest(columns, 0, *_values(columns, leaves["items"]), top)
    out: list[Column] = []
    for name, element in zip(names, index, strict=True):
        valid = element >= 0
        kinds = set(which[element[valid]].tolist())
        if kinds <= {0, 1, 2}:
            dtype = pa.int32() if kinds == {0} else pa.bool_() if kinds == {2} else pa.float64()
            values = np.where(valid, number[element], 0)
            array = _numbers(values.astype({0: np.int32, 2: np.uint8}.get(min(kinds), np.float64)) if len(kinds) == 1
                             else values, dtype, valid)  # fmt: skip
        elif kinds <= {3, 4, 5}:
            inner = pa.int32() if kinds == {3} else pa.bool_() if kinds == {5} else pa.float64()
            array = items.take(pa.array(element, mask=~valid)).cast(pa.list_(inner))
        else:
            msg = f"{key}.{name} is a number in one event and a list in another"
            raise FormatError(msg)
        out.append((schemas.field(f"{key}.{name}", array.type, "", doc), array))
    return out


def streams_of(events: Events, names: Names) -> list[str | None]:
    """Return the sub-event stream of every event; None where there is no header."""
    batch = events.batch
    objects = events.objects(HEADER)
    rows = np.flatnonzero(objects >= 0)
    out: list[str | None] = [None] * events.n
    if not rows.size:
        return out
    at, size = batch.at[objects[rows]], batch.size[objects[rows]]
    for columns in decode(batch.buf, at, size, names):
        for i, leaf in enumerate(columns.program.leaves):
            if leaf.name == "sub_event_stream":
                texts = _strings(columns.values[i], columns.offsets[leaf.group]).to_pylist()
                for j, stream in zip(columns.good.tolist(), texts, strict=True):
                    out[int(rows[j])] = stream
    return out


def select_streams(events: Events, streams: Iterable[str], names: Names) -> Events:
    """Keep the events of some sub-event streams."""
    wanted = set(streams)
    return events.select(np.array([s in wanted for s in streams_of(events, names)], bool))
