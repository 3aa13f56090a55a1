"""Events of a batch as an Arrow table: one row an event, `key.member` columns.

A key's objects are decoded over the whole batch (`icecol.i3.columns`, `icecol.i3.pulses`) into buffers that Arrow
takes over without a copy; here they get their names, types, units and nulls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from icecol.convert.geometry import gcd_objects
from icecol.dataset import schema as schemas
from icecol.dataset.pulses import SERIES
from icecol.errors import FormatError, SchemaError
from icecol.i3.classes import CLASSES
from icecol.i3.columns.compiler import Leaf
from icecol.i3.columns.fixed_names import Pattern, has_names, pattern
from icecol.i3.columns.interpreter import Columns, class_of, decode
from icecol.i3.columns.old_values import modern
from icecol.i3.columns.waveforms import launches
from icecol.i3.container.mixing import Events
from icecol.i3.container.names import Names
from icecol.i3.pulses.batch import PULSE_CLASSES, PulseResolver
from icecol.i3.pulses.maps import ABSENT, OK, REASONS
from icecol.patterns import matches

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Column = tuple[pa.Field, pa.Array]

HEADER: Final = "I3EventHeader"
_PULSES: Final = frozenset(PULSE_CLASSES)

ARROW: Final[dict[str, pa.DataType]] = {
    "bool": pa.bool_(), "u8": pa.uint8(), "i8": pa.int8(), "u16": pa.uint16(), "i16": pa.int16(),
    "u32": pa.uint32(), "i32": pa.int32(), "u64": pa.uint64(), "i64": pa.int64(), "f32": pa.float32(),
    "f64": pa.float64(), "str": pa.string(),
}  # fmt: skip

PULSE_FIELDS: Final = tuple((m.name, pa.from_numpy_dtype(m.dtype), m.unit, m.doc) for m in SERIES)

_TRIED: Final = 100
"""Objects of a key that are looked at for one whose class is known: damaged ones may come first."""

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
    gcd : path, optional
        File whose calibration serves events that have none of their own.
    """

    keys: Sequence[str] | None = None
    pulses: Sequence[str] | None = None
    gcd: str | None = None
    names: Names = field(default_factory=Names)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    _classes: dict[int, str] = field(default_factory=dict)
    _patterns: dict[str, tuple[Pattern, list[pa.Field]] | None] = field(default_factory=dict)
    """What the maps of a key look like, and their fields; None where they differ from event to event."""

    def table(
        self, events: Events, wanted: Callable[[str], bool] | None = None, *, stops: str = ""
    ) -> pa.Table:
        """Make the table of some events.

        Parameters
        ----------
        events : Events
        wanted : function of a key, optional
            Which keys are needed; the others are not decoded.
        stops : str
            Stop letters whose keys are taken; by default all but geometry, calibration, status and simulation.
        """
        resolver = PulseResolver(events, self._outside)
        made: dict[str, list[Column]] = {}
        alike: dict[str, list[str]] = {}
        for key, pairs in self.present(events, stops).items():
            if wanted is not None and not wanted(key):
                continue
            made[key] = []
            classes = {self._class(events, pair) for pair in pairs}
            if classes & _PULSES:
                if self._chosen_pulses(key):
                    made[key] = self._pulses(resolver, key)
            elif self._chosen_objects(key):
                alike.setdefault(
                    classes.pop() if len(classes) == 1 else f"{key} in several classes", []
                ).append(key)
        for name, keys in alike.items():
            if has_names(name):
                made.update({key: found for key in keys if (found := self._alike(events, key))})
            if left := [key for key in keys if not made[key]]:
                made.update(self._objects(events, left))
        fields = schemas.of_keys({key: [f for f, _ in columns] for key, columns in made.items()})
        if not fields:
            return pa.table({})
        arrays = [array for columns in made.values() for _, array in columns]
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields))

    def _outside(self, key: str) -> bytes | None:
        """Return an object of the GCD file."""
        return gcd_objects(self.gcd).get(key) if self.gcd is not None else None

    def present(self, events: Events, stops: str = "") -> dict[str, list[int]]:
        """Return the chosen keys that frames of the right stops have, header first, then sorted; with their pairs."""
        batch = events.batch
        key_of, numbers = batch.names.keys()
        letters = np.frombuffer(stops.encode() or b"IGCDS", np.uint8)
        per_frame = np.isin(batch.stop, letters, invert=not stops)
        of_object = np.repeat(per_frame, np.diff(batch.first))
        have = np.bincount(batch.pair[of_object], minlength=len(batch.names)) > 0
        names = list(numbers)
        found: dict[str, list[int]] = {}
        for pair in np.flatnonzero(have).tolist():
            found.setdefault(names[int(key_of[pair])], []).append(pair)
        chosen = filter(self._chosen, found)
        return {key: found[key] for key in sorted(chosen, key=lambda key: (key != HEADER, key))}

    def _class(self, events: Events, pair: int) -> str:
        """Return the class of a pair of key and type name, by the first of its objects whose class is known."""
        found = self._classes.get(pair, "")
        if found:
            return found
        batch = events.batch
        for j in np.flatnonzero(batch.pair == pair)[:_TRIED].tolist():
            try:
                name = class_of(batch.buf, int(batch.at[j]), int(batch.size[j]))[0]
            except FormatError:
                continue
            if name in CLASSES:
                self._classes[pair] = name
                return name
            found = found or name
        return found

    def _chosen(self, key: str) -> bool:
        return self._chosen_objects(key) or self._chosen_pulses(key)

    def _chosen_objects(self, key: str) -> bool:
        return key == HEADER or self.keys is None or matches(key, tuple(self.keys))

    def _chosen_pulses(self, key: str) -> bool:
        return self.pulses is None or matches(key, tuple(self.pulses)) or self._named(key)

    def _named(self, key: str) -> bool:
        return self.keys is not None and key in self.keys

    def _pulses(self, resolver: PulseResolver, key: str) -> list[Column]:
        batch = resolver.series(key)
        if bool((batch.status == ABSENT).all()):
            return []  # frames of another stop have it
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

    def _objects(self, events: Events, keys: list[str]) -> dict[str, list[Column]]:
        """Decode keys of one class together, and give each its columns."""
        batch = events.batch
        picks = [_pick(events.objects(key)) for key in keys]
        objects = np.concatenate([pick.objects for pick in picks])
        runs = len(keys) if all(pick.objects.size == picks[0].objects.size for pick in picks) else 1
        results = decode(batch.buf, batch.at[objects], batch.size[objects], self.names, runs)
        if len(results) != 1 or results[0].failed:
            if len(keys) > 1:  # something is odd: one key at a time
                return {key: self._objects(events, [key])[key] for key in keys}
            return {keys[0]: self._odd(events, keys[0], picks[0], results)}
        try:
            columns = modern(launches(results[0]))
            table = _ByRows(columns) if columns.program.shape == "struct" else None
            made: dict[str, list[Column]] = {}
            begin = 0
            for key, pick in zip(keys, picks, strict=True):
                n = pick.objects.size
                if table is not None:
                    made[key] = table.columns(key, begin, n, pick.source)
                else:
                    found = _by_name(key, columns, begin, n)
                    index = _index(pick.source)
                    made[key] = found if index is None else [(f, a.take(index)) for f, a in found]
                begin += n
        except FormatError as err:
            if len(keys) > 1:
                return {key: self._objects(events, [key])[key] for key in keys}
            self.failures[keys[0], str(err)] += objects.size
            return {keys[0]: []}
        return made

    def _alike(self, events: Events, key: str) -> list[Column]:
        """Make the columns of a key whose maps have the same names in all events; none if they do not."""
        if key in self._patterns and self._patterns[key] is None:
            return []
        batch = events.batch
        pick = _pick(events.objects(key))
        at, size = batch.at[pick.objects], batch.size[pick.objects]
        if not at.size:
            return []
        if key not in self._patterns:
            columns = decode(batch.buf, at[:1], size[:1], self.names)[0]
            blob = batch.buf[at[0] : at[0] + size[0]].tobytes()
            form = None if columns.failed else pattern(columns.program, blob)
            self._patterns[key] = None if form is None else (form, _pattern_fields(key, form))
        if (known := self._patterns[key]) is None or (found := known[0].gather(batch.buf, at, size)) is None:
            self._patterns[key] = None
            return []
        index = _index(pick.source)
        arrays: list[list[pa.Array]] = []
        for leaf, values in found:
            whole = _numbers(values.ravel(), ARROW[leaf.kind])
            parts = [whole.slice(k * at.size, at.size) for k in range(values.shape[0])]
            arrays.append(parts if index is None else [part.take(index) for part in parts])
        of_name = [array for parts in zip(*arrays, strict=True) for array in parts]
        return list(zip(known[1], of_name, strict=True))

    def _odd(self, events: Events, key: str, pick: _Pick, results: list[Columns]) -> list[Column]:
        """Give one key its columns where its objects are of several classes or versions, or fail."""
        if self._named(key) and not any(columns.good.size for columns in results):
            return [_blobs(key, events, events.objects(key))]  # asked for, and it has no form as columns
        if results and results[-1].failed:
            for _, why in results[-1].failed:
                self.failures[key, why] += 1
        found: dict[str, list[tuple[pa.Field, pa.Array, Ints]]] = {}
        source = np.arange(events.n) if pick.source is None else pick.source
        for columns in results:
            n = columns.good.size
            if not n:
                continue
            where = np.full(pick.objects.size + 1, -1, np.int64)  # the last is for rows without an object
            where[columns.good] = np.arange(n)
            try:
                whole = modern(launches(columns))
                struct = whole.program.shape == "struct"
                made = _ByRows(whole).columns(key, 0, n, None) if struct else _by_name(key, whole, 0, n)
            except FormatError as err:
                self.failures[key, str(err)] += n
                continue
            for f, array in made:
                found.setdefault(f.name, []).append((f, array, where[source]))
        return [
            (parts[0][0].with_type(array.type), array) for parts in found.values() for array in [_join(parts)]
        ]


