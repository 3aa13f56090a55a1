"""Selected events in the forms of other programs: files, arrays, and batches for training.

`hdf5`, `root`, `graphnet`, `skyllh` and `csv` write files; `awkward` and `pandas` hold events in memory, `batches` and
`torch` some at a time. Each takes a dataset or the events of any query, and files are written piece by piece. What is
blind in a dataset stays blind. What a form cannot hold is left out, and a warning says so. `icecol.convert.to_i3`
writes frames.
"""

from __future__ import annotations

from icecol.export.graphnet_writer import graphnet
from icecol.export.hdf5_writer import hdf5
from icecol.export.memory import awkward, pandas
from icecol.export.minibatches import batches, torch
from icecol.export.root_writer import root
from icecol.export.skyllh_writer import skyllh
from icecol.export.text import csv

__all__ = ["awkward", "batches", "csv", "graphnet", "hdf5", "pandas", "root", "skyllh", "torch"]


def __dir__() -> list[str]:
    return __all__
