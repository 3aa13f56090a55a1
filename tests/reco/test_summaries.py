"""`summaries`, `kernels.dom_summary`: the summary of each DOM is that of a naive twin and of nt_summary_stats."""

from __future__ import annotations

import math
from importlib.util import find_spec

import numpy as np
import polars as pl
import pytest
from answers import near
from hypothesis import given, settings
from naive import NAN, by_dom
from random_events import EVENTS, frame
from test_plan import events

from icecol import Pulses, reco
from icecol.reco.testing import check_feature

FEATURE = reco.dom_summary(Pulses("P"))
STANDARD = (
    "total_charge",
    "charge_100ns",
    "charge_500ns",
    "first_pulse_time",
    "last_pulse_time",
    "charge_20_percent_time",
    "charge_50_percent_time",
    "charge_weighted_mean_time",
    "charge_weighted_std_time",
)
EDGES = {
    "one pulse": ([5.0], [2.0], (2, 2, 2, 5, 5, 5, 5, 5, 0)),
    "equal times": ([1.0, 1, 2, 2], [1.0, 1, 1, 1], (4, 4, 4, 1, 2, 1, 2, 1.5, 0.5)),
    "on the end of a window": (
        [0.0, 100, 500, 500.0001],
        [1.0, 1, 1, 1],
        (4, 2, 3, 0, 500.0001, 0, 500, 275.000025, 227.76086418),
    ),
    "not in order of time": ([3.0, 1, 2, 1], [1.0, 2, 3, 4], (10, 10, 10, 1, 3, 1, 1, 1.5, 0.67082039)),
    "no charge at first": ([1.0, 2, 3], [0.0, 0, 1], (1, 1, 1, 1, 3, 3, 3, 3, 0)),
    "a share is a sum": ([1.0, 2, 3, 4, 5], [1.0, 1, 1, 1, 1], (5, 5, 5, 1, 5, 2, 3, 3, 1.41421356)),
    "half is the first": ([1.0, 2], [1.0, 1], (2, 2, 2, 1, 2, 1, 2, 1.5, 0.5)),
}
"""Times, charges and what nt_summary_stats 1.2 printed for them."""


def naive(pulses):
    """The summary of one sensor, from a list of (time, charge)."""
    n, pulses = len(pulses), sorted(p for p in pulses if math.isfinite(p[0]) and math.isfinite(p[1]))
    if not pulses:
        return {"n_pulses": n, **dict.fromkeys(STANDARD[:3], 0.0), **dict.fromkeys(STANDARD[3:], NAN)}
    first, total = pulses[0][0], sum(q for _, q in pulses)
    row = {
        "n_pulses": n,
        "total_charge": total,
        "charge_100ns": sum(q for t, q in pulses if t <= first + 100),
        "charge_500ns": sum(q for t, q in pulses if t <= first + 500),
        "first_pulse_time": first,
        "last_pulse_time": pulses[-1][0],
        **dict.fromkeys(STANDARD[5:], NAN),
    }
    if total > 0:
        for share in (20, 50):
            sums = np.cumsum([q for _, q in pulses])
            beyond = [t for (t, _), c in zip(pulses, sums, strict=True) if c > share / 100 * total]
            row[f"charge_{share}_percent_time"] = min([*beyond, pulses[-1][0]])
        mean = row["charge_weighted_mean_time"] = first + sum(q * (t - first) for t, q in pulses) / total
        variance = sum(q * (t - mean) ** 2 for t, q in pulses) / total
        row["charge_weighted_std_time"] = math.sqrt(max(variance, 0.0))
    return row


@settings(max_examples=25)
@given(EVENTS)
def test_the_summary_agrees_with_its_slow_twin(made):
    found = frame(made).select(FEATURE.struct.unnest()).to_dicts()
    for row, event in zip(found, made, strict=True):
        if event is None:
            assert set(row.values()) == {None}
            continue
        twin = {key: naive(pulses) for key, pulses in by_dom(event).items()}
        assert row.pop("omkey") == list(twin)
        for name, values in row.items():
            # equal times may be summed in another order; charges below 0 can make a spread of a difference
            slack = {"charge_weighted_mean_time": 1e-6, "charge_weighted_std_time": 1e-3}.get(name, 1e-9)
            if name in STANDARD[5:7]:
                continue
            expected = [t[name] for t in twin.values()]
            assert values == near(expected, rel=1e-9, abs=slack), name


@settings(max_examples=25)
@given(EVENTS)
def test_times_of_shares_are_those_of_the_slow_twin(made):
    # eighths add up exactly, so that no rounding decides which pulse passes a share
    made = [e and [(t, round(abs(q)) / 8 if math.isfinite(q) else q, k) for t, q, k in e] for e in made]
    made = [e and list({(t, k): (t, q, k) for t, q, k in e}.values()) for e in made]
    found = frame(made).select(FEATURE.struct.unnest()).to_dicts()
    for row, event in zip(found, made, strict=True):
        twin = [naive(p) for p in by_dom(event).values()] if event is not None else []
        for name in STANDARD[5:7] if event is not None else ():
            assert row[name] == near([t[name] for t in twin], rel=0), name


@pytest.mark.parametrize("name", EDGES)
def test_edge_cases_are_as_nt_summary_stats_has_them(name):
    time, charge, expected = EDGES[name]
    row = frame([[(t, q, 7) for t, q in zip(time, charge, strict=True)]]).select(FEATURE.struct.unnest())
    assert [row[c].item().item() for c in STANDARD] == pytest.approx(expected, rel=1e-8)
    assert row["n_pulses"].item().to_list() == [len(time)]


@pytest.mark.skipif(find_spec("nt_summary_stats") is None, reason="nt_summary_stats is not installed")
def test_random_sensors_are_as_nt_summary_stats_has_them():
    from nt_summary_stats import compute_summary_stats

    rng = np.random.default_rng(3)
    for n in rng.integers(1, 200, 300):
        time = np.round(rng.uniform(9000, 9000 + rng.choice([50, 800, 4000]), n), rng.integers(0, 3))
        charge = rng.exponential(1, n).astype(np.float32) * (rng.random(n) < 0.9)
        charge[0] += 0.125
        row = frame([[(t, q, 7) for t, q in zip(time, charge, strict=True)]]).select(FEATURE.struct.unnest())
        found = [row[c].item().item() for c in STANDARD]
        expected = compute_summary_stats(time, charge.astype(float))
        assert found[:8] == pytest.approx(expected[:8], rel=1e-12)
        # the package takes the mean of the squares less the square of the mean, of times of 1e4 ns
        assert found[8] ** 2 == pytest.approx(expected[8] ** 2, rel=1e-9, abs=1e-6)


def test_without_positive_charge_there_is_no_mean_and_without_a_pulse_nothing():
    row = frame([[(1.0, 0.0, 7), (2.0, 0.0, 7), (math.nan, 1.0, 8)], []]).select(FEATURE.struct.unnest())
    assert row["omkey"].to_list() == [[7, 8], []]
    assert row["n_pulses"].to_list() == [[2, 1], []]
    assert row["last_pulse_time"][0][0] == 2.0
    assert row["charge_50_percent_time"][0][0] is None
    assert [row[c][0][1] for c in STANDARD] == [0.0] * 3 + [None] * 6


@pytest.mark.slow
def test_a_row_does_not_know_how_its_frame_is_stored():
    check_feature(FEATURE, events())


def test_lists_have_the_types_they_promise():
    found = reco.with_features(events(), D=FEATURE)
    assert found.collect().schema == found.collect_schema()
    assert found.collect_schema()["D.omkey"] == pl.List(pl.Int32)
