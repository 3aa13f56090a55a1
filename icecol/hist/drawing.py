"""Plots as methods of histograms."""

from __future__ import annotations

import importlib
from typing import Any


def draw(function: str, what: Any, ax: Any, **options: Any) -> Any:
    """Call a function of `icecol.plot`, which builds on this package: looked up when it is used, not imported."""
    return getattr(importlib.import_module("icecol.plot"), function)(what, ax, **options)
