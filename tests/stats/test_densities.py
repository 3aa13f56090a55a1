"""Unbinned likelihoods against a direct maximization."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize
from scipy.stats import gaussian_kde, norm

from icecol import stats


def made(seed: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame({"x": np.concatenate([rng.normal(0.6, 0.05, 40), rng.uniform(0, 1, 160)])})


PEAK = (-0.5 * ((pl.col("x") - 0.6) / 0.05) ** 2).exp() / (0.05 * np.sqrt(2 * np.pi))


def test_extended_fit_is_the_maximum_of_its_formula():
    model, data = stats.unbinned(made(), {"signal": PEAK, "background": pl.lit(1.0)})
    fit = model.fit(data)
    x = made()["x"].to_numpy()

    def cost(n: np.ndarray) -> float:
        return n.sum() - np.log(n[0] * norm.pdf(x, 0.6, 0.05) + n[1]).sum()

    best = minimize(cost, [50, 100], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10})
    assert [fit.values["signal"], fit.values["background"]] == pytest.approx(best.x, abs=1e-3)
    assert sum(fit.values.values()) == pytest.approx(200, abs=1e-3)
    assert fit.values["signal"] == pytest.approx(40, abs=2.5 * fit.errors["signal"])
    nothing = cost(np.array([0.0, 200.0])) - best.fun
    assert model.test(data, "signal").statistic == pytest.approx(2 * nothing, abs=1e-4)


def test_densities_are_columns_expressions_or_kernels():
    frame = made().with_columns(one=pl.lit(1.0))
    kernel = gaussian_kde(np.random.default_rng(5).normal(0.6, 0.05, 2000))
    a, b = (
        stats.unbinned(frame, {"signal": signal, "background": "one"})
        for signal in (PEAK, lambda frame: kernel(frame["x"].to_numpy()))
    )
    assert a[0].fit(a[1]).values["signal"] == pytest.approx(b[0].fit(b[1]).values["signal"], rel=0.1)


@pytest.mark.parametrize(
    "density", [pl.lit(-1.0), pl.lit(None, pl.Float64), pl.lit(float("inf")), lambda frame: [1.0]]
)
def test_what_is_no_density_is_refused(density):
    with pytest.raises(ValueError, match="density 'signal' must be one finite number"):
        stats.unbinned(made(), {"signal": density, "background": pl.lit(1.0)})
    with pytest.raises(ValueError, match="all densities are 0"):
        stats.unbinned(made(), {"signal": pl.lit(0.0)})