class _Pick(NamedTuple):
    """Objects to decode for a key, and for each row which of them it has (-1: none; None: just in order)."""

    objects: Ints
    source: Ints | None


@njit(cache=True, nogil=True)
def _unrepeated(objects: npt.NDArray[np.int32], unique: Ints, source: Ints) -> tuple[int, bool]:
    """Note each object once if they come in order: how many (else -1), and whether each row has one of its own."""
    n, last, plain = 0, np.int64(-1), True
    for row in range(objects.size):
        j = np.int64(objects[row])
        if j < 0 or j == last:
            plain = False
        elif j < last:
            return -1, False
        else:
            unique[n] = last = j
            n += 1
        source[row] = -1 if j < 0 else n - 1
    return n, plain


def _pick(objects: npt.NDArray[np.int32]) -> _Pick:
    """Choose each object once, also where several rows share it."""
    unique, source = np.empty(objects.size, np.int64), np.empty(objects.size, np.int64)
    n, plain = _unrepeated(objects, unique, source)
    if plain:
        return _Pick(unique, None)
    if n >= 0:
        return _Pick(unique[:n], source)
    rows = np.flatnonzero(objects >= 0)
    unique, source[rows] = np.unique(objects[rows], return_inverse=True)
    source[objects < 0] = -1
    return _Pick(unique.astype(np.int64), source)


