"""Frame objects as JSON values: numbers, strings, lists and dicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from icecol.i3.archive.containers import Alternative, Tree, UnknownObject
from icecol.i3.archive.objects import Record


def jsonable(value: Any) -> Any:
    """Convert an object: records to dicts by member, maps to dicts by key (`"21,30,0"`), trees to lists of nodes.

    Non-finite numbers become null, arrays of structs become dicts with one list per member, enumeration members become
    their names, and objects without a known layout become their bytes in hexadecimal.

    Examples
    --------
    >>> from icecol.i3.archive.objects import new
    >>> jsonable(new("I3TimeWindow", start=float("nan"), stop=5000.0))
    {'start': None, 'stop': 5000.0}
    """
    if isinstance(value, bytes):
        return value.hex()
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, int | float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if isinstance(value, np.ndarray):
        if value.dtype.names:
            return {name: jsonable(np.asarray(value[name])) for name in value.dtype.names}
        return jsonable(value.tolist())
    if isinstance(value, Tree):
        return [
            {"depth": depth, "parent": parent, "node": jsonable(node)}
            for node, depth, parent in zip(value, value.depth, value.parent, strict=True)
        ]
    if isinstance(value, Record):
        return {name: jsonable(getattr(value, name)) for name in value.names}
    if isinstance(value, UnknownObject):
        return {"class": value.i3class, "version": value.version, "hex": value.blob.hex()}
    if isinstance(value, Alternative):
        return jsonable(value.value)
    if isinstance(value, Mapping):
        return {_name(key): jsonable(inner) for key, inner in value.items()}
    if is_dataclass(value):
        return {field.name: jsonable(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, map(jsonable, value), strict=True))
    if isinstance(value, list | tuple):
        return [jsonable(inner) for inner in value]
    return str(value)


def _name(key: Any) -> str:
    return ",".join(map(str, key)) if isinstance(key, tuple) else str(jsonable(key))
