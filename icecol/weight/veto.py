"""Self-veto: how often an atmospheric neutrino from above arrives without a muon that reaches the detector.

S. Schoenert et al., Phys. Rev. D 79 (2009) 043009; T. Gaisser, K. Jero, A. Karle and J. van Santen, Phys. Rev. D 90
(2014) 023009. The muon of the neutrino's own meson counts for conventional muon neutrinos; muons from the other
branches of the shower count for all. Integral yields of showers are Elbert's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from icecol.weight.atmospheric import effective_cosine
from icecol.weight.cosmic_rays import CUTOFFS, H3A
from icecol.weight.flux import Flux, from_function, of_types, tabulated

F64: TypeAlias = npt.NDArray[np.float64]
Parent: TypeAlias = Literal["numu", "nue", "charm"]

SURFACE_RADIUS: Final = 6_373_715.0
"""Distance (m) of the surface of the ice from the centre of the Earth."""
DEPTH: Final = 1950.0
"""Depth (m) of the detector's centre."""


class _Yield(NamedTuple):
    """Elbert's yield of particles above E of a shower, per nucleon: norm x^-p1 (1 - x^p3)^p2, x = E / (E0 / A).

    Those of pions and kaons are multiplied with the chance to decay, 1 / (E0 / A cos(zenith)).
    """

    norm: float
    p1: float
    p2: float
    p3: float


MUONS: Final = _Yield(49.41899, 1.62585930, 4.93826531, 0.58038589)
YIELDS: Final[Mapping[str, _Yield]] = MappingProxyType(
    {
        "numu": _Yield(79.91883, 1.46284463, 4.37990611, 0.31657956),
        "nue": _Yield(0.548, 1.669, 8.05, 0.722),
        "charm": _Yield(7.8035285e-4, 0.60444756, 7.34614905, 0.76688387),
    }
)


def overburden(cos_zenith: npt.ArrayLike, depth: float = DEPTH) -> F64:
    """Return the length (m) of ice and rock between the surface and the detector, along a direction.

    >>> overburden([1.0, 0.5]).round()
    array([1950., 3898.])
    """
    c, r = np.asarray(cos_zenith, float), SURFACE_RADIUS
    return np.asarray(np.sqrt(2 * r * depth + (c * (r - depth)) ** 2 - depth**2) - (r - depth) * c)


def surface_energy(cos_zenith: npt.ArrayLike, muon_energy: float = 1e3, depth: float = DEPTH) -> F64:
    """Return the energy (GeV) at the surface of a muon that has `muon_energy` left in half of the cases.

    >>> float(surface_energy(1.0).round())
    2386.0
    """
    x, length = np.log10(muon_energy), overburden(cos_zenith, depth)
    a = 2.793 - 0.476 * x + 0.187 * x**2
    b = 2.069 - 0.201 * x + 0.023 * x**2
    q = -2.689 + 3.882 * x
    with np.errstate(over="ignore"):
        return np.asarray(10.0 ** (a + b * 1e-4 * length + q * 1e-10 * length**2))


def passing_fraction(
    energy: npt.ArrayLike,
    cos_zenith: npt.ArrayLike,
    parent: Parent = "numu",
    *,
    muon_energy: float = 1e3,
    depth: float = DEPTH,
) -> F64:
    """Return the fraction of atmospheric neutrinos without a muon above an energy at the detector.

    Parameters
    ----------
    energy
        Energies of the neutrinos in GeV, broadcast with `cos_zenith`.
    cos_zenith
        Cosines of zenith angles. From below the horizon the fraction is 1.
    parent
        `numu` and `nue` from pions and kaons, or `charm` for prompt neutrinos of either flavour.
    muon_energy
        Energy (GeV) at the detector above which a muon is seen.
    depth
        Depth of the detector in m.

    Examples
    --------
    >>> passing_fraction([1e4, 1e5], 0.5, "nue").round(3)
    array([0.781, 0.458])
    """
    if parent not in YIELDS:
        msg = f"`parent` must be one of {', '.join(map(repr, YIELDS))}; found {parent!r}"
        raise ValueError(msg)
    e, c = np.broadcast_arrays(np.asarray(energy, float), np.asarray(cos_zenith, float))
    out = _without_others(e, c, parent, muon_energy, depth)
    return out * _without_own(e, c, muon_energy, depth) if parent == "numu" else out


