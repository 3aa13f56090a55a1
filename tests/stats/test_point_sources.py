"""`point_sources`, `sky`: the search for a point source, on made skies with known answers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from icecol import stats
from icecol.stats import sky


def made_sky(signal: int, n: int = 1000, seed: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    ra, dec = rng.uniform(0, 2 * np.pi, n), np.arcsin(rng.uniform(-1, 1, n))
    sigma = rng.uniform(0.01, 0.03, n)
    ra[:signal] = 6.28 + sigma[:signal] / np.cos(0.4) * rng.normal(size=signal)
    dec[:signal] = 0.4 + sigma[:signal] * rng.normal(size=signal)
    log_energy = rng.exponential(0.4, n)
    log_energy[:signal] += 0.7
    return pl.DataFrame({"ra": ra, "dec": dec, "sigma": sigma, "e": log_energy})


def test_spatial_density_is_normalized_and_that_of_a_normal_distribution_nearby():
    rng = np.random.default_rng(1)
    n = 400_000
    ra, dec = rng.uniform(0, 2 * np.pi, n), np.arcsin(rng.uniform(-1, 1, n))
    out = np.empty(n)
    sky.spatial(ra, dec, np.full(n, 0.3), 1.0, -0.5, out)
    assert out.mean() * 4 * np.pi == pytest.approx(1, abs=0.02)
    one = np.empty(1)
    sky.spatial(np.array([1.0]), np.array([-0.5 + 0.002]), np.array([0.001]), 1.0, -0.5, one)
    assert one[0] == pytest.approx(np.exp(-2) / (2 * np.pi * 1e-6), rel=1e-4)


def test_signal_events_are_at_the_maximum():
    rng = np.random.default_rng(2)
    for scale in (0.5, 3.0, 30.0):
        ratio = rng.exponential(1, 300) * np.where(rng.uniform(size=300) < 0.1, scale, 0.5)
        s, q = sky.signal_events(ratio)
        grid = np.linspace(0, 300, 30_001)[:-1]
        log = 2 * np.log1p(grid[:, None] / 300 * (ratio - 1)).sum(axis=1)
        assert q == pytest.approx(log.max(), abs=1e-4)
        assert s == pytest.approx(grid[log.argmax()], abs=0.011)


def test_an_injected_source_is_found_with_its_number_of_events():
    search = stats.point_source(made_sky(30), (-0.0032, 0.4))
    events, index, q = search.fit()
    assert events == pytest.approx(30, abs=7)
    assert index is None
    assert q > 50
    found = search.test(200)
    assert found.p == 0
    assert "200 scrambled skies" in str(found)


def test_energies_tell_the_index():
    ratios = {2.0: (pl.col("e") > 0.7).cast(pl.Float64) * 5 + 0.1, 3.0: pl.lit(1.0)}
    frame = made_sky(30)
    with_energy, without = (stats.point_source(frame, (6.28, 0.4), energy=e).fit() for e in (ratios, None))
    assert with_energy[1] == 2.0
    assert with_energy[2] > without[2]


def test_scrambled_skies_have_no_source():
    search = stats.point_source(made_sky(0).with_columns(sigma=pl.lit(0.15)), (2.0, 0.4))
    trials = search.scramble(1500, seed=3)
    assert 0.3 < (trials.statistics > 0).mean() < 0.65
    assert (trials.statistics > 2.7).mean() == pytest.approx(0.05, abs=0.025)
    again = search.scramble(1500, seed=3, threads=1)
    assert (again.statistics == trials.statistics).all()


@pytest.mark.parametrize("column", ["ra", "sigma"])
def test_an_event_without_a_direction_is_refused(column):
    frame = made_sky(0).with_columns(
        pl.when(pl.int_range(1000) == 7).then(None).otherwise(pl.col(column)).alias(column)
    )
    with pytest.raises(ValueError, match=f"'{column}' must be finite"):
        stats.point_source(frame, (1.0, 0.0))
