from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from icecol import plot
from icecol.errors import MissingColumnError

pytest.importorskip("matplotlib")


def texts(ax):
    return [t.get_text() for t in ax.get_legend().get_texts()]


def test_each_reconstruction_gets_its_curve_and_its_median():
    ax = plot.resolution({"LineFit": np.linspace(0, 20, 201), "SPE": np.linspace(0, 4, 101)}, unit="deg")
    ax.figure.canvas.draw()
    assert texts(ax) == ["LineFit: median 10.00°", "SPE: median 2.00°"]
    assert [line.get_xdata()[0] for line in ax.lines] == pytest.approx([10, 2])
    assert ax.get_xlim() == pytest.approx((0, 19), abs=0.1)
    curves = [p.get_data() for p in ax.patches]
    assert (curves[0].values * np.diff(curves[0].edges)).sum() == pytest.approx(0.95, abs=0.01)
    assert (curves[1].values * np.diff(curves[1].edges)).sum() == pytest.approx(1)


def test_fits_without_an_answer_are_counted_and_left_out_of_the_median():
    ax = plot.resolution({"SPE": [1.0, 2.0, 3.0, np.nan], "none": [np.nan], "empty": []}, unit="deg", stop=5)
    ax.figure.canvas.draw()
    assert texts(ax) == ["SPE: median 2.00°, 25.0% no answer", "none: no answer", "empty: no answer"]


def test_radians_are_drawn_in_degrees():
    ax = plot.resolution({"SPE": np.radians(np.linspace(0, 4, 101))})
    assert texts(ax) == ["SPE: median 2.00°"]
    assert ax.lines[0].get_xdata()[0] == pytest.approx(2)
    assert texts(plot.resolution({"opposite": [np.pi]})) == ["opposite: median 180.00°"]


@pytest.mark.parametrize(
    ("angles", "unit", "match"),
    [
        (
            [1, 20.0],
            "rad",
            r"'a' go from 1 to 20, but in rad they lie between 0 and pi; angles in degrees need unit='deg'",
        ),
        ([1, 200], "deg", "'a' go from 1 to 200, but in deg they lie between 0 and 180"),
        ([-0.1, 1], "rad", r"'a' go from -0\.1 to 1, but in rad"),
        ([1], "mrad", "unit must be 'rad' or 'deg'; found 'mrad'"),
    ],
)
def test_numbers_that_are_no_angles_in_the_unit_are_an_error(angles, unit, match):
    with pytest.raises(ValueError, match=match):
        plot.resolution({"a": angles}, unit=unit)


def test_more_than_four_are_cumulative_curves_with_the_legend_below_them():
    angles = np.linspace(0.01, 4.99, 100)
    ax = plot.resolution({f"Fit{i}": angles * (1 + i / 5) for i in range(5)}, unit="deg", bins=10, stop=10.0)
    assert ax.get_ylabel() == "fraction of events up to an angle"
    first = ax.patches[0].get_data().values
    np.testing.assert_allclose(first, np.arange(1, 11).clip(max=5) / 5)
    assert ax.get_ylim()[1] < 1.1
    few = plot.resolution({f"Fit{i}": angles for i in range(4)}, unit="deg", bins=10, stop=10.0)
    assert few.get_ylabel() == "fraction of events per degree"


def test_a_resolution_needs_a_reconstruction():
    with pytest.raises(ValueError, match="at least one"):
        plot.resolution({})


TRUE = pl.DataFrame({"True.zenith": [0.1] * 4 + [None], "True.azimuth": [1.0] * 4 + [None]})
EVENTS = TRUE.with_columns(
    pl.Series("A.zenith", np.radians([1, 2, 3, 4, 50]) + 0.1),
    pl.Series("A.azimuth", [1.0] * 5),
    pl.Series("B.zenith", [0.1, None, 0.1, float("nan"), 0.1]),
    pl.Series("B.azimuth", [1.0] * 5),
    pl.Series("w", [1.0, 1.0, 1.0, 9.0, 1.0]),
)


def test_columns_are_compared_with_the_truth_in_degrees():
    ax = plot.resolution(EVENTS, fits=["A", "B"], truth="True")
    assert texts(ax) == ["A: median 2.50°", "B: median 0.00°, 50.0% no answer"]
    assert ax.get_xlabel().endswith("/ °")


def test_weights_move_the_median_and_the_fraction_of_failures():
    ax = plot.resolution(
        EVENTS.lazy(), fits={"first": "A", "second": "B"}, truth="True", weight="w", stop=5, bins=5
    )
    at = np.interp(6, np.array([0.5, 1.5, 2.5, 7.5]), [1, 2, 3, 4])
    assert texts(ax) == [f"first: median {at:.2f}°", f"second: median 0.00°, {10 / 12:.1%} no answer"]
    assert ax.patches[0].get_data().values.sum() == pytest.approx(1)


def test_columns_that_give_no_resolution_are_errors():
    with pytest.raises(MissingColumnError, match=r"the angle of 'C': no column 'C\.zenith'"):
        plot.resolution(EVENTS, fits=["C"], truth="True")
    with pytest.raises(MissingColumnError, match="the weight: no column 'v'"):
        plot.resolution(EVENTS, fits=["A"], truth="True", weight="v")
    with pytest.raises(ValueError, match="name the reconstructions"):
        plot.resolution(EVENTS)
    with pytest.raises(ValueError, match="1 weights are null or not finite"):
        plot.resolution(EVENTS, fits=["A"], truth="True", weight=pl.when(pl.col("w") < 5).then("w"))