def self_veto(*, prompt: bool = False, muon_energy: float = 1e3, depth: float = DEPTH) -> Flux:
    """Make the factor by which the self-veto reduces an atmospheric flux: multiply the flux by it.

    It interpolates a table of `passing_fraction`, to 0.004.

    Parameters
    ----------
    prompt
        The flux comes from charm rather than from pions and kaons.
    muon_energy, depth
        As for `passing_fraction`.

    Examples
    --------
    >>> from icecol import weight
    >>> factor = weight.self_veto()
    >>> flux = weight.conventional() * factor + weight.prompt() * weight.self_veto(prompt=True)
    >>> factor.at(1e4, [0.5, -0.5], 12).round(2)
    array([0.78, 1.  ])
    """
    own = from_function(lambda e, c, _p: _without_own(e, c, muon_energy, depth))

    def value(energy: pl.Expr, cos_zenith: pl.Expr, pdg_encoding: pl.Expr) -> pl.Expr:
        e = energy.clip(10.0 ** _LOG_ENERGY[0], 10.0 ** _LOG_ENERGY[-1])
        at = (e, cos_zenith.clip(0.0, 1.0), pdg_encoding)
        if prompt:
            return _table("charm", muon_energy, depth)(*at)
        numu, nue = (_table(parent, muon_energy, depth)(*at) for parent in ("numu", "nue"))
        numu = numu * own(energy, cos_zenith, pdg_encoding)
        return of_types({14: numu, -14: numu, 12: nue, -12: nue}, pdg_encoding)

    return Flux(value)


_LOG_ENERGY: Final = np.linspace(1, 9, 41)
_COS_ZENITH: Final = np.concatenate([np.arange(0, 0.3, 0.01), np.linspace(0.3, 1, 21)])


@lru_cache(maxsize=16)
def _table(parent: Parent, muon_energy: float, depth: float) -> Flux:
    energy = 10**_LOG_ENERGY
    e, c = np.broadcast_arrays(energy[:, None], _COS_ZENITH)
    return tabulated(energy, _without_others(e, c, parent, muon_energy, depth), cos_zenith=_COS_ZENITH)


def _without_own(energy: F64, cos_zenith: F64, muon_energy: float, depth: float) -> F64:
    """Return the chance that the muon of the neutrino's own pion or kaon does not reach the detector."""
    out = np.ones(energy.shape)
    down = cos_zenith > 0
    e, c = energy[down], cos_zenith[down]
    out[down] = _correlated(e, _effective_cosine(c), surface_energy(c, muon_energy, depth))
    return out


def _without_others(energy: F64, cos_zenith: F64, parent: Parent, muon_energy: float, depth: float) -> F64:
    """Return the chance that no muon of another branch reaches the detector."""
    out = np.ones(energy.shape)
    down = cos_zenith > 0
    e, c = energy[down], cos_zenith[down]
    out[down] = _uncorrelated(e, _effective_cosine(c), surface_energy(c, muon_energy, depth), parent)
    return out


def _uncorrelated(energy: F64, cosine: F64, at_surface: F64, parent: Parent) -> F64:
    """Average the chance that a shower has no other muon at the detector over all that make the neutrino."""
    edges = np.logspace(0, 3, 101)
    grid, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    per_nucleon = energy[..., None] * grid
    x, y = 1 / grid, np.minimum(at_surface[..., None] / per_nucleon, 1.0)
    of = YIELDS[parent]
    shape = _yield(of, x) * (of.p1 / x + of.p2 * of.p3 * x ** (of.p3 - 1) / (1 - x**of.p3)) * widths / grid
    decay = 1 / (per_nucleon * cosine[..., None])
    muons = _yield(MUONS, y) * decay
    made = shape if parent == "charm" else shape * decay
    total, passed = np.zeros(energy.shape), np.zeros(energy.shape)
    for nucleus in H3A.values():
        e0 = per_nucleon * nucleus.mass
        flux = sum(
            norm * e0**-index * np.exp(-e0 / (nucleus.charge * cutoff))
            for norm, index, cutoff in zip(nucleus.norms, nucleus.indices, CUTOFFS, strict=True)
        )
        each = flux * made * nucleus.mass**2  # of its nucleons, and of the width in energy
        total += each.sum(axis=-1)
        passed += (each * np.exp(-nucleus.mass * muons)).sum(axis=-1)
    return passed / total


def _yield(of: _Yield, x: F64) -> F64:
    return of.norm * x**-of.p1 * (1 - x**of.p3) ** of.p2


def _correlated(energy: F64, cosine: F64, at_surface: F64) -> F64:
    """Return the share of the flux whose sibling muon has less than an energy at the surface."""
    gamma, nucleon = 1.7, 120.0
    whole, above = np.zeros(energy.shape), np.zeros(energy.shape)
    for r, length, z, critical, branch in (
        (0.5731, 160.0, 0.079, 115.0, 1.0),
        (0.0458, 180.0, 0.0118, 850.0, 0.635),
    ):
        a = z * (1 - r) ** gamma / (gamma + 1)
        b = (gamma + 2) / (gamma + 1) * (length - nucleon) / (length * np.log(length / nucleon) * (1 - r))
        whole += branch * a / (1 + b * cosine * energy / critical)
        least = np.maximum(1 + at_surface / energy, 1 / (1 - r))
        a_above = z / ((1 - r) * (gamma + 1) * least ** (gamma + 1))
        above += branch * a_above / (1 + least * b * (1 - r) * cosine * energy / critical)
    return np.asarray(1 - above / whole)


def _effective_cosine(cos_zenith: F64) -> F64:
    frame = pl.DataFrame({"c": cos_zenith.ravel()})
    return frame.select(effective_cosine(pl.col("c"))).to_series().to_numpy().reshape(cos_zenith.shape)
