"""Columnar analysis of neutrino-telescope events on Arrow and Polars.

The names are listed, with their types, in `__init__.pyi`; each is imported when it is first used.
"""

from __future__ import annotations

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
