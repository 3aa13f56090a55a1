"""Simulated events that the tests of the display share."""

from __future__ import annotations

import pytest

import icecol as ic


@pytest.fixture(scope="session")
def sample():
    """Thirty simulated events: muons, cascades and noise."""
    return ic.sim.events(30, seed=1)


@pytest.fixture(scope="session")
def folder(tmp_path_factory, sample):
    """The events as a file of frames, with a GCD file beside it, and as a dataset."""
    where = tmp_path_factory.mktemp("view")
    ic.sim.write(where / "run.i3.zst", sample, gcd=where / "GCD.i3.gz", run_id=7)
    ic.sim.to_dataset(sample, where / "run.icecol", run_id=7)
    return where


@pytest.fixture(scope="session")
def charges(sample):
    """The charge of each event in the cleaned pulses."""
    return sample.to_polars()["SRTInIcePulses.charge"].list.sum().to_list()
