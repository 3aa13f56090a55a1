"""Optional libraries, imported on first use, with a helpful error where they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from icecol.errors import needs

WHAT = "icecol.stats"


def scipy(part: str) -> Any:
    """Import a part of scipy, such as `stats`.

    Raises
    ------
    MissingDependencyError
        If scipy is not installed.
    """
    return _library(f"scipy.{part}")


def iminuit() -> Any:
    """Import iminuit.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    return _library("iminuit")


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as err:
        raise needs(name.split(".", maxsplit=1)[0], "stats", WHAT) from err
