from __future__ import annotations

import sys

import numpy as np
import polars as pl
import pytest

from icecol import hist
from icecol.errors import MissingDependencyError

RNG = np.random.default_rng(7)
GAUSS = hist.fill(pl.DataFrame({"x": RNG.normal(5, 2, 20_000)}), hist.regular("x", 40, -5, 15))


def near(found, **expected):
    assert found.valid
    for name, value in expected.items():
        assert abs(found.values[name] - value) < 4 * found.errors[name]
        assert 0 < found.errors[name] < 0.1 * abs(value) + 0.1


@pytest.mark.parametrize("cost", ["likelihood", "chi2"])
def test_a_gaussian_is_found_with_the_errors_of_theory(cost):
    found = hist.fit(GAUSS, "gaussian", cost=cost)
    near(found, mean=5, sigma=2)
    assert found.errors["mean"] == pytest.approx(2 / np.sqrt(20_000), rel=0.05)
    assert found.errors["sigma"] == pytest.approx(2 / np.sqrt(40_000), rel=0.05)
    assert found.values["area"] == pytest.approx(20_000, rel=0.01)
    assert found.covariance.shape == (3, 3)
    assert np.sqrt(found.covariance[1, 1]) == pytest.approx(found.errors["mean"])
    assert 0.001 < found.pvalue < 0.9999
    assert found.dof == (37 if cost == "likelihood" else (GAUSS.values() > 0).sum() - 3)
    assert found.expected().sum() == pytest.approx(20_000, rel=0.01)
    assert found(5.0) == pytest.approx(
        found.values["area"] / np.sqrt(2 * np.pi) / found.values["sigma"], rel=1e-3
    )


def test_wide_bins_are_integrated_over():
    wide = GAUSS.rebin(8)
    near(hist.fit(wide, "gaussian"), mean=5, sigma=2)
    assert wide.std() > 2.2


def test_the_scale_of_the_weights_scales_the_errors_right():
    one = hist.fit(GAUSS, "gaussian")
    scaled = hist.fit(GAUSS * 0.01, "gaussian")
    assert scaled.values["mean"] == pytest.approx(one.values["mean"], abs=1e-3)
    assert scaled.errors["mean"] == pytest.approx(one.errors["mean"], rel=0.05)
    assert scaled.errors["area"] == pytest.approx(one.errors["area"] * 0.01, rel=0.05)


def test_an_exponential_a_power_law_and_a_line():
    x = RNG.exponential(3, 10_000)
    near(hist.fit(hist.fill(pl.DataFrame({"x": x}), hist.regular("x", 30, 0, 15)), "exponential"), scale=3)
    energy = 100 * RNG.pareto(1.7, 20_000) + 100  # index 2.7
    h = hist.fill(pl.DataFrame({"e": energy}), hist.log("e", 20, 100, 1e4))
    near(hist.fit(h, "powerlaw"), index=2.7)
    line = hist.fill(pl.DataFrame({"x": np.sqrt(RNG.uniform(0, 1, 10_000))}), hist.regular("x", 10, 0, 1))
    found = hist.fit(line, "linear")
    assert found.values["offset"] == pytest.approx(0, abs=300)
    assert found.values["slope"] == pytest.approx(20_000, rel=0.05)


def test_a_function_of_yours_with_start_limits_and_fixed_parameters():
    def bump(x, area, mean, sigma):
        return area * np.exp(-0.5 * ((x - mean) / sigma) ** 2) / np.sqrt(2 * np.pi) / sigma

    start = {"area": 1.5e4, "mean": 4.0, "sigma": 2.0}
    free = hist.fit(GAUSS, bump, start=start)
    near(free, mean=5, sigma=2)
    held = hist.fit(GAUSS, bump, start=start, fixed=("sigma",))
    assert held.values["sigma"] == 2.0
    assert held.dof == free.dof + 1
    assert hist.fit(GAUSS, bump, start=start, limits={"mean": (None, 4.5)}).values["mean"] <= 4.5
    assert hist.fit(GAUSS, lambda x, level: level, start={"level": 1.0}).values["level"] == pytest.approx(
        GAUSS.sum() / 20, rel=1e-3
    )


def test_fits_that_cannot_be_are_errors():
    with pytest.raises(ValueError, match=r"no function 'gauss': did you mean 'gaussian'\?"):
        hist.fit(GAUSS, "gauss")
    with pytest.raises(ValueError, match=r"without a start: a, b; give them as in start=\{'a': 1.0\}"):
        hist.fit(GAUSS, lambda x, a, b: a + b * x)
    with pytest.raises(ValueError, match="no parameter 'men': did you mean 'mean'"):
        hist.fit(GAUSS, "gaussian", start={"men": 1})
    with pytest.raises(ValueError, match="cost must be"):
        hist.fit(GAUSS, "gaussian", cost="x")
    with pytest.raises(ValueError, match="nothing to fit"):
        hist.fit(GAUSS * 0, "gaussian")
    with pytest.raises(ValueError, match="power law needs an axis above 0; this one starts at -5"):
        hist.fit(GAUSS, "powerlaw")
    with pytest.raises(ValueError, match="finite edges"):
        hist.fit(hist.fill(pl.DataFrame({"x": [1.0]}), hist.variable("x", [0, 2, np.inf])), "linear")
    with pytest.raises(ValueError, match="needs one axis, but this histogram has 2"):
        hist.fit(
            hist.fill(
                pl.DataFrame({"x": [1.0], "y": [1.0]}), hist.regular("x", 2, 0, 2), hist.regular("y", 2, 0, 2)
            ),
            "linear",
        )


def test_without_iminuit_the_error_tells_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "iminuit", None)
    with pytest.raises(
        MissingDependencyError,
        match=r"hist.fit needs iminuit: pip install iminuit, or icecol with its extra \[stats\]",
    ):
        hist.fit(GAUSS, "gaussian")
