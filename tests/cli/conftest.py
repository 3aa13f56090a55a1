"""Files and a dataset for the tests of the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import icecol as ic

sys.path.insert(0, str(Path(__file__).parent))  # `import commands`

from commands import run


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Two files of simulated events, a GCD file, and a dataset of both."""
    where = tmp_path_factory.mktemp("cli")
    for i in (1, 2):
        ic.sim.write(where / f"run{i}.i3.zst", ic.sim.events(30, seed=i), gcd=where / "GCD.i3.gz", run_id=i)
    done = run(
        "convert", where / "run*.i3.zst", "--gcd", where / "GCD.i3.gz", "-j", 1, "-o", where / "both.icecol"
    )
    assert done.exit_code == 0, done.output
    return where
