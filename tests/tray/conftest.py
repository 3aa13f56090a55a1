from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

import icecol as ic


class Files(NamedTuple):
    """Simulated events, as a file with its GCD file."""

    events: Path
    gcd: Path


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Files:
    folder = tmp_path_factory.mktemp("tray")
    made = Files(folder / "Level2_1.i3.zst", folder / "GCD.i3.gz")
    ic.sim.write(made.events, ic.sim.events(60, seed=1), gcd=made.gcd, run_id=7)
    return made
