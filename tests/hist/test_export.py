from __future__ import annotations

import sys

import numpy as np
import polars as pl
import pytest

from icecol import hist
from icecol.errors import MissingDependencyError

DF = pl.DataFrame({"x": [0.5, 1.5, 1.6, 9.0], "k": ["<b>", "b", "b", "b"]})
X = hist.regular("x", 2, 0, 2, label="x / m")
H = hist.fill(DF, X, hist.category("k", label="k <&>"))


def test_bins_are_rows_of_a_table():
    table = (H * 2).to_frame()
    assert table.rows() == [
        (0, 1, "<b>", 2, 4),
        (0, 1, "b", 0, 0),
        (1, 2, "<b>", 0, 0),
        (1, 2, "b", 4, 8),
    ]
    assert table.columns == ["x low", "x high", "k", "value", "variance"]
    assert hist.fill(DF, hist.integer(pl.col("x").cast(pl.Int32), 0, 2)).to_frame()["value"].to_list() == [
        1,
        2,
    ]


def test_the_package_hist_gets_a_copy():
    other = H.to_hist()
    assert type(other).__module__.startswith("hist")
    np.testing.assert_array_equal(other.values(flow=True), H.values(flow=True))
    assert other.axes.name == ("x", "k")
    other.view()["value"][0, 0] = 7
    assert H.values()[0, 0] == 1
    np.testing.assert_array_equal(other[{"x": 1}].values(), H[1, :].values())


def test_html_is_drawn_and_escaped():
    one, two = H.project(0)._repr_html_(), H._repr_html_()
    assert "x / m: 0 to 2" in one
    assert one.count("<path") == 1
    assert two.count("<rect") == 2
    assert "k &lt;&amp;&gt;: 2 categories" in two
    assert "<b>" not in two
    assert (
        "<svg" not in hist.fill(DF, X, hist.category("k"), hist.regular("x", 2, 0, 2, name="y"))._repr_html_()
    )
    for h in (H * 0, H.project(0) * -1, hist.fill(DF.clear(), hist.category("k"))):
        assert "nan" not in h._repr_html_().split("</svg>")[0].split("Hist(")[0]


def test_one_axis_is_printed(capsys):
    H.project("x").show()
    assert "█" in capsys.readouterr().out
    with pytest.raises(ValueError, match="only one axis can be printed"):
        H.show()


@pytest.mark.parametrize(("library", "call"), [("hist", H.to_hist), ("histoprint", H.project("x").show)])
def test_without_the_library_the_error_tells_what_to_install(monkeypatch, library, call):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        MissingDependencyError,
        match=rf"needs {library}: pip install {library}, .*extra \[hist\]",
    ):
        call()
