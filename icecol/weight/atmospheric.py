"""Atmospheric neutrinos in closed form: conventional ones from pions and kaons, prompt ones from charm."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

import polars as pl

from icecol.weight.flux import Flux, of_types

Conventional: TypeAlias = Literal["honda2006_h3a", "h3a_sibyll23c"]
Prompt: TypeAlias = Literal["ers_h3a", "berss_h3p"]


class _Conventional(NamedTuple):
    """Parameters of phi = norm (E / TeV)^-index [pions + kaons] with a knee."""

    norm: float
    steepness: float
    pion: float
    kaon_share: float
    kaon: float
    knee: float
    softening: float
    powers: tuple[float, float]


class _Prompt(NamedTuple):
    """Parameters of phi = norm (E / 100 TeV)^-index with a smooth knee."""

    norm: float
    steepness: float
    knee: float
    softening: float
    smoothness: float


NUMU: Final = MappingProxyType(
    {
        "honda2006_h3a": _Conventional(
            1.4760e-10, 2.7129, 6.227, 0.3513, 1.147, 1.5576e5, 0.5342, (1.2668, 0.9460)
        ),
        "h3a_sibyll23c": _Conventional(
            1.5161e-10, 2.6807, 6.909, 0.3544, 1.267, 9.0970e4, 0.5154, (1.2397, 0.9453)
        ),
    }
)
NUE: Final = _Conventional(3.7561e-11, 2.7420, 11.53, 0.02557, 0.9092, 1.8051e5, 0.5309, (1.2671, 0.9197))
ANTI: Final = MappingProxyType({14: 0.366, 12: 0.443})
"""Fraction of antineutrinos among Honda's muon and electron neutrinos at 10 TeV and cos(zenith) = -0.5."""
PROMPT: Final = MappingProxyType(
    {
        "ers_h3a": _Prompt(8.8330e-19, 2.5011, 1.0755e5, 0.9286, 1.1776),
        "berss_h3p": _Prompt(3.0652e-19, 2.5108, 4.5590e4, 0.5982, 1.9866),
    }
)


def effective_cosine(cos_zenith: pl.Expr) -> pl.Expr:
    """Return the cosine of the zenith angle where the air shower is, above a curved Earth (D. Chirkin, hep-ph/0407078).

    >>> pl.select(effective_cosine(pl.lit(0.0)).round(3)).item()
    0.103
    """
    p0, p1, p2, p3, p4 = 0.102573, -0.068287, 0.958633, 0.0407253, 0.817285
    c = cos_zenith.abs()
    total = c * c + p0**2 + p1 * c.pow(p2) + p3 * c.pow(p4)
    return (total / (1 + p0**2 + p1 + p3)).sqrt()


def conventional(model: Conventional = "honda2006_h3a") -> Flux:
    """Make the flux of atmospheric neutrinos from pions and kaons, in a closed form fitted to tabulated models.

    phi = A (E / TeV)^-g [1 / (1 + B1 E c1 / 115) + eta / (1 + B2 E c2 / 850)] (1 + (E / Ek)^2)^(-d / 2), with c1 and c2
    powers of the cosine at the shower. It is the same from above and below. It is split into neutrinos and
    antineutrinos as in Honda's model at 10 TeV, 63:37 for muon and 56:44 for electron neutrinos; at 100 GeV he has
    up to 28 % more muon antineutrinos than this, and up to 13 % fewer muon neutrinos. There are no tau neutrinos.

    Parameters
    ----------
    model
        The model that is fitted: `honda2006_h3a` is Honda et al. (2006) with the knee of H3a, within 7 % from 100 GeV
        to 1 PeV for neutrinos and antineutrinos together (electron neutrinos: 4 % from 1 TeV; below, muon decay adds to
        them). `h3a_sibyll23c` is H3a with SIBYLL 2.3c, within 15 %, for muon neutrinos; the electron neutrinos remain
        Honda's.

    Examples
    --------
    >>> from icecol import weight
    >>> flux = weight.conventional()
    >>> both = flux.at(1e4, -0.5, 14) + flux.at(1e4, -0.5, -14)
    >>> f"{both:.3e} GeV^-1 cm^-2 s^-1 sr^-1"
    '1.373e-14 GeV^-1 cm^-2 s^-1 sr^-1'
    """
    _known("model", model, NUMU)
    by_flavor = {14: NUMU[model], 12: NUE}

    def value(energy: pl.Expr, cos_zenith: pl.Expr, pdg_encoding: pl.Expr) -> pl.Expr:
        values: dict[int, pl.Expr] = {}
        for code, parameters in by_flavor.items():
            both = _conventional(energy, cos_zenith, parameters)
            values |= {code: both * (1 - ANTI[code]), -code: both * ANTI[code]}
        return of_types(values, pdg_encoding)

    return Flux(value)


def _conventional(energy: pl.Expr, cos_zenith: pl.Expr, p: _Conventional) -> pl.Expr:
    c = effective_cosine(cos_zenith)
    pions = 1 / (1 + p.pion * energy * c.pow(p.powers[0]) / 115)
    kaons = p.kaon_share / (1 + p.kaon * energy * c.pow(p.powers[1]) / 850)
    knee = (1 + (energy / p.knee).pow(2)).pow(-p.softening / 2)
    return p.norm * (energy / 1e3).pow(-p.steepness) * (pions + kaons) * knee


def prompt(model: Prompt = "ers_h3a") -> Flux:
    """Make the flux of atmospheric neutrinos from charm, in a closed form fitted to tabulated models.

    It is isotropic, the same for electron and muon neutrinos, and for antineutrinos; tau neutrinos are left out.

    Parameters
    ----------
    model
        The model that is fitted from 1 TeV to 10 PeV: `ers_h3a` is Enberg et al. (2008) with the knee of H3a, within
        3.4 %; `berss_h3p` is Bhattacharya et al. (2015) with H3p, within 14 %.

    Examples
    --------
    >>> from icecol import weight
    >>> flux = weight.prompt()
    >>> f"{flux.at(1e5, 0.3, 14) + flux.at(1e5, 0.3, -14):.2e}"
    '5.29e-19'
    """
    _known("model", model, PROMPT)
    p = PROMPT[model]

    def value(energy: pl.Expr, _cos_zenith: pl.Expr, pdg_encoding: pl.Expr) -> pl.Expr:
        knee = (1 + (energy / p.knee).pow(p.smoothness)).pow(-p.softening / p.smoothness)
        each = 0.5 * p.norm * (energy / 1e5).pow(-p.steepness) * knee
        return of_types(dict.fromkeys((12, -12, 14, -14), each), pdg_encoding)

    return Flux(value)


def _known(name: str, value: str, values: object) -> None:
    names = list(values)  # type: ignore[call-overload]
    if value not in names:
        msg = f"`{name}` must be {' or '.join(map(repr, names))}; found {value!r}"
        raise ValueError(msg)
