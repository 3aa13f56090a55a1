from __future__ import annotations

import itertools
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import icecol as ic
from icecol.batch.adding import Parts, Tree, add, require

EVENTS = pl.DataFrame(
    {
        "q": [1.0, 20.0, 30.0, 40.0, None, 50.0],
        "z": [2.0, 0.5, 2.5, math.nan, 1.0, 3.0],
        "w": [1.0, 2, 3, 0.5, 1, 0.1],
    }
)
CUTS = ic.Cuts(bright=pl.col("q") > 10, up=pl.col("z") > 1.5)


def test_dictionaries_lists_and_tuples_are_added_item_by_item():
    a = {"n": 2, "fits": [(1.0, np.array([1.0, 2.0]))], "only": 1}
    b = {"n": 3, "fits": [(0.5, np.array([3.0, 4.0]))], "other": 2}
    both = add(a, b)
    assert (both["n"], both["only"], both["other"], both["fits"][0][0]) == (5, 1, 2, 1.5)
    assert both["fits"][0][1].tolist() == [4.0, 6.0]


def test_nothing_is_the_neutral_element():
    assert add(None, {"n": 1}) == add({"n": 1}, None) == {"n": 1}
    assert add(None, None) is None


def test_histograms_bundles_and_tables_add():
    x = ic.hist.regular("q", 4, 0, 60)
    parts = [ic.hist.fill(EVENTS[s], x) for s in (slice(0, 2), slice(2, 6))]
    assert add(*parts) == ic.hist.fill(EVENTS, x)
    bundles = [ic.hist.Bundle(q=h) for h in parts]
    assert add(*bundles)["q"] == ic.hist.fill(EVENTS, x)
    assert add(EVENTS[:2], EVENTS[2:]).equals(EVENTS)
    assert add(Parts(("a",)), Parts(("b", "c"))).paths == ("a", "b", "c")


@pytest.mark.parametrize("table", [ic.cutflow, ic.n_minus_one])
@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("at", range(7))
def test_tables_of_counts_add_to_that_of_all_events(table, weight, at):
    whole = table(EVENTS, CUTS, weight)
    both = add(table(EVENTS[:at], CUTS, weight), table(EVENTS[at:], CUTS, weight))
    assert both.columns == whole.columns
    assert type(both) is type(whole)
    for name in whole.columns:
        if whole[name].dtype.is_float():
            np.testing.assert_allclose(both[name].to_numpy(), whole[name].to_numpy(), rtol=1e-12)
        else:
            assert both[name].to_list() == whole[name].to_list()


@pytest.mark.parametrize("value", ["text", True, object(), np.array(["a"]), {"a": {"b": "text"}}, [1, "x"]])
def test_what_does_not_add_is_refused_and_named(value):
    with pytest.raises(TypeError, match="does not add"):
        require(value)


def test_errors_name_the_result():
    with pytest.raises(TypeError, match=r"'a\.b' is 'text' \(str\)"):
        require({"a": {"b": "text"}})
    with pytest.raises(TypeError, match=r"result 'a\.0' does not add .*int and Hist"):
        add({"a": [1]}, {"a": [ic.hist.fill(EVENTS, ic.hist.regular("q", 2, 0, 1))]})
    with pytest.raises(ValueError, match=r"arrays of shapes \(1,\) and \(2,\)"):
        add({"a": np.zeros(1)}, {"a": np.zeros(2)})
    with pytest.raises(ValueError, match="1 items in one part and 2"):
        add([1], [1, 2])
    with pytest.raises(ValueError, match="different cuts"):
        add(ic.cutflow(EVENTS, CUTS), ic.cutflow(EVENTS, CUTS.without("up")))
    with pytest.raises(ValueError, match="'t' does not add"):
        add({"t": pl.DataFrame({"a": [1]})}, {"t": pl.DataFrame({"b": [1]})})
    with pytest.raises(ValueError, match="different axes"):
        add(*(ic.hist.fill(EVENTS, ic.hist.regular("q", n, 0, 60)) for n in (2, 3)))


@given(st.integers(1, 9), st.randoms())
def test_the_sum_does_not_depend_on_the_order_in_which_chunks_are_finished(n, random):
    values = [0.1 * 3**i * (-1) ** i for i in range(n)]
    order = list(range(n))
    random.shuffle(order)
    trees = [Tree(n), Tree(n)]
    for tree, chosen in zip(trees, (range(n), order), strict=True):
        for i in chosen:
            tree.put(i, {"sum": values[i], "order": pl.DataFrame({"i": [i]})})
    assert trees[0].total["sum"] == trees[1].total["sum"] == pytest.approx(sum(values))
    assert trees[0].total["order"]["i"].to_list() == trees[1].total["order"]["i"].to_list() == list(range(n))


def test_a_tree_keeps_no_more_than_it_has_to():
    tree = Tree(64)
    for i in range(63):
        tree.put(i, 1)
        assert len(tree._waiting) == (i + 1).bit_count()
    assert tree.total is None
    tree.put(63, 1)
    assert (tree.total, tree.done, len(tree._waiting)) == (64, 64, 0)


def test_chunks_that_are_left_out_count_as_nothing():
    for missing in itertools.combinations(range(5), 2):
        tree = Tree(5)
        for i in range(5):
            tree.put(i, None if i in missing else 10**i)
        assert tree.total == 11111 - sum(10**i for i in missing)
