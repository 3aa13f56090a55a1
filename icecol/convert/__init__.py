"""Conversion of files of any form into datasets (`icecol.convert.files`), and of selected events back (`to_i3`).

`source.py` says what a reader of any form of files offers, `run.py` does everything else (many files, processes,
resuming, damage, the manifest; `remarks.py` warns). `forms.py` tells the form of a file, and each `<form>_reader.py`
reads one; `from_source` takes a reader of any other. `growing.py` changes datasets that are
finished.
"""

from __future__ import annotations

from icecol.convert.forms import files
from icecol.convert.geometry import read_geometry
from icecol.convert.growing import append, compact, remove, replace
from icecol.convert.i3_reader import i3
from icecol.convert.i3_writer import to_i3
from icecol.convert.run import from_source
from icecol.convert.source import Detector, Found, Reader
from icecol.convert.table_reader import table

__all__ = [
    "Detector",
    "Found",
    "Reader",
    "append",
    "compact",
    "files",
    "from_source",
    "i3",
    "read_geometry",
    "remove",
    "replace",
    "table",
    "to_i3",
]


def __dir__() -> list[str]:
    return __all__
