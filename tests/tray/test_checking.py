"""A prototype is compared with its kernel, event by event."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import icecol as ic


@ic.kernel(first=pl.Float64, early=pl.Float64)
def early(time, charge, window=500.0):
    if time.size == 0:
        return np.nan, np.nan
    first = time.min()
    return first, charge[time < first + window].sum() / charge.sum()


def prototype(frame, window=500.0):
    pulses = frame.pulses("InIcePulses")
    first = min(pulses.time)
    light = sum(float(q) for t, q in zip(pulses.time, pulses.charge, strict=True) if t < first + window)
    frame["Early"] = {"first": float(first), "early": light / sum(map(float, pulses.charge))}


OPTIONS = {"pulses": "InIcePulses", "output": "Early", "rtol": 1e-5}


def test_a_prototype_that_agrees_passes(files):
    assert ic.tray.check(early, prototype, files.events, **OPTIONS) == 30


def test_differences_are_listed_by_event(files):
    def wrong(frame):
        prototype(frame, window=400.0)
        if frame["I3EventHeader"].event_id == 3:
            del frame["Early"]

    with pytest.raises(
        AssertionError, match=r"of 30 events differ:\nevent \d+ of run 7: the kernel gives {'first'"
    ):
        ic.tray.check(early, wrong, files.events, **OPTIONS)
    with pytest.raises(AssertionError, match=r"event 3 of run 7: .*the module None"):
        ic.tray.check(early, wrong, files.events, window=400.0, **OPTIONS)


def test_other_fields_differ(files):
    def other(frame):
        frame["Early"] = 3.0

    def more(frame):
        prototype(frame)
        frame["Early"] = {**frame["Early"], "more": 1.0}

    for module in (other, more):
        with pytest.raises(AssertionError, match="30 of 30 events differ"):
            ic.tray.check(early, module, files.events, **OPTIONS)
