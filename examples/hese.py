"""How IceCube's high-energy starting events are seen: simulated neutrinos, as far as published figures allow.

The effective areas of 2013 say how many neutrinos of an energy are seen, averaged over the sky. What deposited energy
and topology they have, and from where, is simulated here with what is known of the interactions:

- A neutrino crosses the Earth (PREM) or is absorbed in it (the CSMS cross sections, arXiv:1106.3723); tau neutrinos
  are not regenerated.
- It interacts by a charged or neutral current, with an inelasticity from the same cross sections. What it deposits is
  the electron's energy, the light of the hadrons, a seventh of a muon's energy, or what a tau's decay leaves; at the
  Glashow resonance all of it.
- An event of little deposited energy is seen less often. The threshold, `SEEN`, is the one that makes the effective
  areas of the three flavors out of the cross sections: with it, all three come out within 8 % (r.m.s.) from 25 TeV to
  3 PeV.
- Energies are seen within 11 % (the median error of the 28 events), showers within 15 degrees, tracks within 1.
- 70 % of the muon neutrinos with charged currents look like tracks. This share is an assumption.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import erf

PUBLISHED = Path(__file__).parent / "published"
LEAST = 4.12
"""Least log10 of the energy (GeV) of the neutrinos that are seen: the first bin of the areas."""
DAY = 86400.0
TRACKS = 0.7
RESOLUTION = 0.11

LOG_ENERGY = np.array([4.0, 5, 6, 7])
CROSS_SECTIONS = {  # log10 E / GeV as above, cm^2 per nucleon: charged and neutral current (CSMS)
    1: np.array(
        [[4.650e-35, 1.537e-35], [2.111e-34, 7.505e-35], [6.878e-34, 2.553e-34], [1.919e-33, 7.331e-34]]
    ),
    -1: np.array(
        [[3.105e-35, 1.077e-35], [1.775e-34, 6.371e-35], [6.595e-34, 2.450e-34], [1.905e-33, 7.275e-34]]
    ),
}
INELASTICITY = {  # the same energies: y0, c and k of p(y) ~ (y + y0)^-c [1 + k (1 - y)^2]
    1: np.array(
        [
            [1.079e-2, 0.0056, 1.3130],
            [2.436e-2, 0.3241, 1.4922],
            [5.086e-3, 0.5166, 1.2149],
            [6.802e-4, 0.5665, 1.2225],
        ]
    ),
    -1: np.array(
        [
            [0.5009, 0.6373, 1.944],
            [3.674e-2, 0.4594, 1.549],
            [5.086e-3, 0.5166, 1.2149],
            [6.802e-4, 0.5665, 1.2225],
        ]
    ),
}
PREM = (  # outer radius in km, density in g/cm^3 as a polynomial of r / 6371 km
    (1221.5, (13.0885, 0, -8.8381)),
    (3480.0, (12.5815, -1.2638, -3.6426, -5.5281)),
    (5701.0, (7.9565, -6.4761, 5.5283, -3.0807)),
    (5771.0, (5.3197, -1.4836)),
    (5971.0, (11.2494, -8.0298)),
    (6151.0, (7.1089, -3.8045)),
    (6346.6, (2.691, 0.6924)),
    (6356.0, (2.9,)),
    (6371.324, (2.65,)),
    (6374.134, (0.92,)),
)
DETECTOR = 6374.134 - 1.948
"""Radius of the detector in km."""
AVOGADRO = 6.02214e23


def column(cos_zenith: np.ndarray) -> np.ndarray:
    """Return the matter between the detector and the surface in g/cm^2."""
    c, top = np.asarray(cos_zenith), PREM[-1][0]
    length = np.sqrt((c * DETECTOR) ** 2 + top**2 - DETECTOR**2) - c * DETECTOR
    steps = (np.arange(2000) + 0.5) / 2000
    s = length[:, None] * steps
    r = np.sqrt(DETECTOR**2 + s**2 + 2 * DETECTOR * s * c[:, None])
    density = np.zeros_like(r)
    for outer, terms in reversed(PREM):
        density = np.where(r < outer, np.polynomial.polynomial.polyval(r / 6371, terms), density)
    return density.mean(axis=1) * length * 1e5


def cross_sections(energy: np.ndarray, sign: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cross sections of charged and neutral currents in cm^2 per nucleon."""
    x = np.log10(energy)
    return tuple(
        np.where(
            sign > 0, *(10 ** np.interp(x, LOG_ENERGY, np.log10(CROSS_SECTIONS[s][:, i])) for s in (1, -1))
        )
        for i in (0, 1)
    )


