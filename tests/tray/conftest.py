from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

import icecol as ic


class Files(NamedTuple):
    """Simulated events in nine strings, as a file with its GCD file."""

    events: Path
    gcd: Path


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Files:
    folder = tmp_path_factory.mktemp("tray")
    made = Files(folder / "Level2_1.i3.zst", folder / "GCD.i3.gz")
    table = ic.Geometry.nominal().table()
    few = ic.Geometry.from_columns(table.filter((pl.col("string") > 78) | (pl.col("string") == 36)))
    ic.sim.write(made.events, ic.sim.events(30, seed=1, geometry=few), gcd=made.gcd, run_id=7)
    return made
