"""What comes of a neutrino that interacts: leptons, hadrons, and the decay of a tau, all along its direction.

Every product keeps the direction of the neutrino: the angle between a neutrino and its muon, 0.7 degrees at 1 TeV and
less above, is left out.

A tau decays after its mean length times a random exponential, with no loss of energy before. Its charged lepton gets a
fraction x of the energy, p(x) = 4/3 (1 - x^3), as a tau from a neutrino is fully polarized; of hadrons, the energy that
its neutrino does not take, which has a linear distribution for decays to a pion, rho and a1, and an even one for the
rest (Dutta, Reno and Sarcevic, Phys. Rev. D 62 (2000) 123001). The charged lepton of a W resonance has a fraction x of
the energy, p(x) = 3 (1 - x)^2 (Gandhi et al., Astropart. Phys. 5 (1996) 81).
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from icecol import units
from icecol.sim import cross_sections, tree
from icecol.sim.primary import flight

F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]

CC, NC, GR = 1, 2, 3
"""Charged current, neutral current, W resonance; the numbers of neutrino-generator."""

NEUTRINO, LEPTON, DECAY, HADRONS = range(4)
"""Kinds of particles of an interaction, as columns of its arrays: the neutrino itself, and what came of it."""

tau_length: Final = 87.03e-6 / 1.77686
"""Mean length (m) of the track of a tau per GeV, before it decays."""

w_decays: Final = (0.6741, 0.1071, 0.1063, 0.1138)
"""Of a W: to hadrons, and to an electron, muon, tau (Particle Data Group)."""

# of a tau, to an electron and a muon; to hadrons: share, largest energy of the neutrino, slope of its distribution
_tau_leptons: Final = (0.18, 0.18)
_tau_hadrons: Final = (
    (0.12, 1 - 0.0061, 1.0),
    (0.26, 1 - 0.19, (1 - 2 * 0.19) / (1 + 2 * 0.19)),
    (0.13, 1 - 0.503, -0.003),
    (0.13, 0.3, 0.0),
)


def tau_decay(rng: np.random.Generator, n: int) -> tuple[I64, F64]:
    """Draw decays of taus: (PDG code without sign of what is seen, its fraction of the energy)."""
    u, which = rng.random(n), rng.random(n)
    edges = np.cumsum([*_tau_leptons, *(share for share, _, _ in _tau_hadrons)])
    mode = np.minimum(np.searchsorted(edges / edges[-1], which, side="right"), edges.size - 1)
    fraction = _lepton_fraction(u)
    for i, (_, most, slope) in enumerate(_tau_hadrons, start=len(_tau_leptons)):
        # z / most has the density 1 + slope (2 t - 1) on (0, 1)
        flat = abs(slope) < 1e-9
        t = u if flat else (slope - 1 + np.sqrt((1 - slope) ** 2 + 4 * slope * u)) / (2 * slope)
        fraction = np.where(mode == i, 1 - most * t, fraction)
    pdg = np.select([mode == 0, mode == 1], [11, 13], tree.HADRONIC_SHOWER)
    return pdg, fraction


def _lepton_fraction(u: F64) -> F64:
    """Invert (4 x - x^4) / 3 = u."""
    x = 0.75 * u
    for _ in range(40):
        step = (4 * x - x**4 - 3 * u) / np.maximum(4 * (1 - x**3), 1e-6)
        x = np.clip(x - step, 0.0, 1.0)
    return x


def interact(
    rng: np.random.Generator,
    pdg_encoding: I64,
    energy: F64,
    channel: I64,
    position: tuple[F64, F64, F64],
    time: F64,
    zenith: F64,
    azimuth: F64,
) -> tuple[npt.NDArray[np.bool_], dict[str, npt.NDArray[Any]], F64]:
    """Let neutrinos interact.

    Returns which particles there are and their columns as in `icecol.sim.tree.Tree`, all of shape (n, 4) with
    `NEUTRINO` to `HADRONS` along the second axis, and the fraction of the energy that went to hadrons, or in a
    resonance what the W did not give to a charged lepton. The length of a muon is left open (NaN).
    """
    n = energy.size
    y = cross_sections.inelasticity(rng, energy, pdg_encoding)
    w, soft = rng.random(n), 1 - np.cbrt(rng.random(n))
    edges = np.cumsum(w_decays) / sum(w_decays)
    to_lepton = (channel == GR) & (w >= edges[0])
    y = np.where(channel == GR, np.where(to_lepton, 1 - soft, 1.0), y)
    flavor = np.where(to_lepton, 11 + 2 * np.clip(np.searchsorted(edges, w, side="right") - 1, 0, 2), 0)
    lepton = np.select(
        [channel == NC, channel == CC],
        [pdg_encoding, np.sign(pdg_encoding) * (np.abs(pdg_encoding) - 1)],
        flavor,
    )
    is_tau = np.abs(lepton) == 15
    seen, fraction = tau_decay(rng, n)
    seen = np.where(seen > 0, np.sign(lepton) * seen, seen)
    way = np.where(is_tau, rng.standard_exponential(n) * (1 - y) * energy * tau_length, 0.0)

    present = np.stack([np.ones(n, bool), lepton != 0, is_tau, (channel != GR) | ~to_lepton], axis=1)
    parents = np.broadcast_to([-1, 0, 1, 0], (n, 4))
    codes = np.stack([pdg_encoding, lepton, seen, np.full(n, tree.HADRONIC_SHOWER)], axis=1)
    share = np.stack([np.ones(n), 1 - y, (1 - y) * fraction, np.where(channel == GR, 1.0, y)], axis=1)
    ways = np.stack([np.zeros(n), np.zeros(n), way, np.zeros(n)], axis=1)
    bare = np.abs(codes)
    shape = np.select(
        [np.isin(bare, (12, 14, 16)), bare == 13, bare == 15],
        [tree.DARK, tree.STARTING_TRACK, tree.CONTAINED_TRACK],
        tree.SHOWER,
    )
    shape[:, NEUTRINO] = tree.PRIMARY
    length = np.full((n, 4), np.nan)
    length[:, LEPTON] = np.where(is_tau, way, np.nan)
    columns: dict[str, npt.NDArray[Any]] = {
        "parent": parents,
        "pdg_encoding": codes,
        "shape": shape,
        "time": time[:, None] + ways / units.c,
        "energy": energy[:, None] * share,
        "length": length,
        "zenith": np.repeat(zenith[:, None], 4, axis=1),
        "azimuth": np.repeat(azimuth[:, None], 4, axis=1),
    }
    for name, at, e in zip("xyz", position, flight(zenith, azimuth), strict=True):
        columns[name] = at[:, None] + ways * e[:, None]
    return present, columns, y
