"""Calibration and settings of the sensors, from the calibration and status frames of an .i3 file, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from icecol.convert.arrow import ARROW
from icecol.convert.geometry import WANTED, from_objects, read_objects
from icecol.convert.source import Detector
from icecol.dataset import schema as schemas
from icecol.detector.geometry import Geometry, omkey
from icecol.errors import FormatError, naming
from icecol.i3.archive.keys import TriggerKey
from icecol.i3.archive.objects import Record
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import CArray, Enum, Field, Map, Pointer, Type, Vector
from icecol.places import place

Versions = Mapping[str, int]
"""Versions of the classes inside, where they are not the newest."""


def read_gcd(path: str | Path) -> tuple[Geometry, dict[str, pa.Table]]:
    """Read the sensors and, as far as the file has them, the tables of `tables_of`.

    Raises
    ------
    GeometryError
        The file has no geometry, or one with numbers that do not fit into an omkey.

    Examples
    --------
    >>> import icecol as ic, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "gcd.i3.zst"
    >>> nominal = ic.Geometry.nominal()
    >>> ic.sim.files.write_gcd(path, ic.Geometry.from_columns(nominal.table()[:60]))
    >>> geometry, tables = read_gcd(path)
    >>> tables["calibration"]["relative_dom_eff"][0].as_py()
    1.0
    """
    if place(path).suffix == ".parquet":
        return Geometry.read_parquet(path), {}
    objects = read_objects(path, KEYS)
    with naming(path):
        return from_objects(objects), tables_of(objects)


def detector_of(gcd: str | Path | Geometry | None) -> Geometry | Detector | None:
    """Return the sensors that are given as such, or as the path of a GCD file or a geometry; None if none are."""
    return gcd if gcd is None or isinstance(gcd, Geometry) else Detector(*read_gcd(gcd))


def tables_of(objects: Mapping[str, Any]) -> dict[str, pa.Table]:
    """Make the tables `calibration`, `detector_status` and `trigger_status` of a decoded GCD.

    They have one row per sensor of I3Calibration and I3DetectorStatus, or per trigger of the latter. Columns are
    IceTray's members; those of a nested class follow its name and `_`, arrays are lists. The calibration has the
    members of I3DOMCalibration and, for IceTop, of I3VEMCalibration; the status those of I3DOMStatus, and of TriggerKey
    and I3TriggerStatus. Units and meanings are in the metadata of the fields.
    """
    made = {
        name: make(objects[key])
        for key, tables in _TABLES.items()
        if isinstance(objects.get(key), Record)
        for name, make in tables.items()
    }
    return {name: table for name, table in made.items() if table.num_rows}


def _calibration(obj: Any) -> pa.Table:
    return _table(obj, {"I3DOMCalibration": obj.dom_cal, "I3VEMCalibration": obj.vem_cal or {}})


def _detector_status(obj: Any) -> pa.Table:
    return _table(obj, {"I3DOMStatus": obj.dom_status})


def _trigger_status(obj: Any) -> pa.Table:
    """Put the settings of the triggers below each other, in the order of their keys."""
    triggers = obj.trigger_status
    docs = ("part of the detector", "condition", "its variant", "number of the configuration")
    columns = []
    for name, doc in zip(TriggerKey._fields, docs, strict=True):
        numbers = [_whole(getattr(key, name)) for key in triggers]
        columns.append((schemas.field(name, pa.int32(), doc=doc), pa.array(numbers, pa.int32())))
    versions = {name: version for name, (_, version) in obj.versions.items() if isinstance(name, str)}
    columns += _columns("I3TriggerStatus", versions, list(triggers.values()), "")
    fields, arrays = zip(*columns, strict=True)
    return pa.Table.from_arrays(list(arrays), schema=pa.schema(list(fields)))


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


_TABLES: Final = {
    "I3Calibration": {"calibration": _calibration},
    "I3DetectorStatus": {"detector_status": _detector_status, "trigger_status": _trigger_status},
}
KEYS: Final = tuple(dict.fromkeys((*WANTED, *_TABLES)))
"""Keys that the geometry and the tables are made from."""


def _table(whole: Any, parts: Mapping[str, Mapping[Any, Record]]) -> pa.Table:
    """Put the records of each class side by side, one row for each sensor that any of them has."""
    keys = sorted({key for records in parts.values() for key in records})
    versions = {name: version for name, (_, version) in whole.versions.items() if isinstance(name, str)}
    numbers = [np.array([getattr(k, n) for k in keys], np.int32) for n in ("string", "om", "pmt")]
    docs = ("string number", "number of the module on its string", "PMT in the module")
    columns = [
        (schemas.field("omkey", pa.int32(), doc="string << 16 | om << 8 | pmt"), pa.array(omkey(*numbers)))
    ]
    columns += [
        (schemas.field(name, pa.int32(), doc=doc), pa.array(values))
        for name, doc, values in zip(("string", "om", "pmt"), docs, numbers, strict=True)
    ]
    for name, records in parts.items():
        columns += _columns(name, versions, [records.get(key) for key in keys], "")
    fields, arrays = zip(*columns, strict=True)
    return pa.Table.from_arrays(list(arrays), schema=pa.schema(list(fields)))


def _members(name: str, versions: Versions) -> tuple[Field, ...]:
    return tuple(f for f in CLASSES[name].at(versions.get(name, CLASSES[name].version)) if f.name)


def _columns(
    name: str, versions: Versions, records: Sequence[Record | None], prefix: str
) -> Iterator[tuple[pa.Field, pa.Array]]:
    """Make a column of every member of a class, and of those of the classes inside."""
    for member in _members(name, versions):
        values = [None if r is None else getattr(r, member.name) for r in records]
        if isinstance(member.type, str) and member.type in CLASSES:
            nested = f"{member.name}_" if member.flat is None else member.flat
            yield from _columns(member.type, versions, values, prefix + nested)
        elif isinstance(member.type, Pointer) and not member.type.derived:
            yield from _columns(member.type.to, versions, values, f"{prefix}{member.name}_")
        else:
            array = _array(member.type, versions, values)
            more = {}
            if isinstance(member.type, Enum) and member.type.values:
                more["enum"] = ", ".join(f"{number}: {what}" for what, number in member.type.values)
            yield schemas.field(prefix + member.name, array.type, member.unit, member.doc, **more), array


def _array(of: Type, versions: Versions, values: Sequence[Any] | np.ndarray) -> pa.Array:
    """Make an array of values of any type of a layout."""
    match of:
        case Enum():
            return pa.array([None if v is None else int(v) for v in values], pa.int32())
        case "str":
            texts = [v if v is None else v.encode("utf-8", "surrogateescape") for v in values]
            return pa.array([t if t is None else t.decode("utf-8", "replace") for t in texts], pa.string())
        case str() if of in ARROW:
            return pa.array(values, ARROW[of])
        case str():
            return _structs([of], versions, values)
        case CArray(of=inner, n=n):
            if len(values) and all(isinstance(v, np.ndarray) for v in values):
                items: Sequence[Any] | np.ndarray = np.concatenate(values)
            else:
                items = [item for v in values for item in (v if v is not None else [None] * n)]
            flat = _array(inner, versions, items)
            return pa.FixedSizeListArray.from_arrays(flat, n)
        case Vector(of=inner):
            return _lists([list(v) if v is not None else None for v in values], inner, versions)
        case Map(key=key, value=value):
            pairs = [list(v.items()) if v is not None else None for v in values]
            keys = _lists([v if v is None else [k for k, _ in v] for v in pairs], key, versions)
            found = _lists([v if v is None else [x for _, x in v] for v in pairs], value, versions)
            inner_ = pa.StructArray.from_arrays([keys.values, found.values], ["key", "value"])
            return pa.ListArray.from_arrays(keys.offsets, inner_)
        case Pointer(derived=derived):
            return _structs(derived, versions, values)
    msg = f"{of!r} cannot become a column"
    raise FormatError(msg)


def _lists(values: Sequence[list[Any] | None], inner: Type, versions: Versions) -> pa.ListArray:
    sizes = [0 if v is None else len(v) for v in values]
    offsets = pa.array(np.cumsum([0, *sizes]), pa.int32())
    flat = _array(inner, versions, [item for v in values if v is not None for item in v])
    mask = pa.array([v is None for v in values], pa.bool_())
    return pa.ListArray.from_arrays(offsets, flat, mask=mask)


def _structs(
    classes: Sequence[str], versions: Versions, values: Sequence[Any] | np.ndarray
) -> pa.StructArray:
    """Make structs of records; of several classes with the members of all, and the name of the class."""
    members = {m.name: m for name in classes for m in _members(name, versions)}
    arrays = {
        m.name: _array(m.type, versions, [None if v is None else getattr(v, m.name, None) for v in values])
        for m in (members.values() if len(classes) == 1 else ())
    }
    if len(classes) > 1:
        arrays["class"] = pa.array([None if v is None else v.i3class.rpartition(":")[2] for v in values])
        for m in members.values():
            found = [getattr(v, m.name) if v is not None and m.name in v.names else None for v in values]
            arrays[m.name] = _array(m.type, versions, found)
    mask = pa.array([v is None for v in values], pa.bool_())
    return pa.StructArray.from_arrays(list(arrays.values()), list(arrays), mask=mask)
