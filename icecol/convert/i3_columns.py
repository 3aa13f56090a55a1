"""Events of a batch as an Arrow table: one row per event, `key.member` columns.

A key's objects are decoded over the whole batch (`icecol.i3.columns`, `icecol.i3.pulses`) into buffers that Arrow
takes over without a copy (`icecol.convert.arrow`); here each key gets its rows, and what could not be decoded is noted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from icecol.convert.arrow import (
    ARROW,
    ByRows,
    Column,
    Ints,
    by_name,
    number_array,
    pattern_fields,
    row_index,
    string_array,
)
from icecol.convert.geometry import gcd_objects
from icecol.dataset import schema as schemas
from icecol.dataset.pulses import SERIES
from icecol.errors import FormatError, SchemaError
from icecol.i3.classes import CLASSES
from icecol.i3.columns.batch import decode
from icecol.i3.columns.fixed_names import Pattern, has_names, pattern
from icecol.i3.columns.heads import class_of
from icecol.i3.columns.old_values import modern
from icecol.i3.columns.passes import Columns
from icecol.i3.columns.waveforms import launches
from icecol.i3.container.mixing import Events
from icecol.i3.container.names import Names
from icecol.i3.pulses.batch import PULSE_CLASSES, PulseResolver
from icecol.i3.pulses.pulse_batch import ABSENT, OK, REASONS
from icecol.jit.cache import kept
from icecol.names import matches

HEADER: Final = "I3EventHeader"
_PULSES: Final = frozenset(PULSE_CLASSES)

PULSE_FIELDS: Final = tuple((m.name, pa.from_numpy_dtype(m.dtype), m.unit, m.doc) for m in SERIES)

_TRIED: Final = 100
"""Objects of a key that are looked at for one whose class is known: damaged ones may come first."""


@dataclass(slots=True)
class TableMaker:
    """Makes tables of the events of one stream of frames, and remembers what could not be turned into columns.

    Parameters
    ----------
    keys : sequence of str, or None
        Glob patterns of the keys to take besides pulses; None takes all that can become columns. A key named
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
    """Objects that did not become columns, by key and reason."""
    _classes: dict[int, str] = field(default_factory=dict)
    _of_pulses: set[str] = field(default_factory=set)
    """Keys that had pulses in this batch or an earlier one."""
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
        named: dict[str, str] = {}
        for key, pairs in self.present(events, stops).items():
            if wanted is not None and not wanted(key):
                continue
            made[key] = []
            classes = {self._class(events, pair) for pair in pairs}
            named[key] = " or ".join(sorted(classes))
            if classes & _PULSES or key in self._of_pulses:
                if self._chosen_pulses(key):
                    self._of_pulses.add(key)
                    made[key] = self._pulses(resolver, key) if classes & _PULSES else []
                    made[key] += self._beside_pulses(events, key, pairs)
            elif self._chosen_objects(key):
                alike.setdefault(
                    classes.pop() if len(classes) == 1 else f"{key} in several classes", []
                ).append(key)
        for name, keys in alike.items():
            if has_names(name):
                made.update({key: found for key in keys if (found := self._alike(events, key))})
            if left := [key for key in keys if not made[key]]:
                made.update(self._objects(events, left))
        fields = schemas.of_keys({key: [f for f, _ in columns] for key, columns in made.items()}, named)
        if not fields:
            return pa.table({})
        arrays = [array for columns in made.values() for _, array in columns]
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields))

    def note_twice(self, events: Events, wanted: Callable[[str], bool] | None = None) -> None:
        """Note the objects that are hidden by another one of the same key in the same frame."""
        for key, n in events.twice.items():
            if self._chosen(key) and (wanted is None or wanted(key)):
                self.failures[key, "it is in a frame twice, and the last one counts"] += n

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
                    number_array(batch.omkey() if name == "omkey" else getattr(batch, name), dtype),
                    mask=nulls,
                ),
            )
            for name, dtype, unit, doc in PULSE_FIELDS
        ]

    def _beside_pulses(self, events: Events, key: str, pairs: list[int]) -> list[Column]:
        """Make the columns of objects that are not pulses, under a key that has pulses in other events.

        Where a column would have the name of one of the pulses, the object is noted as left out.
        """
        found: dict[str, list[Column]] = {}
        objects = events.objects(key)
        pair_of = np.where(objects >= 0, events.batch.pair[objects], -1)
        for pair in pairs:
            if (name := self._class(events, pair)) in _PULSES:
                continue
            pick = _pick(np.where(pair_of == pair, objects, -1).astype(np.int32))
            at, size = events.batch.at[pick.objects], events.batch.size[pick.objects]
            columns = self._odd(events, key, pick, decode(events.batch.buf, at, size, self.names))
            taken = {f"{key}.{member}" for member, *_ in PULSE_FIELDS} | {
                f.name for cs in found.values() for f, _ in cs
            }
            if taken.isdisjoint(f.name for f, _ in columns):
                found[name] = columns
            else:
                why = f"it is of class {name}, and pulses in other events"
                self.failures[key, why] += int((pair_of == pair).sum())
        return [column for columns in found.values() for column in columns]

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
            table = ByRows(columns) if columns.program.shape == "struct" else None
            made: dict[str, list[Column]] = {}
            begin = 0
            for key, pick in zip(keys, picks, strict=True):
                n = pick.objects.size
                if table is not None:
                    made[key] = table.columns(key, begin, n, pick.source)
                else:
                    found = by_name(key, columns, begin, n)
                    index = row_index(pick.source)
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
            self._patterns[key] = None if form is None else (form, pattern_fields(key, form))
        if (known := self._patterns[key]) is None or (found := known[0].gather(batch.buf, at, size)) is None:
            self._patterns[key] = None
            return []
        index = row_index(pick.source)
        arrays: list[list[pa.Array]] = []
        for leaf, values in found:
            whole = number_array(values.ravel(), ARROW[leaf.kind])
            parts = [whole.slice(k * at.size, at.size) for k in range(values.shape[0])]
            arrays.append(parts if index is None else [part.take(index) for part in parts])
        of_name = [array for parts in zip(*arrays, strict=True) for array in parts]
        return list(zip(known[1], of_name, strict=True))

    def _odd(self, events: Events, key: str, pick: _Pick, results: list[Columns]) -> list[Column]:
        """Give one key its columns where its objects are of several classes or versions, or fail."""
        if self._named(key) and not any(columns.good.size for columns in results):
            return [_blobs(key, events, events.objects(key))]  # asked for, and it cannot become columns
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
                made = ByRows(whole).columns(key, 0, n, None) if struct else by_name(key, whole, 0, n)
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


@kept
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
    return pa.concat_arrays(arrays).take(row_index(index))


def _blobs(key: str, events: Events, objects: npt.NDArray[np.int32]) -> Column:
    batch = events.batch
    values = [
        batch.buf[batch.at[j] : batch.at[j] + batch.size[j]].tobytes() if j >= 0 else None
        for j in objects.tolist()
    ]
    return schemas.field(f"{key}.blob", pa.binary(), "", "the object as serialised"), pa.array(
        values, pa.binary()
    )


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
                texts = string_array(columns.values[i], columns.offsets[leaf.group]).to_pylist()
                for j, stream in zip(columns.good.tolist(), texts, strict=True):
                    out[int(rows[j])] = stream
    return out
