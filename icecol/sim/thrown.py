"""What a generator makes, whatever it generates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from icecol.sim.tree import Tree

F64: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Thrown:
    """Events as they were thrown."""

    tree: Tree
    """All particles."""
    at_detector: Tree
    """The same, where muons from far away are as they come to the detector: what gives light."""
    weights: dict[str, F64]
    """Entries of the object of weights, with a value per event; all but `NEvents`, which is not known yet."""
    number: npt.NDArray[np.int64]
    """Which of the events thrown each one is: those that were left out have no other trace."""

    def only(self, keep: npt.NDArray[np.bool_]) -> Thrown:
        """Return some of the events."""
        which = np.flatnonzero(keep)
        weights = {name: values[which] for name, values in self.weights.items()}
        return Thrown(self.tree.select(which), self.at_detector.select(which), weights, self.number[which])


class Generator(Protocol):
    """What throws events; `neutrinos`, `muons` and `bundles` of `icecol.sim` make one."""

    @property
    def key(self) -> str:
        """Frame key of the weights."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Name and arguments of the function that made it, as JSON has them."""

    def throw(self, rng: np.random.Generator, n: int) -> Thrown:
        """Throw `n` events."""
