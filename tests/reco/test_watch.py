from __future__ import annotations

import polars as pl
import pytest

import icecol as ic
from icecol.reco.watch import _watching, watching

P = ic.Pulses("P")


@pytest.fixture
def events():
    return pl.DataFrame({"P.time": [[1.0, 2.0], [], None], "P.charge": [[1.0, 2.0], [], None]})


@ic.kernel(last=pl.Float64)
def last(time):
    return time.max() if time.size else 0.0


def test_a_run_has_its_events_pulses_and_columns(events):
    with watching() as calls:
        events.select(last(P))
        events[:1].select(last(P))
    assert [(str(c.site), c.columns, c.events, c.pulses) for c in calls] == [
        ("last", ("P.time",), 3, 2),
        ("last", ("P.time",), 1, 2),
    ]
    assert all(0 <= c.loop <= c.total for c in calls)


def test_a_place_has_the_names_that_it_was_given(events):
    feature = last(P)
    with watching() as calls:
        ic.with_features(events, A=feature).select("A.last").collect()
        ic.with_features(events, B=feature).select("B.last").collect()
    assert {str(c.site) for c in calls} == {"A, B"}
    assert {c.site.function for c in calls} == {"last"}


def test_the_function_that_users_call_names_a_place(events):
    with watching() as calls:
        events.with_columns(pl.Series("P.omkey", [[7, 8], [], None])).select(ic.reco.charge(P))
    assert [c.site.function for c in calls] == ["charge"]


def test_nothing_is_noted_when_nobody_watches(events):
    with watching() as calls:
        pass
    events.select(last(P))
    assert calls == []
    assert _watching == []


def test_an_error_in_a_kernel_passes_and_is_noted(events):
    @ic.kernel(x=pl.Float64)
    def outside(time):
        return time[10_000_000]

    with watching() as calls, pytest.raises(Exception, match="outside"):
        events.select(outside(P))
    assert [str(c.site) for c in calls] == ["outside"]
    assert _watching == []
