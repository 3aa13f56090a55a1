"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from numba.core.caching import NullCache

from icecol.jit.cache import _Cache
from icecol.jit.function import Function

sys.path.insert(0, str(Path(__file__).parent))  # `import public`

ROOT = Path(__file__).parents[1]


def _shared_data() -> Path:
    return Path(os.environ.get("ICECOL_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real .i3 files and what IceTray reads from them; tests that need it skip without it."""
    path = _shared_data()
    if not (path / "i3").is_dir():
        pytest.skip(f"no real data at {path} (set ICECOL_TEST_DATA)")
    return path


# the first call of a kernel compiles it, which no deadline foresees; every run tries other examples
settings.register_profile(
    "compiled", deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("compiled")


@pytest.fixture(autouse=True)
def no_figures_left():
    """Close what is open in pyplot, which warns of more than twenty figures."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


_compile = Function.compile


def _compile_and_keep(self: Function, sig: Any) -> Any:
    """Keep on disk also those functions of the package that only tests call from Python."""
    if type(self._cache) is NullCache and self.py_func.__module__.startswith("icecol."):
        self._cache = _Cache(self, None)
    return _compile(self, sig)


Function.compile = _compile_and_keep  # type: ignore[method-assign]


def pytest_collection_finish() -> None:
    """Spare the garbage collector the modules and tests, which stay."""
    gc.freeze()
