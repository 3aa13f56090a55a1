"""Amount and arrival time of Cherenkov light at a DOM: muon tracks and cascades in homogeneous ice.

The ice is one block of scattering length 33.29 m and absorption length 98 m, the bulk values of the Pandel
time distribution in its hole-ice model 2 (the model of IceCube's classic track likelihoods); there are no dust
layers. Muons are infinite tracks with the mean light of their stochastic losses spread evenly along them (see
`icecol.sim.losses` for drawn ones), and cascades are points. The sources of all numbers are given with the
constants.

The functions are numba kernels for one source and one DOM.

References
----------
Pandel, diploma thesis, Humboldt University Berlin (1996), and AMANDA, NIM A524 (2004) 169: arrival times.
IceCube, NIM A703 (2013) 190: mean light at a distance, between the 1/d of a cone and diffusion.
Rädel and Wiebusch, Astropart. Phys. 38 (2012) 53: light yield and angular profile of cascades.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from icecol import units
from icecol.detector import medium
from icecol.jit.cache import kept
from icecol.reco.kernels import muon_light
from icecol.reco.kernels.muon_light import (
    at_distance,
    bare_muon,
    muon_slope,
    photons,
    sin_cherenkov,
    track_per_gev,
)

area: Final = 2.0e-3
"""Photon counting area of one DOM in m^2, averaged over the wavelengths of Cherenkov light and over all directions.

Its photocathode has 0.0444 m^2; quantum efficiency, glass and gel, and the half of space that a downward-facing PMT
does not see reduce it about twentyfold.
"""

cascade_length: Final = track_per_gev
"""Length of bare track (m) per GeV that gives the light of an electromagnetic cascade in ice."""

absorption: Final = 98.0
track_scattering: Final = 33.29
track_tau: Final = 556.7
cascade_scattering: Final = 47.0
cascade_tau: Final = 450.0
track_rho: Final = 1 / track_tau + medium.c_ice / absorption
cascade_rho: Final = 1 / cascade_tau + medium.c_ice / absorption
"""Rate of the Gamma distribution of arrival times, 1/tau + c_ice/lambda_a, in 1/ns."""

track_slope: Final = 0.8395
track_offset: Final = (3.094, -3.946, 4.636)
"""Effective distance of a track (hole-ice model 2): 0.8395 d + 3.094 - 3.946 c + 4.636 c^2, c = cos(eta)."""

propagation: Final = math.sqrt(absorption * track_scattering / 3)
"""Length in m over which diffuse light decreases by a factor e: sqrt(lambda_a lambda_e / 3), about 33 m."""

_mean_free: Final = track_scattering / 3 * math.exp(track_scattering / absorption)
_bare: Final = muon_light.bare_track(area, track_scattering, absorption)
_near, _crossover = _bare.near, _bare.crossover

# mean of the profile over the sphere, so that it is one on average
_profile_norm: Final = 0.15415
_cascade_factor: Final = photons * area * cascade_length / (4 * math.pi)
_time_slope: Final = (medium.n_ice_phase * medium.n_ice_group - 1) / math.sqrt(medium.n_ice_phase**2 - 1)
tan_cherenkov: Final = math.tan(medium.theta_cherenkov)
_offset0, _offset1, _offset2 = track_offset


@kept(error_model="numpy")
def track_light(d: float, energy: float) -> float:
    """Return the mean photoelectrons of a muon at a DOM `d` m from its track (`icecol.reco.kernels.muon_light`)."""
    return at_distance(_near * (bare_muon + muon_slope * energy), propagation, _crossover, d)


@kept(error_model="numpy")
def cascade_light(r: float, energy: float) -> float:
    """Return the mean photoelectrons of a cascade of `energy` GeV at a DOM `r` m away, over all angles.

    N = photons area 4.9 E / (4 pi) exp(-r/lambda_p) / (lambda_c r tanh(r/lambda_c)): 1/r^2 close by, diffusion
    further out. The distance is bounded below by 1 m.
    """
    r = max(r, 1.0)
    return (
        _cascade_factor * energy * math.exp(-r / propagation) / (_mean_free * r * math.tanh(r / _mean_free))
    )


@kept(error_model="numpy")
def cascade_profile(cosine: float, r: float) -> float:
    """Return the light at an angle of `cosine` to the axis, `r` m away, relative to the average over angles.

    Unscattered light, a fraction exp(-r/lambda_e), follows the angular profile of an electromagnetic cascade,
    exp(-2.61 |cos - cos theta_c|^0.39); the rest is isotropic.
    """
    direct = math.exp(-r / track_scattering)
    peak = math.exp(-2.61 * abs(cosine - 1 / medium.n_ice_phase) ** 0.39) / _profile_norm
    return direct * peak + 1 - direct


@kept(error_model="numpy")
def acceptance(upward: float, r: float) -> float:
    """Return the sensitivity of a downward-facing PMT to light whose direction has z component `upward`."""
    return muon_light.acceptance(upward, r, track_scattering)


@kept(error_model="numpy")
def track_path(
    dx: float, dy: float, dz: float, ex: float, ey: float, ez: float
) -> tuple[float, float, float, float]:
    """Return (closest distance, path length of the light, its time, its z component) from track to DOM.

    `dx, dy, dz` is the position of the DOM relative to a point of the track, `ex, ey, ez` the direction of flight. The
    time is that of unscattered light after the muon was at that point: (s + d (n_p n_g - 1)/sqrt(n_p^2 - 1))/c, in ns.
    """
    s = dx * ex + dy * ey + dz * ez
    px, py, pz = dx - s * ex, dy - s * ey, dz - s * ez
    d = math.sqrt(px * px + py * py + pz * pz)
    path = d / sin_cherenkov
    upward = (dz - (s - d / tan_cherenkov) * ez) / path if path > 0 else 0.0
    return d, path, (s + d * _time_slope) / units.c, upward


@kept(error_model="numpy")
def track_shape(d: float, upward: float) -> float:
    """Return xi, the shape of the Gamma distribution of arrival times at `d` m from a track."""
    return (track_slope * d + _offset0 + _offset1 * upward + _offset2 * upward * upward) / track_scattering


@kept(error_model="numpy")
def delay(rng: np.random.Generator, xi: float, rho: float) -> float:
    """Draw the delay of one photon in ns from Pandel's p(t) = rho^xi t^(xi-1) exp(-rho t) / Gamma(xi)."""
    return rng.standard_gamma(xi) / rho
