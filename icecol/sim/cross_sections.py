"""How often neutrinos interact with ice, and which part of their energy goes to the hadrons.

Deep inelastic scattering on nucleons is that of Cooper-Sarkar, Mertsch and Sarkar (CSMS), JHEP 08 (2011) 042, for
isoscalar targets: totals from 10 to 10^9 GeV, and the inelasticity of charged currents as fits to their dsigma/dy,
which neutral currents are taken to share. Ice has 10 protons to 8 neutrons, so that a neutrino's charged-current cross
section is 3 % lower at 1 TeV and 2 % at 100 TeV. A tau's mass is neglected, which matters below 1 TeV. The scattering
of electron antineutrinos on electrons is the W resonance (Glashow) at lowest order.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

F64: TypeAlias = npt.NDArray[np.float64]

avogadro: Final = 6.02214076e23
"""Nucleons in a gram."""
electrons: Final = 10 / 18
"""Electrons of ice per nucleon."""

lowest, highest = 10.0, 1e9
"""Range of the table in GeV; cross sections are constant beyond."""

# cm^2 at 10, 100, ... 10^9 GeV
_cc: Final = (
    (5.338e-38, 6.532e-37, 6.252e-36, 4.650e-35, 2.111e-34, 6.878e-34, 1.919e-33, 4.807e-33, 1.104e-32),
    (2.014e-38, 3.318e-37, 3.554e-36, 3.105e-35, 1.775e-34, 6.595e-34, 1.905e-33, 4.801e-33, 1.104e-32),
)
_nc: Final = (
    (1.670e-38, 2.035e-37, 1.967e-36, 1.537e-35, 7.505e-35, 2.553e-34, 7.331e-34, 1.876e-33, 4.389e-33),
    (7.547e-39, 1.159e-37, 1.222e-36, 1.077e-35, 6.371e-35, 2.450e-34, 7.275e-34, 1.874e-33, 4.388e-33),
)
_tables: Final = np.log10(np.array([_cc, _nc]))

# p(y) ~ (y + y0)^-c (1 + k (1 - y)^2) at 10^3, 10^4, ... 10^8 GeV: (y0, c, k)
_inelasticity: Final = (
    (
        (0.0, -0.0534, 0.6394),
        (1.079e-2, 0.0056, 1.3130),
        (2.436e-2, 0.3241, 1.4922),
        (5.086e-3, 0.5166, 1.2149),
        (6.802e-4, 0.5665, 1.2225),
        (1.283e-4, 0.6025, 1.2520),
    ),
    ((0.0, -0.0187, 3.925), (0.5009, 0.6373, 1.944), (3.674e-2, 0.4594, 1.549)),
)

_fermi, _w_mass, _w_width, _electron_mass = 1.1663787e-5, 80.379, 2.085, 0.51099895e-3
_hbar_c2: Final = 0.38938e-27  # GeV^2 cm^2
_muon_share: Final = 0.1063  # of the decays of the W


def charged_current(energy: npt.ArrayLike, pdg_encoding: npt.ArrayLike = 12) -> F64:
    """Return the cross section per nucleon in cm^2 of charged-current scattering.

    Parameters
    ----------
    energy
        Energies in GeV. The table has one value per decade, between which a cubic interpolates the logarithms.
    pdg_encoding
        PDG codes of neutrinos or antineutrinos, whose flavor does not matter.

    Examples
    --------
    >>> charged_current([1e3, 1e5], [14, -14])
    array([6.252e-36, 1.775e-34])
    """
    return _total(0, energy, pdg_encoding)


def neutral_current(energy: npt.ArrayLike, pdg_encoding: npt.ArrayLike = 12) -> F64:
    """Return the cross section per nucleon in cm^2 of neutral-current scattering; arguments as `charged_current`."""
    return _total(1, energy, pdg_encoding)


def glashow(energy: npt.ArrayLike, pdg_encoding: npt.ArrayLike = -12) -> F64:
    """Return the cross section per nucleon of ice in cm^2 of the W resonance; 0 for all but electron antineutrinos.

    Examples
    --------
    >>> float((glashow(6.3217e6) / electrons).round(33))
    5.08e-31
    """
    e, pdg = np.broadcast_arrays(np.asarray(energy, float), np.asarray(pdg_encoding))
    s, m2 = 2 * _electron_mass * e, _w_mass**2
    muon = _fermi**2 * s * m2 * m2 / (3 * math.pi * ((s - m2) ** 2 + _w_width**2 * m2))
    return np.where(pdg == -12, muon * _hbar_c2 / _muon_share * electrons, 0.0)


def total(energy: npt.ArrayLike, pdg_encoding: npt.ArrayLike = 12) -> F64:
    """Return the sum of all cross sections per nucleon of ice in cm^2; arguments as `charged_current`."""
    parts = (f(energy, pdg_encoding) for f in (charged_current, neutral_current, glashow))
    return np.asarray(sum(parts))


def _total(which: int, energy: npt.ArrayLike, pdg_encoding: npt.ArrayLike) -> F64:
    e, pdg = np.broadcast_arrays(np.asarray(energy, float), np.asarray(pdg_encoding))
    x = np.clip(np.log10(e), math.log10(lowest), math.log10(highest)) - math.log10(lowest)
    table = _tables[which]
    n = table.shape[1]
    i = np.clip(x.astype(np.int64), 0, n - 2)
    # the cubic through the four points around, or at the ends the nearest four
    first = np.clip(i - 1, 0, n - 4)
    kind = (pdg < 0).astype(np.int64)
    out = np.zeros(e.shape)
    for j in range(4):
        factor = np.ones(e.shape)
        for k in range(4):
            if k != j:
                factor = factor * (x - first - k) / (j - k)
        out = out + factor * table[kind, first + j]
    return np.asarray(10**out)


def _quantiles(y0: float, c: float, k: float) -> F64:
    """Return the inelasticities below which 0, 1/n, ... 1 of the interactions lie."""
    y = np.concatenate([[0], np.geomspace(1e-9, 1, 20_001)])
    middle = (y[1:] + y[:-1]) / 2
    part = (middle + y0) ** -c * (1 + k * (1 - middle) ** 2) * np.diff(y)
    sums = np.concatenate([[0], np.cumsum(part)])
    return np.interp(np.linspace(0, 1, 4097) ** 2, sums / sums[-1], y)


_rows: Final = tuple(np.array([_quantiles(*row) for row in rows]) for rows in _inelasticity)


def inelasticity(rng: np.random.Generator, energy: F64, pdg_encoding: npt.NDArray[np.integer]) -> F64:
    """Draw the fraction of the energy that goes to the hadrons, for each neutrino.

    Between the energies of the table, one of the two next to it is drawn, with odds linear in the logarithm; below
    1 TeV and above 100 PeV (antineutrinos: above 100 TeV, where they are as neutrinos) the last one holds.
    """
    u, which = rng.random(energy.size), rng.random(energy.size)
    row = np.floor(np.clip(np.log10(energy) - 3, 0, 5) + which).astype(np.int64)
    nu = _at(_rows[0], np.minimum(row, 5), u)
    anti = _at(_rows[1], np.minimum(row, 2), u)
    return np.where((pdg_encoding < 0) & (row < 3), anti, nu)


def _at(rows: F64, row: npt.NDArray[np.int64], u: F64) -> F64:
    place = np.sqrt(u) * (rows.shape[1] - 1)
    i = np.minimum(place.astype(np.int64), rows.shape[1] - 2)
    low, high = rows[row, i], rows[row, i + 1]
    return np.asarray(low + (place - i) * (high - low))
