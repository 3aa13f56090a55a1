"""The errors that icecol raises, as one tree; each also derives from the builtin a caller would expect.

IcecolError
├── FormatError (ValueError)             bytes that violate the format
│   └── DamagedFileError                 ... in a file: names the file, frame and byte offset
├── UnsupportedError (ValueError)        a file, or something in one, that is whole but that icecol does not read
├── SchemaError (TypeError)              columns of incompatible types
├── MissingColumnError (KeyError)        a column, key or pulse series that does not exist
├── UnknownStreamError (ValueError)      a sub-event stream that is in none of the files
├── GeometryError (LookupError)          no geometry, or a sensor missing from it
├── DatasetError (ValueError)            a folder that is not a complete dataset
├── MissingFactError (LookupError)       a unit, meaning or livetime that is not known
├── KernelError (RuntimeError)           a user's kernel cannot be compiled, or failed: which one, on which event
├── TrayError (RuntimeError)             a module of a tray failed: which one, on which frame of which file
├── WorkerError (RuntimeError)            a worker process was killed
├── JobError (ValueError)                a job that is not planned, not finished, or made by other versions
└── MissingDependencyError (ImportError) an optional library that is not installed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

__all__ = [
    "DamagedFileError",
    "DatasetError",
    "FormatError",
    "GeometryError",
    "IcecolError",
    "JobError",
    "KernelError",
    "MissingColumnError",
    "MissingDependencyError",
    "MissingFactError",
    "SchemaError",
    "TrayError",
    "UnknownStreamError",
    "UnsupportedError",
    "WorkerError",
]


def __dir__() -> list[str]:
    return __all__


class IcecolError(Exception):
    """Base of all errors that icecol raises on purpose."""


class FormatError(IcecolError, ValueError):
    """Bytes that violate the format."""


class DamagedFileError(FormatError):
    """A damaged frame in a file: the message names the file, frame and byte offset."""


class UnsupportedError(IcecolError, ValueError):
    """A file, or something in one, that is whole but that icecol does not read: another format, a limit."""


class SchemaError(IcecolError, TypeError):
    """Columns of incompatible types."""


class MissingColumnError(IcecolError, KeyError):
    """A column, frame key or pulse series that does not exist."""

    def __str__(self) -> str:
        """Return the message itself (KeyError would return its repr)."""
        return str(self.args[0]) if self.args else ""


class UnknownStreamError(IcecolError, ValueError):
    """A sub-event stream that is in none of the files."""


class GeometryError(IcecolError, LookupError):
    """No geometry where one is needed, or a sensor missing from it."""


class DatasetError(IcecolError, ValueError):
    """A folder that is not a complete dataset."""


class MissingFactError(IcecolError, LookupError):
    """A unit, meaning or livetime that is not known, since the events do not come unchanged from a dataset."""


class KernelError(IcecolError, RuntimeError):
    """A user's kernel that cannot be compiled or failed on an event: the message names it, the event and the line."""


class TrayError(IcecolError, RuntimeError):
    """A module of a tray failed: the message names it, the frame and the file; the cause is `__cause__`."""


class WorkerError(IcecolError, RuntimeError):
    """A worker process was killed, for example as memory ran out."""


class JobError(IcecolError, ValueError):
    """A job that is not planned, not finished, or whose parts were made by other versions; the message names them."""


class MissingDependencyError(IcecolError, ImportError):
    """An optional library that is not installed."""


@contextmanager
def naming(path: object) -> Iterator[None]:
    """Put the name of a file before the messages of icecol's errors, where they do not have it.

    >>> with naming("a.i3"):
    ...     raise FormatError("unexpected end of data")
    Traceback (most recent call last):
    icecol.errors.FormatError: a.i3: unexpected end of data
    """
    try:
        yield
    except IcecolError as err:
        if str(path) in str(err):
            raise
        msg = f"{path}: {err}"
        raise type(err)(msg) from err


def did_you_mean(name: str, names: Iterable[str], what: str, n: int = 8) -> str:
    """Return the end of a message about an unknown name: similar names or, failing that, the known ones if few.

    Parameters
    ----------
    name
        The name that was not found.
    names
        The names that exist.
    what
        What the names stand for, in the plural, such as `columns`.
    n
        If none is similar, they are listed if there are at most so many.

    Examples
    --------
    >>> did_you_mean("LineFit.zenit", ["LineFit.zenith", "Q.total"], "columns")
    "did you mean 'LineFit.zenith'?"
    >>> did_you_mean("SRT", ["a", "b"], "columns"), did_you_mean("SRT", map(str, range(1917)), "columns")
    ("columns: 'a', 'b'", 'none of the 1,917 columns is similar')
    >>> did_you_mean("SRT", [], "columns")
    'there are no columns'
    """
    pool = sorted(set(names))
    of_keys = [other for other in pool if other.endswith(f".{name}")]  # the member alone was given
    if close := difflib.get_close_matches(name, pool, n=3, cutoff=0.7) or of_keys[:3]:
        return f"did you mean {' or '.join(map(repr, close))}?"
    if len(pool) > n:
        return f"none of the {len(pool):,} {what} is similar"
    return f"{what}: {', '.join(map(repr, pool))}" if pool else f"there are no {what}"


def not_numbers(what: str, bad: int, n: int, rows: str = "events") -> str:
    """Say that a weight, or the like, is not a number in some events, and what to do.

    >>> not_numbers("the weight", 2, 3)[:67]
    'the weight is NaN, infinite or null in 2 of 3 events: filter these '
    """
    return (
        f"{what} is NaN, infinite or null in {bad:,} of {n:,} {rows}: filter these out, or give them one by "
        "fill_null(0), fill_nan(0)"
    )


def needs(library: str, extra: str, what: str) -> MissingDependencyError:
    """Make the error for a missing optional library, saying what needs it and how to install it."""
    return MissingDependencyError(
        f"{what} needs {library}: pip install {library}, or icecol with its extra [{extra}]"
    )
