"""`filling`, `counting`, `batch`: histograms filled in one bounded pass."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol import hist
from icecol.errors import MissingColumnError, SchemaError

NUMBERS = st.one_of(
    st.none(),
    st.sampled_from([math.nan, math.inf, -math.inf, -4.0, 0.0, 3.5, 4.0]),
    st.integers(-8192, 8192).map(lambda i: i / 1024),
)
EDGES = np.linspace(-4, 4, 17)  # edges and values exact in binary: none is a rounding away from its bin


@st.composite
def samples(draw):
    n = draw(st.integers(0, 40))
    column = lambda s: draw(st.lists(s, min_size=n, max_size=n))  # noqa: E731
    return pl.DataFrame(
        {"x": column(NUMBERS), "y": column(NUMBERS), "w": column(st.floats(-2, 10))},
        schema=dict.fromkeys("xyw", pl.Float64),
    )


def naive(columns, weights, edges):
    """Bin with underflow and overflow by numpy; then the nan and the missing tallies."""
    nulls = [any(v is None for v in row) for row in zip(*columns, strict=True)]
    columns = [[math.nan if v is None else v for v in c] for c in columns]
    nans = [
        any(map(math.isnan, row)) and not null
        for row, null in zip(zip(*columns, strict=True), nulls, strict=True)
    ]
    inside = ~(np.array(nulls, dtype=bool) | np.array(nans, dtype=bool))
    points = np.array(columns, dtype=float).T[inside]
    w = np.array(weights, dtype=float)
    full = [np.concatenate([[-np.inf], e, [np.inf]]) for e in edges]
    index = [
        np.clip(np.searchsorted(f, points[:, i], side="right") - 1, 0, f.size - 2) for i, f in enumerate(full)
    ]
    bins = [np.zeros([f.size - 1 for f in full]) for _ in range(2)]
    np.add.at(bins[0], tuple(index), w[inside])
    np.add.at(bins[1], tuple(index), w[inside] ** 2)
    tallies = [
        (sum(out), w[out].sum(), (w[out] ** 2).sum()) for out in (np.array(nans, bool), np.array(nulls, bool))
    ]
    return bins, tallies


def check(h, bins, tallies):
    np.testing.assert_allclose(h.values(flow=True), bins[0], atol=1e-9)
    np.testing.assert_allclose(h.variances(flow=True), bins[1], atol=1e-9)
    for tally, expected in zip((h.nan, h.missing), tallies, strict=True):
        assert (tally.n, tally.sumw, tally.sumw2) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(samples())
@pytest.mark.parametrize(
    "axis", [hist.regular("x", 16, -4, 4), hist.variable("x", EDGES)], ids=["regular", "variable"]
)
def test_one_axis_agrees_with_numpy(axis, df):
    h = hist.fill(df.lazy(), axis, weight="w")
    check(h, *naive([df["x"].to_list()], df["w"], [EDGES]))
    inside = df.drop_nulls("x").filter(pl.col("x").is_between(-4, 4, closed="left"))
    np.testing.assert_allclose(
        h.values(), np.histogram(inside["x"], EDGES, weights=inside["w"].to_numpy())[0], atol=1e-9
    )


@settings(max_examples=20, deadline=None)
@given(samples())
def test_two_axes_agree_with_numpy(df):
    h = hist.fill(df.lazy(), hist.regular("x", 16, -4, 4), hist.regular("y", 2, -4, 4), weight="w")
    check(h, *naive([df["x"].to_list(), df["y"].to_list()], df["w"], [EDGES, EDGES[::8]]))


@settings(max_examples=20, deadline=None)
@given(samples())
def test_no_weight_is_a_weight_of_one(df):
    axis = hist.regular("x", 16, -4, 4)
    assert hist.fill(df, axis) == hist.fill(df, axis, weight=pl.lit(1.0))


def test_log_axis_counts_zero_and_below_as_underflow():
    df = pl.DataFrame({"q": [-math.inf, -1.0, 0.0, 0.5, 1.0, 9.0, 10.0, 99.0, 100.0, math.inf]})
    h = hist.fill(df, hist.log("q", 2, 1, 100))
    assert h.values(flow=True).tolist() == [4, 2, 2, 2]
    np.testing.assert_allclose(h.edges, [1, 10, 100])


@pytest.mark.parametrize("dtype", [pl.UInt8, pl.Int16, pl.Int64, pl.UInt64])
def test_integer_axis_has_a_bin_for_each_integer(dtype):
    big = pl.select(dtype.max()).item()
    df = pl.DataFrame({"n": pl.Series([0, 1, 1, 2, 5, big, None], dtype=dtype)})
    h = hist.fill(df, hist.integer("n", 1, 4))
    assert h.values(flow=True).tolist() == [1, 2, 1, 0, 2]
    assert h.missing.n == 1


def test_boolean_fills_an_integer_axis():
    h = hist.fill(pl.DataFrame({"ok": [True, False, True]}), hist.integer("ok", 0, 2))
    assert h.values().tolist() == [1, 2]


def test_categories_grow_in_order_of_appearance_over_batches(monkeypatch):
    monkeypatch.setattr("icecol.hist.filling._BATCH", 2)
    df = pl.DataFrame({"kind": ["b", None, "a", "b", "c"], "w": [1.0, 2.0, 3.0, 4.0, 5.0]})
    h = hist.fill(df, hist.category("kind"), weight="w")
    assert list(h.axes[0]) == ["b", "a", "c"]
    assert h.values().tolist() == [5, 3, 5]
    assert h.missing == hist.Tally(1, 2.0, 4.0)


def test_given_categories_leave_the_others_in_overflow():
    df = pl.DataFrame(
        {"pdg": [14, -14, 13, 14], "name": pl.Series(["a", "b", "c", "a"], dtype=pl.Categorical)}
    )
    pdg = hist.fill(df, hist.category("pdg", [14, -14]))
    assert pdg.values(flow=True).tolist() == [2, 1, 1]
    name = hist.fill(df, hist.category("name", ["c", "a", "z"]))
    assert (list(name.axes[0]), name.values(flow=True).tolist()) == (["c", "a", "z"], [1, 2, 0, 1])


def test_category_and_number_share_a_histogram():
    df = pl.DataFrame({"kind": ["b", "a", "b"], "x": [0.5, 1.5, math.nan]})
    h = hist.fill(df, hist.category("kind"), hist.regular("x", 2, 0, 2))
    assert h.values().tolist() == [[1, 0], [0, 1]]
    assert h.nan.n == 1
    h = hist.fill(df, hist.regular("x", 2, 0, 2), hist.category("kind", ["a", "b"]))
    assert h.values().tolist() == [[0, 1], [1, 0]]


def test_a_batch_of_which_every_row_is_missing_adds_no_category(monkeypatch):
    monkeypatch.setattr("icecol.hist.filling._BATCH", 1)
    df = pl.DataFrame({"kind": ["a", "b"], "x": [0.5, None]})
    h = hist.fill(df, hist.category("kind"), hist.regular("x", 2, 0, 2))
    assert list(h.axes[0]) == ["a"]
    assert h.missing.n == 1


def test_categories_on_no_rows_make_an_empty_histogram():
    df = pl.DataFrame({"kind": [], "x": []}, schema={"kind": pl.String, "x": pl.Float64})
    h = hist.fill(df, hist.category("kind"), hist.regular("x", 2, 0, 2))
    assert h.values(flow=True).shape == (0, 4)


def test_each_element_of_a_list_is_an_entry_and_the_row_repeats():
    df = pl.DataFrame(
        {
            "p.time": [[1.0, 2.0], [], None, [math.nan, 3.5]],
            "p.charge": [[1.0, 2.0], [], None, [4.0, 8.0]],
            "zenith": [0.5, 0.5, 0.5, 1.5],
        }
    )
    time, zenith = hist.regular("p.time", 4, 0, 4), hist.regular("zenith", 2, 0, 2)
    h = hist.fill(df, time, zenith)
    assert h.values().tolist() == [[0, 0], [1, 0], [1, 0], [0, 1]]
    assert (h.nan.n, h.missing.n) == (1, 1)
    by_charge = hist.fill(df, time, weight="p.charge")
    assert by_charge.values().tolist() == [0, 1, 2, 8]
    assert by_charge.nan == hist.Tally(1, 4.0, 16.0)
    by_event = hist.fill(df, time, weight="zenith")
    assert by_event.values().tolist() == [0, 0.5, 0.5, 1.5]
    assert hist.fill(df, zenith).values().tolist() == [3, 1]


def test_a_range_that_is_not_given_holds_every_finite_value():
    rng = np.random.default_rng(0)
    df = pl.DataFrame({"x": [*rng.normal(size=100), math.nan, math.inf, None], "one": [7.0] * 103})
    h = hist.fill(df, hist.regular("x", 10))
    assert h.sum() == 100
    assert h.values(flow=True)[-1] == 1
    assert hist.fill(df, hist.regular("one", 3)).values().tolist() == [0, 103, 0]
    assert hist.fill(df, hist.log(pl.col("x").abs(), 10)).sum() == 100
    assert hist.fill(df, hist.regular("x", 10, start=0)).edges[0] == 0
    nested = pl.DataFrame({"t": [[1.0, 2.0], [], None, [9.0]]})
    assert hist.fill(nested, hist.regular("t", 5)).sum() == 3
    with pytest.raises(ValueError, match="axis 'x' has no finite value"):
        hist.fill(df.clear(), hist.regular("x", 10))
    with pytest.raises(ValueError, match="would go from 50"):
        hist.fill(df, hist.regular("x", 10, start=50))


def test_many_histograms_are_filled_in_one_pass_and_read_only_their_columns():
    seen = 0

    def count(s: pl.Series) -> pl.Series:
        nonlocal seen
        seen += len(s)
        return s

    def never(s: pl.Series) -> pl.Series:
        raise AssertionError

    x = pl.col("x")
    lf = pl.LazyFrame({"x": np.arange(1000.0)}).with_columns(
        y=x.map_batches(count, return_dtype=pl.Float64, is_elementwise=True),
        z=x.map_batches(never, return_dtype=pl.Float64, is_elementwise=True),
    )
    y = hist.regular("y", 10, 0, 1000)
    hists = hist.fill_many(
        lf, {"y": y, "log": hist.log("y", 3, 1, 1000), "xy": (hist.regular("x", 2, 0, 500), y)}
    )
    assert seen == 1000
    assert hists["y"].values().tolist() == [100] * 10
    assert hists["xy"].project("y").values().tolist() == [100] * 10
    assert hists["log"].sum() == 999


def test_data_come_in_bounded_batches(tmp_path):
    n = 1_000_000
    pl.DataFrame({"x": np.arange(n)}).write_parquet(tmp_path / "x.parquet", row_group_size=8192)
    longest, total = 0, 0

    def watch(s: pl.Series) -> pl.Series:
        nonlocal longest, total
        longest, total = max(longest, len(s)), total + len(s)
        return s

    lf = pl.scan_parquet(tmp_path / "x.parquet").select(
        pl.col("x").map_batches(watch, return_dtype=pl.Int64, is_elementwise=True)
    )
    h = hist.fill(lf, hist.regular("x", 10, 0, n))
    assert h.values().tolist() == [n / 10] * 10
    assert longest <= 1 << 17
    assert total == n


def test_batches_change_no_count(monkeypatch):
    rng = np.random.default_rng(2)
    df = pl.DataFrame({"x": rng.normal(size=1000), "w": rng.integers(0, 5, 1000)})
    axis = hist.regular("x", 20, -2, 2)
    whole = hist.fill(df, axis, weight="w")
    monkeypatch.setattr("icecol.hist.filling._BATCH", 7)
    assert hist.fill(df, axis, weight="w") == whole


def test_a_constant_is_filled_once_for_each_row():
    assert hist.fill(pl.DataFrame({"x": [1, 2, 3]}), hist.regular(pl.lit(0.5), 1, 0, 1)).sum() == 3


@pytest.mark.parametrize("bad", [math.nan, math.inf, None])
def test_a_weight_that_is_no_number_is_an_error_that_counts_them(bad):
    df = pl.DataFrame(
        {"x": [1.0, 2.0, 3.0], "w": [1.0, bad, bad], "ws": [[1.0], [bad], [bad]], "xs": [[1.0]] * 3}
    )
    with pytest.raises(
        ValueError,
        match=r"weight 'w' is NaN, infinite or null in 2 of 3 entries \(rows 0 to 2\): .*fill_null\(0\)",
    ):
        hist.fill(df, hist.regular("x", 2, 0, 2), weight="w")
    with pytest.raises(ValueError, match=r"weight 'ws' .* in 2 of 3"):
        hist.fill(df, hist.regular("xs", 2, 0, 2), weight="ws")


@pytest.mark.parametrize(
    ("axis", "match"),
    [
        (hist.regular("name", 2, 0, 1), "axis 'name' is String; a regular axis takes numbers"),
        (hist.integer("x", 0, 2), "axis 'x' is Float64; a integer axis takes integers; use hist.regular"),
        (hist.category("x"), "axis 'x' is Float64; a category axis takes strings, integers or booleans"),
        (hist.category("n", ["a"]), "axis 'n' is Int64; a category axis takes strings"),
        (hist.category("name", [1]), "axis 'name' is String; a category axis takes integers"),
    ],
)
def test_values_that_an_axis_cannot_bin_are_an_error(axis, match):
    df = pl.DataFrame({"name": ["a"], "x": [0.5], "n": [1]})
    with pytest.raises(SchemaError, match=match):
        hist.fill(df, axis)


def test_a_weight_list_needs_list_axes():
    df = pl.DataFrame({"x": [1.0], "w": [[1.0, 2.0]], "name": ["a"]})
    with pytest.raises(SchemaError, match="weight 'w' is a list"):
        hist.fill(df, hist.regular("x", 2, 0, 2), weight="w")
    with pytest.raises(SchemaError, match="weight 'name' is String"):
        hist.fill(df, hist.regular("x", 2, 0, 2), weight="name")


def test_a_missing_column_is_named_with_its_like():
    with pytest.raises(MissingColumnError, match=r"axis 'zenit': no column 'zenit'.*'zenith'"):
        hist.fill(pl.DataFrame({"zenith": [1.0]}), hist.regular("zenit", 2, 0, 1))


def test_a_histogram_needs_an_axis():
    with pytest.raises(ValueError, match="histogram 'h' has no axis"):
        hist.fill_many(pl.LazyFrame({"x": [1]}), {"h": ()})


@pytest.mark.parametrize("axis", ["x", ["x"], 3])
def test_an_axis_is_made_by_its_function(axis):
    with pytest.raises(TypeError, match=r"expected an axis, such as hist\.regular"):
        hist.fill(pl.LazyFrame({"x": [1.0]}), axis)


def test_what_is_no_axis_no_mapping_or_no_weight_is_told_at_once():
    df = pl.DataFrame({"x": [1.0]})
    axis = hist.regular("x", 1, 0, 2)
    for call in (hist.fill, hist.describe, lambda df, a: hist.fill_many(df, {"a": a})):
        with pytest.raises(TypeError, match=r"expected an axis, such as hist\.regular.*found 'x'"):
            call(df, "x")
    with pytest.raises(TypeError, match=r"name each histogram, as in \{'energy'"):
        hist.fill_many(df, [axis])
    with pytest.raises(TypeError, match="`weight` is a column or an expression"):
        hist.fill(df, axis, weight=[2.0])
    assert hist.fill(df, axis, weight=2.0) == hist.fill(df, axis, weight=pl.lit(2.0))
