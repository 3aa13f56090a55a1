"""The versions that a result depends on: of icecol, down to its code, and of the libraries that compute."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Final

import icecol

LIBRARIES: Final = ("boost-histogram", "numba", "numpy", "polars", "pyarrow")


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Return the versions of this process: `icecol`, the digest of its `code`, `python`, and the libraries."""
    found = {"icecol": icecol.__version__, "code": _code(), "python": platform.python_version()}
    return found | {name: metadata.version(name) for name in LIBRARIES}


def differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Say what differs between two sets of versions; empty if nothing does.

    >>> differences({"polars": "2.1", "numpy": "2.0"}, {"polars": "2.2", "numpy": "2.0"})
    'polars 2.2 instead of 2.1'
    """
    names = [*wanted, *(name for name in found if name not in wanted)]
    return ", ".join(
        f"{name} {found.get(name, 'unknown')} instead of {wanted.get(name, 'unknown')}"
        for name in names
        if wanted.get(name) != found.get(name)
    )


def _code() -> str:
    """Return a digest of the code of icecol: copies that are being developed have the same number of version."""
    folder = Path(icecol.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
