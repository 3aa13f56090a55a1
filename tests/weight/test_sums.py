from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from icecol import weight


def test_rate_and_expectation_have_the_errors_of_the_weights():
    found = weight.totals(pl.DataFrame({"w": [1e-3, 2e-3, 2e-3]}), "w")
    assert found.n == 3
    assert found.rate == pytest.approx((5e-3, 3e-3))
    assert found.expected() == pytest.approx((5e-3 * 31557600, 3e-3 * 31557600))
    assert found.expected(100) == pytest.approx((0.5, 0.3))
    assert found.effective_livetime.value == pytest.approx(5e-3 / 9e-6)
    assert found.effective_events == pytest.approx(25 / 9)


def test_the_error_of_the_effective_livetime_is_its_scatter():
    rng = np.random.default_rng(1)
    lives, errors = [], []
    for _ in range(400):
        w = rng.gamma(2.0, 1.0, rng.poisson(300))
        found = weight.totals(pl.DataFrame({"w": w}), "w").effective_livetime
        lives.append(found.value)
        errors.append(found.error)
    assert np.std(lives) == pytest.approx(np.mean(errors), rel=0.1)


def test_no_events_and_weights_that_are_none():
    empty = weight.totals(pl.LazyFrame({"w": []}, schema={"w": pl.Float64}), pl.col("w"))
    assert empty.rate == (0, 0)
    assert empty.effective_events == 0
    assert all(math.isnan(x) for x in empty.effective_livetime)
    with pytest.raises(ValueError, match="null in 2 of 3 events"):
        weight.totals(pl.LazyFrame({"w": [1.0, None, math.inf]}), "w")
