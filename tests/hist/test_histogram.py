"""`histogram`, and in `drawing` how its method `plot` finds the functions that draw."""

from __future__ import annotations

import json
import math

import boost_histogram as bh
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol import hist

DF = pl.DataFrame(
    {
        "x": [0.1, 0.5, 1.5, 2.5, 2.6, 9.0, -1.0, math.nan, None],
        "k": ["a", "b", "a", "a", "b", "b", "a", "a", "b"],
        "w": [1.0, 2.0, 0.5, 3.0, 1.0, 1.0, 1.0, 2.0, 4.0],
    }
)
X = hist.regular("x", 3, 0, 3, label="x / m")
H = hist.fill(DF, X, weight="w")


def test_sum_mean_std_and_quantile_are_those_of_the_bins():
    values, centers = np.array([3, 0.5, 4]), np.array([0.5, 1.5, 2.5])
    mean = np.average(centers, weights=values)
    assert H.values().tolist() == values.tolist()
    assert (H.sum(), H.sum(flow=True)) == (7.5, 9.5)
    assert H.mean() == pytest.approx(mean)
    assert H.std() == pytest.approx(math.sqrt(np.average((centers - mean) ** 2, weights=values)))
    assert H.quantile(0) == 0
    assert H.quantile(3 / 7.5) == pytest.approx(1)
    assert H.quantile(1) == 3
    assert math.isnan((H * 0).mean())
    assert math.isnan((H * 0).quantile(0.5))


def test_errors_are_roots_of_summed_squared_weights():
    np.testing.assert_allclose(H.errors(), np.sqrt([1 + 4, 0.25, 9 + 1]))
    np.testing.assert_allclose((2 * H / 4).errors(), H.errors() / 2)


def test_scaling_scales_the_uncounted_weights_too():
    assert (H * 3).nan == hist.Tally(1, 6.0, 36.0)
    assert (H / 2).missing == hist.Tally(1, 2.0, 4.0)


def test_halves_add_up_to_the_whole():
    parts = [hist.fill(part, X, weight="w") for part in (DF[:4], DF[4:])]
    assert sum(parts) == H
    kinds = [hist.fill(part, hist.category("k")) for part in (DF[:1], DF[1:])]
    assert sum(kinds).values().sum() == DF.height


def test_different_axes_do_not_add():
    with pytest.raises(ValueError, match="different axes"):
        H + hist.fill(DF, hist.regular("x", 4, 0, 3))
    with pytest.raises(TypeError):
        H + 1


def test_normalized_sums_or_integrates_to_one():
    assert H.normalized().sum() == pytest.approx(1)
    h = hist.fill(DF, hist.variable("x", [0, 0.2, 1, 3]), hist.regular("w", 2, 0, 4)).normalized(density=True)
    areas = np.diff(h.edges[0])[:, None] * np.diff(h.edges[1])
    assert (h.values() * areas).sum() == pytest.approx(1)
    plain = H.normalized()
    np.testing.assert_allclose(plain.errors() / plain.values(), H.errors() / H.values())
    with pytest.raises(ValueError, match="sum to 0"):
        (H * 0).normalized()


def test_cumulative_includes_the_flow_it_starts_from():
    assert H.cumulative().values().tolist() == [4, 4.5, 8.5]
    assert H.cumulative(reverse=True).values().tolist() == [8.5, 5.5, 5]
    assert H.cumulative().variances().tolist() == [6, 6.25, 16.25]
    with pytest.raises(ValueError, match="one axis"):
        hist.fill(DF, X, hist.category("k")).cumulative()


def test_projection_and_slices_keep_labels_and_uncounted():
    both = hist.fill(DF, X, hist.category("k"), weight="w")
    assert both.project("x") == H
    assert both.project(0) == H
    part = H[hist.loc(1) :]
    assert isinstance(part, hist.Hist)
    assert part.labels == ("x / m",)
    assert part.names == ("x",)
    assert part.nan == H.nan
    assert H[0].value == 3
    assert H[:: hist.rebin(3)].values().tolist() == [7.5]
    assert both[:, bh.loc("a")].values().tolist() == [1, 0.5, 3]


