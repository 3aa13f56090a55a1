"""`speed.rivals`, `speed.sensor_rivals`: they compute what icecol computes."""

from __future__ import annotations

import polars as pl
import pytest

import icecol as ic
from icecol.speed import rivals, sensor_rivals
from icecol.speed.answers import agree, differences
from icecol.speed.sample import simulated


@pytest.fixture(scope="module")
def events():
    sample = simulated(60).take(12)
    return sample, rivals.flat(sample.frame, sample.pulses)


@pytest.mark.parametrize("name", rivals.AGGREGATES)
def test_rivals_give_the_answers_of_the_feature(events, name):
    sample, flat = events
    wanted = rivals.AGGREGATES[name]
    expected = sample.frame.select(getattr(ic.reco, name)(sample.pulses).alias("F")).unnest("F")
    ways = rivals.rivals(wanted, flat, flat.head(5))
    assert rivals.PYTHON in ways
    for way, (run, n) in ways.items():
        found = pl.DataFrame(dict(zip(wanted.fields, run(), strict=True)))
        assert found.height == n, way
        compared = differences(found, expected[:n], 1e-9)
        assert compared["field"].to_list() == list(wanted.fields)
        assert agree(compared), (way, compared)


def test_summaries_of_sensors_agree(events):
    sample, flat = events
    expected = sample.frame.select(ic.reco.dom_summary(sample.pulses).alias("F")).unnest("F")
    for way, run, n, tolerance in sensor_rivals.rivals(flat, flat.head(5)):
        compared = differences(run(), expected[:n], tolerance)
        assert agree(compared), (way, compared)


def test_rivals_that_are_not_installed_are_named(monkeypatch):
    monkeypatch.setattr(rivals, "find_spec", lambda name: None)
    assert rivals.absent("linefit") == ["awkward", "pandas"]
    assert rivals.absent("improved_linefit") == []
    assert rivals.absent("dom_summary") == ["nt-summary-stats"]
    monkeypatch.setattr(rivals, "find_spec", lambda name: name)
    assert rivals.absent("linefit") == []