def _index(source: Ints | None) -> pa.Array | None:
    """Make indices that put values at their rows; rows without one are null."""
    return None if source is None else pa.array(source, mask=source < 0)


def _join(parts: list[tuple[pa.Field, pa.Array, Ints]]) -> pa.Array:
    """Put values of several decoded sets at their rows."""
    arrays = [a for _, a, _ in parts]
    if any(a.type != arrays[0].type for a in arrays):
        names = " and ".join(sorted({str(a.type) for a in arrays}))
        msg = f"column {parts[0][0].name!r} is {names} in different events: one column has one type; leave the key out"
        raise SchemaError(msg)
    index = np.full(parts[0][2].size, -1, np.int64)
    base = 0
    for array, (_, _, source) in zip(arrays, parts, strict=True):
        index = np.where(source >= 0, source + base, index)
        base += len(array)
    return pa.concat_arrays(arrays).take(_index(index))


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


class _ByRows:
    """Arrays of one class whose objects belong to several keys, cut up by key without a copy."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        names = {leaf.name: i for i, leaf in enumerate(columns.program.leaves)}
        self._leaves: list[Leaf] = []
        arrays: list[pa.Array] = []
        for i, leaf in enumerate(columns.program.leaves):
            if leaf.name.endswith("?"):
                continue
            self._leaves.append(leaf)
            arrays.append(_nest(columns, *_values(columns, i, names.get(f"{leaf.name}?"))))
            if leaf.name.endswith("utc_daq_time") and leaf.group == 0:
                stem = leaf.name.removesuffix("utc_daq_time")
                doc = "UTC, cut to whole nanoseconds"
                self._leaves.append(Leaf(stem.rstrip("_") or "time", "i64", 0, "", doc))
                arrays.append(_timestamps(columns.values[names[f"{stem}utc_year"]], columns.values[i]))
        self._batch = pa.RecordBatch.from_arrays(arrays, names=[leaf.name for leaf in self._leaves])

    def columns(self, key: str, begin: int, n: int, source: Ints | None) -> list[Column]:
        """Return the columns of a key whose objects are those from `begin` on, put at the rows of `source`."""
        part = self._batch.slice(begin, n)
        if source is not None and self._leaves:
            part = part.take(_index(source))
        return list(zip(self._fields(key), part.columns, strict=True))

    def _fields(self, key: str) -> list[pa.Field]:
        program = self._columns.program
        about = (key, program.name, program.version, *program.versions.items())
        if about not in _FIELDS:
            types = self._batch.schema.types
            _FIELDS[about] = [
                _field(f"{key}.{leaf.name}", dtype, leaf)
                for leaf, dtype in zip(self._leaves, types, strict=True)
            ]
        return _FIELDS[about]


_FIELDS: dict[tuple[Any, ...], list[pa.Field]] = {}
"""Fields of the columns of a key by its class, as making them anew for every batch takes longer than the rest."""


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


def _nest(columns: Columns, array: pa.Array, group: int, top: int = 0) -> pa.Array:
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
        july = (years - 1970).astype("datetime64[Y]").astype("datetime64[M]") + np.timedelta64(6, "M")
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


def _by_name(key: str, columns: Columns, begin: int, n: int) -> list[Column]:
    """Make one column for each name in the maps of a key whose objects are those from `begin` on."""
    leaves = columns.program.leaves
    i = next(k for k, leaf in enumerate(leaves) if leaf.kind == "name")
    offsets = columns.offsets[leaves[i].group][begin : begin + n + 1]
    numbers = columns.values[i].view(np.int32)
    used = np.flatnonzero(np.bincount(numbers[offsets[0] : offsets[-1]], minlength=len(columns.names)))
    texts = {int(k): _text(columns.names.raw(int(k))) for k in used}
    order = sorted(texts, key=lambda k: texts[k])
    column = np.full(max(len(columns.names), 1), -1, np.int64)
    column[order] = np.arange(len(order))
    index = np.full((len(order), n), -1, np.int32)
    _pivot_index(offsets, numbers, column, index)
    names = [texts[k] for k in order]
    return (_variants if columns.program.shape == "variants" else _named)(key, columns, names, index)


def _named(key: str, columns: Columns, names: list[str], index: npt.NDArray[np.int32]) -> list[Column]:
    """Make the columns of maps whose values all have one type."""
    top = next(leaf.group for leaf in columns.program.leaves if leaf.kind == "name")
    n = index.shape[1]
    flat = index.ravel()
    valid = flat >= 0
    everywhere = bool(valid.all())
    made: list[list[Column]] = []
    for i, leaf in enumerate(columns.program.leaves):
        if leaf.kind == "name":
            continue
        # one array over all names, of which each name's is a part
        if leaf.group == top and leaf.kind != "str":
            whole = _numbers(columns.values[i][flat], ARROW[leaf.kind], None if everywhere else valid)
        else:
            whole = _nest(columns, *_values(columns, i), top).take(pa.array(flat, mask=~valid))
        made.append(
            [
                (_named_field(key, name, leaf, whole.type), whole.slice(k * n, n))
                for k, name in enumerate(names)
            ]
        )
    return [column for of_name in zip(*made, strict=True) for column in of_name]


def _pattern_fields(key: str, form: Pattern) -> list[pa.Field]:
    """Return the fields of the columns of maps of one form: name by name, leaf by leaf."""
    leaves = [form.program.leaves[i] for i in form.leaves]
    return [_named_field(key, _text(name), leaf, ARROW[leaf.kind]) for name in form.names for leaf in leaves]


def _named_field(key: str, name: str, leaf: Leaf, dtype: pa.DataType) -> pa.Field:
    end = "" if leaf.name == "value" else f".{leaf.name}"
    return _field(f"{key}.{name}{end}", dtype, leaf)


_KINDS: Final = {
    1: (pa.int32(), False),
    2: (pa.float64(), False),
    4: (pa.bool_(), False),
    8: (pa.list_(pa.int32()), True),
    16: (pa.list_(pa.float64()), True),
    32: (pa.list_(pa.bool_()), True),
}
"""Type of a column by the alternative of its variants (as a bit), and whether it is a list."""


def _variants(key: str, columns: Columns, names: list[str], index: npt.NDArray[np.int32]) -> list[Column]:
    """Make the columns of maps of variants, each of the type its values have."""
    leaves = {leaf.name: i for i, leaf in enumerate(columns.program.leaves)}
    which = columns.values[leaves["which"]].view(np.int32)
    number = columns.values[leaves["number"]].view(np.float64)
    top = columns.program.leaves[leaves["which"]].group
    doc = columns.program.leaves[leaves["which"]].doc
    items = _nest(columns, *_values(columns, leaves["items"]), top)
    about = Leaf("", "", 0, "", doc)
    out: list[Column] = []
    n = index.shape[1]
    flat = index.ravel()
    there = flat >= 0
    numbers = _numbers(number[flat], pa.float64(), there)
    kinds_of = np.where(there, 1 << which[flat], 0).reshape(index.shape)
    for k, (name, kinds) in enumerate(
        zip(names, np.bitwise_or.reduce(kinds_of, axis=1).tolist(), strict=True)
    ):
        if kinds not in _KINDS:
            msg = (
                f"column '{key}.{name}' has values of different types in different events: leave the key out"
            )
            raise SchemaError(msg)
        dtype, many = _KINDS[kinds]
        array = items.take(pa.array(index[k], mask=index[k] < 0)) if many else numbers.slice(k * n, n)
        array = array if dtype == array.type else array.cast(dtype)
        out.append((_field(f"{key}.{name}", array.type, about), array))
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
