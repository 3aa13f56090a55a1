"""Conversion of foreign files into datasets: `icecol.convert.i3(...)` for .i3 files."""

from __future__ import annotations

from icecol.convert.geometry import read_geometry
from icecol.convert.i3 import i3

__all__ = ["i3", "read_geometry"]
