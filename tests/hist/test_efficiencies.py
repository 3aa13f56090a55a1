"""`efficiencies`, `intervals`: binomial intervals and the ratios that have them."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from icecol import hist
from icecol.errors import MissingDependencyError
from icecol.hist.intervals import binomial_interval

X = hist.regular("x", 3, 0, 3)
WEIGHTED = pl.DataFrame(
    {"x": [0.5] * 5, "w": [1.0, 2, 3, 0.5, 0.5], "passed": [True, False, True, True, False]}
)


@pytest.mark.parametrize(
    ("passed", "total", "level", "exact", "wilson"),
    [
        (0, 10, 0.6827, (0, 0.168152), (0, 0.090913)),
        (1, 10, 0.6827, (0.017126, 0.294139), (0.038874, 0.233856)),
        (5, 10, 0.6827, (0.304815, 0.695185), (0.349241, 0.650759)),
        (1, 10, 0.95, (0.002529, 0.445016), (0.017876, 0.404150)),
        (50, 100, 0.95, (0.398321, 0.601679), (0.403832, 0.596168)),
    ],
)
def test_intervals_of_fractions_have_their_published_values(passed, total, level, exact, wilson):
    assert binomial_interval(passed, total, level, method="clopper-pearson") == pytest.approx(exact, abs=1e-6)
    assert binomial_interval(passed, total, level) == pytest.approx(wilson, abs=1e-6)
    for method in ("wilson", "clopper-pearson"):
        low, high = binomial_interval(passed, total, level, method=method)
        assert binomial_interval(total - passed, total, level, method=method) == pytest.approx(
            (1 - high, 1 - low)
        )


def weighted(**options):
    h = [hist.fill(part, X, weight="w") for part in (WEIGHTED.filter("passed"), WEIGHTED)]
    return hist.efficiency(*h, **options)


def test_weighted_entries_count_as_effective_ones():
    wilson, exact = weighted(level=0.6827), weighted(level=0.6827, method="clopper-pearson")
    assert wilson.values()[0] == exact.values()[0] == pytest.approx(0.642857, abs=1e-6)
    assert (wilson.low[0], wilson.high[0]) == pytest.approx((0.378951, 0.841519), abs=1e-6)
    assert (exact.low[0], exact.high[0]) == pytest.approx((0.258929, 0.921817), abs=1e-6)
    assert weighted(method="normal").errors()[:, 0] == pytest.approx([0.250052] * 2, abs=1e-6)
    assert np.isnan([wilson.values()[1:], wilson.low[1:], wilson.high[1:]]).all()


def test_all_and_none_pass():
    h = hist.fill(pl.DataFrame({"x": [0.5] * 10}), X)
    for method in ("wilson", "clopper-pearson"):
        every, none = hist.efficiency(h, h, method=method), hist.efficiency(h * 0, h, method=method)
        assert (every.values()[0], every.high[0], none.values()[0], none.low[0]) == (1, 1, 0, 0)
        assert none.high[0] == pytest.approx(1 - every.low[0])


def test_what_passes_must_be_among_all():
    one, two = (hist.fill(pl.DataFrame({"x": [0.5] * n}), X) for n in (1, 2))
    with pytest.raises(ValueError, match="more passes than there is"):
        hist.efficiency(two, one)
    with pytest.raises(ValueError, match="different axes cannot be compared"):
        hist.efficiency(one, hist.fill(pl.DataFrame({"x": [0.5]}), hist.regular("x", 4, 0, 3)))
    with pytest.raises(ValueError, match="method must be"):
        hist.efficiency(one, two, method="wald")
    with pytest.raises(ValueError, match="confidence level"):
        hist.efficiency(one, two, level=68)


def test_only_the_exact_interval_needs_scipy(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "scipy.special", None)
    h = hist.fill(pl.DataFrame({"x": [0.5] * 10}), X)
    assert math.isclose(hist.efficiency(h, h).values()[0], 1)
    with pytest.raises(
        MissingDependencyError, match=r"pip install scipy, or icecol with its extra \[stats\]"
    ):
        hist.efficiency(h, h, method="clopper-pearson")


def test_points_are_a_table_with_null_for_no_answer():
    table = weighted().to_frame()
    assert table.columns == ["x low", "x high", "value", "low", "high"]
    assert table["value"].null_count() == 2
    assert table["x high"].to_list() == [1, 2, 3]
    assert repr(weighted()) == "Points(efficiency; x: 3 bins, 2 without a value)"
