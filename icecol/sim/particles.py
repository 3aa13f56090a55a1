"""The particles of events that leave light: what generators hand to the light, and all that the light needs to know.

A generator makes `Particles`; `icecol.sim.chain` turns them into sources of light, photoelectrons, and pulses. How an
event was thrown, and what it is worth, is no matter of theirs.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]

NOISE: Final = 0
"""An event without particles: a readout of dark noise."""
MUON: Final = 1
CASCADE: Final = 2
HADRONS: Final = 3
TAU: Final = 4
"""What a particle is to the light: a muon, an electromagnetic or hadronic cascade, or a tau, whose track is bare."""


class Particles(NamedTuple):
    """Particles that leave light, of many events: event i has those from `offsets[i]` to `offsets[i + 1]`.

    In m, ns and GeV. Times count from the event's own zero, which is at most some microseconds from its light.
    """

    offsets: I64
    kind: I64
    x: F64
    y: F64
    z: F64
    ex: F64
    ey: F64
    ez: F64
    """Direction of flight."""
    time: F64
    """When the particle is at (x, y, z)."""
    energy: F64
    """That of a cascade as a whole, and of a track at (x, y, z)."""
    start: F64
    stop: F64
    """Where a track begins and ends along its direction, from (x, y, z): 0 and its range, or from -inf to inf."""


def one_each(
    kind: int, position: tuple[F64, F64, F64], direction: tuple[F64, F64, F64], energy: F64
) -> Particles:
    """Return events of one particle each, at its position at time 0; a track has neither beginning nor end.

    >>> at = np.zeros(2)
    >>> one_each(CASCADE, (at, at, at), (at, at, at - 1), at + 1e3).offsets
    array([0, 1, 2])
    """
    n = energy.size
    end = np.full(n, np.inf if kind == MUON else 0.0)
    return Particles(
        np.arange(n + 1), np.full(n, kind), *position, *direction, np.zeros(n), energy, -end, end
    )


def none_each(n: int) -> Particles:
    """Return events without particles."""
    nothing = np.zeros(0)
    return Particles(np.zeros(n + 1, np.int64), np.zeros(0, np.int64), *[nothing] * 10)
