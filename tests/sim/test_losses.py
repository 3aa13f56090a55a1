from __future__ import annotations

import numpy as np
import pytest

from icecol.sim import chain, events, losses, particles, sources

HIGH = {"seed": 4, "cascades": 0, "noise": 0, "energy": (1e4, 1.1e4), "radius": 300.0}


def charges(sample):
    return np.add.reduceat(sample.pulses.charge.astype(float), sample.pulses.offsets[:-1])


def test_losses_take_their_part_of_the_mean_loss():
    v = np.geomspace(losses.smallest, 1, 20_001)
    assert np.trapezoid(losses.spectrum(v), v) == pytest.approx(losses.rate, rel=1e-4)
    whole = losses.discrete * losses.relative_loss
    assert np.trapezoid(v * losses.spectrum(v), v) == pytest.approx(whole, rel=1e-4)
    assert 0.9 < losses.discrete < 1


def test_shares_follow_the_spectrum():
    drawn = np.array([losses.share(u) for u in np.random.default_rng(1).random(20_000)])
    assert drawn.min() >= losses.smallest
    assert drawn.max() <= 1
    for edge in (3e-3, 1e-2, 1e-1):
        v = np.geomspace(losses.smallest, edge, 20_001)
        below = np.trapezoid(losses.spectrum(v), v) / losses.rate
        assert (drawn < edge).mean() == pytest.approx(below, abs=5 * 0.5 / np.sqrt(20_000))
    assert drawn.mean() * losses.rate == pytest.approx(losses.discrete * losses.relative_loss, rel=0.1)


def test_sources_shine_as_the_muon_that_they_are_of():
    rng = np.random.default_rng(2)
    light, ice = [], chain.settings_of().ice
    at = np.zeros(1)
    muon = particles.one_each(particles.MUON, (at, at, at), (at, at, at + 1), at + 1e4)
    for _ in range(300):
        shining = sources.sources_of(rng, muon, 0, True, False, ice)
        assert np.abs(shining[:, 4]).max() <= losses.half_length
        mean = shining[0, 1] * 2 * losses.half_length * losses.relative_loss * sources._shining
        light.append((shining[1:, 1].sum() + mean) / 1e4)
    expected = 2 * losses.half_length * losses.relative_loss * sources._shining
    assert np.mean(light) == pytest.approx(expected, rel=5 * np.std(light) / expected / np.sqrt(300))


@pytest.mark.slow
def test_muons_with_losses_differ_more_and_are_as_bright_on_average():
    even, uneven = (charges(events(300, losses=on, **HIGH)) for on in (False, True))
    assert uneven.std() / uneven.mean() > even.std() / even.mean()
    assert np.median(uneven) < np.median(even)
    assert uneven.mean() == pytest.approx(even.mean(), rel=0.6)


def test_cascades_have_no_losses():
    settings = {"seed": 4, "muons": 0, "noise": 0}
    with_, without = (events(5, losses=on, **settings).pulses.time for on in (True, False))
    assert np.array_equal(with_, without)
