"""Goodness of fit: uniform where the model is true, small where it is not."""

from __future__ import annotations

import numpy as np

from icecol import stats


def test_p_values_of_a_true_model_are_uniform_and_those_of_a_wrong_one_small():
    made = stats.Model({"background": [0.5, 3.0, 9.0, 0.2]}, likelihood="poisson")
    rng = np.random.default_rng(2)
    p = [stats.goodness_of_fit(made.fit(rng.poisson(made.expected())), 100, seed=i).p for i in range(30)]
    assert 0.38 < np.mean(p) < 0.75  # counts are discrete
    assert np.mean(np.array(p) < 0.2) < 0.4
    assert stats.goodness_of_fit(made.fit([9, 0, 2, 6]), 200).p == 0


def test_the_deviance_of_the_poisson_likelihood_is_that_of_its_ratio():
    fit = stats.Model({"a": [2.0, 4.0]}, likelihood="poisson").fit([3, 1])
    found = stats.goodness_of_fit(fit, 50)
    assert np.isclose(found.deviance, stats.poisson_deviance([3, 1], fit.expected()).sum())
    assert found.trials.statistics.size == 50