def test_operations_leave_the_histogram_as_it_was():
    before = H.to_dict()
    _ = H * 2, H.normalized(density=True), H.cumulative(), H + H, H.project(0), H[1:]
    assert H.to_dict() == before


def test_it_is_a_plottable_histogram():
    assert H.kind == "COUNT"
    assert len(H.axes) == 1
    assert H.axes[0].traits.circular is False
    np.testing.assert_allclose(H.counts(), H.values() ** 2 / H.variances())
    assert bh.Histogram(H) == H.bh


def test_categories_have_no_mean():
    with pytest.raises(TypeError, match="axis 'k' holds categories"):
        hist.fill(DF, hist.category("k")).mean()


def test_repr_tells_axes_sums_and_uncounted():
    assert repr(H) == "Hist(x: 3 bins from 0 to 3; sum 7.5, outside 2, nan 2, missing 4)"
    assert repr(hist.fill(DF, hist.category("k"))).startswith("Hist(k: 2 categories; sum 9")
    assert "(log)" in repr(hist.fill(DF, hist.log("x", 2, 1, 10)))


AXES = {
    "regular": X,
    "log": hist.log("x", 7, 0.3, 1e4, label="Δt / ns"),
    "variable": hist.variable("x", [-math.inf, 0.1, 1 / 3, 3]),
    "integer": hist.integer(pl.col("x").fill_nan(None).cast(pl.Int32), 0, 3),
    "growing words": hist.category("k"),
    "fixed words": hist.category("k", ["b", "z"]),
    "growing integers": hist.category(pl.col("x").fill_nan(None).cast(pl.Int32)),
}


@pytest.mark.parametrize("axis", AXES.values(), ids=AXES)
def test_a_saved_histogram_comes_back_the_same(axis, tmp_path):
    for h in (
        hist.fill(DF, axis, weight="w"),
        hist.fill(DF, axis, hist.category("k", name="other"), weight="w"),
    ):
        h.save(tmp_path / "h.json")
        back = hist.load(tmp_path / "h.json")
        assert back == h
        assert back.labels == h.labels
        assert list(map(str, back.axes)) == list(map(str, h.axes))
        assert back.to_dict() == h.to_dict()
    assert [p.name for p in tmp_path.iterdir()] == ["h.json"]


@settings(max_examples=25, deadline=None)
@given(
    start=st.floats(1e-6, 10),
    width=st.floats(1.1, 1e6),
    w=st.lists(st.floats(-1e300, 1e300, allow_subnormal=True), min_size=3, max_size=3),
    make=st.sampled_from([hist.regular, hist.log]),
)
def test_every_bit_survives_the_file(tmp_path_factory, start, width, w, make):
    h = hist.fill(pl.DataFrame({"x": [0.5, 2.0, math.nan], "w": w}), make("x", 3, start, start * width))
    path = tmp_path_factory.mktemp("h") / "h.json"
    h.save(path)
    back = hist.load(path)
    assert back == h
    assert back.edges.tolist() == h.edges.tolist()


def test_the_file_is_strict_json_with_infinities_too(tmp_path):
    found = hist.fill(DF, hist.variable("x", [-math.inf, 0.1, math.inf]))
    h = hist.Hist(found.bh, nan=hist.Tally(1, math.inf, math.inf))
    h.bh.view()["variance"][0] = math.inf
    h.save(tmp_path / "h.json")
    content = json.loads((tmp_path / "h.json").read_text(), parse_constant=pytest.fail)
    assert content["axes"][0]["edges"] == ["-inf", 0.1, "inf"]
    back = hist.load(tmp_path / "h.json")
    assert back.edges.tolist() == h.edges.tolist()
    np.testing.assert_array_equal(back.values(flow=True), h.values(flow=True))
    assert back.nan == h.nan


def test_a_file_that_is_no_histogram_is_an_error_that_names_it(tmp_path):
    for i, content in enumerate(["", "{}", json.dumps({"axes": [], "storage": {}})]):
        path = tmp_path / f"{i}.json"
        path.write_text(content)
        with pytest.raises(ValueError, match=rf"{i}\.json is not a histogram"):
            hist.load(path)
