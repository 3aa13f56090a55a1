"""Numbers of a layout as NumPy arrays: dtypes, and structs whose members are attributes."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from icecol.i3.classes.layout import RawPairs

CODES: Final = {
    "bool": "?", "u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q",
    "f32": "f", "f64": "d",
}  # fmt: skip
"""struct format of each arithmetic type."""
DTYPES: Final = {
    "bool": "?", "u8": "u1", "i8": "i1", "u16": "<u2", "i16": "<i2", "u32": "<u4", "i32": "<i4", "u64": "<u8",
    "i64": "<i8", "f32": "<f4", "f64": "<f8",
}  # fmt: skip
"""numpy dtype of each arithmetic type."""
TRIGGERS: Final = np.dtype([("index", "u1"), ("length", "<u8"), ("time", "<u8")])
"""A trigger of an I3SuperDSTTriggerSeries: index of its configuration in the detector status, length [ns] and time
since the previous trigger [ns]."""


class Row(np.record):  # type: ignore[misc]
    """One struct of a `Table`: its members are attributes."""

    @property
    def flags(self) -> Any:
        """The member of this name, which numpy would otherwise hide."""
        return self["flags"]


class Table(np.ndarray[Any, np.dtype[Any]]):
    """Structs of numbers as one array: `pulses.time` is the array of times, `pulses[0].time` one of them."""

    def __getattr__(self, name: str) -> Any:
        if name in (self.dtype.names or ()):
            return self[name]
        msg = f"these structs have no member {name!r}; they have {', '.join(self.dtype.names or ())}"
        raise AttributeError(msg)

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return found.view(np.ndarray) if isinstance(found, Table) and found.dtype.names is None else found

    @property
    def flags(self) -> Any:
        """The member of this name, which numpy would otherwise hide; numpy's own flags if there is none."""
        return self["flags"] if "flags" in (self.dtype.names or ()) else np.ndarray.flags.__get__(self)


def table(values: npt.NDArray[Any]) -> Table:
    """Give a structured array its members as attributes."""
    return values.view(_rows(values.dtype)).view(Table)


@cache
def _rows(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype((Row, dtype))


def pair_dtype(of: RawPairs) -> np.dtype[Any]:
    """Return the dtype of pairs of numbers."""
    return np.dtype([("first", DTYPES[of.first]), ("second", DTYPES[of.second])], align=True)
