"""What the page knows of an event, as JSON: its values, particles and pulses, exact as in the columns."""

from __future__ import annotations

import base64
import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol.dataset.pulses import SERIES
from icecol.detector import medium
from icecol.detector.geometry import Geometry
from icecol.detector.sensors import in_ice
from icecol.view.particles import particles
from icecol.view.source import Chosen

COLOURS: Final = (
    "#e8152a", "#f2600c", "#f5a00a", "#e6d511", "#8bd020", "#22b84b", "#12b5a6", "#1694dd", "#2b5be8", "#3a2bd0",
)  # fmt: skip
"""From early (red) to late (blue), as IceCube's displays have it."""
SAFE: Final = (
    "#7e0f5f", "#a92a63", "#cc4b56", "#e57242", "#f09d3e", "#e9c85f", "#bcd3a0", "#83bfc4", "#4d93c4", "#2a5fae",
)  # fmt: skip
"""From early to late, for those who cannot distinguish red from green."""

_BYTES: Final = {"f8": "<f8", "f4": "<f4", "u1": "u1", "i4": "<i4"}
_EXACT: Final = 1 << 53  # the integers that are numbers in JavaScript


def document(chosen: Chosen) -> dict[str, Any]:
    """Return all that the page needs: the detector, the ice and the events."""
    return {
        "source": chosen.source,
        "blind": chosen.blind,
        "detector": detector(chosen.geometry),
        "ice": {
            "surface": medium.surface,
            "dust": list(medium.dust_layer),
            "c": medium.c_ice,
            "angle": medium.theta_cherenkov,
        },
        "colours": {"rainbow": COLOURS, "safe": SAFE},
        "events": [event(chosen, i) for i in range(chosen.events.height)],
    }


def detector(geometry: Geometry) -> dict[str, Any]:
    """Return the sensors: arrays of omkey, x, y, z, the direction of each PMT, and which are in the ice and good.

    Examples
    --------
    >>> found = detector(Geometry.nominal())
    >>> decode(found["omkey"])[:2].tolist(), decode(found["z"])[:2].tolist()
    ([65792, 66048], [496.02, 478.9995])
    """
    single = not geometry.pmt.any()
    look = np.zeros((0, 3)) if single else np.column_stack([geometry.dir_x, geometry.dir_y, geometry.dir_z])
    return {
        "omkey": encode(geometry.omkey, "i4"),
        **{axis: encode(getattr(geometry, axis), "f8") for axis in "xyz"},
        "look": encode(look.ravel(), "f4"),
        "ice": encode(in_ice(geometry), "u1"),
        "bad": encode(geometry.bad, "u1"),
    }


def encode(values: npt.ArrayLike, dtype: str) -> list[str]:
    """Return an array as its type and its bytes in base64."""
    raw = np.ascontiguousarray(values, _BYTES[dtype]).tobytes()
    return [dtype, base64.b64encode(raw).decode("ascii")]


def decode(encoded: Sequence[str]) -> npt.NDArray[Any]:
    """Return the array that was encoded."""
    dtype, text = encoded
    return np.frombuffer(base64.b64decode(text), _BYTES[dtype])


def event(chosen: Chosen, row: int) -> dict[str, Any]:
    """Return one event: its title, values by key, particles and pulse series."""
    nested = {name: dtype for name, dtype in chosen.events.schema.items() if dtype.is_nested()}
    scalars = {name: chosen.events[name][row] for name in chosen.events.columns if name not in nested}
    lists = {name: _array(chosen.events[name], row) for name in nested if isinstance(nested[name], pl.List)}
    return {
        "title": _title(scalars, row),
        "values": _values(scalars, chosen.units),
        "particles": particles(scalars, lists),
        "series": [
            made for key in chosen.series if (made := _series(key, lists, chosen.geometry)) is not None
        ],
    }


def _array(column: pl.Series, row: int) -> npt.NDArray[Any] | None:
    values = column[row]
    return None if values is None else values.to_numpy()


def _series(key: str, lists: Mapping[str, Any], geometry: Geometry) -> dict[str, Any] | None:
    """Return one pulse series; None if the event does not have it."""
    arrays = {member.name: lists[f"{key}.{member.name}"] for member in SERIES}
    if any(values is None for values in arrays.values()):
        return None
    unknown = arrays["omkey"][geometry.rows(arrays["omkey"]) < 0]
    return {
        "key": key,
        "n": int(arrays["time"].size),
        "unplaced": [int(unknown.size), int(np.unique(unknown).size)],
        **{member.name: encode(arrays[member.name], member.dtype) for member in SERIES},
    }


def _title(scalars: Mapping[str, Any], row: int) -> str:
    run, number = (scalars.get(f"I3EventHeader.{name}") for name in ("run_id", "event_id"))
    if number is None:
        return f"event {row + 1}"
    sub, stream = (scalars.get(f"I3EventHeader.{name}") for name in ("sub_event_id", "sub_event_stream"))
    parts = ([] if run is None else [f"run {run}"]) + [f"event {number}"]
    return ", ".join(parts) + (f" · {stream} {sub}" if stream is not None and sub is not None else "")


def _values(scalars: Mapping[str, Any], units: Mapping[str, str]) -> list[list[Any]]:
    """Return [key, [[member, value, unit], ...]] of all that is not null, the header first."""
    keys: dict[str, list[list[Any]]] = {"I3EventHeader": []}
    for name, value in scalars.items():
        if value is not None:
            key, _, member = name.partition(".")
            keys.setdefault(key, []).append([member, _value(value), units.get(name, "")])
    return [[key, members] for key, members in keys.items() if members]


def _value(value: Any) -> Any:
    """Return a value that JSON has, else what it looks like."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) < _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value).replace("nan", "NaN")
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S.%f} UTC" if value.tzinfo else str(value)
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)
