from __future__ import annotations

import polars as pl
import pytest

from icecol import hist
from icecol.errors import MissingColumnError

X = hist.regular("x", 3, 0, 3, label="x / m")
A, B, C = (
    hist.fill(pl.DataFrame({"x": v}, schema={"x": pl.Float64}), X)
    for v in ([0.5, 1.5, None], [1.5, 9.0], [2.5])
)
AB = hist.Bundle(a=A, b=B)


def test_bundles_add_by_name_and_keep_what_is_in_one_only():
    total = AB + hist.Bundle(b=B, c=C)
    assert list(total) == ["a", "b", "c"]
    assert (total["a"], total["b"], total["c"]) == (A, B + B, C)
    assert sum([AB, AB, AB]) == AB + AB + AB
    assert sum([AB, AB])["b"].variances().tolist() == [0, 2, 0]
    assert (AB - AB)["a"].values().tolist() == [0, 0, 0]
    assert (AB - AB)["a"].variances().tolist() == [2, 2, 0]
    assert 2 * AB == AB * 2 != AB
    with pytest.raises(ValueError, match="different names cannot be subtracted"):
        AB - hist.Bundle(a=A)


def test_members_scale_together_or_each_by_its_own():
    scaled = AB * {"a": 2, "b": 0.5}
    assert scaled == hist.Bundle(a=A * 2, b=B * 0.5)
    assert AB / 2 == AB * 0.5
    ratios = AB / (A + B)
    assert ratios["a"].values().tolist()[:2] == [1, 0.5]


def test_a_bundle_merges_into_one_histogram():
    assert AB.merge() == A + B
    assert hist.Bundle(one=AB, two=AB).merge() == AB + AB
    with pytest.raises(ValueError, match="empty bundle"):
        hist.Bundle().merge()


def test_stack_and_unstack_are_inverse():
    joined = AB.stack("sample")
    assert (joined.names, joined.labels) == (("sample", "x"), ("sample", "x / m"))
    assert joined.values(flow=True).tolist() == [[0, 1, 1, 0, 0], [0, 0, 1, 0, 1]]
    assert joined.missing == A.missing
    parts = hist.unstack(joined, "sample")
    assert list(parts) == ["a", "b"]
    assert all(parts[n].bh == AB[n].bh for n in "ab")
    assert list(hist.unstack(joined, "x")) == ["0 to 1", "1 to 2", "2 to 3"]
    assert hist.unstack(joined, 1)["1 to 2"].values().tolist() == [1, 1]
    with pytest.raises(ValueError, match="different axes cannot be stacked"):
        hist.Bundle(a=A, b=A[1:]).stack()
    with pytest.raises(ValueError, match="only histograms can be stacked"):
        hist.Bundle(a=AB).stack()
    with pytest.raises(ValueError, match="axis 'x' is the only one"):
        hist.unstack(A)


def test_what_is_blind_is_said_by_the_stack_too():
    blind = hist.fill(pl.DataFrame({"x": [0.5]}), X)
    blind.bh.metadata = "burn sample, 10 %"
    joined = hist.Bundle(a=blind, b=A, c=blind).stack()
    assert joined.note == hist.unstack(joined)["a"].note == "burn sample, 10 %"
    assert AB.stack().note == ""
    big = hist.fill(pl.DataFrame({"n": [2**40]}), hist.category("n"))
    small = hist.fill(pl.DataFrame({"n": [1]}), hist.category("n"))
    small.bh.metadata = "burn sample, 10 %"
    assert (small + big).note == "burn sample, 10 %"


def test_transposed_levels():
    by_sample = hist.Bundle(data={"x": A, "y": B}, mc={"x": C})
    by_variable = by_sample.transpose()
    assert {v: list(samples) for v, samples in by_variable.items()} == {"x": ["data", "mc"], "y": ["data"]}
    assert by_variable["x"]["mc"] is C
    assert by_variable.transpose() == by_sample
    with pytest.raises(ValueError, match="only a bundle of bundles"):
        AB.transpose()


def test_map_and_select():
    assert AB.map(lambda h: h.sum()) == {"a": 2.0, "b": 1.0}
    halves = hist.Bundle(one=AB).map(lambda h: h[1:])
    assert isinstance(halves, hist.Bundle)
    assert halves["one"]["a"].values().tolist() == [1, 0]
    assert list(AB.select("b")) == ["b"]
    with pytest.raises(MissingColumnError, match="no histogram 'c'"):
        AB.select("c")
    assert "c" not in AB


def test_members_are_histograms():
    with pytest.raises(TypeError, match="'a' is 3, neither a histogram nor a bundle"):
        hist.Bundle(a=3)
    assert repr(AB).startswith("Bundle(\n    a: Hist(x: 3 bins")
    assert repr(hist.Bundle()) == "Bundle()"
    assert "<svg" in AB._repr_html_()
    assert "&lt;b&gt;" in hist.Bundle({"<b>": A})._repr_html_()


def test_many_histograms_come_as_a_bundle():
    found = hist.fill_many(
        pl.DataFrame({"x": [0.5]}), {"x": X, "twice": hist.regular(pl.col("x") * 2, 2, 0, 2)}
    )
    assert isinstance(found, hist.Bundle)
    assert (found + found).map(lambda h: h.sum()) == {"x": 2, "twice": 2}
