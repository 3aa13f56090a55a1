"""`bundles` and `stacking` draw what they are given; histograms reach them by `plot`."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from icecol import hist, plot
from icecol.errors import MissingColumnError

pytest.importorskip("matplotlib")

X = hist.regular("x", 3, 0, 3, label="x / m")
A, B, DATA = (hist.fill(pl.DataFrame({"x": v}), X) for v in ([0.5, 1.5], [0.5, 0.6, 1.5], [0.5, 0.6, 2.5]))
BUNDLE = hist.Bundle(a=A, b=B, data=DATA)


def names(ax):
    return [t.get_text() for t in ax.get_legend().get_texts()]


@pytest.mark.parametrize("log", [False, True])
def test_a_stack_has_the_sums_and_the_data_as_points(log):
    ax = BUNDLE.plot(stacked=True, data="data", log=log, colors={"a": "red"})
    ax.figure.canvas.draw()
    areas = {p.get_label(): p for p in ax.patches}
    np.testing.assert_array_equal(areas["a"].get_data().values, A.values())
    np.testing.assert_array_equal(areas["b"].get_data().values, (A + B).values())
    np.testing.assert_array_equal(areas["b"].get_data().baseline, A.values())
    assert len(ax.containers) == 1
    assert names(ax) == ["b", "a", "data"]
    assert (ax.get_xlabel(), ax.get_yscale()) == ("x / m", "log" if log else "linear")
    assert areas["a"].get_facecolor()[:3] == (1, 0, 0)


def test_side_by_side_each_has_its_line():
    ax = plot.bundle(hist.Bundle(a=A, b=B))
    assert names(ax) == ["a", "b"]
    assert len(ax.patches) == 2
    dense = BUNDLE.plot(density=True, data="data")
    assert [p.get_data().values.sum() for p in dense.patches] == pytest.approx([1, 1])
    assert (names(dense), len(dense.containers)) == (["a", "b", "data"], 3)


def test_bundles_that_cannot_be_drawn_are_errors():
    with pytest.raises(MissingColumnError, match="no histogram 'dat': did you mean 'data'"):
        plot.bundle(BUNDLE, data="dat")
    with pytest.raises(ValueError, match="a stack cannot be drawn as densities"):
        plot.bundle(BUNDLE, stacked=True, density=True)
    with pytest.raises(ValueError, match="no histogram to draw"):
        plot.bundle(hist.Bundle())
    with pytest.raises(ValueError, match=r"'a' is Bundle[\s\S]*, not a histogram of one axis"):
        plot.bundle(hist.Bundle(a=BUNDLE))
    with pytest.raises(MissingColumnError, match="no histogram 'c'"):
        plot.bundle(BUNDLE, colors={"c": "red"})


def test_a_slice_plots_itself():
    h = hist.fill(
        pl.DataFrame({"x": [0.5], "n": [1], "m": [1]}), hist.integer("n", 0, 2), hist.integer("m", 0, 2), X
    )
    ax = h[1, 1, :].plot(density=True)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x / m", "probability density per m")
    assert h[1, :, :].plot().get_ylabel() == "x / m"
    with pytest.raises(ValueError, match="hist2d plots two axes, but this histogram has 3"):
        h.plot()


def test_a_panel_compares_data_with_all_simulation():
    both = A + B
    ax = plot.stack({"a": A, "b": B}, DATA, panel="ratio")
    ax.figure.canvas.draw()
    (below,) = ax.child_axes
    ratio = below.containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(ratio, [[0.5, 2 / 3], [1.5, 0]])
    assert (below.get_xlabel(), ax.get_xlabel(), below.get_ylabel()) == ("x / m", "", "data / simulation")
    assert below.get_window_extent().y1 < ax.get_window_extent().y0
    band = below.patches[0].get_data()
    assert band.values[0] - 1 == pytest.approx(both.errors()[0] / both.values()[0])
    ax = plot.stack({"a": A, "b": B}, DATA, panel="pull")
    pulls = ax.child_axes[0].containers[0].lines[0].get_ydata()
    np.testing.assert_allclose(pulls, [-1 / 5**0.5, -2 / 2**0.5, 1])
    with pytest.raises(ValueError, match="a panel of the pull needs data and simulation"):
        plot.stack({"a": A}, panel="pull")
