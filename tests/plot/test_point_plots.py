from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from icecol import hist, plot

pytest.importorskip("matplotlib")

X = hist.regular("x", 3, 0, 3, label="x / m")
A, B = (hist.fill(pl.DataFrame({"x": v}), X) for v in ([0.5, 1.5], [0.5, 0.6, 2.5]))


def test_points_stand_at_bin_centers_with_their_intervals():
    p = A / B
    ax = p.plot(label="a / b")
    ax.figure.canvas.draw()
    (container,) = ax.containers
    assert container.lines[0].get_xydata().tolist() == [[0.5, 0.5], [2.5, 0]]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xlim()) == ("x / m", "ratio", (0, 3))
    bars = container.lines[2][1].get_segments()
    assert bars[0][:, 1] == pytest.approx([p.low[0], p.high[0]])


def test_a_band_leaves_a_gap_where_there_is_no_answer():
    ax = plot.points(hist.efficiency(A * 0 + A, A + B), style="band")
    ax.figure.canvas.draw()
    values = ax.patches[0].get_data().values
    np.testing.assert_allclose(values, hist.efficiency(A, A + B).values())


def test_points_that_cannot_be_drawn_are_errors():
    with pytest.raises(ValueError, match="style must be"):
        plot.points(A / B, style="dots")
    two = hist.fill(pl.DataFrame({"x": [0.5], "y": [0.5]}), X, hist.regular("y", 2, 0, 2))
    with pytest.raises(ValueError, match="along one axis, but these have 2"):
        plot.points(two / two)
