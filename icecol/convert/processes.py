"""Worker processes that do not run the script of their user again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any


class _Worker(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802
        with _without_script():
            return SpawnProcess._Popen(process_obj)


class Context(SpawnContext):
    """Start fresh processes that import nothing but what their tasks need.

    Python's own context imports the script that is running into each of them, so that one without the line
    `if __name__ == "__main__":` would begin all over again there. Tasks must not be functions of that script.
    """

    Process = _Worker


@contextmanager
def _without_script() -> Iterator[None]:
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


__all__ = ["Context"]
