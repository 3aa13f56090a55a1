"""The tables of a model give its expectation, slopes and curvature, whatever the index."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from made_models import AXES, KINDS, full_model, sample

from icecol import stats
from icecol.stats import ascent, fitting, tables


def compiled(model: stats.Model, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, tables.Shapes]:
    t = model.tables
    shapes, mu, s2 = tables.blank(t), np.empty(t.values.shape[1]), np.empty(t.values.shape[1])
    for c in range(t.norm_of.size):
        tables.shape(t, c, x, shapes)
    tables.add_up(t, x, shapes, mu, s2)
    return mu, s2, shapes


@pytest.mark.parametrize("index", [0.0, 0.013, 1.99, 3.456, 6.0])
@pytest.mark.parametrize("ice", [-2.0, -1.0, -0.3, 0.0, 0.7, 1.0, 1.6])
def test_expectation_is_that_of_the_events(index, ice):
    made = full_model()
    x = made.vector({"astro": 1.7, "index": index, "muons": 0.6, "ice": ice, "rest": 1.2})
    mu, s2, in_mu, _ = made.expectation(x)
    found = compiled(made, x)
    assert found[0] == pytest.approx(mu, rel=1e-8)
    assert found[1] == pytest.approx(s2, rel=1e-6)
    assert 1.7 * found[2].slope[0] == pytest.approx(in_mu[made.number("index")], rel=1e-6)
    assert 0.6 * found[2].shift_slope[0] == pytest.approx(in_mu[made.number("ice")], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_slopes_are_those_of_the_likelihood_and_the_curvature_is_its_hessian(kind):
    made = full_model(kind)
    k = made.counts(np.random.default_rng(3).poisson(3.0, (4, 2)))
    x = made.vector({"astro": 0.7, "index": 1.3, "muons": 1.2, "rest": 0.8, "ice": 0.4})
    priors, n = fitting.priors(made, made.centers), x.size
    g, h = np.empty(n), np.empty((n, n))

    def slopes(at: np.ndarray) -> np.ndarray:
        mu, s2, shapes = compiled(made, at)
        ascent.slopes_and_curvature(made.kind, k, made.tables, shapes, mu, s2, at, priors, g, h)
        return g.copy()

    here = slopes(x)
    assert -2 * here == pytest.approx(fitting.gradient(made, k, made.centers)(x), rel=1e-6)
    if kind == "poisson":
        curvature = h.copy()
        by_hand = np.array([(slopes(x - e) - slopes(x + e)) / 2e-5 for e in 1e-5 * np.eye(n)])
        known = np.ix_([i for i in range(n) if made.names[i] != "ice"], range(n))
        assert curvature[known] == pytest.approx(by_hand[known], rel=1e-4, abs=1e-4)


def test_an_index_that_is_fixed_is_put_in():
    made = full_model()
    fixed = replace(
        made, parameters={**made.parameters, "index": stats.Parameter(start=2.7, lower=0.0, fixed=True)}
    )
    x = fixed.vector({"astro": 1.3})
    assert fixed.tables.nodes.max() == 0
    assert compiled(fixed, x)[0] == pytest.approx(fixed.expectation(x)[0], rel=1e-12)


def test_distant_energies_in_a_bin_get_a_finer_table():
    far = pl.DataFrame({"x": [0.5, 0.5], "e": [1e-3, 1e3], "w": [1e-2, 1e10]})
    made = stats.Model({"a": stats.events(far, stats_axis(), weight="w", powers={"index": pl.col("e")})})
    assert made.tables.step[0] < 0.1
    for index in (0.77, 2.51, 4.444):
        x = made.vector({"index": index})
        assert compiled(made, x)[0] == pytest.approx(made.expectation(x)[0], rel=1e-7)


def stats_axis():
    from icecol import hist

    return hist.regular("x", 1, 0, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: (frame, {"index": stats.Parameter(start=2.0)}),
        lambda frame: (frame, {"index": stats.Parameter(start=2.0, lower=0.0, upper=21.0)}),
        lambda frame: (frame.with_columns(weight=-pl.col("weight")), {}),
    ],
    ids=["no bounds", "wide bounds", "negative weights"],
)
def test_what_has_no_table_is_fitted_all_the_same(change):
    frame, settings = change(sample())
    astro = stats.events(frame, *AXES, weight="weight", powers={"index": pl.col("energy") / 1e5})
    made = stats.Model({"astro": astro, "rest": np.full((4, 2), 3.0)}, settings, "poisson")
    assert made.tables is None
    if frame["weight"].min() >= 0:
        asimov = made.expected(astro=2.0, index=1.5)
        assert made.fit(asimov).values["index"] == pytest.approx(1.5, abs=0.02)