def inelasticities(rng: np.random.Generator, energy: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """Draw the inelasticity of each interaction."""
    y = (np.arange(1000) + 0.5) / 1000
    out = np.empty(energy.size)
    group = np.round(10 * np.log10(energy)).astype(int) * np.sign(sign)
    for which in np.unique(group):
        here = group == which
        table = INELASTICITY[1 if which > 0 else -1]
        y0, c, k = (np.interp(abs(which) / 10, LOG_ENERGY, table[:, i]) for i in range(3))
        density = (y + y0) ** -c * (1 + k * (1 - y) ** 2)
        out[here] = np.interp(rng.uniform(0, density.sum(), here.sum()), density.cumsum(), y)
    return out


def hadronic(energy: np.ndarray) -> np.ndarray:
    """Return the energy of the electrons that make as much light as hadrons of an energy (GeV)."""
    return energy * (1 - (np.maximum(energy, 2.72) / 0.18792) ** -0.16268 * (1 - 0.30974))


def deposited(
    rng: np.random.Generator, flavor: np.ndarray, charged: np.ndarray, energy: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the deposited energy (GeV, of electrons) and whether there is a muon track."""
    lepton = (1 - y) * energy
    muon, tau = charged & (flavor == 14), charged & (flavor == 16)
    decay = rng.choice(3, energy.size, p=[0.178, 0.174, 0.648])  # to electron, muon, hadrons
    of_tau = np.choose(decay, [0.3 * lepton, 0.3 * MUON * lepton, hadronic(0.6 * lepton)])
    light = np.select(
        [~charged, flavor == 12, muon, tau], [0 * energy, lepton, MUON * lepton, of_tau], 0 * energy
    )
    return hadronic(y * energy) + light, muon | (tau & (decay == 1))


MUON = 0.15
"""Share of its energy that a muon loses on 450 m of ice: 1 - exp(-0.363 / km x 0.45 km)."""
SEEN = (4.917, 0.275)
"""Deposited energy (log10 of GeV) at which half of the events are seen, and width of the threshold."""


def seen(energy: np.ndarray) -> np.ndarray:
    """Return how often an event of a deposited energy (GeV) is selected, relative to one of much energy."""
    middle, width = SEEN
    return 0.5 * (1 + erf((np.log10(energy) - middle) / (np.sqrt(2) * width)))


def glashow(energy: np.ndarray) -> np.ndarray:
    """Return the cross section of electron antineutrinos with electrons, in cm^2 per nucleon of ice."""
    s, mass, width = 2 * 0.511e-3 * energy, 80.379, 2.085
    one = (
        1.1663787e-5**2 * s * mass**4 / (3 * np.pi * ((s - mass**2) ** 2 + (width * mass) ** 2)) * 0.38938e-27
    )
    return one / 0.1063 * 10 / 18


def turned(rng: np.random.Generator, cosine: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Return the cosine of directions that are off by an angle in a random direction."""
    sine = np.sqrt(1 - cosine**2)
    return cosine * np.cos(angle) + sine * np.sin(angle) * np.cos(rng.uniform(0, 2 * np.pi, cosine.size))


def neutrinos(n: int, seed: int) -> pl.DataFrame:
    """Simulate neutrinos of all types: what they were, how they are seen, and the `weight` of each.

    The weight is in GeV cm^2 s sr for a day: times a flux per type, it is the expected number of events in a day.
    """
    rng = np.random.default_rng(seed)
    flavor, sign = rng.choice([12, 14, 16], n), rng.choice([-1, 1], n)
    log_energy, cosine = rng.uniform(LEAST, 7.0, n), rng.uniform(-1, 1, n)
    energy = 10**log_energy
    charged_current, neutral_current = cross_sections(energy, sign)
    resonant = np.where((flavor == 12) & (sign < 0), glashow(energy), 0.0)
    total = charged_current + neutral_current + resonant
    kind = rng.uniform(0, total)
    charged, at_resonance = kind < charged_current, kind > charged_current + neutral_current
    y = inelasticities(rng, energy, sign)
    light, track = deposited(rng, flavor, charged, energy, y)
    light = np.where(at_resonance, energy, light)

    grid = np.linspace(-1, 1, 2001)
    crossed = np.exp(-np.interp(cosine, grid, column(grid)) * AVOGADRO * total)
    relative = total * crossed * seen(light)
    areas = pl.read_csv(PUBLISHED / "areas_2013.csv", comment_prefix="#")
    number = np.minimum(((log_energy - LEAST) / 0.08).astype(int), areas.height - 1)
    weight = np.zeros(n)
    for code, name in ((12, "nue"), (14, "numu"), (16, "nutau")):
        own = flavor == code
        sums = np.bincount(number[own], relative[own], areas.height)
        counts = np.bincount(number[own], minlength=areas.height)
        share = relative[own] * (counts / np.maximum(sums, 1e-300))[number[own]]
        # drawn flat in log10(energy), on the whole sky, with either sign: 6 types share n
        weight[own] = areas[name].to_numpy()[number[own]] * share * 6 / n
    weight *= 1e4 * DAY * 4 * np.pi * energy * np.log(10) * (7.0 - LEAST)

    track &= rng.uniform(size=n) < TRACKS
    median = np.radians(np.where(track, 1.0, 15.0))
    angle = median / 1.1774 * rng.rayleigh(size=n)
    return pl.DataFrame(
        {
            "pdg_encoding": sign * flavor,
            "true_energy": energy,
            "cos_zenith": cosine,
            "energy": light * rng.lognormal(0.0, RESOLUTION, n),
            "sin_dec": -turned(rng, cosine, np.minimum(angle, np.pi)),
            "topology": np.where(track, "track", "shower"),
            "weight": weight,
        }
    )


def muons(n: int, seed: int, index: float = 3.8, tracks: float = 0.9) -> pl.DataFrame:
    """Simulate atmospheric muons that pass the veto unseen; the weights add up to 1.

    There is no published shape. The deposited energy is a power law, by default with the index of the energies of
    single muons at depth (Becherini et al., hep-ph/0507228: 3.8 at 2 km), and seen above the same threshold as
    neutrinos; the directions are those of the muons at depth above 30 TeV; a share of the muons looks like tracks.
    """
    rng = np.random.default_rng(seed)
    energy = 10 ** rng.uniform(4, 7, n)
    depth = 0.2 * 0.832 + (1.95 - 0.2) * 0.917  # km of water
    grid = (np.arange(1000) + 0.5) / 1000
    cosine = rng.choice(grid, n, p=(flux := muon_flux(depth, grid)) / flux.sum())
    track = rng.uniform(size=n) < tracks
    angle = np.radians(np.where(track, 1.0, 15.0)) / 1.1774 * rng.rayleigh(size=n)
    weight = seen(energy) * energy ** (1 - index)  # as many are drawn in each decade
    return pl.DataFrame(
        {
            "energy": energy * rng.lognormal(0.0, RESOLUTION, n),
            "sin_dec": -turned(rng, cosine, np.minimum(angle, np.pi)),
            "topology": np.where(track, "track", "shower"),
            "weight": weight / weight.sum(),
        }
    )


def muon_flux(h: float, c: np.ndarray, least: float = 30.0) -> np.ndarray:
    """Return the flux of muons above an energy (TeV) at a depth (km of water), up to a factor (Becherini et al.)."""
    flux = c * np.exp((-0.581 * h + 0.034) / c)
    index = -0.232 * np.log(h) + 3.961
    critical = 0.0304 * np.exp(0.359 * h) / c - 0.0077 * h + 0.659
    lost = critical * (1 - np.exp(-0.42 * h / c))
    return flux * (1 + least / lost) ** (1 - index)


def events(name: str) -> pl.DataFrame:
    """Return published events with the columns of the simulation, energies in GeV."""
    table = pl.read_csv(PUBLISHED / f"events_{name}.csv", comment_prefix="#")
    return table.with_columns(
        pl.col("energy", "^minus|plus$") * 1e3, sin_dec=pl.col("declination").radians().sin()
    )
