from __future__ import annotations

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from icecol import hist, plot
from icecol.errors import MissingDependencyError

pytest.importorskip("matplotlib")
from matplotlib.markers import CARETLEFT, CARETRIGHT

RNG = np.random.default_rng(0)
DF = pl.DataFrame(
    {
        "q": [*RNG.lognormal(4, 1, 500), 1e9, np.nan],
        "z": [*RNG.uniform(0, 3, 501), None],
        "k": ["a", "b"] * 251,
        "w": RNG.uniform(0, 1, 502),
    }
)
Q = hist.log("q", 20, 1, 1e4, label="charge / PE")
Z = hist.regular("z", 10, 0, 3, label="zenith / rad")
HQ, HZ = hist.fill(DF, Q), hist.fill(DF, Z, weight="w")


def draw(ax):
    ax.figure.canvas.draw()
    return ax


@pytest.mark.parametrize("log", [False, True], ids=["linear", "log"])
@pytest.mark.parametrize("style", ["steps", "errorbar", "band"])
@pytest.mark.parametrize(
    "h", [HQ, HZ, HQ * 0, hist.fill(DF, hist.category("k"))], ids=["q", "z", "empty", "words"]
)
def test_every_style_draws_without_a_warning(h, style, log):
    ax = draw(plot.hist1d(h, style=style, log=log, label="simulation"))
    assert ax.get_yscale() == ("log" if log else "linear")
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["simulation"]


def test_steps_are_the_values_on_the_edges_with_bars_of_one_error():
    ax = plot.hist1d(HZ)
    stairs = ax.patches[0].get_data()
    np.testing.assert_array_equal(stairs.values, HZ.values())
    np.testing.assert_array_equal(stairs.edges, HZ.edges)
    bars = np.array([s[:, 1] for s in ax.collections[0].get_segments()])
    np.testing.assert_allclose(bars[:, 1] - bars[:, 0], 2 * HZ.errors())


def test_points_carry_bars_as_wide_as_the_bins():
    ax = plot.hist1d(HZ, style="errorbar")
    spans = np.array([s[:, 0] for s in ax.collections[0].get_segments()])
    np.testing.assert_allclose(spans, np.c_[HZ.edges[:-1], HZ.edges[1:]])


def test_labels_and_scale_come_from_the_histogram():
    ax = plot.hist1d(HQ)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale()) == ("charge / PE", "entries per bin", "log")
    assert ax.get_xlim() == pytest.approx((1, 1e4))
    ax = plot.hist1d(HZ)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale()) == (
        "zenith / rad",
        "sum of weights / 0.3 rad",
        "linear",
    )
    assert plot.hist1d(HZ, density=True).get_ylabel() == "probability density per rad"


def test_density_integrates_to_one():
    data = plot.hist1d(HQ, density=True).patches[0].get_data()
    assert (data.values * np.diff(data.edges)).sum() == pytest.approx(1)


def test_what_no_bin_shows_is_written_on_the_plot():
    assert [t.get_text() for t in plot.hist1d(HQ).texts] == ["overflow 1, NaN 1"]
    assert not plot.hist1d(HQ, note=False).texts
    ax = plot.hist1d(hist.fill(DF, Z))
    assert [t.get_text() for t in ax.texts] == ["missing 1"]
    assert [t.get_text() for t in plot.hist2d(hist.fill(DF, Z, Q)).texts] == ["out of range 1, missing 1"]


def test_a_second_histogram_gets_its_own_colour_and_room():
    ax = plot.hist1d(HZ, label="a")
    plot.hist1d(HZ * 10, ax, label="b", style="steps")
    draw(ax)
    assert ax.patches[0].get_edgecolor() != ax.patches[1].get_edgecolor()
    assert ax.get_ylim()[1] > (HZ * 10).values().max()
    assert ax.get_ylim()[0] == 0
    ax = plot.hist1d(HZ, log=True)
    plot.hist1d(HZ * 1e-3, ax, log=True)
    assert ax.get_ylim()[0] < 1e-3 * HZ.values().min()


@pytest.mark.parametrize("style", ["steps", "errorbar", "band"])
def test_open_bins_are_as_wide_as_their_neighbors_and_end_in_an_arrow(style):
    h = hist.fill(DF, hist.variable("q", [-np.inf, 10, 20, 40, np.inf]))
    ax = draw(plot.hist1d(h, style=style))
    assert ax.get_xlim() == (0, 60)
    arrows = {
        line.get_marker(): line.get_xydata()[0].tolist() for line in ax.lines if len(line.get_xdata()) == 1
    }
    assert arrows == {CARETLEFT: [0, h.values()[0]], CARETRIGHT: [60, h.values()[-1]]}
    if style == "steps":
        np.testing.assert_array_equal(ax.patches[0].get_data().values, h.values())
        (dense,) = plot.hist1d(h, density=True).patches
        assert np.isnan(dense.get_data().values).tolist() == [True, False, False, True]


def test_steps_on_a_log_axis_go_down_where_a_bin_is_empty():
    h = hist.fill(pl.DataFrame({"x": [0.5, 2.5]}), hist.regular("x", 3, 0, 3))
    ax = draw(plot.hist1d(h, log=True))
    assert ax.patches[0].get_data().values.tolist() == [1, 0, 1]
    assert 0 < ax.get_ylim()[0] < 1
    assert len(draw(plot.hist1d(h, style="errorbar", log=True)).lines[0].get_xydata()) == 3


