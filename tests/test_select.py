from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icecol import Cuts, cutflow, n_minus_one
from icecol.errors import IcecolError, MissingColumnError, SchemaError
from icecol.select import filter_passed

CUTS = Cuts(bright=pl.col("q") > 10, upgoing=pl.col("zenith") > 1.5, contained=pl.col("in"))


@st.composite
def events(draw):
    n = draw(st.integers(0, 30))
    maybe = lambda s: st.lists(s, min_size=n, max_size=n)  # noqa: E731
    return pl.DataFrame(
        {
            "q": draw(maybe(st.sampled_from([None, 1.0, 10.0, 20.0, math.nan]))),
            "zenith": draw(maybe(st.sampled_from([None, 0.5, 2.0]))),
            "in": draw(maybe(st.sampled_from([None, True, False]))),
            "w": draw(maybe(st.floats(-1, 10, width=32))),
        },
        schema={"q": pl.Float64, "zenith": pl.Float64, "in": pl.Boolean, "w": pl.Float64},
    )


def naive_cutflow(df: pl.DataFrame) -> list[tuple[str, int, float, float, int]]:
    rows = df.rows(named=True)

    def passes(row, name):
        if name == "bright":
            return row["q"] is not None and row["q"] > 10
        if name == "upgoing":
            return row["zenith"] is not None and row["zenith"] > 1.5
        return row["in"] is True

    table = [("all", len(rows), sum(r["w"] for r in rows), sum(r["w"] ** 2 for r in rows), len(rows))]
    left = rows
    for name in CUTS:
        left = [r for r in left if passes(r, name)]
        alone = sum(passes(r, name) for r in rows)
        table.append((name, len(left), sum(r["w"] for r in left), sum(r["w"] ** 2 for r in left), alone))
    return table


