"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

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
    "compiled", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("compiled")


@pytest.fixture(autouse=True)
def no_figures_left():
    """Close what is open in pyplot, which warns of more than twenty figures."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