@pytest.mark.parametrize(
    ("axis", "label"),
    [
        (hist.regular("q", 4, 0, 20, label="charge / PE"), "events / 5 PE"),
        (hist.regular("z", 4, 0, 2, label="cos(zenith)"), "events / 0.5"),
        (hist.regular("q", 4, 0, 2, label="log10(charge / PE)"), "events / 0.5"),
        (hist.variable("q", [0, 1, 3], label="charge / PE"), "events per bin"),
        (hist.integer("n", 0, 3), "events per bin"),
    ],
)
def test_the_y_label_has_the_width_and_the_unit_of_equal_bins(axis, label):
    h = hist.fill(pl.DataFrame({"q": [1.0], "z": [1.0], "n": [1]}), axis)
    assert plot.hist1d(h, quantity="events").get_ylabel() == label


def test_series_differ_in_grey():
    ax = None
    for style in ("steps", "steps", "errorbar", "errorbar"):
        ax = plot.hist1d(HZ, ax, style=style, label=style)
    assert len({patch.get_linestyle() for patch in ax.patches}) == 2
    assert [line.get_marker() for line in ax.lines] == ["o", "s"]


def test_categories_are_named_on_the_axis():
    h = hist.fill(DF, hist.category("k"), Z)
    ax = draw(plot.hist2d(h))
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b"]


@pytest.mark.parametrize("log", [False, True], ids=["linear", "log"])
def test_a_map_shows_the_first_axis_along_x_and_leaves_empty_bins_white(log):
    h = hist.fill(DF, Q, Z)
    ax = draw(plot.hist2d(h, log=log))
    mesh = ax.collections[0].get_array()
    np.testing.assert_array_equal(mesh.filled(0), h.values().T)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale()) == ("charge / PE", "zenith / rad", "log")
    assert ax.figure.axes[1].get_ylabel() == "entries per bin"
    draw(plot.hist2d(h * 0, log=log))
    draw(plot.hist2d(h, log=log, density=True))


def test_the_wrong_number_of_axes_is_an_error():
    with pytest.raises(ValueError, match="hist1d plots one axis, but this histogram has 2"):
        plot.hist1d(hist.fill(DF, Q, Z))
    with pytest.raises(ValueError, match="hist2d plots two axes, but this histogram has 1"):
        plot.hist2d(HQ)
    with pytest.raises(ValueError, match="style must be"):
        plot.hist1d(HQ, style="dots")


def test_plots_load_no_pyplot_and_their_import_no_matplotlib():
    code = (
        "import sys; from icecol import hist, plot; assert 'matplotlib' not in sys.modules;"
        "import polars as pl;"
        "plot.hist1d(hist.fill(pl.LazyFrame({'x': [0.5]}), hist.regular('x', 1, 0, 1)));"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_without_matplotlib_the_error_tells_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(
        MissingDependencyError, match=r"pip install matplotlib, or icecol with its extra \[plot\]"
    ):
        plot.hist1d(HQ)


def test_columns_sum_to_one_and_contours_hold_their_fraction():
    h = hist.fill(
        pl.DataFrame({"x": [0.5] * 4 + [1.5] * 6, "y": [0.5, 0.5, 0.5, 1.5] + [0.5] * 6}),
        hist.regular("x", 3, 0, 3),
        hist.regular("y", 2, 0, 2),
    )
    ax = draw(plot.hist2d(h, columns=True))
    shown = ax.collections[0].get_array().filled(0)
    np.testing.assert_allclose(shown, [[0.75, 1, 0], [0.25, 0, 0]])
    assert ax.figure.axes[1].get_ylabel() == "fraction of the column"
    for density in (False, True):
        ax = draw(plot.hist2d(h, contours=(0.6, 0.9), density=density))
        levels = ax.collections[1].levels
        assert levels == pytest.approx(np.array([3, 6]) / (10 if density else 1))
    with pytest.raises(ValueError, match="exclude each other"):
        plot.hist2d(h, columns=True, density=True)
    with pytest.raises(ValueError, match="fractions between 0 and 1"):
        plot.hist2d(h, contours=(68,))


def test_marginals_are_the_sums_of_what_is_drawn():
    h = hist.fill(DF.with_columns(w=pl.lit(2.0)), Q, Z, weight="w")
    ax = draw(plot.hist2d(h, marginals=True))
    above, beside = ax.child_axes
    for panel, i in ((above, 0), (beside, 1)):
        step = panel.patches[0].get_data()
        np.testing.assert_array_equal(step.values, h.values().sum(axis=1 - i))
        np.testing.assert_array_equal(step.edges, h.edges[i])
        segments = panel.collections[0].get_segments()
        half = [np.ptp(s[:, 1 - i]) / 2 for s in segments]
        np.testing.assert_allclose(half, np.sqrt(h.variances().sum(axis=1 - i)))
    assert (above.get_xlim(), beside.get_ylim()) == (ax.get_xlim(), ax.get_ylim())
    assert not any(t.get_gid() == "outside" for t in ax.texts)


def test_contours_lie_around_the_bins_that_are_densest_as_they_are_drawn():
    # a decade holds as much as the next: on a log axis both are equally dense
    events = pl.DataFrame({"x": [2.0, 2.0, 2.0, 20.0, 20.0, 200.0], "y": [0.5] * 6})
    h = hist.fill(events, hist.log("x", 3, 1, 1e3), hist.regular("y", 2, 0, 2))
    levels = draw(plot.hist2d(h, contours=(0.5, 0.8))).collections[1].levels
    assert levels == pytest.approx(np.array([2, 3]) / np.log(10))
