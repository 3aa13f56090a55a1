"""The sensors of forms that repeat the position of its sensor with every pulse."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from icecol.convert.rows import ALIASES, Array
from icecol.detector.geometry import COLUMNS, Geometry, omkey
from icecol.errors import GeometryError

_OTHER: Final = ("dir_x", "dir_y", "dir_z", "area", "relative_efficiency", "om_type")
_NEAR: Final = 1.0
"""Distance in m within which a sensor is that of the nominal detector: the surveyed positions are."""


def names_of_positions(columns: Iterable[str]) -> dict[str, str] | None:
    """Return which columns have the number and the position of a sensor; None if there are none."""
    have = set(columns)
    further = {"string": ("sensor_string_id",), "om": ("sensor_id",)}
    found = {}
    for name in ("string", "om", "pmt", "x", "y", "z", *_OTHER):
        known = (*ALIASES.get(name, (name, *COLUMNS[name].aliases)), *further.get(name, ()))
        if (column := next((c for c in known if c in have), None)) is not None:
            found[name] = column
    return found if {"string", "om", "x", "y", "z"} <= found.keys() else None


def modules_per_string(numbers: Iterable[Sequence[Any]]) -> int:
    """Return how many modules a string has if sensors are numbered through all strings, from 0; 0 if on each string.

    Parameters
    ----------
    numbers
        Strings and sensors of pulses, several times.

    Raises
    ------
    GeometryError
        They are numbered through all strings, and so few were hit that it cannot be told how many a string has.

    Examples
    --------
    >>> modules_per_string([([0, 0, 1, 2], [0, 21, 22, 65])])
    22
    >>> modules_per_string([([77, 78], [16, 16])])
    0
    """
    # both in one number: that sorts a hundred times as fast as pairs do
    found = [np.unique((_whole(s) << _HALF) + _whole(i)) for s, i in numbers]
    pairs = np.unique(np.concatenate([np.zeros(0, np.int64), *found]))
    s = (pairs + (1 << (_HALF - 1))) >> _HALF
    i = pairs - (s << _HALF)
    if not pairs.size or np.unique(i).size < i.size or (s < 0).any():
        return 0
    least = math.ceil(((i + 1) / (s + 1)).max())
    most = math.floor((i[s > 0] / s[s > 0]).min()) if (s > 0).any() else least
    if least > most or (not (s > 0).any() and i.max() <= _MOST):
        return 0
    if least < most:
        msg = (
            f"sensors are numbered through all strings, with {least} to {most} on each: too few have pulses to tell "
            "how many; convert more events together, or give string and module numbers"
        )
        raise GeometryError(msg)
    return least


def _whole(numbers: Any) -> Array:
    """Return numbers as integers; one that is not there is -1, which no string has."""
    return np.nan_to_num(numbers, nan=-1).astype(np.int64)


_MOST: Final = 255  # modules of a string, in an omkey
_HALF: Final = 32  # bits


class Sensors:
    """Collects sensors from the rows of pulses, each once."""

    def __init__(self) -> None:
        self._keys: Array = np.zeros(0, np.int32)
        self._values: dict[str, Array] = {}

    def add(self, rows: Mapping[str, Array]) -> None:
        """Add the sensors of some rows, under the names of a geometry."""
        keys = omkey(rows["string"], rows["om"], rows.get("pmt", np.zeros(len(rows["om"]), np.int32)))
        other = np.arange(keys.size)
        if self._keys.size:
            at = np.searchsorted(self._keys, keys).clip(max=self._keys.size - 1)
            other = np.flatnonzero(self._keys[at] != keys)
        if not other.size:
            return
        new, first = np.unique(keys[other], return_index=True)
        found = {name: rows[name][other[first]] for name in ("x", "y", "z", *_OTHER) if name in rows}
        every = np.concatenate([self._keys, new])
        order = np.argsort(every)
        self._values = {
            name: np.concatenate(
                [
                    self._values.get(name, _unknown(self._keys)),
                    np.asarray(found.get(name, _unknown(new)), float),
                ]
            )[order]
            for name in dict.fromkeys((*self._values, *found))
        }
        self._keys = every[order]

    def geometry(self, medium: str = "ice") -> Geometry | None:
        """Return the geometry of the sensors; None if they are those of the nominal detector, or there are none."""
        if not self._keys.size:
            return None
        values, keys = dict(self._values), self._keys
        nominal = Geometry.nominal(icetop=True)
        rows = nominal.rows(keys)
        xyz = np.column_stack([values[c] for c in "xyz"])
        if (
            medium == "ice"
            and (rows >= 0).all()
            and (np.linalg.norm(nominal.xyz[rows] - xyz, axis=1) < _NEAR).all()
        ):
            return None
        for name in ("area", "relative_efficiency", "om_type"):
            if name in values:  # -1: not known
                default: Any = COLUMNS[name].default
                values[name] = np.where(values[name] < 0, default, values[name])
        return Geometry.from_columns({"omkey": keys, **values}, medium=medium)


def _unknown(keys: Array) -> Array:
    return np.full(keys.size, np.nan)


def united(geometries: Iterable[Geometry]) -> Geometry:
    """Return the geometry of all sensors of several; of one that is in several, the first."""
    parts = list(geometries)
    columns = {name: np.concatenate([getattr(g, name) for g in parts]) for name in COLUMNS}
    _, first = np.unique(columns["omkey"], return_index=True)
    return Geometry.from_columns(
        {name: values[first] for name, values in columns.items()}, medium=parts[0].medium
    )


__all__ = ["Sensors", "modules_per_string", "names_of_positions", "united"]
