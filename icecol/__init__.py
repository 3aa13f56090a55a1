"""Columnar analysis of neutrino-telescope events on Arrow and Polars."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_MODULES = ("convert", "errors", "filters", "hist", "plot", "reco", "select", "sim", "tray", "units")
_NAMES = {
    "open_i3": "icecol.i3.frames.files",
    "write_i3": "icecol.i3.frames.files",
    "Frame": "icecol.i3.frames.frame",
    "new": "icecol.i3.archive.objects",
    "scan_i3": "icecol.convert.live",
    "open_dataset": "icecol.dataset.scan",
    "Dataset": "icecol.dataset.scan",
    "Geometry": "icecol.detector.geometry",
    "Pulses": "icecol.dataset.pulses",
    "with_features": "icecol.reco.plan",
    "kernel": "icecol.reco.decorator",
    "Cuts": "icecol.select",
    "Tray": "icecol.tray",
    "cutflow": "icecol.select",
    "n_minus_one": "icecol.select",
}

__all__ = [*_MODULES, *_NAMES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"icecol.{name}")
    msg = f"module 'icecol' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
