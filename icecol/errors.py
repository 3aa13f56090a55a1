"""The errors icecol raises, as one tree; each also derives from the builtin a caller would expect.

IcecolError
├── FormatError (ValueError)             bytes that are not what the format says
│   └── DamagedFileError                 ... in a file: names file, frame and byte offset
├── SchemaError (TypeError)              columns whose types do not fit together
├── MissingColumnError (KeyError)        a column, key or pulse series that is not there
├── UnknownStreamError (ValueError)      a sub-event stream that no file has
├── GeometryError (LookupError)          no geometry, or a sensor that it lacks
├── DatasetError (ValueError)            a folder that is not a whole dataset
├── TrayError (RuntimeError)             a module of a tray failed: which, on which frame of which file
└── MissingDependencyError (ImportError) an optional library that is not installed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "DamagedFileError",
    "DatasetError",
    "FormatError",
    "GeometryError",
    "IcecolError",
    "MissingColumnError",
    "MissingDependencyError",
    "SchemaError",
    "TrayError",
    "UnknownStreamError",
]


def __dir__() -> list[str]:
    return __all__


class IcecolError(Exception):
    """Base of all errors that icecol raises on purpose."""


class FormatError(IcecolError, ValueError):
    """Bytes that are not what the format says."""


class DamagedFileError(FormatError):
    """A file with a damaged frame: the message names file, frame and byte offset."""


class SchemaError(IcecolError, TypeError):
    """Columns whose types do not fit together."""


class MissingColumnError(IcecolError, KeyError):
    """A column, frame key or pulse series that is not there."""

    def __str__(self) -> str:
        """Show the message as it is (KeyError would show its repr)."""
        return str(self.args[0]) if self.args else ""


class UnknownStreamError(IcecolError, ValueError):
    """A sub-event stream that no file has."""


class GeometryError(IcecolError, LookupError):
    """No geometry where one is needed, or a sensor that it lacks."""


class DatasetError(IcecolError, ValueError):
    """A folder that is not a whole dataset."""


class TrayError(IcecolError, RuntimeError):
    """A module of a tray failed: the message names it, the frame and the file; the cause is `__cause__`."""


class MissingDependencyError(IcecolError, ImportError):
    """An optional library that is not installed."""


def close_names(name: str, names: Iterable[str], n: int = 8) -> str:
    """List the names most like `name`, best first, for the end of an error message."""
    pool = sorted(set(names))
    best = difflib.get_close_matches(name, pool, n=n, cutoff=0.4) or pool[:n]
    more = f" and {len(pool) - len(best)} more" if len(pool) > len(best) else ""
    return ", ".join(repr(x) for x in best) + more if best else "none"


def needs(library: str, extra: str, what: str) -> MissingDependencyError:
    """Make the error for a missing optional library: what needs it and how to install it."""
    return MissingDependencyError(f"{what} needs {library}: pip install 'icecol[{extra}]'")
