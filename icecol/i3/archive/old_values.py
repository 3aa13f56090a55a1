"""Objects of old class versions: they are read with today's values, and written back with the stored ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from icecol.i3.archive.arrays import DTYPES
from icecol.i3.archive.containers import equal
from icecol.i3.archive.kinds import members_of
from icecol.i3.archive.objects import record
from icecol.i3.classes import CLASSES
from icecol.i3.classes.layout import Enum
from icecol.i3.classes.old_values import Values, change_of


def to_today(name: str, version: int, obj: Any) -> None:
    """Convert the members of an object that was read in an old version to today's meaning, and keep what was stored."""
    change = change_of(name, version)
    assert change is not None
    stored = {m: getattr(obj, m) for m in change.members if getattr(obj, m) is not None}
    today = change.today(version, _arrays(name, version, stored))
    newest = {f.name: f.type for f in CLASSES[name].at(CLASSES[name].version)}
    noted = {}
    for member, value in today.items():
        of = newest[member]
        plain = value.item()
        new = members_of(of).get(plain, plain) if isinstance(of, Enum) else plain
        noted[member] = new, stored[member]
        setattr(obj, member, new)
    obj.stored = noted


def as_stored(name: str, version: int, obj: Any) -> Any:
    """Return an object as it is written in a version: itself, or a copy with the values of that version."""
    change = change_of(name, version)
    if change is None:
        return obj
    now = {m: v for m in change.members if (v := getattr(obj, m)) is not None}
    if now.keys() == obj.stored.keys() and all(equal(v, obj.stored[m][0]) for m, v in now.items()):
        old = {m: stored for m, (_, stored) in obj.stored.items()}
    else:
        old = {m: v.item() for m, v in change.stored(version, _arrays(name, version, now)).items()}
    cls = record(obj.i3class)
    copy = cls.__new__(cls)
    for member in obj.names:
        value = old.get(member, getattr(obj, member))
        if value is not None:
            setattr(copy, member, value)
    return copy


def _arrays(name: str, version: int, values: dict[str, Any]) -> Values:
    types = {f.name: f.type for f in CLASSES[name].at(version)}
    return {m: np.asarray(v, DTYPES.get(str(types[m]), "<i8")) for m, v in values.items() if m in types}
