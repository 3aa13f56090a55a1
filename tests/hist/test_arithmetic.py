"""`arithmetic`, `points`: sums, ratios and their errors."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from icecol import hist
from icecol.errors import MissingColumnError

X = hist.regular("x", 4, 0, 4)
A = hist.fill(pl.DataFrame({"x": [0.5, 0.5, 1.5, 2.5, None], "w": [1.0, 2.0, 4.0, 0.5, 3.0]}), X, weight="w")
B = hist.fill(pl.DataFrame({"x": [0.5, 1.5, 1.5]}), X)


def test_a_difference_adds_the_variances():
    d = A - B
    np.testing.assert_allclose(d.values(), [2, 2, 0.5, 0])
    np.testing.assert_allclose(d.variances(), [6, 18, 0.25, 0])
    assert d.missing == hist.Tally(1, 3.0, 9.0)
    with pytest.raises(ValueError, match="different axes cannot be subtracted"):
        A - hist.fill(pl.DataFrame({"x": [1.0]}), hist.regular("x", 5, 0, 4))
    with pytest.raises(TypeError):
        A - 1
    with pytest.raises(TypeError, match="for /: 'Hist' and 'str'"):
        A / "x"


def test_a_ratio_has_the_errors_of_both_and_no_value_where_it_has_no_denominator():
    r = A / B
    np.testing.assert_allclose(r.values(), [3, 2, np.nan, np.nan])
    error = [3 * np.sqrt(5 / 9 + 1), 2 * np.sqrt(16 / 16 + 2 / 4), np.nan, np.nan]
    np.testing.assert_allclose(r.errors(), [error, error])
    assert (r.ndim, r.edges.tolist()) == (1, [0, 1, 2, 3, 4])
    np.testing.assert_allclose((B / (A * -1)).errors()[0][0], np.sqrt(1 + 5 / 9) / 3)
    with pytest.raises(ValueError, match="different axes cannot be divided"):
        A / hist.fill(pl.DataFrame({"x": [1.0]}), hist.regular("x", 5, 0, 4))


def test_an_axis_that_is_not_there_is_named_with_its_like():
    h = hist.fill(
        pl.DataFrame({"zenith": [0.1], "energy": [1.0]}),
        hist.regular("zenith", 2, 0, 1),
        hist.regular("energy", 2, 0, 2),
    )
    with pytest.raises(MissingColumnError, match="no axis 'zenit': did you mean 'zenith'"):
        h.project("zenit")
    with pytest.raises(MissingColumnError, match="no axis 'x': axes: 'energy', 'zenith'"):
        h.mean("x")
    with pytest.raises(MissingColumnError, match="no axis 2: this histogram has 2, named 'zenith', 'energy'"):
        h.project(2)
    assert h.project(-1).names == ("energy",)


def test_differential_divides_by_the_width():
    h = hist.fill(pl.DataFrame({"x": [0.5, 1.5, 1.6, 9.0]}), hist.variable("x", [0, 1, 3]))
    d = h.differential()
    assert d.values(flow=True).tolist() == [0, 1, 1, 1]
    assert d.errors().tolist() == pytest.approx([1, np.sqrt(2) / 2])
    assert h.density().tolist() == pytest.approx([1 / 3, 1 / 3])
    two = hist.fill(
        pl.DataFrame({"x": [1.5], "y": [0.5]}), hist.variable("x", [0, 1, 3]), hist.regular("y", 1, 0, 4)
    )
    assert two.differential().values().tolist() == [[0], [1 / 8]]


def test_bins_are_joined_by_number_or_new_edges():
    h = hist.fill(pl.DataFrame({"x": [-1.0, 0.5, 1.5, 1.6, 3.5, 4.5, 9.0]}), hist.regular("x", 5, 0, 5))
    assert h.rebin(2).values(flow=True).tolist() == [1, 3, 1, 2]
    assert h.rebin(2).edges.tolist() == [0, 2, 4]
    joined = h.rebin([1, 2, 5])
    assert joined.edges.tolist() == [1, 2, 5]
    assert joined.values(flow=True).tolist() == [2, 2, 2, 1]
    assert h.rebin(5).sum() == 5
    for edges in ([1, 2, 2, 5], [2, 1], [3]):
        with pytest.raises(ValueError, match="must be two or more increasing ones of its own; found"):
            h.rebin(edges)
    log = hist.fill(pl.DataFrame({"q": [20.0, 3e3]}), hist.log("q", 8, 1, 1e4))
    assert log.rebin([10, 100, 1e4]).values().tolist() == [1, 1]
    both = hist.fill(pl.DataFrame({"x": [0.5], "y": [3.5]}), X, hist.regular("y", 4, 0, 4, label="y / m"))
    assert both.rebin(2, "y").values().tolist() == [[0, 1], [0, 0], [0, 0], [0, 0]]
    assert both.rebin(2, "y").labels == both.labels
    for bins, match in (
        ([0, 1.5, 5], r"not among them: \[1\.5\]"),
        ([0], "two or more"),
        ([2, 1], r"found \[2\.0, 1\.0\]"),
    ):
        with pytest.raises(ValueError, match=match):
            h.rebin(bins)
    with pytest.raises(ValueError, match="has 5 bins; 6 of them"):
        h.rebin(6)
    with pytest.raises(TypeError, match="holds categories"):
        hist.fill(pl.DataFrame({"k": ["a"]}), hist.category("k")).rebin(2)
