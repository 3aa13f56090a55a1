from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from icecol import hist
from icecol.errors import MissingColumnError

RNG = np.random.default_rng(5)
EVENTS = pl.DataFrame({"x": RNG.uniform(0, 3, 400), "w": RNG.uniform(0.5, 2, 400)}).with_columns(
    y=pl.col("x") ** 2 + pl.Series(RNG.normal(0, 0.5, 400))
)
H = hist.fill(
    EVENTS,
    hist.regular("x", 4, 0, 4),
    hist.regular("y", 40, -2, 10, label="y / m"),
    weight="w",
    statistics=True,
)


def parts():
    return [EVENTS.filter(pl.col("x").is_between(i, i + 1, closed="left")) for i in range(3)]


def test_an_exact_profile_is_the_mean_of_the_entries_of_each_bin():
    p = hist.profile(H, "y", exact=True)
    expected = [np.average(part["y"], weights=part["w"]) for part in parts()]
    np.testing.assert_allclose(p.values(), [*expected, np.nan])
    errors = [
        np.sqrt((part["w"] ** 2 * (part["y"] - m) ** 2).sum()) / part["w"].sum()
        for part, m in zip(parts(), expected, strict=True)
    ]
    np.testing.assert_allclose(p.errors(), [[*errors, np.nan]] * 2)
    assert (p.label, p.ndim, p.axes[0].name) == ("mean of y / m", 1, "x")


def test_a_profile_of_bins_is_near_the_exact_one():
    exact, binned = hist.profile(H, "y", exact=True), H.profile("y")
    np.testing.assert_allclose(binned.values(), exact.values(), atol=0.1)
    np.testing.assert_allclose(binned.errors(), exact.errors(), atol=0.01)
    first = H[0, :]
    assert binned.values()[0] == pytest.approx(first.mean())
    assert binned.high[0] - binned.values()[0] == pytest.approx(first.mean_error())
    np.testing.assert_allclose(H.profile("y", band="std").errors()[0][:3], [H[i, :].std() for i in range(3)])


def test_medians_and_quantile_bands():
    p = hist.profile(H, 1, center="median", band=(0.1, 0.9))
    assert p.values()[1] == pytest.approx(H[1, :].median())
    assert (p.low[1], p.high[1]) == pytest.approx((H[1, :].quantile(0.1), H[1, :].quantile(0.9)))
    exact = hist.profile(H, 1, center="median", exact=True)
    assert exact.values()[2] in parts()[2]["y"].to_list()
    assert (parts()[2]["y"] < exact.low[2]).mean() == pytest.approx(0.16, abs=0.05)
    assert np.isnan([exact.values()[3], exact.low[3], exact.high[3]]).all()
    band = hist.profile(H, 1, band=(0.25, 0.75))
    assert band.values()[0] == H.profile().values()[0]


def test_a_profile_along_the_first_axis():
    p = H.profile("x")
    assert p.axes[0].name == "y"
    assert p.values()[30] == pytest.approx(H[:, 30].mean())


def test_profiles_that_cannot_be_are_errors():
    with pytest.raises(ValueError, match="needs two axes, but this histogram has 1"):
        H.project(0).profile()
    with pytest.raises(ValueError, match="'error' does not go with the median"):
        H.profile(center="median", band="error")
    with pytest.raises(ValueError, match="band must be 'error', 'std' or two quantiles"):
        H.profile(band="sem")
    with pytest.raises(ValueError, match="does not hold its entries"):
        H[:, :].profile(exact=True)
    with pytest.raises(MissingColumnError, match="no axis 'z'"):
        H.profile("z")
    k = hist.fill(
        EVENTS.with_columns(k=pl.lit("a")), hist.category("k"), hist.regular("y", 4, 0, 4), statistics=True
    )
    assert k.profile("y").values() == pytest.approx([k.project("y").mean()])
    with pytest.raises(TypeError, match="axis 'k' holds categories"):
        k.profile("k")
    with pytest.raises(ValueError, match="by which the entries are not kept"):
        k.profile("y", exact=True)
