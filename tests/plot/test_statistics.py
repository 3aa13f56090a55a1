"""Plots of fits and tests show the numbers that they are given."""

from __future__ import annotations

import numpy as np
import pytest

from icecol import plot, stats

MODEL = stats.Model(
    {"signal": [1.0, 4.0], "background": [9.0, 2.0]},
    {"background": stats.Parameter(prior=(1.0, 0.2), lower=0.0)},
)


@pytest.fixture(scope="module")
def fitted() -> stats.Fit:
    return MODEL.fit([14, 9])


def test_a_stack_adds_up_to_the_expectation(fitted):
    ax = plot.fit(fitted, [1.0, 10.0, 100.0], log_x=True, label="E / TeV")
    top = ax.patches[1].get_data()
    assert top.values == pytest.approx(fitted.expected())
    points = ax.lines[0]
    assert points.get_ydata().tolist() == [14, 9]
    assert points.get_xdata() == pytest.approx([10**0.5, 10**1.5])
    assert (ax.get_xlabel(), ax.get_xscale()) == ("E / TeV", "log")
    with pytest.raises(ValueError, match="one axis with 2 bins"):
        plot.fit(stats.Model({"a": [1.0]}).fit([2]), [0, 1, 2])


def test_scans_of_one_and_two_parameters(fitted):
    grid = np.linspace(0.2, 4, 9)
    one = fitted.scan({"signal": grid})
    assert plot.scan(one).lines[0].get_ydata() == pytest.approx(one.values)
    two = fitted.scan({"signal": grid, "background": np.linspace(0.6, 1.6, 5)})
    ax = plot.scan(two)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("signal", "background")
    with pytest.raises(ValueError, match="one or two parameters"):
        plot.scan(stats.Scan(dict.fromkeys("abc", grid), np.zeros((9, 9, 9))))


def test_trials_are_shares_with_their_weights(fitted):
    trials = stats.Trials(np.array([0.0, 0.2, 5.0, 9.5]), np.log([1.0, 1.0, 2.0, 1e-30]))
    ax = plot.trials(trials, 10.0, bins=10)
    shares = ax.patches[0].get_data().values
    assert np.nansum(shares) == pytest.approx(1)
    assert ax.lines[1].get_xdata()[0] == 10.0


def test_limits_have_bands(fitted):
    band = stats.Limit(2.0, (0.5, 1.0, 1.5, 2.5, 3.5), 0.95)
    ax = plot.limits({1.0: band, 2.0: band}, x_label="m", y_label="limit")
    assert [line.get_ydata().tolist() for line in ax.lines] == [[1.5, 1.5], [2.0, 2.0]]
    outer = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (outer.min(), outer.max()) == (0.5, 3.5)


def test_pulls(fitted):
    ax = plot.pulls(fitted)
    assert ax.lines[-1].get_xdata() == pytest.approx([fitted.pulls()["background"][0]])
