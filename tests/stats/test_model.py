"""`model`, `templates`: expectations, slopes, events that are weighted anew, and what is refused."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from made_models import AXES, KINDS, full_model, sample

from icecol import hist, stats
from icecol.errors import MissingColumnError
from icecol.stats import fitting


def test_an_index_weights_events_anew():
    made = full_model()
    reweighted = sample().with_columns(w=pl.col("weight") * (pl.col("energy") / 1e5) ** -2.7)
    expected = hist.fill(reweighted, *AXES, weight="w")
    mu, s2, _, _ = made.expectation(made.vector({"astro": 1.5, "index": 2.7, "muons": 0.0, "rest": 0.0}))
    assert mu.reshape(4, 2) == pytest.approx(1.5 * expected.values())
    assert s2.reshape(4, 2) == pytest.approx(1.5**2 * expected.variances())


def test_components_add_up_and_share_norms():
    made = full_model()
    flat = hist.fill(sample(seed=2), *AXES, weight="weight").values()
    found = made.expected(astro=0.0, muons=2.0, rest=0.5, ice=1.0)
    assert found == pytest.approx(2 * (1.3 * flat + flat) + 0.15)
    assert made.expected(astro=0.0, muons=1.0, rest=0.0, ice=-1.0) == pytest.approx(1.8 * flat)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ice", [-1.7, -0.4, 0.6, 1.2])
def test_gradient_is_that_of_the_likelihood(kind, ice):
    made = full_model(kind)
    k = made.counts(np.random.default_rng(3).poisson(3.0, (4, 2)))
    x = made.vector({"astro": 0.7, "index": 1.3, "muons": 1.2, "rest": 0.8, "ice": ice})
    cost, slope = (f(made, k, made.centers) for f in (fitting.objective, fitting.gradient))
    for i, name in enumerate(made.names):
        h = np.zeros(x.size)
        h[i] = 1e-5
        assert slope(x)[i] == pytest.approx((cost(x + h) - cost(x - h)) / 2e-5, rel=1e-5, abs=1e-5), name


def test_likelihood_is_the_sum_over_bins_with_priors():
    made = full_model()
    k = np.random.default_rng(3).poisson(3.0, (4, 2))
    mu, s2, _, _ = made.expectation(made.start)
    bare = stats.log_likelihood(k.ravel(), mu, s2).sum()
    assert made.log_likelihood(k) == pytest.approx(bare)
    shifted = (
        made.log_likelihood(k, ice=2.0)
        - stats.log_likelihood(k.ravel(), *made.expectation(made.vector({"ice": 2.0}))[:2]).sum()
    )
    assert shifted == pytest.approx(-2.0)
    below, above = (
        made.log_likelihood(k, rest=1 + d)
        - stats.log_likelihood(k.ravel(), *made.expectation(made.vector({"rest": 1 + d}))[:2]).sum()
        for d in (-0.2, 0.4)
    )
    assert (below, above) == pytest.approx((-0.5, -0.5))


def test_histograms_are_data_too():
    seen = hist.fill(sample(60), *AXES)
    assert full_model().counts(seen).tolist() == seen.values().ravel().tolist()


def test_events_outside_the_bins_or_without_a_value_are_left_out():
    frame = pl.DataFrame({"x": [0.5, -1.0, 7.0, None, 1.5], "e": [1.0, 0.0, -1.0, None, 2.0], "w": [1.0] * 5})
    made = stats.events(frame, hist.regular("x", 2, 0, 2), weight=pl.col("w"), powers={"g": pl.col("e")})
    assert stats.Model({"a": made}).expected(g=1.0).tolist() == [1.0, 0.5]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: stats.Model({}), ValueError, "needs components"),
        (lambda: stats.Model({"a": [1.0], "b": [1.0, 2.0]}), ValueError, "different bins"),
        (lambda: stats.Model({"a": [np.nan]}), ValueError, "not finite"),
        (lambda: stats.Model({"a": ([1.0], [-1.0])}), ValueError, "negative variances"),
        (
            lambda: stats.Model({"signal": [1.0]}, {"sgnal": stats.Parameter()}),
            MissingColumnError,
            "did you mean 'signal'",
        ),
        (lambda: stats.Model({"a": [1.0]}, likelihood="poison"), ValueError, "did you mean 'poisson'"),
        (
            lambda: stats.Model({"a": [1.0]}).fit([1, 2]),
            ValueError,
            r"shape \(2,\), the model of shape \(1,\)",
        ),
        (
            lambda: stats.Model({"a": [1.0, 0.0]}).fit([1, 2]),
            ValueError,
            r"bin \(1,\) has 2 events, but no component",
        ),
        (lambda: stats.Model({"a": [1.0]}).expected(b=1.0), MissingColumnError, "no parameter 'b'"),
        (
            lambda: stats.Model({"a": stats.Component([1.0], variations={"v": ([1.0, 2.0], [1.0])})}),
            ValueError,
            "variation 'v'",
        ),
        (lambda: stats.Parameter(prior=(1.0, 0.0)), ValueError, "positive deviations"),
        (lambda: stats.Parameter(start=-1.0, lower=0.0), ValueError, "outside its bounds"),
        (
            lambda: stats.events(sample(), hist.regular("energy", 3), weight="weight", powers={}),
            ValueError,
            "need a range",
        ),
        (
            lambda: stats.events(sample(), *AXES, weight="weight", powers={"g": -pl.col("energy")}),
            ValueError,
            "must be positive",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
