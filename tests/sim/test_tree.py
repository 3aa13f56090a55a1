"""`tree`, `thrown`: particles of events, chosen, joined, and as the light sees them."""

from __future__ import annotations

import numpy as np
import pytest

from icecol.sim import tree
from icecol.sim.neutrino import neutrinos
from icecol.sim.particles import CASCADE, HADRONS, MUON, TAU


@pytest.fixture(scope="module")
def thrown():
    return neutrinos("nutau", energy=(1e4, 1e7)).throw(np.random.default_rng(1), 50)


def test_depths_are_those_of_the_parents_and_in_preorder(thrown):
    made = thrown.tree
    for i in range(50):
        rows = slice(*made.offsets[i : i + 2])
        parent, depth = made.parent[rows], made.depth[rows]
        assert depth[0] == 0
        assert all(depth[k] == depth[parent[k]] + 1 for k in range(1, parent.size))
        # what follows a particle at greater depth is its own
        for k in range(1, parent.size):
            before = [j for j in range(k) if depth[j] == depth[k] - 1]
            assert parent[k] == before[-1]


def test_some_events_are_those_events(thrown):
    few = thrown.only(np.arange(50) % 3 == 0)
    assert few.number.tolist() == list(range(0, 50, 3))
    for name in ("energy", "pdg_encoding", "x"):
        whole, part = getattr(thrown.tree, name), getattr(few.tree, name)
        for k, i in enumerate(few.number):
            a, b = thrown.tree.offsets[i : i + 2]
            assert np.array_equal(part[few.tree.offsets[k] : few.tree.offsets[k + 1]], whole[a:b])
    assert few.weights["OneWeight"].tolist() == thrown.weights["OneWeight"][::3].tolist()


def test_joined_parts_are_the_whole(thrown):
    a, b = thrown.only(np.arange(50) < 20).tree, thrown.only(np.arange(50) >= 20).tree
    whole = tree.joined([a, b])
    for name in ("offsets", *tree.COLUMNS):
        np.testing.assert_array_equal(getattr(whole, name), getattr(thrown.tree, name))


def test_light_comes_of_leptons_and_hadrons_but_not_of_neutrinos(thrown):
    made = thrown.tree
    kinds = {11: CASCADE, 13: MUON, 15: TAU, 2000001006: HADRONS}
    expected = [kinds.get(abs(p), 0) for p in made.pdg_encoding.tolist()]
    assert made.light.tolist() == expected
    light = made.particles()
    assert light.kind.tolist() == [k for k in expected if k]
    assert light.offsets[-1] == light.kind.size
    assert np.hypot(np.hypot(light.ex, light.ey), light.ez) == pytest.approx(np.ones(light.kind.size))
    assert (light.stop[light.kind == HADRONS] == 0).all()
    assert (light.stop[light.kind == TAU] > 0).all()


def test_the_most_energetic_of_some_particles(thrown):
    found = thrown.tree.most_energetic(thrown.tree.light == MUON)
    assert found.energy.size == 50
    for i in range(50):
        rows = slice(*thrown.tree.offsets[i : i + 2])
        muons = thrown.tree.energy[rows][thrown.tree.light[rows] == MUON]
        assert (found.pdg_encoding[i] != 0) == (muons.size > 0)
        if muons.size:
            assert found.energy[i] == muons.max()


def test_times_move_with_their_event(thrown):
    moved = thrown.tree.shifted(np.arange(50.0))
    assert moved.time[thrown.tree.offsets[7]] == thrown.tree.time[thrown.tree.offsets[7]] + 7
    assert moved.energy is thrown.tree.energy
