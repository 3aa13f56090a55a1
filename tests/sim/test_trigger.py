from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol.sim import majority


def naive_majority(time, threshold, window):
    """Write down every window above threshold, then join the first with those that overlap."""
    windows = []
    for t in time:
        inside = [u for u in time if t <= u <= t + window]
        if len(inside) >= threshold:
            windows.append((t, max(inside)))
    if not windows:
        return math.nan, math.nan
    start, end = windows[0]
    for t, last in windows[1:]:
        if t > end:
            break
        end = max(end, last)
    return start, end


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 400), unique=True, max_size=40).map(sorted), st.integers(1, 5), st.integers(0, 60)
)
def test_majority_is_that_of_the_naive_twin(times, threshold, window):
    time = np.array(times, float)
    found = majority(time, threshold, float(window))
    assert found == pytest.approx(naive_majority(time, threshold, window), nan_ok=True)


def test_eight_hits_within_the_window_trigger_and_seven_do_not():
    time = np.linspace(0, 5000, 8)
    assert majority(time, 8, 5000.0) == (0.0, 5000.0)
    assert np.isnan(majority(time[:7], 8, 5000.0)).all()


def test_the_window_includes_its_end():
    assert majority(np.array([0.0, 5000.0]), 2, 5000.0) == (0.0, 5000.0)
    assert np.isnan(majority(np.array([0.0, np.nextafter(5000.0, 6000.0)]), 2, 5000.0)).all()


def test_overlapping_windows_are_one_trigger_and_a_gap_ends_it():
    assert majority(np.array([0.0, 50.0, 100.0, 150.0, 900.0, 950.0]), 2, 60.0) == (0.0, 150.0)
