from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from icecol import hist, plot
from icecol.errors import MissingColumnError, SchemaError

pytest.importorskip("matplotlib")

EVENTS = pl.DataFrame(
    {"e": [0.5] * 4 + [1.5] * 2, "q": [9.0, 1.0, None, float("nan"), 9.0, 9.0], "w": [3.0, 1, 1, 1, 2, 2]}
)
E = hist.regular("e", 2, 0, 2, label="energy / TeV")
BRIGHT = pl.col("q") > 5


def curve(ax):
    return ax.containers[0].lines[0].get_ydata()


def test_what_is_missing_does_not_pass():
    ax = plot.efficiency(EVENTS, BRIGHT, E)
    assert curve(ax) == pytest.approx([0.25, 1])
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_legend()) == ("energy / TeV", "efficiency", None)
    bars = np.array([s[:, 1] for s in ax.containers[0].lines[2][1].get_segments()])
    total = hist.fill(EVENTS, E)
    expected = hist.efficiency(hist.fill(EVENTS.filter(BRIGHT & pl.col("q").is_not_nan()), E), total)
    np.testing.assert_allclose(bars, np.c_[expected.low, expected.high])


def test_weights_count_in_numerator_and_denominator():
    assert curve(plot.efficiency(EVENTS.lazy(), BRIGHT, E, weight="w")) == pytest.approx([0.5, 1])


def test_several_conditions_are_curves_with_a_range_from_all_events():
    ax = plot.efficiency(EVENTS, {"bright": BRIGHT, "heavy": pl.col("w") > 1}, hist.regular("e", 2))
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["bright", "heavy"]
    assert [c.lines[0].get_ydata().tolist() for c in ax.containers] == [[0.25, 1], [0.25, 1]]


def test_conditions_that_cannot_be_answered_are_errors():
    with pytest.raises(MissingColumnError, match="no column 'z'"):
        plot.efficiency(EVENTS, pl.col("z") > 1, E)
    with pytest.raises(SchemaError, match="not Boolean"):
        plot.efficiency(EVENTS, pl.col("q"), E)