@settings(max_examples=20, deadline=None)
@given(events())
def test_cutflow_is_what_filtering_cut_by_cut_gives(df):
    table = cutflow(df.lazy(), CUTS, "w")
    for row, (cut, n, sumw, sumw2, alone) in zip(table.rows(named=True), naive_cutflow(df), strict=True):
        assert (row["cut"], row["n"], row["n_alone"]) == (cut, n, alone)
        assert row["sumw"] == pytest.approx(sumw, abs=1e-9)
        assert row["sumw_error"] == pytest.approx(math.sqrt(sumw2), abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(events())
def test_n_minus_one_is_what_filtering_without_a_cut_gives(df):
    table = n_minus_one(df.lazy(), CUTS, "w")
    assert table["without"].to_list() == [None, *CUTS]
    for row in table.rows(named=True):
        kept = (CUTS.without(row["without"]) if row["without"] else CUTS).apply(df.lazy()).collect()
        assert row["n"] == kept.height
        assert row["sumw"] == pytest.approx(kept["w"].sum(), abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(events())
def test_mask_and_apply_choose_the_same_events(df):
    mask = df.select(CUTS.mask()).to_series()
    assert mask.null_count() == 0
    assert df.filter(mask).equals(CUTS.apply(df.lazy()).collect())


def test_the_data_are_read_once_whatever_the_number_of_cuts():
    seen = 0

    def count(s: pl.Series) -> pl.Series:
        nonlocal seen
        seen += len(s)
        return s

    lf = pl.LazyFrame({"x": np.arange(1000.0)}).with_columns(
        y=pl.col("x").map_batches(count, return_dtype=pl.Float64, is_elementwise=True)
    )
    cuts = Cuts({f"above {i}": pl.col("y") >= i for i in range(20)})
    assert cutflow(lf, cuts, "y")["n"].to_list() == [1000, *(1000 - i for i in range(20))]
    assert seen == 1000


def test_sixty_four_cuts_fit_and_one_more_is_an_error():
    df = pl.DataFrame({"x": [0, 63, 64]})
    cuts = Cuts({f"c{i}": pl.col("x") >= i for i in range(64)})
    assert cutflow(df, cuts)["n"][-1] == 2
    with pytest.raises(ValueError, match="65 cuts"):
        cutflow(df, cuts & Cuts(more=pl.col("x") > 0))


def test_no_cuts_count_all_events():
    df = pl.DataFrame({"x": [1, 2, 3]})
    assert cutflow(df, Cuts())["n"].to_list() == [3]
    assert n_minus_one(df, Cuts(), "x")["sumw"].to_list() == [6.0]
    assert Cuts().apply(df.lazy()).collect().height == 3
    assert cutflow(df.clear(), Cuts(a=pl.col("x") > 1))["n"].to_list() == [0, 0]


def test_what_is_missing_passes_no_cut_and_is_counted():
    df = pl.DataFrame({"zenith": [math.nan, 1.0, 2.0, None]})
    for up in (pl.col("zenith") > 1.5, ~(pl.col("zenith") <= 1.5)):
        assert cutflow(df, Cuts(up=up)).select("n", "n_alone", "n_nan").rows() == [(4, 4, 0), (1, 1, 2)]
        assert Cuts(up=up).apply(df).collect()["zenith"].to_list() == [2.0]
        assert n_minus_one(df, Cuts(up=up))["n"].to_list() == [1, 4]
    up = pl.any_horizontal(pl.selectors.float() > 1.5)
    assert cutflow(df, Cuts(up=up)).select("n", "n_alone", "n_nan").rows() == [(4, 4, 0), (1, 1, 2)]


def test_a_cut_that_asks_for_nan_sees_it():
    df = pl.DataFrame({"zenith": [math.nan, 1.0, 2.0, None]})
    zenith = pl.col("zenith")
    assert cutflow(df, Cuts(failed=zenith.is_nan()))["n"].to_list() == [4, 1]
    assert cutflow(df, Cuts(up=zenith.fill_nan(2.0) > 1.5))["n"].to_list() == [4, 2]
    assert cutflow(df, Cuts(up=(zenith > 1.5) | zenith.is_nan()))["n"].to_list() == [4, 2]


def test_efficiency_error_is_half_the_wilson_interval():
    df = pl.DataFrame({"x": [True] * 3 + [False] * 7})
    row = cutflow(df, Cuts(x=pl.col("x"))).row(1, named=True)
    # bounds p: (phat - p)^2 = p (1 - p) / n
    low, high = (np.sort(np.roots([1 + 1 / 10, -(2 * 0.3 + 1 / 10), 0.3**2])))[[0, 1]]
    assert row["eff"] == 0.3
    assert row["eff_error"] == pytest.approx((high - low) / 2)
    assert row["eff_all_error"] == row["eff_error"]


def test_equal_weights_leave_efficiencies_and_their_errors_as_they_are():
    df = pl.DataFrame({"x": [True] * 3 + [False] * 7, "w": [0.25] * 10})
    names = ["eff", "eff_error", "eff_all", "eff_all_error"]
    plain, weighted = (cutflow(df, Cuts(x=pl.col("x")), w).select(names) for w in (None, "w"))
    assert plain.rows() == weighted.rows()


@pytest.mark.parametrize("bad", [math.nan, math.inf, None])
def test_a_weight_that_is_no_number_is_an_error_that_counts_them(bad):
    df = pl.DataFrame({"x": [True, False, True], "w": [1.0, bad, bad]})
    with pytest.raises(
        ValueError, match=r"weight 'w' is NaN, infinite or null in 2 of 3 events: .*fill_null\(0\)"
    ):
        cutflow(df, Cuts(x=pl.col("x")), "w")


def test_a_missing_column_is_named_with_its_like():
    with pytest.raises(MissingColumnError, match=r"cut 'a': no column 'zenit'.*'zenith'"):
        cutflow(pl.DataFrame({"zenith": [1.0]}), Cuts(a=pl.col("zenit") > 1))
    with pytest.raises(MissingColumnError, match=r"cut 'a': no column 'zenit'.*'zenith'"):
        Cuts(a=pl.col("zenit") > 1).apply(pl.DataFrame({"zenith": [1.0]}))
    with pytest.raises(MissingColumnError, match="weight: no column 'w'"):
        cutflow(pl.DataFrame({"zenith": [1.0]}), Cuts(), "w")


@pytest.mark.parametrize("use", [cutflow, n_minus_one, lambda df, cuts: cuts.apply(df)])
def test_a_cut_that_is_not_boolean_is_an_error(use):
    with pytest.raises(SchemaError, match="cut 'a' is Float64, not Boolean"):
        use(pl.DataFrame({"zenith": [1.0]}), Cuts(a=pl.col("zenith")))


class TestCuts:
    def test_join_choose_and_compare(self):
        a, b = Cuts(x=pl.col("x") > 1), Cuts({"a name": pl.col("y") > 1}, z=pl.col("z"))
        both = a & b
        assert list(both) == ["x", "a name", "z"]
        assert both.without("x") == b
        assert both.only("x") == a
        assert both.only("z", "x") != both.only("x", "z")
        assert both & a == both
        assert a != Cuts(x=pl.col("x") > 2)

    def test_one_name_with_two_meanings_is_an_error(self):
        with pytest.raises(ValueError, match="cut 'x'"):
            Cuts(x=pl.col("x") > 1) & Cuts(x=pl.col("x") > 2)
        with pytest.raises(ValueError, match="given twice"):
            Cuts({"x": pl.col("x")}, x=pl.col("x"))

    def test_an_unknown_name_is_an_icecol_key_error(self):
        for use in (lambda: CUTS["brigt"], lambda: CUTS.without("brigt"), lambda: CUTS.only("brigt")):
            with pytest.raises(KeyError, match="no cut 'brigt'; did you mean 'bright'") as error:
                use()
            assert isinstance(error.value, IcecolError)
        assert CUTS.get("bright") is not None
        assert "brigt" not in CUTS

    def test_a_cut_must_be_an_expression(self):
        with pytest.raises(TypeError, match="cut 'x' is True"):
            Cuts(x=True)

    def test_repr_shows_names_and_expressions(self):
        assert "bright: " in repr(CUTS)
        assert 'col("zenith")' in repr(CUTS)


def test_a_filter_passes_with_condition_and_prescale_and_never_when_absent():
    column = "FilterMask.{}.{}_passed".format
    df = pl.DataFrame(
        {
            column("MuonFilter_13", "condition"): [True, True, False, None],
            column("MuonFilter_13", "prescale"): [True, False, True, None],
            column("CascadeFilter_13", "condition"): [False, True, False, True],
            column("CascadeFilter_13", "prescale"): [True, True, False, True],
        }
    )
    assert df.select(filter_passed("MuonFilter_13")).to_series().to_list() == [True, False, False, False]
    either = filter_passed(["MuonFilter_13", "CascadeFilter_13"])
    assert df.select(either).to_series().to_list() == [True, True, False, True]
    with pytest.raises(ValueError, match="at least one"):
        filter_passed([])


def test_a_printed_table_shows_all_of_its_columns():
    df = pl.DataFrame({"x": [True, False], "w": [1.0, 2.0]})
    table = cutflow(df, Cuts({f"cut {i}": pl.col("x") for i in range(20)}), "w")
    for text in (str(table), repr(table)):
        assert all(name in text for name in (*table.columns, *table["cut"]))
        assert "…" not in text
    assert all(f">{name}<" in table._repr_html_() for name in table.columns)


def test_errors_of_no_cut_at_all_are_zero_and_efficiencies_of_no_events_null():
    # the efficiency of all events is 1 by definition, not by counting
    df = pl.DataFrame({"x": [True, False]})
    first = cutflow(df, Cuts(x=pl.col("x"))).row(0, named=True)
    assert (first["eff"], first["eff_error"], first["eff_all_error"]) == (1.0, 0.0, 0.0)
    for nothing in cutflow(df[:0], Cuts(x=pl.col("x"))).rows(named=True):
        assert [nothing[c] for c in ("eff", "eff_error", "eff_all", "eff_all_error")] == [None] * 4
    none_pass = Cuts(never=pl.lit(value=False), x=pl.col("x"))
    assert cutflow(df, none_pass)["eff"].to_list() == [1.0, 0.0, None]
    assert n_minus_one(df, none_pass)["eff"].to_list() == [None, 0.0, None]
