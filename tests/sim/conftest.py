"""A simulated sample shared by the tests of the simulation."""

from __future__ import annotations

import pytest

from icecol import sim


@pytest.fixture(scope="session")
def sample():
    return sim.events(300, seed=7)
