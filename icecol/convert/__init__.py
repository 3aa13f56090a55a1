"""Conversion of foreign files into datasets; `icecol.convert.i3(...)` for .i3 files."""

from __future__ import annotations
