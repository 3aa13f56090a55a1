"""Conversion of .i3 files into datasets (`icecol.convert.i3`), and of selected events back (`icecol.convert.to_i3`)."""

from __future__ import annotations

from icecol.convert.geometry import read_geometry
from icecol.convert.i3_reader import i3
from icecol.convert.i3_writer import to_i3

__all__ = ["i3", "read_geometry", "to_i3"]


def __dir__() -> list[str]:
    return __all__
