"""The light of a muon at DOMs around its track: yield, transport through bulk ice, and acceptance.

A muon of energy E gives the light of 1.22 + 1.36e-3 E/GeV bare tracks, the second term from its losses, smeared out
along the track. In ice of effective scattering length l_e and absorption length l_a, with the propagation
length l_p = sqrt(l_a l_e / 3) and the crossover l_m = (l_e e^(l_e/l_a) / (3 sin theta_c))^2 2 / (pi l_p), a DOM with
photon counting area A at distance d sees on average

    N photons/m A / (2 pi sin theta_c) e^(-d/l_p) / (sqrt(l_m d) tanh sqrt(d/l_m))

photoelectrons from N bare tracks: the 1/d of a Cherenkov cone close by, diffusion further out.

References
----------
IceCube, Nucl. Instrum. Meth. A 703 (2013) 190, arXiv:1208.3430: light at a distance. Rädel and Wiebusch, Astropart.
Phys. 38 (2012) 53 and 44 (2013) 102: light of muons and cascades.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from icecol.detector.medium import n_ice_phase
from icecol.jit.cache import kept
from icecol.jit.function import compiled
from icecol.reco.kernels.cherenkov import closest_approach_distance, distance_along_track

sin_cherenkov: Final = math.sqrt(1 - 1 / n_ice_phase**2)
tan_cherenkov: Final = sin_cherenkov * n_ice_phase

photons: Final = 2 * math.pi / 137.036 * sin_cherenkov**2 * (1 / 300e-9 - 1 / 600e-9)
"""Cherenkov photons per metre of track between 300 and 600 nm (Frank and Tamm): about 3.3e4."""

bare_muon: Final = 1.22
muon_slope: Final = 1.36e-3
"""Light of a muon in units of a bare track: 1.22 + 1.36e-3 E/GeV."""

track_per_gev: Final = 4.9
"""Length of bare track (m) per GeV that gives the light of an electromagnetic cascade in ice."""

nearest: Final = 1.0
"""Lower bound of the distance of a DOM, in m."""


class Light(NamedTuple):
    """Light of one bare track in some ice: photoelectrons times metres close by, and lengths in m."""

    near: float
    propagation: float
    crossover: float
    scattering: float


def bare_track(area: float, scattering: float, absorption: float) -> Light:
    """Return the light of a bare track; `area` is the photon counting area of a standard DOM in m^2."""
    propagation = math.sqrt(absorption * scattering / 3)
    mean_free = scattering / 3 * math.exp(scattering / absorption)
    crossover = (mean_free / sin_cherenkov) ** 2 * 2 / (math.pi * propagation)
    return Light(photons * area / (2 * math.pi * sin_cherenkov), propagation, crossover, scattering)


@kept(error_model="numpy")
def at_distance(near: float, propagation: float, crossover: float, d: float) -> float:
    """Return the mean number of photoelectrons `d` m from a track; close by it is near / d."""
    d = max(d, nearest)
    root = math.sqrt(crossover * d)
    return near * math.exp(-d / propagation) / (root * math.tanh(math.sqrt(d / crossover)))


@kept(error_model="numpy")
def acceptance(upward: float, path: float, scattering: float) -> float:
    """Return the sensitivity of a PMT that faces down to light whose direction has the z component `upward`.

    Relative to the average over directions: 1 + 0.7 cos for light that has not scattered on its path (m), flat for the
    rest.
    """
    return 1 + 0.7 * upward * math.exp(-path / scattering)


@compiled
def seen_and_expected(charge, omkey, track, sensors, light, reach):
    """Return what each DOM within `reach` m of the track saw, and what it would see of a bare track.

    The pulses of the event are sorted by omkey, as are the DOMs: omkey, x, y, z (m), facing (minus the z component of
    the direction that the PMT faces), efficiency (relative). Returns the charge (PE; pulses without a positive charge
    left out), the photoelectrons expected from a bare track, the distance to the track and the position along it (m).
    """
    key, x, y, z, facing, efficiency = sensors
    seen, expected, distance, place = np.empty((4, key.size))
    n, j = 0, 0
    for k in range(key.size):
        q = 0.0
        while j < omkey.size and omkey[j] <= key[k]:
            if omkey[j] == key[k] and charge[j] > 0.0 and math.isfinite(charge[j]):
                q += charge[j]
            j += 1
        d = closest_approach_distance(track, x[k], y[k], z[k])
        if not d <= reach:
            continue
        s = distance_along_track(track, x[k], y[k], z[k])
        path = d / sin_cherenkov
        upward = 0.0
        if path > 0.0:
            upward = facing[k] * (z[k] - track.z - (s - d / tan_cherenkov) * track.ez) / path
        seen[n], distance[n], place[n] = q, d, s
        expected[n] = (
            efficiency[k]
            * at_distance(light.near, light.propagation, light.crossover, d)
            * acceptance(upward, path, light.scattering)
        )
        n += 1
    return seen[:n], expected[:n], distance[:n], place[:n]
