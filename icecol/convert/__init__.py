"""Conversion of files into datasets (`icecol.convert.i3`), and of selected events back (`icecol.convert.to_i3`).

`source.py` says what a reader of any form of files offers, `run.py` does everything else (many files, processes,
resuming, damage, the manifest; `remarks.py` warns). `i3_reader.py` reads .i3 files, `from_source` any other form.
"""

from __future__ import annotations

from icecol.convert.geometry import read_geometry
from icecol.convert.i3_reader import i3
from icecol.convert.i3_writer import to_i3
from icecol.convert.run import from_source
from icecol.convert.source import Detector, Found, Reader

__all__ = ["Detector", "Found", "Reader", "from_source", "i3", "read_geometry", "to_i3"]


def __dir__() -> list[str]:
    return __all__
