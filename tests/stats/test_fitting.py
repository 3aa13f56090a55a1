"""`fitting`, `norms`: against scipy, between the compiled maximum and Minuit, and where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from made_models import KINDS, full_model
from scipy.optimize import minimize
from scipy.stats import chi2

from icecol import stats
from icecol.stats import fitting


def random_model(seed: int, kind: str) -> tuple[stats.Model, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, b, c = rng.uniform(0.1, 4, (3, 6))
    made = stats.Model(
        {"a": (a, 0.1 * a), "b": (b, 0.2 * b), "c": (c, 0.05 * c)},
        {
            "b": stats.Parameter(prior=(1.0, 0.3), lower=0.0),
            "c": stats.Parameter(prior=(1.0, 0.2, 0.5), lower=0.0),
        },
        kind,
    )
    return made, rng.poisson(made.expected(a=rng.choice([0.0, 1.0, 3.0])))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_compiled_maximum_minuit_and_scipy_agree(kind, seed):
    made, data = random_model(seed, kind)
    k = made.counts(data)
    x, log = fitting.maximum(made, k, made.centers, {})
    minuit = fitting.minimized(made, k, made.centers, {}, made.start)
    cost = fitting.objective(made, k, made.centers)
    found = minimize(
        cost, made.start, bounds=[(0, 50)] * 3, method="L-BFGS-B", options={"ftol": 1e-14, "gtol": 1e-9}
    )
    assert log >= -found.fun / 2 - 1e-6
    assert log == pytest.approx(-minuit.fval / 2, abs=1e-6)
    assert x == pytest.approx(np.array(minuit.values), abs=5e-3)


def test_errors_of_one_norm_are_those_of_a_count():
    fit = stats.Model({"a": [4.0]}).fit([100])
    assert fit.values["a"] == pytest.approx(25, rel=1e-6)
    assert fit.errors["a"] == pytest.approx(2.5, rel=1e-3)
    low, high = fit.interval("a")
    for end in (low, high):
        assert 2 * (100 * np.log(25 / end) - 100 + 4 * end) == pytest.approx(1, abs=2e-2)
    assert fit.expected_errors() == pytest.approx(10, rel=1e-3)


def test_an_interval_ends_at_a_bound():
    fit = stats.Model({"s": [1.0], "b": [5.0]}, {"b": stats.Parameter(fixed=True)}).fit([4])
    assert fit.values["s"] == pytest.approx(0, abs=1e-6)
    low, high = fit.interval("s")
    assert low == 0
    assert high == pytest.approx(1.37, abs=0.5)


def test_scans_and_contours_are_profiles_of_the_likelihood():
    made, data = random_model(1, "poisson")
    fit = made.fit(data)
    best = fit.values["a"]
    scan = fit.scan({"a": [best, best + 0.2, best + 0.5]})
    assert scan.names == ("a",)
    assert scan.values[0] == pytest.approx(0, abs=1e-5)
    by_hand = 2 * (fit.log_likelihood - fitting.maximum(made, fit.counts, made.centers, {"a": best + 0.5})[1])
    assert scan.values[2] == pytest.approx(by_hand, abs=1e-6)
    contour = fit.contour("a", "b", 0.9, points=8)
    values = [fit.scan({"a": [x], "b": [y]}).values[0, 0] for x, y in contour]
    assert np.array(values) == pytest.approx(chi2.isf(0.1, 2), rel=3e-2)


def test_a_spectral_index_is_found_again():
    made = full_model("poisson")
    asimov = made.expected(astro=3.0, index=1.6, muons=0.8)
    fit = made.fit(asimov)
    assert fit.values["astro"] == pytest.approx(3, rel=0.01)
    assert fit.values["index"] == pytest.approx(1.6, abs=0.01)
    assert fit.values["muons"] == pytest.approx(0.8, abs=0.02)
    held = made.fit(asimov, index=2.5)
    assert held.values["index"] == 2.5
    assert held.errors["index"] == 0
    assert held.log_likelihood < fit.log_likelihood - 0.1
    assert set(fit.pulls()) == {"ice", "rest"}
    assert fit.pulls()["ice"][0] == pytest.approx(0, abs=0.05)
    assert "index = 2.5 (fixed)" in str(held)


def test_without_free_parameters_the_fit_is_where_it_starts():
    made = stats.Model({"a": [4.0]}, {"a": stats.Parameter(fixed=True)}, "poisson")
    fit = made.fit([5])
    assert fit.values == {"a": 1.0}
    assert fit.log_likelihood == pytest.approx(float(stats.log_likelihood(5, 4.0, kind="poisson")))
    with pytest.raises(ValueError, match="'a' is fixed"):
        fit.interval("a")
