from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from icecol import hist, plot
from icecol.plot import look

mpl = pytest.importorskip("matplotlib")

RNG = np.random.default_rng(1)
X = hist.regular("x", 20, 0, 1, label="x / m")
FLAT = hist.fill(pl.DataFrame({"x": RNG.uniform(0, 1, 5000)}), X)


def linear(rgb):
    c = np.array(mpl.colors.to_rgb(rgb))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lightness(rgb):
    y = linear(rgb) @ [0.2126, 0.7152, 0.0722]
    return 116 * np.cbrt(y) - 16 if y > 0.008856 else 903.3 * y


def test_neighbors_in_the_cycle_differ_in_grey():
    grey = [lightness(color) for color in look.COLORS[:4]]
    assert np.abs(np.diff(grey)).min() > 20


@pytest.mark.parametrize("log", [False, True], ids=["linear", "log"])
@pytest.mark.parametrize("style", ["steps", "errorbar", "band"])
def test_the_legend_lies_on_no_data(style, log):
    ax = plot.hist1d(FLAT, style=style, log=log, label="a rather long name of a sample")
    plot.hist1d(FLAT * 3, ax, style=style, log=log, label="another")
    ax.figure.canvas.draw()
    box = ax.get_legend().get_window_extent()
    tops = ax.transData.transform(np.c_[FLAT.edges[:-1], 3 * FLAT.values() + 3 * FLAT.errors()])
    under = (tops[:, 0] > box.x0) & (tops[:, 0] < box.x1)
    assert under.any()
    assert tops[under, 1].max() < box.y0
    assert box.y1 < ax.get_window_extent().y1


def test_a_legend_takes_the_free_corner_and_leaves_the_limits():
    rising = hist.fill(pl.DataFrame({"x": RNG.beta(8, 1, 5000)}), X)
    top = plot.hist1d(rising).get_ylim()[1]
    ax = plot.hist1d(rising, label="data")
    ax.figure.canvas.draw()
    assert ax.get_ylim()[1] == pytest.approx(top)
    assert ax.get_legend().get_window_extent().x1 < ax.transData.transform((0.5, 0))[0]


def test_a_style_that_is_applied_remains():
    styled = {
        "axes.prop_cycle": mpl.cycler(color=["#123456", "#654321"]),
        "xtick.direction": "out",
        "ytick.right": False,
        "axes.grid": False,
        "xtick.top": True,
        "legend.frameon": True,
        "lines.linewidth": 3.0,
        "figure.figsize": (3.0, 2.0),
    }
    with mpl.rc_context(styled):
        ax = plot.hist1d(FLAT, label="a")
        plot.resolution({"a": [0.1, 0.2], "b": [0.1, 0.3]})
        assert mpl.rcParams["legend.frameon"]
    ax.figure.canvas.draw()
    assert mpl.colors.to_hex(ax.patches[0].get_edgecolor()) == "#123456"
    assert ax.patches[0].get_linewidth() == 3
    assert ax.figure.get_size_inches().tolist() == [3, 2]
    tick = ax.xaxis.get_major_ticks()[0]
    assert (tick.get_tickdir(), tick.tick2line.get_visible(), tick.gridline.get_visible()) == (
        "out",
        True,
        False,
    )
    assert not ax.yaxis.get_major_ticks()[0].tick2line.get_visible()


def test_without_a_style_ticks_point_inwards_and_the_settings_of_matplotlib_stay():
    before = dict(mpl.rcParams)
    ax = plot.hist1d(FLAT, label="a")
    ax.figure.canvas.draw()
    tick = ax.xaxis.get_major_ticks()[0]
    assert (tick.get_tickdir(), tick.tick2line.get_visible(), tick.gridline.get_color()) == (
        "in",
        True,
        "0.9",
    )
    assert not ax.get_legend().get_frame_on()
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("edges", "log", "shown"),
    [
        ([0, 1, 3], False, [0, 1, 3]),
        ([-np.inf, 1, 3, np.inf], False, [-1, 1, 3, 5]),
        ([0, 10, 100, np.inf], True, [1, 10, 100, 1000]),
        ([0, 10, np.inf], True, [10 / 3, 10, 30]),
        ([-np.inf, 2, np.inf], False, [1, 2, 3]),
        ([-np.inf, np.inf], False, [1, 2]),
    ],
)
def test_open_bins_are_closed_at_the_width_of_their_neighbors(edges, log, shown):
    assert look.closed(edges, log=log) == pytest.approx(shown)


def test_more_than_four_are_cumulative_curves():
    names = {name: [0.01, 0.02] for name in "abcde"}
    ax = plot.resolution(names, stop=2, bins=2)
    assert ax.get_ylabel() == "fraction of events up to an angle"
    assert ax.patches[0].get_data().values.tolist() == [0.5, 1.0]
    ax = plot.bundle(hist.Bundle(dict.fromkeys(names, FLAT)))
    assert ax.get_ylabel() == "fraction up to the end of the bin"
    assert ax.patches[0].get_data().values[-1] == pytest.approx(1)
    assert plot.bundle(hist.Bundle(dict.fromkeys("abcd", FLAT))).get_ylabel() == "entries / 0.05 m"
