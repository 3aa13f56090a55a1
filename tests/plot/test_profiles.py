from __future__ import annotations

import numpy as np
import pytest

from icecol import plot

pytest.importorskip("matplotlib")


def points(ax):
    return [container.lines[0].get_xydata() for container in ax.containers]


def test_each_range_has_its_median_and_its_band():
    values = [np.arange(11.0), np.append(np.arange(101.0), np.nan), []]
    ax = plot.quantiles([0, 10, 20, 30], {"SPE": values, "MPE": values}, y_label="angle / °")
    ax.figure.canvas.draw()
    spe, mpe = points(ax)
    assert spe[:, 1] == pytest.approx([5, 50, np.nan], nan_ok=True)
    assert (mpe[:, 0] > spe[:, 0]).all()
    _, bars = ax.containers[1].lines[2]
    assert [s[:, 1].tolist() for s in bars.get_segments()[:2]] == [[2, 8], [20, 80]]


@pytest.mark.parametrize("log", [False, True])
def test_open_ranges_are_drawn_at_the_limits(log):
    ax = plot.quantiles([0, 30, 100, np.inf], {"SPE": [[1.0], [2.0], [3.0]]}, log_x=log, log_y=log)
    ax.figure.canvas.draw()
    (spe,) = points(ax)
    assert np.isfinite(spe).all()
    assert (np.diff(spe[:, 0]) > 0).all()


def test_a_name_has_values_for_each_range():
    with pytest.raises(ValueError, match="'SPE' has values for 1 bins, but the edges define 2"):
        plot.quantiles([0, 1, 2], {"SPE": [[1.0]]})


def test_bin_widths_are_drawn_for_every_name_and_open_bins_point_outwards():
    ax = plot.quantiles([0, 30, np.inf], {"SPE": [[1.0], [2.0]], "MPE": [[2.0], [3.0]]})
    for container in ax.containers:
        widths = np.array([s[:, 0] for s in container.lines[2][0].get_segments()])
        np.testing.assert_allclose(widths, [[0, 30], [30, 60]])
    arrows = [line for line in ax.lines if len(line.get_xdata()) == 1]
    assert [(a.get_xdata()[0], a.get_ydata()[0]) for a in arrows] == [(60, 2), (60, 3)]
    assert [c.lines[0].get_marker() for c in ax.containers] == ["o", "s"]


def test_at_most_four_series_share_the_axes():
    of_five = {str(i): [[float(i)]] for i in range(5)}
    with pytest.raises(ValueError, match="5 series would hide one another: draw at most 4"):
        plot.quantiles([0, 1], of_five, plot.quantiles([0, 1], {"a": [[1.0]]}))
    panels = plot.quantiles([0, 1], of_five, y_label="angle").figure.axes
    assert [[t.get_text() for t in ax.get_legend().get_texts()] for ax in panels] == [list("0123"), ["4"]]
    assert panels[0].get_ylim() == panels[1].get_ylim()
    assert [ax.get_ylabel() for ax in panels] == ["angle", ""]
