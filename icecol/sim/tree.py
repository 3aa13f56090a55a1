"""The particles of simulated events as I3MCTree has them: primaries, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol.sim.particles import CASCADE, HADRONS, MUON, TAU, Particles
from icecol.sim.primary import flight

F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]

UNKNOWN, HADRONIC_SHOWER = 0, -2000001006
"""IceTray's codes of a particle that has no PDG code, and of hadrons together."""

PRIMARY, SHOWER, INFINITE_TRACK, STARTING_TRACK, CONTAINED_TRACK, DARK = 10, 30, 40, 50, 70, 90
"""IceTray's shapes of particles."""

_LIGHT: Final = {13: MUON, 11: CASCADE, 15: TAU, -HADRONIC_SHOWER: HADRONS}


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """Particles of all events, one after the other: event i has those from `offsets[i]` to `offsets[i + 1]`.

    In m, ns, rad and GeV; a parent comes before what it made. `parent` is its place in the event, -1 of a primary;
    `length` is NaN for all but tracks.
    """

    offsets: I64
    parent: I64
    pdg_encoding: I64
    shape: I64
    x: F64
    y: F64
    z: F64
    time: F64
    zenith: F64
    azimuth: F64
    energy: F64
    length: F64

    @property
    def light(self) -> I64:
        """What each particle is to the light, as in `icecol.sim.particles`; 0 for those that give none."""
        pdg = np.abs(self.pdg_encoding)
        found = np.select([pdg == code for code in _LIGHT], list(_LIGHT.values()), 0)
        return np.where(np.isin(self.shape, (PRIMARY, DARK)), 0, found)

    @property
    def depth(self) -> I64:
        """Generation of each particle: 0 of a primary."""
        parent = np.where(
            self.parent >= 0, self.parent + np.repeat(self.offsets[:-1], np.diff(self.offsets)), -1
        )
        found = np.zeros(parent.size, np.int64)
        while (parent >= 0).any():
            found += parent >= 0
            parent = np.where(parent >= 0, parent[np.maximum(parent, 0)], -1)
        return found

    def most_energetic(self, of: npt.NDArray[np.bool_]) -> Tree:
        """Return of each event that of the particles `of` with most energy, or one of code 0 if there is none."""
        n = self.offsets.size - 1
        energy = np.where(of, self.energy, -1.0)
        event = np.repeat(np.arange(n), np.diff(self.offsets))
        order = np.lexsort((energy, event))
        some = np.diff(self.offsets) > 0
        rows = order[(self.offsets[1:] - 1)[some]]
        found = {name: np.zeros(n, getattr(self, name).dtype) for name in COLUMNS}
        for name, values in found.items():
            values[some] = getattr(self, name)[rows]
        found["pdg_encoding"][some] = np.where(of[rows], found["pdg_encoding"][some], UNKNOWN)
        return Tree(np.arange(n + 1), **found)

    def select(self, events: npt.NDArray[np.integer]) -> Tree:
        """Return the particles of some events, given by their numbers."""
        offsets, rows = _rows(self.offsets, events)
        return Tree(offsets, *(getattr(self, name)[rows] for name in COLUMNS))

    def shifted(self, time: F64) -> Tree:
        """Return the tree with a time of each event added to those of its particles."""
        columns = {name: getattr(self, name) for name in COLUMNS}
        return Tree(self.offsets, **{**columns, "time": self.time + np.repeat(time, np.diff(self.offsets))})

    def particles(self) -> Particles:
        """Return the particles that leave light; an infinite track also does before its position."""
        light = self.light
        lit = light > 0
        n = self.offsets.size - 1
        event = np.repeat(np.arange(n), np.diff(self.offsets))[lit]
        offsets = np.concatenate([[0], np.cumsum(np.bincount(event, minlength=n))])
        columns = {name: getattr(self, name)[lit] for name in COLUMNS}
        start = np.where(columns["shape"] == INFINITE_TRACK, -np.inf, 0.0)
        ex, ey, ez = flight(columns["zenith"], columns["azimuth"])
        return Particles(
            offsets, light[lit], columns["x"], columns["y"], columns["z"], ex, ey, ez, columns["time"],
            columns["energy"], start, np.nan_to_num(columns["length"], nan=0.0),
        )  # fmt: skip


COLUMNS: Final = tuple(Tree.__dataclass_fields__)[1:]
"""Names of the columns that have one value per particle."""


def of_slots(present: npt.NDArray[np.bool_], columns: Mapping[str, npt.NDArray[Any]]) -> Tree:
    """Return the particles of events that have some of a few kinds: all arrays have shape (events, kinds)."""
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    return Tree(offsets, **{name: columns[name][present] for name in COLUMNS})


def joined(trees: Sequence[Tree]) -> Tree:
    """Return the events of one or more trees, one after the other."""
    offsets = np.concatenate([[0], np.cumsum(np.concatenate([np.diff(tree.offsets) for tree in trees]))])
    return Tree(offsets, *(np.concatenate([getattr(tree, name) for tree in trees]) for name in COLUMNS))


def grouped(of: Tree, event: npt.NDArray[np.integer], n: int) -> Tree:
    """Return `n` events that each have what several had, given the event of each, in order."""
    offsets = of.offsets[np.searchsorted(event, np.arange(n + 1))]
    own = np.repeat(of.offsets[:-1] - offsets[event], np.diff(of.offsets))
    columns = {name: getattr(of, name) for name in COLUMNS}
    return Tree(offsets, **{**columns, "parent": np.where(of.parent >= 0, of.parent + own, -1)})


def _rows(offsets: I64, events: npt.NDArray[np.integer]) -> tuple[I64, I64]:
    counts = np.diff(offsets)[events]
    made = np.concatenate([[0], np.cumsum(counts)])
    return made, np.repeat(offsets[:-1][events] - made[:-1], counts) + np.arange(made[-1])
