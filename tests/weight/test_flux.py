from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import icecol as ic
from icecol import weight

E = np.geomspace(1e2, 1e8, 50)


def test_power_law_with_and_without_cutoff():
    assert np.allclose(weight.power_law(2e-18, 2.5).at(E), 2e-18 * (E / 1e5) ** -2.5, rtol=1e-14)
    found = weight.power_law(2e-18, 2.5, pivot=1e3, cutoff=1.6e6).at(E)
    assert np.allclose(found, 2e-18 * (E / 1e3) ** -2.5 * np.exp(-E / 1.6e6), rtol=1e-13)


def test_broken_power_law_meets_at_the_break_and_a_sharp_smooth_one_is_like_it():
    sharp = weight.broken_power_law(1e-18, (2, 3.2), 1e5)
    assert np.allclose(sharp.at([1e4, 1e5, 1e6]), [1e-16, 1e-18, 1e-18 * 10**-3.2])
    smooth = weight.broken_power_law(1e-18, (2, 3.2), 1e5, smoothness=300)
    away = abs(np.log(E / 1e5)) > 0.05
    assert np.allclose(smooth.at(E[away]), sharp.at(E[away]), rtol=1e-3)
    assert smooth.at(1e5) < sharp.at(1e5)


@pytest.mark.parametrize("flux", [
    weight.power_law(1, 0, types=(14,)), weight.broken_power_law(1, (0, 0), 1, types=[14]),
    weight.tabulated([1, 1e9], [1, 1], types=[14]),
], ids=["power law", "broken", "tabulated"])  # fmt: skip
def test_other_types_have_no_flux_and_no_type_has_no_answer(flux):
    assert flux.at(1e5, 0, [14, -14, 12]).tolist() == [1, 0, 0]
    frame = pl.DataFrame({"p": [None, 14]}, schema={"p": pl.Int32})
    assert frame.select(weight.h3a()(pl.lit(1e5), pl.lit(0.1), pl.col("p")).alias("f"))["f"].to_list() == [
        None,
        0,
    ]


def test_fluxes_add_and_multiply():
    a, b = weight.power_law(1e-18, 2), weight.power_law(3e-18, 3)
    assert np.allclose((a + 2 * b * a).at(E), a.at(E) + 2 * b.at(E) * a.at(E))
    assert np.allclose(sum([a, b]).at(E), (a + b).at(E))
    with pytest.raises(TypeError):
        a + 1
    with pytest.raises(TypeError):
        a * "b"


def test_a_table_in_energy_is_exact_for_power_laws_and_null_outside():
    flux = weight.tabulated([1e2, 1e4, 1e7], np.array([1e2, 1e4, 1e7]) ** -2.7)
    inside = (E >= 1e2) & (E <= 1e7)
    assert np.allclose(flux.at(E[inside]), E[inside] ** -2.7, rtol=1e-10)
    assert np.isnan(flux.at([99.0, 1.1e7, 0.0, -1.0])).all()


def test_a_table_in_two_dimensions_is_linear_in_the_cosine():
    rng = np.random.default_rng(1)
    e, c = np.geomspace(1e2, 1e6, 5), np.linspace(-1, 1, 4)
    table = np.outer(e**-3.0, 1 + c * c)
    flux = weight.tabulated(e, table, cos_zenith=c)
    x, z = 10 ** rng.uniform(2, 6, 100), rng.uniform(-1, 1, 100)
    assert np.allclose(flux.at(x, z), x**-3.0 * np.interp(z, c, 1 + c * c), rtol=1e-10)
    assert np.isnan(flux.at(1e3, [-1.1, 1.1])).all()
    assert np.allclose(flux.at(e[-1], c), table[-1])
    assert weight.tabulated([1, 100], [0, 2]).at(10) == pytest.approx(1)
    assert weight.tabulated([1, 100], [2, 0]).at(10) == pytest.approx(1)


def test_tables_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="increasing"):
        weight.tabulated([1e3, 1e2], [1, 2])
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        weight.tabulated([1e2, 1e3], [1, 2, 3])
    with pytest.raises(ValueError, match="at least 0"):
        weight.tabulated([1e2, 1e3], [1, -2])
    with pytest.raises(ValueError, match="cos_zenith"):
        weight.tabulated([1e2, 1e3], [[1], [2]], cos_zenith=[0])


def test_a_function_sees_no_nulls_and_its_nan_is_null():
    seen = []

    def function(energy, cos_zenith, pdg_encoding):
        seen.extend(zip(energy, cos_zenith, pdg_encoding, strict=True))
        return np.where(energy > 50, np.nan, energy)

    frame = pl.LazyFrame({"e": [1.0, None, 3.0, 100.0], "c": [0.5, 0.5, None, 0.5]})
    flux = weight.from_function(function)
    found = frame.select(flux(pl.col("e"), pl.col("c"), pl.lit(14)).alias("f")).collect(engine="streaming")
    assert found["f"].to_list() == [1.0, None, None, None]
    assert set(seen) == {(1.0, 0.5, 14), (100.0, 0.5, 14)}
    with pytest.raises(Exception, match="shape"):
        weight.from_function(lambda e, c, p: np.zeros(3)).at([1.0, 2.0])


def test_a_flux_reads_only_its_columns_and_stays_lazy(tmp_path):
    pl.DataFrame({"e": [1e5], "c": [0.1], "p": [14], "other": [1]}).write_parquet(tmp_path / "a.parquet")
    lf = pl.scan_parquet(tmp_path / "a.parquet")
    plan = lf.select(
        ic.weight.power_law(1e-18, 2)(pl.col("e"), pl.col("c"), pl.col("p")).alias("w")
    ).explain()
    assert "PROJECT 1/4" in plan
